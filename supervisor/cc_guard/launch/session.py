"""Everything that must exist before the client starts: its arguments, and the session's private folder.

Lean: the start-up path imports this file.
"""

import fcntl
import os

from cc_guard import paths
from cc_guard.launch import arguments, settings_file, version

_HOOK = "cc-guard-hook"


class SessionLaunch:
    """`args` for the client, `words` for the guard. Call `clean_up` when the session is over."""

    def __init__(self, args: "list[str]", words: "list[str]", folder: str) -> None:
        self.args = args
        self.words = words
        self._folder = folder

    def clean_up(self) -> None:
        if self._folder:
            import shutil

            shutil.rmtree(self._folder, ignore_errors=True)


def prepare_session(program: str, args: "list[str]") -> SessionLaunch:
    """What `program` is started with. Where the folder can't be made (a full disk, a read-only home), the
    user's arguments stay as they are: the session is worth more than our hooks."""
    known = version.known_version(program)
    words = [f"program={program}"]
    if known is not None:
        words.append(f"version={'.'.join(map(str, known))}")
    random = os.urandom(16)
    folder = ""
    try:
        base = os.path.join(paths.runtime_dir(), f"session-{os.getpid()}-{random[:4].hex()}")
        spool = os.path.join(base, "spool")
        file = os.path.join(base, settings_file.NAME)
        hook = os.path.join(paths.shipped("hooks"), _HOOK)
        session_id = arguments.new_session_id(random)
        launch = arguments.prepare(args, known, session_id, hook, spool, file, settings_file.read)
        if launch.settings is not None:
            folder = spool if launch.keeps_file else base
            os.mkdir(base, 0o700)
            _lock(base)
            for part in ("", "tmp", "new"):
                os.mkdir(os.path.join(spool, part), 0o700)
            settings_file.write(file, launch.settings)
            words += [f"folder={spool}", f"settings={file}"]
        elif launch.own_settings and not settings_file.is_json(launch.own_settings):
            words.append(f"settings={launch.own_settings}")
    except OSError:
        return SessionLaunch(args, words, folder)
    if launch.session_id:
        words.append(f"session={launch.session_id}")
    elif launch.settings is not None:
        words.append("resumed=1")
    return SessionLaunch(launch.args, words, folder)


def _lock(folder: str) -> None:
    """Mark the folder as ours while this process lives (guard/leftovers.py): the descriptor stays open."""
    fcntl.flock(os.open(os.path.join(folder, paths.LOCK), os.O_WRONLY | os.O_CREAT, 0o600), fcntl.LOCK_EX)
