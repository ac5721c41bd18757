"""Asking the client itself for its version, for the guard, in the background. Never on the start-up path."""

import asyncio
import contextlib
import os
import signal

from cc_guard.launch import version as known

Version = tuple[int, int, int]

# 1.0-1.4 s measured for Node builds on an idle machine; this is for a loaded one.
_DEADLINE_S = 20.0
_ENTRIES = 16
# What every version of the client adds to its number.
_SIGNATURE = "(Claude Code)"


async def measure_version(path: str) -> Version | None:
    """What `path --version` says; None when it does not answer in time, or is another program.

    A version that was measured is kept for the next start.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            path,
            "--version",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return None
    try:
        output, _ = await asyncio.wait_for(process.communicate(), _DEADLINE_S)
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # with what it has started
            await process.wait()
    text = output.decode(errors="replace")
    version = known.parse(text) if _SIGNATURE in text else None
    if version is not None:
        remember(path, version)
    return version


def remember(path: str, version: Version) -> None:
    """Keep the version of the program at `path` until its size or time changes. May fail in silence."""
    with contextlib.suppress(OSError):
        real = os.path.realpath(path)
        entry = f"{known.cache_key(real)}{'.'.join(map(str, version))}\n"
        target = known.cache_file()
        others = [line for line in _lines(target) if not line.startswith(f"{real!a} ")]
        temporary = f"{target}.{os.getpid()}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="ascii") as file:
            file.writelines([entry, *others[: _ENTRIES - 1]])
        os.replace(temporary, target)


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="ascii") as file:
            return file.readlines()
    except (OSError, UnicodeDecodeError):
        return []
