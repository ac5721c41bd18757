"""Settings: who wins, what is refused and in which words; and the cache never serves what no longer holds."""

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cc_guard import paths, settings, settings_cache
from cc_guard.settings_cache import SettingsError, check, load, needs_check


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of the configuration file, which does not exist; no variables, an empty cache."""
    for name in settings_cache.variables():
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    file = tmp_path / "config" / "cc-guard" / "config.toml"
    file.parent.mkdir(parents=True)
    return file


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """The options of each validating child that was started."""
    started: list[dict[str, str]] = []
    validate = settings_cache._validate

    def counted(options: dict[str, str]) -> str:
        started.append(options)
        return validate(options)

    monkeypatch.setattr(settings_cache, "_validate", counted)
    return started


def refusal(options: dict[str, str] | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        settings.read(options or {})
    message = str(caught.value)
    assert 1 <= len(message.splitlines()) <= 2
    return message


def test_defaults() -> None:
    assert settings.read({}).model_dump() == {
        "profile": "auto",
        "observe": False,
        "panel": "auto",
        "panel_when": "incident",
        "hold": {"enabled": True, "after_attempt": 2, "release_key": "ctrl-]", "release_byte": 0x1D},
        "probe": {"interval_s": 0.3, "timeout_s": 5.0},
        "headless": {"enabled": True, "wait_s": 1800.0},
        "doctor": {"status_page": True},
        "history": {"keep_days": 365, "keep_incidents": 2000},
        "title": {"enabled": True},
        "statusline": {"enabled": True},
        "screen": {"enabled": True},
        "notify": {"osc": "auto", "title": True, "bell": False},
    }


def test_variables_win_over_the_file_and_options_over_both(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text("profile = 'file'\n[hold]\nafter_attempt = 3\nenabled = false\n[probe]\ninterval_s = 1")
    monkeypatch.setenv("CC_GUARD_PROFILE", "variable")
    monkeypatch.setenv("CC_GUARD_HOLD__AFTER_ATTEMPT", "4")
    found = settings.read({"profile": "option", "hold.enabled": "true"})
    assert (found.profile, found.hold.after_attempt, found.hold.enabled) == ("option", 4, True)
    assert found.probe.interval_s == 1


def test_other_variables_of_ours_are_not_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC_GUARD", "1")
    monkeypatch.setenv("CC_GUARD_TEST_CACHE", "/x")
    monkeypatch.setenv("CC_GUARD_OBSERVE", "")
    assert settings.read({}).observe is False


@pytest.mark.parametrize(
    ("text", "line", "key", "advice"),
    [
        ("[hold]\n# more\nafter_attemp = 3", 3, "hold.after_attemp", "Did you mean hold.after_attempt?"),
        ("hold.after_attemp = 3", 1, "hold.after_attemp", "Did you mean hold.after_attempt?"),
        ("after_attempt = 3", 1, "after_attempt", "Did you mean hold.after_attempt?"),
        ("\nprofil = 'x'", 2, "profil", "Did you mean profile?"),
        (
            "[hould]\nenabled = true",
            1,
            "hould",
            "There are: hold.enabled, hold.after_attempt, hold.release_key.",
        ),
        ("xyz = 1", 1, "xyz", "There are: profile, observe, panel,"),
    ],
)
def test_an_unknown_key_names_its_line_and_its_neighbour(
    config: Path, text: str, line: int, key: str, advice: str
) -> None:
    config.write_text(text)
    first, second = refusal().split("\n")
    assert first == f"{config}, line {line}: unknown key {key}."
    assert second.startswith(advice)


def test_an_unknown_key_can_not_break_the_line(config: Path) -> None:
    config.write_text('"a\\nb" = 1')
    assert r"unknown key a\nb." in refusal()


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("CC_GUARD_PROFIL", "Did you mean CC_GUARD_PROFILE?"),
        ("CC_GUARD_AFTER_ATTEMPT", "Did you mean CC_GUARD_HOLD__AFTER_ATTEMPT?"),
        ("CC_GUARD_HOLD__ENABLE", "Did you mean CC_GUARD_HOLD__ENABLED?"),
        ("CC_GUARD_HOLD", "There are: CC_GUARD_HOLD__ENABLED, CC_GUARD_HOLD__AFTER_ATTEMPT,"),
        ("CC_GUARD_XYZ", "There are: CC_GUARD_PROFILE, CC_GUARD_OBSERVE,"),
    ],
)
def test_an_unknown_variable_names_its_neighbour(
    monkeypatch: pytest.MonkeyPatch, name: str, advice: str
) -> None:
    monkeypatch.setenv(name, "1")
    first, second = refusal().split("\n")
    assert first == f"Unknown environment variable {name}."
    assert second.startswith(advice)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("[hold]\nafter_attempt = 0", "line 2: hold.after_attempt = 0"),
        ("hold = {after_attempt = 0}", "line 1: hold.after_attempt = 0"),
        ("hold = 3", "line 1: hold = 3"),
        ("observe = 'perhaps'", "line 1: observe = 'perhaps'"),
        ("[probe]\n\ninterval_s = 0.0", "line 3: probe.interval_s = 0.0"),
        ("probe.timeout_s = nan", "line 1: probe.timeout_s = nan"),
        ("profile = ''", "line 1: profile = ''"),
        (f"observe = '{'x' * 500}'", f"line 1: observe = '{'x' * 39}…"),
        ('observe = "a\\u001b\\nb"', r"line 1: observe = 'a\x1b\nb'"),
    ],
)
def test_a_wrong_value_names_its_line(config: Path, text: str, where: str) -> None:
    config.write_text(text)
    assert refusal().startswith(f"{config}, {where} is not allowed.\n")


def test_a_wrong_value_names_the_variable_or_option_it_came_from(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text("[probe]\ninterval_s = 1")
    monkeypatch.setenv("CC_GUARD_PROBE__INTERVAL_S", "often")
    assert refusal().startswith("Environment variable CC_GUARD_PROBE__INTERVAL_S: probe.interval_s = 'often'")
    assert refusal({"probe.interval_s": "x"}).startswith("Command line: probe.interval_s = 'x'")


def test_several_mistakes_are_counted(config: Path) -> None:
    config.write_text("observe = 'a'\n[hold]\nenabled = 'b'\nafter_attempt = 'c'")
    assert refusal().endswith("(2 more to correct)")


@pytest.mark.parametrize("content", [b"a = = 1", b"\xff\xfe", b"probe.interval_s=1\nprobe.interval_s=2"])
def test_a_file_that_is_not_toml_is_named(config: Path, content: bytes) -> None:
    config.write_bytes(content)
    assert refusal().startswith(f"{config} is not valid TOML: ")


@pytest.mark.parametrize(
    ("name", "byte"), [("ctrl-]", 0x1D), ("ctrl-g", 7), ("Ctrl-G", 7), ("ctrl-\\", 0x1C), ("ctrl-_", 0x1F)]
)
def test_the_release_key_has_a_byte(name: str, byte: int) -> None:
    assert settings.read({"hold.release_key": name}).hold.release_byte == byte


@pytest.mark.parametrize(
    "name", ["", "]", "ctrl-", "ctrl-é", "ctrl-ab", "alt-x", "ctrl-[", "ctrl-m", "ctrl-@", "f1"]
)
def test_no_other_release_key(name: str) -> None:
    assert "hold.release_key" in refusal({"hold.release_key": name})


def test_the_cache_has_the_shape_of_the_model(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text("[hold]\nafter_attempt = 7")
    monkeypatch.setenv("CC_GUARD_TITLE__ENABLED", "no")
    options = {"observe": "true", "profile": "weiß\udcff"[:4]}
    for _ in range(2):
        found = load(options)
        assert json.loads(json.dumps(found, default=vars)) == settings.read(options).model_dump()


def test_a_known_answer_needs_no_child(config: Path, children: list[dict[str, str]]) -> None:
    config.write_text("profile = 'x'")
    first = load({"observe": "true"})
    assert load({"observe": "true"}) == first
    assert children == [{"observe": "true"}]


def test_whatever_it_depends_on_makes_the_cache_stale(
    config: Path, children: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load({}).profile == "auto"
    config.write_text("profile = 'a'")
    assert load({}).profile == "a"
    later = time.time_ns() + 10**9
    config.write_text("profile = 'b'")
    os.utime(config, ns=(later, later))
    assert load({}).profile == "b"
    monkeypatch.setenv("CC_GUARD_PROFILE", "c")
    assert load({}).profile == "c"
    assert load({"profile": "d"}).profile == "d"
    monkeypatch.setattr(settings_cache, "__version__", "999")
    assert load({"profile": "d"}).profile == "d"
    assert len(children) == 6


def test_needs_check_only_for_what_is_set_and_not_yet_known(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not needs_check()
    assert not needs_check({"observe": "true"})
    config.write_text("profile = 'x'")
    assert needs_check()
    check({})
    assert not needs_check()
    assert needs_check({"observe": "true"})
    check({"observe": "true"})
    assert not needs_check({"observe": "true"})
    monkeypatch.setenv("CC_GUARD_PROFILE", "y")
    assert needs_check()
    config.unlink()
    assert needs_check()


def test_what_is_wrong_is_never_kept(config: Path) -> None:
    config.write_text("observe = 'perhaps'")
    for _ in range(2):
        with pytest.raises(SettingsError, match=r"config\.toml, line 1: observe = 'perhaps' is not allowed"):
            check({})
        assert needs_check()
    # An option that covers the mistake does not vouch for the file.
    check({"observe": "true"})
    assert needs_check()


@pytest.mark.parametrize("damage", [b"", b"\0" * 300, b"\xff", None])
def test_a_damaged_entry_is_replaced(damage: bytes | None) -> None:
    load({})
    (entry,) = Path(paths.state_dir()).iterdir()
    whole = entry.read_bytes()
    entry.write_bytes(whole[:-20] if damage is None else damage)
    assert load({}).profile == "auto"
    assert entry.read_bytes() == whole


def test_entries_are_private() -> None:
    before = os.umask(0)
    try:
        load({})
    finally:
        os.umask(before)
    (entry,) = Path(paths.state_dir()).iterdir()
    assert stat.S_IMODE(entry.stat().st_mode) == 0o600


def test_works_without_a_place_for_the_cache(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file in the way")
    assert load({}).profile == "auto"


def test_nothing_of_the_current_folder_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path)
    assert load({}).profile == "auto"


def test_a_child_that_fails_is_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "pydantic.py").write_text("raise ImportError('no pydantic here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(SettingsError) as caught:
        load({})
    assert str(caught.value).splitlines() == [
        "The settings can't be checked: ImportError: no pydantic here",
        "Reinstall cc-guard.",
    ]


def test_the_start_up_path_stays_lean(config: Path) -> None:
    config.write_text("profile = 'x'")
    program = (
        "import sys; before = set(sys.modules)\n"
        "from cc_guard import settings_cache; settings_cache.needs_check()\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    allowed = {"cc_guard", "cc_guard.paths", "cc_guard.settings_cache", "binascii"}
    assert set(result.stdout.split()) <= allowed
