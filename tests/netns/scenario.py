"""A fault as data, and a diagnosis made in it: the files in `scenarios/`.

about       one line: what is broken
cause       of DESIGN, section 2; "" where nothing is wrong
most_s      seconds that the diagnosis may take (6)
symptom     what the client suffers, as of a live incident: kind, phase, code, http_status…

[here]      the user's machine; [there] the rest of the world
default_route   false: none
addresses       more of its own, such as "2001:db8:77::1"
device          the name of its network device (wire)
routes          such as "blackhole 160.79.104.0/24"
sysctl          { "net.ipv4.ip_local_port_range" = "60700 61000" }
incoming, outgoing   rules of nftables
nameservers, hosts   what stands in resolv.conf and hosts
environment     variables; FOLDER stands for a folder with ca.pem and other.pem (an unknown authority's)
settings        the user's settings.json
fill            { address, port, count }: connections that end in TIME_WAIT here; or several addresses
memory          { limit_mb, held_mb }: a control group, which another program, `holder`, has nearly filled
asleep_s        how long the machine has slept since the mark of the guard's start
client          a version of Claude Code that is installed, and signed in with a made-up login

[dns."10.77.0.2"]   a name server, [servers.NAME] another: servers.py. Both come over those below.

[[finding]]     what has to be found: probe, state, evidence (a part of it); of a probe with several
                findings, one has to be like this
"""

import contextlib
import json
import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cc_guard.diagnose import clocks
from tests.netns.namespaces import Namespace, SetupError, wired
from tests.netns.servers import API_4, API_6, APPLE, NAMES, Certificates, answering_names, serving
from tests.support.client import InstallError, installed, sign_in
from tests.support.groups import GroupError, limited

FOLDER = Path(__file__).parent / "scenarios"
ROOT = Path(__file__).parent.parent.parent

DOCTOR = "cc_guard.diagnose"
SERVERS: dict[str, dict[str, Any]] = {
    "api_4": {"at": [API_4], "does": "api", "tls": "good"},
    "api_6": {"at": [API_6], "does": "api", "tls": "good"},
    "apple": {
        "at": [APPLE],
        "port": 80,
        "does": "answer",
        "status": 200,
        "body": "<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>",
    },
}


@dataclass(frozen=True)
class Scenario:
    name: str
    about: str
    cause: str
    here: Mapping[str, Any] = field(default_factory=dict)
    there: Mapping[str, Any] = field(default_factory=dict)
    dns: Mapping[str, Any] = field(default_factory=dict)
    servers: Mapping[str, Any] = field(default_factory=dict)
    findings: tuple[Mapping[str, Any], ...] = ()
    symptom: Mapping[str, Any] = field(default_factory=dict)
    most_s: float = 6.0


def all_of_them() -> list[Scenario]:
    return [load(path) for path in sorted(FOLDER.glob("*.toml"))]


def load(path: Path) -> Scenario:
    table = tomllib.loads(path.read_text())
    return Scenario(path.stem, findings=tuple(table.pop("finding", ())), **table)


@contextmanager
def staged(scenario: Scenario, certificates: Certificates) -> Iterator[Namespace]:
    """The user's machine, with all that is wrong. Raises SetupError."""
    with stage_for(scenario, certificates) as stage:
        stage.turn_into(scenario)
        yield stage.here


@dataclass(frozen=True)
class Stage:
    """The user's machine and a rest of the world that may change. `now`: what is to be ended before."""

    here: Namespace
    there: Namespace
    certificates: Certificates
    servers: Mapping[str, Any]
    now: contextlib.ExitStack

    def turn_into(self, scenario: Scenario) -> None:
        """All is as the scenario has it, but for the machine's addresses, routes, resolv.conf and hosts.
        Connections are cut, as by any change of network. Raises SetupError."""
        self.now.close()
        names: dict[str, dict[str, Any]] = {"10.77.0.2": {}}
        names.update({address: dict(table) for address, table in scenario.dns.items()})
        for address, table in names.items():
            table.setdefault("records", NAMES)
            self.now.enter_context(answering_names(self.there, address, table))
        for name in {**self.servers, **scenario.servers}:
            server = {**self.servers.get(name, {}), **scenario.servers.get(name, {})}
            side = self.here if server.get("where") == "here" else self.there
            self.now.enter_context(serving(side, server, self.certificates))
        for namespace, given in ((self.here, scenario.here), (self.there, scenario.there)):
            self.now.enter_context(namespace.sysctl(given.get("sysctl", {})))
            self.now.enter_context(namespace.nft(given.get("incoming", ()), given.get("outgoing", ())))
        if fill := scenario.here.get("fill"):
            _fill(self.here, fill)


