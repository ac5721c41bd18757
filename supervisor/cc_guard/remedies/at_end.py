"""After a session: what its guard, if it was killed, has not taken back. Lean: the end of a session."""

import os

from cc_guard import paths

_TIMEOUT_S = 60.0


def sweep() -> None:
    """What living sessions have changed stays. A failure is left for the next start. A Ctrl-C ends the
    waiting, and not what is being taken back."""
    try:
        names = os.listdir(os.path.join(paths.state_dir(), "undo"))
    except OSError:
        return
    if not any(name.endswith(".json") for name in names):
        return
    import subprocess
    import sys

    command = [sys.executable, "-P", "-m", "cc_guard.remedies", "sweep"]
    try:
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ).wait(_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired, KeyboardInterrupt):
        return
