"""Names: the system's answer, each server's, and when the two disagree."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_guard.diagnose import nameservers, resolve
from cc_guard.diagnose.probes import dns as probe
from cc_guard.diagnose.query import Reply, query
from tests.unit.network import absent, one

NAME = "api.example.test"
Answering = Callable[[bytes], bytes | None]


@contextmanager
def server(answering: Answering) -> Iterator[int]:
    """A name server on loopback; its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(0.1)
        done = threading.Event()

        def serve() -> None:
            while not done.is_set():
                try:
                    data, sender = sock.recvfrom(4096)
                except OSError:
                    continue
                reply = answering(data)
                if reply is not None:
                    sock.sendto(reply, sender)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield sock.getsockname()[1]
        finally:
            done.set()
            thread.join()


def ask(answering: Answering, timeout_s: float = 5.0) -> Reply:
    with server(answering) as port:
        return asyncio.run(query("127.0.0.1", NAME, "A", timeout_s, port))


def answer(data: bytes, *addresses: str, rcode: int = 0) -> dns.message.Message:
    reply = dns.message.make_response(dns.message.from_wire(data))
    reply.set_rcode(dns.rcode.Rcode(rcode))
    if addresses:
        reply.answer.append(dns.rrset.from_text(f"{NAME}.", 60, "IN", "A", *addresses))
    return reply


def test_an_answer() -> None:
    reply = ask(lambda data: answer(data, "192.0.2.1", "192.0.2.2").to_wire())
    assert (reply.rcode, sorted(reply.addresses)) == ("NOERROR", ["192.0.2.1", "192.0.2.2"])


def test_a_name_that_has_another_name() -> None:
    def answering(data: bytes) -> bytes:
        reply = answer(data)
        reply.answer.append(dns.rrset.from_text(f"{NAME}.", 60, "IN", "CNAME", "edge.example.test."))
        reply.answer.append(dns.rrset.from_text("edge.example.test.", 60, "IN", "A", "192.0.2.1"))
        return reply.to_wire()

    assert ask(answering).addresses == ["192.0.2.1"]


@pytest.mark.parametrize(("rcode", "word"), [(2, "SERVFAIL"), (3, "NXDOMAIN"), (5, "REFUSED")])
def test_a_refusal(rcode: int, word: str) -> None:
    assert ask(lambda data: answer(data, rcode=rcode).to_wire()).rcode == word


def test_silence() -> None:
    assert ask(lambda data: None, 0.3).rcode == "TIMEOUT"


def test_a_lost_packet_is_no_silence() -> None:
    seen: list[bytes] = []

    def answering(data: bytes) -> bytes | None:
        seen.append(data)
        return answer(data, "192.0.2.1").to_wire() if len(seen) > 1 else None

    assert ask(answering).addresses == ["192.0.2.1"]


def test_nobody_listens() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    assert asyncio.run(query("127.0.0.1", NAME, "A", 5, port)).rcode == "UNREACHABLE"


@settings(max_examples=15, deadline=None)
@given(tail=st.binary(max_size=60))
def test_what_is_no_answer(tail: bytes) -> None:
    reply = ask(lambda data: data[:2] + b"\x81\x80" + tail, 1.0)
    assert reply.rcode == "MALFORMED" or not reply.addresses


def test_another_ones_answer_is_not_taken() -> None:
    def answering(data: bytes) -> bytes:
        wire = answer(data, "192.0.2.66").to_wire()
        return bytes([wire[0] ^ 1]) + wire[1:]

    assert ask(answering, 0.3).rcode == "TIMEOUT"


@pytest.mark.parametrize("name", ["a" * 70 + ".test", "..", "a b.test", "ü.test", "x" * 300])
def test_a_name_that_cannot_be_one(name: str) -> None:
    asyncio.run(query("127.0.0.1", name, "A", 0.2, 9))
    assert asyncio.run(resolve.resolve(name, 5)).addresses == ()


# Which servers there are


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("nameserver 1.1.1.1\n", ["1.1.1.1"]),
        ("# nameserver 9.9.9.9\n;nameserver 8.8.8.8\nsearch x\nnameserver\t1.1.1.1  \n", ["1.1.1.1"]),
        ("nameserver fe80::1%eth0\nnameserver ::1", ["fe80::1%eth0", "::1"]),
        ("nameserver 1\nnameserver name.test\nnameserver 300.1.1.1\n", []),
        ("".join(f"nameserver 10.0.0.{n}\n" for n in range(9)), ["10.0.0.0", "10.0.0.1", "10.0.0.2"]),
        ("nameserver 1.1.1.1\nnameserver 1.1.1.1\n", ["1.1.1.1"]),
        ("", []),
    ],
)
def test_resolv_conf(text: str, servers: list[str]) -> None:
    assert nameservers.from_resolv_conf(text) == servers


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("127.0.0.11", "docker"),
        ("10.255.255.254", "wsl-tunnel"),
        ("127.0.0.53", "systemd-stub"),
        ("192.168.1.1", "local"),
        ("fe80::1%en0", "local"),
        ("1.1.1.1", "public"),
        ("2606:4700:4700::1111", "public"),
    ],
)
def test_what_kind_of_server(address: str, kind: str) -> None:
    assert nameservers.server(address).kind == kind


