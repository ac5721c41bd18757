"""The file for `--record`, made before anything starts. Lean: the start-up path imports this file."""

import errno
import os
import stat


class CannotRecord(Exception):
    """The text says what, why, and what to do, in one line."""


def create(name: str) -> str:
    """Make the file `name`, for this user alone; its absolute path. One that is there must be empty."""
    path = os.path.abspath(name)
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
    except FileExistsError:
        _take_empty(path)
    except OSError as error:
        hint = "Make its folder first" if error.errno == errno.ENOENT else "Choose another place"
        raise CannotRecord(f"{path} can't be written: {error.strerror}. {hint}.") from None
    return path


def _take_empty(path: str) -> None:
    """As `mktemp` leaves one."""
    try:
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode):
            raise CannotRecord(f"{path} can't be recorded to: it is no ordinary file. Choose another name.")
        if status.st_size:
            raise CannotRecord(
                f"{path} can't be recorded to: it exists and is not empty. Choose another name, or delete it."
            )
        file = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
        os.fchmod(file, 0o600)
        os.close(file)
    except OSError as error:
        raise CannotRecord(f"{path} can't be written: {error.strerror}. Choose another place.") from None
