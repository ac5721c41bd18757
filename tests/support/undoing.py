"""A machine with everything that remedies change, to see that nothing of it stays changed.

    with machine(folder) as here:
        before = here.state()
        here.run("ports.widen", kill_after_s=0.7)   # kill -9, as its session and its guard
        here.restore()
        assert here.state() == before

The network is a namespace of its own, with real settings; the virtual machine and the container are fakes
(tests/fakes), whose processes and states are real.
"""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fakes import put
from tests.netns.namespaces import Namespace
from tests.netns.scenario import FOLDER, Place, load, placed
from tests.netns.servers import API_4, API_6, Certificates

CHANGING = ("ports.widen", "mtu.lower", "ipv6.prefer_v4", "tart.suspend", "docker.pause")
# Not the name of another test's machine, whose process runs here, too.
MACHINE, CONTAINER = f"dev-{os.getpid()}", "db"
_CHANGES_BY_ITSELF = ("nf_conntrack_count", "expire")
_TIMEOUT_S = 300


@dataclass
class Here:
    place: Place
    folder: Path
    environ: dict[str, str]

    @property
    def namespace(self) -> Namespace:
        return Namespace(self.place.before[self.place.before.index("exec") + 1])

    def state(self) -> dict[str, Any]:
        """All settings of the network, its devices, routes and rules, the machine, the container, and what
        runs."""
        sysctls = self._output("sysctl", "-a").splitlines()
        return {
            "sysctl": [
                line
                for line in sysctls
                if line.startswith("net.") and not any(word in line for word in _CHANGES_BY_ITSELF)
            ],
            "mtu": {row["ifname"]: row["mtu"] for row in json.loads(self._output("ip", "-j", "link"))},
            "routes": self._output("ip", "route"),
            "routes of IPv6": sorted(self._output("ip", "-6", "route").splitlines()),
            "rules of the firewall": self._output("nft", "list", "ruleset"),
            "machine": self.machine(),
            "container": self.container(),
        }

    def differences(self, before: dict[str, Any]) -> list[str]:
        now = self.state()
        return [f"{key}: {_differing(before[key], now[key])}" for key in before if before[key] != now[key]]

    def machine(self) -> str:
        """Its state; "" without one."""
        if not (self.folder / "tarts").exists():
            return ""
        rows = json.loads(self._output("tart", "list", "--format", "json"))
        return str({row["Name"]: row["State"] for row in rows}[MACHINE])

    def container(self) -> str:
        """Its state; "" without one."""
        dockers = self.folder / "dockers.json"
        if not dockers.exists():
            return ""
        with dockers.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH)  # as the fake's engine
            return str(json.load(file)[0]["state"])

    def start(self, id_: str, session: int, **request: Any) -> "subprocess.Popen[bytes]":
        """The runner of a remedy, for a session and a guard that are one process here."""
        request = {
            "session": session,
            "guard": session,
            "consent": True,
            "parameters": {"docker": {"names": [CONTAINER]}},
        } | request
        process = subprocess.Popen(
            self.place.argv("-P", "-m", "cc_guard.remedies", "run", id_),
            env=self.environ,
            cwd=self.place.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps(request).encode())
        process.stdin.close()
        process.stdin = None
        return process

    def run(self, id_: str, kill_after_s: float | None = None, **request: Any) -> dict[str, Any]:
        """The answer; empty when it was killed before there was one. Its session is gone afterwards."""
        with self.session() as session:
            process = self.start(id_, session, **request)
            if kill_after_s is not None:
                time.sleep(kill_after_s)
                process.kill()
            out, err = process.communicate(timeout=_TIMEOUT_S)
        if kill_after_s is None and not out:
            raise AssertionError(err.decode())
        return json.loads(out) if out else {}

    @contextmanager
    def session(self) -> Iterator[int]:
        """A process that stands for relay and guard, killed at the end."""
        with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"]) as process:
            try:
                yield process.pid
            finally:
                process.kill()

    def restore(self, kill_after_s: float | None = None) -> tuple[int, dict[str, Any]]:
        """`cc-guard restore --json`: its status, and what it says; empty when it was killed."""
        argv = self.place.argv("-P", "-m", "cc_guard", "restore", "--json")
        with subprocess.Popen(
            argv, env=self.environ, cwd=self.place.folder, stdout=subprocess.PIPE, start_new_session=True
        ) as process:
            if kill_after_s is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(kill_after_s)
                process.kill()
            out, _ = process.communicate(timeout=_TIMEOUT_S)
        return process.returncode, json.loads(out) if out else {}

    def doctor(self) -> str:
        """The cause that the doctor finds; "" when nothing is wrong."""
        argv = self.place.argv("-P", "-m", "cc_guard.diagnose")
        done = subprocess.run(argv, env=self.environ, cwd=self.place.folder, capture_output=True, timeout=60)
        return str(json.loads(done.stdout)["verdict"]["cause"] or "")

    def entries(self) -> list[str]:
        folder = self.folder / "state" / "cc-guard" / "undo"
        return sorted(path.name for path in folder.glob("*.json")) if folder.exists() else []

    def _output(self, *command: str) -> str:
        done = subprocess.run(
            [*self.place.before, *command], env=self.environ, capture_output=True, text=True, timeout=60
        )
        return done.stdout


