"""Screen, transcript and hooks together: who has the last word, and when it is said."""

from collections.abc import Callable
from typing import Any

import pytest

from cc_guard.channels.spool import HookEvent
from cc_guard.detect.signatures import shipped
from cc_guard.detect.watch import Watch
from cc_guard.incident.record import Symptom
from tests.support.ticking import Clock
from tests.unit.pictures import DARK, idle, working, working_2_1
from tests.unit.test_channels import stamp

EPOCH = 1_800_000_000.0
FAILED = ["❯ x", "", "{W}● API Error: 503 no healthy upstream{P}"]
RETRYING = working_2_1("❯ x", spinner="{E}✻ API error{G} · retrying in 9s · attempt 5/10{P}")


class Watched:
    """A client that draws and writes, on a clock turned by hand, and what is told of it."""

    def __init__(self, version: tuple[int, ...] | None = (2, 1, 330)) -> None:
        self.clock = Clock()
        self.skew = 0.0
        self.told: list[tuple[str, str, bool]] = []
        self.symptoms: list[Symptom] = []
        self.answers = 0
        self.stops: list[str] = []
        self.on_poll: Callable[[], None] = lambda: None
        self.watch = Watch(shipped(), version, self.clock, self.wall, self)
        self.watch.frames.resize(100, 30)

    def wall(self) -> float:
        return EPOCH + self.skew + self.clock.now

    def draw(self, picture: str, then: float = 1.0) -> None:
        rows = picture.format_map(DARK).replace("\n", "\r\n")
        self.watch.frames.output(f"\x1b[?2026h\x1b[2J\x1b[H{rows}\x1b[?2026l".encode())
        self.clock.advance(then)

    def row(self, ago: float = 0.0, **row: Any) -> None:
        self.watch.channels.row({"timestamp": stamp(self.wall() - ago)} | row)

    def ask(self) -> None:
        self.row(type="user", message={"content": "x"})

    def answer(self, ago: float = 0.0) -> None:
        self.row(ago, type="assistant", message={"model": "claude-opus-5-5", "content": []})

    def fail(self, text: str = "API Error: 503 no healthy upstream") -> None:
        content = [{"type": "text", "text": text}]
        self.row(
            type="assistant", isApiErrorMessage=True, message={"model": "<synthetic>", "content": content}
        )

    def retry(self, attempt: int, error: Any = None) -> None:
        numbers = {"retryAttempt": attempt, "maxRetries": 10, "retryInMs": 1000}
        self.row(type="system", subtype="api_error", error=error or {"cause": {}}, **numbers)

    def hook(self, event: str, **payload: Any) -> None:
        self.watch.channels.hook(HookEvent(event, self.wall(), payload))

    # What the watch tells

    def on_symptom(self, symptom: Symptom, source: str) -> None:
        self.symptoms.append(symptom)
        self.told.append((symptom.phase, source, symptom.confirmed))

    def on_progress(self, t: float, source: str) -> None:
        self.answers += 1

    def on_interrupted(self, source: str) -> None:
        self.stops.append(source)

    def on_frame(self, settled: bool) -> None:
        pass

    def poll_channels(self) -> None:
        self.on_poll()


@pytest.fixture
def client() -> Watched:
    return Watched()


# A failure, by screen and channels


def test_where_the_channels_are_silent_the_screen_speaks_unconfirmed(client: Watched) -> None:
    client.draw(working_2_1("❯ x"))
    client.draw(idle(*FAILED))
    assert client.told == [("failed", "screen", False)]


def test_the_transcript_confirms_what_the_screen_shows_and_it_is_told_once(client: Watched) -> None:
    client.ask()
    client.draw(working_2_1("❯ x"))
    client.draw(idle(*FAILED), then=0.1)
    client.fail()
    client.clock.advance(1.0)
    assert client.told == [("failed", "transcript", True)]


def test_the_channels_may_be_quicker_than_the_screen(client: Watched) -> None:
    for source in ("transcript", "hook"):
        client.told.clear()
        client.clock.advance(60)
        client.ask()
        client.draw(working_2_1("❯ x"))
        if source == "hook":
            client.hook("StopFailure", last_assistant_message="API Error: 503")
        else:
            client.fail()
        client.draw(idle(*FAILED), then=3.0)
        assert client.told == [("failed", source, True)]


