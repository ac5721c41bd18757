"""Who extends whom, which value wins, and what is done with a file that is wrong only beside the others."""

import shutil
from pathlib import Path

import pytest

from cc_guard.profile import library
from cc_guard.profile.library import Library
from cc_guard.profile.resolved import HoldSettings
from tests.unit.profile_home import Home, made_up


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    return made_up(tmp_path, monkeypatch)


def value(known: Library, profile: str, key: str) -> tuple[object, str]:
    """A value, and where it comes from, as `linux` or `linux (own)`."""
    origin = known.profiles[profile].values[key]
    return origin.value, origin.layer.name + (" (own)" if origin.layer.own else "")


def said(known: Library) -> list[tuple[str, int | None, str, str]]:
    return [(Path(one.path).stem, one.line, one.text, one.advice) for one in known.mistakes]


# Layers


def test_the_users_file_is_above_the_shipped_one_key_by_key(home: Home) -> None:
    home.ship("linux", '[remedies]\ndns.flush = "auto"\nmtu.lower = "ask"\n[parameters.ports]\nstart = 2000')
    home.write("linux", '[remedies]\n"dns.flush" = "off"\n[parameters]\nports = {count = 900}\n[hold]\n')
    known = library.load()
    assert known.mistakes == []
    assert value(known, "linux", "remedies.dns.flush") == ("off", "linux (own)")
    assert value(known, "linux", "remedies.mtu.lower") == ("ask", "linux")
    assert value(known, "linux", "parameters.ports.start") == (2000, "linux")
    assert value(known, "linux", "parameters.ports.count") == (900, "linux (own)")
    assert value(known, "linux", "remedies.client.nudge") == ("auto", "generic")
    assert value(known, "linux", "hold.after_attempt") == (2, "generic")


def test_a_list_is_replaced_as_a_whole(home: Home) -> None:
    home.ship("mac", '[parameters.tart]\nnames = ["a", "b"]')
    home.write("mac", '[parameters.tart]\nnames = ["c"]')
    assert value(library.load(), "mac", "parameters.tart.names") == (["c"], "mac (own)")


def test_a_nearer_profile_wins_over_the_users_file_of_a_farther_one(home: Home) -> None:
    home.ship("linux", '[remedies]\ndns.flush = "auto"')
    home.write("generic", '[remedies]\ndns.flush = "off"\nclient.nudge = "off"')
    known = library.load()
    assert value(known, "generic", "remedies.dns.flush") == ("off", "generic (own)")
    assert value(known, "linux", "remedies.dns.flush") == ("auto", "linux")
    assert value(known, "linux", "remedies.client.nudge") == ("off", "generic (own)")


def test_a_chain_of_bases(home: Home) -> None:
    home.ship("a", "[hold]\nafter_attempt = 3\nenabled = false\n[warn]\nports_used = 0.1\nswap_used = 0.2")
    home.ship("b", 'extends = "a"\n[hold]\nafter_attempt = 4\n[warn]\nswap_used = 0.3')
    home.write("c", 'extends = "b"\n[warn]\nswap_used = 0.4')
    known = library.load()
    assert known.profiles["c"].bases == ("b", "a", "generic")
    assert known.profiles["c"].settled("").hold == HoldSettings(enabled=False, after_attempt=4)
    assert known.profiles["c"].settled("").warn == {"ports_used": 0.1, "swap_used": 0.4}
    assert value(known, "b", "warn.swap_used") == (0.3, "b")


def test_what_one_profile_is_is_not_inherited(home: Home) -> None:
    home.ship("a", 'title = "A"\npriority = 5\n[match]\nos = "linux"')
    home.write("b", 'extends = "a"')
    b = library.load().profiles["b"]
    assert (b.title, b.priority, b.match, b.bases) == ("", 0, None, ("a", "generic"))


def test_match_is_overridden_fact_by_fact(home: Home) -> None:
    home.ship("a", 'title = "A"\npriority = 5\n[match]\nos = "linux"\ncommands = ["x"]')
    home.write("a", 'priority = 6\n[match]\ncommands = []\narch = "arm64"')
    a = library.load().profiles["a"]
    assert (a.title, a.priority, a.match) == ("A", 6, {"os": "linux", "commands": [], "arch": "arm64"})


