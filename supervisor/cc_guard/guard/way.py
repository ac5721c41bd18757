"""The way to the API as a few stations, each with its health, from what the probes found. Pure.

The doctor looks at every station, once in an incident; the path probe walks the whole way several times a
second and tells only how far it got. The later one counts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cc_guard.incident.record import Finding, ProbeState, iso

_LONGEST = 200

_TITLES = {
    "dns": "DNS",
    "tcp": "connection",
    "v4": "IPv4",
    "v6": "IPv6",
    "proxy": "proxy",
    "tls": "TLS",
    "api": "API",
}
# In the order in which a connection is made; IPv4 and IPv6 are tried side by side.
_STEPS = {"dns": 0, "tcp": 1, "v4": 1, "v6": 1, "proxy": 2, "tls": 3, "api": 4}
# The probes that speak of a station; the worst of them counts.
_PROBES = {
    "dns": ("dns.system",),
    "v4": ("tcp.v4", "http.v4"),
    "v6": ("tcp.v6", "http.v6"),
    "proxy": ("proxy",),
    "tls": ("tls",),
    "api": ("http.api",),
}
# How far the path probe got, by its word for it.
_STAGES = {"resolve": "dns", "connect": "tcp", "proxy": "proxy", "tls": "tls", "http": "api"}
_WORST: tuple[ProbeState, ...] = ("na", "skip", "pass", "warn", "fail")


@dataclass(frozen=True)
class Why:
    """The doctor's last word: its sentence, what people can do, all it found; `at` in epoch seconds."""

    summary: str
    fix: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    at: float = 0.0


@dataclass(frozen=True)
class PathSeen:
    """The path probe's last finding; `at` in epoch seconds."""

    finding: Finding
    at: float


@dataclass
class _Station:
    state: str = "unknown"
    ms: int | None = None
    text: str = ""


def route(path: PathSeen | None, why: Why | None) -> dict[str, Any]:
    """`hops` with the same `step` are side by side; `state` is pass, warn, fail, skip (not reached), na (not
    used here) or unknown; `ms` may be None."""
    findings = why.findings if why else ()
    stations = _stations(findings, _has_proxy(path, findings), _has_tls(path, findings))
    _by_doctor(stations, findings)
    at = why.at if why else None
    if path is not None and (at is None or path.at >= at):
        _by_path(stations, path.finding)
        at = path.at
    return {
        "target": _target(path, findings),
        "hops": [
            {
                "id": name,
                "title": _TITLES[name],
                "step": _STEPS[name],
                "state": station.state,
                "ms": station.ms,
                "text": station.text[:_LONGEST],
            }
            for name, station in stations.items()
        ],
        "at": None if at is None else iso(at),
    }


def _stations(findings: Iterable[Finding], proxy: bool, tls: bool) -> dict[str, _Station]:
    split = any(finding.probe in ("tcp.v4", "tcp.v6") for finding in findings)
    names = ["dns", *(("v4", "v6") if split else ("tcp",)), *(["proxy"] if proxy else [])]
    return {name: _Station() for name in [*names, *(["tls"] if tls else []), "api"]}


def _by_doctor(stations: Mapping[str, _Station], findings: Iterable[Finding]) -> None:
    for name, station in stations.items():
        found = [one for one in findings if one.probe in _PROBES.get(name, ())]
        if not found:
            continue
        worst = max(found, key=lambda one: _WORST.index(one.state))
        station.state, station.text = worst.state, worst.summary
        first = next((one for one in found if one.state in ("pass", "warn")), None)
        ms = first.evidence.get("ms", first.ms) if first else None
        station.ms = round(ms) if isinstance(ms, int | float) else None


def _by_path(stations: Mapping[str, _Station], finding: Finding) -> None:
    if finding.state not in ("pass", "fail"):
        return
    reached = _STEPS[_STAGES.get(str(finding.evidence.get("stage")), "tcp")]
    if finding.state == "pass":
        reached = _STEPS["api"] + 1
    said = finding.summary.rpartition(": ")[2]
    # Of two that had failed one is good again, and the probe does not tell which.
    good = (
        "unknown"
        if {stations[side].state for side in ("v4", "v6") if side in stations} == {"fail"}
        else "pass"
    )
    for name, station in stations.items():
        step = _STEPS[name]
        if step > reached:
            station.state, station.ms, station.text = "skip", None, ""
        elif step == reached:
            if station.state != "na":
                station.state, station.ms, station.text = "fail", None, said
        elif station.state not in ("pass", "warn", "na") and not _other_side_passes(name, stations):
            station.state, station.text = good if name in ("v4", "v6") else "pass", ""
    if finding.state == "pass":
        status = finding.evidence.get("http_status")
        ill = isinstance(status, int) and status >= 500
        stations["api"].state = "warn" if ill else "pass"
        stations["api"].ms, stations["api"].text = round(finding.ms), said


def _other_side_passes(name: str, stations: Mapping[str, _Station]) -> bool:
    """One family may be broken while the way as a whole is good."""
    other = {"v4": "v6", "v6": "v4"}.get(name, "")
    return other in stations and stations[other].state == "pass"


def _evidence(findings: Iterable[Finding], probe: str) -> Mapping[str, Any]:
    return next((one.evidence for one in findings if one.probe == probe), {})


def _has_proxy(path: PathSeen | None, findings: Iterable[Finding]) -> bool:
    if path is not None and "route" in path.finding.evidence:
        return " via proxy " in str(path.finding.evidence["route"])
    return bool(_evidence(findings, "config.route").get("proxy"))


def _has_tls(path: PathSeen | None, findings: Iterable[Finding]) -> bool:
    return not _url(path, findings).startswith("http:")


def _target(path: PathSeen | None, findings: Iterable[Finding]) -> str:
    return _url(path, findings).partition("://")[2].removesuffix(":443").rstrip("/")


def _url(path: PathSeen | None, findings: Iterable[Finding]) -> str:
    if path is not None and "route" in path.finding.evidence:
        return str(path.finding.evidence["route"]).partition(" ")[0]
    known = _evidence(findings, "config.route")
    return str(known.get("base_url") or f"https://{known.get('host') or 'api.anthropic.com'}")
