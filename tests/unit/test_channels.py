"""Hooks and transcript: from what the client writes to what the guard believes.

The rows are as 1.0.120, 2.0.60 and 2.1.330 write them, without what nobody here looks at.
"""

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cc_guard.channels import spool
from cc_guard.channels.reader import ChannelReader
from cc_guard.channels.transcript import transcript_path
from cc_guard.detect.signatures import shipped
from cc_guard.guard.arguments import Arguments
from cc_guard.guard.channels import Channels
from cc_guard.incident.record import Symptom

SESSION = "8f23cbea-0f3e-47ee-9d83-0814c897ebf0"
RESET = (
    "API Error: Connection dropped (ECONNRESET). Check the gateway set in ANTHROPIC_BASE_URL, then try again."
)
FORKED = "3c0cfa51-91ab-4a4b-bc52-0d5f5c3c1ad2"


def stamp(t: float) -> str:
    return datetime.fromtimestamp(t, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Listener:
    def __init__(self) -> None:
        self.symptoms: list[tuple[Symptom, str]] = []
        self.answers: list[tuple[float, str]] = []
        self.stops: list[str] = []
        self.questions: list[float] = []

    def symptom(self, symptom: Symptom, source: str) -> None:
        self.symptoms.append((symptom, source))

    def progress(self, t: float, source: str) -> None:
        self.answers.append((t, source))

    def interrupted(self, t: float, source: str) -> None:
        self.stops.append(source)

    def asked(self, t: float) -> None:
        self.questions.append(t)


class Guarded:
    def __init__(self, channels: Channels, reader: ChannelReader) -> None:
        self.poll = channels.poll
        self._reader = reader

    @property
    def retry_until(self) -> float:
        return self._reader.retry_until


class Client:
    """Writes what a client writes, and keeps what the guard makes of it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(folder / "home"))
        monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)
        monkeypatch.chdir(folder)
        self.spool = folder / "spool"
        spool.create(str(self.spool))
        self.listener = Listener()
        self.symptoms, self.progress = self.listener.symptoms, self.listener.answers
        self._hooks = 0

    def guarded(self, version: tuple[int, ...] | None = (2, 1, 330), **more: Any) -> "Guarded":
        given = {"session": SESSION, "folder": str(self.spool)} | more
        arguments = Arguments(link=(-1, -1), version=version, **given)
        reader = ChannelReader(shipped(), version, time.time, time.monotonic, self.listener)
        return Guarded(Channels(reader, arguments), reader)

    def transcript(self, session: str = SESSION) -> Path:
        path = Path(transcript_path(os.environ, os.getcwd(), session))
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def row(self, ago: float = 0.0, session: str = SESSION, **row: Any) -> None:
        row = {"isSidechain": False, "sessionId": session, "timestamp": stamp(time.time() - ago)} | row
        with self.transcript(session).open("a") as file:
            file.write(json.dumps(row) + "\n")

    def answer(self, text: str = "hello", **more: Any) -> None:
        message = {
            "model": "claude-opus-5-5",
            "role": "assistant",
            "content": [{"type": "text", "text": text}],
        }
        self.row(type="assistant", message=message, **more)

    def failure(self, text: str = RESET, **more: Any) -> None:
        message = {"model": "<synthetic>", "role": "assistant", "content": [{"type": "text", "text": text}]}
        self.row(type="assistant", isApiErrorMessage=True, message=message, **more)

    def retry(self, attempt: int, wait_s: float, error: Any = None, **more: Any) -> None:
        self.row(
            type="system",
            subtype="api_error",
            error={"cause": {}} if error is None else error,
            retryInMs=wait_s * 1000,
            retryAttempt=attempt,
            maxRetries=10,
            **more,
        )

    def hook(self, event: str, session: str = SESSION, **payload: Any) -> None:
        self._hooks += 1
        given = {"session_id": session, "transcript_path": str(self.transcript(session))} | payload
        (self.spool / "new" / f"{event}.{self._hooks}").write_text(json.dumps(given))

    @property
    def told(self) -> list[tuple[str, str, str]]:
        return [(symptom.phase, symptom.kind, source) for symptom, source in self.symptoms]


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    return Client(tmp_path, monkeypatch)


# From rows and events to symptoms


def test_a_failure_in_the_transcript(client: Client) -> None:
    channels = client.guarded()
    client.failure()
    channels.poll()
    ((symptom, source),) = client.symptoms
    assert (symptom.phase, symptom.kind, symptom.code, source) == (
        "failed",
        "connection",
        "ECONNRESET",
        "transcript",
    )
    assert symptom.confirmed
    assert symptom.text == RESET


def test_a_failure_by_hook(client: Client) -> None:
    channels = client.guarded()
    words = "Please run /login · API Error: 401 OAuth token has expired."
    client.hook("StopFailure", error="authentication_failed", last_assistant_message=words)
    channels.poll()
    ((symptom, source),) = client.symptoms
    assert (symptom.phase, symptom.kind, symptom.http_status, source) == ("failed", "auth", 401, "hook")


def test_hook_and_transcript_tell_of_one_failure_once(client: Client) -> None:
    channels = client.guarded()
    client.hook("StopFailure", last_assistant_message=RESET)
    client.failure()
    channels.poll()
    channels.poll()
    assert client.told == [("failed", "connection", "hook")]


def test_a_failure_whose_words_nobody_knows(client: Client) -> None:
    channels = client.guarded()
    client.hook("StopFailure", error="server_error")
    channels.poll()
    assert client.told == [("failed", "server_error", "hook")]


def test_retries_of_2_0_come_before_the_screen_shows_them(client: Client) -> None:
    channels = client.guarded((2, 0, 60))
    client.retry(1, 0.512)
    client.retry(2, 1.059)
    channels.poll()
    assert [(s.attempt, s.max_attempts, s.retry_in_s, s.confirmed) for s, _ in client.symptoms] == [
        (1, 10, 0.512, True),
        (2, 10, 1.059, True),
    ]
    assert client.told[0] == ("retrying", "connection", "transcript")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(529, "overloaded"), (429, "rate_limit"), (401, "auth"), (503, "server_error"), (400, "bad_request")],
)
def test_a_retry_after_an_answer_of_the_api_is_no_lost_connection(
    client: Client, status: int, kind: str
) -> None:
    """A hold would race the client's own waits."""
    channels = client.guarded((2, 0, 60))
    client.retry(2, 1.0, {"status": status, "headers": {}})
    channels.poll()
    ((symptom, _),) = client.symptoms
    assert (symptom.kind, symptom.http_status, symptom.code) == (kind, status, str(status))


def test_the_wait_is_known_until_it_is_over(client: Client) -> None:
    channels = client.guarded((2, 0, 60))
    client.retry(4, 30.0, ago=10.0)
    channels.poll()
    assert channels.retry_until - time.monotonic() == pytest.approx(20.0, abs=2.0)
    client.answer()
    channels.poll()
    assert channels.retry_until == 0.0, "an answer: nobody waits any more"


@pytest.mark.parametrize("end", ["failure", "hook", "stop"])
def test_the_wait_is_over_with_the_turn(client: Client, end: str) -> None:
    channels = client.guarded()
    client.retry(4, 30.0)
    channels.poll()
    if end == "failure":
        client.failure()
    else:
        client.hook("StopFailure" if end == "hook" else "Stop")
    channels.poll()
    assert channels.retry_until == 0.0


def test_a_row_from_the_future_does_not_make_the_wait_longer(client: Client) -> None:
    """The clock was set back meanwhile: the client must not be taken to wait for an hour."""
    channels = client.guarded((2, 0, 60))
    client.retry(4, 9.0, ago=-3600.0)
    channels.poll()
    assert channels.retry_until - time.monotonic() <= 9.0


def test_an_answer_is_progress_at_its_own_time(client: Client) -> None:
    channels = client.guarded()
    client.answer(ago=7.0)
    channels.poll()
    ((t, source),) = client.progress
    assert t == pytest.approx(time.time() - 7.0, abs=2.0)
    assert source == "transcript"


def test_stop_is_an_answer_only_where_failures_have_a_hook_of_their_own(client: Client) -> None:
    """Up to 2.0.60 the client runs the Stop hooks when it gives up, too (measured)."""
    for version, counts in (((1, 0, 120), 0), ((2, 0, 60), 0), (None, 0), ((2, 1, 78), 1), ((2, 1, 330), 1)):
        client.progress.clear()
        channels = client.guarded(version)
        client.hook("Stop")
        channels.poll()
        assert [source for _, source in client.progress] == ["hook"] * counts, version


def test_other_events_say_nothing(client: Client) -> None:
    channels = client.guarded()
    for event in ("SessionStart", "UserPromptSubmit", "Notification", "PermissionRequest", "SessionEnd"):
        client.hook(event, message=RESET)
    channels.poll()
    assert (client.symptoms, client.progress) == ([], [])


def test_the_user_has_stopped_it(client: Client) -> None:
    """1.0.120 and 2.0.60 write so in the user's name; 1.0.120 also calls it an error while it retries."""
    channels = client.guarded((1, 0, 120))
    client.retry(4, 30.0)
    for text in ("[Request interrupted by user]", "[Request interrupted by user for tool use]"):
        client.row(type="user", message={"role": "user", "content": [{"type": "text", "text": text}]})
        channels.poll()
        assert client.listener.stops.pop() == "transcript"
        assert channels.retry_until == 0.0
    for text in ("API Error: Operation aborted.", "API Error: Request was aborted."):
        client.failure(text)
        channels.poll()
        assert client.listener.stops.pop() == "transcript"
    assert [phase for phase, _, _ in client.told] == ["retrying"]


def test_a_prompt_about_interruptions_is_none(client: Client) -> None:
    channels = client.guarded()
    quoted = "Why does it say [Request interrupted by user]?"
    client.row(type="user", message={"role": "user", "content": [{"type": "text", "text": quoted}]})
    client.row(type="user", message={"role": "user", "content": "[Request interrupted by user]"})
    client.answer("[Request interrupted by user]")
    channels.poll()
    assert client.listener.stops == []


def test_what_goes_to_the_api_is_a_question(client: Client) -> None:
    """A prompt, or the result of a tool; not what the client notes for itself."""
    channels = client.guarded()
    client.row(type="user", message={"role": "user", "content": "fix it"}, ago=9)
    result = {"type": "tool_result", "tool_use_id": "t", "content": "done"}
    client.row(type="user", message={"role": "user", "content": [result]}, ago=5)
    client.row(type="user", isMeta=True, message={"role": "user", "content": "Caveat: …"}, ago=3)
    client.row(type="user", isSidechain=True, message={"role": "user", "content": "look"}, ago=2)
    client.row(type="system", subtype="turn_duration", ago=1)
    channels.poll()
    now = time.time()
    assert [now - t for t in client.listener.questions] == [pytest.approx(9, abs=2), pytest.approx(5, abs=2)]


def test_hooks_of_sub_agents_say_nothing(client: Client) -> None:
    """Measured 2.1.330: they name the main conversation's transcript, and have an `agent_id`."""
    channels = client.guarded()
    agent = {"agent_id": "a00c16a08eb100840", "agent_type": "general-purpose"}
    for event in ("StopFailure", "Stop", "SubagentStop", "UserPromptSubmit"):
        client.hook(event, last_assistant_message="API Error: 400", **agent)
    channels.poll()
    assert (client.symptoms, client.progress, client.listener.stops) == ([], [], [])


@pytest.mark.parametrize("order", ["hook first", "transcript first"])
def test_two_failures_are_two_by_whichever_channels_they_come(client: Client, order: str) -> None:
    """A refused request is refused again a second later: each by hook and transcript, in any order."""
    channels = client.guarded()
    for number in range(1, 4):
        first = (client.failure, lambda: client.hook("StopFailure", last_assistant_message=RESET))
        for tell in first if order == "transcript first" else reversed(first):
            tell()
            channels.poll()
        assert len(client.symptoms) == number


# What is not this conversation, or not now


def test_sub_agents_are_not_the_conversation(client: Client) -> None:
    channels = client.guarded()
    client.failure(isSidechain=True)
    client.retry(5, 30.0, isSidechain=True)
    client.answer(isSidechain=True)
    channels.poll()
    assert (client.symptoms, client.progress) == ([], [])
    assert channels.retry_until == 0.0


def test_prompts_tools_and_quotes_are_no_failures(client: Client) -> None:
    channels = client.guarded()
    client.row(type="user", message={"role": "user", "content": RESET})
    result = {"type": "tool_result", "tool_use_id": "t", "is_error": True, "content": RESET}
    client.row(type="user", message={"role": "user", "content": [result]})
    client.row(type="system", subtype="informational", content=RESET)
    client.answer(RESET)
    channels.poll()
    assert client.symptoms == []


def test_a_resumed_conversation_starts_behind_its_past(client: Client) -> None:
    client.failure(ago=3)
    client.retry(4, 30.0, ago=1)
    channels = client.guarded(session=None, resumed=True)
    client.hook("SessionStart", source="resume")
    channels.poll()
    assert client.symptoms == []
    client.failure()
    channels.poll()
    assert len(client.symptoms) == 1


def test_a_guard_that_was_restarted_does_not_read_everything_again(client: Client) -> None:
    client.failure(ago=3)
    channels = client.guarded(restarts=1)
    channels.poll()
    assert client.symptoms == []


def test_a_forked_conversation_copies_its_past_into_a_new_file(client: Client) -> None:
    """`--resume X --fork-session`, measured on 2.0.60 and 2.1.330: the file is made after the first hook,
    with the old rows and their old times."""
    channels = client.guarded(session=None, resumed=True)
    client.hook("UserPromptSubmit", session=FORKED)
    channels.poll()
    client.failure(ago=2.0, session=FORKED)
    client.retry(9, 30.0, ago=2.0, session=FORKED)
    channels.poll()
    assert client.symptoms == []
    client.failure(session=FORKED)
    channels.poll()
    assert len(client.symptoms) == 1


def test_clear_goes_on_in_another_transcript(client: Client) -> None:
    channels = client.guarded()
    client.answer()
    channels.poll()
    client.hook("SessionStart", session=FORKED, source="clear")
    channels.poll()
    client.progress.clear()
    client.answer(session=SESSION)
    client.failure(session=FORKED)
    channels.poll()
    assert client.progress == [], "the old one is not read any more"
    assert client.told == [("failed", "connection", "transcript")]


def test_a_new_session_elsewhere_is_read_from_its_beginning(client: Client) -> None:
    """`--worktree`: the client writes to the folder of another project than the one it was started in."""
    channels = client.guarded()
    client.failure(session=FORKED)
    client.hook("SessionStart", session=FORKED, source="startup")
    channels.poll()
    assert len(client.symptoms) == 1


def test_without_a_session_nothing_is_guessed(client: Client) -> None:
    client.failure()
    channels = client.guarded(session=None, folder="")
    channels.poll()
    assert client.symptoms == []


# Odd places and contents


def test_switching_back_and_forth_leaves_no_file_open(client: Client) -> None:
    channels = client.guarded()
    client.answer()
    client.answer(session=FORKED)
    for _ in range(5):
        for session in (FORKED, SESSION):
            client.hook("UserPromptSubmit", session=session)
            channels.poll()
    if os.path.isdir("/proc/self/fd"):
        targets = [os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")]
        folder = os.path.realpath(client.transcript().parent)
        assert sum(target.startswith(folder) for target in targets) == 2


@pytest.mark.parametrize("path", ["a\x00b", "/dev/zero", "/", "relative/nowhere", "\ud800", "x" * 5000])
def test_a_transcript_path_that_is_none(client: Client, path: str) -> None:
    channels = client.guarded()
    client.hook("UserPromptSubmit", transcript_path=path)
    channels.poll()
    channels.poll()
    assert client.symptoms == []


def test_the_working_directory_is_gone(client: Client, tmp_path: Path) -> None:
    """A worktree that was removed under a running session, and then the guard starts again."""
    gone = tmp_path / "gone"
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()
    try:
        channels = client.guarded(restarts=1)
        channels.poll()
    finally:
        os.chdir(tmp_path)
    client.hook("SessionStart", source="resume")
    channels.poll()
    client.failure(ago=-0.1)
    channels.poll()
    assert len(client.symptoms) == 1


def test_a_huge_transcript_is_worked_off_in_portions(client: Client) -> None:
    """Less than a second for each, so that no lease runs out."""
    channels = client.guarded()
    filler = {"type": "user", "message": {"role": "user", "content": "x" * 2000}}
    line = json.dumps(filler) + "\n"
    with client.transcript().open("a") as file:
        for _ in range(25):
            file.write(line * 1000)
    client.failure()
    longest, polls = 0.0, 0
    while not client.symptoms:
        start = time.monotonic()
        channels.poll()
        longest = max(longest, time.monotonic() - start)
        polls += 1
        assert polls < 20
    assert polls > 1
    assert longest < 3.0


@pytest.mark.parametrize("attempt", [10**30, True, -5, 2.5, "4", None])
def test_an_attempt_that_is_no_number_of_one(client: Client, attempt: Any) -> None:
    channels = client.guarded((2, 0, 60))
    client.retry(attempt, 1.0)
    channels.poll()
    assert all(isinstance(symptom.attempt, int) and symptom.attempt < 10**6 for symptom, _ in client.symptoms)


@pytest.mark.parametrize("wait", [float("nan"), float("inf"), -1.0, 10**400, 1e300])
def test_a_wait_that_is_none(client: Client, wait: Any) -> None:
    channels = client.guarded((2, 0, 60))
    client.row(type="system", subtype="api_error", retryInMs=wait, retryAttempt=4, maxRetries=10)
    channels.poll()
    assert client.symptoms == []
    assert channels.retry_until == 0.0


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["status", "text"]), inner, max_size=2)
    ),
    max_leaves=4,
)
numbers = st.integers() | st.floats() | st.sampled_from([10**400, -1, 0, True, 1e308])


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {"type": st.sampled_from(["system", "assistant", "user", "api-request"])},
            optional={
                "subtype": st.just("api_error") | json_values,
                "isSidechain": json_values,
                "isApiErrorMessage": json_values,
                "timestamp": json_values
                | st.sampled_from(["0001-01-01T00:00:00", "9999-12-31T23:59:59.999-23:59", "2026-11-21"]),
                "message": json_values,
                "error": json_values,
                "retryAttempt": numbers,
                "maxRetries": numbers,
                "retryInMs": numbers,
            },
        ),
        max_size=6,
    )
)
def test_whatever_a_row_says(client: Client, rows: list[dict[str, Any]]) -> None:
    """The format is not documented: the next version may write anything."""
    channels = client.guarded()
    channels.poll()
    with client.transcript().open("a") as file:
        for row in rows:
            file.write(json.dumps(row) + "\n")
    client.symptoms.clear()
    channels.poll()
    for symptom, _ in client.symptoms:
        json.dumps(symptom.to_json(), allow_nan=False)
    assert channels.retry_until < time.monotonic() + 8 * 24 * 3600


def test_a_resumed_conversation_of_1_0_120_is_where_its_start_says(client: Client) -> None:
    """All its other hooks name the file of the conversation that was resumed."""
    client.answer("of before", ago=60)
    guarded = client.guarded((1, 0, 120), resumed=True)
    client.hook("SessionStart", session=FORKED, source="resume")
    guarded.poll()
    client.hook("UserPromptSubmit")
    guarded.poll()
    client.answer("of now", session=FORKED)
    guarded.poll()
    assert [source for _, source in client.progress] == ["transcript"]


def test_the_first_rows_of_a_conversation_may_be_there_before_its_hook_is_read(client: Client) -> None:
    guarded = client.guarded()
    client.answer("of before", ago=60, session=FORKED)
    client.hook("UserPromptSubmit", session=FORKED)
    client.answer("at once", session=FORKED)
    guarded.poll()
    assert len(client.progress) == 1
