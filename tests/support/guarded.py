"""The real client under a real guard, on a machine whose network breaks for real.

    with guarded(folder, load(FOLDER / "ports_exhausted_both.toml"), "linux") as session:
        session.ready()
        session.turn_into("ports_exhausted_both")
        session.terminal.prompt("say back again")

The machine is a network namespace with settings of its own, and the stand-in is api.anthropic.com there. What
is not of this machine (Tart, Docker, Windows) are fakes.
"""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.netns.scenario import FOLDER, SERVERS, Place, Scenario, Stage, load, stage_for
from tests.netns.servers import Certificates
from tests.standin.api import StandIn
from tests.support.client import box_shown, client_home, installed
from tests.support.terminal import Terminal
from tests.support.undoing import Here, guests

CC_GUARD = Path(sys.executable).parent / "cc-guard"
VERSION = "2.1.330"
PATIENCE_S = 60.0  # what takes seconds, on a machine with other work

SETTINGS = {
    # As with Node 18: later ones try IPv4 after 250 ms, which a busy machine may have needed for itself.
    "NODE_OPTIONS": "--no-network-family-autoselection",
}


class Late(Exception):
    """Something did not come about; the text says what, and shows the screen."""


@dataclass
class Guarded:
    here: Here
    stage: Stage
    api: StandIn
    terminal: Terminal

    def ready(self) -> None:
        self.terminal.wait_for(box_shown, PATIENCE_S)
        time.sleep(2.0)

    def turn_into(self, scenario: str) -> None:
        """The network is as one of netns/scenarios has it."""
        self.stage.turn_into(load(FOLDER / f"{scenario}.toml"))

    def until(self, condition: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
        end = time.monotonic() + patience_s
        while not condition():
            if time.monotonic() > end:
                raise Late(f"{what}\n{self.terminal.screen()}\n{json.dumps(self.incidents())}")
            time.sleep(0.25)

    def cc_guard(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """One of cc-guard's commands, from another window of this machine."""
        argv = [*self.here.place.before, str(CC_GUARD), *words]
        return subprocess.run(argv, env=self.here.environ, capture_output=True, text=True, timeout=300)

    def incidents(self) -> list[dict[str, Any]]:
        """The newest first."""
        found: list[dict[str, Any]] = json.loads(self.cc_guard("incidents", "--json").stdout or "[]")
        return found

    def actions(self) -> list[str]:
        """`remedy:status` of all incidents, in order."""
        rows = [action for incident in reversed(self.incidents()) for action in incident["actions"]]
        return [f"{row['remedy']}:{row['status']}" for row in rows]

    def asked(self) -> str:
        """The remedy that the user is asked about; "" when nothing is asked, or not yet said what it is."""
        rows = json.loads(self.cc_guard("answer", "--json").stdout or "{}").get("questions", [])
        return str(rows[0]["remedy"]) if rows and rows[0]["text"] else ""

    def answer(self, word: str) -> None:
        done = self.cc_guard("answer", word)
        if done.returncode:
            raise Late(f"not answered: {done.stdout}{done.stderr}")

    def processes(self) -> list[psutil.Process]:
        """Relay, shim, guard and client, and whatever they have started."""
        try:
            relay = psutil.Process(self.terminal.pid)
            return [relay, *relay.children(recursive=True)]
        except psutil.Error:
            return []

    def guard(self) -> psutil.Process | None:
        return next((one for one in self.processes() if _runs(one, "cc_guard.guard")), None)

    def clients(self) -> list[int]:
        folder = str(installed(VERSION).parents[2])
        found = []
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                if process.exe().startswith(folder) or process.cmdline()[:1] == ["claude"]:
                    found.append(process.pid)
        return found

    def leave(self) -> int:
        """The user ends the client as usual: the exit status of the session."""
        for _ in range(6):
            self.terminal.key("C-c")
            time.sleep(0.3)
            self.terminal.key("C-c")  # the first one only asks for it, and for less than a second
            with contextlib.suppress(TimeoutError):
                return self.terminal.exit_status(3)
        raise Late(f"the client does not end\n{self.terminal.screen()}")


def _runs(process: psutil.Process, module: str) -> bool:
    with contextlib.suppress(psutil.Error):
        return module in process.cmdline()
    return False


@contextmanager
def guarded(
    folder: Path,
    fault: Scenario,
    profile: str,
    *,
    own: str = "",
    options: tuple[str, ...] = (),
    environ: Mapping[str, str] = {},
    with_guests: bool = False,
    prepare: Callable[[Here, Stage], None] = lambda here, stage: None,
) -> Iterator[Guarded]:
    """`fault` decides the machine's addresses and routes; the network is healthy at first. `own` is the
    user's file of the profile. Raises namespaces.SetupError and client.InstallError."""
    certificates = Certificates()
    ca = folder / "ca.pem"
    ca.write_bytes(certificates.trusted)
    work = folder / "work"
    work.mkdir()
    claude = installed(VERSION)
    environment = client_home(folder, VERSION, work, "", ca) | SETTINGS | dict(environ)
    del environment["ANTHROPIC_BASE_URL"]
    environment["PATH"] = f"{folder / 'bin'}:{claude.parent}:{environment['PATH']}"
    environment["XDG_STATE_HOME"] = str(folder / "state")
    (folder / "bin").mkdir()
    if own:
        profiles = Path(environment["XDG_CONFIG_HOME"]) / "cc-guard" / "profiles"
        profiles.mkdir(parents=True)
        (profiles / f"{profile}.toml").write_text(own)
    with contextlib.ExitStack() as stack:
        api = stack.enter_context(StandIn())
        behind = {"does": "forward", "to": api.port}
        servers = SERVERS | {name: SERVERS[name] | behind for name in ("api_4", "api_6")}
        stage = stack.enter_context(stage_for(fault, certificates, servers))
        stage.turn_into(load(FOLDER / "healthy.toml"))
        stack.callback(stage.now.close)
        if with_guests:
            stack.enter_context(guests(folder, environment))
        here = Here(Place(tuple(stage.here.argv()), environment, work), folder, environment)
        prepare(here, stage)
        argv = stage.here.argv(str(CC_GUARD), "--profile", profile, *options, "claude")
        terminal = stack.enter_context(Terminal(argv, environment, work, 120, 40))
        yield Guarded(here, stage, api, terminal)
