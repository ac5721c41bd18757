"""Local ports: real sockets here and in a namespace, and macOS' tools as fakes."""

import asyncio
import errno
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_guard.diagnose import sockets, tools
from cc_guard.diagnose.probes import conntrack, ports
from cc_guard.diagnose.route import Configuration
from cc_guard.incident.record import Finding
from cc_guard.probe.route import Route
from tests.conftest import unavailable
from tests.fakes.looking import context, look, only
from tests.netns.namespaces import Namespace, missing

linux = pytest.mark.skipif(not os.path.exists("/proc/net/tcp"), reason="needs Linux' /proc")
API_PORT = 443
RANGE = {"first": 32768, "last": 60999, "size": 28232, "reserved": 0}


# Reading


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("32768\t60999\n", (32768, 60999)),
        ("61000 60700", (60700, 61000)),
        ("", None),
        ("1 2 3", None),
        ("0 5", None),
        ("1024 65536", None),
        ("a b", None),
    ],
)
def test_range(text: str, found: tuple[int, int] | None) -> None:
    assert ports.parse_range(text) == found


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), ("\n", 0), ("8080", 0), ("100,102-104", 4), ("90-101", 2), ("x,5-", 0)]
)
def test_reserved_ports_inside_of_the_range(text: str, count: int) -> None:
    assert ports.parse_reserved(text, 100, 200) == count


PROC = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4001 1 0000 100
   1: 0100007F:ED1C 0100007F:1F90 06 00000000:00000000 03:0000175E 00000000     0        0 0 3 000000
   2: 0501A8C0:C350 0A684FA0:01BB 01 00000000:00000000 00:00000000 00000000  1000        0 4002 1 0000 20
   3: 0501A8C0:C35
"""
PROC6 = """  sl  local_address                         remote_address                        st tx_queue rx
   0: 0000000000000000FFFF00000501A8C0:C351 0000000000000000FFFF00000A684FA0:01BB 02 0:0 0:0 0 0 0 4003 1 0
   1: 000080FE00000000FF005450B6AD1DFE:C352 C06B07260000000000000000100000000:01BB 01 0:0 0:0 0 0 0 4004
   2: 000080FE00000000FF005450B6AD1DFE:C353 C06B0726000000000000000010000000:01BB 08 0:0 0:0 0 0 0 4005 1
