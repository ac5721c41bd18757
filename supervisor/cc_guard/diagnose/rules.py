"""From findings to causes: small rules, the most upstream first.

A rule looks at the evidence and says nothing, or an opinion: a cause, how sure it is, and the findings that
speak for it and against it. Confidence is 0.9 when two independent findings agree, 0.7 for one that has
hardly another reading, 0.5 for one among several readings, 0.3 for a hypothesis that only a test can prove.
The words on the client's screen are never enough: five causes share one sentence.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cc_guard.diagnose import quirks
from cc_guard.diagnose.route import OPTION, place
from cc_guard.incident.record import Cause, Finding, Symptom
from cc_guard.probe.route import DEFAULT_URL

SURE, LIKELY, POSSIBLE, GUESS = 0.9, 0.7, 0.5, 0.3


@dataclass(frozen=True)
class Opinion:
    """`why` is one sentence for people; `evidence` and `against` are names of probes; `steps` is the table of
    data/steps.toml that says what to do, where it is not that of the cause."""

    cause: Cause
    confidence: float
    why: str
    evidence: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    steps: str = ""


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

    def evidence(self, probe: str) -> Mapping[str, Any]:
        found = self.one(probe)
        return found.evidence if found else {}

    def value(self, probe: str, key: str, default: Any = None) -> Any:
        return self.evidence(probe).get(key, default)

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

    @property
    def host(self) -> str:
        """Whom the client wants to reach, for people."""
        return str(self.value("config.route", "host") or "api.anthropic.com")

    @property
    def name(self) -> str:
        """The name that is looked up: the host's, or the proxy's before it."""
        return str(self.value("dns.system", "host") or self.host)

    @property
    def base(self) -> str:
        """The variable of the base URL, and where it is set."""
        known = self.evidence("config.route")
        if known.get("source") == OPTION:
            return "the address given by --url"
        return f"{known.get('base') or 'ANTHROPIC_BASE_URL'} (set in {place(known.get('source'))})"


Rule = Callable[[Case], Opinion | None]
TCP = ("tcp.v4", "tcp.v6")
HTTP = ("http.v4", "http.v6")
_NO_SUCH_NAME = ("NXDOMAIN", "EAI_NONAME", "ENOTFOUND")
_OF_OLD_CONNECTIONS = ("connection", "timeout", "stall")  # what the client suffers when they are dead
_JUST_WOKEN_S = 120.0
_JUMP_S = 60.0


def base_url_invalid(case: Case) -> Opinion | None:
    finding = case.one("config.route")
    if finding is None:
        return None
    problems = set(finding.evidence.get("problems") or ())
    if finding.state == "fail" and "unknown" in problems:
        why = f"It can't be told from here where Claude Code sends its requests: {finding.summary}."
        return Opinion("unknown", GUESS, why, ("config.route",))
    if finding.state == "fail":
        cause: Cause = "proxy.dead" if "proxy" in problems else "base_url.invalid"
        steps = "proxy.form" if "proxy" in problems else ""
        return Opinion(cause, SURE, f"{finding.summary}.", ("config.route",), steps=steps or _right_url(case))
    status = case.value("http.api", "status")
    wrong = problems & quirks.TEXTS.keys() - {"plain_http"}
    if status in (404, 405, 400) and wrong:
        return _wrong_url(case, wrong)
    if case.own_host and case.value("config.route", "provider") == "anthropic" and status == 404:
        why = f"Nothing is at {_request(case)}, where {case.base} leads (404)."
        return Opinion("base_url.invalid", POSSIBLE, why, ("http.api",), steps="base_url.not_the_api")
    if case.own_host and not case.value("config.route", "proxy") and _no_such_name(case):
        why = f"There is no host {case.host}, to which {case.base} leads."
        evidence = ("config.route", "dns.system")
        return Opinion("base_url.invalid", LIKELY, why, evidence, steps="base_url.unknown_host")
    return None


def _wrong_url(case: Case, problems: set[str]) -> Opinion:
    evidence = ("config.route", "http.api")
    if "v1_path" in problems:
        why = (
            f"{_upper(case.base)} ends in /v1, which Claude Code adds itself, so that requests go to "
            f"{_request(case)}, where nothing is."
        )
        return Opinion("base_url.invalid", SURE, why, evidence, steps=_right_url(case))
    problem = next(quirks.TEXTS[code] for code in quirks.TEXTS if code in problems)
    why = f"{_upper(case.base)} does not lead to the API: {problem}."
    return Opinion("base_url.invalid", SURE, why, evidence, steps=_right_url(case))


def _right_url(case: Case) -> str:
    """The steps: the usual endpoint needs no base URL at all."""
    known = case.evidence("config.route")
    needless = known.get("suggested") == DEFAULT_URL or "other_host" in known.get("problems", ())
    return "base_url.no_default" if needless else ""


def _request(case: Case) -> str:
    """The address that the client asks for."""
    return f"{case.value('config.route', 'base_url', '')}/v1/messages"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _no_such_name(case: Case) -> bool:
    return case.value("dns.system", "error") in _NO_SUCH_NAME


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
    if _no_such_name(case) or case.value("dns.system", "error") == "EAI_NODATA":
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
        why = f"{_upper(line)} fixes {case.name} to {address}, and {what}."
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
        none = "None of the name servers" if len(dead) > 1 else "The name server"
        why = (
            f"{none} {_listed(dead)} {_failing(codes, len(dead) > 1)}, so that there is no address for "
            f"{case.name}."
        )
        return Opinion("dns.resolver_down", SURE, why, both)
    good = [finding for finding in servers if finding.state == "pass"]
    if dead and good:
        why = (
            f"{_upper(_which(dead, servers))} ({_listed(dead)}) does not answer, and looking up {case.name} "
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
        why = f"{_upper(uptime.summary)}."
        return Opinion("ports.exhausted", LIKELY, why, evidence)
    if "ports.use" in full:
        why = f"This machine has hardly a free local port left for more connections to {case.host}."
        return Opinion("ports.exhausted", POSSIBLE, why, evidence)
    return Opinion("ports.exhausted", GUESS, why, evidence) if full and not case.reachable else None


def proxy(case: Case) -> Opinion | None:
    known, finding = case.evidence("config.route"), case.one("proxy")
    name = known.get("proxy") or ""
    where = f"{known.get('proxy_variable') or 'HTTPS_PROXY'} (set in {place(known.get('proxy_source'))})"
    if name and _no_such_name(case):
        why = f"There is no host {case.name}, which {where} names as the proxy."
        evidence = ("config.route", "dns.system")
        return Opinion("proxy.dead", LIKELY, why, evidence, steps="proxy.unknown_host")
    if finding is None or finding.state in ("na", "skip"):
        return None
    status, outcome = finding.evidence.get("connect_status"), finding.evidence.get("outcome")
    name = f"{finding.evidence.get('host')}:{finding.evidence.get('port')}"
    direct = "; without it the API answers" if finding.evidence.get("direct") == "connected" else ""
    if status == 407:
        windows = finding.evidence.get("auth") not in ("basic", "digest", "none", None)
        what = "a login that Claude Code can't do by itself" if windows else "a user name and a password"
        why = f"The proxy {name}, from {where}, wants {what}{direct}."
        steps = "proxy.auth_windows" if windows else ""
        return Opinion("proxy.auth", SURE, why, ("proxy",), steps=steps)
    if outcome not in (None, "connected"):
        silent = "nothing is listening there" if outcome == "refused" else "there is no answer"
        why = f"The proxy {name}, from {where}, can't be reached: {silent}{direct}."
        return Opinion("proxy.dead", SURE, why, ("proxy", "config.route"))
    if isinstance(status, int) and status >= 400:
        why = (
            f"The proxy {name}, from {where}, does not let requests through to {case.host} "
            f"({status}){direct}."
        )
        return Opinion("proxy.dead", LIKELY, why, ("proxy",), steps="proxy.refuses")
    if finding.state == "fail":
        why = f"The proxy {name}, from {where}, accepts connections and does not answer as a proxy{direct}."
        return Opinion("proxy.dead", LIKELY, why, ("proxy",))
    return None


def gateway_dead(case: Case) -> Opinion | None:
    if not case.own_host or "connected" in case.outcomes(*TCP):
        return None
    broken = case.outcomes(*TCP) & {"refused", "timeout", "reset"}
    if case.value("gateway", "listening") is False or broken:
        sure = case.value("gateway", "listening") is False and broken
        url = case.value("config.route", "base_url", "")
        nothing = "Nothing is listening" if "timeout" not in broken else "Nothing answers"
        why = f"{nothing} at {url}, where {case.base} leads."
        return Opinion("base_url.dead", SURE if sure else LIKELY, why, ("gateway", "config.route"))
    return None


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


def clock_skew(case: Case) -> Opinion | None:
    skew = case.value("clock", "skew_s")
    error = case.value("tls", "error")
    if skew is None or abs(skew) <= 300:
        return None
    side, looks = ("behind", "not valid yet") if skew > 0 else ("ahead", "expired")
    why = f"This machine's clock is {span(abs(skew))} {side}, so that certificates and logins look {looks}."
    sure = error in ("expired", "not_yet_valid") or abs(skew) > 3600
    return Opinion("clock.skew", SURE if sure else LIKELY, why, ("clock", "tls"))


def untrusted(case: Case) -> Opinion | None:
    if case.value("tls", "trusted") is not False:
        return None
    error = case.value("tls", "error")
    issuer = case.value("tls", "issuer") or "an unknown issuer"
    if error in ("expired", "not_yet_valid"):
        if clock_skew(case):
            return None  # which explains it
        until = case.value("tls", "not_after" if error == "expired" else "not_before") or "?"
        how = "expired on" if error == "expired" else "is valid only from"
        why = f"The certificate that {case.host} shows {how} {until[:10]}, and this machine's clock is right."
        return Opinion("tls.untrusted_ca", SURE, why, ("tls", "clock"), steps="tls.expired")
    if error == "self_signed":
        why = f"{case.host} shows a certificate that it has signed itself, so that nobody vouches for it."
        return Opinion("tls.untrusted_ca", SURE, why, ("tls",), steps="tls.self_signed")
    if error == "wrong_host":
        why = (
            f"At the address of {case.host} another server answers: its certificate is for "
            f"{case.value('tls', 'subject')}."
        )
        return Opinion("tls.untrusted_ca", SURE, why, ("tls",), steps="tls.wrong_host")
    if error in (None, "untrusted_root"):
        why = (
            f'Something between here and {case.host} reads along: it shows a certificate by "{issuer}", '
            "which this "
            "machine does not trust."
        )
        unreadable = case.value("config.route", "extra_ca_readable") is False
        return Opinion(
            "tls.untrusted_ca", SURE, why, ("tls",), steps="tls.extra_unreadable" if unreadable else ""
        )
    return None


def mtu(case: Case) -> Opinion | None:
    answered = case.passed("http.v4") or case.passed("http.v6") or case.reachable
    if not answered or not case.failed("upload") or case.value("upload", "outcome") == "reset":
        return None
    why = (
        f"Small requests to {case.host} are answered and large ones get lost: packets of full size vanish on "
        "the way."
    )
    return Opinion("mtu.blackhole", SURE, why, ("upload", "http.v4"))


def portal(case: Case) -> Opinion | None:
    if case.value("portal", "outcome") == "portal":
        why = (
            f"This network wants you to sign in first: its own page answers, and {case.host} is not reached."
        )
        return Opinion("captive_portal", SURE, why, ("portal", "http.api"))
    return None


def not_the_api(case: Case) -> Opinion | None:
    status, kind = case.value("http.api", "status"), case.value("http.api", "body_kind")
    if status is None or status >= 400:
        return None
    evidence = ("http.api", "config.route")
    if case.own_host and 300 <= status < 400:
        to = case.value("http.api", "redirect") or "elsewhere"
        why = f"{_request(case)}, where {case.base} leads, is not the API: it sends requests on to {to}."
        return Opinion("base_url.invalid", LIKELY, why, evidence, steps="base_url.not_the_api")
    if kind != "html":
        return None
    if case.own_host:
        why = f"A website answers at {_request(case)}, where {case.base} leads: it is not the API."
        return Opinion("base_url.invalid", LIKELY, why, evidence, steps="base_url.not_the_api")
    why = f"A web page answers in the place of {case.host}: a sign-in page or a filter of this network."
    return Opinion("captive_portal", POSSIBLE, why, ("http.api",))


def region(case: Case) -> Opinion | None:
    if case.value("http.api", "status") != 403:
        return None
    if case.own_host and case.value("http.api", "body_kind") == "json":
        return None
    why = f"{case.host} refuses requests from this country or network (403{_said(case)})."
    return Opinion("region.refused", LIKELY, why, ("http.api",))


def _said(case: Case) -> str:
    """The words of the answer, where there are any."""
    known = case.evidence("http.api")
    words = known.get("error_message") or known.get("title") or known.get("text")
    return f': "{words}"' if words else ""


def service(case: Case) -> Opinion | None:
    """Said only where the whole local path is proven good: somebody answered HTTP."""
    status = case.value("http.api", "status")
    if status is None:
        return None
    who = f"The gateway {case.value('config.route', 'base_url')}" if case.own_host else case.host
    if status == 529:
        why = f"{who} is overloaded (529{_said(case)}); everything on the way to it works."
        return Opinion("server.overloaded", SURE, why, ("http.api",))
    if status == 429:
        wait = case.value("http.api", "retry_after")
        asks = f" and asks to wait for {span(wait)}" if wait else ""
        why = (
            f"{who} takes no more requests for now (429{_said(case)}){asks}; everything on the way to it "
            "works."
        )
        return Opinion("rate.limited", SURE, why, ("http.api",))
    if status >= 500:
        why = (
            f"{who} has a fault of its own (it answers {status}{_said(case)}); everything on the way to it "
            "works."
        )
        return Opinion(
            "server.error", SURE, why, ("http.api",), steps="server.gateway" if case.own_host else ""
        )
    return None


def sign_in(case: Case) -> Opinion | None:
    if case.value("signin", "logged_in") is False and not case.value("config.route", "key"):
        return Opinion("auth.expired", LIKELY, "Claude Code is not logged in.", ("signin",))
    if case.symptom is None or case.symptom.kind != "auth":
        return None
    # Where nothing answers now, the login is the second thing to mend: it needs the network.
    sure = LIKELY if case.reachable else GUESS
    if case.value("signin", "env_key") or case.value("config.route", "key"):
        sources = case.value("signin", "key_sources") or {}
        name, source = next(iter(sources.items()), ("the key", None))
        why = f"{case.host} refuses {name}, which is set in {place(source)}."
        return Opinion("auth.invalid", sure, why, ("signin", "http.api"))
    why = f"{case.host} refuses the login of Claude Code: it has expired or was ended."
    return Opinion("auth.expired", sure, why, ("signin", "http.api"))


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
    told = case.value("memory", "why")
    why = f"Memory is nearly used up, so that programs stall or are ended: {told}."
    if not told:
        why = "This machine has hardly any memory left, so that programs stall or are ended."
    if level == "critical":
        return Opinion("memory.pressure", LIKELY, why, ("memory",))
    suffers = case.symptom is not None or not case.reachable  # a warning alone decides nothing
    return Opinion("memory.pressure", POSSIBLE if suffers else GUESS, why, ("memory",))


def vpn(case: Case) -> Opinion | None:
    tunnels = [finding for finding in case.all("link.route") if finding.evidence.get("tunnel")]
    if not tunnels or case.reachable:
        return None
    device = tunnels[0].evidence.get("device", "")
    why = f"The way to {case.host} goes through a VPN ({device}), and nothing comes back from there."
    silent = case.outcomes(*TCP) == {"timeout"}
    return Opinion("vpn.path", LIKELY if silent else POSSIBLE, why, ("link.route", *TCP))


def virtual_machine(case: Case) -> Opinion | None:
    """A hypothesis: only suspending it and probing again can tell."""
    running = case.value("vm.tart", "running") or []
    if not running or case.reachable:
        return None
    names = ", ".join(str(vm.get("name")) for vm in running)
    why = f"The virtual machine beside it ({names}) may be in the way: only suspending it can tell."
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
    """Only beside a way that works now: what is broken is the harder evidence. Where it is not known when the
    machine woke up, it may have been hours ago."""
    if case.symptom is None or case.symptom.kind not in _OF_OLD_CONNECTIONS or not case.reachable:
        return None
    ago, since = case.value("sleep", "last_wake_s_ago"), case.value("sleep", "asleep_s_since_start")
    # A paused virtual machine's clocks all stand still, until the wall clock is set.
    jumped = (case.value("clock.jump", "jump_s") or 0.0) >= _JUMP_S
    if since == 0.0 and not jumped:
        return None
    if ago is not None and ago <= _JUST_WOKEN_S:
        why = "The machine has just been asleep: connections from before are dead, new ones work."
        return Opinion("sleep.wake", LIKELY, why, ("sleep", "http.api"))
    if ago is None and (since or jumped):
        why = "The machine was asleep during this session: connections from before are dead, new ones work."
        return Opinion("sleep.wake", POSSIBLE, why, ("sleep", "clock.jump", "http.api"))
    return None


def stuck(case: Case) -> Opinion | None:
    if case.symptom is None or not case.reachable or case.one("client.process") is None:
        return None
    if case.symptom.kind not in _OF_OLD_CONNECTIONS or (case.symptom.attempt or 0) < 3:
        return None
    why = "A fresh connection works, and this process still fails: it holds on to a broken one."
    return Opinion("process.stuck", POSSIBLE, why, ("client.process", "http.api"))


def outdated(case: Case) -> Opinion | None:
    known = case.value("client.version", "known_bad") or []
    if not known or case.symptom is None:
        return None
    why = (
        f"Claude Code {case.value('client.version', 'version')} has a known fault: {known[0].get('why', '')}."
    )
    return Opinion("client.outdated", GUESS, why, ("client.version",))


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


_NO_CONNECTION: frozenset[Cause] = frozenset(
    ("tcp.blocked", "vpn.path", "base_url.dead", "container.network", "wsl.network")
)
_NO_NAME: frozenset[Cause] = frozenset(
    ("dns.resolver_down", "dns.stale", "dns.sinkhole", "container.network", "wsl.network")
)
_EXPLAINS: Mapping[Cause, frozenset[Cause]] = {
    "base_url.invalid": _NO_NAME | _NO_CONNECTION,
    "route.none": _NO_NAME | _NO_CONNECTION | {"proxy.dead"},
    "captive_portal": _NO_NAME | _NO_CONNECTION | {"tls.untrusted_ca"},
    "dns.sinkhole": _NO_NAME | _NO_CONNECTION | {"tls.untrusted_ca"},
    "dns.stale": _NO_CONNECTION | {"tls.untrusted_ca"},
    "dns.resolver_down": frozenset(("container.network", "wsl.network")),
    "ports.exhausted": _NO_CONNECTION | {"proxy.dead"},
    "conntrack.full": _NO_CONNECTION | {"proxy.dead"},
    "vm.interference": _NO_CONNECTION,
    "proxy.dead": _NO_NAME | _NO_CONNECTION,
    "proxy.auth": _NO_CONNECTION,
    "base_url.dead": _NO_CONNECTION,
    "vpn.path": frozenset(("tcp.blocked",)),
}
"""What follows from a cause by itself, and is no second fault."""


def judge(case: Case) -> list[Opinion]:
    """All opinions, the best first: surer before less sure, and of equals the most upstream. Without those
    that the best one explains."""
    opinions = [opinion for rule in RULES if (opinion := rule(case)) is not None]
    best: dict[Cause, Opinion] = {}
    for opinion in opinions:
        if opinion.cause not in best or opinion.confidence > best[opinion.cause].confidence:
            best[opinion.cause] = opinion
    ranked = sorted(best.values(), key=lambda opinion: -_band(opinion.confidence))
    explained = _EXPLAINS.get(ranked[0].cause, frozenset()) if ranked else frozenset()
    return ranked[:1] + [opinion for opinion in ranked[1:] if opinion.cause not in explained]


_READINGS: frozenset[Cause] = frozenset(
    ("tcp.blocked", "vpn.path", "vm.interference", "container.network", "wsl.network", "process.stuck")
)


def is_other_reading(opinion: Opinion) -> bool:
    """Whether it is another possible cause of the same failure, and not a second fault behind it."""
    return opinion.confidence < SURE and opinion.cause in _READINGS


def _band(confidence: float) -> int:
    return 2 if confidence >= LIKELY else 1 if confidence >= POSSIBLE else 0


def span(seconds: float) -> str:
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 1.75 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
