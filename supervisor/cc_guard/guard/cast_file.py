"""The file of a recording: opened where the command line made it, continued after the death of a guard.

Every call may raise OSError or ValueError; the file ends with a whole line all the same.
"""

import contextlib
import json
import os
import stat
from typing import Any

_HEADER_LIMIT = 64 * 1024
_TAIL = 1024 * 1024  # longer than a line


class CastFile:
    """`header` is None where nothing has been written yet; `last` is the time of the last event."""

    def __init__(self, path: str) -> None:
        self.header: dict[str, Any] | None = None
        self.last = 0.0
        flags = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        self._file = os.open(path, flags)
        try:
            status = os.fstat(self._file)
            if not stat.S_ISREG(status.st_mode):
                raise ValueError("it is no file any more")
            self._size = status.st_size
            if self._size:
                self._continue()
        except BaseException:
            os.close(self._file)
            raise

    def append(self, lines: str) -> None:
        """All of them or none."""
        if os.fstat(self._file).st_nlink == 0:
            raise FileNotFoundError("it has been deleted")
        data = lines.encode()
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._file, view) :]
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._size)
            raise
        self._size += len(data)

    def close(self) -> None:
        os.close(self._file)

    def _continue(self) -> None:
        """Behind the last whole line."""
        begins = max(self._size - _TAIL, 0)
        tail = os.pread(self._file, _TAIL, begins)
        self._size = begins + tail.rfind(b"\n") + 1
        os.ftruncate(self._file, self._size)
        header = os.pread(self._file, min(self._size, _HEADER_LIMIT), 0).partition(b"\n")[0]
        if header:
            self.header = json.loads(header)
            self.last = _last_time(tail)


def _last_time(tail: bytes) -> float:
    """The time of the last event that is whole; 0 when there is none."""
    for line in reversed(tail.split(b"\n")):
        try:
            match json.loads(line):
                case [float(t) | int(t), str(), str()]:
                    return float(t)
        except ValueError:
            continue
    return 0.0
