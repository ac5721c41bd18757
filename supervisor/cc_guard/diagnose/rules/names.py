"""From the name to an address: one that leads nowhere, one of yesterday, none at all."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cc_guard.diagnose.rules.case import LIKELY, POSSIBLE, SURE, TCP, Case, Opinion, capital, no_such_name
from cc_guard.incident.record import Finding


def sinkhole(case: Case) -> Opinion | None:
    if case.reachable and case.value("http.api", "status") in (401, 400, 405) and not case.own_host:
        return None
    if case.value("dns.system", "sinkhole"):
        address = next(iter(case.value("dns.system", "addresses") or ()), "")
        line = case.value("dns.system", "hosts_file")
        why = (
            f"{case.name} leads to {address}, {_nowhere(address)}, because {line or _told_by(case, address)} "
            "says so."
        )
        evidence = ("dns.system", "dns.servers", *TCP)
        return Opinion("dns.sinkhole", SURE, why, evidence, steps="hosts.line" if line else "")
    if case.own_host or case.value("config.route", "proxy"):
        return None
    if no_such_name(case) or case.value("dns.system", "error") == "EAI_NODATA":
        saying = _servers(case, lambda one: "NXDOMAIN" in (one.get("rcode_v4"), one.get("rcode_v6")))
        who = f"The name server {saying}" if saying else "This machine's name look-up"
        why = (
            f"{who} says that {case.name} does not exist, which is not so: a blocker or this network hides "
            "it."
        )
        return Opinion("dns.sinkhole", LIKELY, why, ("dns.system", "dns.servers"), steps="dns.nxdomain")
    return None


def _nowhere(address: str) -> str:
    if address.startswith("127.") or address == "::1":
        return "which is this machine itself"
    return "which is nowhere" if address in ("0.0.0.0", "::") else "an address inside this network"


def _told_by(case: Case, address: str) -> str:
    """The name server that gave this address."""
    saying = _servers(case, lambda one: address in [*(one.get("v4") or ()), *(one.get("v6") or ())])
    return f"the name server {saying}" if saying else "this machine's own name look-up"


def _servers(case: Case, wanted: Callable[[Mapping[str, Any]], bool]) -> str:
    return ", ".join(
        str(one.evidence.get("server")) for one in case.all("dns.servers") if wanted(one.evidence)
    )


def stale_name(case: Case) -> Opinion | None:
    broken = not case.reachable
    line = case.value("dns.system", "hosts_file")
    address = next(iter(case.value("dns.system", "addresses") or ()), "")
    if line and broken and not case.value("dns.system", "sinkhole"):
        silent = case.outcomes(*TCP) == {"timeout"}
        what = "nothing answers there" if silent else "that is not where it is"
        why = f"{capital(line)} fixes {case.name} to {address}, and {what}."
        return Opinion("dns.stale", SURE, why, ("dns.system", *TCP), steps="hosts.line")
    other = next((one for one in case.all("dns.servers") if one.evidence.get("disagrees")), None)
    if other and broken:
        given = next(
            iter([*(other.evidence.get("v4") or ()), *(other.evidence.get("v6") or ())]), "another address"
        )
        why = (
            f"This machine still takes {address} for {case.name}, while the name server "
            f"{other.evidence.get('server')} says {given}."
        )
        return Opinion("dns.stale", LIKELY, why, ("dns.system", "dns.servers"))
    return None


def resolver_down(case: Case) -> Opinion | None:
    servers = [finding for finding in case.all("dns.servers") if finding.state != "na"]
    dead = [finding for finding in servers if finding.state == "fail"]
    if case.failed("dns.system") or case.value("dns.system", "error"):
        return _no_names(case, servers, dead)
    if dead and len(servers) > len(dead):
        reached = f"{case.host} is reached, but " if case.reachable else ""
        silent = "does not answer" if len(dead) == 1 else "do not answer"
        why = (
            f"{reached}{_which(dead, servers)} ({_listed(dead)}) {silent}, so that looking up a name can "
            "take seconds at times."
        )
        evidence = ("dns.servers",)
        return Opinion("dns.resolver_down", POSSIBLE, why, evidence, ("dns.system",), steps="dns.one_dead")
    return None


def _no_names(case: Case, servers: Sequence[Finding], dead: Sequence[Finding]) -> Opinion | None:
    both = ("dns.system", "dns.servers")
    if [finding.evidence.get("server") for finding in servers] == [None]:
        why = f"This machine knows no name server, so that there is no address for {case.name}."
        return Opinion("dns.resolver_down", SURE, why, both)
    if dead and len(dead) == len(servers):
        codes = {finding.evidence.get("rcode_v4") for finding in dead}
        if codes == {"NXDOMAIN"}:
            return None
        if lost := _lost_family(case, dead):
            why = (
                f"This machine has lost its {lost} network: there is no way to its name server "
                f"{_listed(dead)}, and so no address for {case.name}."
            )
            return Opinion("route.none", LIKELY, why, ("link.route", *both))
        none = "None of the name servers" if len(dead) > 1 else "The name server"
        why = (
            f"{none} {_listed(dead)} {_failing(codes, len(dead) > 1)}, so that there is no address for "
            f"{case.name}."
        )
        return Opinion("dns.resolver_down", SURE, why, both)
    good = [finding for finding in servers if finding.state == "pass"]
    if dead and good:
        why = (
            f"{capital(_which(dead, servers))} ({_listed(dead)}) does not answer, and looking up {case.name} "
            f"waits for it in vain, although {_listed(good)} answers."
        )
        return Opinion("dns.resolver_down", LIKELY, why, both, steps="dns.one_dead")
    half = [finding for finding in servers if finding.state == "warn"]
    if half:
        known, silent = ("IPv4", "IPv6") if half[0].evidence.get("v4") else ("IPv6", "IPv4")
        why = (
            f"The name server {_listed(half)} knows the {known} address of {case.name}, and is silent about "
            f"{silent}, for which each look-up waits in vain."
        )
        return Opinion("dns.resolver_down", LIKELY, why, both, steps="dns.half")
    known = f", although the name server {_listed(good)} answers when it is asked directly" if good else ""
    why = f"This machine can't look up {case.name}{known}."
    sure = LIKELY if servers else POSSIBLE
    return Opinion("dns.resolver_down", sure, why, ("dns.system",), ("dns.servers",), steps="dns.local")


def _lost_family(case: Case, dead: Sequence[Finding]) -> str:
    """IPv4 or IPv6, where all of these are in the one to which there is no way out any more."""
    if {finding.evidence.get("rcode_v4") for finding in dead} != {"UNREACHABLE"}:
        return ""
    servers = [str(finding.evidence.get("server")) for finding in dead]
    if any(server.startswith("127.") or server == "::1" for server in servers):
        return ""  # nobody listens there
    families = {6 if ":" in server else 4 for server in servers}
    gone = {one.evidence.get("family") for one in case.all("link.route") if one.evidence.get("error")}
    return f"IPv{families.pop()}" if len(families) == 1 and families <= gone else ""


def _listed(servers: Sequence[Finding]) -> str:
    return ", ".join(str(finding.evidence.get("server")) for finding in servers)


def _which(dead: Sequence[Finding], servers: Sequence[Finding]) -> str:
    if len(dead) > 1:
        return f"{len(dead)} of the {len(servers)} name servers"
    number = list(servers).index(dead[0])
    ordinals = ("first", "second", "third")
    return f"the {ordinals[number] if number < len(ordinals) else 'last'} of {len(servers)} name servers"


def _failing(codes: set[Any], several: bool) -> str:
    if codes <= {"TIMEOUT", "UNREACHABLE"}:
        return "answers" if several else "does not answer"
    texts = {
        "SERVFAIL": "answers with an error of its own (SERVFAIL)",
        "REFUSED": "refuses to answer (REFUSED)",
        "MALFORMED": "answers with something that can't be read",
    }
    if several or len(codes) > 1:
        return "gives a usable answer" if several else "gives no usable answer"
    return texts.get(next(iter(codes)), "gives no usable answer")
