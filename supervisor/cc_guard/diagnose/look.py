"""Asking the API for something without credentials, and what all probes tell of the answer."""

import asyncio
from typing import Any

from cc_guard.diagnose import reading, target
from cc_guard.diagnose.exchange import Answer, Request, ask
from cc_guard.diagnose.probe import Context

# How long an answer that costs no work may take before it counts as none. A slow path is no broken one: so
# as long as the six seconds that a diagnosis may take (DESIGN, section 8) allow, with a look for a portal
# behind it.
TIMEOUT_S, _LEAST_S, _UNTIL_S = 3.0, 1.5, 4.9
# How late a busy machine may notice that; past it, the engine gives up on the probe and knows less.
LATE_S = 1.5
_HEAD_START_S = 0.25  # of the preferred family, before the other is asked as well: RFC 8305, section 8

_WORDS = {
    "reset_after_connect": "the connection is accepted, then cut off (reset)",
    "closed": "the connection is accepted, then closed without an answer",
    "timeout": "the connection is accepted, then nothing is answered",
    "tls_error": "what answers does not speak TLS (encryption) as it should",
    "not_http": "what answers does not speak HTTP",
    "tunnel_refused": "the proxy does not let the request through",
    "refused": "the connection is refused",
    "reset": "the connection is cut off while it is made",
    "unreachable": "it is reported as unreachable",
    "no_local_port": "this machine has no free local port for it",
    "denied": "a firewall rule of this machine forbids the connection",
    "unresolved": "the name is not known",
}


def word(outcome: str, connected: bool = True) -> str:
    """In words; `connected`: whether the connection itself came about."""
    if outcome == "timeout" and not connected:
        return "nothing answers"
    return _WORDS.get(outcome, "there is no connection")


def evidence_of(answer: Answer) -> dict[str, Any]:
    """The keys that all probes of HTTP share: status (of the API; a proxy's own is connect_status), outcome,
    connected (TCP stood), detail, headers, body_kind, title, text, redirect, connect_status, skew_s, ms."""
    answered = answer.outcome == "answered"
    return {
        "status": answer.status if answered else None,
        "outcome": answer.outcome,
        "connected": answer.connected,
        "detail": answer.detail or None,
        "headers": reading.headers(answer) if answered else {},
        "body_kind": reading.body_kind(answer) if answered else None,
        "title": reading.title(answer),
        "text": reading.text(answer) if answered else None,
        "redirect": reading.redirect(answer) if answered else None,
        "connect_status": answer.tunnel,
        "skew_s": reading.skew(answer) if answered else None,
        "ms": round(answer.ms, 1),
    }


def patience(context: Context) -> float:
    """Seconds for one answer: less when looking the name up and connecting took long."""
    stages = (("dns.system",), ("tcp.v4", "tcp.v6"))
    gone = [max((f.ms for name in stage for f in context.of(name)), default=0.0) for stage in stages]
    return min(TIMEOUT_S, max(_LEAST_S, _UNTIL_S - sum(gone) / 1000))


async def first(context: Context, request: Request, timeout_s: float) -> tuple[Answer, str]:
    """The first answer over any family, the preferred one first; without any, what became of that one."""
    route, addresses = target.route(context), target.connected(context)

    async def one(address: str, delay_s: float) -> tuple[Answer, str]:
        await asyncio.sleep(delay_s)
        return await ask(route, address, request, timeout_s - delay_s), address

    tasks = [asyncio.create_task(one(address, _HEAD_START_S * n)) for n, address in enumerate(addresses)]
    try:
        for done in asyncio.as_completed(tasks):
            answer, address = await done
            if answer.outcome == "answered":
                return answer, address
        return tasks[0].result()
    finally:
        for task in tasks:
            task.cancel()
