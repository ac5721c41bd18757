"""What the incidents have in common, and what cc-guard was good for, as numbers and as a page."""

import statistics
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cc_guard.commands.output import plain
from cc_guard.history_report import stock, words
from cc_guard.incident.record import Incident, iso

Paint = Callable[[str, str], str]

UNKNOWN = "not recorded"
METHOD = (
    "Computed, not measured: the stock client retries ten times, after about 0.5, 1, 2, 4, 9, 19 and then"
    " 35 s each, and gives up after about three minutes. Time counts only up to its next retry; where it"
    " would have given up, no time is counted at all. The real waits vary by a few seconds."
)

_BAR = 24  # columns
_LABEL = 34
_NARROWEST = 40


@dataclass
class Group:
    """Incidents that share something. `downtime_s`: of those where it is known, altogether."""

    count: int = 0
    recovered: int = 0
    downtime_s: float = 0.0

    def add(self, incident: Incident) -> None:
        self.count += 1
        self.recovered += incident.outcome == "recovered"
        self.downtime_s += incident.downtime_s or 0.0

    def to_json(self) -> dict[str, Any]:
        return {
            "count": self.count,
            "recovered": self.recovered,
            "downtime_s": round(self.downtime_s, 3),
        }


@dataclass
class Saved:
    """Against the client alone. `sooner_s`, `later_s`: seconds up to its next retry, of `sooner` and `later`
    incidents; `ended`: where it would have ended; the others as in stock.Stock."""

    sooner: int = 0
    sooner_s: float = 0.0
    later: int = 0
    later_s: float = 0.0
    ended: int = 0
    alone: int = 0
    unknown: int = 0
    lost: int = 0
    retries: int = 0

    def add(self, found: stock.Stock) -> None:
        self.retries += found.retries_saved or 0
        match found.fate:
            case "next_retry" if (found.sooner_s or 0.0) >= 0:
                self.sooner += 1
                self.sooner_s += found.sooner_s or 0.0
            case "next_retry":
                self.later += 1
                self.later_s -= found.sooner_s or 0.0
            case "ended":
                self.ended += 1
            case "alone":
                self.alone += 1
            case "unknown":
                self.unknown += 1
            case "lost":
                self.lost += 1

    def to_json(self) -> dict[str, Any]:
        return {
            "method": METHOD,
            "sooner": self.sooner,
            "sooner_s": round(self.sooner_s, 3),
            "later": self.later,
            "later_s": round(self.later_s, 3),
            "stock_would_have_ended": self.ended,
            "recovered_alone": self.alone,
            "not_comparable": self.unknown,
            "not_recovered": self.lost,
            "retries": self.retries,
        }


@dataclass
class Stats:
    """`by_hour`: of the local day. `by_way`: where requests go, and the proxy. `by_network`: device and
    gateway, which are recorded only where the way out itself was in trouble; empty when they never were."""

    incidents: int = 0
    first: float | None = None
    last: float | None = None
    downtimes_s: list[float] = field(default_factory=list)
    held_s: float = 0.0
    retries_spent: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    helped: Counter[str] = field(default_factory=Counter)
    by_cause: dict[str, Group] = field(default_factory=dict)
    by_hour: Counter[int] = field(default_factory=Counter)
    by_way: dict[str, Group] = field(default_factory=dict)
    by_network: dict[str, Group] = field(default_factory=dict)
    by_version: dict[str, Group] = field(default_factory=dict)
    saved: Saved = field(default_factory=Saved)

    def to_json(self) -> dict[str, Any]:
        times = self.downtimes_s
        return {
            "incidents": self.incidents,
            "first": None if self.first is None else iso(self.first),
            "last": None if self.last is None else iso(self.last),
            "downtime_s": round(sum(times), 3),
            "downtime_median_s": round(statistics.median(times), 3) if times else None,
            "held_s": round(self.held_s, 3),
            "retries_spent": self.retries_spent,
            "outcomes": dict(self.outcomes),
            "helped": dict(self.helped),
            "by_cause": _groups(self.by_cause),
            "by_hour": [self.by_hour[hour] for hour in range(24)],
            "by_way": _groups(self.by_way),
            "by_network": _groups(self.by_network),
            "by_client_version": _groups(self.by_version),
            "saved": self.saved.to_json(),
        }


def gather(incidents: Sequence[Incident]) -> Stats:
    found = Stats()
    networked = any(network(one) for one in incidents)
    for one in incidents:
        found.incidents += 1
        found.first = min(one.started_at, found.first or one.started_at)
        found.last = max(one.started_at, found.last or one.started_at)
        found.held_s += one.held_s
        found.retries_spent += one.retries_spent
        if one.downtime_s is not None:
            found.downtimes_s.append(one.downtime_s)
        found.outcomes[one.outcome] += 1
        found.helped.update(words.helped(one))
        found.by_hour[time.localtime(one.started_at).tm_hour] += 1
        found.by_cause.setdefault(one.cause or "unknown", Group()).add(one)
        found.by_way.setdefault(way(one) or UNKNOWN, Group()).add(one)
        found.by_version.setdefault(one.client_version or UNKNOWN, Group()).add(one)
        if networked:
            found.by_network.setdefault(network(one) or UNKNOWN, Group()).add(one)
        found.saved.add(stock.compare(one))
    return found