def test_the_users_file_may_change_what_a_shipped_profile_extends(home: Home) -> None:
    home.ship("a", "[hold]\nafter_attempt = 3")
    home.ship("b", "[hold]\nenabled = false")
    home.write("b", 'extends = "a"')
    known = library.load()
    assert known.profiles["b"].settled("").hold == HoldSettings(enabled=False, after_attempt=3)


def test_a_threshold_can_be_switched_off(home: Home) -> None:
    home.write("a", "[warn]\nports_used = false\ntime_wait = 1")
    assert library.load().profiles["a"].settled("").warn == {"time_wait": 1.0}


def test_the_settled_profile(home: Home) -> None:
    home.write("a", '[parameters]\ntart.names = ["x"]\n[remedies]\ntart.suspend = "auto"')
    settled = library.load().profiles["a"].settled("because", ("problem",))
    assert (settled.name, settled.why, settled.problems) == ("a", "because", ("problem",))
    assert settled.remedies == {"client.nudge": "auto", "dns.flush": "suggest", "tart.suspend": "auto"}
    assert settled.parameters["ports"] == {"start": 32768, "count": 1000}
    assert settled.parameters["tart"] == {"names": ["x"]}


# Bases that are none


def test_an_unknown_base(home: Home) -> None:
    home.ship("linux", "")
    home.write("mine", '\nextends = "linus"')
    known = library.load()
    assert said(known) == [("mine", 2, "mine extends linus, which does not exist", "Did you mean linux?")]
    assert sorted(known.profiles) == ["generic", "linux"]


def test_a_shipped_profile_with_a_wrong_base_stays_without_the_users_file(home: Home) -> None:
    home.ship("linux", "[hold]\nafter_attempt = 3")
    home.write("linux", 'extends = "linus"\n[hold]\nafter_attempt = 4')
    known = library.load()
    assert len(known.mistakes) == 1
    assert value(known, "linux", "hold.after_attempt") == (3, "linux")


def test_a_base_with_mistakes(home: Home) -> None:
    home.write("base", "x = 1")
    home.write("mine", 'extends = "base"')
    home.write("more", 'extends = "mine"')
    known = library.load()
    assert said(known)[1:] == [
        ("mine", 1, "mine extends base, which has mistakes of its own", "Correct that file first."),
        ("more", 1, "more extends mine, which has mistakes of its own", "Correct that file first."),
    ]
    assert list(known.profiles) == ["generic"]


def test_a_circle_is_a_mistake_of_all_in_it_and_of_nobody_else(home: Home) -> None:
    home.ship("a", "[hold]\nafter_attempt = 3")
    home.write("a", 'extends = "c"')
    home.write("b", 'extends = "a"')
    home.write("c", '\n\nextends = "b"')
    home.write("d", 'extends = "c"')
    home.write("e", 'extends = "a"')
    known = library.load()
    lines = {stem: (line, text) for stem, line, text, _ in said(known)}
    assert lines["a"] == (1, "a extends c extends b extends a: a circle")
    assert lines["b"] == (1, "b extends a extends c extends b: a circle")
    assert lines["c"] == (3, "c extends b extends a extends c: a circle")
    assert len(known.mistakes) == 4
    assert lines["d"] == (1, "d extends c, which has mistakes of its own")
    assert sorted(known.profiles) == ["a", "e", "generic"]
    assert value(known, "e", "hold.after_attempt") == (3, "a")


@pytest.mark.parametrize("name", ["mine", "generic", "linux"])
def test_nothing_extends_itself(home: Home, name: str) -> None:
    home.ship("linux", "")
    home.write(name, f'extends = "{name}"')
    advice = "Leave extends out: your file is above the one of the same name that came with cc-guard."
    assert said(library.load()) == [(name, 1, f"{name} extends {name}: a circle", advice)]


