"""What the guard asks for, and the events that it is told (EVENT frames, ASCII). Nothing is done unless the
client is as the guard has seen it.

`pid N` · `exit STATUS` (of the last client, at the end) · `suspended` · `resumed`

HOLD: `held OFFSET` or `refused`, then `released REASON`: `guard` (asked for), `key`, `interrupt` (Ctrl-C or
Escape), `input` (the buffer for typed text is full), `lease`, `outside` (somebody else sent SIGCONT),
`signal`, `exit`.

SAY: `said`, or `unsaid`: output has come since, or the client has ended.

TYPE: `typed text`, `typed submit`, `typed draft`, or `untyped REASON` and nothing was typed: `output` (it
does not end at the offset), `key` (the user types), `held`, `queued` (typed bytes wait), `background`
(another program has the terminal, or the client is stopped, gone or not ready), `standing` (words of ours are
under way), `nothing` (no words to submit), `content` (words that may not be typed). After `typed text` and
before `typed submit`: `erased REASON`, our words are taken back: `key`, `late`, `guard` (it is gone),
`asked`.

RESTART: `restarting` and then `restarted PID`, or `unrestarted REASON`: `held`, `key`, `queued`,
`background`, `standing`, `descriptors` (the client inherited some, which can't be handed over twice), `exit`
(it is ending), `argv` (malformed), `restarting` (already). Then, once, what became of the N bytes typed
meanwhile: `admitted N` or `dropped N` (gate.py). An ADMIT that comes too early is `untyped background` (the
new client reads no keys yet) or `untyped output`. A new client that can't be executed ends the session.

SHOW: see overlay.py.
"""

import os
import struct

from cc_guard.relay import link
from cc_guard.relay.terminal import get_winsize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cc_guard.relay.loop import Relay


class Requests:
    def __init__(self, relay: "Relay") -> None:
        self._relay = relay

    def take(self, kind: int, payload: bytes) -> None:
        """A frame of the guard; one that is malformed or unknown is nothing."""
        relay = self._relay
        if kind == link.HOLD and len(payload) == link.OFFSET.size + 1:
            self._hold(link.OFFSET.unpack_from(payload)[0], payload[-1])
        elif kind == link.RENEW:
            relay.hold.renew()
        elif kind == link.RELEASE:
            relay.release("guard")
        elif kind == link.NOTICE:
            self._notice(payload)
        elif kind == link.SAY and link.OFFSET.size < len(payload) <= link.OFFSET.size + link.SAY_LIMIT:
            self._say(payload)
        elif kind == link.MODES:
            relay.modes = payload
            relay.order_undo()
        elif kind == link.REPAINT:
            relay.repaint()
        elif kind == link.TYPE and len(payload) >= link.TYPING.size:
            self._type(payload)
        elif kind == link.RESTART:
            relay.restarts.ask(payload)
        elif kind == link.ADMIT and len(payload) == link.OFFSET.size + 1:
            relay.restarts.admit(link.OFFSET.unpack_from(payload)[0], payload[-1] != 0)
        elif kind == link.SCREEN and len(payload) >= link.COUNT.size:
            self._prepare_screen(payload)
        elif kind == link.SHOW and relay.hold.active:
            relay.overlay.show(payload)

    def _hold(self, offset: int, release_key: int) -> None:
        """Only between frames: the guard saw a complete frame that ended at `offset`, and the client has
        written nothing since."""
        relay = self._relay
        ours = relay.hold.active or relay.typist.busy or relay.gate.shut
        free = not ours and relay.client_in_foreground()
        ending = relay.status is not None or relay.kill_at > 0
        free = free and not ending and relay.ends_at(offset)
        if free and relay.hold.start(relay.client, release_key):
            relay.tell(b"held %d" % offset)
        else:
            relay.tell(b"refused")

    def _notice(self, payload: bytes) -> None:
        """Words in the title while held. Refused when output has come since, so that they never land
        inside an escape sequence of the client."""
        relay = self._relay
        head = link.OFFSET.size + 4
        if len(payload) < head or not relay.hold.active:
            return
        offset, now_length, release_length = struct.unpack_from("!QHH", payload)
        if offset == relay.bytes.offset and not relay.bytes.to_terminal:
            release = head + now_length
            relay.bytes.say(payload[head:release])
            relay.hold.at_release = payload[release : release + release_length]
            relay.hold.mend = payload[release + release_length :]

    def _say(self, payload: bytes) -> None:
        """Between two frames, as a notice; nothing is left of it that would have to be taken back."""
        relay = self._relay
        there = link.OFFSET.unpack_from(payload)[0] == relay.bytes.offset and not relay.bytes.to_terminal
        if there and relay.status is None and relay.overlay.quiet:
            relay.bytes.say(payload[link.OFFSET.size :])
            relay.tell(b"said")
        else:
            relay.tell(b"unsaid")

    def _prepare_screen(self, payload: bytes) -> None:
        words = [os.fsdecode(word) for word in payload[link.COUNT.size :].split(b"\0")[:-1]]
        if len(words) == link.COUNT.unpack_from(payload)[0]:
            self._relay.overlay.prepare(words, get_winsize(self._relay.terminal.stdin))

    def _type(self, payload: bytes) -> None:
        typist = self._relay.typist
        offset, quiet_s, kind = link.TYPING.unpack_from(payload)
        if kind == link.ERASE:
            typist.take_back("asked")
            return
        reason = self._why_not_type(offset, quiet_s) or typist.type(kind, payload[link.TYPING.size :])
        if reason:
            self._relay.tell(b"untyped " + reason.encode())

    def _why_not_type(self, offset: int, quiet_s: float) -> str:
        relay = self._relay
        if relay.hold.active:
            return "held"
        if not relay.client_reads() or relay.gate.shut:
            return "background"
        if relay.user_types(quiet_s):
            return "key"
        if relay.bytes.to_client:
            return "queued"
        return "" if relay.ends_at(offset) else "output"
