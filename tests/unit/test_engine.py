"""How probes are run: after what they need, under deadlines, without those that nobody needs to wait for."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from cc_guard.diagnose import engine
from cc_guard.diagnose.probe import Context, Probe, always
from cc_guard.incident.record import Finding, ProbeState
from tests.fakes.looking import context

Look = Callable[[Context], Awaitable[Sequence[Finding]]]


def saying(name: str, state: ProbeState = "pass", after_s: float = 0.0) -> Look:
    async def look(_: Context) -> list[Finding]:
        await asyncio.sleep(after_s)
        return [Finding(name, state, "said")]

    return look


def a(name: str, state: ProbeState = "pass", after_s: float = 0.0, **more: Any) -> Probe:
    return Probe(name, "Machine", saying(name, state, after_s), **more)


def run(*probes: Probe, hasty: bool = False) -> dict[str, Finding]:
    return {one.probe: one for one in asyncio.run(engine.run(probes, context(), hasty=hasty))}


def test_what_is_needed_comes_first() -> None:
    order: list[str] = []
    probes = [a("first", after_s=0.02), a("alone"), a("second", needs=("first",))]
    asyncio.run(engine.run(probes, context(), on_start=lambda probe: order.append(probe.name)))
    assert order == ["first", "alone", "second"]


@pytest.mark.parametrize(
    ("state", "needs", "then"),
    [
        ("fail", ("it",), "skip"),
        ("na", ("it",), "skip"),
        ("warn", ("it",), "pass"),
        ("fail", ("it?",), "pass"),
    ],
)
def test_without_what_is_needed(state: ProbeState, needs: tuple[str, ...], then: str) -> None:
    assert run(a("it", state), a("next", needs=needs))["next"].state == then


def test_a_need_that_nobody_fulfils() -> None:
    with pytest.raises(ValueError, match="needs later"):
        run(a("early", needs=("later",)), a("later"))


def test_a_deadline() -> None:
    found = run(a("slow", after_s=30, deadline_s=0.05, fail_late="fail"), a("next", needs=("slow?",)))
    assert (found["slow"].state, found["slow"].evidence) == ("fail", {"timeout": True})
    assert found["next"].state == "pass"


@pytest.mark.parametrize("error", [ValueError("odd"), RecursionError(), ExceptionGroup("two", [OSError()])])
def test_a_crash_is_a_finding(error: Exception) -> None:
    async def look(_: Context) -> list[Finding]:
        raise error

    found = run(Probe("odd", "Machine", look), a("other"))
    assert (found["odd"].state, found["odd"].evidence["crash"]) == ("warn", type(error).__name__)
    assert found["other"].state == "pass"


def test_nothing_said_is_a_finding() -> None:
    async def look(_: Context) -> list[Finding]:
        return []

    assert run(Probe("mute", "Machine", look))["mute"].state == "warn"


def test_work_gives_way_to_waiting() -> None:
    """Else the first packet leaves when all other work is done."""
    sent: list[float] = []
    started = time.perf_counter()

    async def send(_: Context) -> list[Finding]:
        sent.append(time.perf_counter() - started)
        return [Finding("send", "pass", "sent")]

    async def work(_: Context) -> list[Finding]:
        time.sleep(0.2)
        return [Finding("work", "pass", "done")]

    run(Probe("work", "Machine", work, later=True), a("route"), Probe("send", "Network", send, ("route",)))
    assert sent[0] < 0.2


# Haste


def test_all_is_well_without_the_slow_one() -> None:
    cancelled: list[bool] = []

    async def look(_: Context) -> list[Finding]:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise
        return []

    started = time.perf_counter()
    found = run(a("api"), Probe("tool", "Machine", look, spare=always), a("next", spare=always), hasty=True)
    assert time.perf_counter() - started < 5
    assert (found["tool"].state, found["next"].state, cancelled) == ("na", "pass", [True])


@pytest.mark.parametrize("state", ["pass", "warn"])
def test_one_that_is_quick_enough_counts(state: ProbeState) -> None:
    assert run(a("api", state), a("tool", after_s=0.1, spare=always), hasty=True)["tool"].state == "pass"


@pytest.mark.parametrize(("api", "hasty"), [("fail", True), ("pass", False)])
def test_all_are_waited_for(api: ProbeState, hasty: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where something is wrong, or a remedy asks."""
    monkeypatch.setattr(engine, "_WELL_S", 0.0)
    assert run(a("api", api), a("tool", after_s=0.2, spare=always), hasty=hasty)["tool"].state == "pass"


def test_one_that_matters_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_WELL_S", 0.0)
    found = run(a("api"), a("tool", after_s=0.2, spare=lambda _: False), hasty=True)
    assert found["tool"].state == "pass"
