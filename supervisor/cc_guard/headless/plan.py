"""Which arguments a run of `claude -p` gets, and one that goes on with its session. Pure and lean."""

from cc_guard.launch.arguments import OLDEST, new_session_id
from cc_guard.launch.options import COMMANDS, Option, scan, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cc_guard.launch.version import Version

PRINT = words("-p --print")
OUTPUTS = words("text json stream-json")
# The model answers what stands before it. A plain `continue` would be one more thing that the user has said,
# and the same prompt again would stand in the conversation twice.
REMINDER = (
    "<system-reminder>The connection to the API was lost and is back. Go on with the user's request exactly "
    "where you left off, without a word about the interruption.</system-reminder>"
)

_SESSION = words("--session-id -c --continue -r --resume --fork-session")
_NAMED = words("--session-id --fork-session")  # with both, also a session that is resumed gets a chosen id
_LIMITS = words("--max-turns --max-budget-usd")
# With one of these there is no conversation here, or none that --resume finds again from this folder.
_UNTOUCHED = words(
    """
    -h --help -v -V --version --update --upgrade --init-only --sdk-url --bg --background --routine
    --handle-uri --attach-serve --from-pr --teleport --cloud --remote --resume-session-at --rewind-files
    --no-session-persistence -w --worktree --tmux --environment --pool
    """
)
# Measured on 2.0.60 and newer. 2.0.14 takes nothing but an answer's id, 1.0.120 does not know the option.
_RESUME_AT_SINCE = (2, 0, 60)


class Plan:
    """`args` are those of the first run. `session`: its session's id; None when its output will tell, or when
    it has to be looked for. `limited`: the user allows so many turns or so much money for all of it."""

    __slots__ = ("args", "limited", "output", "session", "user_args", "version")

    def __init__(self, user_args: "list[str]", version: "Version", output: str) -> None:
        self.user_args, self.version, self.output = user_args, version, output
        self.args = user_args
        self.session: str | None = None
        self.limited = False


def make(args: "list[str]", version: "Version | None", random: bytes) -> Plan | None:
    """None for a run that has to be left alone: not a print, or one that could not be repeated."""
    if version is None or version < OLDEST:
        return None
    options, operand = scan(args)
    names = {option.name for option in options}
    if not names & PRINT or names & _UNTOUCHED or operand in COMMANDS:
        return None
    output = _last(options, "--output-format") or "text"
    if output not in OUTPUTS or _last(options, "--input-format") not in (None, "text"):
        return None
    plan = Plan(list(args), version, output)
    plan.limited = bool(names & _LIMITS)
    if output != "text":
        return plan
    if not names & _SESSION:
        plan.session = new_session_id(random)
        plan.args = ["--session-id", plan.session, *args]
    elif names & _SESSION <= _NAMED or names >= _NAMED:
        plan.session = _last(options, "--session-id")
    return plan


def resumed(plan: Plan, session: str, after: str) -> "list[str]":
    """The same run, going on with `session` behind its row `after` (a uuid). What came later is left out: the
    client's own words about the failure, and a part of an answer."""
    own = ["--resume", session]
    if plan.version >= _RESUME_AT_SINCE:
        own += ["--resume-session-at", after]
    return [*own, REMINDER, *_kept(plan.user_args)]


def _kept(args: "list[str]") -> "list[str]":
    """The options that do not choose a session; the prompt is in the session."""
    options, _ = scan(args)
    kept: list[str] = []
    for start in dict.fromkeys(option.start for option in options):
        group = [option for option in options if option.start == start]
        if all(option.name not in _SESSION for option in group):
            kept += args[start : group[-1].end]
            continue
        for option in group:  # `-cp` is two
            if option.name not in _SESSION:
                kept += [option.name] if option.value is None else [option.name, option.value]
    return kept


def _last(options: "list[Option]", name: str) -> "str | None":
    return next((option.value for option in reversed(options) if option.name == name), None)
