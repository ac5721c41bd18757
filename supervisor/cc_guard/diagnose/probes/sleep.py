"""Whether this machine slept a moment ago, its clock jumped, or it has been up for too long.

After a sleep, connections that were open are dead on the other side, and the client finds out only when it
has waited for minutes (CAUSES 16).
"""

import asyncio
import re
import time
from typing import Any

from cc_guard.diagnose import clocks, sockets, tools
from cc_guard.diagnose.probe import Context, Probe
from cc_guard.incident.record import Finding

# Silence of one to five minutes before a reset is what is reported of connections that slept.
_JUST_WOKEN_S = 120.0
# Certificates and sign-ins go wrong from about a minute on.
_JUMP_S = 60.0
# Clocks are read one after the other, and adjtime(3) slews by at most 0.5 ms a second.
_NOISE_S = 2.0
_TOOL_TIMEOUT_S = 1.0

# macOS' TCP counts milliseconds in 32 bits: 2^32 ms are 49 d 17 h 02 m 47 s. Reports: CAUSES 15b.
_FULL_CIRCLE_S = 2**32 // 1000
_SOON_S = 45 * 86400

# How many closed connections are watched for how long.
_ENOUGH, _WATCH_S = 200, 1.2

# systemd ends these services when the machine is awake again: systemd-suspend.service(8).
_SERVICES = [
    f"systemd-{kind}.service" for kind in ("suspend", "hibernate", "hybrid-sleep", "suspend-then-hibernate")
]


async def _sleep(context: Context) -> list[Finding]:
    """Evidence: asleep_s_total (seconds since this boot; None when unknown), asleep_s_since_start (None
    without a start mark), last_wake_s_ago (None when it did not sleep, or when that was can't be told)."""
    total = max(0.0, clocks.since_boot() - clocks.running())
    total = 0.0 if total < _NOISE_S else total
    since = _since_start(context)
    ago = await (_macos_wake() if context.facts.system == "macos" else _linux_wake(total))
    evidence: dict[str, Any] = {
        "asleep_s_total": round(total, 1),
        "asleep_s_since_start": since,
        "last_wake_s_ago": None if ago is None else round(ago, 1),
    }
    if ago is not None and ago < _JUST_WOKEN_S:
        return [Finding("sleep", "warn", f"this machine woke up {ago:.0f} s ago", evidence)]
    if since:
        return [Finding("sleep", "warn", f"this machine slept for {since:.0f} s meanwhile", evidence)]
    text = "this machine has not slept" if ago is None and not total else "awake for a while"
    return [Finding("sleep", "pass", text, evidence)]


def _since_start(context: Context) -> float | None:
    start = clocks.parse_mark(context.environ.get(clocks.MARK, ""))
    if start is None:
        return None
    asleep = (clocks.since_boot() - start[2]) - (clocks.running() - start[1])
    return round(asleep, 1) if asleep >= _NOISE_S else 0.0


async def _linux_wake(total: float) -> float | None:
    """When a sleep service last ended, by systemd: org.freedesktop.systemd1(5), Unit timestamps."""
    if not total:
        return None
    ran = await tools.run(
        *("systemctl", "show", "--property=InactiveEnterTimestampMonotonic", *_SERVICES),
        timeout_s=_TOOL_TIMEOUT_S,
    )
    ended = [int(digits) for digits in re.findall(r"Monotonic=([1-9]\d{0,17})$", ran.text, re.MULTILINE)]
    ago = clocks.running() - max(ended) / 1e6 if ended else -1.0
    return ago if ago >= 0 else None


async def _macos_wake() -> float | None:
    """kern.waketime, as wall clock; 0 when it has not slept since it was started. sysctl(3)."""
    ran = await tools.run("sysctl", "-n", "kern.waketime", timeout_s=_TOOL_TIMEOUT_S)
    woke = parse_timeval(ran.text)
    ago = time.time() - woke if woke else -1.0
    return ago if ago >= 0 else None


def parse_timeval(text: str) -> float | None:
    """`{ sec = 1700000000, usec = 123456 } Tue Nov 14 22:13:20 2023`, as sysctl(8) writes a time."""
    match = re.search(r"\bsec = (\d{1,12}), usec = (\d{1,6})\b", text, re.ASCII)
    return int(match[1]) + int(match[2]) / 1e6 if match else None


async def _jump(context: Context) -> list[Finding]:
    """Evidence: jump_s (by how much the wall clock went forward (+) or back (-) beside the time that really
    passed since the start mark, asleep or not; None without a mark)."""
    start = clocks.parse_mark(context.environ.get(clocks.MARK, ""))
    if start is None:
        text = "no earlier time to compare with; the server's clock is compared elsewhere"
        return [Finding("clock.jump", "na", text, {"jump_s": None})]
    jump = (time.time() - start[0]) - (clocks.since_boot() - start[2])
    evidence = {"jump_s": round(jump, 1)}
    if abs(jump) >= _JUMP_S:
        way = "forward" if jump > 0 else "back"
        return [Finding("clock.jump", "warn", f"the clock was set {way} by {abs(jump):.0f} s", evidence)]
    return [Finding("clock.jump", "pass", "the clock runs evenly", evidence)]


async def _uptime(context: Context) -> list[Finding]:
    """Evidence: uptime_s (since the start, with sleep), past_49_days (bool), time_wait_stuck (whether none of
    many closed connections went away while one watched; None when there are too few, or before that day)."""
    ran = await tools.run("sysctl", "-n", "kern.boottime", timeout_s=_TOOL_TIMEOUT_S)
    started = parse_timeval(ran.text)
    if started is None:
        return [Finding("macos.uptime", "na", "the time of the last start can't be read")]
    up = time.time() - started
    past = up >= _FULL_CIRCLE_S
    evidence = {
        "uptime_s": round(up),
        "past_49_days": past,
        "time_wait_stuck": await _is_stuck(context) if past else None,
    }
    days = f"this Mac has been up for {up / 86400:.0f} days"
    if evidence["time_wait_stuck"]:
        text = f"{days}, and no longer frees the local ports of closed connections"
        return [Finding("macos.uptime", "fail", text, evidence)]
    if past:
        text = f"{days}; past 49 days and 17 hours some versions of macOS lose track of closed connections"
        return [Finding("macos.uptime", "warn", text, evidence)]
    if up >= _SOON_S:
        return [Finding("macos.uptime", "warn", f"{days}; restart it before day 49", evidence)]
    return [Finding("macos.uptime", "pass", days, evidence)]


async def _is_stuck(context: Context) -> bool | None:
    """macOS forgets a closed connection after 30 s: of so many, eight should go away meanwhile, and that none
    does has a chance of one in 3000."""
    before = await _in_time_wait(context)
    if len(before) < _ENOUGH:
        return None
    await asyncio.sleep(_WATCH_S)
    return before <= await _in_time_wait(context)


async def _in_time_wait(context: Context) -> set[sockets.Socket]:
    found = await sockets.listed(context.facts)
    return {one for one in found or () if one.state == "TIME_WAIT"}


def _not_macos(context: Context) -> str:
    return "" if context.facts.system == "macos" else "this is not macOS"


PROBES = (
    Probe("sleep", "Machine", _sleep, deadline_s=1.5),
    Probe("clock.jump", "Machine", _jump, deadline_s=1.0),
    Probe("macos.uptime", "Machine", _uptime, absent=_not_macos, deadline_s=5.0),
)
