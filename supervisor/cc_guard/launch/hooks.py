"""The hooks we give to the client, as text of a settings file. Lean: the start-up path imports this file.

One event name that a client before 2.1.101 does not know makes it skip the whole file (its changelog;
measured on 1.0.120, 2.0.44, 2.0.60 and 2.1.77), so each event has the first version that knows it.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cc_guard.launch.version import Version

# From the list of events in the npm package of that version; for the two late ones the list of the
# version published before it lacks the event. PreToolUse and PostToolUse are left out: each would cost a
# process for every tool call, and an open tool call stands in the transcript of all versions.
EVENTS = (
    ("SessionStart", (1, 0, 85)),
    ("UserPromptSubmit", (1, 0, 85)),
    ("Notification", (1, 0, 85)),
    ("Stop", (1, 0, 85)),
    ("SessionEnd", (1, 0, 85)),
    ("PermissionRequest", (2, 0, 45)),
    ("StopFailure", (2, 1, 78)),
)

# Our hook needs 3 ms; a spool on a hanging network file system must not stop the client for its 60 s.
_TIMEOUT_S = 5


class CannotMerge(Exception):
    """The user's settings can't carry our hooks: they have to reach the client as they are."""


def events(version: "Version") -> list[str]:
    return [event for event, first in EVENTS if version >= first]


def command(hook: str, spool: str, event: str) -> str:
    """The shell command of one event: the script `hook` gets the folder `spool` and the event's name."""
    return f"sh {shell_quote(hook)} {shell_quote(spool)} {event}"


def shell_quote(text: str) -> str:
    """One word for a POSIX shell."""
    return "'" + text.replace("'", "'\\''") + "'"


def settings(commands: "dict[str, str]", status_line: str = "") -> str:
    """Settings with nothing but our hooks, one command for each event, and the command of a status line."""
    entries = [
        f'"{event}":[{{"hooks":[{{"type":"command","command":{_json_string(text)},"timeout":{_TIMEOUT_S}}}]}}]'
        for event, text in commands.items()
    ]
    line = f',"statusLine":{{"type":"command","command":{_json_string(status_line)}}}' if status_line else ""
    return f'{{"hooks":{{{",".join(entries)}}}{line}}}'


def merged(user: str, commands: "dict[str, str]", status_line: "Callable[[object], str]") -> str:
    """The user's settings (JSON text) with our hooks behind theirs. `status_line` gives the command of the
    status line, empty for none of ours, for the `statusLine` in those settings. Raises CannotMerge."""
    import json

    try:
        theirs = json.loads(user)
        if not isinstance(theirs, dict) or _depends_on_its_folder(theirs):
            raise CannotMerge
        hooks = theirs.setdefault("hooks", {})
        if not isinstance(hooks, dict) or not all(isinstance(entries, list) for entries in hooks.values()):
            raise CannotMerge
        for event, entries in json.loads(settings(commands))["hooks"].items():
            hooks[event] = hooks.get(event, []) + entries
        line = theirs.get("statusLine", {})
        if isinstance(line, dict) and (command := status_line(line or None)):
            theirs["statusLine"] = {**line, "type": "command", "command": command}
        return json.dumps(theirs, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise CannotMerge from error


def _depends_on_its_folder(theirs: "dict[str, object]") -> bool:
    """The client reads `Edit(/x)` and the sandbox's relative paths from the folder of the settings file."""
    if "sandbox" in theirs:
        return True
    permissions = theirs.get("permissions")
    rules = permissions.values() if isinstance(permissions, dict) else ()
    return any("(/" in str(rule) and "(//" not in str(rule) for kind in rules for rule in _items(kind))


def _items(value: object) -> "list[object]":
    return value if isinstance(value, list) else []


def _json_string(text: str) -> str:
    escaped = "".join(c if c >= " " and c not in '"\\' else f"\\u{ord(c):04x}" for c in text)
    return f'"{escaped}"'
