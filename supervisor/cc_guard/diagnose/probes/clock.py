"""This machine's clock against the server's."""

import time

from cc_guard.diagnose.probe import Context, Probe
from cc_guard.incident.record import Finding

# Certificates and tokens tolerate minutes: an access token is refused, or refreshed too late, from about
# five minutes on (the leeway that RFC 7519, section 4.1.4, calls "a few minutes").
_WARN_S, _FAIL_S = 60.0, 300.0
_SOURCES = ("http.api", "http.v4", "http.v6")


async def _clock(context: Context) -> list[Finding]:
    """Evidence: skew_s (server minus this machine), source (the probe that saw it)."""
    source = _source(context)
    skew = float(context.value(source, "skew_s"))
    evidence = {"skew_s": skew, "source": source}
    if abs(skew) <= _WARN_S:
        return [Finding("clock", "pass", "the clock agrees with the server's", evidence)]
    side = "behind" if skew > 0 else "ahead of"
    here, there = (time.strftime("%Y-%m-%d %H:%M", time.gmtime(time.time() + more)) for more in (0.0, skew))
    told = f"here it is {here}, there {there} (UTC)"
    text = f"the clock is {_duration(abs(skew))} {side} the server's: {told}"
    return [Finding("clock", "fail" if abs(skew) > _FAIL_S else "warn", text, evidence)]


def _source(context: Context) -> str:
    return next((name for name in _SOURCES if context.value(name, "skew_s") is not None), "")


def _duration(seconds: float) -> str:
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 1.75 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def _unknown(context: Context) -> str:
    return "" if _source(context) else "no server told the time"


PROBES = (Probe("clock", "Machine", _clock, tuple(f"{name}?" for name in _SOURCES), 1.0, absent=_unknown),)
