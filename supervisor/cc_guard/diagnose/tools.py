"""Running this machine's own tools, for probes: bounded in time and output, never through a shell."""

import asyncio
import contextlib
import os
import shutil
from dataclasses import dataclass

_MOST_OUTPUT = 4 * 1024 * 1024


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


async def run(*argv: str, timeout_s: float = 2.0) -> Ran:
    """Never raises for what the tool does; the tool and its children end with the deadline."""
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
            env={**os.environ, "LC_ALL": "C"},
        )
    except OSError as error:
        return Ran(None, err=str(error).encode(), missing=True)
    try:
        async with asyncio.timeout(timeout_s):
            out, err = await process.communicate()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        await process.wait()
        return Ran(None)
    return Ran(process.returncode, out[:_MOST_OUTPUT], err[:_MOST_OUTPUT])


def decoded(data: bytes) -> str:
    """Text of a tool in whatever encoding: UTF-16 by its BOM or its zero bytes, UTF-8, else a code page."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    if len(data) >= 4 and data[1::2].count(0) > len(data) // 4:
        return data.decode("utf-16-le", "replace")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("cp850", "replace")
