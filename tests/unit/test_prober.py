"""Probing while an incident is open: there is always a word, whatever happens."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from cc_guard.guard import prober as prober_module
from cc_guard.guard.prober import Prober
from cc_guard.incident.record import Finding
from cc_guard.probe.path import PathResult
from tests.support.peers import Peer, closed_port, silent, status

Scenario = Callable[[Prober, list[tuple[Finding, bool]]], Coroutine[Any, Any, None]]

_NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*_NAMES, *map(str.lower, _NAMES), "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


def run(
    scenario: Scenario, interval_s: float = 0.05, timeout_s: float = 5.0, extra: tuple[str, ...] = ()
) -> None:
    async def inside() -> None:
        results: list[tuple[Finding, bool]] = []
        prober = Prober(
            lambda: interval_s,
            timeout_s,
            extra,
            lambda finding, reachable: results.append((finding, reachable)),
        )
        await scenario(prober, results)
        prober.stop()
        await asyncio.sleep(0.05)
        assert asyncio.all_tasks() == {asyncio.current_task()}, "nothing is left after stop()"

    asyncio.run(inside())


async def until(results: list[tuple[Finding, bool]], count: int) -> None:
    async with asyncio.timeout(20):
        while len(results) < count:
            await asyncio.sleep(0.01)


def test_probes_go_on_until_they_are_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(prober: Prober, results: list[tuple[Finding, bool]]) -> None:
        prober.start()
        prober.start()
        await until(results, 5)
        assert api.accepted <= len(results) + 1, "started twice it probes no more often"
        prober.stop()
        count = len(results)
        await asyncio.sleep(0.3)
        assert len(results) == count
        prober.start()
        await until(results, count + 1)

    with Peer(status(404)) as api:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", f"http://127.0.0.1:{api.port}")
        run(scenario)


def test_a_finding_says_what_was_asked_and_what_came(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(prober: Prober, results: list[tuple[Finding, bool]]) -> None:
        prober.start()
        await until(results, 1)
        finding, reachable = results[0]
        assert not reachable
        assert (finding.probe, finding.state) == ("api.path", "fail")
        assert finding.summary == f"http://127.0.0.1:{port}: Connection refused"
        assert finding.evidence["stage"] == "connect"

    with closed_port() as port:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", f"http://127.0.0.1:{port}")
        run(scenario)


def test_one_probe_that_hangs_does_not_keep_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a path that swallows packets the first new answer counts, not the end of an old wait."""

    async def scenario(prober: Prober, results: list[tuple[Finding, bool]]) -> None:
        prober.start()
        async with asyncio.timeout(20):
            while api.accepted < 4:
                await asyncio.sleep(0.01)
        assert results == []

    with Peer(silent) as api:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", f"http://127.0.0.1:{api.port}")
        run(scenario, timeout_s=30)


@pytest.mark.parametrize("bad", ["socks5://127.0.0.1:1", "api.anthropic.com", "http://[::1"])
def test_where_nothing_can_be_probed_nothing_is_to_be_waited_for(
    bad: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(prober: Prober, results: list[tuple[Finding, bool]]) -> None:
        prober.start()
        await until(results, 1)
        finding, reachable = results[0]
        assert reachable, "a pause would never end"
        assert finding.state == "na"
        assert not (await prober.check())[1], "but the probes are not to be trusted"

    monkeypatch.setenv("ANTHROPIC_BASE_URL", bad)
    run(scenario)


def test_the_settings_of_the_folder_where_the_client_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when that folder has been deleted meanwhile: a worktree that was removed."""
    work = tmp_path / "work"
    (work / ".claude").mkdir(parents=True)
    monkeypatch.chdir(work)

    async def scenario(prober: Prober, results: list[tuple[Finding, bool]]) -> None:
        settings = work / ".claude" / "settings.json"
        settings.write_text(json.dumps({"env": {"ANTHROPIC_BASE_URL": f"http://127.0.0.1:{api.port}"}}))
        assert (await prober.check())[1]
        settings.unlink()
        settings.parent.rmdir()
        work.rmdir()
        monkeypatch.setenv("ANTHROPIC_BASE_URL", f"http://127.0.0.1:{api.port}")
        assert (await prober.check())[1]
        prober.start()
        await until(results, 2)
        assert all(reachable for _, reachable in results)

    with Peer(status(404)) as api:
        run(scenario)


def test_a_folder_that_was_gone_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    async def scenario(prober: Prober, results: list[tuple[Finding, bool]]) -> None:
        prober.start()
        await until(results, 1)
        assert results[0][1]

    with Peer(status(404)) as api:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", f"http://127.0.0.1:{api.port}")
        run(scenario)


def test_settings_given_for_this_run(tmp_path: Path) -> None:
    path = tmp_path / "given.json"

    async def scenario(prober: Prober, results: list[tuple[Finding, bool]]) -> None:
        path.write_text(json.dumps({"env": {"ANTHROPIC_BASE_URL": f"http://127.0.0.1:{api.port}"}}))
        assert (await prober.check())[1]

    with Peer(status(404)) as api:
        run(scenario, extra=(str(path),))


def test_a_word_that_goes_wrong_does_not_end_the_probing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes the results is the whole guard, and may fail."""
    asked = 0

    async def check(*_: object) -> PathResult:
        nonlocal asked
        asked += 1
        return PathResult(True, "http", "HTTP 200", 1.0, 200)

    def fail(*_: object) -> None:
        raise RuntimeError("surprise")

    async def inside() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        prober = Prober(lambda: 0.01, 5.0, (), fail)
        prober.start()
        async with asyncio.timeout(20):
            while asked < 5:
                await asyncio.sleep(0.01)
        prober.stop()
        await asyncio.sleep(0.05)

    monkeypatch.setattr(prober_module, "check_path", check)
    asyncio.run(inside())
