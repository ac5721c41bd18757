"""Running this machine's own tools and reading its own files, for probes: bounded in time and in size.

Never through a shell, never with input, and nothing here raises for what a tool or file does.
"""

import asyncio
import contextlib
import os
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass

_MOST_OUTPUT = 4 * 1024 * 1024
_CHUNK = 65536
# After its group was killed a process is gone at once, unless it waits for a disk.
_LAST_WAIT_S = 0.2


@dataclass(frozen=True)
class Ran:
    """`status` is the exit status, None when the tool did not end in time; `missing`: there is no such tool.

    Windows' tools write UTF-16LE (wsl.exe) or the console's OEM code page (netsh.exe): `out` is bytes.
    """

    status: int | None
    out: bytes = b""
    err: bytes = b""
    missing: bool = False

    @property
    def text(self) -> str:
        return decoded(self.out)


async def run(
    *argv: str, timeout_s: float = 2.0, environ: Mapping[str, str] | None = None, cwd: str | None = None
) -> Ran:
    """Never raises for what the tool does; the tool and its children end with the deadline.

    `environ` is the tool's whole environment; without it, it is our own, and messages are in English.
    """
    program = shutil.which(argv[0])
    if program is None:
        return Ran(None, missing=True)
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            *argv[1:],
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            cwd=cwd,
            env={**os.environ, "LC_ALL": "C"} if environ is None else dict(environ),
        )
    except (OSError, ValueError) as error:
        return Ran(None, err=str(error).encode(), missing=True)
    assert process.stdout is not None
    assert process.stderr is not None
    ended = False
    try:
        async with asyncio.timeout(timeout_s):
            out, err = await asyncio.gather(_content(process.stdout), _content(process.stderr))
            status = await process.wait()
            ended = True
    except TimeoutError:
        return Ran(None)
    finally:
        if not ended:  # also when the probe itself is cancelled
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, 9)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _LAST_WAIT_S)
    return Ran(status, out, err)


async def _content(stream: asyncio.StreamReader) -> bytes:
    """All of it is read, so that the tool can end; what is too much is thrown away."""
    kept = bytearray()
    while chunk := await stream.read(_CHUNK):
        kept += chunk[: _MOST_OUTPUT - len(kept)]
    return bytes(kept)


def decoded(data: bytes) -> str:
    """Text of a tool in whatever encoding: UTF-16 by its BOM or its zero bytes, UTF-8, else a code page.

    No tool writes a zero byte into text of eight bits, and UTF-16 has one in each line end. Which code page
    it is can't be told; in all of Windows' OEM code pages digits and punctuation are those of ASCII.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    if b"\0" in data:
        little = data[1::2].count(0) >= data[::2].count(0)
        return data.decode("utf-16-le" if little else "utf-16-be", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp850", "replace")


def read(path: str, limit: int = _MOST_OUTPUT) -> str:
    """The beginning of a file of the system such as /proc/meminfo; empty when it can't be read."""
    return content(path, limit).decode(errors="replace")


def content(path: str, limit: int = _MOST_OUTPUT) -> bytes:
    """The beginning of a file; empty when it can't be read. Pipes and devices are not: they would take for
    ever, or what is meant for others."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            return file.read(limit) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else b""
    except (OSError, ValueError):
        return b""


def read_int(path: str) -> int | None:
    """The number that is all a file of the system says; None when it says something else."""
    return to_int(read(path, 64))


def to_int(text: str) -> int | None:
    """A decimal number with nothing else but blanks; None when it is none, or longer than any real one."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None
