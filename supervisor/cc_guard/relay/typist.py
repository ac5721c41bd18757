"""Typing for the guard: words into the client's input box, and the Enter when the guard has seen them there.

Between the two our words stand where the user types. So when a key comes, when the Enter does not, or when
the guard is gone, they are taken out again before anything else reaches the client.

How clients read decides how that is done (measured on 1.0.120, 2.0.60, 2.1.132 and 2.1.330). What one read
gives them is one chunk. Up to 2.0 a chunk is a single key or else text: in `^U` and `abc` together the `^U`
is lost, in a DEL and `abc` together the `abc`, and an Enter within text is a line end. DEL for each
character, in one write of its own, empties the box in all four; `^U` takes only one row of it, and newer ones
then offer the words for pasting. So whatever we type is read and drawn before the next thing is written.
"""

import time
from collections.abc import Callable

from cc_guard.relay import keys, link
from cc_guard.relay.passage import Passage

STANDS_S = 3.0
# In 2.1.330 the DELs for 270 characters in one write work, those for 620 do nothing.
TEXT_LIMIT = 200  # characters
DRAFT_LIMIT = 64 * 1024
_ERASER = b"\x7f"
_ENTER = b"\r"

_POLL_S = 0.005
_ON_ITS_WAY_S = 0.01  # until the kernel has brought what was written to where the reader's count begins
_DRAWN_S = 0.05  # after the read, when output has come; the clients above need 0.005 s
_SILENT_S = 0.3  # after the read, when none has


class Typist:
    """`unread()`: bytes that the client has not read yet, -1 when that can't be known. `tell(words)`: an
    event for the guard."""

    def __init__(self, passage: Passage, unread: Callable[[], int], tell: Callable[[bytes], None]) -> None:
        self._passage = passage
        self._unread = unread
        self._tell = tell
        self._standing = 0  # characters of ours in the input box
        self._until = 0.0
        self._written = 0.0  # when we wrote what may not have been taken in yet
        self._read = 0.0  # when it was seen to be read
        self._eraser = b""  # to be written
        self._next: list[bytes] = []  # the user's, after it

    @property
    def busy(self) -> bool:
        return bool(self._standing or self._written or self._eraser or self._next)

    @property
    def listens(self) -> bool:
        """Whether the user's keys may be read now; otherwise they wait in the terminal."""
        return not (self._eraser or self._next) and (self._standing > 0 or not self._written)

    def type(self, kind: bytes, data: bytes) -> str:
        """Why it was not typed, or empty."""
        if kind == link.SUBMIT:
            if not self._standing:
                return "nothing"
            if self._written:
                return "standing"
            self._standing = 0
            self._write(_ENTER)
            self._tell(b"typed submit")
            return ""
        if self.busy:
            return "standing"
        text = _text(data, lines=kind == link.PASTE)
        if kind == link.TEXT and 0 < len(text) <= TEXT_LIMIT:
            self._standing = len(text)
            self._until = time.monotonic() + STANDS_S
            self._write(data)
            self._tell(b"typed text")
            return ""
        if kind in (link.DRAFT, link.PASTE) and text and len(data) <= DRAFT_LIMIT:
            # A terminal pastes an Enter for each line end.
            self._write(b"\x1b[200~%s\x1b[201~" % data.replace(b"\n", b"\r") if kind == link.PASTE else data)
            self._tell(b"typed draft")
            return ""
        return "content"

    def type_all(self, pieces: list[bytes]) -> None:
        """The user's own keys, one after the other."""
        self._next += pieces
        self.turn()

    def before(self, data: bytes) -> bytes:
        """What of the user's typing goes to the client now. The rest follows when our words are gone."""
        if not self._standing or keys.only_reports(data):
            return data
        self._next.append(data)
        self.take_back("key")
        return b""

    def take_back(self, reason: str) -> None:
        if self._standing:
            self._eraser = _ERASER * self._standing
            self._standing = 0
            self._tell(b"erased " + reason.encode())
            self.turn()

    def turn(self) -> None:
        """Whatever is due."""
        if self._standing and time.monotonic() >= self._until:
            self.take_back("late")
        while (self._eraser or self._next) and self._taken_in():
            if self._eraser:
                self._write(self._eraser)
                self._eraser = b""
            elif len(self._next) > 1:
                self._write(self._next.pop(0))
            else:
                self._passage.give(self._next.pop())  # more may follow it at once, as in a paste
        self._taken_in()

    def due_in_s(self) -> float | None:
        if self._written or self._eraser or self._next:
            return _POLL_S
        return self._until - time.monotonic() if self._standing else None

    def forget(self) -> None:
        """There is no client any more to which anything of this belongs."""
        self._standing = 0
        self._written = 0.0
        self._eraser = b""
        self._next.clear()

    def _write(self, data: bytes) -> None:
        self._passage.give(data)
        self._written = time.monotonic()
        self._read = 0.0

    def _taken_in(self) -> bool:
        """Whether the client has read what we wrote last, and has had the time to make something of it."""
        if not self._written:
            return True
        now = time.monotonic()
        if now - self._written < _ON_ITS_WAY_S:
            return False
        if self._passage.to_client or self._unread() > 0:
            self._read = 0.0
            return False
        self._read = self._read or now
        drawn = self._passage.last_output > self._written
        if now - self._read < (_DRAWN_S if drawn else _SILENT_S):
            return False
        self._written = 0.0
        return True


def _text(data: bytes, lines: bool) -> str:
    """`data` as text; empty when there is something in it that is no text. `lines`: more than one may be."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return ""
    printed = text.replace("\n", "").replace("\t", "") if lines else text
    return text if printed.isprintable() else ""
