"""The three child programs in Python, for a machine without a C compiler; the name it runs under selects one.

Same keys and same bytes as `first.c`, `blast.c` and `keys.c`; see there for what each is for.
"""

import os
import select
import sys
import time
import tty

STEP = 4096
LOOKS = 8
PERIOD = 1 / 60


def put(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


def key() -> bytes:
    return os.read(0, 1) or sys.exit(0)


def first() -> None:
    while key() != b"Q":
        pass


def blast() -> None:
    with open(os.environ["BENCH_BLOCK"], "rb") as file:
        block = file.read()
    sent = 0
    while True:
        match key():
            case b"g":
                for _ in range(int(os.environ["BENCH_REPEAT"])):
                    put(block)
                put(b"<SENT %d>" % sent)
                sent += 1
            case b"Q":
                put(block)
                return


def frame(look: int, size: int) -> bytes:
    columns, rows = os.get_terminal_size(1)
    out = bytearray(b"\x1b[?2026h")
    piece = look
    while len(out) < size - 60:
        for row in range(3, rows + 1):
            out += b"\x1b[%d;1H" % row
            for _ in range(columns // 8):
                if len(out) >= size - 60:
                    break
                out += b"\x1b[38;5;%dm" % (16 + piece * 7 % 216) + bytes([97 + (piece + look) % 26]) * 8
                piece += 1
    return bytes(out) + b"\x1b[m\x1b[?2026l"


def keys() -> None:
    answered = 0
    frames: list[bytes] = []
    look = 0
    due = 0.0
    while True:
        if frames and not select.select([0], [], [], max(0.0, due - time.monotonic()))[0]:
            put(frames[look])
            look = (look + 1) % LOOKS
            due = max(due + PERIOD, time.monotonic())
            continue
        pressed = key()
        if pressed == b"Q":
            return
        if pressed.islower():
            put(b"\x1b[1;1H\x1b[2K<%06d%s>" % (answered, pressed))
            answered += 1
        elif pressed.isupper():
            size = (pressed[0] - ord("A")) * STEP
            frames = [frame(i, size) for i in range(LOOKS)] if size else []
            due = time.monotonic()


if __name__ == "__main__":
    if os.isatty(0) and os.isatty(1):
        tty.setraw(0)
        put(b"<READY>")
        try:
            {"first": first, "blast": blast, "keys": keys}[os.path.basename(sys.argv[0])]()
        except OSError:  # the terminal is gone
            sys.exit(1)