def _differing(before: Any, now: Any) -> str:
    if isinstance(before, list):
        return f"{sorted(set(before) - set(now))} -> {sorted(set(now) - set(before))}"
    return f"{before} -> {now}"


@contextmanager
def machine(
    folder: Path, certificates: Certificates, scenario: str = "healthy", **files: str
) -> Iterator[Here]:
    """Raises namespaces.SetupError. `files` are those in a machine's folder: tests/fakes/machine.py."""
    with placed(load(FOLDER / f"{scenario}.toml"), certificates, folder) as place:
        environ = {**place.environ, "XDG_STATE_HOME": str(folder / "state")}
        with guests(folder, environ, **files):
            here = Here(place, folder, environ)
            deadline = time.monotonic() + 60
            while here.machine() != "running":
                assert time.monotonic() < deadline
                time.sleep(0.05)
            time.sleep(2)  # until the kernel has finished with the addresses of IPv6
            yield here


@contextmanager
def guests(folder: Path, environ: dict[str, str], **files: str) -> Iterator[None]:
    """A virtual machine of Tart and a container of Docker that run on this machine, and what `environ` needs
    for that. `files`: as for `machine`."""
    fakes = folder / "bin"
    fakes.mkdir(exist_ok=True)
    put(fakes, "tart", "docker")
    (fakes / "dockerd").symlink_to("/bin/sleep")  # an engine is known by its process
    tarts = folder / "tarts" / MACHINE
    tarts.mkdir(parents=True)
    for name, text in files.items():
        (tarts / name).write_text(text)
    rows = [{"id": "4e5f6a7b8c9d", "name": CONTAINER, "state": "running"}]
    (folder / "dockers.json").write_text(json.dumps(rows))
    environ["PATH"] = f"{fakes}{os.pathsep}{environ['PATH']}"
    environ["FAKE_TARTS"] = str(tarts.parent)
    environ["FAKE_DOCKERS"] = str(folder / "dockers.json")
    socket = Path(environ["HOME"]) / ".docker" / "run" / "docker.sock"
    socket.parent.mkdir(parents=True)
    socket.touch()
    engine = subprocess.Popen([str(fakes / "dockerd"), "100000"])
    first = subprocess.Popen(
        [str(fakes / "tart"), "run", "--suspendable", MACHINE], env=environ, start_new_session=True
    )
    try:
        deadline = time.monotonic() + 60
        while not (tarts / "pid").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield
    finally:
        engine.kill()
        engine.wait()
        with contextlib.suppress(OSError, ValueError):
            os.kill(int((tarts / "pid").read_text()), signal.SIGKILL)
        first.kill()
        first.wait()


@contextmanager
def in_the_way(who: str, here: Here) -> Iterator[None]:
    """Connections to the API are refused while the machine (the container) runs; of another one, always."""

    def is_there() -> bool:
        if who == "beside machine":
            return True
        if who == "container":
            return here.container() == "running"
        return not (here.folder / "tarts" / MACHINE / "saved").exists()

    done = threading.Event()
    reset = "tcp dport 443 reject with tcp reset"
    rules = [f"ip daddr {API_4} {reset}", f"ip6 daddr {API_6} {reset}"]

    def watch() -> None:
        while not done.is_set():
            with contextlib.ExitStack() as cut:
                if is_there():
                    cut.enter_context(here.namespace.nft(outgoing=rules))
                while is_there() and not done.wait(0.05):
                    pass
            while not is_there() and not done.wait(0.05):
                pass

    thread = threading.Thread(target=watch)
    thread.start()
    time.sleep(0.5)
    try:
        yield
    finally:
        done.set()
        thread.join(30)
