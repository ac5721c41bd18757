"""From this machine to the address: a way out, a local port, and packets that come back."""

from cc_guard.diagnose.rules.case import GUESS, HTTP, LIKELY, POSSIBLE, SURE, TCP, Case, Opinion, capital


def no_route(case: Case) -> Opinion | None:
    if not case.failed("link.route"):
        return None
    cut = case.outcomes(*TCP)
    if "connected" in cut:
        return None
    sure = bool(cut) or case.failed("dns.system")
    why = (
        f"This machine is not connected to a network that leads to {case.host}: there is no way out (no "
        "route)."
    )
    return Opinion("route.none", SURE if sure else LIKELY, why, ("link.route", "dns.system"))


def ports_exhausted(case: Case) -> Opinion | None:
    """bind() wants a port that is free towards everything, and fails long before connect() does: alone, it
    says little. What is full and still connects is about to fail."""
    refused = "no_local_port" in case.outcomes(*TCP)
    full = [probe for probe in ("ports.bind", "ports.use", "macos.uptime") if case.failed(probe)]
    evidence = (("tcp.v4",) if refused else ()) + tuple(full)
    size, used = case.value("ports.range", "size"), case.value("ports.use", "in_range")
    known = f": {used} of {size} are in use" if size and case.failed("ports.use") else ""
    why = f"This machine has no free local port for another connection to {case.host}{known}."
    if refused:
        return Opinion("ports.exhausted", SURE if full else LIKELY, why, evidence)
    if "connected" not in case.outcomes(*TCP) and len(full) > 1:
        return Opinion("ports.exhausted", LIKELY, why, evidence)
    uptime = case.one("macos.uptime")
    if uptime and "macos.uptime" in full:
        why = f"{capital(uptime.summary)}."
        return Opinion("ports.exhausted", LIKELY, why, evidence)
    if "ports.use" in full:
        why = f"This machine has hardly a free local port left for more connections to {case.host}."
        return Opinion("ports.exhausted", POSSIBLE, why, evidence)
    return Opinion("ports.exhausted", GUESS, why, evidence) if full and not case.reachable else None


def ipv6_broken(case: Case) -> Opinion | None:
    if not case.passed("http.v4"):
        return None
    outcome = case.value("http.v6", "outcome")
    if outcome in ("reset_after_connect", "closed", "timeout"):
        cut = "accepted and then not answered" if outcome == "timeout" else "accepted and then cut off"
        why = (
            f"IPv6 is broken here: connections to {case.host} over it are {cut}, while IPv4 works, and "
            "Claude Code does not fall back by itself."
        )
        return Opinion("ipv6.broken", SURE, why, ("http.v6", "tcp.v6", "http.v4"))
    if case.failed("tcp.v6") and "timeout" in case.outcomes("tcp.v6"):
        why = (
            f"IPv6 is broken here: {case.host} does not answer over it, while IPv4 works, so that each "
            "connection first waits for IPv6 in vain."
        )
        return Opinion("ipv6.broken", SURE, why, ("tcp.v6", "http.v4"))
    return None


def conntrack_full(case: Case) -> Opinion | None:
    share = case.value("conntrack", "share") or 0.0
    if share < 0.95:
        return None
    sure = "timeout" in case.outcomes(*TCP)
    used = f"{case.value('conntrack', 'count')} of {case.value('conntrack', 'max')}"
    why = (
        f"The firewall's table of connections is full on this machine ({used}), so that new ones get no "
        "answer."
    )
    return Opinion("conntrack.full", SURE if sure else LIKELY, why, ("conntrack", *TCP))


def vm_overlap(case: Case) -> Opinion | None:
    overlaps = case.value("vm.overlap", "overlaps") or []
    if not overlaps or case.reachable:
        return None
    first = overlaps[0]
    why = (
        f"A network of a virtual machine or container ({first.get('interface')}, {first.get('network')}) "
        f"covers {first.get('with')}, so that what is meant for it does not leave this machine."
    )
    return Opinion("vm.interference", SURE, why, ("vm.overlap", *TCP), steps="vm.overlap")


def blocked(case: Case) -> Opinion | None:
    outcomes = case.outcomes(*TCP)
    if "connected" in outcomes or not outcomes & {"refused", "timeout", "reset", "denied"}:
        return _resets(case)
    where = f"{case.host} port {case.value('config.route', 'port') or 443}"
    if "denied" in outcomes:
        why = f"A firewall rule of this machine forbids connections to {where}."
        return Opinion("tcp.blocked", LIKELY, why, TCP, steps="tcp.denied")
    if outcomes & {"refused", "reset"}:
        why = f"Connections to {where} are refused{_others(case)}: a firewall or filter is in the way."
    else:
        why = f"{where} does not answer{_others(case)}: something on the way swallows connections to it."
    return Opinion("tcp.blocked", LIKELY, why, (*TCP, "portal"))


def _others(case: Case) -> str:
    """Whether the rest of the internet can be reached."""
    texts = {
        "open": ", while other websites can be reached",
        "unreachable": ", and other websites can't be reached either",
    }
    return texts.get(case.value("portal", "outcome"), "")


def _resets(case: Case) -> Opinion | None:
    """Connections come about and lead nowhere, in every family."""
    where = f"{case.host} port {case.value('config.route', 'port') or 443}"
    if case.value("tls", "error") == "not_tls":
        why = (
            f"What answers at {where} does not speak TLS (encryption): a filter or another server is in the "
            "way."
        )
        return Opinion("tcp.blocked", LIKELY, why, ("tls", *HTTP))
    tried = [f for probe in HTTP for f in case.all(probe) if f.state in ("pass", "warn", "fail")]
    outcomes = {finding.evidence.get("outcome") for finding in tried}
    if not tried or not outcomes <= {"reset_after_connect", "closed", "timeout"}:
        return None
    if any(finding.evidence.get("connected") is False for finding in tried):
        why = (
            f"Only a few connections to {where} come about, and further ones get no answer: a router or "
            "firewall on the way limits them."
        )
        return Opinion("tcp.blocked", LIKELY, why, HTTP, steps="tcp.limited")
    if case.own_host and case.value("gateway", "kind") == "loopback":
        url, how = case.value("config.route", "base_url", ""), "cuts them off"
        if "timeout" in outcomes:
            how = "never answers"
        why = f"The program at {url}, where {case.base} leads, accepts connections and {how}."
        evidence = (*HTTP, "gateway", "config.route")
        return Opinion("base_url.dead", LIKELY, why, evidence, steps="base_url.broken")
    if "timeout" in outcomes:
        how = "are accepted and then never answered"
    elif case.passed("tls"):
        how = "are encrypted as they should be, and cut off with the first request"
    else:
        how = "are cut off as soon as something is sent"
    why = f"Connections to {where} {how}{_others(case)}: a filter, a VPN or a virtual machine is in the way."
    return Opinion("tcp.blocked", LIKELY, why, (*HTTP, "portal"))


def mtu(case: Case) -> Opinion | None:
    answered = case.passed("http.v4") or case.passed("http.v6") or case.reachable
    if not answered or not case.failed("upload") or case.value("upload", "outcome") == "reset":
        return None
    why = (
        f"Small requests to {case.host} are answered and large ones get lost: packets of full size vanish on "
        "the way."
    )
    return Opinion("mtu.blackhole", SURE, why, ("upload", "http.v4"))
