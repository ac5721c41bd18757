"""What is done to a client while it is recorded: the faults. The traps are in scenarios_traps.py."""

import os
import re
import signal
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.standin.api import StandIn
from tests.support.client import box_shown
from tests.support.labels import Truth
from tests.support.recorder import Recorder, solid

# What clients of all eras say while they retry and when they have given up.
OLD_ROW = "API Error (Connection error.) · Retrying in 4 seconds… (attempt 4/10)"
NEW_ROW = "API error · retrying in 9s · attempt 5/10"

TOOLS = "Bash,Read,Grep,Glob,Edit,Write,Task,Agent,TodoWrite"


@dataclass
class Stage:
    """A client of `version` in a home of its own, on the recorder's screen once that runs."""

    version: str
    api: StandIn
    folder: Path
    start: Callable[[list[str]], Recorder]
    screen: Recorder = field(init=False)
    session: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(map(int, self.version.split(".")))

    @property
    def cwd(self) -> Path:
        return self.folder / "work"

    @property
    def first_shown(self) -> str:
        """The first attempt that this version shows."""
        return "attempt 4/" if (1, 0, 100) <= self.numbers < (2, 1, 100) else "attempt 1/"

    @property
    def knows_session_id(self) -> bool:
        return self.numbers >= (1, 0, 85)

    def fault(self, fault: str) -> None:
        self.api.set_fault(fault)
        self.screen.mark(f"api {fault}")

    def signal(self, sign: signal.Signals) -> None:
        os.killpg(self.screen.pid, sign)
        self.screen.mark(sign.name)

    def ready(self) -> None:
        """The input box is there and the client has settled."""
        if not self.screen.watch(30, lambda: _asks(self.screen.screen())):
            raise TimeoutError(f"no input box:\n{self.screen.screen()}")
        self.screen.watch(2)

    def answered(self, text: str, seconds: float = 20) -> None:
        if not self.screen.watch(seconds, lambda: self.answers(text) > 0):
            raise TimeoutError(f"no answer {text!r}:\n{self.screen.screen()}")
        self.screen.watch(2)

    def answers(self, text: str) -> int:
        """How often the screen shows this answer; the prompts that ask for it do not count."""
        rows = (row.strip() for row in self.screen.screen().splitlines())
        return sum(row.endswith(text) and not row.endswith(f"say {text}") for row in rows)

    def shown(self, text: str, seconds: float = 40) -> None:
        self.screen.wait_for(text, seconds)


def _asks(screen: str) -> bool:
    """The input box is there; for a screen reader that is a `$`."""
    return box_shown(screen) or re.search(r"^\$$", screen, re.MULTILINE) is not None


@dataclass(frozen=True)
class Scenario:
    """`act` is recorded; `before` prepares the folder, or a history, and gives arguments for the client."""

    act: Callable[[Stage], None]
    truth: Truth = field(default_factory=Truth)
    retries: int | None = None
    tools: str = TOOLS
    before: Callable[[Stage], list[str]] | None = None
    env: dict[str, str] = field(default_factory=dict)
    tls: bool = False


CONNECTION = Truth(("connection",))
_LIMITED = Truth(("usage_limit", "rate_limit"), 429)


def outage(stage: Stage) -> None:
    """Through attempts 1 to 6 (waits of about 0.5, 1, 2, 4, 9, 19 s), then the API is back."""
    stage.fault("reset")
    stage.screen.prompt("say back again")
    stage.screen.watch(22)
    stage.fault("none")
    stage.answered("back again", 60)


def _retried(
    fault: str, prompt: str = "say back again", answer: str = "back again"
) -> Callable[[Stage], None]:
    """Through two attempts that are shown at least, then the API is back."""

    def act(stage: Stage) -> None:
        stage.fault(fault)
        stage.screen.prompt(prompt)
        last = 5 if stage.first_shown == "attempt 4/" else 4
        stage.screen.watch(15, lambda: f"attempt{last}/" in solid(stage.screen.screen()))
        stage.screen.watch(1)
        stage.fault("none")
        stage.answered(answer, 60)

    return act


def _overloaded(stage: Stage) -> None:
    """2.1.330 gives up after three requests, whatever the number of retries is."""
    stage.fault("status:529")
    stage.screen.prompt("say back again")
    stage.screen.watch(11)
    stage.fault("none")
    stage.screen.watch(15, lambda: stage.answers("back again") > 0)
    stage.screen.watch(2)


def _given_up(fault: str) -> Callable[[Stage], None]:
    def act(stage: Stage) -> None:
        stage.fault(fault)
        stage.screen.prompt("say never")
        stage.screen.watch(9)

    return act


def given_up_for_good(stage: Stage) -> None:
    """All ten retries, about three minutes."""
    stage.fault("reset")
    stage.screen.prompt("say never")
    stage.screen.watch(200)


