"""What the relay must know of the keyboard: was it a person, is it the release key, is it an interrupt.

Terminals send more than keys: focus and mouse reports, answers to queries. Keys come as bytes or, once
the client has asked for it, in the kitty protocol (`CSI code ; modifiers u`, sw.kovidgoyal.net/kitty/
keyboard-protocol) or in xterm's modifyOtherKeys (`CSI 27 ; modifiers ; code ~`).
"""

# Focus in and out, SGR mouse, private replies (DA1, DECRPM, colour scheme), DCS (XTVERSION), OSC, APC.
_REPORTS = (b"\x1b[I", b"\x1b[O", b"\x1b[<", b"\x1b[M", b"\x1b[?", b"\x1bP", b"\x1b]", b"\x1b_")

_CTRL = 4  # kitty: modifiers are 1 + bits; shift 1, alt 2, ctrl 4, super 8, hyper 16, meta 32
_LOCKS = 64 | 128  # caps lock, num lock
_LONGEST = 40  # of a key's parameters; int() refuses numbers of thousands of digits, which a paste can hold
CTRL_C = 0x03
ESCAPE = 0x1B


def is_typing(data: bytes) -> bool:
    """Whether a person pressed a key, as opposed to the terminal reporting something."""
    return not data.startswith(_REPORTS)


def find_key(data: bytes, key: int) -> tuple[int, int] | None:
    """Start and end of the press of control key `key` (0x1d is Ctrl-]) in any of its encodings."""
    at = data.find(key)
    if at >= 0 and key != ESCAPE:
        return at, at + 1
    if key == ESCAPE and data == b"\x1b":
        return 0, 1
    start = data.find(b"\x1b[")
    while start >= 0:
        end = start + 2
        while end < len(data) and data[end] in b"0123456789;:":
            end += 1
        if end < len(data) and _is_control(data[start + 2 : end], data[end], key):
            return start, end + 1
        start = data.find(b"\x1b[", end)
    return None


def is_interrupt(data: bytes) -> bool:
    """Ctrl-C or Escape: the user wants the client's attention now."""
    return find_key(data, CTRL_C) is not None or find_key(data, ESCAPE) is not None


def _is_control(parameters: bytes, final: int, key: int) -> bool:
    if len(parameters) > _LONGEST:
        return False
    fields = parameters.split(b";")
    if final == 0x75 and len(fields) <= 2:  # u
        code = fields[0].split(b":")[0]
        modifiers, _, event = (fields[1] if len(fields) == 2 else b"1").partition(b":")
        if event not in (b"", b"1", b"2"):
            return False  # the key's release
    elif final == 0x7E and len(fields) == 3 and fields[0] == b"27":  # ~
        code, modifiers = fields[2], fields[1]
    else:
        return False
    if not code.isdigit() or not modifiers.isdigit():
        return False
    held = (int(modifiers) - 1) & ~_LOCKS
    if key == ESCAPE:
        return int(code) == ESCAPE and held == 0
    # A control byte is its letter (in lower case, as kitty names it) without the bits 0x60 or 0x40.
    return held == _CTRL and int(code) in (key | 0x40, key | 0x60)
