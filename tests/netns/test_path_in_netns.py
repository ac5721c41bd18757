"""The path probe where the network is really broken: in a namespace, by routes that lead nowhere.

Each fault has to be told as not reachable before the probe's timeout is over, and a name with two kinds of
addresses has to be reachable as long as one of them is.
"""

import asyncio
import socket
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from cc_guard.probe.path import PathResult, check_path
from cc_guard.probe.route import Proxy, Route
from tests.conftest import unavailable
from tests.netns.namespaces import Namespace, SetupError, missing, wired
from tests.support.peers import Handler, Peer, connect_proxy, head, status

pytestmark = pytest.mark.timeout(60)

PORT = 8080
NEAR_4, NEAR_6 = "10.77.0.2", "fd77::2"
FAR_4, FAR_6 = "10.77.1.2", "fd78::2"
NAME = "api.example.test"
TIMEOUT_S = 1.0
PATIENCE_S = 20.0  # for what has to come before any timeout
SLACK_S = 5.0  # what a busy machine may add


@pytest.fixture
def wire() -> Iterator[tuple[Namespace, Namespace]]:
    if reason := missing():
        pytest.skip(reason)
    try:
        with wired() as both:
            yield both
    except SetupError as error:
        unavailable(str(error))


@pytest.fixture
def here(wire: tuple[Namespace, Namespace]) -> Namespace:
    return wire[0]


@pytest.fixture
def there(wire: tuple[Namespace, Namespace]) -> Namespace:
    return wire[1]


@pytest.fixture
def api(there: Namespace) -> Iterator[list[Peer]]:
    """Answers at all addresses of the far side."""
    peers = there.run(lambda: [Peer(status(404), host=host, port=PORT) for host in ("0.0.0.0", "::")])
    try:
        for peer in peers:
            peer.__enter__()
        yield peers
    finally:
        for peer in peers:
            peer.__exit__()


def probe(here: Namespace, host: str, timeout_s: float = TIMEOUT_S, port: int = PORT) -> PathResult:
    return probe_route(here, Route(host, port, False), timeout_s)


def probe_route(here: Namespace, route: Route, timeout_s: float) -> PathResult:
    """A probe made `here`, which has to end in time."""
    start = time.monotonic()
    result = here.run(lambda: asyncio.run(check_path(route, timeout_s)))
    assert time.monotonic() - start < timeout_s + SLACK_S
    return result


