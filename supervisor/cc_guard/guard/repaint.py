"""Where the cursor must stand when a held client goes on, so that it draws over its own picture.

After SIGCONT a client takes it that a shell has used the terminal, as after `fg`, and draws from the cursor
on: up to 2.0 the part that changes, later everything (measured). relay/mend.py says when this is used.
"""

import re

_UPDATE = b"\x1b[?2026h"
_ERASE = re.compile(rb"(?:\x1b\[2K\x1b\[1A)+\x1b\[2K\x1b\[G")
# Over what stays. Clients since 2.1.30 do that in every update, and erase lines, too, when their picture
# becomes lower (a menu closes); those up to 2.0.60 never do (all recordings).
_DOWN = re.compile(rb"\x1b\[\d*B")


def before_continue(tail: bytes, cursor_row: int, alternate: bool) -> bytes:
    """`tail` is the client's last output, `cursor_row` the model's (0 is where the client began, or the top
    of the screen once it has scrolled). Empty when the client needs no help, or none is known to be right."""
    if alternate:
        return b""  # draws at absolute positions
    erasures = [] if _DOWN.search(tail) else list(_ERASE.finditer(tail))
    if erasures:
        return _erase_lines(_frame_height(tail, erasures))
    up = b"\x1b[%dA" % cursor_row if cursor_row else b""
    return up + b"\r\x1b[J"


def _frame_height(tail: bytes, erasures: list[re.Match[bytes]]) -> int:
    """Lines of the picture's changing part: what was drawn since the last erasure. Text that stays for good
    may have come in between; a synchronized update begins behind it. Without those, count only if the
    erasure before shows that this is how to count; else 0.

    A row that the terminal wraps by itself has no newline, but the client knows and erases it: what it erased
    last beyond the newlines it had drawn is to be erased again.
    """
    last = erasures[-1]
    erased = last[0].count(b"\x1b[1A")
    update = tail.rfind(_UPDATE)
    height = tail[max(last.end(), update + len(_UPDATE) if update >= 0 else 0) :].count(b"\n")
    if len(erasures) < 2:
        return height if update >= 0 else 0
    wrapped = erased - tail[erasures[-2].end() : last.start()].count(b"\n")
    if update < 0 and wrapped < 0:
        return 0
    return height + max(wrapped, 0)


def _erase_lines(count: int) -> bytes:
    return b"\x1b[2K" + b"\x1b[1A\x1b[2K" * count + b"\x1b[G" if count else b""
