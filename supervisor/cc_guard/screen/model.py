"""`Screen`: the one place that knows the terminal library.

libghostty-vt by pyghostty, exactly pinned. Its reply callback stays unset: the user's terminal answers
the client's queries, the model never does.
"""

from typing import Any, Protocol

Colour = tuple[str, Any] | None
"""`("palette", 0..255)`, `("rgb", (r, g, b))`, or None for the default."""

# Private modes that a client sets and a dead client leaves behind, with the state a shell expects.
_OFF_AT_REST = (2026, 2004, 1004, 2031, 1000, 1002, 1003, 1005, 1006, 1015, 1016, 9, 1, 66)
_ON_AT_REST = (25, 7)


class Screen:
    """Raises ImportError or OSError where the library has no build for this platform."""

    def __init__(self, columns: int, rows: int) -> None:
        from pyghostty import Terminal

        self._terminal: Any = Terminal(cols=columns, rows=rows, scrollback=0)
        self._other_keys = False

    def feed(self, data: bytes) -> None:
        if b"\x1b[>4;" in data:
            self._other_keys = True
        self._terminal.feed(data)

    def resize(self, columns: int, rows: int) -> None:
        if columns and rows:
            self._terminal.resize(columns, rows)

    def rows(self) -> list[str]:
        """The visible rows, without trailing blanks."""
        text: str = self._terminal.text()
        return text.split("\n")

    def colour(self, column: int, row: int) -> Colour:
        """The foreground colour of a cell."""
        fg: Colour = self._terminal.style(column, row)["fg"]
        return fg

    @property
    def columns(self) -> int:
        width: int = self._terminal.size[0]
        return width

    @property
    def cursor_row(self) -> int:
        row: int = self._terminal.cursor[1]
        return row

    @property
    def synchronized(self) -> bool:
        """Inside a synchronized update (DEC private mode 2026): the frame is not complete."""
        return bool(self._terminal.mode(2026))

    @property
    def alternate(self) -> bool:
        return bool(self._terminal.mode(1049) or self._terminal.mode(1047) or self._terminal.mode(47))

    @property
    def at_rest(self) -> bool:
        """No escape sequence is under way."""
        return bool(self._terminal.feed_until_ground(b"") == 0)

    @property
    def title(self) -> str:
        from pyghostty import ffi

        value = self._terminal.get("title", "GhosttyString")
        return bytes(ffi.buffer(value.ptr, value.len)).decode("utf-8", "replace") if value.len else ""

    def mode_reset(self, blind: bool = False) -> bytes:
        """Bytes that bring a terminal back to what a shell expects, if the client died now. `blind`: this
        screen has not seen everything, so whatever can be reset unasked is."""
        parts = [f"\x1b[?{mode}l" for mode in _OFF_AT_REST if blind or self._terminal.mode(mode)]
        if self.alternate:
            parts.append("\x1b[?1049l")
        parts += [f"\x1b[?{mode}h" for mode in _ON_AT_REST if blind or not self._terminal.mode(mode)]
        if blind or self._terminal.get("kitty_keyboard_flags", "uint8_t"):
            parts.append("\x1b[<u")
        if blind or self._other_keys:
            parts.append("\x1b[>4m")
        if parts:
            parts.append("\x1b[m\x1b7\x1b[r\x1b8")  # attributes and margins; DECSTBM moves the cursor
        return "".join(parts).encode()


class ScreenLike(Protocol):
    """What reading the screen needs of `Screen`."""

    @property
    def columns(self) -> int: ...

    def rows(self) -> list[str]: ...

    def colour(self, column: int, row: int) -> Colour: ...
