"""From findings to causes: small rules, the most upstream first.

A rule looks at the evidence and says nothing, or an opinion: a cause, how sure it is, and the findings that
speak for it and against it. Confidence is 0.9 when two independent findings agree, 0.7 for one that has
hardly another reading, 0.5 for one among several readings, 0.3 for a hypothesis that only a test can prove.
The words on the client's screen are never enough: five causes share one sentence.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cc_guard.incident.record import Cause, Finding, Symptom

SURE, LIKELY, POSSIBLE, GUESS = 0.9, 0.7, 0.5, 0.3


@dataclass(frozen=True)
class Opinion:
    """`why` is one sentence for people; `evidence` and `against` are names of probes."""

    cause: Cause
    confidence: float
    why: str
    evidence: tuple[str, ...] = ()
    against: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """What is known: all findings by probe, and the live incident's symptom."""

    findings: Mapping[str, Sequence[Finding]]
    symptom: Symptom | None = None

    def all(self, probe: str) -> Sequence[Finding]:
        return self.findings.get(probe, ())

    def one(self, probe: str) -> Finding | None:
        found = self.all(probe)
        return found[0] if found else None

    def value(self, probe: str, key: str, default: Any = None) -> Any:
        found = self.one(probe)
        return found.evidence.get(key, default) if found else default

    def failed(self, probe: str) -> bool:
        """It ran, and everything that it found is a failure."""
        found = self.all(probe)
        return bool(found) and all(finding.state == "fail" for finding in found)

    def passed(self, probe: str) -> bool:
        return any(finding.state == "pass" for finding in self.all(probe))

    def outcomes(self, *probes: str) -> set[str]:
        """How the connections to all addresses went, by the `tcp.*` probes."""
        return {
            outcome
            for probe in probes
            for finding in self.all(probe)
            for outcome in finding.evidence.get("outcomes", {}).values()
        }

    @property
    def reachable(self) -> bool:
        """Somebody answers HTTP on the way that the client uses."""
        return self.value("http.api", "status") is not None

    @property
    def own_host(self) -> bool:
        """The API is a gateway of the user's: a base URL is set."""
        return self.value("config.route", "default", True) is False


Rule = Callable[[Case], Opinion | None]
TCP = ("tcp.v4", "tcp.v6")
HTTP = ("http.v4", "http.v6")


def base_url_invalid(case: Case) -> Opinion | None:
    finding = case.one("config.route")
    if finding is None:
        return None
    if finding.state == "fail":
        return Opinion("base_url.invalid", SURE, finding.summary, ("config.route",))
    if finding.state == "warn" and case.value("http.api", "status") in (404, 405, 400):
        return Opinion("base_url.invalid", SURE, finding.summary, ("config.route", "http.api"))
    if case.own_host and case.value("dns.system", "error") in ("NXDOMAIN", "EAI_NONAME", "ENOTFOUND"):
        host = case.value("dns.system", "host", "")
        why = f"The base URL names a host that does not exist: {host}."
        return Opinion("base_url.invalid", LIKELY, why, ("config.route", "dns.system"))
    return None


def no_route(case: Case) -> Opinion | None:
    if not case.failed("link.route"):
        return None
    cut = case.outcomes(*TCP)
    if "connected" in cut:
        return None
    sure = bool(cut) or case.failed("dns.system")
    why = "This machine has no way out: there is no route to the API."
    return Opinion("route.none", SURE if sure else LIKELY, why, ("link.route", "tcp.v4", "dns.system"))


def sinkhole(case: Case) -> Opinion | None:
    if case.reachable and case.value("http.api", "status") in (401, 400, 405) and not case.own_host:
        return None
    if case.value("dns.system", "sinkhole"):
        where = case.value("dns.system", "hosts_file") or "the name server"
        why = f"The API's name leads to an address of this machine or nowhere, by {where}."
        return Opinion("dns.sinkhole", SURE, why, ("dns.system", "dns.servers", *TCP))
    nowhere = {"NXDOMAIN", "EAI_NONAME", "ENOTFOUND", "EAI_NODATA"}
    if not case.own_host and case.value("dns.system", "error") in nowhere:
        why = "The name server says that the API's name does not exist: something blocks it there."
        return Opinion("dns.sinkhole", LIKELY, why, ("dns.system", "dns.servers"))
    return None