def test_the_screen_makes_the_guard_look_at_the_transcript_at_once(client: Watched) -> None:
    client.ask()
    client.draw(working_2_1("❯ x"))

    def news() -> None:
        if not client.told:
            client.fail()

    client.on_poll = news
    began = client.wall()
    client.draw(idle(*FAILED))
    assert client.told == [("failed", "transcript", True)]
    assert client.symptoms[0].t - began <= 0.2


def test_an_answer_that_looks_like_a_failure_is_none(client: Watched) -> None:
    """The model wrote it: the transcript has it as an answer, before or just after it is drawn."""
    for early in (True, False):
        client.clock.advance(60)
        client.ask()
        client.draw(working_2_1("❯ x"))
        if early:
            client.answer()
        client.draw(idle(*FAILED), then=0.15)
        if not early:
            client.answer()
        client.clock.advance(5)
        assert client.told == []


def test_a_retry_that_ends_in_an_answer_that_looks_like_a_failure_is_over(client: Watched) -> None:
    client.ask()
    client.draw(RETRYING)
    client.answer()
    client.draw(idle(*FAILED))
    assert [phase for phase, _, _ in client.told] == ["retrying", "cleared"]


def test_an_answer_of_long_ago_excuses_nothing(client: Watched) -> None:
    client.ask()
    client.answer()
    client.clock.advance(30)
    client.draw(working_2_1("❯ x"))
    client.draw(idle(*FAILED))
    assert client.told == [("failed", "screen", False)]


def test_the_user_stopped_it(client: Watched) -> None:
    client.ask()
    client.draw(RETRYING)
    client.row(type="user", message={"content": [{"type": "text", "text": "[Request interrupted by user]"}]})
    client.draw(idle("❯ x", "  ⎿  {E}Interrupted · What should Claude do instead?{P}"))
    assert client.stops == ["transcript"]
    assert [phase for phase, _, _ in client.told] == ["retrying", "cleared"]


def test_1_0_calls_it_an_error_when_the_user_stops_a_retry() -> None:
    client = Watched((1, 0, 120))
    client.draw(RETRYING)
    client.fail("API Error: Operation aborted.")
    client.draw(idle("> x", "  ⎿ {E}API Error: Operation aborted.{P}", sign=">"))
    assert client.stops == ["transcript"]
    assert [phase for phase, _, _ in client.told] == ["retrying", "cleared"]


def test_a_failure_may_follow_an_interruption_at_once(client: Watched) -> None:
    client.ask()
    client.fail("API Error: Request was aborted.")
    client.clock.advance(2.0)
    client.ask()
    client.fail()
    assert client.told == [("failed", "transcript", True)]


def test_two_failures_one_after_the_other(client: Watched) -> None:
    """A request that is refused is refused at once, again and again."""
    for _ in range(2):
        client.ask()
        client.hook("StopFailure", last_assistant_message="API Error: 400 messages: at least one is required")
        client.fail("API Error: 400 messages: at least one is required")
        client.clock.advance(4.0)
    assert [phase for phase, _, _ in client.told] == ["failed", "failed"]


def test_a_clock_that_is_set_back_hides_no_failure(client: Watched) -> None:
    """A virtual machine that wakes up, a time server that is heard at last."""
    client.fail()
    client.skew = -3600.0
    client.clock.advance(60)
    client.ask()
    client.fail()
    assert len(client.told) == 2


def test_rows_after_the_clock_was_set_back_are_no_history(client: Watched) -> None:
    client.hook("SessionStart", transcript_path="/x.jsonl")
    client.clock.advance(60)
    client.skew = -3600.0
    client.ask()
    client.fail()
    client.answer()
    assert (client.told, client.answers) == ([("failed", "transcript", True)], 1)


def test_a_clock_that_is_set_back_while_the_screen_is_judged(client: Watched) -> None:
    client.draw(working_2_1("❯ x"))
    client.draw(idle(*FAILED), then=0.05)
    client.skew = -3600.0
    client.clock.advance(2.0)
    assert client.told == [("failed", "screen", False)]


# Sub-agents and history


