"""Whether a request of real size gets through: a path that drops full packets answers small ones."""

from cc_guard.diagnose import target
from cc_guard.diagnose.exchange import Request
from cc_guard.diagnose.look import LATE_S, evidence_of, first, word
from cc_guard.diagnose.probe import Context, Probe
from cc_guard.incident.record import Finding

# Some sixteen full packets of 1460 bytes: more than the first flight of ten (RFC 6928), and less than the
# system prompt that the client sends with each request.
_BYTES = 24 * 1024
_TIMEOUT_S = 1.8  # a lost packet is sent again after a fifth of a second


async def _upload(context: Context) -> list[Finding]:
    """Evidence: bytes, address, outcome, status, ms, and what `evidence_of` lists."""
    body = b"{" + b" " * (_BYTES - 2) + b"}"
    request = Request("POST", target.path(context), body, (("Content-Type", "application/json"),))
    answer, address = await first(context, request, _TIMEOUT_S)
    evidence = {"bytes": _BYTES, "address": address, **evidence_of(answer)}
    if answer.outcome == "answered":
        return [Finding("upload", "pass", f"24 KB get through ({answer.ms:.0f} ms)", evidence)]
    if answer.outcome == "timeout":
        text = f"a small request is answered, one of 24 KB is not within {_TIMEOUT_S:g} s"
        return [Finding("upload", "fail", text, evidence)]
    return [Finding("upload", "warn", f"a request of 24 KB: {word(answer.outcome)}", evidence)]


PROBES = (Probe("upload", "Network", _upload, ("http.api",), _TIMEOUT_S + LATE_S, "fail"),)