def stale_name(case: Case) -> Opinion | None:
    broken = not case.reachable
    line = case.value("dns.system", "hosts_file")
    if line and broken and not case.value("dns.system", "sinkhole"):
        why = f"The API's address is fixed by {line}, and nothing answers there."
        return Opinion("dns.stale", SURE, why, ("dns.system", *TCP))
    disagree = any(finding.evidence.get("disagrees") for finding in case.all("dns.servers"))
    if disagree and broken:
        why = "This machine remembers another address than the name server gives."
        return Opinion("dns.stale", LIKELY, why, ("dns.system", "dns.servers"))
    return None


def resolver_down(case: Case) -> Opinion | None:
    servers = case.all("dns.servers")
    dead = [finding for finding in servers if finding.state == "fail"]
    if case.failed("dns.system") or case.value("dns.system", "error"):
        if dead and len(dead) == len(servers):
            why = "No name server answers, so the API's name has no address."
            return Opinion("dns.resolver_down", SURE, why, ("dns.system", "dns.servers"))
        why = "Names can't be looked up here, though a name server answers when it is asked directly."
        return Opinion(
            "dns.resolver_down", LIKELY if servers else POSSIBLE, why, ("dns.system",), ("dns.servers",)
        )
    if dead and len(servers) > len(dead):
        names = ", ".join(str(finding.evidence.get("server")) for finding in dead)
        why = f"One of the name servers does not answer ({names}): every look-up may wait for it first."
        return Opinion("dns.resolver_down", POSSIBLE, why, ("dns.servers",), ("dns.system",))
    return None


def ports_exhausted(case: Case) -> Opinion | None:
    evidence = []
    if "no_local_port" in case.outcomes(*TCP):
        evidence.append("tcp.v4")
    if case.failed("ports.bind"):
        evidence.append("ports.bind")
    if case.failed("ports.use"):
        evidence.append("ports.use")
    if not evidence:
        return None
    size = case.value("ports.range", "size")
    why = "No local port is free for a new connection" + (f" (there are {size} in all)." if size else ".")
    return Opinion("ports.exhausted", SURE if len(evidence) > 1 else LIKELY, why, tuple(evidence))


def proxy(case: Case) -> Opinion | None:
    finding = case.one("proxy")
    if finding is None or finding.state in ("na", "skip"):
        return None
    status = finding.evidence.get("connect_status")
    name = f"{finding.evidence.get('host')}:{finding.evidence.get('port')}"
    if status == 407:
        return Opinion("proxy.auth", SURE, f"The proxy {name} wants a user name and password.", ("proxy",))
    if finding.evidence.get("outcome") not in (None, "connected"):
        direct = finding.evidence.get("direct") == "connected"
        why = f"The proxy {name} does not answer" + ("; without it the API does." if direct else ".")
        return Opinion("proxy.dead", SURE, why, ("proxy", "config.route"))
    if isinstance(status, int) and status >= 400:
        return Opinion("proxy.dead", LIKELY, f"The proxy {name} refuses the tunnel ({status}).", ("proxy",))
    if finding.state == "fail":
        return Opinion("proxy.dead", LIKELY, finding.summary, ("proxy",))
    return None


def gateway_dead(case: Case) -> Opinion | None:
    if not case.own_host or "connected" in case.outcomes(*TCP):
        return None
    broken = case.outcomes(*TCP) & {"refused", "timeout", "reset"}
    if case.value("gateway", "listening") is False or broken:
        sure = case.value("gateway", "listening") is False and broken
        url = case.value("config.route", "base_url", "")
        why = f"Nothing listens at {url}, the gateway that the base URL names."
        return Opinion("base_url.dead", SURE if sure else LIKELY, why, ("gateway", "config.route", *TCP))
    return None


