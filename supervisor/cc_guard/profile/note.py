"""Small texts in the state folder, for programs that must do without a place for them. Lean: `os` alone."""

import os

from cc_guard import paths

_LARGEST = 65536


def read(name: str) -> str:
    """Empty when there is none, or it can't be read."""
    try:
        with open(os.path.join(paths.state_dir(), name), encoding="utf-8", errors="replace") as file:
            return file.read(_LARGEST)
    except OSError:
        return ""


def write(name: str, text: str) -> bool:
    """Whether it could be written; if not, the older one stays."""
    temporary = ""
    try:
        target = os.path.join(paths.state_dir(), name)
        temporary = f"{target}.{os.getpid()}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
        os.replace(temporary, target)
    except OSError:
        if os.path.exists(temporary):
            os.unlink(temporary)
        return False
    return True
