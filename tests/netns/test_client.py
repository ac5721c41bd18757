"""The real client where the network is really broken: the incident names the cause, whatever the screen says.

The client runs in a namespace, where the stand-in is api.anthropic.com: by that name, at the API's addresses,
over TLS. Its words alone would mislead: three causes share one sentence of 1.0.120's, three another one of
2.1.330's, and 2.0.60 shows nothing at all while it retries.
"""

import contextlib
import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import OpenTerminal, unavailable
from tests.netns.namespaces import SetupError, missing
from tests.netns.scenario import FOLDER, SERVERS, Scenario, Stage, load, stage_for
from tests.netns.servers import Certificates
from tests.proofs.outage import CC_GUARD
from tests.standin.api import StandIn
from tests.support.client import box_shown, cache_folder
from tests.support.terminal import Terminal

pytestmark = [pytest.mark.client, pytest.mark.timeout(180)]

PATIENCE_S = 30.0  # what takes a few seconds, on a machine with other work
CONFIDENCE = 0.9  # two findings that do not depend on each other agree
SETTINGS = {
    # From its third retry on, 2.1.330 says what it takes to be the reason.
    "CC_GUARD_HOLD__AFTER_ATTEMPT": "3",
    # As with Node 18: later ones try IPv4 after 250 ms, which a busy machine may have needed for itself.
    "NODE_OPTIONS": "--no-network-family-autoselection",
}

FIREWALL = "Connection refused — a firewall or proxy may be blocking it (ECONNREFUSED)"
CONNECTION = "API Error (Connection error.)"
UPSTREAM = "503 upstream connect error or disconnect/reset before headers. reset reas"

# What words that name the cause would have in them.
NAMED = {
    "dns.resolver_down": "(?i)dns|resol|EAI_|ENOTFOUND",
    "dns.sinkhole": "(?i)dns|resol|EAI_|ENOTFOUND",
    "ipv6.broken": "(?i)ipv6",
    "ports.exhausted": r"(?i)\bports?\b|EADDRNOTAVAIL",
    "proxy.dead": "(?i)your proxy|ERR_PROXY",
    "server.error": "(?i)server",
}


@dataclass(frozen=True)
class Case:
    """`fault`: a file in scenarios/. `words`: on the screen, "" for none. `proof`: the probe that has to
    fail. `from_start`: the fault is older than the session, because Bun keeps a name for 30 s."""

    fault: str
    version: str
    words: str
    proof: str
    from_start: bool = False

    def __str__(self) -> str:
        return self.fault


CASES = (
    Case("ipv6_first_resets", "2.1.330", "Connection dropped (ECONNRESET)", "http.v6"),
    Case("ipv6_first_resets", "1.0.120", CONNECTION, "http.v6"),
    Case("ports_exhausted_both", "2.1.330", FIREWALL, "ports.use"),
    Case("ports_exhausted_both", "2.0.60", "", "ports.use"),
    Case("resolver_gone", "2.1.197", "Unable to connect to API (", "dns.servers", from_start=True),
    Case("resolver_gone", "1.0.120", CONNECTION, "dns.servers"),
    Case("sinkhole_and_firewall", "2.1.330", FIREWALL, "tcp.v4"),
    Case("proxy_dead", "2.1.330", FIREWALL, "proxy"),
    Case("proxy_dead", "1.0.120", CONNECTION, "proxy"),
    Case("server_503_upstream", "2.1.330", UPSTREAM, "http.api"),
)


@pytest.fixture
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    if reason := missing():
        pytest.skip(reason)
    if found.version == "2.1.197" and not (cache_folder() / found.version).exists():
        pytest.skip("2.1.197 is not in the cache, and fetching it for one test is a quarter of a gigabyte")
    return found


@pytest.fixture
def fault(case: Case) -> Scenario:
    return load(FOLDER / f"{case.fault}.toml")


