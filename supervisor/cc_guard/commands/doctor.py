"""`cc-guard doctor`: why it fails, in one sentence, with what was seen and what to do."""

import argparse
import asyncio
import json
import os
import signal
import time
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from cc_guard.commands.output import columns, painted, written
from cc_guard.commands.progress import Progress
from cc_guard.diagnose import engine, facts, registry, route
from cc_guard.diagnose.probe import Context
from cc_guard.diagnose.report import Page
from cc_guard.diagnose.titles import titles
from cc_guard.diagnose.verdict import Verdict, decide
from cc_guard.incident.record import Finding, Symptom
from cc_guard.profile import choose

_Result = TypeVar("_Result")

_EPILOG = """\
It sends no key and no login, and changes nothing. Exit status: 0 the API can be reached, 1 a cause was found,
2 wrong usage, 130 Ctrl-C.

examples:
  cc-guard doctor                                 the way that Claude Code takes from this folder
  cc-guard doctor --url http://127.0.0.1:8082     a gateway, before you set it
  cc-guard doctor --json | jq .verdict.summary
"""


def main(argv: list[str]) -> int:
    """Exit status: 0 healthy, 1 a cause was found, 2 wrong usage, 130 Ctrl-C."""
    try:
        options = _parse(argv)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2
    started = time.monotonic()
    try:
        findings, verdict, sections = asyncio.run(
            _interruptible(diagnose(os.environ, options.url, show_progress=not options.json))
        )
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    took_s = time.monotonic() - started
    status = 0 if verdict.cause is None else 1
    if options.json:
        text = json.dumps(document(findings, verdict, took_s), indent=2, ensure_ascii=False)
        return written((f"{text}\n", status))
    page = Page(findings, verdict, sections, took_s, columns(), painted)
    return written((page.text(), status))


async def _interruptible(work: Coroutine[Any, Any, _Result]) -> _Result:
    """The first Ctrl-C lets it clean up, the next one behind that ends the process at once."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def once(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        loop.call_soon_threadsafe(task.cancel)

    signal.signal(signal.SIGINT, once)
    try:
        return await work
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="cc-guard doctor",
        description="Why Claude Code does not reach its API, and what to do.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="one JSON document, with every value")
    parser.add_argument("--url", metavar="URL", help="the API's base URL, instead of the configured one")
    options = parser.parse_args(argv)
    if options.url is not None and not options.url.strip():
        parser.error("--url needs an address, such as https://api.anthropic.com")
    return options


async def diagnose(
    environ: Mapping[str, str],
    url: str | None = None,
    symptom: Symptom | None = None,
    client_pid: int | None = None,
    extra_settings: Sequence[str] = (),
    show_progress: bool = False,
) -> tuple[list[Finding], Verdict, dict[str, str]]:
    """All findings, the verdict, and the section of each probe."""
    cwd = _folder()
    context = Context(
        environ,
        cwd,
        facts.read(),
        route.read(environ, cwd, extra_settings, url),
        symptom,
        client_pid,
    )
    probes = registry.probes()
    async with Progress(len(probes), show_progress, titles) as progress:
        findings = await engine.run(
            probes,
            context,
            lambda probe: progress.started(probe.name),
            lambda probe, _: progress.done(probe.name),
            hasty=symptom is None,
        )
    return findings, decide(context.findings, symptom), {probe.name: probe.section for probe in probes}


def _folder() -> str:
    """This folder; where it was deleted, one without settings of a project."""
    try:
        return os.getcwd()
    except OSError:
        return "/"


def document(findings: list[Finding], verdict: Verdict, took_s: float) -> dict[str, object]:
    """As DESIGN, section 6, has it."""
    return {
        "verdict": verdict.to_json(),
        "findings": [finding.to_json() for finding in findings],
        "profile": choose.name_in_effect(),
        "duration_s": round(took_s, 3),
    }
