"""What the guard gets: JSON from a child, a small dataclass, and the user's own settings above it."""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cc_guard import settings, settings_cache
from cc_guard.profile import resolved
from cc_guard.profile.resolved import GENERIC, HoldSettings, Profile, effective_hold
from cc_guard.remedies.registry import all_remedies
from tests.fakes.looking import script
from tests.unit.profile_home import Home, empty

PROFILE = Profile(
    name="mine",
    why="os: linux",
    hold=HoldSettings(enabled=False, after_attempt=3),
    remedies={"dns.flush": "auto", "tart.stop": "ask"},
    parameters={"tart": {"names": ["sonoma"]}, "ports": {"start": 1024, "count": 300}},
    warn={"ports_used": 0.8},
    problems=("one",),
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    for name in settings_cache.variables():
        monkeypatch.delenv(name)
    return empty(tmp_path, monkeypatch)


# The data


def test_json_there_and_back() -> None:
    assert Profile.from_json(json.dumps(PROFILE.to_json())) == PROFILE
    assert Profile.from_json(json.dumps(GENERIC.to_json()).encode()) == GENERIC


def test_the_keys_of_the_json() -> None:
    document = PROFILE.to_json()
    assert list(document) == ["name", "why", "hold", "remedies", "parameters", "warn", "problems"]
    assert document["hold"] == {"enabled": False, "after_attempt": 3}
    assert document["parameters"]["ports"] == {"start": 1024, "count": 300}


def spoiled(**changes: Any) -> str:
    return json.dumps({**PROFILE.to_json(), **changes})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "7",
        "{",
        '{"name": "x"}',
        b"\xff\xfe",
        "[" * 100_000,
        spoiled(name=None),
        spoiled(hold={"enabled": 1, "after_attempt": 2}),
        spoiled(hold={"enabled": True, "after_attempt": True}),
        spoiled(hold=[]),
        spoiled(remedies={"dns.flush": "perhaps"}),
        spoiled(remedies=["dns.flush"]),
        spoiled(parameters={"tart": 3}),
        spoiled(parameters=None),
        spoiled(warn={"ports_used": "many"}),
        spoiled(warn={"ports_used": None}),
        spoiled(problems=[7]),
    ],
)
def test_what_is_no_profile(text: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of either kind
        Profile.from_json(text)


def test_what_is_not_said_is_off() -> None:
    assert PROFILE.policy("tart.stop") == "ask"
    assert PROFILE.policy("mtu.lower") == "off"
    assert PROFILE.parameter("tart", "names") == ["sonoma"]
    assert PROFILE.parameter("tart", "x", 7) == 7
    assert PROFILE.parameter("x", "y") is None


def test_until_the_answer_is_there_only_waiting_is_allowed() -> None:
    assert [one.id for one in all_remedies() if GENERIC.policy(one.id) != "off"] == ["hold.wait"]
    assert GENERIC.hold == HoldSettings(enabled=True, after_attempt=2)


# The user's settings above it


@pytest.mark.parametrize(
    ("explicit", "expected"),
    [
        ((), HoldSettings(False, 3)),
        (("hold.enabled",), HoldSettings(True, 3)),
        (("hold.after_attempt",), HoldSettings(False, 2)),
        (("hold.after_attempt", "hold.enabled", "hold.release_key"), HoldSettings(True, 2)),
        (("profile", "observe"), HoldSettings(False, 3)),
    ],
)
def test_explicit_settings_win_each_by_itself(explicit: tuple[str, ...], expected: HoldSettings) -> None:
    chosen = SimpleNamespace(enabled=True, after_attempt=2)
    assert effective_hold(PROFILE.hold, chosen, frozenset(explicit)) == expected


def test_explicit_is_what_file_variables_and_options_say(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings_cache.explicit({}) == frozenset()
    home.config.mkdir(parents=True)
    (home.config / "config.toml").write_text("[hold]\nafter_attempt = 2\n[title]\n")
    assert settings_cache.explicit({}) == {"hold.after_attempt"}
    monkeypatch.setenv("CC_GUARD_PROBE__INTERVAL_S", "1")
    monkeypatch.setenv("CC_GUARD_OBSERVE", "")
    assert settings_cache.explicit({}) == {"hold.after_attempt", "probe.interval_s"}
    options = {"hold.enabled": "false", "profile": "linux"}
    everything = {"hold.after_attempt", "probe.interval_s", "hold.enabled", "profile"}
    for _ in range(2):  # from the child, then from the cache
        assert settings_cache.explicit(options) == everything
        assert settings_cache.load(options).hold.enabled is False
    assert set(settings.explicit(settings.read(options))) == everything


def test_a_setting_that_says_the_default_still_wins(home: Home) -> None:
    home.config.mkdir(parents=True)
    (home.config / "config.toml").write_text("hold.enabled = true")
    merged = effective_hold(PROFILE.hold, settings_cache.load({}).hold, settings_cache.explicit({}))
    assert merged == HoldSettings(enabled=True, after_attempt=3)


# The child


def child(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-P", "-m", "cc_guard.profile", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **variables}, timeout=60, check=False
    )


def test_the_child_prints_one_document(home: Home) -> None:
    done = child("linux")
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)
    found = Profile.from_json(done.stdout)
    assert (found.name, found.why, found.problems) == ("linux", "asked for by name", ())
    assert set(found.remedies) == {remedy.id for remedy in all_remedies()}
    assert found.parameters["ports"] == {"start": 10240, "count": 55296}
    assert found.warn["ports_used"] == 0.8


def test_auto_is_the_default(home: Home) -> None:
    assert child().stdout == child("auto").stdout
    assert "asked for" not in child().stdout


def test_the_child_reads_the_users_files(home: Home) -> None:
    home.write("mine", '[hold]\nafter_attempt = 9\n[parameters]\ntart.names = ["x"]\n[match]\nos = "other"')
    home.write("bad", "[hold]\nafter_attempt = 0")
    found = Profile.from_json(child("mine").stdout)
    assert (found.name, found.hold.after_attempt, found.parameters["tart"]) == ("mine", 9, {"names": ["x"]})
    assert len(found.problems) == 1
    assert "bad.toml, line 2: hold.after_attempt = 0 is not allowed" in found.problems[0]


def test_the_child_lists_mistakes(home: Home) -> None:
    assert json.loads(child("--check").stdout) == []
    home.write("bad", "x = 1\ny = 2")
    found = json.loads(child("--check").stdout)
    assert [one.split(": ")[1].partition("\n")[0] for one in found] == ["unknown key x.", "unknown key y."]


def test_nothing_of_the_current_folder_is_imported(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tomllib.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path)
    assert Profile.from_json(child("linux").stdout).name == "linux"


def test_shipped_profiles_need_no_validator(home: Home, tmp_path: Path) -> None:
    (tmp_path / "pydantic.py").write_text("raise ImportError('no pydantic here')")
    assert Profile.from_json(child("linux", PYTHONPATH=str(tmp_path)).stdout).name == "linux"


# Asking


def test_asking(home: Home) -> None:
    found = asyncio.run(resolved.ask("linux"))
    assert (found.name, found.policy("dns.flush"), found.problems) == ("linux", "auto", ())


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (["exit 3"], "The profile of this machine is not known: status 3, "),
        (["echo nonsense"], "The profile of this machine is not known: status 0, "),
        (["echo '{}'"], "The profile of this machine is not known: status 0, not a profile: KeyError"),
        (["kill -9 $$"], "The profile of this machine is not known: status -9, "),
    ],
)
def test_a_child_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[str], problem: str
) -> None:
    monkeypatch.setattr(sys, "executable", str(script(tmp_path / "python", *lines)))
    found = asyncio.run(resolved.ask("auto"))
    assert (found.name, found.remedies) == ("generic", GENERIC.remedies)
    assert found.problems[0].startswith(problem)


