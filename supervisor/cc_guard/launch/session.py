"""Everything that must exist before the client starts: its arguments, and the session's private folder.

Lean: the start-up path imports this file.
"""

import fcntl
import os

from cc_guard import paths
from cc_guard.launch import arguments, settings_file, statusline, version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cc_guard.launch.version import Version

_HOOK = "cc-guard-hook"
_SEGMENT = "cc-guard-segment"


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


def prepare_session(
    program: str, args: "list[str]", options: "dict[str, str] | None" = None
) -> SessionLaunch:
    """What `program` is started with; `options` are ours, as settings_cache has them. Where the folder can't
    be made (a full disk, a read-only home), the user's arguments stay as they are: the session is worth more
    than our hooks."""
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
        hooks = paths.shipped("hooks")
        hook = os.path.join(hooks, _HOOK)
        session_id = arguments.new_session_id(random)
        line = _StatusLine(known, os.path.join(hooks, _SEGMENT), base, options or {})
        launch = arguments.prepare(
            args, known, session_id, hook, spool, file, settings_file.read, line.command
        )
        if launch.settings is not None:
            folder = spool if launch.keeps_file else base
            os.mkdir(base, 0o700)
            _lock(base)
            for part in ("", "tmp", "new"):
                os.mkdir(os.path.join(spool, part), 0o700)
            settings_file.write(file, launch.settings)
            if line.followed:
                statusline.write(base, line.followed)
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


class _StatusLine:
    """`followed`: the user's command when it is from their files, which may change during the session."""

    def __init__(
        self, version: "Version | None", script: str, folder: str, options: "dict[str, str]"
    ) -> None:
        self._version, self._script, self._folder, self._options = version, script, folder, options
        self.followed = ""

    def command(self, given: object) -> str:
        """What the client is to run for its status line; empty: nothing of ours."""
        assert self._version is not None
        try:
            files = statusline.files(os.environ, os.getcwd(), self._version)
            f"{self._script}{self._folder}".encode()  # settings are UTF-8
        except (OSError, UnicodeEncodeError):
            return ""
        command = statusline.own(files, given)
        if not command or not self._wanted():
            return ""
        if given is None:
            self.followed = command
        return statusline.wrapped(command, self._script, self._folder)

    def _wanted(self) -> bool:
        """Settings are looked at only where there are some, and a status line: they cost 5 ms."""
        from cc_guard import settings_cache

        if not (self._options or settings_cache.variables() or os.path.exists(paths.config_file())):
            return True
        try:
            return settings_cache.load(self._options).statusline.enabled
        except settings_cache.SettingsError:
            return False


def _lock(folder: str) -> None:
    """Mark the folder as ours while this process lives (guard/leftovers.py): the descriptor stays open."""
    fcntl.flock(os.open(os.path.join(folder, paths.LOCK), os.O_WRONLY | os.O_CREAT, 0o600), fcntl.LOCK_EX)
