"""What users and systems leave in files and variables, however odd: findings, never a crash, and no waiting.

The answers of tools are in test_probe_host_fuzz.py; `python -m tests.proofs.inputs` tries more.
"""

import asyncio
import json
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cc_guard.diagnose import certificates, engine, nameservers, resolve, route, tools
from cc_guard.diagnose.facts import Facts, System
from cc_guard.diagnose.probe import Context, Probe
from cc_guard.diagnose.probes import configuration
from cc_guard.diagnose.probes import dns as dns_probes
from cc_guard.diagnose.query import Reply
from cc_guard.incident.record import Finding
from cc_guard.probe import route as files
from tests.support.peers import Peer, answers

SECRET = "sk-ant-api03-" + "made-up-" * 6
AUTHORITY = trustme.CA()
PEM = AUTHORITY.cert_pem.bytes()
QUICK_S = 60  # what takes for ever takes longer, and a machine with other work not
LONGER = int(os.environ.get("CC_GUARD_TEST_LONGER", "1"))  # times as many examples

Make = Callable[[Path], object]


def deep(path: Path) -> None:
    path.write_text('{"env":' * 50_000 + "1" + "}" * 50_000)


def to_itself(path: Path) -> None:
    path.symlink_to(path)


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        here = os.getcwd()
        os.chdir(path.parent)  # the path of a socket has at most 107 bytes
        try:
            server.bind(path.name)
        finally:
            os.chdir(here)