def test_generic_extends_nothing(home: Home) -> None:
    home.ship("linux", "")
    home.write("generic", 'extends = "linux"')
    known = library.load()
    text = "generic extends linux extends generic: a circle"
    assert said(known) == [("generic", 1, text, "One of them has to extend something else.")]
    assert sorted(known.profiles) == ["generic", "linux"]


# Values that are wrong together


@pytest.mark.parametrize(
    ("own", "line", "text"),
    [
        ("[parameters]\nports.count = 60000", 2, "60000 ports from 32768 on end above 65535"),
        ("[parameters]\nports.start = 65000", 2, "1000 ports from 65000 on end above 65535"),
        ("[parameters.ports]\nstart = 64537\ncount = 1000", 3, "1000 ports from 64537 on end above 65535"),
    ],
)
def test_ports_that_there_are_not(home: Home, own: str, line: int, text: str) -> None:
    home.write("mine", own)
    assert [one[1:3] for one in said(library.load())] == [(line, text)]


def test_the_last_port_counts(home: Home) -> None:
    home.write("mine", "[parameters.ports]\nstart = 64536\ncount = 1000")
    assert library.load().mistakes == []


def test_what_is_not_named_is_not_stopped_without_a_question(home: Home) -> None:
    home.write("mine", '[remedies]\ntart.suspend = "auto"')
    advice = 'Name them: [parameters.tart] names = ["…"], or let it ask.'
    assert said(library.load()) == [("mine", 2, "tart.suspend can be auto only for what you name", advice)]


@pytest.mark.parametrize(
    "own",
    [
        '[remedies]\ntart.suspend = "auto"\n[parameters.tart]\nnames = ["sonoma"]',
        '[remedies]\ntart.suspend = "ask"',
        '[remedies]\norbstack.pause = "auto"\n[parameters.docker]\nnames = ["db"]',
        '[remedies]\norbstack.pause = "auto"\n[parameters.orbstack]\nnames = ["db"]',
    ],
)
def test_what_is_named_may_be(home: Home, own: str) -> None:
    home.write("mine", own)
    assert library.load().mistakes == []


def test_names_that_are_taken_away_below(home: Home) -> None:
    home.write("base", '[remedies]\ntart.suspend = "auto"\n[parameters.tart]\nnames = ["sonoma"]')
    home.write("mine", 'extends = "base"\n[parameters.tart]\nnames = []')
    known = library.load()
    assert [one[:3] for one in said(known)] == [
        ("mine", 3, "tart.suspend can be auto only for what you name")
    ]
    assert sorted(known.profiles) == ["base", "generic"]


def test_a_policy_is_judged_where_it_is_said_and_not_where_it_is_inherited(home: Home) -> None:
    """dns.flush needs root on macOS; the guard never carries it out above that."""
    home.write("generic", '[remedies]\ndns.flush = "auto"')
    home.write("mac", '[match]\nos = "macos"')
    assert library.load().mistakes == []


# The place of a file that is not installed yet


def test_a_file_on_trial_stands_in_for_the_users_own(home: Home, tmp_path: Path) -> None:
    home.ship("linux", "[hold]\nafter_attempt = 3")
    home.write("linux", "[hold]\nenabled = false")
    trial = tmp_path / "linux.toml"
    trial.write_text("[hold]\nafter_attempt = 7")
    settled = library.load(("linux", str(trial))).profiles["linux"].settled("")
    assert settled.hold == HoldSettings(enabled=True, after_attempt=7)


# What can't be read


def test_without_any_file(home: Home) -> None:
    shutil.rmtree(home.shipped)
    assert library.load().profiles == {}


def test_without_generic(home: Home) -> None:
    (home.shipped / "generic.toml").unlink()
    home.ship("linux", '[match]\nos = "linux"')
    known = library.load()
    assert known.profiles["linux"].settled("").remedies == {}


def test_a_shipped_file_that_is_damaged(home: Home) -> None:
    home.ship("linux", "x = = 1")
    home.ship("wsl2", 'extends = "linux"')
    known = library.load()
    assert list(known.profiles) == ["generic"]
    assert [Path(one.path).stem for one in known.mistakes] == ["linux", "wsl2"]