def twice(stage: Stage) -> None:
    """Two outages in one session, with a failure that the user answers with another prompt between."""
    stage.fault("reset")
    stage.screen.prompt("say never")
    stage.screen.watch(8)
    stage.fault("none")
    stage.screen.prompt("say first")
    stage.answered("first")
    stage.fault("status:503")
    stage.screen.prompt("say never")
    stage.screen.watch(8)


def waiting(stage: Stage) -> None:
    """The answer begins and then takes its time. Since 2.1.185 the client says so, after 45 s behind a base
    URL of the user's own."""
    stage.fault(f"slow,chunk={54 if stage.numbers >= (2, 1, 185) else 25}")
    stage.screen.prompt("say back")
    stage.answered("back", 80)


def late(stage: Stage) -> None:
    """The answer takes its time to begin."""
    stage.fault("slow,first=22")
    stage.screen.prompt("say back again")
    stage.answered("back again", 60)


def hang(stage: Stage) -> None:
    """No byte comes until the user has enough."""
    stage.fault("hang")
    stage.screen.prompt("say never")
    stage.screen.watch(26)
    stage.screen.type("\x1b")
    stage.screen.watch(2)
    stage.fault("none")


def slow(stage: Stage) -> None:
    stage.fault("slow,first=4,chunk=0.6")
    stage.screen.prompt("say this answer comes word by word and is healthy")
    stage.answered("this answer comes word by word and is healthy", 30)


def cut(stage: Stage) -> None:
    stage.fault("cut,limit=2")
    stage.screen.prompt("say back again")
    stage.screen.watch(12)


def after_tool(stage: Stage) -> None:
    """The request with a tool's result fails: retry rows below the tool's output."""
    stage.screen.prompt("run echo one; sleep 4; echo two")
    stage.screen.watch(2)
    stage.fault("reset")
    stage.shown("attempt 5/", 60)
    stage.screen.watch(1)
    stage.fault("none")
    stage.answered("The command is done.", 60)


def queued(stage: Stage) -> None:
    """The user sends another message while the client retries."""
    stage.fault("reset")
    stage.screen.prompt("say back again")
    stage.shown(stage.first_shown)
    stage.screen.prompt("say second")
    stage.shown("attempt 5/", 60)
    stage.screen.watch(1)
    stage.fault("none")
    stage.answered("second", 60)


def hold(stage: Stage) -> None:
    """Stopped in the wait before the next attempt, for longer than that wait."""
    stage.fault("reset")
    stage.screen.prompt("say back again")
    stage.shown("attempt 4/" if stage.first_shown == "attempt 4/" else "attempt 3/")
    stage.screen.watch(0.5)
    stage.signal(signal.SIGSTOP)
    stage.screen.watch(18)
    stage.fault("none")
    stage.screen.watch(2)
    stage.signal(signal.SIGCONT)
    stage.answered("back again", 60)


def hold_short(stage: Stage) -> None:
    """Stopped for a shorter time than the wait before the next attempt."""
    stage.fault("reset")
    stage.screen.prompt("say back again")
    stage.shown("attempt 5/")
    stage.screen.watch(0.5)
    stage.signal(signal.SIGSTOP)
    stage.screen.watch(2)
    stage.fault("none")
    stage.screen.watch(1)
    stage.signal(signal.SIGCONT)
    stage.answered("back again", 60)


def resized(stage: Stage) -> None:
    """The terminal becomes narrow and wide again while the client retries."""
    cols, rows = stage.screen.cols, stage.screen.rows
    stage.fault("reset")
    stage.screen.prompt("say back again")
    stage.shown(stage.first_shown)
    stage.screen.watch(1.2)
    stage.screen.resize(60, 24)
    stage.shown("5/10", 30)
    stage.screen.watch(2)
    stage.screen.resize(cols, rows)
    stage.screen.watch(5)
    stage.fault("none")
    stage.answered("back again", 60)


def scrolled(stage: Stage) -> None:
    """The conversation is longer than the screen before the API fails."""
    for first in (1, 26):
        stage.screen.prompt("say " + "\\n".join(f"row {n}" for n in range(first, first + 25)))
        stage.screen.watch(3)
    _retried("reset")(stage)


def wide(stage: Stage) -> None:
    """Characters of two columns, and emoji, around the failure."""
    stage.screen.prompt("say 你好,世界 👋🏽 これはテストです 👨‍👩‍👧 한국어", sign="한국어")
    stage.screen.watch(3)
    _retried("reset", "say 接続が 戻りました ✅", "接続が 戻りました ✅")(stage)


def interrupt(stage: Stage) -> None:
    """The user has enough of it, then goes on when the API is back."""
    stage.fault("reset")
    stage.screen.prompt("say never")
    stage.shown(stage.first_shown)
    stage.screen.watch(3)
    stage.screen.type("\x1b")
    stage.screen.watch(4)
    stage.fault("none")
    stage.screen.type("\x15")  # some versions put the prompt back into the box
    stage.screen.watch(0.5)
    stage.screen.prompt("say back again")
    stage.answered("back again", 30)


