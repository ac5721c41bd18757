"""What the provider itself says about its service; asked where the API answers that it fails.

Turned off by `status_page = false` in [doctor] of config.toml, or CC_GUARD_DOCTOR__STATUS_PAGE=false.
"""

import json
import tomllib
from contextlib import suppress
from typing import Any

from cc_guard import paths
from cc_guard.diagnose import certificates, target, tools
from cc_guard.diagnose.exchange import Request, ask
from cc_guard.diagnose.probe import Context, Probe
from cc_guard.diagnose.resolve import resolve
from cc_guard.incident.record import Finding
from cc_guard.probe.route import Route

_VARIABLE = "CC_GUARD_DOCTOR__STATUS_PAGE"
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


def _unneeded(context: Context) -> str:
    if context.configuration.provider != "anthropic" or not context.configuration.default:
        return "it is another provider's service"
    if (context.value("http.api", "status") or 0) < 500:
        return "the API does not answer that it fails"
    return "" if _wanted(context) else "turned off in the settings"


def _wanted(context: Context) -> bool:
    """As cc_guard.settings has it, without its library: what is no valid setting does not count."""
    said: Any = context.environ.get(_VARIABLE) or None
    if said is None:
        with suppress(ValueError, KeyError, TypeError, RecursionError):
            said = tomllib.loads(tools.read(paths.config_file()))["doctor"]["status_page"]
    return str(said).lower() not in ("false", "0", "no", "off", "f", "n")


PROBES = (Probe("service.status", "Service", _status, ("config.route", "http.api?"), 2.5, absent=_unneeded),)
