"""The command line that goes on with a session: the same options, `--resume ID`, and no prompt.

Pure. Measured on 1.0.120, 2.0.60, 2.1.132 and 2.1.330: `--session-id` beside `--resume` is refused by all,
and so is the `--session-id` of a session that exists. After `--resume ID` the hooks of 2.0.60 and later name
ID from the start, and its transcript goes on. 1.0.120 gives SessionStart a new id and the hooks after it ID;
it may write its rows to the new id's file, to ID's, or to both. A session without a transcript row is not
found.
"""

from cc_guard.launch.arguments import OLDEST
from cc_guard.launch.options import COMMANDS, MANY_VALUES, ONE_VALUE, Option, scan, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cc_guard.launch.version import Version

# They say which session this is, or are for its start alone.
_DROPPED = words(
    """
    --session-id -c --continue -r --resume --fork-session --prefill --prefill-b64 --init --maintenance
    """
)
# No session in this terminal; one that is not kept; one that began elsewhere or in a folder made for it; an
# earlier point of one, to which the client would go back again.
_REFUSED = words(
    """
    -h --help -v -V --version -p --print --update --upgrade --init-only --sdk-url --bg --background --routine
    --handle-uri --attach-serve --desktop --no-session-persistence --from-pr --teleport --cloud --remote
    --environment --pool -w --worktree --resume-session-at --rewind-files --resume-drops-turn
    --session-began-as-copy
    """
)
_NEEDS_VALUE = ONE_VALUE | MANY_VALUES
# The newest version whose options launch/options.py knows. What follows an option of a later one may be its
# value or the prompt: only behind these it is known.
_NEWEST = (2, 1, 330)
_ALONE = words(
    """
    -c --continue --fork-session --verbose --dangerously-skip-permissions --allow-dangerously-skip-permissions
    --ide --chrome --no-chrome --strict-mcp-config --disable-slash-commands --bare --brief --tmux
    --ax-screen-reader --restricted --safe-mode --init --maintenance
    """
)


def resume_arguments(args: "Sequence[str]", session_id: str, version: "Version | None") -> "list[str] | None":
    """What stands behind the program's name to go on with `session_id`, for a client of this `version` that
    was started with `args`. None when that can't be done, or not be told."""
    options, operand = scan(args)
    names = {option.name for option in options}
    if version is None or version < OLDEST or not _is_session(session_id):
        return None
    if operand in COMMANDS or names & _REFUSED:
        return None
    if any(option.name in _NEEDS_VALUE and option.value is None for option in options):
        return None  # at the end of the line: it would take ours
    if version > _NEWEST and _is_ambiguous(args, options):
        return None
    kept: list[str] = []
    index = 0
    while index < len(options):
        start = options[index].start
        group = [option for option in options[index:] if option.start == start]
        kept += _without_dropped(args, group)
        index += len(group)
    return [*kept, "--resume", session_id]


def _without_dropped(args: "Sequence[str]", group: "list[Option]") -> list[str]:
    """The words of one option, or of a cluster of short ones, of which only the last may have a value."""
    start, end = group[0].start, group[-1].end
    kept = [option for option in group if option.name not in _DROPPED]
    if len(kept) == len(group):
        return list(args[start:end])
    if not kept:
        return []
    letters = "".join(option.name[1:] for option in kept)
    last = group[-1]
    if last.name in _DROPPED:
        return [f"-{letters}"]
    if end == start + 1:
        return [f"-{letters}{last.value or ''}"]
    return [f"-{letters}", *args[start + 1 : end]]


def _is_ambiguous(args: "Sequence[str]", options: "list[Option]") -> bool:
    """Whether a word behind an option might be its value, and not the prompt that we take it for."""
    for option in {option.start: option for option in options}.values():  # the last one of a cluster
        known = option.value is not None or option.name in _ALONE
        following = args[option.end] if option.end < len(args) else "--"
        if not known and not (len(following) > 1 and following.startswith("-")):
            return True
    return False


def _is_session(session_id: str) -> bool:
    """A UUID in its usual form (RFC 9562, 4)."""
    parts = session_id.split("-")
    digits = set("0123456789abcdefABCDEF")
    return [len(part) for part in parts] == [8, 4, 4, 4, 12] and all(set(part) <= digits for part in parts)
