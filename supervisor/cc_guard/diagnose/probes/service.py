"""What the provider itself says about its service. Off unless CC_GUARD_STATUS_PAGE is 1."""

import json
from typing import Any

from cc_guard.diagnose import certificates, target
from cc_guard.diagnose.exchange import Request, ask
from cc_guard.diagnose.probe import Context, Probe
from cc_guard.diagnose.resolve import resolve
from cc_guard.incident.record import Finding
from cc_guard.probe.route import Route

_HOST, _PATH = "status.claude.com", "/api/v2/status.json"  # Statuspage's API, "status"
_RESOLVE_S, _TIMEOUT_S = 0.8, 1.5


async def _status(context: Context) -> list[Finding]:
    """Evidence: indicator (none, minor, major, critical; None when unknown), description, outcome."""
    proxy = target.route(context).proxy
    found = await resolve(proxy.host if proxy else _HOST, _RESOLVE_S)
    evidence: dict[str, Any] = {"indicator": None, "description": None, "outcome": "unresolved"}
    if found.addresses:
        store = await certificates.system_store(context.facts)
        route = Route(_HOST, 443, True, proxy)
        answer = await ask(route, found.addresses[0], Request("GET", _PATH), _TIMEOUT_S, store)
        evidence["outcome"] = answer.outcome
        evidence.update(_read(answer.body))
    if evidence["indicator"] is None:
        return [Finding("service.status", "na", "the status page can't be read", evidence)]
    text = f"{_HOST}: {evidence['description']}"
    return [Finding("service.status", "pass" if evidence["indicator"] == "none" else "warn", text, evidence)]


def _read(body: bytes) -> dict[str, str]:
    try:
        status = json.loads(body)["status"]
        return {"indicator": str(status["indicator"])[:20], "description": str(status["description"])[:120]}
    except (ValueError, TypeError, KeyError, RecursionError):
        return {}


def _off(context: Context) -> str:
    return "" if context.environ.get("CC_GUARD_STATUS_PAGE") == "1" else "not asked for"


PROBES = (Probe("service.status", "Service", _status, ("config.route",), 3.0, absent=_off),)