def ipv6_broken(case: Case) -> Opinion | None:
    if not case.passed("http.v4"):
        return None
    if case.value("http.v6", "outcome") in ("reset_after_connect", "closed", "timeout"):
        why = "IPv6 connects and then breaks; IPv4 is fine. The client does not fall back by itself."
        return Opinion("ipv6.broken", SURE, why, ("http.v6", "tcp.v6", "http.v4"))
    if case.failed("tcp.v6") and "timeout" in case.outcomes("tcp.v6"):
        why = "IPv6 is announced but leads nowhere; IPv4 is fine. Every connection waits for it first."
        return Opinion("ipv6.broken", SURE, why, ("tcp.v6", "http.v4"))
    return None


def conntrack_full(case: Case) -> Opinion | None:
    share = case.value("conntrack", "share") or 0.0
    if share < 0.95:
        return None
    sure = "timeout" in case.outcomes(*TCP)
    why = f"The table of connections that this machine tracks is full ({share:.0%})."
    return Opinion("conntrack.full", SURE if sure else LIKELY, why, ("conntrack", *TCP))


def vm_overlap(case: Case) -> Opinion | None:
    overlaps = case.value("vm.overlap", "overlaps") or []
    if not overlaps or case.reachable:
        return None
    network = overlaps[0].get("network", "")
    why = f"A network of a VM or container ({network}) covers the way to the API."
    return Opinion("vm.interference", SURE, why, ("vm.overlap", *TCP))


def blocked(case: Case) -> Opinion | None:
    outcomes = case.outcomes(*TCP)
    if "connected" in outcomes or not outcomes & {"refused", "timeout", "reset", "denied"}:
        return _resets(case)
    if outcomes & {"refused", "denied", "reset"}:
        why = "The connection to the API is refused: a firewall or filter on the way."
    else:
        why = "The API's address does not answer: something on the way drops the connection."
    return Opinion("tcp.blocked", LIKELY, why, TCP)


def _resets(case: Case) -> Opinion | None:
    """Connections come about and lead nowhere, in every family."""
    if case.value("tls", "error") == "not_tls":
        why = "What answers in the place of the API does not speak TLS: a filter or a portal on the way."
        return Opinion("tcp.blocked", LIKELY, why, ("tls", *HTTP))
    tried = [f for probe in HTTP for f in case.all(probe) if f.state in ("pass", "warn", "fail")]
    outcomes = {finding.evidence.get("outcome") for finding in tried}
    if not tried or not outcomes <= {"reset_after_connect", "closed", "timeout"}:
        return None
    if "timeout" in outcomes:
        why = "Connections to the API come about and are never answered: a filter, a VPN or a VM on the way."
    else:
        why = "Connections to the API come about and are cut at once: a filter, a VPN or a VM on the way."
    return Opinion("tcp.blocked", LIKELY, why, HTTP)


def clock_skew(case: Case) -> Opinion | None:
    skew = case.value("clock", "skew_s")
    error = case.value("tls", "error")
    if skew is None or abs(skew) <= 300:
        return None
    why = f"This machine's clock is {_span(abs(skew))} {'behind' if skew > 0 else 'ahead'}."
    sure = error in ("expired", "not_yet_valid") or abs(skew) > 3600
    return Opinion("clock.skew", SURE if sure else LIKELY, why, ("clock", "tls"))


def untrusted(case: Case) -> Opinion | None:
    if case.value("tls", "trusted") is not False:
        return None
    error = case.value("tls", "error")
    issuer = case.value("tls", "issuer") or "an unknown issuer"
    if error in ("expired", "not_yet_valid"):
        why = f"The certificate of the API's address is not valid now (issued by {issuer})."
    elif error in (None, "self_signed", "untrusted_root", "wrong_host"):
        why = f"Something between here and the API shows a certificate of its own, by {issuer}."
    else:
        return None
    return Opinion("tls.untrusted_ca", SURE, why, ("tls",))


