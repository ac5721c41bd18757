"""`claude -p` from the first run to the exit status. Lean: the rest is imported when a run has failed."""

import os
import sys
import time

from cc_guard.headless.outlet import Outlet
from cc_guard.headless.output import Document, Output, Stream
from cc_guard.headless.process import Command, run
from cc_guard.headless.signals import Signals, Stopped
from cc_guard.headless.start import CannotRun
from cc_guard.headless.warden import Warden

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cc_guard.headless.plan import Plan
    from cc_guard.headless.recovery import Recovery

# How every version reports a failure of the API with -p (measured).
_FAILED = 1


class Job:
    def __init__(
        self, program: str, name: str, plan: "Plan", environ: "dict[str, str]", options: "dict[str, str]"
    ) -> None:
        self.program, self.plan, self.environ, self.options = program, plan, environ, options
        self.signals = Signals()
        self.outlet = Outlet(self.signals)
        self.output: Output = (
            Stream(self.outlet.write)
            if plan.output == "stream-json"
            else Document(self.outlet.write, plan.output == "json")
        )
        self._name = name
        self._warden = Warden()
        self._recovery: Recovery | None = None
        self._stopped_waiting = 0

    def run(self) -> int:
        """Ends this process as the last run of the client has ended. Raises CannotRun."""
        args: list[str] | None = self.plan.args
        keeps_stdin = True
        while args is not None:
            started = time.time()
            command = Command(self.program, [self._name, *args], self.environ, keeps_stdin)
            try:
                status = run(command, self.signals, self._warden, self.outlet, self.output)
            except CannotRun:
                if keeps_stdin:
                    raise
                break  # an update has removed it while we waited
            args, keeps_stdin = self._next(status, started), False
        if status and self.output.earlier and self.output.mute and not self.signals.stop:
            self.output.take_back()
        self.output.release()
        if self._recovery is not None:
            self._recovery.end(status)
        self._warden.dismiss()
        return _exit(self._stopped_waiting or status)  # a signal's number is its victim's wait status

    def _next(self, status: int, started: float) -> "list[str] | None":
        """The arguments of another run. Whatever goes wrong here, the client's own result is what counts."""
        failed = os.WIFEXITED(status) and os.WEXITSTATUS(status) == _FAILED
        if not failed or self.signals.stop or self.outlet.gone or not self.output.failed:
            return None
        try:
            from cc_guard.headless.recovery import Recovery

            self._recovery = self._recovery or Recovery(self, started)
            return self._recovery.next_args(started)
        except Stopped:
            self._stopped_waiting = self.signals.stop
        except Exception as error:
            self.log(error)
        return None

    def log(self, error: Exception) -> None:
        """Where somebody finds it who looks for it."""
        import contextlib
        import traceback

        from cc_guard import paths

        with contextlib.suppress(OSError):
            where = os.path.join(paths.state_dir(), "headless.log")
            with open(os.open(where, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                traceback.print_exception(error, file=file)


def _exit(status: int) -> int:
    sys.stderr.flush()
    if os.WIFSIGNALED(status):
        from cc_guard.relay.session import exit_like

        return exit_like(status)
    # Python's own way out takes 5 ms, and as long as the resolver likes where a name is being looked up.
    os._exit(os.waitstatus_to_exitcode(status))
