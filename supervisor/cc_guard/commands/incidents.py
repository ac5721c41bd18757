"""`cc-guard incidents`: what went wrong before, for people and for other programs."""

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Callable, Sequence

from cc_guard.commands.output import columns, painted, written
from cc_guard.history import History, HistoryError
from cc_guard.incident.record import Incident

_NOTHING = "No incidents so far: nothing has gone wrong under cc-guard."
_NOTHING_LIKE_IT = "No incidents like that. Without --days and --session, all are looked at."
_LISTED = 20
_DAY_S = 86400.0

_EPILOG = """\
  list       the newest first; in a terminal, as much as fits it (default)
  show ID    one of them in order: what was seen, done and found
  stats      by cause, hour, way to the API and client version, and what cc-guard was good for
  report ID  Markdown for a bug report, without paths in home, names of user and machine, and addresses
  export     all of them: JSON lines, --format csv, or --format otlp to an OpenTelemetry collector
             (OTEL_EXPORTER_OTLP_ENDPOINT; needs pip install 'cc-guard[otlp]')

An ID may be cut to its beginning, or to its last four characters. Exit status: 0 done, 1 no such incident or
no readable history, 2 wrong usage.

examples:
  cc-guard incidents --days 7
  cc-guard incidents report 3f2a > report.md
  cc-guard incidents export --format csv > incidents.csv
"""

# What each verb takes besides --json; the rest of its line is for nobody.
_TAKES = {
    "list": ("limit", "session", "days"),
    "show": (),
    "stats": ("session", "days"),
    "report": ("with_addresses",),
    "export": ("limit", "session", "days", "format"),
}
_WITH_ID = ("show", "report")


def main(argv: list[str]) -> int:
    """Exit status: 0 done, 1 no such incident, no readable history or nothing sent, 2 wrong usage."""
    try:
        options = _parse(argv)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2
    answer: Callable[[History, argparse.Namespace], tuple[str, int]] = _ANSWERS[options.verb]
    try:
        with History() as history:
            # When this write fails (disk full), reading may still work.
            with contextlib.suppress(HistoryError):
                history.abandon_dead()
            found = answer(history, options)
    except HistoryError as error:
        print(f"cc-guard: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return written(found)


def _list(history: History, options: argparse.Namespace) -> tuple[str, int]:
    from cc_guard.history_report.table import short_ids, table

    found = history.list(options.limit or _LISTED, options.session, _since(options))
    if options.json:
        return _json([one.to_json() for one in found])
    if not found:
        return _nothing(options)
    width = columns()
    short = short_ids(history.ids()) if width is not None else {}
    text = table(found, width, short, painted)
    if width is not None:
        text += "\n" + painted(f"cc-guard incidents show {short[found[0].id]} tells one in order.", "2")
    return f"{text}\n", 0


def _show(history: History, options: argparse.Namespace) -> tuple[str, int]:
    incident = history.get(options.id)
    if options.json:
        return _json(incident.to_json())
    from cc_guard.history_report.timeline import story

    return f"{story(incident, columns(), painted)}\n", 0


def _stats(history: History, options: argparse.Namespace) -> tuple[str, int]:
    from cc_guard.history_report import stats

    found = history.list(None, options.session, _since(options))
    gathered = stats.gather(found)
    if options.json:
        return _json(gathered.to_json())
    if not found:
        return _nothing(options)
    return f"{stats.page(gathered, columns(), painted, _bar())}\n", 0


def _report(history: History, options: argparse.Namespace) -> tuple[str, int]:
    from cc_guard.history_report.anonymous import Identity, Scrubber
    from cc_guard.history_report.bug_report import report

    incident = history.get(options.id)
    scrubber = Scrubber(Identity.here(), options.with_addresses)
    text = report(incident, scrubber, options.with_addresses)
    return _json({"id": incident.id, "markdown": text}) if options.json else (f"{text}\n", 0)


def _export(history: History, options: argparse.Namespace) -> tuple[str, int]:
    """In the order in which they happened, as logs are."""
    found = list(reversed(history.list(options.limit, options.session, _since(options))))
    if options.json:
        return _json([one.to_json() for one in found])
    if options.format == "otlp":
        return _sent(found)
    from cc_guard.history_report.flat import csv_text, json_lines

    return (csv_text if options.format == "csv" else json_lines)(found), 0


def _sent(incidents: Sequence[Incident]) -> tuple[str, int]:
    from cc_guard.history_report import otlp, words

    try:
        count, where = otlp.send(incidents)
    except otlp.CannotSend as error:
        print(f"cc-guard: {error}", file=sys.stderr)
        return "", 1
    return f"{words.counted(count, 'incident')} sent to {where}\n", 0


_ANSWERS = {"list": _list, "show": _show, "stats": _stats, "report": _report, "export": _export}


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="cc-guard incidents",
        usage="%(prog)s [list | show ID | stats | report ID | export] [OPTIONS]",
        description="What went wrong before under cc-guard.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", nargs="*", metavar="list | show ID | stats | report ID | export")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--limit", type=_positive, metavar="N", help="at most N (default: 20 in a list)")
    parser.add_argument("--session", metavar="ID", help="those of one session")
    parser.add_argument("--days", type=_positive, metavar="N", help="those of the last N days")
    parser.add_argument("--format", choices=("json", "csv", "otlp"), help="of an export (default: json)")
    parser.add_argument(
        "--with-addresses", action="store_true", help="leave IP and hardware addresses in a report"
    )
    options = parser.parse_intermixed_args(argv)
    verb, *rest = options.what or ["list"]
    if verb not in _TAKES:
        parser.error(f"there is no {verb!r}; try list, show, stats, report or export")
    for name in ("limit", "session", "days", "format", "with_addresses"):
        if name not in _TAKES[verb] and getattr(options, name):
            parser.error(f"{verb} does not take --{name.replace('_', '-')}")
    if verb in _WITH_ID and not rest:
        parser.error(f"{verb} needs an ID; `cc-guard incidents` lists them")
    if len(rest) > (verb in _WITH_ID):
        parser.error(f"unknown arguments: {' '.join(rest[verb in _WITH_ID :])!r}")
    if options.json and options.format in ("csv", "otlp"):
        parser.error(f"--json and --format {options.format} contradict each other")
    options.verb, options.id = verb, rest[0] if rest else None
    return options


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _since(options: argparse.Namespace) -> float | None:
    return time.time() - options.days * _DAY_S if options.days else None


def _nothing(options: argparse.Namespace) -> tuple[str, int]:
    return f"{_NOTHING_LIKE_IT if options.days or options.session else _NOTHING}\n", 0


def _bar() -> str:
    """What bars are made of: a block where stdout can show it."""
    try:
        "█".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError, AttributeError):
        return "#"
    return "█"


def _json(data: object) -> tuple[str, int]:
    return f"{json.dumps(data, indent=2)}\n", 0
