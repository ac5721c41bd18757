"""`cc-guard doctor`: why it fails, in one sentence, with what was seen and what to do."""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence

from cc_guard.commands.output import plain, written
from cc_guard.diagnose import engine, facts, registry, route
from cc_guard.diagnose.probe import SECTIONS, Context, Probe
from cc_guard.diagnose.rules import POSSIBLE, SURE
from cc_guard.diagnose.verdict import Verdict, decide
from cc_guard.incident.record import Finding, Symptom

_MARKS = {"pass": "✓", "warn": "!", "fail": "✗", "skip": "·", "na": "·"}
_COLOURS = {"pass": "32", "warn": "33", "fail": "31", "skip": "90", "na": "90"}
_WIDTH = 100


def main(argv: list[str]) -> int:
    """Exit status: 0 healthy, 1 a cause was found, 2 wrong usage, 130 Ctrl-C."""
    try:
        options = _parse(argv)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2
    progress = _Progress(enabled=not options.json and sys.stderr.isatty())
    started = time.monotonic()
    try:
        findings, verdict, sections = asyncio.run(diagnose(os.environ, options.url, progress=progress))
    except KeyboardInterrupt:
        progress.clear()
        return 130
    finally:
        progress.clear()
    took_s = time.monotonic() - started
    status = 0 if verdict.cause is None else 1
    if options.json:
        text = json.dumps(document(findings, verdict, took_s), indent=2, ensure_ascii=False)
        return written((f"{text}\n", status))
    return written((_text(findings, verdict, sections, took_s), status))


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="cc-guard doctor", description="Why Claude Code does not reach its API, and what to do."
    )
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--url", metavar="URL", help="the API's base URL, instead of the configured one")
    return parser.parse_args(argv)


async def diagnose(
    environ: Mapping[str, str],
    url: str | None = None,
    symptom: Symptom | None = None,
    client_pid: int | None = None,
    extra_settings: Sequence[str] = (),
    progress: "_Progress | None" = None,
) -> tuple[list[Finding], Verdict, dict[str, str]]:
    """All findings, the verdict, and the section of each probe."""
    cwd = os.getcwd()
    context = Context(
        environ,
        cwd,
        facts.read(),
        route.read(environ, cwd, extra_settings, url),
        symptom,
        client_pid,
    )
    probes = registry.probes()
    shown = progress or _Progress(enabled=False)
    findings = await engine.run(probes, context, shown.started, shown.done)
    return findings, decide(context.findings, symptom), {probe.name: probe.section for probe in probes}


def document(findings: list[Finding], verdict: Verdict, took_s: float) -> dict[str, object]:
    """As DESIGN, section 6, has it."""
    return {
        "verdict": verdict.to_json(),
        "findings": [finding.to_json() for finding in findings],
        "profile": "generic",
        "duration_s": round(took_s, 3),
    }


class _Progress:
    """One line on stderr that says what is being looked at."""

    def __init__(self, enabled: bool) -> None:
        self._enabled = enabled
        self._running: list[str] = []
        self._began = time.monotonic()

    def started(self, probe: Probe) -> None:
        self._running.append(probe.name)
        self._show()

    def done(self, probe: Probe, findings: list[Finding]) -> None:
        if probe.name in self._running:
            self._running.remove(probe.name)
        self._show()

    def _show(self) -> None:
        if self._enabled:
            text = f"{time.monotonic() - self._began:4.1f} s  looking at {', '.join(self._running)}"
            sys.stderr.write(f"\r\033[K{text[:_WIDTH]}")
            sys.stderr.flush()

    def clear(self) -> None:
        if self._enabled:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()


def _text(findings: list[Finding], verdict: Verdict, sections: dict[str, str], took_s: float) -> str:
    lines = []
    if verdict.cause is None:
        lines.append(_paint(f"✓ {verdict.summary}", "32"))
    else:
        sure = (
            "" if verdict.confidence >= SURE else " (probably)" if verdict.confidence >= POSSIBLE else " (?)"
        )
        lines.append(_paint(f"✗ {plain(verdict.summary)}", "31") + sure)
        lines.append(f"  Cause: {verdict.cause}")
    fine: list[str] = []
    for section in SECTIONS:
        of_section = [finding for finding in findings if sections[finding.probe] == section]
        fine += [finding.probe for finding in of_section if finding.state == "pass"]
        bad = [finding for finding in of_section if finding.state in ("fail", "warn")]
        if bad:
            lines += ["", section]
            lines += [f"  {_mark(finding)} {plain(finding.summary)}  [{finding.probe}]" for finding in bad]
    if verdict.fix:
        lines += ["", "What to do"]
        lines += [f"  {plain(step)}" for step in verdict.fix]
    weaker = [other for other in verdict.others if verdict.cause is not None]
    if weaker:
        lines += ["", "Less likely"]
        lines += [f"  {plain(other.why)}  [{other.cause}]" for other in weaker]
    if fine:
        lines += ["", f"Checked and fine: {', '.join(dict.fromkeys(fine))}"]
    aside = [finding for finding in findings if finding.state in ("skip", "na")]
    if aside:
        names = ", ".join(dict.fromkeys(finding.probe for finding in aside))
        lines.append(f"Not looked at (not here, or not without what failed above): {names}")
    lines.append(f"({took_s:.1f} s)")
    return "\n".join(lines) + "\n"


def _how_sure(confidence: float) -> str:
    if confidence >= SURE:
        return ""
    return " (probably)" if confidence >= POSSIBLE else " (perhaps)"


def _mark(finding: Finding) -> str:
    return _paint(_MARKS[finding.state], _COLOURS[finding.state])


def _paint(text: str, colour: str) -> str:
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\033[{colour}m{text}\033[m"
