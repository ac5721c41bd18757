"""Runs probes: side by side, each as soon as what it needs is known, each under its deadline."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from cc_guard.diagnose.probe import Context, Probe
from cc_guard.incident.record import Finding

# How long a look at something that is well may take: with the start and the end of the process, it has to
# be a second (DESIGN, section 8).
_WELL_S = 0.6
# A name is looked up and a connection made in 10 to 100 ms, in which there is nothing else to do.
_HEAD_START_S = 0.03


async def run(
    probes: Sequence[Probe],
    context: Context,
    on_start: Callable[[Probe], None] = lambda probe: None,
    on_done: Callable[[Probe, list[Finding]], None] = lambda probe, findings: None,
    hasty: bool = False,
) -> list[Finding]:
    """All findings in the order of `probes`; `context.findings` holds them by probe name as they come.
    `hasty`: where nothing has failed, those that can be spared are not waited for.

    Raises ValueError for a need that no probe before it in the list fulfils.
    """
    began = time.perf_counter()
    done: dict[str, asyncio.Task[None]] = {}
    for probe in probes:
        needs = [need.removesuffix("?") for need in probe.needs]
        unknown = [need for need in needs if need not in done]
        if unknown:
            raise ValueError(f"probe {probe.name} needs {unknown[0]}, which is not before it")
        waits = [done[need] for need in needs]
        done[probe.name] = asyncio.create_task(_one(probe, context, waits, on_start, on_done))
    try:
        spare = [probe for probe in probes if hasty and probe.spare(context)]
        names = {probe.name for probe in spare}
        await asyncio.gather(*(task for name, task in done.items() if name not in names))
        if spare and _is_well(context):
            left_s = began + _WELL_S - time.perf_counter()
            await asyncio.wait([done[name] for name in names], timeout=max(0.0, left_s))
            for probe in spare:
                if not done[probe.name].done():
                    done[probe.name].cancel()
                    context.findings[probe.name] = [_spared(probe)]
                    on_done(probe, context.findings[probe.name])
        await asyncio.gather(*done.values(), return_exceptions=hasty)
    finally:
        for task in done.values():
            task.cancel()
    return [finding for probe in probes for finding in context.findings[probe.name]]


def _is_well(context: Context) -> bool:
    return not any(finding.state == "fail" for found in context.findings.values() for finding in found)


def _spared(probe: Probe) -> Finding:
    return Finding(probe.name, "na", "it takes long, and all else is well", {"timeout": True})


async def _one(
    probe: Probe,
    context: Context,
    waits: list[asyncio.Task[None]],
    on_start: Callable[[Probe], None],
    on_done: Callable[[Probe, list[Finding]], None],
) -> None:
    if waits:
        await asyncio.wait(waits)
    if probe.later:
        await asyncio.sleep(_HEAD_START_S)
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
            return [Finding(probe.name, "skip", f"not checked: {need} is {state}", {"because": need})]
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
        text = f"this check broke off, which is a fault of cc-guard's ({type(error).__name__}: {error})"
        found = [Finding(probe.name, "warn", text, {"crash": type(error).__name__})]
    ms = (time.perf_counter() - started) * 1000
    return [finding if finding.ms else replace(finding, ms=ms) for finding in found]
