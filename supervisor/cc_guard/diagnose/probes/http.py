"""What answers at the end of the way: per family, with a second look, and at the path the client uses."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from cc_guard.diagnose import reading, shape, target
from cc_guard.diagnose.exchange import Answer, Request, ask
from cc_guard.diagnose.look import LATE_S, TIMEOUT_S, evidence_of, first, patience, word
from cc_guard.diagnose.probe import Context, Probe
from cc_guard.diagnose.probes import clock, upload
from cc_guard.incident.record import Finding, ProbeState
from cc_guard.probe.route import Route

# Between the two looks: a firewall that resets by what the first connection taught it needs a moment.
_PAUSE_S = 0.15
# From here on an answer that costs no work is called slow; also over a satellite it takes 0.7 s for TLS 1.3.
_SLOW_MS = 1500.0


async def _family(family: int, context: Context) -> list[Finding]:
    """`HEAD /`, twice. Evidence: family, address, what `evidence_of` lists of the look that went worse, looks
    (both outcomes), slow."""
    route, address = target.route(context), str(context.value(f"tcp.v{family}", "best"))
    looks = await asyncio.gather(
        *(_look(route, address, delay, patience(context)) for delay in (0.0, _PAUSE_S))
    )
    worst = next((look for look in looks if look.outcome != "answered"), looks[0])
    outcomes = [look.outcome for look in looks]
    fastest = min((look.ms for look in looks if look.outcome == "answered"), default=0.0)
    evidence = {
        "family": family,
        "address": address,
        **evidence_of(worst),
        "looks": outcomes,
        "slow": fastest > _SLOW_MS,
    }
    name = f"http.v{family}"
    if worst.outcome == "answered":
        slowly = ", but slowly" if evidence["slow"] else ""
        text = f"{address} answers over IPv{family}{slowly} ({fastest:.0f} ms)"
        return [Finding(name, "pass", text, evidence)]
    if "answered" in outcomes:
        text = f"{address} answers one time, and the other time {word(worst.outcome)} (IPv{family})"
        return [Finding(name, "warn", text, evidence)]
    text = f"{address} port {target.hop(context).port}: {word(worst.outcome, worst.connected)} (IPv{family})"
    return [Finding(name, "fail", text, evidence)]


async def _look(route: Route, address: str, delay_s: float, timeout_s: float) -> Answer:
    await asyncio.sleep(delay_s)
    return await ask(route, address, Request("HEAD", "/"), timeout_s - delay_s)


async def _api(context: Context) -> list[Finding]:
    """One POST without credentials to the path of the client's own requests. Evidence: path, address,
    error_type, error_message (of the API's JSON), retry_after (seconds), request_id, server, slow, and what
    `evidence_of` lists."""
    if not target.connected(context):
        return [target.nobody("http.api")]
    where = f"{context.configuration.base_url}/v1/messages"
    request = Request("POST", target.path(context), b"{}", (("Content-Type", "application/json"),))
    answer, address = await first(context, request, patience(context))
    kind, message = reading.error(answer)
    evidence = {
        "path": shape.of_path(request.target),
        "address": address,
        **evidence_of(answer),
        "error_type": kind,
        "error_message": message,
        "retry_after": reading.retry_after(answer),
        "request_id": reading.request_id(answer),
        "server": reading.headers(answer).get("server"),
        "slow": answer.outcome == "answered" and answer.ms > _SLOW_MS,
    }
    if answer.outcome != "answered":
        text = f"a request to {where}: {word(answer.outcome, answer.connected)}"
        return [Finding("http.api", "fail", text, evidence)]
    state, text = _judged(answer, evidence, where, context.configuration.provider)
    return [Finding("http.api", state, text, evidence)]


def _judged(answer: Answer, evidence: dict[str, Any], where: str, provider: str) -> tuple[ProbeState, str]:
    """A healthy API refuses a request without a key and a body: 400, 401, 404, 405; other providers say so
    in ways of their own. What an edge, a gateway or a portal says instead is a failure."""
    status = answer.status or 0
    said = evidence["error_message"] or evidence["title"] or evidence["text"]
    text = f"{where} answers {status}" + (f' ("{said}")' if said else "")
    if provider != "anthropic" and 400 <= status < 500 and status not in (407, 429):
        return "pass", f"{text}, as expected without a key ({answer.ms:.0f} ms)"
    if status in (403, 407, 429) or status >= 500:
        return "fail", text
    if 300 <= status < 400:
        return "fail", f"{text} and sends on to {evidence['redirect'] or 'elsewhere'}"
    if evidence["body_kind"] == "html":
        return "fail", f"{text}: that is a web page, not the API"
    if status == 404:
        return "warn", f"{text}: nothing is at this address"
    if evidence["slow"]:
        return "warn", f"{where} answers as it should, but only after {answer.ms / 1000:.1f} s"
    return "pass", f"{text}, as expected without a key ({answer.ms:.0f} ms)"


def _probe(family: int) -> Probe:
    run: Callable[[Context], Awaitable[list[Finding]]] = partial(_family, family)
    name = f"tcp.v{family}"
    return Probe(f"http.v{family}", "Network", run, (name,), TIMEOUT_S + LATE_S, "fail")


PROBES = (
    *map(_probe, target.FAMILIES),
    Probe(
        "http.api",
        "Service",
        _api,
        needs=("tcp.v4?", "tcp.v6?"),
        deadline_s=TIMEOUT_S + LATE_S,
        fail_late="fail",
        absent=target.unknown,
    ),
    *upload.PROBES,
    *clock.PROBES,
)
