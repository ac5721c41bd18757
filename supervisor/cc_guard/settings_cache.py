"""The validated settings without the validator: pydantic costs 200 ms and 25 MB, so it runs in a child, once.

An entry is two lines of ASCII: all that the result depends on, then the result as JSON. Only valid settings
are kept, so an entry whose first line still holds is proof. Lean: the start-up path imports this file.
"""

import os

from cc_guard import __version__, paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cc_guard.settings import Settings

PREFIX = "CC_GUARD_"
# Knobs of the tests; not settings.
_TEST_PREFIX = "CC_GUARD_TEST_"
# The child needs 0.3 s; this is for a machine that swaps.
_CHILD_TIMEOUT_S = 20


class SettingsError(Exception):
    """The settings are wrong or can't be read; the text says where and what to do, in at most two lines."""


def needs_check(options: "dict[str, str] | None" = None) -> bool:
    """Whether `check` would take its 0.3 s: the user has set something that is not known to be valid."""
    if not os.path.exists(paths.config_file()) and not variables():
        return False
    return _Entry(options or {}).read() is None


def check(options: "dict[str, str]") -> None:
    """Raise SettingsError unless file, variables and options are valid together. Options are as in `load`."""
    _valid_text(options)


def load(options: "dict[str, str]") -> "Settings":
    """The settings as plain namespaces of the same shape, from the cache or else from the validating child.

    `options` come from the command line, by dotted name: `{"hold.enabled": "false"}`. Raises SettingsError.
    """
    import json
    from types import SimpleNamespace

    answer = json.loads(_valid_text(options), object_hook=lambda table: SimpleNamespace(**table))
    settings: Settings = answer.settings
    return settings


def explicit(options: "dict[str, str]") -> "frozenset[str]":
    """The dotted names of the settings that are not left at their default. Options are as in `load`. Raises
    SettingsError."""
    import json

    return frozenset(json.loads(_valid_text(options))["explicit"])


def variables() -> "dict[str, str]":
    """The environment variables that are settings, or want to be. Not `CC_GUARD`, which marks a session."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.upper().startswith(PREFIX) and not name.startswith(_TEST_PREFIX)
    }


class _Entry:
    """The cache's place for one set of file, variables and options; a newer file replaces the older entry."""

    def __init__(self, options: "dict[str, str]") -> None:
        from binascii import crc32

        config = paths.config_file()
        given = ascii((config, sorted(variables().items()), sorted(options.items())))
        model = os.path.join(os.path.dirname(os.path.abspath(__file__)), "settings.py")
        self._key = f"{given} {stamp(config)} {stamp(model)} {__version__}\n"
        self._name = f"settings-{crc32(given.encode()):08x}.json"

    def read(self) -> "str | None":
        try:
            with open(os.path.join(paths.state_dir(), self._name), encoding="ascii") as file:
                key, text = file.readline(), file.read()
        except (OSError, UnicodeDecodeError):
            return None
        return text if key == self._key and text.endswith("\n") else None

    def write(self, text: str) -> None:
        """May fail in silence: it is a cache, and the next start does the work again."""
        temporary = ""
        try:
            target = os.path.join(paths.state_dir(), self._name)
            temporary = f"{target}.{os.getpid()}"
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(descriptor, "w", encoding="ascii") as file:
                file.write(f"{self._key}{text}\n")
            os.replace(temporary, target)
        except OSError:
            if os.path.exists(temporary):
                os.unlink(temporary)


def stamp(path: str) -> "tuple[int, ...]":
    """What is different when the file is another one, or has other content."""
    try:
        status = os.stat(path)
    except OSError as error:
        return (error.errno or 0,)
    return (status.st_ino, status.st_mtime_ns, status.st_size)


def _valid_text(options: "dict[str, str]") -> str:
    entry = _Entry(options)
    text = entry.read()
    if text is None:
        text = _validate(options)
        entry.write(text)
    return text


def _validate(options: "dict[str, str]") -> str:
    import json
    import subprocess
    import sys

    # -P: the current folder is the user's project, and none of its modules may be imported.
    command = [sys.executable, "-P", "-m", "cc_guard.settings", json.dumps(options)]
    try:
        child = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_CHILD_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SettingsError(f"The settings can't be checked: {error}.") from error
    try:
        answer = json.loads(child.stdout)
    except ValueError:
        last = (
            child.stderr.decode(errors="replace").strip().rpartition("\n")[2] or f"status {child.returncode}"
        )
        raise SettingsError(f"The settings can't be checked: {last}\nReinstall cc-guard.") from None
    if "error" in answer:
        raise SettingsError(answer["error"])
    return json.dumps({"settings": answer["settings"], "explicit": answer["explicit"]})
