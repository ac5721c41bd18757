"""What each probe looks at, for people: in a few words that go on in a list."""

from collections.abc import Iterable

TITLES = {
    "config.route": "settings",
    "gateway": "gateway",
    "link.route": "way out",
    "dns.system": "name look-up",
    "dns.servers": "name servers",
    "tcp.v4": "connection over IPv4",
    "tcp.v6": "connection over IPv6",
    "tls": "certificate",
    "http.v4": "answer over IPv4",
    "http.v6": "answer over IPv6",
    "proxy": "proxy",
    "portal": "other websites",
    "upload": "large request",
    "http.api": "answer of the API",
    "service.status": "status page",
    "clock": "clock",
    "ports.range": "local ports",
    "ports.use": "local ports",
    "ports.bind": "local ports",
    "conntrack": "table of connections",
    "memory": "memory",
    "load": "load",
    "sleep": "sleep",
    "clock.jump": "clock",
    "macos.uptime": "time since the start",
    "vm.tart": "Tart",
    "vm.containers": "what runs here",
    "vm.overlap": "overlapping networks",
    "container.network": "this container",
    "wsl.network": "WSL's network",
    "wsl.ports": "Windows' local ports",
    "signin": "sign-in",
    "client.version": "version",
    "client.process": "this session",
    "sessions": "other sessions",
}


_BOTH = ("connection", "answer")


def title(probe: str) -> str:
    return TITLES.get(probe, probe)


def titles(probes: Iterable[str]) -> list[str]:
    """Each once, and both families in one."""
    found = list(dict.fromkeys(map(title, probes)))
    for what in _BOTH:
        pair = [f"{what} over IPv4", f"{what} over IPv6"]
        if set(pair) <= set(found):
            found[found.index(pair[0])] = f"{what} over IPv4 and IPv6"
            found.remove(pair[1])
    return found
