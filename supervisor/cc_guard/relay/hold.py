"""The client stopped and continued for the guard, under a lease.

The lease is what makes a hold safe: if the guard does not renew it, whatever the reason, the client goes on.
"""

import os
import signal
import time

LEASE_S = 5.0  # DESIGN: not renewed for 5 s -> SIGCONT


class Hold:
    """At most one hold. The process group is the one in the foreground when the hold began."""

    def __init__(self) -> None:
        self.group = 0  # 0: not held
        self.release_key = 0
        self.at_release = b""  # to the terminal when the hold ends
        self.mend = b""  # see relay/mend.py
        self._deadline = 0.0
        self._expected_stops = 0

    @property
    def active(self) -> bool:
        return self.group != 0

    def start(self, group: int, release_key: int) -> bool:
        """False when the group is gone."""
        try:
            os.killpg(group, signal.SIGSTOP)
        except OSError:
            return False
        self.group = group
        self.release_key = release_key
        self._expected_stops += 1
        self.renew()
        return True

    def renew(self) -> None:
        self._deadline = time.monotonic() + LEASE_S

    def remaining_s(self) -> float:
        return self._deadline - time.monotonic()

    def end(self) -> None:
        """SIGCONT to the held group; nothing when there is no hold."""
        group, self.group = self.group, 0
        if group:
            try:
                os.killpg(group, signal.SIGCONT)
            except OSError:
                return  # the group has ended

    def abandon(self) -> None:
        """No hold any more, and no SIGCONT: the client has been stopped by its user."""
        self.group = 0

    def caused(self, stop_signal: int) -> bool:
        """Whether a reported stop is ours and not the user's Ctrl-Z. Older clients send SIGSTOP to
        themselves, so the signal alone does not tell: stops that we caused are counted."""
        if stop_signal != signal.SIGSTOP:
            return False
        if self._expected_stops:
            self._expected_stops -= 1
            return True
        return self.active  # the report of an earlier hold's end came after this hold had begun

    def continued(self) -> None:
        """The client runs again: a stop that the kernel has not reported by now never will be."""
        self._expected_stops = 0