def test_a_child_that_can_not_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    assert "it can't be asked" in asyncio.run(resolved.ask("auto")).problems[0]


def test_a_name_that_no_program_can_be_given(home: Home) -> None:
    assert "it can't be asked" in asyncio.run(resolved.ask("a\0b")).problems[0]


def test_a_child_that_hangs_is_ended_with_all_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolved, "_DEADLINE_S", 0.5)
    late = tmp_path / "late"
    monkeypatch.setattr(
        sys, "executable", str(script(tmp_path / "python", f"(sleep 3; touch {late}) & sleep 60"))
    )
    started = time.monotonic()
    found = asyncio.run(resolved.ask("auto"))
    assert "no answer within 0.5 s" in found.problems[0]
    assert time.monotonic() - started < 2.9
    time.sleep(3.2)
    assert not late.exists()


def test_asking_can_be_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(script(tmp_path / "python", "echo $$ >pid; exec sleep 60")))
    monkeypatch.chdir(tmp_path)

    async def cancelled() -> None:
        task = asyncio.create_task(resolved.ask("auto"))
        while not (tmp_path / "pid").exists():
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@pytest.mark.parametrize("module", ["resolved", "first_run", "checked", "names", "note"])
def test_what_the_guard_and_the_start_import_is_lean(module: str) -> None:
    program = f"import sys, cc_guard.profile.{module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    found = set(loaded.stdout.split())
    assert not {"pydantic", "pydantic_settings", "psutil", "tomllib", "cc_guard.diagnose"} & found
    if module in ("first_run", "names", "note", "checked"):
        assert not {"asyncio", "dataclasses", "json", "re", "subprocess", "typing"} & found - set(
            _modules_of_an_empty_program()
        )


def _modules_of_an_empty_program() -> list[str]:
    program = "import sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return loaded.stdout.split()


def test_the_command_line_does_not_import_profiles_to_start() -> None:
    program = "import sys, cc_guard.cli; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not [name for name in loaded.stdout.split() if name.startswith("cc_guard.profile")]


def test_policies_are_those_of_the_contract() -> None:
    assert resolved.POLICIES == ("auto", "ask", "suggest", "off")
