"""Routes and devices: what the systems' tools say, which names are tunnels, and a machine that has no way."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_guard.diagnose.addressing import Way, parse_ip_route, parse_route_get
from cc_guard.diagnose.probes import link
from cc_guard.diagnose.probes.gateway import _kind, _listener
from cc_guard.diagnose.resolve import Resolved
from cc_guard.incident.record import Finding
from tests.support.peers import Peer, silent
from tests.unit.network import absent

# `ip -j route get`, iproute2 6.1.
_LINUX = (
    '[{"dst":"160.79.104.10","gateway":"192.0.2.1","dev":"eth0",'
    '"prefsrc":"192.0.2.2","flags":[],"uid":0,"cache":[]}]'
)
# `route -n get`, as in Apple's route(8) and common reports.
_MACOS = """   route to: 160.79.104.10
destination: default
       mask: default
    gateway: 192.168.1.1
  interface: en0
      flags: <UP,GATEWAY,DONE,STATIC,PRCLONING,GLOBAL>
 recvpipe  sendpipe  ssthresh  rtt,msec    rttvar  hopcount      mtu     expire
       0         0         0         0         0         0      1500         0
"""


def test_what_linux_says() -> None:
    assert parse_ip_route(_LINUX) == Way("eth0", "192.0.2.1", "192.0.2.2")
    assert parse_ip_route('[{"dst":"10.0.0.1","dev":"wg0"}]') == Way("wg0")


def test_what_macos_says() -> None:
    assert parse_route_get(_MACOS) == Way("en0", "192.168.1.1")


@given(
    st.text(max_size=100)
    | st.sampled_from(["[]", "[[]]", "{}", "null", "[1]", '[{"dev": null}]', "[" * 9999])
)
def test_any_text(text: str) -> None:
    parse_ip_route(text)
    parse_route_get(text)


@pytest.mark.parametrize(
    ("device", "kind"),
    [
        ("eth0", None),
        ("en0", None),
        ("wlp3s0", None),
        ("bridge100", None),
        ("", None),
        ("utun4", "utun"),
        ("wg0", "wg"),
        ("wg-home", "wg"),
        ("nordlynx", "wg"),
        ("tailscale0", "tailscale"),
        ("CloudflareWARP", "warp"),
        ("tun0", "tun"),
        ("ppp0", "tun"),
        ("../../x", None),
    ],
)
def test_which_devices_are_tunnels(device: str, kind: str | None) -> None:
    assert link._kind(device) == kind


def way(error: str | None) -> tuple[str, Way, str | None]:
    return "x", Way() if error else Way("eth0"), error


@pytest.mark.parametrize(
    ("v4", "v6", "states"),
    [
        (None, None, ("pass", "pass")),
        (None, "none", ("pass", "na")),
        (None, "unreachable", ("pass", "na")),
        ("unreachable", None, ("na", "pass")),
        ("unreachable", "none", ("fail", "fail")),
    ],
)
def test_one_family_is_enough(v4: str | None, v6: str | None, states: tuple[str, str]) -> None:
    ways = {4: way(v4), 6: way(v6)}
    assert tuple(link._finding(family, *ways[family], ways).state for family in (4, 6)) == states


@pytest.mark.parametrize(
    ("url", "looked_at"),
    [
        ("http://127.0.0.1:8080", False),
        ("http://localhost:8080", False),
        ("http://[::1]:8080", False),
        ("https://gateway.internal", False),
        ("https://10.0.0.1", True),
        ("https://api.example.com", True),
    ],
)
def test_where_a_route_means_nothing(tmp_path: Path, url: str, looked_at: bool) -> None:
    known = Finding("dns.system", "pass", "", {"v4": ["10.0.0.1"] if "10." in url else [], "v6": []})
    assert (
        bool(absent(tmp_path, {"ANTHROPIC_BASE_URL": url}, "link.route", dns_system=known)) is not looked_at
    )


# A gateway


@pytest.mark.parametrize(
    ("host", "addresses", "kind"),
    [
        ("localhost", (), "loopback"),
        ("127.0.0.1", ("127.0.0.1",), "loopback"),
        ("::1", ("::1",), "loopback"),
        ("gateway.example.com", ("127.0.0.1",), "loopback"),
        ("10.0.0.1", ("10.0.0.1",), "private"),
        ("gateway.internal", (), "private"),
        ("gateway.example.com", ("10.0.0.1",), "private"),
        ("gateway.example.com", ("8.8.8.8",), "public"),
    ],
)
def test_what_kind_of_gateway(host: str, addresses: tuple[str, ...], kind: str) -> None:
    assert _kind(host, Resolved(addresses)) == kind


def test_whose_gateway_it_is() -> None:
    with Peer(silent) as peer:
        process = _listener(peer.port)
    assert process is not None
    assert "python" in process["name"].lower()
    assert _listener(1) is None
