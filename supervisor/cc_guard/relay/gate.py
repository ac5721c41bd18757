"""What the user types while one client ends and the next one begins.

It was meant for the input box that was there, and must not answer a question that the new client asks at
its start (trust this folder? resume from a summary?). Only the guard can tell a box from a question. So keys
wait until it has looked; without its word they are dropped when the new picture has stood for a while,
because from then on a key is meant for what is shown. The terminal's own reports do not wait: the client asks
for them.
"""

from cc_guard.relay import keys
from cc_guard.relay.passage import Passage

# Without a word of the guard. A client's first output is not its picture: it asks the terminal something, and
# then reads the conversation.
_AT_REST_S = 5.0  # since its last output
_AFTER_OUTPUT_S = 15.0  # since its first one, if it draws again and again
_AFTER_START_S = 20.0  # if it draws nothing at all
_LIMIT = 64 * 1024


class Gate:
    def __init__(self, passage: Passage) -> None:
        self.shut = False
        self._passage = passage
        self._kept: list[bytes] = []
        self._size = 0
        self._cut = b""
        self._started = 0.0  # 0: the old client has not ended yet
        self._offset = 0
        self._first_output = 0.0

    @property
    def listens(self) -> bool:
        """False: no more can be kept, it waits in the terminal."""
        return self._size < _LIMIT

    def close(self) -> None:
        if not self.shut:
            self.shut = True
            self._kept, self._size, self._cut = [], 0, b""
        self._started = self._first_output = 0.0

    def client_starts(self, now: float) -> None:
        self._started = now
        self._offset = self._passage.offset

    def sift(self, data: bytes) -> bytes:
        """What goes to the client now. A Ctrl-C opens the gate: somebody wants to be heard."""
        through = b""
        pieces = keys.split(self._cut + data)
        self._cut = b""
        for index, (kind, piece) in enumerate(pieces):
            if kind == keys.CUT:
                self._cut = piece
            elif kind == keys.REPORT:
                if self.drawing:  # before that it is the answer to a question of the old client
                    through += piece
            elif kind == keys.KEYS:
                found = keys.find_key(piece, keys.CTRL_C)
                if found:
                    self.shut = False
                    self._size += found[0]
                    return through + piece[found[0] :] + b"".join(rest for _, rest in pieces[index + 1 :])
                self._keep(piece)
        return through

    def open(self) -> list[bytes]:
        """What was kept, in pieces that a client takes for what they were: text apart from other keys."""
        self.shut = False
        return [*self._kept, self._cut] if self._cut else self._kept

    @property
    def kept(self) -> int:
        return self._size + len(self._cut)

    def due_in_s(self, now: float) -> float | None:
        """Seconds until it opens without a word of the guard."""
        if not self.shut or not self._started:
            return None
        if not self.drawing:
            return self._started + _AFTER_START_S - now
        last = self._passage.last_output
        self._first_output = self._first_output or last
        return min(last + _AT_REST_S, self._first_output + _AFTER_OUTPUT_S) - now

    @property
    def drawing(self) -> bool:
        """Whether the new client has written something."""
        return self._started > 0 and self._passage.offset > self._offset

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._kept and _is_text(self._kept[-1]) and _is_text(piece):
            self._kept[-1] += piece
        else:
            self._kept.append(piece)


def _is_text(piece: bytes) -> bool:
    return all(byte >= 0x20 and byte != 0x7F for byte in piece)
