"""One run of the client as a child: its stdout through us, all the rest its own. Lean."""

import contextlib
import errno
import os
import select
import time

from cc_guard.headless.output import PATIENCE_S
from cc_guard.headless.start import CannotRun

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cc_guard.headless.outlet import Outlet
    from cc_guard.headless.output import Output
    from cc_guard.headless.signals import Signals
    from cc_guard.headless.warden import Warden

_CHUNK = 64 * 1024
_NOT_EXECUTED = 127


class Command:
    """`keeps_stdin`: it reads what we were given to read. Another run finds that read to its end."""

    __slots__ = ("argv", "environ", "keeps_stdin", "program")

    def __init__(self, program: str, argv: "list[str]", environ: "dict[str, str]", keeps_stdin: bool) -> None:
        self.program, self.argv, self.environ, self.keeps_stdin = program, argv, environ, keeps_stdin


def run(command: Command, signals: "Signals", warden: "Warden", outlet: "Outlet", output: "Output") -> int:
    """The client's wait status. Raises CannotRun."""
    ours, theirs = os.pipe()
    errors, errors_write = os.pipe()
    pid = signals.fork()
    if pid == 0:
        _execute(command, theirs, errors_write)
    os.close(theirs)
    os.close(errors_write)
    warden.watch(pid)
    try:
        status = _accompany(pid, ours, signals, outlet, output)
        warden.watch(0)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) == _NOT_EXECUTED:
            said = os.read(errors, 16)
            if said:
                raise CannotRun(int(said))
        return status
    finally:
        os.close(ours)
        os.close(errors)


def _execute(command: Command, stdout: int, errors: int) -> None:
    try:
        os.dup2(stdout, 1)
        if not command.keeps_stdin:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.execve(command.program, command.argv, command.environ)
    except OSError as error:
        os.write(errors, str(error.errno or errno.ENOEXEC).encode())
    finally:
        os._exit(_NOT_EXECUTED)


def _accompany(pid: int, ours: int, signals: "Signals", outlet: "Outlet", output: "Output") -> int:
    """Pass its output on until it ends."""
    poller = select.poll()
    poller.register(signals.wake, select.POLLIN)
    poller.register(ours, select.POLLIN)
    if outlet.is_pipe:
        poller.register(1, 0)  # only tells that its reader is gone
    last = time.monotonic()
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            signals.client = 0
            break
        for fd, _ in poller.poll(_timeout_ms(signals, output, last)):
            if fd == signals.wake:
                signals.waited()
            elif fd == ours:
                last = time.monotonic()
                if not _pass_on(ours, output):
                    poller.unregister(ours)
            else:
                outlet.gone = True
        if outlet.gone and outlet.is_pipe:
            # So the client's next write fails, as it would have.
            outlet.is_pipe = False
            poller.unregister(1)
            _close_early(poller, ours)
        signals.late()
        if output.held and time.monotonic() - last >= PATIENCE_S:
            output.release()
    os.set_blocking(ours, False)
    with contextlib.suppress(BlockingIOError):
        while _pass_on(ours, output):
            pass
    return status


def _pass_on(ours: int, output: "Output") -> bool:
    """False at its end."""
    data = os.read(ours, _CHUNK)
    output.feed(data)
    return bool(data)


def _close_early(poller: select.poll, ours: int) -> None:
    """The descriptor stays ours, and leads nowhere."""
    with contextlib.suppress(KeyError):
        poller.unregister(ours)
    nowhere = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    os.dup2(nowhere, ours, inheritable=False)
    os.close(nowhere)


def _timeout_ms(signals: "Signals", output: "Output", last: float) -> "float | None":
    waits = [] if signals.patience_s is None else [signals.patience_s]
    if output.held:
        waits.append(max(0.0, last + PATIENCE_S - time.monotonic()))
    return min(waits) * 1000 + 1 if waits else None
