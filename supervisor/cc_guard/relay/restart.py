"""One client ended for the guard, and the next one begun in the same terminal.

Each client has a line of its own (line.py): so nothing of the old one, keys that it did not read, attributes
of its terminal, processes that it left, is ever the new one's. The new shim is there before the old one goes,
and this process stays in the foreground all the time: a shell notices nothing, and whoever of us is killed,
there is somebody to end the client and to put the terminal right.
"""

import errno
import os
import signal
import time

from cc_guard.relay import link, shim
from cc_guard.relay.gate import Gate
from cc_guard.relay.line import Changes, Line, state
from cc_guard.relay.terminal import get_winsize, new_page

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cc_guard.relay.loop import Relay

_NO_KEY_S = 3.0
_END_S = 10.0  # SessionEnd hooks may run after SIGTERM; then SIGKILL


class Restarts:
    """`restartable`: the client inherited nothing that can't be given to the next one. `count`: of clients
    begun after the first, or not to be begun: then the relay's `exec_errno` says why."""

    def __init__(self, relay: "Relay", restartable: bool) -> None:
        self.gate = Gate(relay.bytes)
        self.count = 0
        self._relay = relay
        self._restartable = restartable
        self._next: tuple[list[str], Changes] | None = None
        self._left: list[Line] = []  # of earlier clients, with shims that are not reaped yet

    @property
    def pending(self) -> bool:
        return self._next is not None

    def ask(self, payload: bytes) -> None:
        """A RESTART frame."""
        relay = self._relay
        following = _following(payload)
        reason = "argv" if following is None else self._why_not()
        if reason:
            relay.tell(b"unrestarted " + reason.encode())
            return
        self._next = following
        self.gate.close()
        relay.tell(b"restarting")
        relay.signal_client(signal.SIGTERM)
        relay.kill_at = time.monotonic() + _END_S

    def _why_not(self) -> str:
        relay = self._relay
        if not self._restartable:
            return "descriptors"
        if self.pending or (self.count and not relay.client):
            return "restarting"
        if relay.ending or state(relay.client) == "Z":
            return "exit"
        if relay.hold.active:
            return "held"
        if not relay.client_reads():
            return "background"
        if relay.typist.busy:
            return "standing"
        if relay.user_types(_NO_KEY_S):
            return "key"
        return "queued" if relay.bytes.to_client or relay.bytes.to_terminal else ""

    def cancel(self) -> None:
        """The client that is ending is the last one."""
        self._next = None

    def begin(self) -> bool:
        """The next client, now that this one has ended. False when there is none, or when it can't be
        started."""
        relay = self._relay
        if self._next is None or not relay.bytes.terminal_open:
            return False
        (argv, changes), self._next = self._next, None
        self.count += 1
        # An input box that the old one has left on the screen is not the new one's.
        killed = relay.status is not None and os.WIFSIGNALED(relay.status)
        page = new_page(get_winsize(relay.terminal.stdin))
        relay.bytes.show((relay.modes if killed else b"") + page)
        try:
            old = relay.begin(argv, changes)
        except OSError as error:
            relay.argv, relay.exec_errno = argv, error.errno or errno.EAGAIN
            return False
        old.order(shim.LEAVE)
        old.close()
        self._left.append(old)
        self.gate.client_starts(time.monotonic())
        return True

    def tell_start(self, pid: int) -> None:
        if self.count:
            self._relay.tell_argv()
        self._relay.tell((b"restarted %d" if self.count else b"pid %d") % pid)

    def reap(self) -> None:
        self._left = [line for line in self._left if not line.reap()]

    # The user's keys meanwhile.

    def sift(self, data: bytes) -> bytes:
        through = self.gate.sift(data)
        if not self.gate.shut:
            self._relay.tell(b"dropped %d" % self.gate.kept)
        return through

    def admit(self, offset: int, keep: bool) -> None:
        """Open the gate, if the guard has seen all that the new client shows, and that is something."""
        relay = self._relay
        if not relay.client or self.pending:
            return
        if not self.gate.shut:  # by the user's Ctrl-C, or because it took too long
            relay.tell(b"dropped 0")
            return
        if not (self.gate.drawing and relay.line.takes_keys()):
            relay.tell(b"untyped background")
            return
        if not relay.ends_at(offset):
            relay.tell(b"untyped output")
            return
        kept = self.gate.open()
        relay.tell((b"admitted %d" if keep else b"dropped %d") % self.gate.kept)
        if keep:
            relay.typist.type_all(kept)

    def on_time(self, now: float) -> None:
        wait = self.gate.due_in_s(now)
        if wait is not None and wait <= 0:
            self.gate.open()
            self._relay.tell(b"dropped %d" % self.gate.kept)


def _following(payload: bytes) -> tuple[list[str], Changes] | None:
    """What a RESTART asks for; None when it is malformed."""
    if len(payload) <= link.COUNT.size or not payload.endswith(b"\0"):
        return None
    words = [os.fsdecode(word) for word in payload[link.COUNT.size : -1].split(b"\0")]
    count = link.COUNT.unpack_from(payload)[0]
    variables = [word.partition("=") for word in words[count:]]
    if not 0 < count <= len(words) or not words[0] or not all(name for name, _, _ in variables):
        return None
    return words[:count], {name: value if equals else None for name, equals, value in variables}
