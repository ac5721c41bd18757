"""What a command prints, and how it ends when nobody reads it or the disk is full."""

import os
import shutil
import sys

EXIT_SIGPIPE = 141
"""As a shell shows a program that SIGPIPE ended: 128 + 13."""


def plain(text: str) -> str:
    """Without control characters: what was read from a screen must not steer this terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)


def columns() -> int | None:
    """The width of the terminal that stdout is, by COLUMNS or its own word; None for no terminal."""
    return shutil.get_terminal_size().columns if _is_terminal() else None


def painted(text: str, sgr: str) -> str:
    """`text` in a colour or style, by its SGR number, where people can have and want that: no-color.org."""
    if not _is_terminal() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\033[{sgr}m{text}\033[m"


def _is_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


# Marks that carry a meaning, for terminals that have no such characters.
_PLAIN = str.maketrans({"✓": "+", "✗": "x", "…": "...", "›": ">", "“": '"', "”": '"', "’": "'"})


def _encodable(text: str, encoding: str) -> str:
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return text.translate(_PLAIN)
    return text


def written(answer: tuple[str, int]) -> int:
    """Write a text to stdout; its exit status, or the one of a write that failed."""
    text, status = answer
    if sys.stdout is None:  # closed by whoever started us
        return status
    try:
        encoding = sys.stdout.encoding or "ascii"
        sys.stdout.write(_encodable(text, encoding).encode(encoding, "replace").decode(encoding))
        sys.stdout.flush()
    except OSError as error:
        # Python flushes stdout once more on its way out, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if isinstance(error, BrokenPipeError):
            return EXIT_SIGPIPE
        print(f"cc-guard: the output can't be written: {error.strerror}.", file=sys.stderr)
        return 1
    return status
