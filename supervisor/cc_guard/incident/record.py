"""The vocabulary of DESIGN §2 as plain data, and its JSON form (DESIGN §6).

Times are float seconds since the epoch (UTC) and durations float seconds; `to_json` turns times into
ISO 8601 UTC with milliseconds and keeps durations as numbers. Plain dataclasses, because the guard
lives within 50 MB and pydantic alone takes 25.
"""

import os
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

Kind = Literal[
    "connection",
    "timeout",
    "stall",
    "tls",
    "proxy",
    "server_error",
    "overloaded",
    "rate_limit",
    "usage_limit",
    "auth",
    "bad_request",
    "too_large",
]
Phase = Literal["waiting", "retrying", "failed", "cleared"]
Outcome = Literal["recovered", "failed", "released", "abandoned", "open"]
ProbeState = Literal["pass", "warn", "fail", "skip", "na"]
Cause = Literal[
    "route.none",
    "dns.resolver_down",
    "dns.stale",
    "dns.sinkhole",
    "ipv6.broken",
    "tcp.blocked",
    "ports.exhausted",
    "conntrack.full",
    "mtu.blackhole",
    "tls.untrusted_ca",
    "clock.skew",
    "proxy.dead",
    "proxy.auth",
    "base_url.dead",
    "base_url.invalid",
    "captive_portal",
    "region.refused",
    "server.error",
    "server.overloaded",
    "rate.limited",
    "usage.limited",
    "auth.expired",
    "auth.invalid",
    "request.invalid",
    "request.too_large",
    "memory.pressure",
    "vm.interference",
    "container.network",
    "wsl.network",
    "vpn.path",
    "process.stuck",
    "sleep.wake",
    "client.outdated",
    "unknown",
]


def iso(t: float) -> str:
    """`t` as `2026-11-21T17:53:12.345Z`."""
    return datetime.fromtimestamp(t, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def new_id(now: float) -> str:
    """A short id that sorts by start time (UTC), such as `20261121-175312-3f2a`."""
    return time.strftime("%Y%m%d-%H%M%S-", time.gmtime(now)) + os.urandom(2).hex()


def _duration(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


@dataclass(frozen=True, slots=True)
class Symptom:
    """What the client suffers at time `t`. `confirmed` is false while the screen alone says so."""

    t: float
    kind: Kind
    phase: Phase
    code: str | None = None
    http_status: int | None = None
    attempt: int | None = None
    max_attempts: int | None = None
    retry_in_s: float | None = None
    text: str = ""
    confirmed: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "t": iso(self.t),
            "kind": self.kind,
            "phase": self.phase,
            "code": self.code,
            "http_status": self.http_status,
            "attempt": self.attempt,
            "max_attempts": self.max_attempts,
            "retry_in_s": _duration(self.retry_in_s),
            "text": self.text,
            "confirmed": self.confirmed,
        }


@dataclass(frozen=True, slots=True)
class Finding:
    """One probe's result. `ms` is how long the probe ran, in milliseconds."""

    probe: str
    state: ProbeState
    summary: str
    evidence: dict[str, Any] = field(default_factory=dict)
    ms: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return {
            "probe": self.probe,
            "state": self.state,
            "summary": self.summary,
            "evidence": self.evidence,
            "ms": round(self.ms, 1),
        }


@dataclass(frozen=True, slots=True)
class Action:
    """Something cc-guard did, or tried to do, about the incident."""

    remedy: str
    status: str
    detail: str
    started_at: float
    duration_s: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return {
            "remedy": self.remedy,
            "status": self.status,
            "detail": self.detail,
            "started_at": iso(self.started_at),
            "duration_s": _duration(self.duration_s),
        }


@dataclass(slots=True, kw_only=True)
class Incident:
    """From the first symptom to recovery or surrender: one row of history.

    `confidence` is 0 to 1. `held_s` is how long the client was stopped, `downtime_s` the time from the
    first symptom to the client's next progress, `recovery_s` the time from the first probe that found
    the API reachable to that progress; the last two are None until known. `signals` names the sources
    that showed it (`screen`, `transcript`, `hook`…), in the order they spoke.
    """

    id: str
    session: str
    started_at: float
    ended_at: float | None = None
    kind: Kind
    code: str | None = None
    cause: Cause | None = None
    confidence: float | None = None
    symptoms: list[Symptom] = field(default_factory=list)
    evidence: list[Finding] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    outcome: Outcome = "open"
    held_s: float = 0.0
    downtime_s: float | None = None
    recovery_s: float | None = None
    retries_spent: int = 0
    client_version: str | None = None
    profile: str | None = None
    signals: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "session": self.session,
            "started_at": iso(self.started_at),
            "ended_at": None if self.ended_at is None else iso(self.ended_at),
            "kind": self.kind,
            "code": self.code,
            "cause": self.cause,
            "confidence": self.confidence,
            "symptoms": [symptom.to_json() for symptom in self.symptoms],
            "evidence": [finding.to_json() for finding in self.evidence],
            "actions": [action.to_json() for action in self.actions],
            "outcome": self.outcome,
            "held_s": _duration(self.held_s),
            "downtime_s": _duration(self.downtime_s),
            "recovery_s": _duration(self.recovery_s),
            "retries_spent": self.retries_spent,
            "client_version": self.client_version,
            "profile": self.profile,
            "signals": self.signals,
        }
