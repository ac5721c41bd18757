"""What the incident machine is told, and what it wants done."""

from dataclasses import dataclass, field
from typing import Literal

from cc_guard.incident.ladder import Rung
from cc_guard.incident.moment import Moment
from cc_guard.incident.record import Cause, Finding, Symptom
from cc_guard.incident.state import Question, Report


@dataclass(frozen=True)
class Seen:
    """A symptom, and the source that showed it. `over_in_s`: when the limit that it tells of is over."""

    symptom: Symptom
    source: str
    over_in_s: float | None = None


@dataclass(frozen=True)
class Progressed:
    """The client got an answer. `source`: transcript or hook."""

    source: str


@dataclass(frozen=True)
class Checked:
    """A probe made while the client works: whether probes can tell anything about its path."""

    reachable: bool


@dataclass(frozen=True)
class Probed:
    finding: Finding
    reachable: bool


@dataclass(frozen=True)
class HoldStarted:
    pass


@dataclass(frozen=True)
class HoldEnded:
    """`by_user`: the release key, Ctrl-C, Escape, or somebody's SIGCONT."""

    reason: str
    by_user: bool


@dataclass(frozen=True)
class Suspended:
    """The user pressed Ctrl-Z."""


@dataclass(frozen=True)
class Resumed:
    pass


@dataclass(frozen=True)
class Exited:
    """The client is gone, or the session is over for us."""


@dataclass(frozen=True)
class Diagnosed:
    """What the probes make of it: a cause, how sure (0 to 1), and what they found wrong."""

    cause: Cause
    confidence: float
    summary: str
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Noticed:
    """Something that is not a failure, but may explain one."""

    finding: Finding


@dataclass(frozen=True)
class Interrupted:
    """The user has stopped the client's work: it waits for another prompt."""

    source: str


@dataclass(frozen=True)
class Configured:
    """What this machine's profile allows; it is known a moment after the start. `hold` and `hold_from` are
    those of `state.Policy`."""

    hold: bool
    hold_from: int
    nudge: bool
    restart: bool
    rungs: tuple[Rung, ...] = ()


@dataclass(frozen=True)
class Prompted:
    """The user has said something to the client, `ago_s` before this is told."""

    ago_s: float = 0.0


@dataclass(frozen=True)
class Typed:
    """What was to be typed has been submitted; or it was not, and `why`."""

    ok: bool
    why: str = ""


@dataclass(frozen=True)
class Restarted:
    """The client runs again, with its session; or it was left alone, and `why`. `later`: for a reason that
    passes."""

    ok: bool
    why: str = ""
    later: bool = False


@dataclass(frozen=True)
class Ran:
    """A remedy has ended. `status`: ok, failed, unfit (it can't help here), refused (no right to), suggested
    (only told)."""

    remedy: str
    status: str
    detail: str = ""
    took_s: float = 0.0


@dataclass(frozen=True)
class Answered:
    """What the user answered to the question `id`."""

    id: str
    answer: Literal["yes", "no", "always", "never"]


@dataclass(frozen=True)
class Retry:
    """The user wants one more try now, of a client that is held or has given up."""


@dataclass(frozen=True)
class Tick:
    """`at_rest`: the client does nothing, and if it had got an answer we would have been told."""

    at_rest: bool = False
    moment: Moment = field(default_factory=Moment)


Event = (
    Seen
    | Progressed
    | Noticed
    | Diagnosed
    | Interrupted
    | Checked
    | Probed
    | HoldStarted
    | HoldEnded
    | Suspended
    | Resumed
    | Exited
    | Configured
    | Prompted
    | Typed
    | Restarted
    | Ran
    | Answered
    | Retry
    | Tick
)


@dataclass(frozen=True)
class Probe:
    """Start or stop probing the path."""

    on: bool


@dataclass(frozen=True)
class Hold:
    pass


@dataclass(frozen=True)
class Release:
    pass


@dataclass(frozen=True)
class Diagnose:
    """Find out why: once when an incident has opened, and once more when it goes on for long; or when it has
    ended, and nobody knows yet. `started` is the incident's."""

    symptom: Symptom
    started: float


@dataclass(frozen=True)
class Record:
    """The incident as it is now. `outcome` is `open` until the last record of an incident."""

    report: Report


@dataclass(frozen=True)
class Notify:
    """One sentence for people."""

    text: str


@dataclass(frozen=True)
class Type:
    """Type these words into the client's empty input box, see that they stand there, and submit them."""

    text: str


@dataclass(frozen=True)
class Restart:
    """End the client and start it again with the same flags and its session."""


@dataclass(frozen=True)
class Run:
    """Carry a remedy out, or only tell what it would do."""

    remedy: str
    apply: bool


@dataclass(frozen=True)
class Ask:
    """Ask the user; None takes the last question back."""

    question: Question | None


@dataclass(frozen=True)
class Undo:
    """Undo what was done for this incident."""


Effect = Probe | Hold | Release | Diagnose | Record | Notify | Type | Restart | Run | Ask | Undo
