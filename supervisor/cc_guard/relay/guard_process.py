"""Starting the guard, and starting it again when it dies. The session never waits for it."""

import os
import select
import sys
import time

from cc_guard.relay.link import QUEUE_LIMIT, RECORDING_QUEUE_LIMIT, GuardLink

_BACKOFF_S = (0.5, 1.0, 2.0, 5.0, 15.0, 60.0)
_STEADY_S = 120.0  # a guard that lived this long starts over with the first back-off
_EXIT_WAIT_S = 0.25
_RECORDING_MOST_S = 30.0
_RECORDING_WAIT_S = 3.0  # for all of the output to be in the file


class GuardProcess:
    """One guard at a time. `words` are its `key=value` arguments. `recording`: it writes down all output."""

    def __init__(self, words: list[str], recording: bool = False) -> None:
        self._words = words
        self._recording = recording
        self._pid = 0
        self._starts = 0
        self._next_start = 0.0
        self._started_at = 0.0
        self._guard_ends: tuple[int, ...] = ()
        self.link = self._new_link()

    def _new_link(self) -> GuardLink:
        from_guard, guard_writes = os.pipe()
        guard_reads, to_guard = os.pipe()
        self._guard_ends = guard_reads, guard_writes
        return GuardLink(from_guard, to_guard, RECORDING_QUEUE_LIMIT if self._recording else QUEUE_LIMIT)

    @property
    def running(self) -> bool:
        return self._pid != 0

    @property
    def restarted(self) -> bool:
        return self._starts > 1

    def start_due_in_s(self) -> float:
        return self._next_start - time.monotonic()

    def start(self) -> None:
        """Spawn the guard with its end of the link and /dev/null, and nothing else of ours."""
        if not self._guard_ends:
            self.link = self._new_link()
        self._starts += 1
        self._started_at = time.monotonic()
        own = [f"link={','.join(map(str, self._guard_ends))}", f"restarts={self._starts - 1}"]
        argv = [sys.executable, "-P", "-m", "cc_guard.guard", *own, *self._words]
        for fd in self._guard_ends:
            os.set_inheritable(fd, True)
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDWR, 0),
            (os.POSIX_SPAWN_DUP2, 0, 1),
            (os.POSIX_SPAWN_DUP2, 0, 2),
        ]
        try:
            self._pid = os.posix_spawn(sys.executable, argv, os.environ, file_actions=actions)
        except OSError:
            self._pid = 0
            self._schedule()
        self._close_guard_ends()

    def reap(self) -> bool:
        """True when the guard has just been found dead; a new start is scheduled then."""
        if not self._pid:
            return False
        try:
            pid, _ = os.waitpid(self._pid, os.WNOHANG)
        except ChildProcessError:
            pid = self._pid
        if not pid:
            return False
        self._pid = 0
        self.link.close()
        self._schedule()
        return True

    def hung_up(self) -> None:
        """The guard closed its link: it is of no use, whether or not it still runs."""
        self.link.close()
        if self._pid:
            try:
                os.kill(self._pid, 9)
            except OSError:
                return

    def finish(self) -> None:
        """Close the link, which ends the guard, and give it a moment to write its last row."""
        listens = self._recording and self._say_the_rest()
        end = time.monotonic() + (_RECORDING_WAIT_S if listens else _EXIT_WAIT_S)
        self.disown()
        while self._pid and time.monotonic() < end:
            if os.waitpid(self._pid, os.WNOHANG)[0]:
                self._pid = 0
                return
            time.sleep(0.005)

    def _say_the_rest(self) -> bool:
        """As long as the guard takes something of it, within reason; False when it does not."""
        link, last = self.link, time.monotonic() + _RECORDING_MOST_S
        while self._pid and link.queued and not link.closed and time.monotonic() < last:
            if not select.select([], [link.write_fd], [], _RECORDING_WAIT_S)[1]:
                return False
            link.flush()
        return True

    def disown(self) -> None:
        """Close both ends, in a process that was forked from the relay."""
        self.link.close()
        self._close_guard_ends()

    def _close_guard_ends(self) -> None:
        for fd in self._guard_ends:
            os.close(fd)
        self._guard_ends = ()

    def _schedule(self) -> None:
        now = time.monotonic()
        if now - self._started_at > _STEADY_S:
            self._starts = 1
        wait = _BACKOFF_S[min(self._starts, len(_BACKOFF_S)) - 1]
        self._next_start = now + wait