@contextmanager
def stage_for(
    machine: Scenario, certificates: Certificates, servers: Mapping[str, Any] = SERVERS
) -> Iterator[Stage]:
    """A machine as `[here]` of a scenario says, and nobody else yet. Raises SetupError."""
    with wired() as (here, there), contextlib.ExitStack() as now:
        _address(here, there, machine)
        yield Stage(here, there, certificates, servers, now)


def _address(here: Namespace, there: Namespace, scenario: Scenario) -> None:
    addresses = {API_4, API_6, APPLE, *scenario.dns, *scenario.there.get("addresses", ())}
    addresses -= {"10.77.0.2", "fd77::2"}
    own = scenario.here.get("addresses", ())
    there.batch(
        [f"address add {address} dev lo{' nodad' * (':' in address)}" for address in sorted(addresses)]
        + [f"route add {address} via {'fd77::1' if ':' in address else '10.77.0.1'}" for address in own]
    )
    lines = [f"address add {address} dev wire{' nodad' * (':' in address)}" for address in own]
    if device := scenario.here.get("device"):
        lines.append(f"link set wire name {device}")
    lines += [f"route add {route}" for route in scenario.here.get("routes", ())]
    if scenario.here.get("default_route", True):
        lines += ["route add default via 10.77.0.2", "route add default via fd77::2"]
    here.batch(lines)
    nameservers = scenario.here.get("nameservers", ["10.77.0.2"])
    here.etc(
        resolv_conf="".join(f"nameserver {address}\n" for address in nameservers),
        hosts="127.0.0.1 localhost\n::1 localhost\n" + scenario.here.get("hosts", ""),
    )


def _fill(here: Namespace, fill: Mapping[str, Any]) -> None:
    wanted = fill["address"]
    for address in [wanted] if isinstance(wanted, str) else wanted:
        words = (address, str(fill["port"]), str(fill["count"]))
        subprocess.run(
            here.argv(sys.executable, "-m", "tests.netns.fill", *words), cwd=ROOT, check=True, timeout=60
        )


class Lacking(SetupError):
    """Nothing that could be installed: a container without control groups of its own, an old kernel."""


@dataclass(frozen=True)
class Place:
    """Where a command runs in the scenario: what goes before it, its environment and its folder."""

    before: tuple[str, ...]
    environ: Mapping[str, str]
    folder: Path

    def argv(self, *python: str) -> list[str]:
        return [*self.before, sys.executable, *python]


@contextmanager
def placed(scenario: Scenario, certificates: Certificates, folder: Path) -> Iterator[Place]:
    """Raises SetupError, and Lacking for one that nobody can mend."""
    home = folder / "home"
    environ = _home(scenario, certificates, folder, home)
    with contextlib.ExitStack() as stack:
        here = stack.enter_context(staged(scenario, certificates))
        before = here.argv()
        if table := scenario.here.get("memory"):
            before = _in_group(stack, before, table)
        if asleep_s := scenario.here.get("asleep_s"):
            before = [*before, *_asleep(asleep_s)]
            environ[clocks.MARK] = clocks.mark(time.time() - asleep_s)
        yield Place(tuple(before), environ, home)


