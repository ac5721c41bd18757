"""Words in the window title while the client is held (xterm: OSC 0, and the title stack of CSI t)."""

_PUSH, _POP = "\x1b[22;2t", "\x1b[23;2t"


def title_bytes(text: str, before: str) -> tuple[bytes, bytes]:
    """What shows `text` as the title, and what brings the title `before` back (empty: as the terminal
    remembers it)."""
    restore = f"{_POP}\x1b]0;{_plain(before)}\x07" if before else _POP
    return f"{_PUSH}\x1b]0;{_plain(text)}\x07".encode(), restore.encode()


def retitle(text: str) -> bytes:
    """Other words in place of those of `title_bytes`, which still brings back what was there before."""
    return f"\x1b]0;{_plain(text)}\x07".encode()


def key_name(key: int) -> str:
    """A control byte as people write it: 0x1d is Ctrl-]."""
    return f"Ctrl-{chr(key | 0x40)}"


def _plain(text: str) -> str:
    return "".join(c for c in text if c.isprintable())[:200]
