"""Which profile a machine gets: of those that came with cc-guard, and of made-up ones that compete."""

from dataclasses import replace
from pathlib import Path

import pytest

from cc_guard import settings_cache
from cc_guard.profile import choose, library, machine
from cc_guard.profile.machine import Machine, Unknown
from cc_guard.profile.resolved import GENERIC
from tests.unit.profile_home import LINUX, MAC, NO_ANSWER, Home, be, empty, made_up

TART = replace(MAC, commands={"tart": True})
DOCKER = replace(LINUX, commands={"docker": True})
WSL2 = replace(LINUX, wsl=2, wsl_network="nat")
WSL2_DOCKER = replace(DOCKER, wsl=2, wsl_network="nat")
CONTAINER = replace(LINUX, container="podman")


def chosen(here: Machine, name: str = "auto") -> str:
    return choose.choose(library.load(), here, name).name


# Those that came with cc-guard


@pytest.mark.parametrize(
    ("here", "name"),
    [
        (MAC, "macos"),
        (TART, "macos-tart"),
        (replace(MAC, commands={"docker": True}), "macos"),
        (LINUX, "linux"),
        (DOCKER, "linux"),
        (replace(LINUX, commands={"tart": True}), "linux"),
        (replace(LINUX, wsl=1), "linux"),
        (WSL2, "wsl2"),
        (replace(WSL2, wsl_network=NO_ANSWER), "wsl2"),
        (WSL2_DOCKER, "wsl2-docker"),
        (CONTAINER, "container"),
        (replace(CONTAINER, wsl=2), "container"),
        (replace(CONTAINER, wsl=2, commands={"docker": True}), "container"),
        (replace(LINUX, os="other"), "generic"),
        # With a fact that can't be found out, the next that needs it not.
        (replace(TART, commands=NO_ANSWER), "macos"),
        (replace(WSL2_DOCKER, commands=NO_ANSWER), "wsl2"),
        (replace(DOCKER, commands=NO_ANSWER, processes=NO_ANSWER, arch=NO_ANSWER), "linux"),
    ],
)
def test_a_machine_gets_its_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: Machine, name: str
) -> None:
    empty(tmp_path, monkeypatch)
    assert chosen(here) == name


# Who wins


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    return made_up(tmp_path, monkeypatch)


def test_more_demands_win(home: Home) -> None:
    home.ship("a", 'priority = 9\n[match]\nos = "linux"')
    home.ship("b", '[match]\nos = "linux"\nwsl = 0')
    home.ship("c", '[match]\nos = "linux"\nwsl = 0\ncommands = ["tart"]')
    assert chosen(LINUX) == "b"


def test_each_command_and_each_process_counts(home: Home) -> None:
    home.ship("a", '[match]\nos = "linux"\nwsl = 0')
    home.ship("b", '[match]\ncommands = ["docker"]\nprocesses = ["systemd", "systemd|init"]')
    assert chosen(DOCKER) == "b"
    home.ship("b", '[match]\ncommands = ["docker|podman|tart"]')
    assert chosen(DOCKER) == "a"


def test_several_values_for_one_fact_are_one_demand(home: Home) -> None:
    home.ship("a", '[match]\nos = ["linux", "macos", "other"]')
    home.ship("b", '[match]\nos = "linux"\nwsl = 0')
    assert chosen(LINUX) == "b"


def test_between_equals_the_priority_decides(home: Home) -> None:
    home.ship("a", '[match]\nos = "linux"')
    home.ship("b", "priority = 1\n[match]\nwsl = 0")
    home.write("c", "[match]\ncontainer = false")
    assert chosen(LINUX) == "b"


def test_then_the_users_own_and_then_the_name(home: Home) -> None:
    home.ship("a", '[match]\nos = "linux"')
    home.ship("b", '[match]\nos = "linux"')
    assert chosen(LINUX) == "a"
    home.write("c", '[match]\nos = "linux"')
    assert chosen(LINUX) == "c"
    home.write("b", "")
    assert chosen(LINUX) == "b"


def test_a_profile_without_match_is_taken_by_name_alone(home: Home) -> None:
    home.write("mine", "priority = 100")
    assert chosen(LINUX) == "generic"
    assert chosen(LINUX, "mine") == "mine"


def test_an_empty_match_always_matches(home: Home) -> None:
    home.write("mine", "[match]")
    assert chosen(LINUX) == "mine"


def test_the_users_file_can_make_a_shipped_profile_match_more(home: Home) -> None:
    home.ship("tart", '[match]\nos = "macos"\ncommands = ["tart"]')
    assert chosen(MAC) == "generic"
    home.write("tart", "[match]\ncommands = []")
    assert chosen(MAC) == "tart"


def test_generic_is_taken_even_if_it_does_not_match(home: Home) -> None:
    home.write("generic", '[match]\nos = "macos"')
    (taken,) = choose.choose(library.load(), LINUX).profiles
    assert (taken.name, taken.taken, taken.verdict) == ("generic", True, "nothing else matches")