def draft(stage: Stage) -> None:
    """The user types the next message while the client retries, and does not send it."""
    stage.fault("reset")
    stage.screen.prompt("say back again")
    stage.shown(stage.first_shown)
    for letter in "a draft, typed while it retries":
        stage.screen.type(letter)
        stage.screen.watch(0.15)
    stage.shown("attempt 5/", 30)
    stage.fault("none")
    stage.answered("back again", 60)


def subagent(stage: Stage) -> None:
    """Only the requests of a sub-agent fail; then they do not."""
    stage.fault("status:503,only=say agent back")
    stage.screen.prompt("task say agent back")
    stage.screen.watch(14)
    stage.fault("none")
    stage.answered("The command is done.", 60)


def subagent_given_up(stage: Stage) -> None:
    stage.fault("status:503,only=say agent back")
    stage.screen.prompt("task say agent back")
    stage.screen.watch(14)


def unreachable(stage: Stage) -> None:
    """The fault is in the environment, from the beginning and to the end."""
    stage.screen.prompt("say never")
    stage.screen.watch(10)


_NO_BACKGROUND = {"CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1"}
_SUBAGENT = "Only the sub-agent's requests fail: the conversation of the user does not."
_STATUS_KINDS: dict[int, tuple[str, ...]] = {
    400: ("bad_request",),
    401: ("auth",),
    403: ("auth", "bad_request"),
    404: ("bad_request",),
    413: ("too_large", "bad_request"),
    429: ("rate_limit",),
    500: ("server_error",),
    502: ("server_error",),
    503: ("server_error",),
    504: ("server_error", "timeout"),
    529: ("overloaded",),
}


def _of_status(code: int) -> Truth:
    return Truth(_STATUS_KINDS[code], code)


FAULTS: dict[str, Scenario] = {
    "outage": Scenario(outage, CONNECTION),
    "outage-short": Scenario(_retried("reset"), CONNECTION),
    "given-up": Scenario(_given_up("reset"), CONNECTION, retries=2),
    "given-up-10": Scenario(given_up_for_good, CONNECTION),
    "refuse": Scenario(_retried("refuse"), CONNECTION),
    "twice": Scenario(twice, Truth(("connection", "server_error"), 503), retries=2),
    "waiting": Scenario(waiting, Truth(("stall", "timeout", "connection"))),
    "late": Scenario(late),
    "hang": Scenario(hang, Truth(("stall", "timeout", "connection"))),
    "slow": Scenario(slow),
    "cut": Scenario(cut, Truth(("connection", "stall", "server_error"))),
    "after-tool": Scenario(after_tool, CONNECTION),
    "queued": Scenario(queued, CONNECTION),
    "hold": Scenario(hold, CONNECTION),
    "hold-short": Scenario(hold_short, CONNECTION),
    "resize": Scenario(resized, CONNECTION),
    "scroll": Scenario(scrolled, CONNECTION),
    "wide": Scenario(wide, CONNECTION),
    "interrupt": Scenario(interrupt, CONNECTION),
    "draft": Scenario(draft, CONNECTION),
    "usage-limit": Scenario(_retried("status:429,claim=five_hour"), _LIMITED),
    "usage-limit-given-up": Scenario(_given_up("status:429,claim=five_hour"), _LIMITED, retries=2),
    "timeout-set": Scenario(_retried("reset"), CONNECTION, env={"API_TIMEOUT_MS": "600000"}),
    "subagent": Scenario(subagent, Truth(note=_SUBAGENT)),
    "subagent-given-up": Scenario(subagent_given_up, Truth(note=_SUBAGENT), retries=2),
    "subagent-front": Scenario(subagent, Truth(note=_SUBAGENT), env=_NO_BACKGROUND),
    "subagent-front-given-up": Scenario(
        subagent_given_up, Truth(note=_SUBAGENT), retries=2, env=_NO_BACKGROUND
    ),
    "dns": Scenario(unreachable, CONNECTION, env={"ANTHROPIC_BASE_URL": "http://nohost.invalid"}),
    "dns-given-up": Scenario(
        unreachable, CONNECTION, retries=2, env={"ANTHROPIC_BASE_URL": "http://nohost.invalid"}
    ),
    "tls-untrusted": Scenario(unreachable, Truth(("tls", "connection")), retries=2, tls=True),
}
FAULTS |= {
    f"status-{code}": Scenario(_given_up(f"status:{code}"), _of_status(code), 2) for code in _STATUS_KINDS
}
FAULTS |= {
    f"retry-{code}": Scenario(_retried(f"status:{code}"), _of_status(code))
    for code in (401, 429, 500, 502, 503, 504)
}
FAULTS["retry-529"] = Scenario(_overloaded, _of_status(529))
FAULTS |= {
    f"{verb}-503-{body}": Scenario(act(f"status:503,body={body}"), _of_status(503), retries)
    for verb, act, retries in (("retry", _retried, None), ("status", _given_up, 2))
    for body in ("envoy", "json", "html")
}
