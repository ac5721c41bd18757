"""A fault as data, and a diagnosis made in it: the files in `scenarios/`.

about       one line: what is broken
cause       of DESIGN, section 2; "" where nothing is wrong
most_s      seconds that the diagnosis may take (6)
symptom     what the client suffers, as of a live incident: kind, phase, code, http_status…

[here]      the user's machine; [there] the rest of the world
default_route   false: none
device          the name of its network device (wire)
routes          such as "blackhole 160.79.104.0/24"
sysctl          { "net.ipv4.ip_local_port_range" = "60700 61000" }
incoming, outgoing   rules of nftables
nameservers, hosts   what stands in resolv.conf and hosts
environment     variables; FOLDER stands for a folder with ca.pem and other.pem (an unknown authority's)
settings        the user's settings.json
fill            { address, port, count }: connections that end in TIME_WAIT here

[dns."10.77.0.2"]   a name server, [servers.NAME] another: servers.py. Both come over those below.

[[finding]]     what has to be found: probe, state, evidence (a part of it); of a probe with several
                findings, one has to be like this
"""

import contextlib
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.netns.namespaces import Namespace, wired
from tests.netns.servers import API_4, API_6, APPLE, NAMES, Certificates, answering_names, serving

FOLDER = Path(__file__).parent / "scenarios"
ROOT = Path(__file__).parent.parent.parent

_DOCTOR = "cc_guard.diagnose"
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
    with wired() as (here, there), contextlib.ExitStack() as stack:
        _address(here, there, scenario)
        names: dict[str, dict[str, Any]] = {"10.77.0.2": {}}
        names.update({address: dict(table) for address, table in scenario.dns.items()})
        for address, table in names.items():
            table.setdefault("records", NAMES)
            stack.enter_context(answering_names(there, address, table))
        for name in {**SERVERS, **scenario.servers}:
            server = {**SERVERS.get(name, {}), **scenario.servers.get(name, {})}
            side = here if server.get("where") == "here" else there
            stack.enter_context(serving(side, server, certificates))
        for namespace, given in ((here, scenario.here), (there, scenario.there)):
            namespace.sysctl(given.get("sysctl", {}))
            namespace.nft(given.get("incoming", ()), given.get("outgoing", ()))
        if fill := scenario.here.get("fill"):
            _fill(here, fill)
        yield here


def _address(here: Namespace, there: Namespace, scenario: Scenario) -> None:
    addresses = {API_4, API_6, APPLE, *scenario.dns, *scenario.there.get("addresses", ())}
    addresses -= {"10.77.0.2", "fd77::2"}
    there.batch(
        [f"address add {address} dev lo{' nodad' * (':' in address)}" for address in sorted(addresses)]
    )
    if device := scenario.here.get("device"):
        here.batch([f"link set wire name {device}"])
    routes = [f"route add {route}" for route in scenario.here.get("routes", ())]
    if scenario.here.get("default_route", True):
        routes += ["route add default via 10.77.0.2", "route add default via fd77::2"]
    here.batch(routes)
    nameservers = scenario.here.get("nameservers", ["10.77.0.2"])
    here.etc(
        resolv_conf="".join(f"nameserver {address}\n" for address in nameservers),
        hosts="127.0.0.1 localhost\n::1 localhost\n" + scenario.here.get("hosts", ""),
    )


def _fill(here: Namespace, fill: Mapping[str, Any]) -> None:
    words = (str(fill["address"]), str(fill["port"]), str(fill["count"]))
    subprocess.run(
        here.argv(sys.executable, "-m", "tests.netns.fill", *words), cwd=ROOT, check=True, timeout=60
    )


def diagnosed(scenario: Scenario, certificates: Certificates, folder: Path) -> dict[str, Any]:
    """What `cc-guard doctor --json` says in it. Raises SetupError; ValueError when that is no JSON."""
    (folder / "ca.pem").write_bytes(certificates.trusted)
    (folder / "other.pem").write_bytes(certificates.untrusted)
    home = folder / "home"
    (home / ".claude").mkdir(parents=True)
    if settings := scenario.here.get("settings"):
        (home / ".claude" / "settings.json").write_text(json.dumps(settings))
    environ = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "SSL_CERT_FILE": str(folder / "ca.pem"),
        "PYTHONPATH": os.pathsep.join((str(ROOT / "supervisor"), str(ROOT))),
    }
    for name, value in scenario.here.get("environment", {}).items():
        environ[name] = value.replace("FOLDER", str(folder))
    module = os.environ.get("CC_GUARD_TEST_LOOK", _DOCTOR)
    with staged(scenario, certificates) as here:
        argv = here.argv(sys.executable, "-m", module)
        if scenario.symptom and module == _DOCTOR:
            argv += ["--symptom", json.dumps({**scenario.symptom})]
        done = subprocess.run(argv, cwd=home, env=environ, capture_output=True, text=True, timeout=60)
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
    """Tables are compared by the keys of the wanted one; `null` stands for null, `any` for all but that."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(_same(found.get(key), value) for key, value in wanted.items())
    if wanted == "null":
        return found is None
    if wanted == "any":
        return found is not None
    return bool(found == wanted)
