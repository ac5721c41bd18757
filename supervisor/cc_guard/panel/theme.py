"""Two themes, and which of them suits this terminal."""

import contextlib
import os
import re
import select
import termios
import time
import tty
from typing import Any

from textual.app import App
from textual.theme import Theme

DARK, LIGHT = "guard-dark", "guard-light"

# Contrast of each colour of words on its background is at least 4.5:1 (WCAG 2.1, 1.4.3).
_THEMES = (
    Theme(
        name=DARK,
        dark=True,
        primary="#6ea8fe",
        secondary="#8b949e",
        accent="#d2a8ff",
        success="#4ac26b",
        warning="#e3b341",
        error="#ff7b72",
        foreground="#e6edf3",
        background="#0d1117",
        surface="#161b22",
        panel="#21262d",
        variables={"dim": "#8d96a0", "line": "#30363d"},
    ),
    Theme(
        name=LIGHT,
        dark=False,
        primary="#0550ae",
        secondary="#57606a",
        accent="#6e40c9",
        success="#116329",
        warning="#7d4e00",
        error="#b31d28",
        foreground="#1f2328",
        background="#ffffff",
        surface="#f6f8fa",
        panel="#eaeef2",
        variables={"dim": "#57606a", "line": "#d0d7de"},
    ),
)

_WAIT_S = 0.2
_ANSWER = re.compile(rb"\x1b\]11;rgb:([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})")
_OVER = re.compile(rb"\x1b\[\?[0-9;]*c")


def register(app: App[Any], name: str) -> None:
    """Before the app starts: its styles need the variables of these themes."""
    for theme in _THEMES:
        app.register_theme(theme)
    app.theme = name


def suited(fd: int = 0) -> str:
    """By the background that the terminal says it has (xterm: OSC 11), else by COLORFGBG, else dark. Every
    terminal answers the question for its kind (DA1) that follows, so that waiting ends at once."""
    light = _is_light(_asked(fd))
    if light is None:
        back = os.environ.get("COLORFGBG", "").rpartition(";")[2]
        light = back in ("7", "15")
    return LIGHT if light else DARK


def _asked(fd: int) -> bytes:
    said = b""
    with contextlib.suppress(OSError, termios.error):
        before = termios.tcgetattr(fd)
        try:
            tty.setcbreak(fd)
            os.write(1, b"\x1b]11;?\x1b\\\x1b[c")
            end = time.monotonic() + _WAIT_S
            while not _OVER.search(said) and (left := end - time.monotonic()) > 0:
                if select.select([fd], [], [], left)[0]:
                    said += os.read(fd, 1024)
        finally:
            termios.tcsetattr(fd, termios.TCSADRAIN, before)
    return said


def _is_light(said: bytes) -> bool | None:
    found = _ANSWER.search(said)
    if found is None:
        return None
    red, green, blue = (int(part, 16) / (16 ** len(part) - 1) for part in found.groups())
    return bool(0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.5)