def test_the_failure_of_a_sub_agent_is_not_the_turns(client: Watched) -> None:
    """Measured 2.1.330: its hooks name the transcript of the main conversation."""
    agent = {"agent_id": "a00c16a08eb100840", "agent_type": "general-purpose"}
    for event in ("StopFailure", "Stop", "SubagentStop"):
        client.hook(event, last_assistant_message="API Error: 400", **agent)
    client.row(type="assistant", isApiErrorMessage=True, isSidechain=True, message={"model": "<synthetic>"})
    assert (client.told, client.answers) == ([], 0)


def test_rows_from_before_the_session_are_history(client: Watched) -> None:
    client.hook("SessionStart", transcript_path="/x.jsonl")
    client.row(30.0, type="assistant", message={"model": "claude-opus-5-5", "content": []})
    client.row(30.0, type="system", subtype="api_error", retryAttempt=4, maxRetries=10, retryInMs=9000)
    client.row(30.0, type="assistant", isApiErrorMessage=True, message={"model": "<synthetic>"})
    assert (client.told, client.answers) == ([], 0)


def test_a_screen_that_was_not_seen_is_not_guessed_at(client: Watched) -> None:
    client.draw(RETRYING)
    client.watch.lost(10_000)
    client.told.clear()
    rows = idle(*FAILED).format_map(DARK).replace("\n", "\r\n").encode()
    client.watch.frames.output(b"\x1b[5;1H" + rows)
    client.clock.advance(2.0)
    assert client.told == []
    client.draw(RETRYING)
    assert client.told == [("retrying", "screen", False)]


# Who knows the reason


def test_the_reason_of_an_attempt_before_is_kept_where_a_row_has_none(client: Watched) -> None:
    client.draw(working_2_1("❯ x", spinner="{E}✻ 529 Overloaded{G} · retrying in 2s · attempt 2/10{P}"))
    client.draw(working_2_1("❯ x", spinner="{E}✻ API error{G} · retrying in 3s · attempt 3/10{P}"))
    assert [(s.kind, s.http_status) for s in client.symptoms] == [("overloaded", 529)] * 2


@pytest.mark.parametrize("end", ["answer", "interrupt"])
def test_the_reason_of_another_request_is_not(end: str) -> None:
    """2.0 tells of attempts 1 to 3 in its transcript alone, so nothing vanishes when they are over."""
    client = Watched((2, 0, 60))
    client.ask()
    client.retry(1, {"status": 529})
    if end == "answer":
        client.answer()
    else:
        client.row(
            type="user", message={"content": [{"type": "text", "text": "[Request interrupted by user]"}]}
        )
    client.clock.advance(600)
    client.ask()
    client.retry(1)
    client.draw(
        working(
            "> x",
            "  ⎿  {E}Unable to connect to API due to poor internet connection{P}",
            "     {G}Retrying in 1 second… (attempt 4/10){P}",
        )
    )
    assert [s.kind for s in client.symptoms] == ["overloaded", "connection", "connection"]


def test_an_attempt_that_is_lower_than_the_one_before_is_another_request(client: Watched) -> None:
    client.draw(working_2_1("❯ x", spinner="{E}✻ 529 Overloaded{G} · retrying in 2s · attempt 2/10{P}"))
    client.draw(working_2_1("❯ x", spinner="{E}✻ API error{G} · retrying in 1s · attempt 1/10{P}"))
    assert [s.kind for s in client.symptoms] == ["overloaded", "connection"]


# Early signs


def test_requests_are_counted_by_what_became_of_them(client: Watched) -> None:
    for number in range(12):
        client.ask()
        if number >= 8:
            client.retry(1)
        client.clock.advance(1.0)
        client.answer()
        client.clock.advance(5.0)
    sign = client.watch.trend.sign()
    assert sign is not None
    assert sign.evidence["troubled"] == 4


def test_what_the_user_stopped_is_no_sign(client: Watched) -> None:
    for number in range(14):
        client.ask()
        if number >= 8:
            client.retry(1)
            content = [{"type": "text", "text": "[Request interrupted by user]"}]
            client.row(type="user", message={"content": content})
        else:
            client.answer()
        client.clock.advance(5.0)
    assert client.watch.trend.sign() is None
