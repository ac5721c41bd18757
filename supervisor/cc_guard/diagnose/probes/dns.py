"""From the name to addresses: by the system as the client asks it, and by each nameserver on its own."""

import asyncio
import ipaddress
import time
from collections.abc import Sequence
from typing import Any

from cc_guard.diagnose import nameservers, target
from cc_guard.diagnose.look import LATE_S
from cc_guard.diagnose.probe import Context, Probe
from cc_guard.diagnose.query import query
from cc_guard.diagnose.quirks import is_public
from cc_guard.diagnose.resolve import Resolved, hosts_line, is_literal, resolve
from cc_guard.incident.record import Finding

# A resolver that works answers within a fraction of this; glibc would wait 5 s before it tries the next
# (RES_TIMEOUT in resolv.conf(5)), and the client's user sees that as a hang.
_SYSTEM_S = 2.5
_SERVER_S = 1.8
# With the time that loading the DNS library takes, which on a machine without a free core is seconds.
_SERVERS_S = 5.5


async def _system(context: Context) -> list[Finding]:
    """Evidence: host, v4, v6, addresses (all, in the system's order), error (EAI_AGAIN, NXDOMAIN,
    EAI_NODATA, EAI_FAIL or None), late (no answer in time), ms, hosts_file ("line N of /etc/hosts"),
    sinkhole, literal."""
    host = target.hop(context).host
    literal = is_literal(host)
    found = await resolve(host, _SYSTEM_S)
    line = None if literal else hosts_line(host)
    evidence: dict[str, Any] = {
        "host": host,
        "v4": found.family(4),
        "v6": found.family(6),
        "addresses": list(found.addresses),
        "error": found.error,
        "late": found.late,
        "ms": round(found.ms, 1),
        "hosts_file": line,
        "sinkhole": not literal and _is_sinkhole(host, found.addresses),
        "literal": literal,
    }
    if found.error:
        return [Finding("dns.system", "fail", f"{host}: {_TEXTS[found.error]}", evidence, found.ms)]
    where = f"{host} is {', '.join(found.addresses[:4])}"
    if evidence["sinkhole"]:
        by = f", by {line}" if line else ""
        return [
            Finding("dns.system", "warn", f"{where}{by}: not an address of that host", evidence, found.ms)
        ]
    if line and is_public(host):
        return [Finding("dns.system", "warn", f"{where}, by {line}", evidence, found.ms)]
    text = "an address, nothing to look up" if literal else f"{where} ({found.ms:.0f} ms)"
    return [Finding("dns.system", "pass", text, evidence, found.ms)]


_TEXTS = {
    "EAI_AGAIN": "this machine's look-up of the name gets no answer",
    "NXDOMAIN": "this machine's look-up says that there is no such name",
    "EAI_NODATA": "the name has no address",
    "EAI_FAIL": "this machine's look-up of the name failed",
}


def _is_sinkhole(host: str, addresses: tuple[str, ...]) -> bool:
    """Whether a blocker answered: with no address of a host that is elsewhere. A company's own names, and
    those of its cloud's private endpoints, do have private addresses."""
    if not is_public(host):
        return False
    found = [ipaddress.ip_address(address.partition("%")[0]) for address in addresses]
    if any(address.is_loopback or address.is_unspecified for address in found):
        return True
    return target.is_ours(host) and any(not address.is_global for address in found)


async def _servers(context: Context) -> list[Finding]:
    """One finding for each; `na` where one gives no address that has not to.

    Evidence: server, v4, v6 (addresses), rcode_v4, rcode_v6 (NOERROR, NXDOMAIN,
    SERVFAIL, REFUSED…; TIMEOUT, UNREACHABLE for no answer), ms, kind (docker, wsl-tunnel, systemd-stub,
    local, public), scope (what it is for, where not for all), disagrees (it says something else than the
    system does, and the system's answer is not one that comes from outside)."""
    host = target.hop(context).host
    servers = await nameservers.configured(context.facts)
    if not servers:
        return [Finding("dns.servers", "warn", "this machine knows no name server", {"server": None})]
    # Beside dns.system's own, whose deadline would come on top of this one.
    system = asyncio.create_task(resolve(host, _SERVER_S))
    return list(await asyncio.gather(*(_server(system, server, host) for server in servers)))


