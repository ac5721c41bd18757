"""The client's transcript: where it is, and following it while the client writes it.

`~/.claude/projects/FOLDER/SESSION.jsonl` holds one JSON object a line. It is not documented and changes from
version to version: rows are passed on as they are, and what they mean is in facts.py.
"""

import json
import os
import stat
from collections.abc import Iterator, Mapping
from typing import Any

Row = dict[str, Any]

# Tool results and pasted images can make rows of megabytes; the facts are in short ones.
_LINE_LIMIT = 4 * 1024 * 1024
_CHUNK = 256 * 1024
# One poll's worth: the guard does other things between.
_POLL_LIMIT = 16 * 1024 * 1024
# 2.1.112 and 2.1.330 cut longer names and add a hash; 1.0.120 and 2.0.60 use them whole, up to the 255 bytes
# of the file system.
_NAME_LIMIT = 200


def transcript_path(environ: Mapping[str, str], cwd: str, session_id: str) -> str:
    """Where a client started in `cwd` keeps the transcript of `session_id`.

    Good until the first hook says its `transcript_path`: options such as --worktree choose another folder.
    """
    home = environ.get("HOME") or os.path.expanduser("~")
    base = environ.get("CLAUDE_CONFIG_DIR") or os.path.join(home, ".claude")
    return os.path.join(cwd, base, "projects", project_folder(os.path.realpath(cwd)), f"{session_id}.jsonl")


def project_folder(cwd: str) -> str:
    """The client's name for the folder `cwd`, which has no symbolic links.

    Measured on 1.0.120, 2.0.60 and 2.1.330: every UTF-16 code unit that is not an ASCII letter or digit
    becomes a dash, so an emoji makes two.
    """
    utf16 = os.fsencode(cwd).decode(errors="replace").encode("utf-16-le")
    units = [int.from_bytes(utf16[at : at + 2], "little") for at in range(0, len(utf16), 2)]
    name = "".join(chr(unit) if unit < 128 and chr(unit).isalnum() else "-" for unit in units)
    if len(name) <= _NAME_LIMIT:
        return name
    hashed = 0
    for unit in units:
        hashed = (31 * hashed + unit) & 0xFFFFFFFF
    return f"{name[:_NAME_LIMIT]}-{_base36(min(hashed, 0x100000000 - hashed))}"


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits or "0"


class TranscriptTail:
    """Follows one transcript. A file that is not there yet, or not any more, has no rows.

    A file that was replaced or has become shorter is read again from its beginning.
    """

    def __init__(self, path: str, from_end: bool = False, look_back: int = 0) -> None:
        """`from_end`: what the file holds now is passed over but for its last `look_back` bytes; a resumed
        session brings old errors."""
        self.path = path
        self._file = -1
        self._inode = (0, 0)
        self._offset = 0
        self._line = bytearray()
        self._overlong = False
        if from_end and self._open():
            self._skip_to_end(look_back)

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def poll(self) -> list[Row]:
        """The rows completed since the last call; at most 16 MB of the file are read in one call."""
        rows: list[Row] = []
        if self._changed_hands():
            rows += self._rows()  # what was still written to the old file
            self.close()
        if self._file >= 0 or self._open():
            rows += self._rows()
        return rows

    def _changed_hands(self) -> bool:
        if self._file < 0:
            return False
        try:
            status = os.stat(self.path)
        except (OSError, ValueError):
            return True
        return (status.st_dev, status.st_ino) != self._inode

    def _open(self) -> bool:
        try:
            file = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (OSError, ValueError):  # ValueError: a zero byte in the path
            return False
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            os.close(file)
            return False
        self._file, self._inode = file, (status.st_dev, status.st_ino)
        self._restart()
        return True

    def _restart(self) -> None:
        self._offset = 0
        self._line.clear()
        self._overlong = False

    def _skip_to_end(self, look_back: int) -> None:
        """To the beginning of a line: the rest of one that is being written belongs to the old ones."""
        self._offset = max(os.fstat(self._file).st_size - look_back, 0)
        if self._offset and os.pread(self._file, 1, self._offset - 1) != b"\n":
            self._overlong = True

    def _rows(self) -> list[Row]:
        try:
            if os.fstat(self._file).st_size < self._offset:
                self._restart()
            return [row for line in self._lines() if (row := _parse(line)) is not None]
        except OSError:
            self.close()
            return []

    def _lines(self) -> Iterator[bytes]:
        last = self._offset + _POLL_LIMIT
        while self._offset < last and (data := os.pread(self._file, _CHUNK, self._offset)):
            self._offset += len(data)
            first, *others = data.split(b"\n")
            self._extend(first)
            for part in others:
                if not self._overlong and self._line:
                    yield bytes(self._line)
                self._line.clear()
                self._overlong = False
                self._extend(part)

    def _extend(self, data: bytes) -> None:
        if self._overlong:
            return
        self._line += data
        if len(self._line) > _LINE_LIMIT:
            self._line.clear()
            self._overlong = True


def _parse(line: bytes) -> Row | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None