def _home(scenario: Scenario, certificates: Certificates, folder: Path, home: Path) -> dict[str, str]:
    (folder / "ca.pem").write_bytes(certificates.trusted)
    (folder / "other.pem").write_bytes(certificates.untrusted)
    (home / ".claude").mkdir(parents=True)
    if settings := scenario.here.get("settings"):
        (home / ".claude" / "settings.json").write_text(json.dumps(settings))
    environ = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "SSL_CERT_FILE": str(folder / "ca.pem"),
        "PYTHONPATH": os.pathsep.join((str(ROOT / "supervisor"), str(ROOT))),
    }
    if version := scenario.here.get("client"):
        try:
            environ["PATH"] = f"{installed(version).parent}:{environ['PATH']}"
        except InstallError as error:
            raise SetupError(str(error)) from error
        sign_in(home)
    for name, value in scenario.here.get("environment", {}).items():
        environ[name] = value.replace("FOLDER", str(folder))
    return environ


def _in_group(stack: contextlib.ExitStack, before: list[str], table: Mapping[str, int]) -> list[str]:
    try:
        group = stack.enter_context(limited(table["limit_mb"]))
    except GroupError as error:
        raise Lacking(str(error)) from error
    stack.enter_context(group.holding(table["held_mb"]))
    return [*group.argv(*before), *group.seen()]


def _asleep(seconds: int) -> list[str]:
    """In a time namespace whose clock that goes on in sleep is ahead: time_namespaces(7)."""
    before = ["unshare", "--time", "--boottime", str(seconds)]
    try:
        done = subprocess.run([*before, "true"], capture_output=True, text=True, timeout=20)
    except OSError as error:
        raise SetupError(f"unshare: {error}") from error
    if done.returncode:
        raise Lacking(f"no time namespaces here: {done.stderr.strip()}")
    return before


def diagnosed(scenario: Scenario, certificates: Certificates, folder: Path) -> dict[str, Any]:
    """What `cc-guard doctor --json` says in it. Raises SetupError; ValueError when that is no JSON."""
    module = os.environ.get("CC_GUARD_TEST_LOOK", DOCTOR)
    with placed(scenario, certificates, folder) as place:
        argv = place.argv("-m", module)
        if scenario.symptom and module == DOCTOR:
            argv += ["--symptom", json.dumps({**scenario.symptom})]
        done = subprocess.run(
            argv, cwd=place.folder, env=place.environ, capture_output=True, text=True, timeout=60
        )
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise ValueError(f"status {done.returncode}: {done.stdout[-500:]}{done.stderr[-3000:]}") from None
    return found


def missing(scenario: Scenario, found: Mapping[str, Any]) -> list[str]:
    """What the scenario wants and was not found, as text."""
    return [text for wanted in scenario.findings if (text := _unmet(wanted, found["findings"]))]


def _unmet(wanted: Mapping[str, Any], findings: list[dict[str, Any]]) -> str:
    same = [finding for finding in findings if finding["probe"] == wanted["probe"]]
    if any(_is_like(finding, wanted) for finding in same):
        return ""
    seen = "\n".join(f"    {row['state']} {row['summary']} {json.dumps(row['evidence'])}" for row in same)
    return f"wanted {dict(wanted)}, but found\n{seen or '    nothing'}"


def _is_like(finding: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    state = finding["state"]
    if state == "warn" and finding["evidence"].get("slow") and "slow" not in wanted.get("evidence", {}):
        state = "pass"  # a machine that is busy with other work
    if wanted.get("state", state) != state:
        return False
    return all(
        _same(finding["evidence"].get(key), value) for key, value in wanted.get("evidence", {}).items()
    )


def _same(found: Any, wanted: Any) -> bool:
    """Tables are compared by the keys of the wanted one, lists of them by as many as are wanted; `null`
    stands for null, `any` for all but that."""
    if isinstance(wanted, list) and wanted and isinstance(wanted[0], dict):
        return isinstance(found, list) and len(found) >= len(wanted) and all(map(_same, found, wanted))
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(_same(found.get(key), value) for key, value in wanted.items())
    if wanted == "null":
        return found is None
    if wanted == "any":
        return found is not None
    return bool(found == wanted)