async def _server(system: asyncio.Task[Resolved], server: nameservers.Server, host: str) -> Finding:
    started = time.perf_counter()
    v4, v6 = await asyncio.gather(
        query(server.address, host, "A", _SERVER_S), query(server.address, host, "AAAA", _SERVER_S)
    )
    ms = (time.perf_counter() - started) * 1000
    known = await system
    evidence = {
        "server": server.address,
        "v4": v4.addresses,
        "v6": v6.addresses,
        "rcode_v4": v4.rcode,
        "rcode_v6": v6.rcode,
        "ms": round(min(v4.ms, v6.ms), 1),
        "kind": server.kind,
        "scope": server.scope,
        "disagrees": disagrees(known.addresses, hosts_line(host), [*v4.addresses, *v6.addresses]),
    }
    who = f"the name server {server.address}"
    if v4.addresses or v6.addresses:
        broken = next((reply.rcode for reply in (v4, v6) if reply.rcode != "NOERROR"), "")
        if broken:
            good, bad = ("IPv6", "IPv4") if v4.rcode == broken else ("IPv4", "IPv6")
            text = f"{who} knows {good} addresses; asked for {bad}, it {_word(broken)}"
            return Finding("dns.servers", "warn", text, evidence, ms)
        if evidence["disagrees"]:
            given = [*v4.addresses, *v6.addresses][0]
            text = f"{who} says {given}, and not what this machine takes"
            return Finding("dns.servers", "warn", text, evidence, ms)
        text = f"{who} answers ({evidence['ms']:.0f} ms)"
        return Finding("dns.servers", "pass", text, evidence, ms)
    text = f"{who} {_word(v4.rcode if v4.rcode != 'NOERROR' else v6.rcode)}"
    if not _is_for(server, host):
        return Finding("dns.servers", "na", f"{text}, and is for {server.scope} alone", evidence, ms)
    return Finding("dns.servers", "fail", text, evidence, ms)


def _is_for(server: nameservers.Server, host: str) -> bool:
    """Whether the system asks it for this host. One for an interface is asked by programs that are bound to
    that, as a VPN's own; one for a domain of a company may know nothing else."""
    return not server.scope or f".{host}".endswith(f".{server.scope.lower().strip('.')}")


def _word(rcode: str) -> str:
    return _WORDS.get(rcode, f"answers {rcode}")


_WORDS = {
    "NOERROR": "knows the name, but no address of it",
    "NXDOMAIN": "says that there is no such name",
    "SERVFAIL": "answers that it failed (SERVFAIL)",
    "REFUSED": "refuses to answer (REFUSED)",
    "TIMEOUT": "does not answer",
    "UNREACHABLE": "can't be reached",
    "MALFORMED": "answers with something that can't be read",
}


def disagrees(system: Sequence[str], hosts_file: str | None, answers: Sequence[str]) -> bool:
    """Big names have other addresses at every resolver. So only when the system's come from the hosts file,
    or can't be those of a public host, while the server's can."""
    if not system or not answers or set(system) & set(answers):
        return False
    return bool(hosts_file) or (not any(map(is_public, system)) and all(map(is_public, answers)))


def _is_address(context: Context) -> str:
    route = context.configuration.route
    hop = route and (route.proxy or route)
    if hop and is_literal(hop.host):
        return "the host is an address, there is no name to look up"
    return "the name is this machine's own" if hop and hop.host == "localhost" else ""


PROBES = (
    Probe(
        "dns.system",
        "Network",
        _system,
        needs=("config.route",),
        deadline_s=_SYSTEM_S + LATE_S,
        fail_late="fail",
    ),
    Probe(
        "dns.servers",
        "Network",
        _servers,
        needs=("config.route",),
        deadline_s=_SERVERS_S,
        fail_late="fail",
        absent=_is_address,
        later=True,
    ),
)
