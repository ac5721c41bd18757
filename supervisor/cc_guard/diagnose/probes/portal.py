"""A network that wants a log-in first: hotels, trains, cafés. Only looked for when things look like it."""

from urllib.parse import urlsplit

from cc_guard.diagnose import reading, target
from cc_guard.diagnose.exchange import Request, ask
from cc_guard.diagnose.look import LATE_S, evidence_of
from cc_guard.diagnose.probe import Context, Probe
from cc_guard.diagnose.resolve import resolve
from cc_guard.incident.record import Finding
from cc_guard.probe.route import Route

# Apple's own check: a page that says Success, over plain HTTP on purpose.
_URL = "http://captive.apple.com/hotspot-detect.html"
_EXPECTED = b"Success"
_RESOLVE_S, _TIMEOUT_S = 0.8, 1.2


async def _portal(context: Context) -> list[Finding]:
    """Evidence: outcome (open: the page came as it should; portal: something else came; unreachable), url,
    and what `evidence_of` lists."""
    url = context.environ.get("CC_GUARD_TEST_PORTAL_URL") or _URL
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 80
    found = await resolve(host, _RESOLVE_S)
    if not found.addresses:
        evidence = {"outcome": "unreachable", "url": url, "detail": found.error}
        return [Finding("portal", "warn", f"another website, {host}, is not known either", evidence)]
    address = (found.family(4) or list(found.addresses))[0]
    answer = await ask(Route(host, port, False), address, Request("GET", parts.path or "/"), _TIMEOUT_S)
    evidence = {**evidence_of(answer), "url": url}
    if answer.outcome != "answered":
        evidence["outcome"] = "unreachable"
        return [Finding("portal", "warn", f"another website, {host}, does not answer either", evidence)]
    if answer.status == 200 and _EXPECTED in answer.body:
        evidence["outcome"] = "open"
        return [Finding("portal", "pass", f"another website, {host}, answers as it should", evidence)]
    evidence["outcome"] = "portal"
    to, title = reading.redirect(answer), reading.title(answer)
    own = f", which leads to {to}" if to else f', "{title}"' if title else ""
    text = f"instead of {host} a page of this network's own answers{own}"
    return [Finding("portal", "fail", text, evidence)]


def _looks_fine(context: Context) -> str:
    """A portal redirects, shows a page, breaks TLS, or lets nothing through but names and its own page."""
    if context.configuration.route is None or not target.is_remote(context):
        return "the API is in this network"
    found = context.of("dns.system")
    if found and found[0].state == "fail":
        return "no name can be looked up"
    for name in ("http.api", "http.v4", "http.v6", "tls"):
        for finding in context.of(name):
            evidence = finding.evidence
            status, kind = evidence.get("status") or 0, evidence.get("body_kind")
            odd = evidence.get("redirect") or 300 <= status < 400 or (kind == "html" and status < 500)
            if odd or (finding.state == "fail" and status < 400):
                return ""
    tried = (context.value(f"tcp.v{family}", "outcomes") or {} for family in target.FAMILIES)
    outcomes = {outcome for one in tried for outcome in one.values()}
    blocked = outcomes & {"timeout", "refused", "reset"} and "connected" not in outcomes
    return "" if blocked else "nothing looks like one"


PROBES = (
    Probe(
        "portal",
        "Network",
        _portal,
        needs=("dns.system?", "tcp.v4?", "tcp.v6?", "http.v4?", "http.v6?", "http.api?", "tls?"),
        deadline_s=_RESOLVE_S + _TIMEOUT_S + LATE_S,
        absent=_looks_fine,
    ),
)
