"""The profiles that came with cc-guard: right by the same check as the user's own, and complete."""

import tomllib
from pathlib import Path

import pytest

from cc_guard import paths
from cc_guard.profile import library
from cc_guard.profile.resolved import POLICIES
from cc_guard.remedies.registry import all_remedies

FOLDER = Path(__file__).parents[2] / "profiles"
NAMES = ["container", "generic", "linux", "macos", "macos-tart", "wsl2", "wsl2-docker"]
REMEDIES = {remedy.id: remedy for remedy in all_remedies()}


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def test_these_and_no_others() -> None:
    assert sorted(path.stem for path in FOLDER.iterdir()) == NAMES
    assert sorted(library.load().profiles) == NAMES
    assert Path(paths.shipped("profiles")).samefile(FOLDER)


@pytest.mark.parametrize("name", NAMES)
def test_no_mistake(name: str) -> None:
    assert library.load((name, str(FOLDER / f"{name}.toml"))).mistakes == []


@pytest.mark.parametrize("name", NAMES)
def test_people_can_tell_them_apart(name: str) -> None:
    profile = library.load().profiles[name]
    assert profile.title
    assert profile.match is not None
    assert profile.bases[-1:] == (("generic",) if name != "generic" else ())


def test_generic_speaks_of_every_remedy() -> None:
    known = library.load().profiles["generic"].settled("")
    assert set(known.remedies) == set(REMEDIES)


def test_generic_has_every_parameter_and_threshold() -> None:
    from cc_guard.profile.model import keys

    generic = library.load().profiles["generic"]
    expected = {key for key in keys() if key.partition(".")[0] in ("hold", "parameters", "warn")}
    assert expected - set(generic.values) == {"warn.macos_uptime_days"}


@pytest.mark.parametrize("name", NAMES)
def test_the_safe_defaults(name: str) -> None:
    settled = library.load().profiles[name].settled("")
    assert set(settled.remedies.values()) <= set(POLICIES)
    assert [settled.policy(id_) for id_ in ("hold.wait", "client.nudge", "client.restart")] == ["auto"] * 3
    assert [settled.policy(id_) for id_ in ("client.env", "auth.login")] == ["ask", "ask"]
    for id_, remedy in REMEDIES.items():
        if remedy.policy != "auto":
            assert settled.policy(id_) != "auto"
    # Nothing of the user's is stopped without a question, and no name is made up.
    stopped = [id_ for id_ in settled.remedies if id_.endswith((".suspend", ".stop", ".pause"))]
    assert len(stopped) == 5
    assert {settled.policy(id_) for id_ in stopped} <= {"ask", "off"}
    assert {
        group: settled.parameter(group, "names") for group in ("tart", "docker", "orbstack", "colima")
    } == {
        "tart": [],
        "docker": [],
        "orbstack": [],
        "colima": [],
    }


@pytest.mark.parametrize(
    ("name", "policies"),
    [
        ("macos-tart", {"tart.suspend": "ask", "tart.stop": "ask", "dns.flush": "ask", "ports.widen": "ask"}),
        ("macos", {"tart.suspend": "off", "tart.stop": "off", "dns.flush": "ask", "mtu.lower": "ask"}),
        ("wsl2-docker", {"docker.pause": "ask", "ports.widen": "suggest", "wsl.dns": "suggest"}),
        ("wsl2", {"docker.pause": "off", "ports.widen": "suggest", "dns.flush": "auto"}),
        ("linux", {"dns.flush": "auto", "ports.widen": "ask", "clock.sync": "ask"}),
        ("container", {"dns.flush": "suggest", "ports.widen": "suggest", "docker.pause": "off"}),
        ("generic", {"dns.flush": "suggest", "client.reinstall": "suggest", "wsl.dns": "suggest"}),
    ],
)
def test_what_is_done_where(name: str, policies: dict[str, str]) -> None:
    settled = library.load().profiles[name].settled("")
    assert {id_: settled.policy(id_) for id_ in policies} == policies


@pytest.mark.parametrize(
    ("name", "ports"),
    [
        ("linux", (10240, 55296)),
        ("macos", (16384, 49152)),
        ("wsl2", (32768, 28232)),
        ("wsl2-docker", (32768, 28232)),
    ],
)
def test_the_ports(name: str, ports: tuple[int, int]) -> None:
    parameters = library.load().profiles[name].settled("").parameters["ports"]
    assert (parameters["start"], parameters["count"]) == ports


def test_only_macos_warns_of_its_uptime() -> None:
    known = library.load().profiles
    found = {name: known[name].settled("").warn.get("macos_uptime_days") for name in NAMES}
    assert {name: days for name, days in found.items() if days} == {"macos": 45, "macos-tart": 45}


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_says_only_what_is_different(name: str) -> None:
    """A value that the base has, too, would keep the user's own file of the base from having its way."""
    known = library.load()
    profile = known.profiles[name]
    if not profile.bases:
        return
    base = known.profiles[profile.bases[0]]
    for key, entry in profile.layers[0].entries.items():
        assert key not in base.values or base.values[key].value != entry.value, key


@pytest.mark.parametrize("name", NAMES)
def test_the_files_are_for_people_too(name: str) -> None:
    text = (FOLDER / f"{name}.toml").read_text()
    assert max(map(len, text.splitlines())) <= 120
    assert next(iter(tomllib.loads(text))) == "title"