@pytest.fixture
def two_families(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name with an IPv6 and an IPv4 address, in the order of RFC 6724."""

    def lookup(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        if host != NAME:
            return real(host, port, *_, **__)
        kind = (socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [
            (socket.AF_INET6, *kind, (FAR_6, port, 0, 0)),
            (socket.AF_INET, *kind, (FAR_4, port)),
        ]

    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lookup)


@pytest.mark.parametrize("host", [NEAR_4, NEAR_6, FAR_4, FAR_6])
def test_the_way_is_free(here: Namespace, api: list[Peer], host: str) -> None:
    """Else the other tests would prove nothing."""
    assert probe(here, host, PATIENCE_S).http_status == 404


# Broken on this side: the kernel knows it, and says so at once


@pytest.mark.parametrize(
    ("route", "detail"),
    [
        ("unreachable", "No route to host"),
        ("prohibit", "Permission denied"),
        ("blackhole", "Invalid argument"),  # the kernel's word to the sender: ip-route(8)
    ],
)
@pytest.mark.parametrize("family", ["IPv4", "IPv6"])
def test_a_route_that_refuses(here: Namespace, api: list[Peer], route: str, detail: str, family: str) -> None:
    host, network = (FAR_4, "10.77.1.2/32") if family == "IPv4" else (FAR_6, "fd78::2/128")
    here.ip("route", "add", route, network)
    result = probe(here, host, PATIENCE_S)
    assert (result.ok, result.stage) == (False, "connect")
    assert result.detail == detail


def test_no_route_at_all(here: Namespace, api: list[Peer]) -> None:
    """A VPN that went away, a network that was left."""
    here.ip("route", "del", "10.77.1.0/24")
    result = probe(here, FAR_4, PATIENCE_S)
    assert (result.ok, result.stage, result.detail) == (False, "connect", "Network is unreachable")


def test_the_cable_is_out(here: Namespace, api: list[Peer]) -> None:
    here.ip("link", "set", "wire", "down")
    result = probe(here, NEAR_4, PATIENCE_S)
    assert (result.ok, result.stage, result.detail) == (False, "connect", "Network is unreachable")


# Broken on the way: there is only silence


def test_packets_that_are_swallowed(here: Namespace, there: Namespace, api: list[Peer]) -> None:
    """The requests arrive, the answers do not."""
    there.ip("route", "add", "blackhole", "10.77.0.1/32")
    result = probe(here, FAR_4)
    assert (result.ok, result.stage) == (False, "connect")
    assert result.detail == f"no answer in {TIMEOUT_S:g} s"
    assert result.ms >= TIMEOUT_S * 1000


def test_a_wire_that_loses_everything(here: Namespace, api: list[Peer]) -> None:
    command = ["tc", "-n", here.name, "qdisc", "add", "dev", "wire", "root", "netem", "loss", "100%"]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=20)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"this kernel or system has no tc netem: {error}")
    assert not probe(here, FAR_4).ok


def test_a_host_that_is_not_there(here: Namespace, api: list[Peer]) -> None:
    """Nobody answers ARP: the kernel says so after three seconds, the probe's patience is over before."""
    result = probe(here, "10.77.0.77")
    assert (result.ok, result.stage) == (False, "connect")


@pytest.mark.parametrize("tls", [False, True])
def test_silence_after_the_connection_stands(here: Namespace, there: Namespace, tls: bool) -> None:
    """A tunnel that carries small packets but no large ones, or a firewall that changes its mind."""

    def goes_silent(connection: socket.socket) -> None:
        there.ip("route", "add", "blackhole", "10.77.0.1/32")
        if not tls:
            head(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        connection.settimeout(PATIENCE_S)
        connection.recv(1)

    handler: Handler = goes_silent
    with there.run(lambda: Peer(handler, host=FAR_4)) as peer:
        result = probe_route(here, Route(FAR_4, peer.port, tls), TIMEOUT_S)
    assert (result.ok, result.stage) == (False, "tls" if tls else "http")


# The other side is there, and says no


def test_a_closed_port(here: Namespace, api: list[Peer]) -> None:
    result = probe(here, FAR_4, PATIENCE_S, port=PORT + 1)
    assert (result.ok, result.stage, result.detail) == (False, "connect", "Connection refused")


def test_a_proxy_that_can_be_reached_and_an_api_that_cannot(here: Namespace, there: Namespace) -> None:
    """The tunnel leads to a closed port, so the proxy hangs up."""
    proxied = there.run(lambda: Peer(connect_proxy(1, []), host=NEAR_4))
    with proxied as proxy:
        route = Route(NAME, 443, True, Proxy(NEAR_4, proxy.port, False))
        result = probe_route(here, route, PATIENCE_S)
    assert (result.ok, result.stage) == (False, "proxy")


# Two kinds of addresses (RFC 8305)


@pytest.mark.usefixtures("two_families")
@pytest.mark.parametrize("where", ["here", "there"])
@pytest.mark.parametrize("broken", ["IPv6", "IPv4"])
def test_one_family_is_enough(
    here: Namespace, there: Namespace, api: list[Peer], where: str, broken: str
) -> None:
    """`there` is the hard case: connecting over the broken family would take minutes to fail."""
    if where == "here":
        here.ip("route", "add", "unreachable", "fd78::2/128" if broken == "IPv6" else "10.77.1.2/32")
    else:
        there.ip("route", "add", "blackhole", "fd77::1/128" if broken == "IPv6" else "10.77.0.1/32")
    result = probe(here, NAME, PATIENCE_S)
    assert result.http_status == 404
    assert result.ms < 3000, "a quarter of a second, and what a busy machine adds"
    accepted = {"IPv4": api[0].accepted, "IPv6": api[1].accepted}
    assert accepted["IPv4" if broken == "IPv6" else "IPv6"] == 1


@pytest.mark.usefixtures("two_families")
def test_both_families_are_silent(here: Namespace, there: Namespace, api: list[Peer]) -> None:
    there.ip("route", "add", "blackhole", "10.77.0.1/32")
    there.ip("route", "add", "blackhole", "fd77::1/128")
    result = probe(here, NAME)
    assert (result.ok, result.stage) == (False, "connect")


def test_it_comes_back(here: Namespace, there: Namespace, api: list[Peer]) -> None:
    """What a paused client waits for."""
    there.ip("route", "add", "blackhole", "10.77.0.1/32")
    assert not probe(here, FAR_4, 0.5).ok
    there.ip("route", "del", "blackhole", "10.77.0.1/32")
    result = probe(here, FAR_4, PATIENCE_S)
    assert result.ok
