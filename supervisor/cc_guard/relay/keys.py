"""What the relay must know of the keyboard: was it a person, is it the release key, is it an interrupt.

Terminals send more than keys: focus and mouse reports, answers to queries. Keys come as bytes or, once
the client has asked for it, in the kitty protocol (`CSI code ; modifiers u`, sw.kovidgoyal.net/kitty/
keyboard-protocol) or in xterm's modifyOtherKeys (`CSI 27 ; modifiers ; code ~`).
"""

# Focus in and out, SGR mouse, private replies (DA1, DECRPM, colour scheme), DCS (XTVERSION), OSC, APC.
_REPORTS = (b"\x1b[I", b"\x1b[O", b"\x1b[<", b"\x1b[M", b"\x1b[?", b"\x1bP", b"\x1b]", b"\x1b_")
_STRINGS = (b"\x1bP", b"\x1b]", b"\x1b_")
_LONGEST_REPORT = 4096

# What `split` finds.
KEYS = "keys"
REPORT = "report"
MOUSE = "mouse"  # a click, a wheel; a mouse that only moves is a REPORT
CUT = "cut"  # the beginning of a report, the end of which has not come yet

_CTRL = 4  # kitty: modifiers are 1 + bits; shift 1, alt 2, ctrl 4, super 8, hyper 16, meta 32
_LOCKS = 64 | 128  # caps lock, num lock
_LONGEST = 40  # of a key's parameters; int() refuses numbers of thousands of digits, which a paste can hold
CTRL_C = 0x03
ESCAPE = 0x1B


def is_typing(data: bytes) -> bool:
    """Whether a person pressed a key, as opposed to the terminal reporting something."""
    return not data.startswith(_REPORTS)


def split(data: bytes) -> list[tuple[str, bytes]]:
    """All of `data` in pieces: what a person did, and what the terminal says by itself."""
    pieces: list[tuple[str, bytes]] = []
    typed = at = 0
    while (at := data.find(b"\x1b", at)) >= 0:
        kind, end = _report(data, at)
        if kind == KEYS:
            at += 1
            continue
        if typed < at:
            pieces.append((KEYS, data[typed:at]))
        pieces.append((kind, data[at:end]))
        typed = at = end
    if typed < len(data):
        pieces.append((KEYS, data[typed:]))
    return pieces


def only_reports(data: bytes) -> bool:
    """Whether `data` is nothing but whole reports that tell of nothing a person meant for the client."""
    return all(kind == REPORT for kind, _ in split(data))


def _report(data: bytes, at: int) -> tuple[str, int]:
    """What begins with the ESC at `at`, and where it ends; KEYS when it is no report."""
    head = data[at : at + 3]
    if head in (b"\x1b[I", b"\x1b[O"):
        return REPORT, at + 3
    if head[:2] in _STRINGS:
        ends = [
            end + size for mark, size in ((b"\x1b\\", 2), (b"\x07", 1)) if (end := data.find(mark, at)) >= 0
        ]
        if ends:
            return REPORT, min(ends)
        return (CUT, len(data)) if len(data) - at < _LONGEST_REPORT else (KEYS, at)
    if head not in (b"\x1b[?", b"\x1b[>", b"\x1b[<"):
        return KEYS, at
    end = at + 3
    while end < len(data) and 0x20 <= data[end] <= 0x3F:
        end += 1
    if end - at > _LONGEST:
        return KEYS, at
    if end == len(data):
        return CUT, end
    if head == b"\x1b[<":
        return (REPORT if _only_moves(data[at + 3 : end]) else MOUSE), end + 1
    return REPORT, end + 1


def _only_moves(parameters: bytes) -> bool:
    """SGR mouse (xterm's ctlseqs): 32 is added for motion, and 3 says that no button is down."""
    button = parameters.partition(b";")[0]
    return button.isdigit() and int(button) & (32 | 3) == 32 | 3 and int(button) < 64


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
