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
    """Raises ImportError or OSError where the library has no build for this platform.

    The calls for every frame go to the C API with structures made once: with fresh ones a look at the
    screen takes four times as long.
    """

    def __init__(self, columns: int, rows: int) -> None:
        import pyghostty
        from pyghostty import core, lib

        ffi: Any = pyghostty.ffi
        self._terminal: Any = pyghostty.Terminal(cols=columns, rows=rows, scrollback=0)
        self._other_keys = False
        self._lib, self._ffi = lib, ffi
        self._handle = self._terminal._t[0]
        self._mode = ffi.new("GhosttyTerminalModeConfig*")
        self._number = ffi.new("uint16_t*")
        self._size = ffi.new("size_t*")
        self._style = core.init_sized("GhosttyStyle")
        self._ref = core.init_sized("GhosttyGridRef")
        self._point = ffi.new("GhosttyPointS*")
        self._point.tag = lib.GHOSTTY_POINT_TAG_ACTIVE
        self._grid_ref = core.union_fn(
            "ghostty_terminal_grid_ref", "GhosttyResult(*)(GhosttyTerminal, GhosttyPointS, GhosttyGridRef*)"
        )
        self._selection = core.init_sized("GhosttySelection")
        self._format = core.init_sized("GhosttyTerminalSelectionFormatOptions")
        self._format.emit = lib.GHOSTTY_FORMATTER_FORMAT_PLAIN
        self._format.unwrap, self._format.trim, self._format.selection = False, True, self._selection
        self._buffer = ffi.new("uint8_t[]", 16384)

    def feed(self, data: bytes) -> None:
        if b"\x1b[>4;" in data:
            self._other_keys = True
        self._terminal.feed(data)

    def resize(self, columns: int, rows: int) -> None:
        if columns and rows:
            self._terminal.resize(columns, rows)

    def rows(self) -> list[str]:
        """The visible rows, without trailing blanks."""
        return self.text().split("\n")

    def text(self) -> str:
        """The rows in one string."""
        self._selection.start = self._at(0, 0)[0]
        self._selection.end = self._at(self.columns - 1, self._get("ROWS") - 1)[0]
        for _ in range(2):
            result = self._lib.ghostty_terminal_selection_format_buf(
                self._handle, self._format[0], self._buffer, len(self._buffer), self._size
            )
            if result != self._lib.GHOSTTY_OUT_OF_SPACE:
                break
            self._buffer = self._ffi.new("uint8_t[]", self._size[0] + 4096)
        if result:
            raise OSError(f"libghostty-vt can't show the screen: error {result}")
        return bytes(self._ffi.buffer(self._buffer, self._size[0])).decode()

    def colour(self, column: int, row: int) -> Colour:
        """The foreground colour of a cell; None for one that is not on the screen, too."""
        if not (0 <= column < self.columns and 0 <= row < self._get("ROWS")):
            return None
        if self._lib.ghostty_grid_ref_style(self._at(column, row), self._style):
            return None
        colour = self._style.fg_color
        if colour.tag == self._lib.GHOSTTY_STYLE_COLOR_PALETTE:
            return "palette", colour.value.palette
        if colour.tag == self._lib.GHOSTTY_STYLE_COLOR_RGB:
            rgb = colour.value.rgb
            return "rgb", (rgb.r, rgb.g, rgb.b)
        return None

    def _at(self, column: int, row: int) -> Any:
        """A reference that is good until the next change."""
        self._point.value.x, self._point.value.y = column, row
        if self._grid_ref(self._handle, self._point[0], self._ref):
            raise OSError(f"libghostty-vt knows no cell at {column}, {row}")
        return self._ref

    def _get(self, key: str) -> int:
        self._lib.ghostty_terminal_get(
            self._handle, getattr(self._lib, f"GHOSTTY_TERMINAL_DATA_{key}"), self._number
        )
        return int(self._number[0])

    @property
    def columns(self) -> int:
        return self._get("COLS")

    @property
    def cursor_row(self) -> int:
        row: int = self._terminal.cursor[1]
        return row

    @property
    def synchronized(self) -> bool:
        """Inside a synchronized update (DEC private mode 2026): the frame is not complete."""
        self._mode.mode = 2026
        self._lib.ghostty_terminal_get(self._handle, self._lib.GHOSTTY_TERMINAL_DATA_MODE, self._mode)
        return bool(self._mode.value)

    @property
    def bracketed_paste(self) -> bool:
        return bool(self._terminal.mode(2004))

    @property
    def alternate(self) -> bool:
        return bool(self._terminal.mode(1049) or self._terminal.mode(1047) or self._terminal.mode(47))

    @property
    def at_rest(self) -> bool:
        """No escape sequence is under way."""
        result = self._lib.ghostty_terminal_vt_write_until_ground(self._handle, b"", 0, self._size)
        return bool(result == 0 and self._size[0] == 0)

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

    def text(self) -> str: ...

    def rows(self) -> list[str]: ...

    def colour(self, column: int, row: int) -> Colour: ...