def mtu(case: Case) -> Opinion | None:
    answered = case.passed("http.v4") or case.passed("http.v6") or case.reachable
    if not answered or not case.failed("upload") or case.value("upload", "outcome") == "reset":
        return None
    why = "Small requests are answered and large ones vanish: packets of full size do not get through."
    return Opinion("mtu.blackhole", SURE, why, ("upload", "http.v4"))


def portal(case: Case) -> Opinion | None:
    if case.value("portal", "outcome") == "portal":
        why = "A sign-in page of this network stands between here and the API."
        return Opinion("captive_portal", SURE, why, ("portal", "http.api"))
    return None


def not_the_api(case: Case) -> Opinion | None:
    status, kind = case.value("http.api", "status"), case.value("http.api", "body_kind")
    if status is None or status >= 400 or kind != "html":
        return None
    if case.own_host:
        url = case.value("config.route", "base_url", "")
        why = f"{url} answers with a web page: it is not the address of the API."
        return Opinion("base_url.invalid", LIKELY, why, ("http.api", "config.route"))
    why = "A web page answers in the place of the API: a sign-in page or a filter of this network."
    return Opinion("captive_portal", POSSIBLE, why, ("http.api",))


def region(case: Case) -> Opinion | None:
    if case.value("http.api", "status") != 403:
        return None
    if case.own_host and case.value("http.api", "body_kind") == "json":
        return None
    why = "The API refuses this address (403): the country or network it belongs to."
    return Opinion("region.refused", LIKELY, why, ("http.api",))


def service(case: Case) -> Opinion | None:
    """Said only where the whole local path is proven good: somebody answered HTTP."""
    status = case.value("http.api", "status")
    if status is None:
        return None
    who = "The gateway" if case.own_host else "The API"
    if status == 529:
        return Opinion("server.overloaded", SURE, f"{who} is overloaded (529).", ("http.api",))
    if status == 429:
        return Opinion("rate.limited", SURE, f"{who} limits requests (429).", ("http.api",))
    if status >= 500:
        why = f"{who} answers {status}: the fault is there, everything up to it works."
        return Opinion("server.error", SURE, why, ("http.api",))
    return None


def sign_in(case: Case) -> Opinion | None:
    if case.value("signin", "logged_in") is False and not case.value("config.route", "key"):
        return Opinion("auth.expired", LIKELY, "Claude Code is not logged in.", ("signin",))
    if case.symptom is not None and case.symptom.kind == "auth" and case.reachable:
        if case.value("signin", "env_key") or case.value("config.route", "key"):
            why = "The API refuses the key that the environment or the settings give."
            return Opinion("auth.invalid", LIKELY, why, ("signin", "http.api"))
        return Opinion("auth.expired", LIKELY, "The API refuses the login.", ("signin", "http.api"))
    return None


def told_by_the_api(case: Case) -> Opinion | None:
    """What the client was told over a path that works now."""
    if case.symptom is None or not case.reachable:
        return None
    told: dict[str, tuple[Cause, str]] = {
        "overloaded": ("server.overloaded", "The API told the client that it is overloaded."),
        "rate_limit": ("rate.limited", "The API told the client to send less."),
        "usage_limit": ("usage.limited", "The plan's limit is used up."),
        "bad_request": ("request.invalid", "The API does not take what the client sends."),
        "too_large": ("request.too_large", "What the client sends is too large."),
        "server_error": ("server.error", "The API failed the client's requests; it answers now."),
    }
    if case.symptom.kind not in told or case.symptom.http_status is None:
        return None
    cause, why = told[case.symptom.kind]
    return Opinion(cause, LIKELY, why, ("http.api",))


def memory(case: Case) -> Opinion | None:
    level = case.value("memory", "level")
    if level not in ("critical", "low"):
        return None
    why = "This machine has hardly any memory left: programs stall or are ended."
    return Opinion("memory.pressure", LIKELY if level == "critical" else POSSIBLE, why, ("memory",))


