"""One incident, told in order: for a terminal and, scrubbed, for a bug report."""

import textwrap
from collections.abc import Callable

from cc_guard.commands.output import plain
from cc_guard.history_report import stock, words
from cc_guard.incident.record import Action, Incident

Paint = Callable[[str, str], str]

_INDENT = 22  # where the words of an event begin
_NARROWEST = 40


def story(incident: Incident, width: int | None, paint: Paint) -> str:
    """What `incidents show` prints. `width` in columns, None: lines are never broken."""
    lines = [f"Incident {plain(incident.id)}: {paint(incident.outcome, words.COLOURS[incident.outcome])}"]
    for label, value in about(incident):
        lines += _wrapped(f"  {label:<9} ", plain(value), width)
    lines.append("")
    for t, text in events(incident):
        at = f"{words.clock(t)}  {t - begun(incident):+8.1f} s  "
        lines += _wrapped(at, plain(text), width)
    if incident.evidence:
        lines += ["", "Evidence"]
        for finding in incident.evidence:
            text = plain(f"{finding.probe}: {finding.summary} ({finding.ms:.0f} ms)")
            first, *rest = _wrapped(f"  {finding.state:4}  ", text, width)
            mark = paint(f"{finding.state:4}", words.COLOURS.get(finding.state, "2"))
            lines += [f"  {mark}  {first[8:]}", *rest]
    return "\n".join(lines)


def about(i: Incident) -> list[tuple[str, str]]:
    """The facts that have no time: label and text."""
    cause: str = i.cause or "not known"
    if i.cause and i.confidence:
        cause += f" ({i.confidence:.0%} sure)"
    facts = [
        ("what", words.what(i.kind, i.code)),
        ("cause", cause),
        ("helped", ", ".join(words.helped(i)) or "-"),
        ("session", i.session),
        ("client", f"{i.client_version or 'unknown version'}, profile {i.profile or 'none'}"),
        (
            "down",
            f"{words.span(i.downtime_s)}, held {words.span(i.held_s)}, retries spent {i.retries_spent}",
        ),
        ("recovery", f"{words.span(i.recovery_s)} from a reachable API to the client's next progress"),
        ("seen by", ", ".join(i.signals) or "-"),
    ]
    without = alone(i)
    return [*facts, ("stock", without)] if without else facts


def alone(incident: Incident) -> str:
    """What would have become of the client without cc-guard; empty when there is nothing to say."""
    found = stock.compare(incident)
    saved = found.retries_saved or 0
    more = f", with {words.counted(saved, 'more retry', 'more retries')}" if saved else ""
    match found.fate:
        case "next_retry" if found.sooner_s is not None and found.sooner_s >= 0:
            return f"by its back-off it would have tried again {words.span(found.sooner_s)} later{more}"
        case "next_retry" if found.sooner_s is not None:
            return f"by its back-off it would have tried again {words.span(-found.sooner_s)} sooner{more}"
        case "ended":
            return "by itself it would have stayed ended until somebody types"
        case "alone":
            return "it recovered by itself"
    return ""


def begun(incident: Incident) -> float:
    """When it started, or its first sign was written, of which the guard may hear a moment later."""
    return min([incident.started_at, *(one.t for one in incident.symptoms)])


def events(incident: Incident) -> list[tuple[float, str]]:
    """What happened, with its time in epoch seconds, in order."""
    found = [(begun(incident), "started")]
    found += [(one.t, words.symptom(one)) for one in incident.symptoms]
    for action in incident.actions:
        found += _action(action)
    ended, recovery = incident.ended_at, incident.recovery_s
    if ended is not None and recovery is not None:
        found.append((ended - recovery, "the API answers again"))
    # Sorted before the end is added: where a finding has the same time, the end comes last.
    found.sort(key=lambda event: event[0])
    if ended is not None:
        found.append((ended, f"ended: {incident.outcome}"))
    return found


def _action(action: Action) -> list[tuple[float, str]]:
    end = action.started_at + action.duration_s
    detail = f", {action.detail.splitlines()[0]}" if action.detail.strip() else ""
    if action.remedy == "hold.wait":
        why = "" if action.status == "ok" else f": {action.status}"
        lasted = words.span(action.duration_s)
        return [(action.started_at, f"paused{detail}"), (end, f"goes on after a pause of {lasted}{why}")]
    took = f" ({words.span(action.duration_s)})" if action.duration_s else ""
    return [(action.started_at, f"{words.remedy(action.remedy)}: {action.status}{detail}{took}")]


def _wrapped(head: str, text: str, width: int | None) -> list[str]:
    if width is None:
        return [f"{head}{text}".rstrip()]
    hang = " " * min(len(head), _INDENT)
    lines = textwrap.wrap(
        text,
        max(width, _NARROWEST),
        initial_indent=head,
        subsequent_indent=hang,
        break_on_hyphens=False,
    )
    return lines or [head.rstrip()]
