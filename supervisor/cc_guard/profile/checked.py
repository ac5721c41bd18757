"""Whether a session may start with the profiles as they are. Lean: the start-up path may import this file.

Reading the user's own files takes 0.3 s, so a child does it, once: what was right stays right until a file
changes.
"""

import os

from cc_guard import __version__, paths, settings_cache
from cc_guard.profile import names, note

_NOTE = "profiles-checked"
# The child needs 0.3 s; this is for a machine that swaps.
_CHILD_TIMEOUT_S = 20


def wrong(options: "dict[str, str]") -> str:
    """A mistake in the user's own profiles, or that the one asked for does not exist: what, where, and what
    to do, in at most two lines. Empty when a session may start. Options are as in settings_cache.load, whose
    SettingsError this raises, too."""
    name = asked(options)
    own = names.files(paths.config_profiles())
    if not own:
        return names.unknown(name)
    stamps = [(path, settings_cache.stamp(path)) for path in own.values()]
    key = ascii((name, stamps, paths.shipped("profiles"), __version__))
    if note.read(_NOTE) == key:
        return ""
    mistakes = _mistakes() or list(filter(None, [names.unknown(name)]))
    if not mistakes:
        note.write(_NOTE, key)
        return ""
    more = f" ({len(mistakes) - 1} more to correct)" if len(mistakes) > 1 else ""
    return mistakes[0] + more


def asked(options: "dict[str, str]") -> str:
    """The setting `profile`: a name, or auto. Does not look into files where nothing else can say it."""
    if "profile" in options:
        return options["profile"]
    if not os.path.exists(paths.config_file()) and not settings_cache.variables():
        return names.AUTO
    return settings_cache.load(options).profile


def _mistakes() -> "list[str]":
    """None where the child can't tell: the guard does without a profile then, and so can the session."""
    import json
    import subprocess
    import sys

    command = [sys.executable, "-P", "-m", "cc_guard.profile", "--check"]
    try:
        child = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_CHILD_TIMEOUT_S, check=False
        )
        found: list[str] = json.loads(child.stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return []
    return found
