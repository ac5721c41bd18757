"""The doctor's page: what stands where, how it wraps, what is told and what is left out."""

import re
from typing import Any

import pytest

from cc_guard.diagnose import registry
from cc_guard.diagnose.report import Page
from cc_guard.diagnose.titles import TITLES, titles
from cc_guard.diagnose.verdict import decide
from cc_guard.incident.record import Finding, ProbeState, Symptom

HOST = "api.anthropic.com"
ROUTE = {"host": HOST, "port": 443, "base_url": f"https://{HOST}", "default": True, "provider": "anthropic"}
SECTIONS = {probe.name: probe.section for probe in registry.probes()}


def finding(probe: str, state: ProbeState = "pass", summary: str = "", **evidence: Any) -> Finding:
    return Finding(probe, state, summary or f"{probe} is {state}", evidence)


def route(state: ProbeState = "pass", **evidence: Any) -> Finding:
    return finding("config.route", state, "straight to it", **(ROUTE | evidence))


REACHED = finding("http.api", status=401, outcome="answered")
HEALTHY = (route(), finding("dns.system", host=HOST), finding("tcp.v4"), finding("tcp.v6"), REACHED)
RESET = (
    route(),
    finding("tcp.v4", outcomes={"192.0.2.1": "connected"}),
    finding("tls", "fail", "no certificate is shown", error="reset_after_connect", trusted=False),
    finding("http.v4", "fail", "cut off", outcome="reset_after_connect", connected=True),
    finding("http.api", "fail", "cut off as well", status=None, outcome="reset_after_connect"),
    finding("upload", "skip", "", because="http.api"),
)


def page(
    *found: Finding, width: int | None = None, suffers: Symptom | None = None, colour: bool = False
) -> str:
    by_probe: dict[str, list[Finding]] = {}
    for one in found:
        by_probe.setdefault(one.probe, []).append(one)
    verdict = decide(by_probe, suffers)

    def style(text: str, sgr: str) -> str:
        return f"\033[{sgr}m{text}\033[m" if colour else text

    return Page(found, verdict, SECTIONS, 0.34, width, style).text()


def blocks(text: str) -> list[str]:
    return text.strip("\n").split("\n\n")


# The order


def test_the_verdict_is_first_and_what_to_do_is_last() -> None:
    parts = blocks(page(*RESET))
    assert parts[0].startswith(f"✗ Connections to {HOST} port 443 ")
    assert parts[0].splitlines()[1] == "  How sure: likely. Cause: tcp.blocked"
    assert parts[-1].startswith("What to do\n  1. ")
    assert len(parts) == 3


def test_healthy() -> None:
    parts = blocks(page(*HEALTHY))
    assert parts[0] == f"✓ https://{HOST} answers, and everything on the way to it works."
    assert "✗" not in page(*HEALTHY)
    assert parts[-1].startswith("If Claude Code still fails\n  1. ")


def test_where_all_is_well_nothing_has_failed() -> None:
    text = page(*HEALTHY, finding("memory", "warn", "little is left"), finding("sessions", "fail", "many"))
    assert "✗" not in text
    assert '  What is marked "!" is worth a look.' in blocks(text)[0]
    assert "[!] Machine\n    ! Little is left\n" in text
    assert "[!] Claude Code\n    ! Many\n" in text


# The sections


def test_what_is_fine_is_named_in_words_of_people() -> None:
    text = page(*HEALTHY)
    assert "[✓] Configuration: straight to it\n" in text
    assert "[✓] Network: name look-up, connection over IPv4 and IPv6\n" in text
    assert "[✓] Service: answer of the API\n" in text
    assert "Machine" not in text  # nothing was looked at


def test_what_the_verdict_rests_on_is_told_and_what_follows_is_named() -> None:
    text = page(*RESET)
    assert (
        "[✗] Network\n    ✗ Cut off\n    ✗ fails because of it: certificate\n    ✓ fine: connection" in text
    )
    assert "No certificate is shown" not in text
    assert "[✗] Service\n    ✗ fails because of it: answer of the API\n" in text


def test_what_waits_for_a_failure_is_named_and_what_is_not_here_is_not() -> None:
    text = page(
        *RESET,
        finding("tcp.v6", "na", "there is none"),
        finding("http.v6", "skip", "", because="tcp.v6"),
        finding("macos.uptime", "na", "this is not macOS"),
    )
    assert "[-] Not checked, because it needs what failed: large request\n" in text
    assert "IPv6" not in text
    assert "macOS" not in text


def test_what_people_may_miss_has_a_reason() -> None:
    why = "Claude Code is not installed"
    text = page(*HEALTHY, finding("signin", "na", why), finding("client.version", "na", why))
    assert "[-] Not checked: sign-in, version (Claude Code is not installed)\n" in text


def test_a_finding_that_is_the_verdict_is_not_told_twice() -> None:
    broken = "ANTHROPIC_BASE_URL (set in the environment) can't be used: there are quotation marks around it"
    text = page(finding("config.route", "fail", broken, problems=["endpoint", "quotes"]))
    assert text.count("quotation marks") == 1
    assert "[✗] Configuration\n" in text


def test_a_check_that_broke_off_says_which_one() -> None:
    text = page(
        *HEALTHY,
        finding("memory", "warn", "no result within 3 s", timeout=True),
        finding("load", "warn", "this check broke off", crash="KeyError"),
    )
    assert "! Memory: no result within 3 s\n" in text
    assert "! Load: this check broke off\n" in text


def test_a_title_is_fine_only_when_all_under_it_is() -> None:
    text = page(*HEALTHY, finding("ports.range", "warn", "only 300"), finding("ports.use"), finding("load"))
    assert "    ! Only 300\n    ✓ fine: load\n" in text