# What may be in the place of a file.
ODD: dict[str, Make] = {
    "nothing": lambda path: None,
    "empty": lambda path: path.touch(),
    "a folder": lambda path: path.mkdir(),
    "a pipe": lambda path: os.mkfifo(path),
    "a socket": listening,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a terminal": lambda path: path.symlink_to("/dev/tty"),
    "a link to itself": to_itself,
    "a link to nothing": lambda path: path.symlink_to(path.parent / "gone"),
    "a process's memory": lambda path: path.symlink_to("/proc/self/mem"),
    "binary": lambda path: path.write_bytes(bytes(range(256)) * 64),
    "UTF-16": lambda path: path.write_bytes('{"env": {}}'.encode("utf-16")),
    "deep": deep,
    "huge": lambda path: path.write_bytes(b'{"env": {"X": "' + b"x" * 8 * 2**20 + b'"}}'),
    "many": lambda path: path.write_text(json.dumps({"env": {f"V{n}": n for n in range(50_000)}})),
    "a half": lambda path: path.write_text('{"env": {"ANTHROPIC_BASE_URL": "https://gate'),
    "surrogates": lambda path: path.write_text('{"env": {"ANTHROPIC_BASE_URL": "https://\\ud800/\\udfff"}}'),
    "a null byte": lambda path: path.write_text('{"env": {"NODE_EXTRA_CA_CERTS": "/a\\u0000b"}}'),
    "other types": lambda path: path.write_text('{"env": {"HTTPS_PROXY": [1, {}], "NO_PROXY": 1e999}}'),
}
SETTINGS = ("user", "project", "local", "option", "managed", "drop-in")


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Where each kind of settings file is looked for."""
    managed = tmp_path / "managed"
    monkeypatch.setattr(files, "_MANAGED", str(managed))
    found = {
        "user": tmp_path / "home" / "settings.json",
        "project": tmp_path / "work" / ".claude" / "settings.json",
        "local": tmp_path / "work" / ".claude" / "settings.local.json",
        "option": tmp_path / "option.json",
        "managed": managed / "managed-settings.json",
        "drop-in": managed / "managed-settings.d" / "10-odd.json",
    }
    for path in found.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    return found


def found_in(places: dict[str, Path], environ: dict[str, str]) -> Finding:
    home, work = places["user"].parent, places["project"].parent.parent
    environ = {"CLAUDE_CONFIG_DIR": str(home), "HOME": str(home), **environ}
    read = route.read(environ, str(work), [str(places["option"])])
    return looked(configuration.PROBES, Context(environ, str(work), FACTS, read))[0]


FACTS = Facts("linux", 0, "", "x86_64", 0)


def looked(probes: tuple[Probe, ...], context: Context) -> list[Finding]:
    found = asyncio.run(engine.run(probes, context))
    for finding in found:
        assert "crash" not in finding.evidence, finding
        assert finding.state in ("pass", "warn", "fail", "skip", "na")
        json.dumps(finding.to_json()).encode()
    return found


@pytest.fixture(autouse=True)
def quickly() -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < QUICK_S * LONGER


# Settings files


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("place", SETTINGS)
def test_a_settings_file(places: dict[str, Path], place: str, kind: str) -> None:
    """And the other files count as before."""
    for other in SETTINGS:
        places[other].write_text('{"env": {"CLAUDE_CODE_CERT_STORE": "system"}}')
    places[place].unlink()
    ODD[kind](places[place])
    finding = found_in(places, {"ANTHROPIC_API_KEY": SECRET})
    assert finding.evidence["settings"]["CLAUDE_CODE_CERT_STORE"] != "environment"
    assert SECRET not in str(finding)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["env", "apiKeyHelper", "ANTHROPIC_BASE_URL", "HTTPS_PROXY", "NO_PROXY"])
            | st.text(max_size=10),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(
    max_examples=150 * LONGER, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(document=JSON, block=st.dictionaries(st.sampled_from(files.VARIABLES), JSON, max_size=4))
def test_any_json(places: dict[str, Path], document: Any, block: dict[str, Any]) -> None:
    places["user"].write_text(json.dumps(document))
    places["local"].write_text(json.dumps({"env": block, "apiKeyHelper": document}))
    found_in(places, {})


@settings(
    max_examples=150 * LONGER, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.binary(max_size=200) | st.text(max_size=100).map(lambda text: f'{{"env": {text}'.encode()))
def test_any_bytes(places: dict[str, Path], data: bytes) -> None:
    places["user"].write_bytes(data)
    found_in(places, {})


# Variables

PARTS = (
    *(
        "http",
        "https",
        ":",
        "//",
        "\\",
        "/",
        "@",
        "[",
        "]",
        "::1",
        "%",
        "?",
        "#",
        "v1",
        '"',
        "“",
        " ",
        "\n",
        "\0",
    ),
    *("\u200b", "é", "数", "\ud800", "localhost", "api.anthropic.com", "99999", "8080", SECRET),
)
URLS = st.text(max_size=60) | st.lists(st.sampled_from(PARTS), max_size=10).map("".join)


@settings(
    max_examples=400 * LONGER, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    base=URLS,
    proxy=URLS,
    excluded=st.text(max_size=40),
    extra=st.text(max_size=20),
    switch=st.text(max_size=6),
)
def test_any_values(
    places: dict[str, Path], base: str, proxy: str, excluded: str, extra: str, switch: str
) -> None:
    environ = {
        "ANTHROPIC_BASE_URL": base,
        "https_proxy": proxy,
        "NO_PROXY": excluded,
        "NODE_EXTRA_CA_CERTS": extra,
        "CLAUDE_CODE_USE_VERTEX": switch,
    }
    finding = found_in(places, environ)
    assert SECRET not in str(finding.to_json()), environ


@settings(max_examples=200 * LONGER, deadline=None)
@given(st.text(max_size=80))
def test_any_key(value: str) -> None:
    environ = {"ANTHROPIC_API_KEY": f"{value}{SECRET}", "ANTHROPIC_AUTH_TOKEN": value}
    read = route.read({**environ, "CLAUDE_CONFIG_DIR": "/none"}, "/")
    assert SECRET[20:] not in str(read)


# Files of certificates


def at_the_end_of(data: bytes) -> Make:
    return lambda path: path.write_bytes(data)


CERTIFICATES: dict[str, tuple[Make, bool]] = {
    **{kind: (make, False) for kind, make in ODD.items()},
    "good": (at_the_end_of(PEM), True),
    "with comments": (at_the_end_of("# Türk 数\n".encode() + PEM + b"\0\xff"), True),
    "Windows' line ends": (at_the_end_of(PEM.replace(b"\n", b"\r\n")), True),
    "the same twice": (at_the_end_of(PEM + PEM), True),
    "one and a half": (at_the_end_of(PEM + PEM[: len(PEM) // 2]), False),
    "garbage inside": (at_the_end_of(PEM[:100] + b"!!!!" + PEM[104:]), False),
    "other bytes inside": (
        at_the_end_of(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        False,
    ),
    "a key": (at_the_end_of(AUTHORITY.private_key_pem.bytes()), False),
    "DER": (at_the_end_of(ssl.PEM_cert_to_DER_cert(PEM.decode())), False),
    "50 MB": (at_the_end_of(PEM * (50 * 2**20 // len(PEM))), False),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", CERTIFICATES)
def test_own_authorities(places: dict[str, Path], tmp_path: Path, kind: str) -> None:
    make, good = CERTIFICATES[kind]
    path = tmp_path / "ca.pem"
    make(path)
    finding = found_in(places, {"NODE_EXTRA_CA_CERTS": str(path)})
    assert finding.evidence["extra_ca_readable"] is good
    assert (finding.state, "extra_ca" in finding.evidence["problems"]) == (
        ("pass", False) if good else ("warn", True)
    )
    assert (asyncio.run(certificates.store(str(path))) is not None) is good


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", CERTIFICATES)
def test_the_systems_authorities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    path = tmp_path / "ca.pem"
    CERTIFICATES[kind][0](path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    asyncio.run(certificates.system_store(FACTS))


@settings(
    max_examples=200 * LONGER, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    cut=st.integers(0, len(PEM)), noise=st.binary(max_size=40), more=st.sampled_from([b"", PEM, PEM[:200]])
)
def test_any_certificate(tmp_path: Path, cut: int, noise: bytes, more: bytes) -> None:
    path = tmp_path / "ca.pem"
    path.write_bytes(PEM[:cut] + noise + PEM[cut:] + more)
    certificates.from_pem(str(path))


# resolv.conf, hosts

LINES = st.text(max_size=30) | st.sampled_from(
    [
        "nameserver 10.0.0.1",
        "nameserver",
        "nameserver ::1%eth0",
        "nameserver 1.2.3",
        "nameserver\t8.8.8.8 # x",
        "nameserver 127.0.0.53",
        "# nameserver 1.1.1.1",
        "search a b",
        "options timeout:999999",
        "domain \0",
        "0.0.0.0 api.anthropic.com",
        "api.anthropic.com",
        "::1 API.Anthropic.COM.",
        "999.1 api.anthropic.com",
        "  resolver #1",
        "    nameserver[0] : 10.0.0.1",
        "    if_index : x (",
        "  flags : Scoped",
    ]
)
TEXTS = st.lists(LINES, max_size=12).map("\n".join).map(
    lambda text: text.encode("utf-8", "replace")
) | st.binary(max_size=100)


@settings(max_examples=150 * LONGER, deadline=None)
@given(resolver=TEXTS, behind=TEXTS, hosts=TEXTS, system=st.sampled_from(["linux", "macos"]))
def test_names(resolver: bytes, behind: bytes, hosts: bytes, system: System) -> None:
    contents = {
        "/etc/resolv.conf": resolver,
        "/run/systemd/resolve/resolv.conf": behind,
        "/etc/hosts": hosts,
    }

    async def run(*_: str, **__: object) -> tools.Ran:
        return tools.Ran(0, resolver)

    async def query(*_: object) -> Reply:
        return Reply("NOERROR", ["160.79.104.10"], 1.0)

    async def resolved(*_: object) -> resolve.Resolved:
        return resolve.Resolved(("160.79.104.10",))

    facts = Facts(system, 0, "", "x86_64", 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tools, "content", lambda path, *_: contents.get(path, b""))
        patch.setattr(tools, "run", run)
        patch.setattr(dns_probes, "query", query)
        patch.setattr(dns_probes, "resolve", resolved)
        context = Context({}, "/", facts, route.read({"CLAUDE_CONFIG_DIR": "/none"}, "/"))
        found = looked((*configuration.PROBES, *dns_probes.PROBES), context)
        assert {finding.probe for finding in found} == {"config.route", "dns.system", "dns.servers"}
        assert len(asyncio.run(nameservers.configured(facts))) <= 6


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", ODD)
def test_a_hosts_file(tmp_path: Path, kind: str) -> None:
    ODD[kind](tmp_path / "hosts")
    assert resolve.hosts_line("api.anthropic.com", str(tmp_path / "hosts")) is None


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", ODD)
def test_a_file_of_the_system(tmp_path: Path, kind: str) -> None:
    ODD[kind](tmp_path / "file")
    assert len(tools.content(str(tmp_path / "file"), 1000)) <= 1000
    tools.read_int(str(tmp_path / "file"))


# All of it


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", ["a pipe", "a device", "a link to itself", "deep", "huge", "surrogates"])
def test_the_doctor_in_an_odd_home(tmp_path: Path, kind: str) -> None:
    """The whole command: it ends, and says what it found."""
    home, work = tmp_path / "home", tmp_path / "work"
    for path in (
        home / ".claude" / "settings.json",
        home / ".claude" / ".credentials.json",
        home / ".claude.json",
        home / ".config" / "cc-guard" / "config.toml",
        work / ".claude" / "settings.json",
        work / ".claude" / "settings.local.json",
        tmp_path / "ca.pem",
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        ODD[kind](path)
    with Peer(answers(b"HTTP/1.1 503 no\r\ncontent-length: 0\r\n\r\n")) as peer:
        environ = {
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "NODE_EXTRA_CA_CERTS": str(tmp_path / "ca.pem"),
            "SSL_CERT_FILE": str(tmp_path / "ca.pem"),
            "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{peer.port}",
        }
        done = subprocess.run(
            [sys.executable, "-m", "cc_guard", "doctor", "--json"],
            cwd=work,
            env=environ,
            capture_output=True,
            timeout=60,
        )
    assert b"Traceback" not in done.stderr
    found = json.loads(done.stdout)
    assert not [row for row in found["findings"] if "crash" in row["evidence"]]
