"""`cc-guard incidents`: what went wrong before, as a table, as one timeline, or as JSON."""

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Sequence

from cc_guard.commands.output import plain, written
from cc_guard.history import History, HistoryError
from cc_guard.incident.record import Incident, Symptom

_COLOURS = {
    "recovered": "32",
    "pass": "32",
    "failed": "31",
    "fail": "31",
    "released": "33",
    "abandoned": "33",
    "warn": "33",
    "open": "36",
}


def main(argv: list[str]) -> int:
    """Exit status: 0 done, 1 no such incident or no readable history, 2 wrong usage."""
    try:
        options = _parse(argv)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2
    try:
        with History() as history:
            # When this write fails (disk full), reading may still work.
            with contextlib.suppress(HistoryError):
                history.abandon_dead()
            if options.id is None:
                found = history.list(options.limit, options.session)
                text = _json([i.to_json() for i in found]) if options.json else _table(found)
            else:
                incident = history.get(options.id)
                text = _json(incident.to_json()) if options.json else _timeline(incident)
    except HistoryError as error:
        print(f"cc-guard: {error}", file=sys.stderr)
        return 1
    return written((f"{text}\n", 0))


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="cc-guard incidents",
        usage="%(prog)s [list [--limit N] [--session ID] | show ID] [--json]",
        description="What went wrong before, newest first.",
    )
    parser.add_argument("what", nargs="*", metavar="list | show ID", help="default: list")
    parser.add_argument("--limit", type=_positive, metavar="N", help="list at most N incidents (default: 20)")
    parser.add_argument("--session", metavar="ID", help="list the incidents of one session")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    options = parser.parse_intermixed_args(argv)
    match options.what:
        case [] | ["list"]:
            options.id = None
            options.limit = options.limit or 20
        case ["show", id_] if options.limit is None and options.session is None:
            options.id = id_
        case ["show", _]:
            parser.error("show takes an ID and --json only")
        case ["show"]:
            parser.error("show needs an ID; `cc-guard incidents` lists them")
        case _:
            parser.error(f"unknown arguments: {' '.join(options.what)!r}; try `list` or `show ID`")
    return options


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _json(data: object) -> str:
    return json.dumps(data, indent=2)


def _table(incidents: Sequence[Incident]) -> str:
    if not incidents:
        return "No incidents so far: nothing has gone wrong under cc-guard."
    header = ("ID", "WHEN", "WHAT", "CAUSE", "OUTCOME", "HELD", "DOWN", "RETRIES")
    rows = [
        (
            i.id,
            time.strftime("%b %d %H:%M", time.localtime(i.started_at)),
            _what(i.kind, i.code),
            i.cause or "-",
            i.outcome,
            _span(i.held_s),
            _span(i.downtime_s),
            str(i.retries_spent),
        )
        for i in incidents
    ]
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    lines = []
    for row in (header, *rows):
        cells = [
            plain(cell).rjust(width) if column >= 5 else plain(cell).ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        cells[4] = _coloured(cells[4])
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _timeline(i: Incident) -> str:
    cause: str = i.cause or "not known"
    if i.cause and i.confidence:
        cause += f" ({i.confidence:.0%} sure)"
    lines = [
        f"Incident {i.id}: {_coloured(i.outcome)}",
        f"  what      {plain(_what(i.kind, i.code))}",
        f"  cause     {plain(cause)}",
        f"  session   {plain(i.session)}",
        f"  client    {plain(i.client_version or 'unknown version')}, profile {plain(i.profile or 'none')}",
        f"  down      {_span(i.downtime_s)}, held {_span(i.held_s)}, retries spent {i.retries_spent}",
        f"  recovery  {_span(i.recovery_s)} from a reachable API to the client's next progress",
        f"  seen by   {plain(', '.join(i.signals) or '-')}",
        "",
    ]
    events = [(i.started_at, "started")]
    events += [(s.t, _symptom(s)) for s in i.symptoms]
    events += [
        (a.started_at, f"{a.remedy}: {a.status}, {a.detail} ({_span(a.duration_s)})") for a in i.actions
    ]
    if i.ended_at is not None:
        events.append((i.ended_at, f"ended: {i.outcome}"))
    for t, text in sorted(events, key=lambda event: event[0]):
        clock = time.strftime("%H:%M:%S", time.localtime(t))
        lines.append(f"{clock}  {t - i.started_at:+8.1f} s  {plain(text)}")
    if i.evidence:
        lines += ["", "Evidence"]
        lines += [
            f"  {_coloured(f'{f.state:4}')}  {plain(f'{f.probe}: {f.summary}')} ({f.ms:.0f} ms)"
            for f in i.evidence
        ]
    return "\n".join(lines)


def _symptom(s: Symptom) -> str:
    status = f" HTTP {s.http_status}" if s.http_status is not None else ""
    attempt = f", attempt {s.attempt}/{s.max_attempts or '?'}" if s.attempt is not None else ""
    doubt = "" if s.confirmed else " (on the screen only)"
    return f"{s.phase}: {_what(s.kind, s.code)}{status}{attempt}{doubt} {s.text}".rstrip()


def _what(kind: str, code: str | None) -> str:
    return f"{kind} {code}" if code else kind


def _span(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    if seconds < 10:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{rest:02}s" if minutes else f"{rest}s"


def _coloured(cell: str) -> str:
    colour = _COLOURS.get(cell.strip())
    if colour is None or not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return cell
    return f"\033[{colour}m{cell}\033[m"
