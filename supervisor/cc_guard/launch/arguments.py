"""What the client is started with: the user's words, our session id and our hooks.

Pure but for the reader of the user's settings, which is a parameter. Lean: the start-up path imports it.
"""

from cc_guard.launch import hooks
from cc_guard.launch.options import COMMANDS, Option, scan, words
from cc_guard.launch.settings_file import is_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cc_guard.launch.version import Version

# --session-id, --settings and all five early hook events are in the npm package of 1.0.85.
OLDEST = (1, 0, 85)

# With one of these there is no session in this terminal: text and an end, a print, a background job.
_NO_SESSION = words(
    """
    -h --help -v -V --version -p --print --update --upgrade --init-only --sdk-url
    --bg --background --routine --handle-uri --attach-serve
    """
)
# With one of these the session's id is the user's or the client's choice; 1.0.120 refuses to start with ours.
_OWN_SESSION = words(
    """
    --session-id -c --continue -r --resume --fork-session --from-pr --teleport --cloud --remote
    --resume-session-at --rewind-files
    """
)
# With one of these a client leaves some settings files, or all status lines, out (2.1.330, --help).
_NO_STATUS_LINE = words("--setting-sources --bare --safe-mode --restricted")
# Which of several --settings a client takes: first word of argv, or last option. Read off the code of
# 1.0.88, 1.0.120, 2.0.60, 2.1.160, 2.1.190 and 2.1.330; between those it was not looked at. From 1.0.120
# to 2.0.60 the form --settings=X is without effect; we take it for what it says.
_SETTINGS_RULES = (
    ((2, 1, 190), "last"),
    ((2, 1, 161), "unknown"),
    ((1, 0, 120), "first"),
    ((1, 0, 89), "unknown"),
    (OLDEST, "last"),
)


# Since then /bg makes a background session of this one (changelog; 2.1.139 has the first `claude agents`). It
# starts with the same --settings, and fails when that names a file which is gone (measured, 2.1.330). Before,
# settings given as JSON would stay behind as a file in /tmp.
_BACKGROUND_SINCE = (2, 1, 139)


class Launch:
    """How to start the client.

    `args`: its arguments. `session_id`: the id the session will have, None when the client chooses it (its
    SessionStart hook says which). `settings`: what the settings file must hold before the start, None when
    our hooks are not in. `keeps_file`: the client may read that file even after this session.
    `own_settings`: the user's value of --settings when it reaches the client as it is.
    """

    __slots__ = ("args", "keeps_file", "own_settings", "session_id", "settings")

    def __init__(self, args: "list[str]", session_id: "str | None" = None) -> None:
        self.args, self.session_id = args, session_id
        self.settings: str | None = None
        self.keeps_file = False
        self.own_settings: str | None = None

    def put_settings(self, start: int, end: int, text: str, value: str) -> None:
        """`--settings value` in place of the words from `start` to `end`; `value` is `text` or its file."""
        self.args[start:end] = ["--settings", value]
        self.settings = text


def prepare(
    args: "Sequence[str]",
    version: "Version | None",
    session_id: str,
    hook: str,
    spool: str,
    file: str,
    read_settings: "Callable[[str], str]",
    status_line: "Callable[[object], str] | None" = None,
) -> Launch:
    """The launch for the user's `args` on a client of this `version`.

    Args that start no session, a client too old and a program that is not known to be the client (None)
    get nothing of ours. `file` is where settings can be written that hold the user's own: those may be
    secret, so they never stand in the arguments unless the user put them there. `read_settings` gives the
    JSON text for a value of --settings, or raises OSError or ValueError; then the user's settings reach the
    client as they are, without our hooks. `status_line` gives the command that is to be the client's status
    line, empty for none of ours, for what --settings has under that name.
    """
    options, operand = scan(args)
    names = {option.name for option in options}
    if version is None or version < OLDEST or operand in COMMANDS or names & _NO_SESSION:
        return Launch(list(args))
    launch = Launch(list(args), _chosen_session(options))
    commands = {event: hooks.command(hook, spool, event) for event in hooks.events(version)}
    if _is_text(hook + spool):
        if status_line is None or names & _NO_STATUS_LINE:
            status_line = _no_status_line
        _add_settings(launch, options, version, commands, file, read_settings, status_line)
    if not names & _OWN_SESSION:
        launch.session_id = session_id
        launch.args[:0] = ["--session-id", session_id]
    return launch


def new_session_id(random: bytes) -> str:
    """The text of a UUID of version 4 (RFC 9562, 5.4) from 16 random bytes."""
    number = int.from_bytes(random, "big") & ~(0xF << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62
    text = f"{number:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _chosen_session(options: "list[Option]") -> "str | None":
    names = {option.name for option in options}
    if names & _OWN_SESSION != {"--session-id"}:
        return None  # a resumed session gets a new id in some versions and keeps the old one in others
    return next(option.value for option in reversed(options) if option.name == "--session-id")


def _no_status_line(given: object) -> str:
    return ""


def _is_text(path: str) -> bool:
    """Settings are UTF-8: a path that is not can't be written there."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _add_settings(
    launch: Launch,
    options: "list[Option]",
    version: "Version",
    commands: "dict[str, str]",
    file: str,
    read_settings: "Callable[[str], str]",
    status_line: "Callable[[object], str]",
) -> None:
    background = version >= _BACKGROUND_SINCE
    given = [option for option in options if option.name == "--settings"]
    if not given:
        text = hooks.settings(commands, status_line(None))
        launch.put_settings(0, 0, text, text if background else file)
        return
    taken = _taken(given, version)
    launch.own_settings = (taken or given[-1]).value
    if taken is None or taken.value is None:
        return
    try:
        text = hooks.merged(read_settings(taken.value), commands, status_line)
    except (OSError, ValueError, hooks.CannotMerge):
        return
    launch.own_settings = None
    # In place: in front it could lose to theirs, and taken out it would no longer end a list of values.
    inline = background and is_json(taken.value)
    launch.put_settings(taken.start, taken.end, text, text if inline else file)
    launch.keeps_file = background and not inline


def _taken(given: "list[Option]", version: "Version") -> "Option | None":
    if len(given) == 1:
        return given[0]
    rule = next(rule for since, rule in _SETTINGS_RULES if version >= since)
    return {"first": given[0], "last": given[-1]}.get(rule)
