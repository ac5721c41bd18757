"""Which file to execute for a program's name. Lean: the start-up path imports this file.

As execvp(3) does, with two differences. What would call cc-guard again is passed over: cc-guard itself
under another name, and small scripts that mention it, so that a shim called `claude` may stand first in
PATH. And `claude` is looked for in the places where installers put it without touching PATH: the client's
own local installer, for one, leaves only a shell alias.
"""

import os
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CLIENT = "claude"

# Where a shim says what it runs.
_SHIM_HEAD = 4096

_GET_CLIENT = (
    "Get it: npm install -g @anthropic-ai/claude-code, or curl -fsSL https://claude.ai/install.sh | bash. "
    "(cc-guard demo needs none.)"
)
_GET_PROGRAM = "Check the name, or give its path: cc-guard -- PATH"


class NotFound(Exception):
    """There is no such program; exit status 127. The text has two lines: what is missing, how to get it."""


class NotExecutable(Exception):
    """There is one, and it may not be executed; exit status 126. The text has two lines."""


def find_program(name: str, environ: "Mapping[str, str]") -> str:
    """The path to execute for `name`: a path when it has a slash, else looked up in PATH.

    Raises NotFound and NotExecutable.
    """
    if "/" in name:
        if not os.path.exists(name):
            raise NotFound(f"{name} does not exist.\n{_GET_PROGRAM}")
        if not _is_executable(name):
            raise NotExecutable(_not_executable(name))
        return name
    refused = ""
    for path in _candidates(name, environ):
        if not os.path.isfile(path):
            continue
        if not _is_executable(path):
            refused = refused or path
        elif not _calls_us(path):
            return path
    if refused:
        raise NotExecutable(_not_executable(refused))
    if name == CLIENT:
        raise NotFound(f"Claude Code is not installed: there is no {name} in PATH.\n{_GET_CLIENT}")
    raise NotFound(f"there is no {name} in PATH.\n{_GET_PROGRAM}")


def _candidates(name: str, environ: "Mapping[str, str]") -> "Iterator[str]":
    for folder in environ.get("PATH", os.defpath).split(os.pathsep):
        # POSIX, Base Definitions 8.3: an empty entry is the current folder.
        yield os.path.join(folder or ".", name)
    if name == CLIENT:
        yield from _known_places(environ)


def _known_places(environ: "Mapping[str, str]") -> "Iterator[str]":
    home = environ.get("HOME") or os.path.expanduser("~")
    # https://code.claude.com/docs/en/setup: the native installer; the older local one.
    yield os.path.join(home, ".local/bin", CLIENT)
    yield os.path.join(home, ".claude/local", CLIENT)
    # npm's own variable for its prefix, then the prefix that npm's and the client's documents suggest.
    for prefix in (environ.get("NPM_CONFIG_PREFIX"), environ.get("npm_config_prefix")):
        if prefix:
            yield os.path.join(prefix, "bin", CLIENT)
    yield os.path.join(home, ".npm-global/bin", CLIENT)
    yield f"/opt/homebrew/bin/{CLIENT}"
    yield f"/usr/local/bin/{CLIENT}"


def _is_executable(path: str) -> bool:
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) and os.access(path, os.X_OK)


def _calls_us(path: str) -> bool:
    own = sys.argv[0] if sys.argv else ""
    if own and os.path.realpath(path) == os.path.realpath(own):
        return True
    try:
        with open(path, "rb") as file:
            head = file.read(_SHIM_HEAD)
    except OSError:
        return False
    # The first line names the interpreter, which may live in a folder called cc-guard.
    return head.startswith(b"#!") and _mentions_us(head.partition(b"\n")[2])


def _mentions_us(script: bytes) -> bool:
    for name in (b"cc-guard", b"cc_guard"):
        at = script.find(name)
        while at >= 0:
            after = script[at + len(name) : at + len(name) + 1]
            # In `cc-guard/bin/claude` and `cc-guard-old` it is part of another name.
            if not after.isalnum() and after not in (b"/", b"-", b"_"):
                return True
            at = script.find(name, at + 1)
    return False


def _not_executable(path: str) -> str:
    return f"{path} is not an executable file.\nMake it one (chmod +x), or name another: cc-guard -- PATH"
