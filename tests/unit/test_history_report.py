"""The bug report, the story and the statistics: all that was recorded, in order, and nobody's name."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_guard.history_report import stats, timeline
from cc_guard.history_report.anonymous import Identity, Scrubber
from cc_guard.history_report.bug_report import report, request_ids
from cc_guard.incident.record import Action, Finding, Incident, Symptom

T = 1_795_283_592.0
HOME, USER, MACHINE, IPV4, IPV6 = "/srv/p/qbobq", "qbobq", "qboxq", "203.0.113.77", "2001:db8::77"
BOB = Identity((HOME,), (USER,), (MACHINE,))
SECRETS = (HOME, USER, MACHINE, IPV4, IPV6)


def plain(text: str, _: str) -> str:
    return text


def incident(**changes: object) -> Incident:
    given_ = {"id": "20261121-175312-3f2a", "session": "s", "started_at": T, "kind": "connection"}
    return Incident(**{**given_, **changes})  # type: ignore[arg-type]


def told(text: str) -> Incident:
    """`text` wherever a text can stand."""
    return incident(
        session=text,
        code=text,
        symptoms=[Symptom(T, "connection", "retrying", text, text=text)],
        evidence=[Finding(text, "fail", text, {text: [text, {"deep": text}], "request_id": text}, 1.0)],
        actions=[Action(text, "ok", text, T), Action("hold.wait", text, text, T)],
        client_version=text,
        profile=text,
        signals=[text],
    )


words = st.sampled_from([*SECRETS, f"{HOME}/desk/x.pem", "and", "```", "# title", "@here", "\n", "\x1b[2J"])


@given(st.lists(words, max_size=8).map(" ".join))
def test_nobody_is_named_wherever_it_stands(text: str) -> None:
    found = report(told(text), Scrubber(BOB), False)
    for secret in SECRETS:
        assert secret not in found
    assert "\x1b" not in found


@given(st.lists(words, max_size=8).map(" ".join))
def test_no_recorded_text_becomes_markdown(text: str) -> None:
    found = report(told(text), Scrubber(BOB), False)
    fence = ""
    outside = []
    for line in found.splitlines():
        if fence:
            fence = "" if line == fence else fence
        elif match := re.match(r"(`{3,})text$", line):
            fence = match[1]
        else:
            outside.append(line)
    assert fence == ""
    titles = [line for line in outside if line.startswith("#")]
    assert titles[1:] == ["## Versions", "## Summary", "## Timeline", "## Findings", "## Request ids"]
    assert all("here" not in re.sub(r"`[^`]*`", "", line) for line in outside)


def test_addresses_if_they_are_asked_for() -> None:
    found = report(told(f"{IPV4} {IPV6} {HOME}"), Scrubber(BOB, True), True)
    assert IPV4 in found
    assert IPV6 in found
    assert HOME not in found
    assert "addresses are not." in found


def test_an_incident_of_which_little_is_known() -> None:
    found = report(incident(), Scrubber(BOB), False)
    assert "- Claude Code: `not known`" in found
    assert "None were recorded." in found
    assert "2026-11-21T17:53:12.000Z" in found


def test_request_ids_of_screen_and_probe() -> None:
    body = 'API Error: 529 {"type":"error","request_id":"req_011CSHoEeqs5C35K2UUqR7Fy"}'
    found = incident(
        symptoms=[
            Symptom(T, "overloaded", "failed", text=body),
            Symptom(T, "overloaded", "failed", text=body),
        ],
        evidence=[Finding("http.api", "fail", "529", {"request_id": "req_011CSHoEeqs5C35K2UUqR7Fz"})],
    )
    assert request_ids(found) == ["req_011CSHoEeqs5C35K2UUqR7Fy", "req_011CSHoEeqs5C35K2UUqR7Fz"]
    for one in request_ids(found):
        assert f"- `{one}`" in report(found, Scrubber(BOB), False)


def test_the_story_fits_the_terminal() -> None:
    long = "word " * 60
    found = timeline.story(told(long), 80, plain)
    assert max(map(len, found.splitlines())) <= 80
    assert found.count("word") == timeline.story(told(long), None, plain).count("word")


def test_a_sign_that_was_written_before_the_guard_heard_of_it_is_no_riddle() -> None:
    found = timeline.story(incident(symptoms=[Symptom(T - 0.4, "tls", "retrying")]), None, plain)
    assert re.findall(r"[-+]\d+\.\d s  \w+", found) == ["+0.0 s  started", "+0.0 s  retrying"]


def test_a_user_s_release_is_told() -> None:
    held = Action("hold.wait", "key", "", T + 1, 5.0)
    found = timeline.events(incident(actions=[held], outcome="released", ended_at=T + 6))
    assert found == [
        (T, "started"),
        (T + 1, "paused"),
        (T + 6, "goes on after a pause of 5.0s: key"),
        (T + 6, "ended: released"),
    ]


def test_networks_are_told_only_where_they_are_known() -> None:
    route = Finding("api.path", "fail", "refused", {"route": "https://api.anthropic.com:443"})
    link = Finding("link.route", "fail", "no way", {"device": "wg0", "gateway": None, "tunnel_kind": "wg"})
    found = stats.gather([incident(evidence=[route]), incident()])
    assert {name: group.count for name, group in found.by_way.items()} == {
        "https://api.anthropic.com:443": 1,
        stats.UNKNOWN: 1,
    }
    assert found.by_network == {}
    assert "By network" not in stats.page(found, 80, plain, "#")
    found = stats.gather([incident(evidence=[route, link]), incident()])
    assert {name: group.count for name, group in found.by_network.items()} == {
        "wg0, a VPN (wg)": 1,
        stats.UNKNOWN: 1,
    }
    assert "By network" in stats.page(found, 80, plain, "#")


def test_time_lost_is_told_as_well_as_time_saved() -> None:
    row = Symptom(T, "connection", "retrying", attempt=2, max_attempts=10)

    def held(lasts_s: float, back_s: float) -> Incident:
        return incident(
            symptoms=[row],
            actions=[Action("hold.wait", "ok", "", T, lasts_s)],
            outcome="recovered",
            ended_at=T + lasts_s + back_s,
            recovery_s=back_s,
            retries_spent=2,
        )

    found = stats.gather([held(30, 0.3), held(6.9, 4), held(400, 0.3), incident(outcome="failed")])
    text = stats.page(found, 80, plain, "#")
    for line in (
        "1 session that stock would have ended, until somebody types again",
        "4.7s saved: 1 time sooner than its next retry",
        "3.9s lost: 1 time later than its next retry",
        "1 not recovered, or not yet",
        "Computed, not measured",
    ):
        assert line in text
    assert found.to_json()["saved"]["sooner_s"] == pytest.approx(4.7)
    # The long outage adds no time, however long it was.
    longer = stats.gather([held(30, 0.3), held(6.9, 4), held(40_000, 0.3)])
    assert longer.saved.sooner_s == found.saved.sooner_s
