"""Latencies by the transcript, and looks at this machine while somebody watches."""

import asyncio
import os
from datetime import UTC, datetime
from typing import Any

from cc_guard.detect.trend import Trend
from cc_guard.diagnose.processes import Process
from cc_guard.guard.vitals import Vitals, client_mb, machines_of


def stamp(t: float) -> str:
    return datetime.fromtimestamp(1_790_000_000 + t, UTC).isoformat()


def asked(t: float) -> dict[str, Any]:
    return {"type": "user", "timestamp": stamp(t), "message": {"content": "go on"}}


def answered(t: float, **other: Any) -> dict[str, Any]:
    return {"type": "assistant", "timestamp": stamp(t), "message": {"model": "claude"}, **other}


def interrupted(t: float) -> dict[str, Any]:
    content = [{"type": "text", "text": "[Request interrupted by user]"}]
    return {"type": "user", "timestamp": stamp(t), "message": {"content": content}}


def told(*rows: dict[str, Any]) -> dict[str, Any]:
    vitals = Vitals(Trend(), os.getpid())
    for row in rows:
        vitals.row(row)
    return vitals.to_json()


def test_first_words_and_whole_of_each_request() -> None:
    found = told(asked(0), answered(1.2), answered(4.0), asked(10), answered(12.5))
    assert found["first_words_s"] == [1.2, 2.5]
    assert found["request_s"] == [4.0, 2.5], "the one under way as far as it has got"


def test_what_says_nothing_about_latency() -> None:
    failed = answered(9, isApiErrorMessage=True)
    failed["message"]["model"] = "<synthetic>"
    assert told(asked(0), interrupted(1), answered(60))["first_words_s"] == []
    assert told(asked(0), failed, answered(60))["first_words_s"] == []
    assert told(asked(0), answered(1, isSidechain=True))["first_words_s"] == []
    assert told(answered(1), answered(2))["first_words_s"] == []
    assert told(asked(0), answered(7200), asked(7300))["first_words_s"] == [], "the machine slept"
    assert told({"type": "assistant", "timestamp": "soon"})["first_words_s"] == []


def test_only_the_last_ones_are_kept() -> None:
    rows = [row for n in range(100) for row in (asked(n * 10), answered(n * 10 + 1))]
    assert len(told(*rows)["first_words_s"]) == 40


def test_the_machine_is_looked_at_only_while_somebody_watches() -> None:
    async def story() -> None:
        now = [1000.0]
        vitals = Vitals(Trend(), os.getpid(), clock=lambda: now[0])
        vitals.tick(watched=False)
        assert vitals._task is None
        vitals.tick(watched=True)
        first = vitals._task
        assert first is not None
        await first
        found = vitals.to_json()
        assert 100 < found["available_mb"] <= found["total_mb"]
        assert 0 <= found["ports"] < found["ports_of"]
        vitals.tick(watched=True)
        assert vitals._task is first, "not again so soon"
        now[0] += 6
        vitals.tick(watched=True)
        assert vitals._task is not first
        await vitals.close()

    asyncio.run(story())


def test_the_client_is_what_runs_below_the_relay_but_for_the_guard() -> None:
    table = [
        Process(10, 1, "python", (), 11.0),  # relay
        Process(11, 10, "python", (), 30.0),  # guard
        Process(12, 11, "python", (), 60.0),  # doctor
        Process(13, 10, "python", (), 9.0),  # shim
        Process(14, 13, "claude", (), 400.0),
        Process(15, 14, "node", (), 100.0),
        Process(99, 1, "firefox", (), 3000.0),
    ]
    assert client_mb(table, 10, 11) == 509.0
    assert client_mb(table[:3], 10, 11) is None


def test_virtual_machines_by_their_processes() -> None:
    names = ("qemu-system-x86", "com.apple.Virtualization.VirtualMachine", "bash", "qemu-system-x86")
    found = machines_of([Process(n, 1, name, (), 1.0) for n, name in enumerate(names)])
    assert found == ("QEMU", "QEMU", "macOS virtual machine")


def test_rounded_so_that_it_changes_only_by_what_people_see() -> None:
    vitals = Vitals(Trend(), os.getpid())
    from cc_guard.guard.vitals import Sample

    vitals._sample = Sample(client_mb=414.2, available_mb=9811.0, total_mb=15912.0, ports=313, ports_of=28232)
    before = vitals.to_json()
    vitals._sample = Sample(client_mb=412.9, available_mb=9822.0, total_mb=15912.0, ports=309, ports_of=28232)
    assert vitals.to_json() == before
