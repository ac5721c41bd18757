"""The user's own status line, run by a command that adds a row of ours. Lean: the start-up path imports this.

Settings given by --settings are stronger than the user's files, so ours must run theirs. A client lays the
parts of `statusLine` over each other (`padding` in a file and our `command` are both in force; measured on
1.0.120, 2.0.60 and 2.1.330), so `command` is all we give. It shows what the command prints when its status is
0, each row trimmed, and no row for an empty one (same versions).
"""

import os

from cc_guard.launch import settings_file
from cc_guard.launch.hooks import shell_quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cc_guard.launch.version import Version

OWN = "statusline"
"""In the session's folder: the user's command as their files have it now (guard/segment.py follows them)."""
SEGMENT = "segment"
"""In the session's folder: what the guard has to say (guard/segment.py)."""

# One argument of exec may have 128 KB (Linux), and the client gives it to a shell.
_COMMAND_LIMIT = 16 * 1024
_TOP_SINCE = (2, 1, 228)  # probe/route.py
_KEY = '"statusLine"'


def files(environ: "Mapping[str, str]", cwd: str, version: "Version") -> "list[str]":
    """The client's settings files that may hold a status line and are weaker than --settings, the strongest
    last: user, project, local (code.claude.com/docs/en/settings). As probe/route.py has them, whose imports
    are too heavy here."""
    home = environ.get("CLAUDE_CONFIG_DIR") or os.path.join(os.path.expanduser("~"), ".claude")
    folders = [cwd, _top_folder(cwd)] if version >= _TOP_SINCE else [cwd]
    local = [os.path.join(folder, ".claude", "settings.local.json") for folder in folders]
    return [os.path.join(home, "settings.json"), os.path.join(cwd, ".claude", "settings.json"), *local]


def own(paths: "Iterable[str]", given: object = None) -> str:
    """The user's command; empty when there is none. `given`: the `statusLine` of their --settings."""
    merged: dict[str, object] = {}
    for value in (*map(_status_line, paths), given):
        if isinstance(value, dict):
            merged.update(value)
    command = merged.get("command")
    if merged.get("type") != "command" or not isinstance(command, str) or not command.strip():
        return ""
    try:
        size = len(command.encode())
    except UnicodeEncodeError:
        return ""
    return command if size <= _COMMAND_LIMIT and "\0" not in command else ""


def wrapped(command: str, script: str, folder: str) -> str:
    """The shell command that runs the user's and then the `script` which adds our row.

    Theirs is run by the shell that the client has chosen, in a subshell, so that `exit` and `exec` end only
    that. The words in here are for a session that outlives this one's folder. That others can see them in a
    list of processes is nothing new: the client gives them to a shell in the same way.
    """
    theirs, segment = (shell_quote(os.path.join(folder, name)) for name in (OWN, SEGMENT))
    return (
        f"(if [ -r {theirs} ]; then . {theirs}; else eval {shell_quote(command)}; fi); s=$?; "
        f"[ $s = 0 ] && [ -s {segment} ] && sh {shell_quote(script)} {segment}; exit $s"
    )


def write(folder: str, command: str) -> None:
    """Make or replace the file with the user's command, at once or not at all. Raises OSError."""
    path = os.path.join(folder, OWN)
    temporary = f"{path}.{os.getpid()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(f"{command}\n")
    os.replace(temporary, path)


def _status_line(path: str) -> object:
    """Only for a file that has one, json is imported: 5 ms."""
    try:
        text = settings_file.read(path)
    except (OSError, ValueError):
        return None
    if _KEY not in text:
        return None
    import json

    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found.get("statusLine") if isinstance(found, dict) else None


def _top_folder(cwd: str) -> str:
    """That of the git repository which `cwd` is inside of; `cwd` where there is none."""
    top = cwd
    while not os.path.exists(os.path.join(top, ".git")):
        above = os.path.dirname(top)
        if above == top:
            return cwd
        top = above
    return top
