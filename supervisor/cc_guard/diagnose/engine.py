"""Runs probes: side by side, each as soon as what it needs is known, each under its deadline."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from cc_guard.diagnose.probe import Context, Probe
from cc_guard.incident.record import Finding


async def run(
    probes: Sequence[Probe],
    context: Context,
    on_start: Callable[[Probe], None] = lambda probe: None,
    on_done: Callable[[Probe, list[Finding]], None] = lambda probe, findings: None,
) -> list[Finding]:
    """All findings in the order of `probes`; `context.findings` holds them by probe name as they come.

    Raises ValueError for a need that no probe before it in the list fulfils.
    """
    done: dict[str, asyncio.Task[None]] = {}
    for probe in probes:
        needs = [need.removesuffix("?") for need in probe.needs]
        unknown = [need for need in needs if need not in done]
        if unknown:
            raise ValueError(f"probe {probe.name} needs {unknown[0]}, which is not before it")
        waits = [done[need] for need in needs]
        done[probe.name] = asyncio.create_task(_one(probe, context, waits, on_start, on_done))
    try:
        await asyncio.gather(*done.values())
    finally:
        for task in done.values():
            task.cancel()
    return [finding for probe in probes for finding in context.findings[probe.name]]


async def _one(
    probe: Probe,
    context: Context,
    waits: list[asyncio.Task[None]],
    on_start: Callable[[Probe], None],
    on_done: Callable[[Probe, list[Finding]], None],
) -> None:
    if waits:
        await asyncio.wait(waits)
    found = _not_run(probe, context)
    if not found:
        on_start(probe)
        found = await _run(probe, context)
    context.findings[probe.name] = found
    on_done(probe, found)


def _not_run(probe: Probe, context: Context) -> list[Finding]:
    reason = probe.absent(context)
    if reason:
        return [Finding(probe.name, "na", reason)]
    for need in probe.needs:
        if need.endswith("?"):
            continue
        found = context.of(need)
        if not any(finding.state in ("pass", "warn") for finding in found):
            state = found[0].state if found else "skip"
            return [Finding(probe.name, "skip", f"not looked at: {need} is {state}", {"because": need})]
    return []


async def _run(probe: Probe, context: Context) -> list[Finding]:
    started = time.perf_counter()
    try:
        async with asyncio.timeout(probe.deadline_s):
            found = list(await probe.run(context))
        if not found:
            raise ValueError("it found nothing to say")
    except TimeoutError:
        text = f"no result within {probe.deadline_s:g} s"
        found = [Finding(probe.name, probe.fail_late, text, {"timeout": True})]
    except Exception as error:
        text = f"the probe itself failed: {type(error).__name__}: {error}"
        found = [Finding(probe.name, "warn", text, {"crash": type(error).__name__})]
    ms = (time.perf_counter() - started) * 1000
    return [finding if finding.ms else replace(finding, ms=ms) for finding in found]
