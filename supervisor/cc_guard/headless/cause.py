"""Asking why while nothing else can be done: the doctor as a child, which nobody waits for."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile

from cc_guard.guard.diagnosis import Diagnosis, read
from cc_guard.incident.record import Symptom

_LARGEST = 4 * 1024 * 1024


class Doctor:
    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._out = -1

    def ask(self, symptom: Symptom, settings: list[str]) -> None:
        """May fail in silence."""
        argv = [sys.executable, "-P", "-m", "cc_guard.diagnose", "--symptom", json.dumps(symptom.to_json())]
        for path in settings:
            argv += ["--settings", path]
        with contextlib.suppress(OSError):
            self._out, name = tempfile.mkstemp()
            os.unlink(name)
            self._child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=self._out,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def finish(self) -> Diagnosis | None:
        """What it has found out, if it is ready; otherwise it ends now."""
        child, self._child = self._child, None
        try:
            if child is None:
                return None
            if child.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                child.wait()
                return None
            return read(os.pread(self._out, _LARGEST, 0))
        finally:
            if self._out >= 0:
                os.close(self._out)
                self._out = -1
