"""An incident as one flat row: what a table of another program and an attribute of a log record can hold."""

import csv
import io
import json
from collections.abc import Sequence

from cc_guard.commands.output import plain
from cc_guard.history_report import stats, stock, words
from cc_guard.incident.record import Incident, iso

Value = str | int | float | None

# A program for tables takes what begins so for a formula.
_FORMULA = ("=", "+", "-", "@")


def flat(incident: Incident) -> dict[str, Value]:
    """Times as ISO 8601 UTC, durations in seconds, lists joined by `; `; None what is not known."""
    compared = stock.compare(incident)
    return {
        "id": incident.id,
        "session": incident.session,
        "started_at": iso(incident.started_at),
        "ended_at": None if incident.ended_at is None else iso(incident.ended_at),
        "kind": incident.kind,
        "code": incident.code,
        "cause": incident.cause,
        "confidence": incident.confidence,
        "outcome": incident.outcome,
        "helped": "; ".join(words.helped(incident)),
        "held_s": round(incident.held_s, 3),
        "downtime_s": _rounded(incident.downtime_s),
        "recovery_s": _rounded(incident.recovery_s),
        "retries_spent": incident.retries_spent,
        "retries_saved": compared.retries_saved,
        "stock": compared.fate,
        "stock_later_s": _rounded(compared.sooner_s),
        "client_version": incident.client_version,
        "profile": incident.profile,
        "way": stats.way(incident) or None,
        "signals": "; ".join(incident.signals),
        "actions": "; ".join(f"{action.remedy} {action.status}" for action in incident.actions),
        "symptoms": len(incident.symptoms),
        "findings": "; ".join(f"{one.probe} {one.state}" for one in incident.evidence),
    }


def json_lines(incidents: Sequence[Incident]) -> str:
    """Each incident as DESIGN, section 6, has it, on a line of its own."""
    return "".join(f"{json.dumps(one.to_json())}\n" for one in incidents)


def csv_text(incidents: Sequence[Incident]) -> str:
    """RFC 4180 but for the line ends, with a header also when there is nothing else."""
    out = io.StringIO()
    names = list(flat(Incident(id="", session="", started_at=0.0, kind="connection")))
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in flat(one).items()} for one in incidents)
    return out.getvalue()


def _cell(value: Value) -> Value:
    if not isinstance(value, str):
        return value
    text = plain(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