SCUTIL = """DNS configuration

resolver #1
  search domain[0] : lan
  nameserver[0] : 192.168.1.1
  nameserver[1] : fe80::1%en0
  if_index : 15 (en0)
  flags    : Request A records, Request AAAA records
  reach    : 0x00020002 (Reachable,Directly Reachable Address)

resolver #2
  domain   : corp.example
  nameserver[0] : 10.8.0.1
  flags    : Supplemental, Request A records
  reach    : 0x00000002 (Reachable)
  order    : 102600

resolver #3
  domain   : local
  options  : mdns
  timeout  : 5
  flags    : Request A records
  order    : 300000

DNS configuration (for scoped queries)

resolver #1
  nameserver[0] : 192.168.1.1
  if_index : 15 (en0)
  flags    : Scoped, Request A records

resolver #2
  nameserver[0] : 100.100.100.100
  if_index : 22 (utun4)
  flags    : Scoped, Request A records
"""


def test_the_resolvers_of_macos() -> None:
    """The form is that of scutil(8) on macOS 14; scoped ones are those of one interface."""
    found = [(one.address, one.scope) for one in nameservers.from_scutil(SCUTIL)]
    assert found == [
        ("192.168.1.1", ""),
        ("fe80::1%en0", ""),
        ("10.8.0.1", "corp.example"),
        ("100.100.100.100", "utun4"),
    ]


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=200) | st.lists(st.sampled_from(SCUTIL.splitlines())).map("\n".join))
def test_any_text_as_configuration(text: str) -> None:
    nameservers.from_resolv_conf(text)
    nameservers.from_scutil(text)


# The hosts file


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("127.0.0.1 localhost\n0.0.0.0\tApi.Example.Test\n", 2),
        ("127.0.0.1 other api.example.test # blocked\n", 1),
        ("# 127.0.0.1 api.example.test\n", None),
        ("127.0.0.1 xapi.example.test\n", None),
        ("api.example.test\n", None),
        ("\x00\xff\n", None),
    ],
)
def test_a_line_of_the_hosts_file(tmp_path: Path, text: str, line: int | None) -> None:
    path = tmp_path / "hosts"
    path.write_bytes(text.encode("latin-1"))
    wanted = None if line is None else f"line {line} of {path}"
    assert resolve.hosts_line(NAME, str(path)) == wanted
    assert resolve.hosts_line(NAME, str(tmp_path / "missing")) is None


# What the system says


@pytest.mark.parametrize(
    ("host", "addresses", "sinkhole"),
    [
        ("api.anthropic.com", ["160.79.104.10"], False),
        ("api.anthropic.com", ["127.0.0.1"], True),
        ("api.anthropic.com", ["::"], True),
        ("api.anthropic.com", ["192.168.1.2"], True),
        ("gateway.example.com", ["10.0.0.1"], False),
        ("gateway.example.com", ["0.0.0.0"], True),
        ("gateway.internal", ["127.0.0.1"], False),
        ("localhost", ["127.0.0.1"], False),
        ("api.anthropic.com", [], False),
    ],
)
def test_a_sinkhole(host: str, addresses: list[str], sinkhole: bool) -> None:
    assert probe._is_sinkhole(host, tuple(addresses)) is sinkhole


@pytest.mark.parametrize(
    ("system", "hosts_file", "server", "disagrees"),
    [
        (["160.79.104.10"], None, ["160.79.104.11"], False),
        (["127.0.0.1"], None, ["160.79.104.10"], True),
        (["127.0.0.1"], None, ["0.0.0.0"], False),
        (["160.79.104.99"], "line 3 of /etc/hosts", ["160.79.104.10"], True),
        (["160.79.104.10"], "line 3 of /etc/hosts", ["160.79.104.10"], False),
        (["127.0.0.1"], None, [], False),
        ([], None, ["160.79.104.10"], False),
    ],
)
def test_when_a_server_disagrees(
    system: list[str], hosts_file: str | None, server: list[str], disagrees: bool
) -> None:
    assert probe.disagrees(system, hosts_file, server) is disagrees


@pytest.mark.parametrize(
    ("scope", "state"),
    [("", "fail"), ("utun4", "na"), ("corp.example", "na"), ("example.test", "fail"), ("test.", "fail")],
)
def test_a_server_that_is_for_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scope: str, state: str
) -> None:
    """A VPN's, which refuses all names but its company's, is no fault."""

    async def configured(_: object) -> list[nameservers.Server]:
        return [nameservers.server("192.0.2.1", scope)]

    async def query(*_: object) -> Reply:
        return Reply("REFUSED", [], 3.0)

    monkeypatch.setattr(nameservers, "configured", configured)
    monkeypatch.setattr(probe, "query", query)
    finding = one(tmp_path, {"ANTHROPIC_BASE_URL": f"https://{NAME}"}, "dns.servers")[0]
    assert (finding.state, finding.evidence["rcode_v4"]) == (state, "REFUSED")


def test_an_address_needs_no_server(tmp_path: Path) -> None:
    environ = {"ANTHROPIC_BASE_URL": "http://127.0.0.1:1"}
    finding = one(tmp_path, environ, "dns.system")[0]
    assert (finding.state, finding.evidence["literal"], finding.evidence["v4"]) == (
        "pass",
        True,
        ["127.0.0.1"],
    )
    assert absent(tmp_path, environ, "dns.servers")


def test_the_proxys_name_is_what_counts(tmp_path: Path) -> None:
    finding = one(tmp_path, {"HTTPS_PROXY": "http://localhost:3128"}, "dns.system")[0]
    assert finding.evidence["host"] == "localhost"
    assert finding.state == "pass"


def test_a_name_that_cannot_exist(tmp_path: Path) -> None:
    """.invalid: RFC 6761, section 6.4. Without any server it is as good as one that does not answer."""
    finding = one(tmp_path, {"ANTHROPIC_BASE_URL": "https://api.invalid"}, "dns.system")[0]
    assert finding.state == "fail"
    assert finding.evidence["error"] in ("NXDOMAIN", "EAI_AGAIN", "EAI_NODATA", "EAI_FAIL")
