"""The configured proxy: there at all, willing, and what the way without it is like."""

import asyncio
import re
from typing import Any

from cc_guard.diagnose import target
from cc_guard.diagnose.exchange import Answer, Request, ask
from cc_guard.diagnose.look import LATE_S, word
from cc_guard.diagnose.probe import Context, Probe
from cc_guard.diagnose.resolve import resolve
from cc_guard.incident.record import Finding
from cc_guard.probe.route import Route, bracketed

_TIMEOUT_S = 1.9
_RESOLVE_S = 1.0
# Of several, the one that the client can do (code.claude.com/docs/en/network-config: basic authentication).
_SCHEMES = ("basic", "digest", "ntlm", "negotiate", "kerberos", "bearer")


async def _proxy(context: Context) -> list[Finding]:
    """Evidence: host, port, outcome (as of tcp: connected, refused, timeout…), connect_status (the proxy's
    answer to CONNECT, or to a plain request), auth (none, basic, ntlm, negotiate…: what a 407 asks for),
    detail, direct (the same words for the API without the proxy; unresolved), ms."""
    route = target.route(context)
    assert route.proxy is not None
    (answer, address), direct = await asyncio.gather(_through(context, route), _direct(route))
    status = answer.tunnel or (answer.status if not route.tls else None)
    evidence: dict[str, Any] = {
        "host": route.proxy.host,
        "port": route.proxy.port,
        "outcome": "connected" if answer.connected else answer.outcome,
        "connect_status": status,
        "auth": _auth(answer) if status == 407 else "none",
        "detail": answer.detail or None,
        "direct": direct,
        "address": address,
        "ms": round(answer.ms, 1),
    }
    name = f"{bracketed(route.proxy.host)}:{route.proxy.port}"
    text = _failure(route, answer, evidence)
    if text:
        beside = f"; without it {route.host} answers" if direct == "connected" else ""
        return [Finding("proxy", "fail", f"the proxy {name} {text}{beside}", evidence)]
    return [
        Finding("proxy", "pass", f"the proxy {name} lets requests through ({answer.ms:.0f} ms)", evidence)
    ]


def _failure(route: Route, answer: Answer, evidence: dict[str, Any]) -> str:
    if not answer.connected:
        return f"can't be reached: {word(answer.outcome, connected=False)}"
    if evidence["connect_status"] == 407:
        return f"wants a login (407, {evidence['auth']})"
    if answer.outcome == "tunnel_refused":
        return f"does not let the request through (it answers {evidence['connect_status']})"
    return "accepts connections and does not answer as a proxy" if answer.tunnel is None and route.tls else ""


async def _through(context: Context, route: Route) -> tuple[Answer, str]:
    addresses = list(context.value("dns.system", "addresses") or [])[:2]
    answers = await asyncio.gather(
        *(ask(route, address, Request("HEAD", "/"), _TIMEOUT_S) for address in addresses)
    )
    both = list(zip(answers, addresses, strict=True))
    return next((one for one in both if one[0].connected), both[0])


async def _direct(route: Route) -> str:
    found = await resolve(route.host, _RESOLVE_S)
    if not found.addresses:
        return "unresolved"
    straight = Route(route.host, route.port, route.tls)
    timeout_s = max(0.5, _TIMEOUT_S - found.ms / 1000)
    firsts = [addresses[0] for family in target.FAMILIES if (addresses := found.family(family))]
    answers = await asyncio.gather(
        *(ask(straight, address, Request("HEAD", "/"), timeout_s) for address in firsts)
    )
    if any(answer.outcome == "answered" for answer in answers):
        return "connected"
    return answers[0].outcome


def _auth(answer: Answer) -> str:
    """The scheme of Proxy-Authenticate (RFC 9110, section 11.7.1)."""
    offered = re.findall(r"[a-z]+", answer.headers.get("proxy-authenticate", "").lower())
    return next((scheme for scheme in _SCHEMES if scheme in offered), offered[0] if offered else "none")


def _without(context: Context) -> str:
    configuration = context.configuration
    if configuration.route is not None and configuration.route.proxy is not None:
        return ""
    return "NO_PROXY takes this host out" if configuration.no_proxy else "no proxy is configured"


PROBES = (Probe("proxy", "Network", _proxy, ("dns.system",), _TIMEOUT_S + LATE_S, "fail", absent=_without),)
