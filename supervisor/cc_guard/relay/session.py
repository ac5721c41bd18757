"""One session from the first fork to the exit status."""

import os
import signal
import stat
import sys

from cc_guard.relay.guard_process import GuardProcess
from cc_guard.relay.line import Beginning, end_orphan, exec_status
from cc_guard.relay.loop import HANDLED, Relay
from cc_guard.relay.terminal import Terminal, in_foreground


class CannotRun(Exception):
    """The client's program could not be executed; `args[0]` is the errno."""


def run(program: str, argv: list[str], environ: dict[str, str], guard_words: list[str]) -> int:
    """Run `program` under a PTY on this process's terminal. Returns its wait status.

    Raises CannotRun. The terminal is as before on every way out; what cannot be done here because this
    process was killed is done by the shim.
    """
    ignored = [n for n in signal.valid_signals() if _ignored_by_parent(n)]
    # From here until somebody handles them, signals wait: none may find the terminal raw and end us.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
    inherited = _open_descriptors()
    if not in_foreground(0):
        os.kill(
            0, signal.SIGTTIN
        )  # until `fg`: before, the terminal has the attributes of the shell's editor
    terminal = Terminal()
    recording = any(word.startswith("record=") for word in guard_words)
    guard = GuardProcess(guard_words, recording)
    beginning = Beginning(program, environ, terminal, _same_terminal(1, 2), ignored, mask)
    line = beginning.line(argv, {}, inherited, guard.disown)
    try:
        terminal.raw()  # now that somebody can put it right
        relay = Relay(terminal, line, guard, beginning, argv, restartable=not inherited)
        try:
            relay.install_signals()
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            if recording:
                guard.start()  # also for a client that has ended before one would be started
            status = relay.run()
        finally:
            relay.overlay.end()
            relay.hold.end()
        if os.WIFSIGNALED(status):
            terminal.write_all(relay.modes, 0.5)
        relay.line.order(b"")  # what was to be done is done
        terminal.drop_late_replies(relay.bytes.tail)
    finally:
        terminal.restore()
    relay.line.close()
    guard.finish()
    relay.line.reap(wait=True)
    if relay.orphan:
        end_orphan(relay.orphan)
    if not relay.exec_errno:
        return status
    if not relay.restarts.count:
        raise CannotRun(relay.exec_errno)
    _say_how_to_go_on(relay.argv, relay.exec_errno)
    return exec_status(relay.exec_errno)


def exit_like(status: int) -> int:
    """End as the client ended: its exit code is returned; a fatal signal kills this process too."""
    if os.WIFSIGNALED(status):
        import resource

        number = os.WTERMSIG(status)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        sys.stdout.flush()
        os.kill(os.getpid(), number)
        return 128 + number
    return os.waitstatus_to_exitcode(status)


def _say_how_to_go_on(argv: list[str], number: int) -> None:
    """One line for the user of a client that could not be started again."""
    name = os.path.basename(argv[0]) if argv else "claude"
    command = [name]
    if "--resume" in argv[:-1]:
        at = argv.index("--resume")
        command = [name, *argv[at : at + 2]]
    text = f"cc-guard: {name} can't be started again: {os.strerror(number)}. To go on: {' '.join(command)}\n"
    sys.stderr.write(text)
    sys.stderr.flush()


def _ignored_by_parent(number: int) -> bool:
    # Python itself ignores these two at its start (signal module documentation), so they tell nothing.
    if number in (signal.SIGPIPE, signal.SIGXFSZ):
        return False
    return signal.getsignal(number) == signal.SIG_IGN


def _open_descriptors() -> list[int]:
    """What the user's shell handed down besides 0, 1, 2, e.g. `--mcp-config <(…)`. The client gets them;
    the relay, the shim and the guard let go of them, so that a pipe ends when the client ends it."""
    found: list[int] = []
    try:
        names = os.listdir("/dev/fd")
    except OSError:
        return found  # a chroot without it
    for name in names:
        fd = int(name)
        if fd > 2:
            try:
                os.fstat(fd)
            except OSError:
                continue  # the listing's own descriptor
            if os.get_inheritable(fd):
                found.append(fd)
    return found


def _same_terminal(one: int, other: int) -> bool:
    try:
        first, second = os.fstat(one), os.fstat(other)
    except OSError:
        return False
    return stat.S_ISCHR(second.st_mode) and first.st_rdev == second.st_rdev
