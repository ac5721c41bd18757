"""The picture after a hold, put together right.

On SIGCONT a client does not know where the cursor is and draws anew from where it stands (measured on all
versions). After a hold that is in the middle of its own picture. So the cursor is moved just before the
first output that draws where it stands; output that moves the cursor first knows its place and passes.
"""

import time

_WINDOW_S = (
    2.0  # the first picture comes within 0.05 s of SIGCONT, on a machine with a load of 12 after 1.3 s
)
_ESC, _CSI, _OSC = 0x1B, 0x5B, 0x5D
_MOVES = b"ABCDEFGHJKLMPSTXdfr"  # final bytes of control sequences that move, scroll or erase (ECMA-48, 8.3)


class Mend:
    """`move` brings the cursor to where the client's new picture belongs; found by the guard."""

    def __init__(self, move: bytes) -> None:
        self._move = move
        self._until = time.monotonic() + _WINDOW_S

    def before(self, data: bytes) -> bytes | None:
        """What must go to the terminal before `data`. None: not yet. Empty: nothing any more."""
        if time.monotonic() > self._until:
            return b""
        return self._move if draws_at_cursor(data) else None


def draws_at_cursor(data: bytes) -> bool:
    """Whether the first thing that `data` puts on the screen goes to where the cursor stands."""
    at = 0
    while at < len(data):
        if data[at] == _ESC:
            kind = data[at + 1] if at + 1 < len(data) else 0
            if kind == _CSI:
                at += 2
                while at < len(data) and not 0x40 <= data[at] <= 0x7E:
                    at += 1
                if at < len(data) and data[at] in _MOVES:
                    return False
                at += 1
            elif kind == _OSC:
                ends = [end for end in (data.find(b"\x07", at), data.find(b"\x1b\\", at)) if end >= 0]
                if not ends:
                    return False
                at = min(ends) + (1 if data[min(ends)] == 7 else 2)
            else:
                at += 3 if kind in b"()" else 2
        elif data[at] in b"\r\x0e\x0f":
            at += 1
        else:
            return True
    return False