@pytest.fixture
def stage(fault: Scenario, standin: StandIn, tmp_path: Path) -> Iterator[Stage]:
    certificates = Certificates()
    (tmp_path / "ca.pem").write_bytes(certificates.trusted)
    behind = {"does": "forward", "to": standin.port}
    servers = SERVERS | {name: SERVERS[name] | behind for name in ("api_4", "api_6")}
    try:
        with stage_for(fault, certificates, servers) as stage:
            yield stage
    except SetupError as error:
        unavailable(str(error))


@pytest.fixture
def environment(client_env: dict[str, str], fault: Scenario, claude: Path, tmp_path: Path) -> dict[str, str]:
    del client_env["ANTHROPIC_BASE_URL"]
    path = f"{claude.parent}:{client_env['PATH']}"
    ca = str(tmp_path / "ca.pem")
    of_fault: dict[str, str] = fault.here.get("environment", {})
    return client_env | SETTINGS | of_fault | {"PATH": path, "NODE_EXTRA_CA_CERTS": ca}


@pytest.mark.parametrize(
    ("case", "version"),
    [
        pytest.param(one, one.version, marks=[] if one.version == "2.1.330" else pytest.mark.long)
        for one in CASES
    ],
    indirect=True,
    ids=str,
)
def test_the_cause_is_not_taken_from_the_words(
    case: Case,
    fault: Scenario,
    stage: Stage,
    environment: dict[str, str],
    work: Path,
    open_terminal: OpenTerminal,
) -> None:
    healthy = load(FOLDER / ("proxy_works.toml" if case.fault.startswith("proxy") else "healthy.toml"))
    stage.turn_into(fault if case.from_start else healthy)
    terminal = open_terminal(stage.here.argv(str(CC_GUARD), "claude"), environment, work)
    terminal.wait_for(box_shown, PATIENCE_S)
    time.sleep(1.5)
    if not case.from_start:
        terminal.prompt("say all is well")
        terminal.wait_for("● all is well")
        stage.turn_into(fault)

    is_server = fault.cause == "server.error"
    terminal.prompt("say back again")
    if case.words:
        terminal.wait_for(case.words, PATIENCE_S)
    until(lambda: is_diagnosed(newest(environment), case.words), terminal)
    if not is_server:
        until(lambda: is_held(terminal), terminal)
    screen = terminal.screen()
    stage.turn_into(healthy)
    terminal.wait_for("● back again", PATIENCE_S)
    until(lambda: newest(environment)["outcome"] != "open", terminal)

    (incident,) = incidents(environment)
    assert (incident["cause"], incident["confidence"]) == (fault.cause, CONFIDENCE)
    assert (case.proof, "fail") in {(row["probe"], row["state"]) for row in incident["evidence"]}
    said = [f"{symptom['code']} {symptom['text']}" for symptom in incident["symptoms"]]
    assert [words for words in said if re.search(NAMED[fault.cause], words)] == []
    if not case.words:
        assert "error" not in screen.lower()
    assert incident["outcome"] == "recovered"
    if not is_server:
        assert incident["kind"] == "connection"
        assert incident["held_s"] > 0


def incidents(environment: dict[str, str]) -> list[dict[str, Any]]:
    done = subprocess.run(
        [CC_GUARD, "incidents", "--json"], env=environment, capture_output=True, text=True, check=True
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def newest(environment: dict[str, str]) -> dict[str, Any]:
    return next(iter(incidents(environment)), {})


def is_diagnosed(incident: dict[str, Any], words: str) -> bool:
    """It has a cause, and detection has read the words that are on the screen."""
    read = [symptom["text"] for symptom in incident.get("symptoms", ())]
    return any(words in text for text in read) and bool(incident["confidence"])


def is_held(terminal: Terminal) -> bool:
    for process in psutil.Process(terminal.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if process.status() == psutil.STATUS_STOPPED:
                return True
    return False


def until(condition: Callable[[], bool], terminal: Terminal) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, terminal.screen()
        time.sleep(0.2)