def test_nothing_at_all(home: Home) -> None:
    (home.shipped / "generic.toml").unlink()
    choice = choose.choose(library.load(), LINUX)
    assert (choice.name, choice.profiles) == ("generic", ())


# Why


def test_every_profile_has_a_reason(home: Home) -> None:
    home.ship("low", 'priority = -1\n[match]\nos = "linux"')
    home.ship("mac", '[match]\nos = "macos"\ncommands = ["tart"]')
    home.ship("more", '[match]\nos = "linux"\narch = "x86_64"')
    home.ship("named", "")
    home.ship("same", '[match]\nos = "linux"\nwsl = 0')
    home.ship("zebra", '[match]\nos = "linux"\nwsl = 0')
    home.write("own", '[match]\nos = "linux"\nwsl = 0')
    home.write("slow", '[match]\nprocesses = ["x"]')
    here = replace(LINUX, commands=Unknown("no answer within 2 s"))
    choice = choose.choose(library.load(), here)
    assert (choice.name, choice.why, choice.by_name) == ("own", "os: linux; wsl: none", False)
    assert choice.profiles[0].taken
    assert {one.name: one.verdict for one in choice.profiles[1:]} == {
        "generic": "matches, but own demands more (2 facts, and this 0)",
        "low": "matches, but own demands more (2 facts, and this 1)",
        "mac": "os: linux, not macos; command tart: unknown (no answer within 2 s)",
        "more": "matches as well, but own is your own",
        "named": "has no [match]: it is only taken by name",
        "same": "matches as well, but own is your own",
        "slow": "process x: not seen",
        "zebra": "matches as well, but own is your own",
    }


def test_the_reason_between_equals(home: Home) -> None:
    home.ship("a", '[match]\nos = "linux"')
    home.ship("b", '[match]\nos = "linux"')
    home.ship("c", 'priority = -1\n[match]\nos = "linux"')
    choice = choose.choose(library.load(), LINUX)
    reasons = {one.name: one.verdict for one in choice.profiles}
    assert reasons["b"] == "matches as well, but a comes first by its name"
    assert reasons["c"] == "matches as well, but a has the higher priority"


def test_the_reason_for_generic(home: Home) -> None:
    assert choose.choose(library.load(), LINUX).why == "nothing more special matches"


def test_by_name(home: Home) -> None:
    home.ship("linux", '[match]\nos = "linux"')
    home.ship("mac", '[match]\nos = "macos"')
    choice = choose.choose(library.load(), LINUX, "mac")
    assert (choice.name, choice.why, choice.by_name) == ("mac", "asked for by name", True)
    assert [str(rule) for rule in choice.profiles[0].rules or ()] == ["os: linux, not macos"]
    assert choice.profiles[2].verdict == "matches, but mac was asked for by name"


# All of it at once, as the guard gets it


def test_here(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.ship("linux", '[match]\nos = "linux"\n[remedies]\ndns.flush = "auto"')
    be(monkeypatch, LINUX)
    found = choose.here()
    assert (found.name, found.why, found.problems) == ("linux", "os: linux", ())
    assert found.remedies == {"client.nudge": "auto", "dns.flush": "auto", "tart.suspend": "off"}


def test_only_the_facts_that_some_rule_asks_for_are_looked_at(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.ship("a", '[match]\ncommands = ["tart"]')
    asked = []

    def look(wanted: object) -> Machine:
        asked.append(wanted)
        return LINUX

    monkeypatch.setattr(machine, "look", look)
    choose.here()
    assert asked == [machine.Wanted(frozenset({"tart"}))]


def test_a_name_that_does_not_exist_is_a_problem_and_not_an_error(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.ship("linux", '[match]\nos = "linux"')
    be(monkeypatch, LINUX)
    found = choose.here("linus")
    assert (found.name, found.problems) == ("linux", ("There is no profile linus.\nDid you mean linux?",))


def test_a_file_with_mistakes_is_a_problem(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.ship("linux", '[match]\nos = "linux"')
    path = home.write("mine", "x = 1")
    be(monkeypatch, LINUX)
    assert choose.here().problems[0].startswith(f"{path}, line 1: unknown key x.")
    found = choose.here("mine")
    assert (found.name, found.problems[0]) == ("linux", "The profile mine has mistakes.")
    assert len(found.problems) == 2


def test_without_any_profile(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    (home.shipped / "generic.toml").unlink()
    be(monkeypatch, LINUX)
    assert choose.here() == GENERIC


def test_the_name_by_the_settings(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.ship("linux", '[match]\nos = "linux"')
    home.ship("mac", '[match]\nos = "macos"')
    be(monkeypatch, LINUX)
    assert choose.name_in_effect() == "linux"
    monkeypatch.setenv("CC_GUARD_PROFILE", "mac")
    assert choose.name_in_effect() == "mac"


def test_settings_that_are_wrong_name_no_profile(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(options: dict[str, str]) -> None:
        raise settings_cache.SettingsError("wrong")

    monkeypatch.setenv("CC_GUARD_PROFILE", "mac")
    monkeypatch.setattr(settings_cache, "load", wrong)
    be(monkeypatch, LINUX)
    assert choose.name_in_effect() == "generic"
