"""Reading the user's settings for one run, and writing ours. Lean: the start-up path imports this file."""

import os
import stat

# Larger files are refused by the client itself since 2.1.214.
_LIMIT = 2 * 1024 * 1024


# 2.1.330 repeats its options in the line "Resume this session with" at its end, all of them or none; one
# character outside [\w./:@=+-] keeps them, and so this file, out of that line.
NAME = "settings,cc-guard.json"


def is_json(value: str) -> bool:
    """Whether a value of --settings is the settings themselves; the client's own test."""
    text = value.strip()
    return text.startswith("{") and text.endswith("}")


def read(value: str) -> str:
    """The JSON text that a value of --settings stands for: itself, or the file it names.

    Raises OSError and ValueError. A pipe is refused: reading it would leave nothing for the client.
    """
    if is_json(value):
        return value
    descriptor = os.open(value, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError(f"{value} is not a regular file")
        data = file.read(_LIMIT + 1)
    if len(data) > _LIMIT:
        raise ValueError(f"{value} is too large")
    return data.decode("utf-8-sig")


def write(path: str, text: str) -> None:
    """Make the file, for this user alone: settings may hold secrets. Raises OSError, also when it exists."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
