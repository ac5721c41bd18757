"""The panel beside the client, opened by itself: once in a session, without taking the focus.

Only while the client runs: one that is held can't draw itself anew for a smaller pane. So with an incident
the panel opens as soon as the client retries, and is there when the client is held.
"""

import asyncio
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from cc_guard.diagnose import tools
from cc_guard.terminals.terminal import Later, Place, Refused, Terminal, split

if TYPE_CHECKING:
    from cc_guard.incident.state import State
    from cc_guard.screen.frames import Frames
    from cc_guard.settings import Settings

_QUIET_S = 0.5  # a client that has started has drawn its screen and says nothing more
_AGAIN_S = 5.0
_STAYS_S = 2.0  # whoever is there for shorter only asks: `cc-guard answer`, the picker of another panel
_COMES_S = 5.0  # a panel needs 0.5 s to come up, on a busy machine some
_NO_KEY_S = 2.0
_PRESENT_S = 20.0

_FOLDERS = ("XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "HOME")
"""By which the panel finds the session. A multiplexer's server may have others."""
_LOOKS = ("COLORFGBG", "COLORTERM")
_BY_HAND = "to see it beside the session, run `cc-guard panel` in another window"


class Opener:
    """`say(text)` is for people. `clock` tells monotonic seconds."""

    def __init__(
        self,
        settings: "Settings",
        frames: "Frames",
        restarts: int,
        say: Callable[[str], None],
        environ: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`restarts`: how many guards this session has had before. What they have opened is not known, and
        what the user has closed since; then nothing is opened."""
        self._when, self._explains = settings.panel_when, settings.panel == "split"
        self._frames = frames
        self._say, self._environ, self._clock = say, environ, clock
        self._relay = os.getppid()
        self._over = settings.panel == "off" or restarts > 0
        self._said = ""
        self._again = 0.0
        self._opened = 0.0
        self._watched_since: float | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def coming(self) -> bool:
        """A panel is on its way: nothing else has to be shown in its stead."""
        if self._task is not None and not self._task.done():
            return True
        soon = self._opened and self._clock() - self._opened < _COMES_S
        return bool(soon) and self._watched_since is None

    def tick(self, state: "State", watched: bool, last_key: float) -> None:
        """`watched`: somebody is there already. `last_key`: when the user has typed last."""
        now = self._clock()
        self._note_watchers(watched, now)
        if self._over or watched or now < self._again or not self._wanted(state):
            return
        if self._task is not None and not self._task.done():
            return
        from cc_guard.terminals import recognise

        terminal = recognise(self._environ)
        if terminal is None:
            self._give_up(f"this terminal can't be divided by cc-guard; {_BY_HAND}", quiet=not self._explains)
            return
        if not _in_nobodys_way(terminal, now - last_key):
            return
        self._again = now + _AGAIN_S
        self._task = asyncio.get_running_loop().create_task(self._open(terminal))

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _note_watchers(self, watched: bool, now: float) -> None:
        if not watched:
            self._watched_since = None
        elif self._watched_since is None:
            self._watched_since = now
        elif now - self._watched_since >= _STAYS_S:
            self._over = True  # and when it goes, the user has closed it

    def _wanted(self, state: "State") -> bool:
        frames = self._frames
        if frames.screen is None or frames.stale or not frames.complete or state.suspended:
            return False
        if self._when == "incident":
            return state.phase in ("watching", "stalled", "down")
        drawn = frames.last_output > 0.0 and self._clock() - frames.last_output >= _QUIET_S
        return state.phase in ("watching", "stalled", "down") or (state.phase == "idle" and drawn)

    async def _open(self, terminal: Terminal) -> None:
        place = Place(self._environ, await device(self._relay), self._relay)
        columns, rows = size(place.tty)
        way = split(columns, rows, terminal.halves)
        if way is None:
            self._explain(f"the window is too small for a panel; {_BY_HAND}")
            return
        try:
            await terminal.open_(place, way, command(self._environ, self._relay))
        except Later:
            return
        except (Refused, OSError, ValueError) as why:
            self._give_up(f"no panel beside the session: {why}; {_BY_HAND}")
            return
        self._over, self._opened = True, self._clock()

    def _give_up(self, text: str, quiet: bool = False) -> None:
        self._over = True
        if not quiet:
            self._said = text
            print(text, file=sys.stderr)  # which is the guard's log
            self._say(text)

    def _explain(self, text: str) -> None:
        """Once, where it was asked for."""
        if self._explains and text != self._said:
            self._said = text
            self._say(text)


def command(environ: Mapping[str, str], relay: int) -> list[str]:
    """What runs the panel of this session, wherever it is started."""
    words = [shutil.which("env", path="/usr/bin:/bin") or "/usr/bin/env"]
    for name in _FOLDERS:
        if name not in environ:
            words += ["-u", name]
    words += [f"{name}={environ[name]}" for name in (*_FOLDERS, *_LOOKS) if name in environ]
    return [*words, sys.executable, "-P", "-m", "cc_guard", "panel", "--session", str(relay)]


async def device(pid: int) -> str:
    """The terminal that the process reads, such as /dev/pts/3; empty when that is not known."""
    if sys.platform == "linux":
        try:
            found = os.readlink(f"/proc/{pid}/fd/0")
        except OSError:
            return ""
    else:
        asked = await tools.run("ps", "-o", "tty=", "-p", str(pid))  # ps(1): `ttys003`, `??` for none
        found = f"/dev/{asked.text.strip()}" if asked.status == 0 else ""
    return found if found.startswith("/dev/") and "?" not in found else ""


def size(tty: str) -> tuple[int, int]:
    """Columns and rows; none where that is not known."""
    try:
        fd = os.open(tty, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return 0, 0
    try:
        columns, rows = os.get_terminal_size(fd)
    except OSError:
        return 0, 0
    finally:
        os.close(fd)
    return columns, rows


def _in_nobodys_way(terminal: Terminal, since_key_s: float) -> bool:
    if terminal.moves_focus and since_key_s < _NO_KEY_S:
        return False
    return not terminal.in_front or since_key_s <= _PRESENT_S
