"""What a command prints, and how it ends when nobody reads it or the disk is full."""

import os
import sys

EXIT_SIGPIPE = 141
"""As a shell shows a program that SIGPIPE ended: 128 + 13."""


def plain(text: str) -> str:
    """Without control characters: what was read from a screen must not steer this terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)


def written(answer: tuple[str, int]) -> int:
    """Write a text to stdout; its exit status, or the one of a write that failed."""
    text, status = answer
    if sys.stdout is None:  # closed by whoever started us
        return status
    try:
        encoding = sys.stdout.encoding or "ascii"
        sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
        sys.stdout.flush()
    except OSError as error:
        # Python flushes stdout once more on its way out, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if isinstance(error, BrokenPipeError):
            return EXIT_SIGPIPE
        print(f"cc-guard: the output can't be written: {error.strerror}.", file=sys.stderr)
        return 1
    return status