"""


@linux
@pytest.mark.skipif("sys.byteorder == 'big'", reason="the sample is of a little-endian machine")
def test_sockets_of_linux() -> None:
    assert sockets.parse_proc(PROC) == [
        sockets.Socket(8080, "", 0, "LISTEN", 4001),
        sockets.Socket(60700, "127.0.0.1", 8080, "TIME_WAIT", 0),
        sockets.Socket(50000, "160.79.104.10", 443, "ESTABLISHED", 4002),
    ]
    mapped, six = sockets.parse_proc(PROC6)
    assert mapped == sockets.Socket(50001, "160.79.104.10", 443, "SYN_SENT", 4003)
    assert (six.remote, six.state) == ("2607:6bc0::10", "CLOSE_WAIT")


def test_sockets_of_macos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, tmp_path / "bin", "netstat")
    monkeypatch.setenv("FAKE_NETSTAT", "ESTABLISHED:1:50000 FIN_WAIT_2:1:50001 SYN_RCVD:1:50002")
    found = asyncio.run(sockets.listed(context("macos").facts))
    assert found == [
        sockets.Socket(50000, "160.79.104.10", 443, "ESTABLISHED"),
        sockets.Socket(50001, "160.79.104.10", 443, "FIN_WAIT2"),
        sockets.Socket(50002, "160.79.104.10", 443, "SYN_RECV"),
        sockets.Socket(61000, "fe80::1", 8021, "ESTABLISHED"),
        sockets.Socket(8080, "", 0, "LISTEN"),
    ]


@given(st.text() | st.binary().map(tools.decoded))
def test_no_text_is_too_odd(text: str) -> None:
    ports.parse_range(text)
    ports.parse_reserved(text, 1, 65535)
    sockets.parse_netstat(text)
    sockets.parse_proc("\n" + text)


# This machine


@linux
def test_here() -> None:
    found = look(ports.PROBES, "ports.range", context())
    assert found.state in ("pass", "warn")
    assert found.evidence["size"] == (
        found.evidence["last"] - found.evidence["first"] + 1 - found.evidence["reserved"]
    )
    assert look(ports.PROBES, "ports.bind", context()).state == "pass"
    used = look(ports.PROBES, "ports.use", context(), ports_range=found.evidence)
    assert used.evidence["total"] > 0
    assert 0 <= used.evidence["share"] <= 1


@linux
def test_our_own_sockets_are_counted_and_we_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ExitStack() as stack:
        port = server.getsockname()[1]
        mine = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(20)]
        numbers = [one.getsockname()[1] for one in mine]
        narrow = {"first": min(numbers), "last": max(numbers), "size": 20}
        known = {"addresses": ["127.0.0.1"]}
        where = context(configuration=Configuration(route=Route("127.0.0.1", port, False)))
        found = look(ports.PROBES, "ports.use", where, ports_range=narrow, dns_system=known)
    assert found.state == "fail"
    assert found.evidence["towards"] == "api"
    assert found.evidence["in_range"] >= 20
    assert found.evidence["time_wait_share"] < 0.5, "others use ports, too"
    assert found.evidence["top"][0]["pid"] == os.getpid()
    assert {"address": "127.0.0.1", "port": port, "sockets": 20} in found.evidence["peers"]


# Really out of ports: a namespace with a small range, as in the report from WSL2


@pytest.fixture
def small() -> Iterator[Namespace]:
    """A namespace with the ports 60700 to 61000, which keeps each for a minute after its connection."""
    if reason := missing():
        pytest.skip(reason)
    name = f"cc-guard-{os.getpid()}-ports"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, timeout=20)
    if made.returncode:
        unavailable(made.stderr)
    try:
        namespace = Namespace(name)
        namespace.ip("link", "set", "lo", "up")
        namespace.run(lambda: set_up("ip_local_port_range", "60700 61000"))
        namespace.run(lambda: set_up("tcp_tw_reuse", "0"))
        yield namespace
    finally:
        subprocess.run(["ip", "netns", "del", name], capture_output=True, timeout=20)


ALL_BUT_ONE = (300, 301)  # the kernel gives up before it has tried the last one, now and then


def set_up(name: str, value: str) -> None:
    Path(f"/proc/sys/net/ipv4/{name}").write_text(value)


def spend(count: int, address: str) -> int:
    """Makes and closes connections, at most `count`; how many there were before the ports ran out."""
    with socket.create_server((address, API_PORT)) as server:
        for made in range(count):
            client = socket.socket()
            failed = client.connect_ex((address, API_PORT))
            if failed:
                assert failed == errno.EADDRNOTAVAIL
                return made
            accepted, _ = server.accept()
            client.close()
            accepted.close()
    return count


def judge(address: str) -> tuple[Finding, Finding]:
    ranged = look(ports.PROBES, "ports.range", context())
    assert (ranged.state, ranged.evidence["size"]) == ("warn", 301)
    known = {"addresses": [address]}
    used = look(ports.PROBES, "ports.use", context(), ports_range=ranged.evidence, dns_system=known)
    return used, look(ports.PROBES, "ports.bind", context())


def test_all_ports_in_time_wait(small: Namespace) -> None:
    made = small.run(lambda: spend(400, "127.0.0.1"))
    assert made in ALL_BUT_ONE
    used, bound = small.run(lambda: judge("127.0.0.1"))
    assert used.state == "fail"
    assert used.evidence["by_state"]["TIME_WAIT"] == made
    assert used.evidence["time_wait_share"] == used.evidence["share"] > 0.99
    assert used.evidence["top"] == [], "nobody has a socket in TIME_WAIT any more"
    assert used.evidence["peers"] == [{"address": "127.0.0.1", "port": API_PORT, "sockets": made}]
    assert (bound.state, bound.evidence["errno"], bound.evidence["ok"]) == ("fail", "EADDRINUSE", False)


def test_filling(small: Namespace) -> None:
    assert small.run(lambda: spend(260, "127.0.0.1")) == 260
    used, bound = small.run(lambda: judge("127.0.0.1"))
    assert used.state == "warn"
    assert 0.8 <= used.evidence["share"] < 0.98
    assert bound.evidence["ok"]


def test_all_ports_in_use_but_towards_another_address(small: Namespace) -> None:
    """Linux can still connect to the API: each destination has all the ports of its own."""
    made = small.run(lambda: spend(400, "127.0.0.1"))
    assert made in ALL_BUT_ONE
    used, _ = small.run(lambda: judge("127.0.0.2"))
    assert used.state == "pass"
    assert (used.evidence["in_range"], used.evidence["ports_in_range"]) == (0, made)
    assert small.run(lambda: spend(1, "127.0.0.2")) == 1


def test_the_kernels_own_counts() -> None:
    text = "sockets: used 45\nTCP: inuse 13 orphan 2 tw 17 alloc 29 mem 47\nUDP: inuse 1 mem 3\n"
    found = {"inuse": 13, "orphan": 2, "tw": 17, "alloc": 29, "mem": 47}
    assert ports.parse_sockstat(text) == found
    for odd in ("", "TCP:", "TCP: x", "TCP: inuse", "TCP: inuse -1 tw 99999999999999999999"):
        assert ports.parse_sockstat(odd) == {}


# macOS, by its tools' fakes


@pytest.fixture
def macos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    only(monkeypatch, tmp_path / "bin", "sysctl", "netstat")
    start = "net.inet.ip.portrange."
    values = {f"{start}first": "49152", f"{start}last": "65535", f"{start}hifirst": "49152"}
    monkeypatch.setenv("FAKE_SYSCTL", str(values | {f"{start}hilast": "65535"}).replace("'", '"'))
    return monkeypatch


def test_macos_range(macos: pytest.MonkeyPatch) -> None:
    found = look(ports.PROBES, "ports.range", context("macos"))
    assert found.state == "pass"
    assert found.evidence == {
        **{"first": 49152, "last": 65535, "size": 16384, "reserved": 0},
        **{"hifirst": 49152, "hilast": 65535},
    }


def test_macos_full_of_time_wait(macos: pytest.MonkeyPatch) -> None:
    macos.setenv("FAKE_NETSTAT", "TIME_WAIT:16300:49152 ESTABLISHED:80:65452 SYN_SENT:4:65532")
    ranged = look(ports.PROBES, "ports.range", context("macos"))
    found = look(ports.PROBES, "ports.use", context("macos"), ports_range=ranged.evidence)
    assert found.state == "fail"
    assert found.evidence["by_state"]["TIME_WAIT"] == 16300
    assert found.evidence["towards"] == "anywhere"
    assert found.evidence["time_wait_share"] > 0.99


@pytest.mark.parametrize("said", ["garbage", "hang"])
def test_macos_tools_that_do_not_help(macos: pytest.MonkeyPatch, said: str) -> None:
    macos.setenv("FAKE_NETSTAT", said)
    macos.setenv("FAKE_SYSCTL", "{}")
    macos.setattr(sockets, "_NETSTAT_TIMEOUT_S", 0.1 if said == "hang" else 1.5)
    assert look(ports.PROBES, "ports.range", context("macos")).state == "na"
    found = look(ports.PROBES, "ports.use", context("macos"), ports_range=RANGE)
    assert found.state == ("na" if said == "hang" else "pass")


# Connection tracking


@pytest.mark.parametrize(
    ("count", "most", "waiting", "state"),
    [
        ("120", "262144", 1, "pass"),
        ("220000", "262144", 1, "warn"),
        ("262100", "262144", 1, "fail"),
        ("12", "262144", 64, "warn"),
        ("", "", 0, "pass"),
        ("x", "0", 31, "warn"),
    ],
)
def test_conntrack(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, count: str, most: str, waiting: int, state: str
) -> None:
    for name, value in (("_COUNT", count), ("_MAX", most)):
        (tmp_path / name).write_text(value)
        monkeypatch.setattr(conntrack, name, str(tmp_path / name))
    states = {"SYN_SENT": waiting, "ESTABLISHED": 3}
    found = look(conntrack.PROBES, "conntrack", context(), ports_use={"by_state": states})
    assert (found.state, found.evidence["syn_sent"]) == (state, waiting)


def test_conntrack_of_this_machine() -> None:
    assert look(conntrack.PROBES, "conntrack", context()).state in ("pass", "na", "warn")