def vpn(case: Case) -> Opinion | None:
    tunnels = [finding for finding in case.all("link.route") if finding.evidence.get("tunnel")]
    if not tunnels or case.reachable:
        return None
    device = tunnels[0].evidence.get("device", "")
    why = f"The way to the API goes through a tunnel ({device}), and nothing answers there."
    silent = case.outcomes(*TCP) == {"timeout"}
    return Opinion("vpn.path", LIKELY if silent else POSSIBLE, why, ("link.route", *TCP))


def virtual_machine(case: Case) -> Opinion | None:
    """A hypothesis: only suspending it and probing again can tell."""
    running = case.value("vm.tart", "running") or []
    if not running or case.reachable:
        return None
    names = ", ".join(str(vm.get("name")) for vm in running)
    why = f"A virtual machine is running beside it ({names}): suspend it, and see whether the API answers."
    return Opinion("vm.interference", GUESS, why, ("vm.tart",))


def inside(case: Case) -> Opinion | None:
    """The network of the container or of WSL, where nothing more exact is known."""
    if case.reachable or not (case.failed("dns.system") or case.failed("link.route")):
        return None
    if case.one("wsl.network") and case.value("wsl.network", "mode"):
        why = "Name look-up or routing inside WSL is broken."
        return Opinion("wsl.network", POSSIBLE, why, ("wsl.network", "dns.system"))
    if case.one("container.network") and case.value("container.network", "dns"):
        why = "Name look-up or routing inside this container is broken."
        return Opinion("container.network", POSSIBLE, why, ("container.network", "dns.system"))
    return None


def woke_up(case: Case) -> Opinion | None:
    ago = case.value("sleep", "last_wake_s_ago")
    if ago is None or ago > 120 or case.symptom is None or not case.reachable:
        return None
    why = "The machine has just been asleep: connections from before are dead, new ones work."
    return Opinion("sleep.wake", LIKELY, why, ("sleep", "http.api"))


def stuck(case: Case) -> Opinion | None:
    if case.symptom is None or not case.reachable or case.one("client.process") is None:
        return None
    if case.symptom.kind not in ("connection", "timeout", "stall") or (case.symptom.attempt or 0) < 3:
        return None
    why = "A fresh connection works, and this process still fails: it holds on to a broken one."
    return Opinion("process.stuck", POSSIBLE, why, ("client.process", "http.api"))


def outdated(case: Case) -> Opinion | None:
    known = case.value("client.version", "known_bad") or []
    if not known or case.symptom is None:
        return None
    return Opinion("client.outdated", GUESS, str(known[0].get("why", "")), ("client.version",))


RULES: tuple[Rule, ...] = (
    base_url_invalid,
    no_route,
    portal,
    sinkhole,
    stale_name,
    resolver_down,
    ports_exhausted,
    conntrack_full,
    vm_overlap,
    proxy,
    gateway_dead,
    ipv6_broken,
    vpn,
    blocked,
    clock_skew,
    untrusted,
    mtu,
    region,
    service,
    not_the_api,
    sign_in,
    told_by_the_api,
    woke_up,
    memory,
    stuck,
    virtual_machine,
    inside,
    outdated,
)
"""The most upstream first."""


def judge(case: Case) -> list[Opinion]:
    """All opinions, the best first: surer before less sure, and of equals the most upstream."""
    opinions = [opinion for rule in RULES if (opinion := rule(case)) is not None]
    best: dict[Cause, Opinion] = {}
    for opinion in opinions:
        if opinion.cause not in best or opinion.confidence > best[opinion.cause].confidence:
            best[opinion.cause] = opinion
    return sorted(best.values(), key=lambda opinion: -_band(opinion.confidence))


def _band(confidence: float) -> int:
    return 2 if confidence >= LIKELY else 1 if confidence >= POSSIBLE else 0


def _span(seconds: float) -> str:
    if seconds >= 7200:
        return f"{seconds / 3600:.0f} hours"
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds"
