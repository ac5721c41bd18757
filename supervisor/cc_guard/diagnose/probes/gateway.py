"""What stands at a base URL of the user's own: a gateway, of this machine or of a company."""

import asyncio
import ipaddress
from typing import Any

from cc_guard.diagnose import target
from cc_guard.diagnose.dial import dial
from cc_guard.diagnose.look import word
from cc_guard.diagnose.probe import Context, Probe
from cc_guard.diagnose.quirks import is_public
from cc_guard.diagnose.resolve import Resolved, resolve
from cc_guard.incident.record import Finding

_TIMEOUT_S = 1.5
_RESOLVE_S = 1.0


async def _gateway(context: Context) -> list[Finding]:
    """Evidence: listening, outcome (as of tcp), process ({pid, name} of who listens there, or None where that
    is elsewhere or can't be known), kind (loopback, private, public), host, port."""
    route = target.route(context)
    found = await resolve(route.host, _RESOLVE_S)
    dialled = await asyncio.gather(
        *(dial(address, route.port, _TIMEOUT_S) for address in found.addresses[:4])
    )
    for one in dialled:
        if one.sock is not None:
            one.sock.close()
    outcomes = [str(one.outcome) for one in dialled]
    kind = _kind(route.host, found)
    evidence: dict[str, Any] = {
        "listening": "connected" in outcomes,
        "outcome": "connected" if "connected" in outcomes else outcomes[0] if outcomes else "unresolved",
        "process": _listener(route.port) if kind == "loopback" and "connected" in outcomes else None,
        "kind": kind,
        "host": route.host,
        "port": route.port,
    }
    where = context.configuration.base_url
    if not evidence["listening"]:
        refused = evidence["outcome"] == "refused"
        nobody = "nothing is listening there" if refused else word(evidence["outcome"], connected=False)
        return [Finding("gateway", "fail", f"{where}: {nobody}", evidence)]
    process = evidence["process"]
    by = f": {process['name']} (process {process['pid']})" if process else ""
    text = f"something listens at {where}{by}"
    return [Finding("gateway", "pass", text, evidence)]


def _kind(host: str, found: Resolved) -> str:
    addresses = [ipaddress.ip_address(address.partition("%")[0]) for address in found.addresses]
    if host == "localhost" or any(address.is_loopback or address.is_unspecified for address in addresses):
        return "loopback"
    if not is_public(host) or (addresses and not any(address.is_global for address in addresses)):
        return "private"
    return "public"


def _listener(port: int) -> dict[str, Any] | None:
    """Which process listens on a port of this machine. Others' processes are shown to root only."""
    import psutil

    try:
        for row in psutil.net_connections("tcp"):
            if row.status == psutil.CONN_LISTEN and row.laddr and row.laddr.port == port and row.pid:
                return {"pid": row.pid, "name": psutil.Process(row.pid).name()}
    except (psutil.Error, OSError, RuntimeError):
        pass
    return None


def _usual(context: Context) -> str:
    configuration = context.configuration
    if configuration.route is None:
        return target.unknown(context)
    own = not configuration.default or not is_public(configuration.route.host)
    return "" if own else "the base URL is the provider's own"


PROBES = (Probe("gateway", "Configuration", _gateway, ("config.route",), 2.8, "fail", absent=_usual),)
