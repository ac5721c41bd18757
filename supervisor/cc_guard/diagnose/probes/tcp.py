"""Connections to the API's addresses, or its proxy's: each family on its own."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from cc_guard.diagnose import target
from cc_guard.diagnose.dial import dial, has_source
from cc_guard.diagnose.look import LATE_S
from cc_guard.diagnose.probe import Context, Probe
from cc_guard.incident.record import Finding

# A SYN that is lost is sent again after one second (RFC 6298, section 2): this is one chance more.
_TIMEOUT_S = 1.9
_MOST = 3  # addresses of a family; more tell nothing new

_WORDS = {
    "refused": "refuses the connection",
    "reset": "cuts the connection off while it is made",
    "timeout": "does not answer",
    "unreachable": "is reported as unreachable, by this machine or on the way",
    "no_local_port": "can't be tried: this machine has no free local port",
    "denied": "can't be tried: a firewall rule of this machine forbids it",
    "error": "can't be tried",
}


async def _family(family: int, context: Context) -> list[Finding]:
    """Evidence: family, outcomes ({address: outcome} with the words of cc_guard.diagnose.dial), ms (of the
    fastest, None without one), best (that address), port."""
    port = target.hop(context).port
    found = await asyncio.gather(
        *(dial(address, port, _TIMEOUT_S) for address in target.addresses(context, family)[:_MOST])
    )
    for one in found:
        if one.sock is not None:
            one.sock.close()
    good = sorted((one for one in found if one.outcome == "connected"), key=lambda one: one.ms)
    evidence: dict[str, Any] = {
        "family": family,
        "outcomes": {one.address: one.outcome for one in found},
        "ms": round(good[0].ms, 1) if good else None,
        "best": good[0].address if good else None,
        "port": port,
    }
    name = f"tcp.v{family}"
    if good:
        text = f"{good[0].address} port {port} accepts connections (IPv{family}, {good[0].ms:.0f} ms)"
        return [Finding(name, "pass", text, evidence)]
    if _has_none(family, context) and not _has_none(10 - family, context):
        return [Finding(name, "na", f"this machine has no IPv{family}; it has IPv{10 - family}", evidence)]
    text = f"{found[0].address} port {port} {_WORDS[found[0].outcome]} (IPv{family})"
    return [Finding(name, "fail", text, evidence)]


def _has_none(family: int, context: Context) -> bool:
    """Whether this machine lacks a whole family for this host. One is enough, so that is no failure."""
    known = target.addresses(context, family)
    return not any(map(has_source, known))


def _none(family: int) -> Callable[[Context], str]:
    def absent(context: Context) -> str:
        found = context.of("dns.system")
        known = found and found[0].state in ("pass", "warn")
        return (
            f"the host has no IPv{family} address" if known and not target.addresses(context, family) else ""
        )

    return absent


def _probe(family: int) -> Probe:
    run: Callable[[Context], Awaitable[list[Finding]]] = partial(_family, family)
    return Probe(
        f"tcp.v{family}",
        "Network",
        run,
        needs=("dns.system",),
        deadline_s=_TIMEOUT_S + LATE_S,
        fail_late="fail",
        absent=_none(family),
    )


PROBES = tuple(map(_probe, target.FAMILIES))