def way(incident: Incident) -> str:
    """Where its requests went, and by which proxy, as the guard's own probe has it; or empty."""
    routes = (one.evidence.get("route") for one in incident.evidence if one.probe == "api.path")
    return next((route for route in routes if isinstance(route, str)), "")


def network(incident: Incident) -> str:
    """The device and gateway of the way out, or empty: the network as far as anything tells of it."""
    for one in incident.evidence:
        device, gateway = one.evidence.get("device"), one.evidence.get("gateway")
        if one.probe == "link.route" and (device or gateway):
            kind = one.evidence.get("tunnel_kind")
            vpn = f", a VPN ({kind})" if kind else ""
            return f"{device or 'unknown device'}{f' by {gateway}' if gateway else ''}{vpn}"
    return ""


def page(found: Stats, width: int | None, paint: Paint, bar: str) -> str:
    """For people. `bar`: the character that bars are made of."""
    lines = _head(found)
    lines += ["", *_saved(found.saved, width, paint)]
    for title, groups in (
        ("By cause", found.by_cause),
        ("By way to the API", found.by_way),
        ("By network", found.by_network),
        ("By client version", found.by_version),
    ):
        if groups:
            lines += ["", paint(title, "1"), *_table(groups)]
    lines += ["", paint("By hour of the day (local time)", "1"), *_hours(found.by_hour, bar)]
    if found.helped:
        lines += ["", paint("What helped", "1")]
        lines += [f"  {_label(name)}  {count:5}" for name, count in found.helped.most_common()]
    return "\n".join(lines)


def _head(found: Stats) -> list[str]:
    first, last = words.day(found.first or 0.0), words.day(found.last or 0.0)
    times = found.downtimes_s
    outcomes = ", ".join(f"{count} {name}" for name, count in found.outcomes.most_common())
    lines = [f"{words.counted(found.incidents, 'incident')} from {first} to {last}", f"  {outcomes}"]
    if times:
        half = f", half of them for {words.span(statistics.median(times))} or less" if len(times) > 2 else ""
        lines.append(f"  down {words.span(sum(times))} in all{half}")
    spent = words.counted(found.retries_spent, "retry", "retries")
    return [*lines, f"  held {words.span(found.held_s)} in all, {spent} spent"]


def _saved(saved: Saved, width: int | None, paint: Paint) -> list[str]:
    lines = [paint("Against the stock client", "1")]
    if saved.ended:
        sessions = words.counted(saved.ended, "session")
        lines.append(f"  {sessions} that stock would have ended, until somebody types again")
    if saved.sooner:
        times = words.counted(saved.sooner, "time")
        lines.append(f"  {words.span(saved.sooner_s)} saved: {times} sooner than its next retry")
    if saved.later:
        times = words.counted(saved.later, "time")
        lines.append(f"  {words.span(saved.later_s)} lost: {times} later than its next retry")
    if saved.retries:
        lines.append(f"  {words.counted(saved.retries, 'retry', 'retries')} saved")
    for count, text in (
        (saved.alone, "recovered by itself: nothing to save"),
        (saved.unknown, "not comparable (its retries take a time that nobody knows)"),
        (saved.lost, "not recovered, or not yet"),
    ):
        if count:
            lines.append(f"  {count} {text}")
    method = textwrap.wrap(METHOD, max((width or 100) - 2, _NARROWEST))
    return [*lines, *(paint(f"  {line}", "2") for line in method)]


def _table(groups: dict[str, Group]) -> list[str]:
    lines = [f"  {'':{_LABEL}}  {'COUNT':>5}  {'RECOVERED':>9}  {'DOWN':>7}"]
    for name, group in _ranked(groups):
        down = words.span(group.downtime_s)
        lines.append(f"  {_label(name)}  {group.count:5}  {group.recovered:9}  {down:>7}")
    return lines


def _hours(by_hour: Counter[int], bar: str) -> list[str]:
    most = max(by_hour.values(), default=1)
    return [
        f"  {hour:02}-{(hour + 1) % 24:02}  {bar * max(1, round(count / most * _BAR)):{_BAR}}  {count:5}"
        for hour, count in sorted(by_hour.items())
    ]


def _label(name: str) -> str:
    shown = plain(name)
    return f"{shown if len(shown) <= _LABEL else shown[: _LABEL - 1] + '…':{_LABEL}}"


def _ranked(groups: dict[str, Group]) -> list[tuple[str, Group]]:
    return sorted(groups.items(), key=lambda item: (-item[1].count, item[0]))


def _groups(groups: dict[str, Group]) -> dict[str, Any]:
    return {name: group.to_json() for name, group in _ranked(groups)}
