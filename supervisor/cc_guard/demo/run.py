"""One demo from its first line to its last: the keeper, the session, what was written down."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
from types import FrameType

from cc_guard.demo import network, ours, plan, stage, tart
from cc_guard.demo.plan import Plan
from cc_guard.demo.scenarios import Scenario

INTERRUPTED = 130
_LOOK_S = 0.5
_END_S = 20.0
_HISTORY_S = 5.0
_INDENT = 2
_SHORT = "In short: "
_WRITTEN = "What cc-guard wrote down; in your own sessions: cc-guard incidents\n\n"
_NEXT = """\
Nothing of the demo is left. To try next:
  cc-guard claude     a session of your own, guarded
  cc-guard doctor     is anything in the way of the API here, now?
  {step}
  cc-guard demo --list
"""
_PYTHON = (sys.executable, "-P", "-m")


class CannotShow(Exception):
    """The text says what is in the way, for the user."""


def show(scenario: Scenario, inside: bool) -> int:
    """The exit status: 0 the story came to its end, 1 it did not, 130 the user ended it, 128+n by a signal.
    `inside`: in a network of its own. Raises CannotShow."""
    mocked = scenario.mock is not None and not inside
    folder = tempfile.mkdtemp(prefix="ccg-demo-")
    try:
        demo = _Demo(folder, scenario, mocked)
    except (OSError, network.NoNetwork) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise CannotShow(f"the demo can't be set up: {error}") from error
    with demo:
        return demo.run()


class _Demo:
    def __init__(self, folder: str, scenario: Scenario, mocked: bool) -> None:
        self._folder, self._scenario, self._mocked = folder, scenario, mocked
        self._signal = 0
        self._session: subprocess.Popen[bytes] | None = None
        self._handlers = {n: signal.signal(n, self._on_signal) for n in (signal.SIGTERM, signal.SIGHUP)}
        self._handlers[signal.SIGINT] = signal.signal(signal.SIGINT, signal.SIG_IGN)
        stage.build(folder, scenario, mocked)
        self._environ = stage.environment(folder, os.environ)
        apart = scenario.network == "wire" and not mocked
        if scenario.network and not mocked:
            network.set_up(scenario.network, folder)
        plan.write(folder, self._planned(apart))
        before = ("unshare", "-n") if apart else ()
        self._keeper = subprocess.Popen(
            [*before, *_PYTHON, "cc_guard.demo.keeper", folder],
            env=self._environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            self._set_up(apart)
        except BaseException:
            self.close()
            raise

    def _set_up(self, apart: bool) -> None:
        assert self._keeper.stdout is not None
        port = self._keeper.stdout.readline().strip().decode()
        if not port:
            raise OSError("its API does not start")
        host = "localhost" if self._scenario.name == "ipv6" else "127.0.0.1"
        if apart:
            network.join(self._keeper.pid)
            host = network.NAME
        self._environ["ANTHROPIC_BASE_URL"] = f"http://{host}:{port}"
        if self._scenario.name == "tart":
            tart.start(self._folder, self._environ)

    def _planned(self, apart: bool) -> Plan:
        self._made = stage.share_sockets(self._folder, self._environ)
        addresses, port, names = ["127.0.0.1"], 0, {}
        if apart:
            addresses, port = ["0.0.0.0", "::"], network.API_PORT
            only = network.API if self._scenario.name == "ipv6" else network.API[:1]
            names = {network.NAME: list(only)}
        elif self._scenario.name == "ipv6":
            addresses.append("::1")
        return Plan(self._scenario.name, self._mocked, addresses, port, names, self._made)

    def __enter__(self) -> "_Demo":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self) -> int:
        status = self._run_session()
        if self._signal:
            return 128 + self._signal
        ours.wait(self._folder, self._keeper.pid, _HISTORY_S)  # the guard writes its history at the end
        sys.stdout.write(self._summary(status))
        sys.stdout.flush()
        return status

    def _run_session(self) -> int:
        self._session = subprocess.Popen(
            [*_PYTHON, "cc_guard", "claude"],
            env=self._environ,
            cwd=os.path.join(self._folder, "project"),
            preexec_fn=_default_signals,
        )
        assert self._keeper.stdin is not None
        with contextlib.suppress(OSError):
            self._keeper.stdin.write(f"session {self._session.pid}\n".encode())
            self._keeper.stdin.flush()
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                status = self._session.wait(_LOOK_S)
                return 128 - status if status < 0 else status
            if self._keeper.poll() is not None:
                self._session.terminate()  # without an API it would wait for ever

    def _summary(self, status: int) -> str:
        if status == INTERRUPTED:
            return "The demo was ended. Nothing of it is left.\n"
        rows = json.loads(self._cc_guard("incidents", "--json") or "[]")
        if not rows:
            return "cc-guard wrote no incident down: nothing went wrong, or it was not seen.\n"
        size = shutil.get_terminal_size()
        next_steps = _NEXT.format(step=self._scenario.next_step)
        shown = _wrapped(self._cc_guard("incidents", "show", str(rows[0]["id"])), size.columns)
        short = _wrapped(f"{_SHORT}{plan.told(self._folder)}", size.columns)
        whole = f"{_WRITTEN}{shown}\n{short}\n{next_steps}"
        if whole.count("\n") >= size.lines:
            shown, _, _ = shown.partition("\nEvidence")
        return f"{_WRITTEN}{shown}\n{short}\n{next_steps}"

    def _cc_guard(self, *words: str) -> str:
        done = subprocess.run(
            [*_PYTHON, "cc_guard", *words],
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        return done.stdout

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._signal = number
        if self._session is not None:
            with contextlib.suppress(OSError):
                self._session.send_signal(signal.SIGTERM)

    def close(self) -> None:
        """The keeper takes everything away when its input ends."""
        assert self._keeper.stdin is not None
        with contextlib.suppress(OSError):
            self._keeper.stdin.close()
        try:
            self._keeper.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            self._keeper.wait()
        if os.path.isdir(self._folder):  # the keeper was killed
            ours.end(self._folder)
            ours.remove(self._folder, self._made, self._session.pid if self._session else 0)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)


def _wrapped(text: str, columns: int) -> str:
    rows: list[str] = []
    for row in text.splitlines():
        left = " " * (_INDENT if row[:1].strip() else 2 * _INDENT)
        rows += textwrap.wrap(row, columns - 1, subsequent_indent=left, break_on_hyphens=False) or [""]
    return "".join(f"{row}\n" for row in rows)


def _default_signals() -> None:
    """An ignored signal would stay ignored in the session."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def both_loopbacks() -> bool:
    """`localhost` leads to IPv6 first and to IPv4, and both can be listened on."""
    with contextlib.suppress(OSError):
        found = [row[4][0] for row in socket.getaddrinfo("localhost", 1, type=socket.SOCK_STREAM)]
        with socket.socket(socket.AF_INET6) as test:
            test.bind(("::1", 0))
        return found[:1] == ["::1"] and "127.0.0.1" in found
    return False