def test_every_probe_has_a_title() -> None:
    assert TITLES.keys() == {probe.name for probe in registry.probes()}


def test_titles_are_named_once() -> None:
    assert titles(["tcp.v4", "ports.use", "ports.bind", "http.v6", "tcp.v6"]) == [
        *("connection over IPv4 and IPv6", "local ports", "answer over IPv6"),
    ]


# Several causes

CLOCK = finding("clock", "fail", "the clock is off", skew_s=7200.0)
IPV6 = (
    finding("http.v4", status=404, outcome="answered"),
    finding("http.v6", "fail", "cut off (IPv6)", outcome="reset_after_connect"),
)


def test_a_second_fault_waits_behind_the_first() -> None:
    parts = blocks(page(*HEALTHY, *IPV6, CLOCK))
    assert parts[0].startswith("✗ IPv6 is broken here")
    assert parts[2].startswith("Behind it waits another fault. Mend the first one")
    assert "  - This machine's clock is 2 hours behind" in parts[2]
    assert "clock.skew" in parts[2]


def test_a_login_that_was_refused_waits_behind_the_network() -> None:
    parts = blocks(page(*RESET, suffers=Symptom(0.0, "auth", "failed", None, 401)))
    assert parts[0].startswith("✗ Connections to")
    assert f"  - {HOST} refuses the login of Claude Code" in parts[2]


def test_another_reading_is_no_second_fault() -> None:
    parts = blocks(page(*RESET, finding("vm.tart", running=[{"name": "ci", "suspendable": True}])))
    assert parts[2].startswith(
        "It could also be this:\n  - The virtual machine beside it (ci) may be in the way"
    )
    assert "only a guess; vm.interference" in parts[2]
    assert "another fault" not in parts[2]


@pytest.mark.parametrize(
    ("found", "left_out"),
    [
        (
            (
                finding("portal", "fail", outcome="portal"),
                finding("tcp.v4", "fail", outcomes={"x": "timeout"}),
            ),
            "tcp",
        ),
        (
            (
                finding("dns.system", "fail", error="NXDOMAIN", host=HOST),
                finding("dns.servers", "fail", server="192.0.2.1", rcode_v4="NXDOMAIN", rcode_v6="NXDOMAIN"),
                finding("container.network", dns=["192.0.2.1"]),
            ),
            "container.network",
        ),
    ],
)
def test_what_the_cause_explains_is_no_other_one(found: tuple[Finding, ...], left_out: str) -> None:
    text = page(route(), *found)
    assert len(blocks(text)) == 3
    assert left_out not in text


# Width


LONG = finding("memory", "warn", "one two three four five six seven eight nine ten eleven twelve thirteen")


def test_without_a_terminal_nothing_is_wrapped() -> None:
    lines = page(*RESET).splitlines()
    assert max(map(len, lines)) > 150
    assert sum(line.startswith("  1. ") for line in lines) == 1


@pytest.mark.parametrize("width", [10, 40, 60, 80, 100, 120, 400])
def test_lines_stay_within_the_terminal(width: int) -> None:
    text = page(*RESET, LONG, width=width)
    commands = re.findall(r"^       \S.*", text, re.MULTILINE)
    lines = [line for line in text.splitlines() if line not in commands]
    assert max(map(len, lines)) <= min(max(width, 40), 100)


def test_further_lines_hang_under_their_text() -> None:
    text = page(*RESET, LONG, width=60)
    assert "    ! One two three four five six seven eight nine ten\n      eleven twelve thirteen\n" in text
    verdict = blocks(text)[0].splitlines()
    assert verdict[0].startswith("✗ ")
    assert verdict[1].startswith("  ")
    assert re.search(r"^  1\. Try .*\n     \S", text, re.MULTILINE)


def test_commands_are_never_broken() -> None:
    text = page(*HEALTHY, *IPV6, width=40)
    assert re.search(
        r"^       (sudo )?sysctl -w \S+=1( \S+=1)?$|^       networksetup -setv6off", text, re.MULTILINE
    )


# Colour and what steers a terminal


def test_colours_only_add() -> None:
    plain = page(*RESET, LONG, width=80)
    coloured = page(*RESET, LONG, width=80, colour=True)
    assert "\033[31m✗" in coloured
    assert re.sub(r"\033\[\d*m", "", coloured) == plain


def test_each_state_has_a_mark_of_its_own() -> None:
    text = page(*RESET, LONG, finding("load"))
    assert {"[✓]", "[✗]", "[!]", "[-]"} <= set(re.findall(r"^\[.\]", text, re.MULTILINE))


def test_what_came_from_the_network_steers_nothing() -> None:
    evil = "\033]0;title\a\r\n\033[2J"
    text = page(
        route(),
        finding("http.api", "fail", f"it said {evil}", status=503, outcome="answered", text=evil),
        finding("memory", "warn", evil),
    )
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)
    assert "it said ?]0;title???" in text.replace("It said", "it said")


def test_a_stranger_that_answers_is_no_good_news() -> None:
    wrong = finding(
        "tls", "fail", "it is another's", error="wrong_host", trusted=False, subject="other.example"
    )
    text = page(*HEALTHY, finding("http.v4"), wrong)
    assert "    ✓ fine: name look-up, connection over IPv4 and IPv6\n" in text
    assert "[✓] Service" not in text


@pytest.mark.parametrize("width", range(40, 101))
def test_commands_in_a_text_stay_together(width: int) -> None:
    text = page(*RESET, width=width)
    assert text.count("cc-guard doctor") == page(*RESET).count("cc-guard doctor")
    assert "type: continue" in text
    assert "\0" not in text
