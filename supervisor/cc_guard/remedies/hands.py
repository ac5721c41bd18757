"""Running the commands of a remedy: exact arguments, absolute paths, a deadline, never a shell or a password.

Looking is `cc_guard.diagnose.tools.run`; what goes through here may change something and is kept in the
incident.
"""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import time
from dataclasses import dataclass
from typing import Any

from cc_guard.commands.output import plain
from cc_guard.diagnose.facts import Facts
from cc_guard.diagnose.tools import decoded
from cc_guard.redact import redact
from cc_guard.remedies.lock import Lock
from cc_guard.remedies.remedy import Step, Unfit

# What root is to run comes from folders that only root can write to: those of hier(7) and macOS, and NixOS'.
SYSTEM = ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/run/wrappers/bin", "/run/current-system/sw/bin"]
WINDOWS = "/mnt/c/Windows/System32"  # where Windows' PATH is not added to ours (appendWindowsPath=false)

_KEPT = 4000  # characters of a command's output
_READ = 65536
_END_S = 0.5  # to end by itself, before it is killed
_LAST_WAIT_S = 0.2


class Refused(Exception):
    """We have no right to do it; the text is for people and has the command."""


class Failed(Exception):
    """It was tried, and did not work; one line for people."""


class Unclear(Failed):
    """Nobody knows whether it will still come about."""


@dataclass(frozen=True)
class Done:
    """A command that was run. `status` is None when it did not end in time."""

    step: Step
    argv: tuple[str, ...]
    status: int | None
    output: str
    seconds: float

    def to_json(self) -> dict[str, Any]:
        return {
            "argv": [redact(word) for word in self.argv],
            "root": self.step.root,
            "status": self.status,
            "output": self.output,
            "seconds": round(self.seconds, 3),
        }


class Hands:
    """`done` is everything that was run. While `lock` is set, commands hold it, too: one that outlives us
    keeps others away from what it is changing."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.done: list[Done] = []
        self.lock: Lock | None = None

    async def do(self, step: Step) -> Done:
        """Raises Refused when root is needed and not to be had without a password, Failed when the command
        fails, Unclear when it hangs."""
        argv = (*self._rights(step), *step.argv)
        done = await self.run(step, argv)
        self.done.append(done)
        program = os.path.basename(step.argv[0])
        if done.status is None:
            raise Unclear(f"{program} did not end within {step.deadline_s:g} s")
        if done.status and step.root and _is_sudos(done):
            raise Refused(f"{_last_line(done.output)}\nTo do it yourself: {step.command}")
        if done.status:
            why = _last_line(done.output) or f"status {done.status}"
            raise Failed(f"{program} failed: {why}")
        return done

    def _rights(self, step: Step) -> tuple[str, ...]:
        if not step.root or self.facts.uid == 0:
            return ()
        sudo = found("sudo", root=True)
        if not sudo:
            raise Refused(f"This needs root, and there is no sudo here.\nAs root: {step.command[5:]}")
        return (sudo, "-n", "--")

    async def run(self, step: Step, argv: tuple[str, ...]) -> Done:
        started = time.monotonic()

        def done(status: int | None, data: bytes) -> Done:
            return Done(step, argv, status, _shown(data), time.monotonic() - started)

        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL if self.lock is None else self.lock.descriptor,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, "LC_ALL": "C"},
            )
        except (OSError, ValueError) as error:
            return done(127, str(error).encode())
        if self.lock is not None:
            self.lock.lent_to(process.pid)
        assert process.stdout is not None
        kept = bytearray()
        try:
            async with asyncio.timeout(step.deadline_s):
                while data := await process.stdout.read(_READ):
                    kept += data[: _READ - len(kept)]
                return done(await process.wait(), bytes(kept))
        except TimeoutError:
            if self.lock is not None:
                self.lock.hangs = True
            return done(None, bytes(kept))
        finally:
            if process.returncode is None:
                await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    """SIGTERM first: sudo passes it on to its command (sudo(8), "Signal handling"), which we may not signal
    and which would outlive sudo's own end by SIGKILL (seen with 1.9.13)."""
    for number, patience_s in ((signal.SIGTERM, _END_S), (signal.SIGKILL, _LAST_WAIT_S)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.communicate(), patience_s)
            return
    # Something of it lives on. asyncio would complain about that on stderr when it forgets the process.
    transport = getattr(process, "_transport", None)
    with contextlib.suppress(PermissionError, ProcessLookupError):
        if transport is not None:
            transport.close()


def found(name: str, root: bool = False) -> str:
    """The absolute path of a program, "" without one. For root, never from a folder of the user's PATH."""
    folders = list(SYSTEM)
    if not root:
        own = [
            folder for folder in os.environ.get("PATH", os.defpath).split(os.pathsep) if os.path.isabs(folder)
        ]
        folders = [*own, *SYSTEM, *((WINDOWS,) if name.endswith(".exe") else ())]
    return shutil.which(name, path=os.pathsep.join(folders)) or ""


def program(name: str, root: bool = False) -> str:
    """As `found`, but raises Unfit."""
    path = found(name, root)
    if not path:
        raise Unfit(f"there is no {name} here")
    return path


# Both implementations; with status 1, nothing was run: sudo(8), "Exit value".
_SUDOS = re.compile(r"^(sudo(-rs)?: |Sorry, user |.* is not in the sudoers file)", re.MULTILINE)


def _is_sudos(done: Done) -> bool:
    """Whether sudo refused, and not the command failed."""
    return done.status == 1 and _SUDOS.match(done.output.lstrip()) is not None


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""


def _shown(data: bytes) -> str:
    text = redact("\n".join(plain(line) for line in decoded(data).splitlines()))
    return text if len(text) <= _KEPT else f"{text[:_KEPT]}…"
