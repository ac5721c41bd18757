"""`cc-guard replay` reads a recording as the guard saw the session."""

import asyncio
import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cc_guard import settings_cache
from cc_guard.channels import spool
from cc_guard.channels.transcript import transcript_path
from cc_guard.detect.signatures import shipped
from cc_guard.guard.arguments import Arguments
from cc_guard.guard.session import GuardSession
from cc_guard.incident.record import Symptom
from cc_guard.launch import record_file
from cc_guard.relay import link
from cc_guard.replay.cast import Cast, read
from cc_guard.replay.player import play

SESSION = "8f23cbea-0f3e-47ee-9d83-0814c897ebf0"
RULE = "─" * 80
RED, GREY, PLAIN = "\x1b[38;2;255;107;128m", "\x1b[38;2;153;153;153m", "\x1b[m"
FAILED = (
    "API Error: Connection dropped (ECONNRESET). Check the gateway set in ANTHROPIC_BASE_URL, then try again."
)


def picture(*rows: str) -> bytes:
    text = "\r\n".join(["❯ say back again", "", *rows, "", RULE, "❯\xa0", RULE, "  ? for shortcuts"])
    return f"\x1b[?2026h\x1b[2J\x1b[H{text}\x1b[?2026l".encode()


def retry(attempt: int) -> bytes:
    row = f" · retrying in 9s · attempt {attempt}/10"
    return picture(f"{RED}✻ Connection dropped (ECONNRESET){GREY}{row}{PLAIN}")


class Live:
    """A whole guard that records, and the symptoms that it saw."""

    def __init__(self, folder: Path, to_guard: int, guard: GuardSession) -> None:
        self.to_guard = to_guard
        self.guard = guard
        self.spool = folder / "spool"
        self.transcript = Path(transcript_path(os.environ, os.getcwd(), SESSION))
        self.symptoms: list[tuple[Symptom, str]] = []
        tell = guard.on_symptom

        def on_symptom(symptom: Symptom, source: str) -> None:
            self.symptoms.append((symptom, source))
            tell(symptom, source)

        guard.on_symptom = on_symptom  # type: ignore[method-assign]

    def draw(self, data: bytes) -> None:
        os.write(self.to_guard, link.frame(link.OUTPUT, data))

    def hook(self, event: str, **payload: str) -> None:
        text = json.dumps({"transcript_path": str(self.transcript)} | payload)
        made = self.spool / "tmp" / event
        made.write_text(text)
        made.rename(self.spool / "new" / f"{event}.{os.getpid()}")

    def row(self, **row: Any) -> None:
        self.transcript.parent.mkdir(parents=True, exist_ok=True)
        stamp = datetime.fromtimestamp(time.time(), UTC).isoformat()
        with self.transcript.open("a") as file:
            file.write(json.dumps({"timestamp": stamp} | row) + "\n")

    def failed_row(self) -> None:
        message = {"model": "<synthetic>", "content": [{"type": "text", "text": FAILED}]}
        self.row(type="assistant", isApiErrorMessage=True, error="server_error", message=message)


def recorded(
    folder: Path, scenario: Callable[[Live], Any], monkeypatch: pytest.MonkeyPatch, version: tuple[int, ...]
) -> tuple[list[tuple[Symptom, str]], Cast]:
    """What the guard saw live, and its recording."""
    for name in ("HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "CLAUDE_CONFIG_DIR"):
        monkeypatch.setenv(name, str(folder))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    settings = SimpleNamespace(
        profile="auto",
        observe=True,
        panel="off",
        panel_when="incident",
        screen=SimpleNamespace(enabled=False),
        notify=SimpleNamespace(osc="off", title=False, bell=False),
        history=SimpleNamespace(keep_days=365, keep_incidents=2000),
        hold=SimpleNamespace(enabled=False, after_attempt=2, release_byte=0x1D),
        probe=SimpleNamespace(interval_s=0.1, timeout_s=2.0),
        title=SimpleNamespace(enabled=True),
    )
    monkeypatch.setattr(settings_cache, "load", lambda options: settings)
    path = record_file.create(str(folder / "a.cast"))
    spool.create(str(folder / "spool"))

    async def run() -> Live:
        guard_reads, to_guard = os.pipe()
        from_guard, guard_writes = os.pipe()
        arguments = Arguments(
            (guard_reads, guard_writes),
            session=SESSION,
            folder=str(folder / "spool"),
            version=version,
            record=path,
        )
        live = Live(folder, to_guard, GuardSession(arguments))
        running = asyncio.create_task(live.guard.run())
        os.write(to_guard, link.frame(link.SIZE, link.WINSIZE.pack(30, 80, 0, 0)))
        await scenario(live)
        os.close(to_guard)
        await asyncio.wait_for(running, 20)
        os.close(from_guard)
        return live

    live = asyncio.run(run())
    return live.symptoms, read(path)


def compare(live: list[tuple[Symptom, str]], cast: Cast) -> None:
    replayed = [(one.symptom, one.source) for one in play(cast, shipped())]
    assert [(replace(s, t=0.0), source) for s, source in replayed] == [
        (replace(s, t=0.0), source) for s, source in live
    ]
    for (one, _), (other, _) in zip(replayed, live, strict=True):
        assert abs(one.t - other.t) < 1.0


def test_replay_says_what_the_guard_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """2.1: the screen tells of the retries, the hook and the transcript of the end."""

    async def scenario(live: Live) -> None:
        live.hook("SessionStart", source="startup")
        live.draw(picture())
        await asyncio.sleep(0.4)
        live.hook("UserPromptSubmit", prompt="my plan")
        live.row(type="user", message={"role": "user", "content": "my plan"})
        for attempt in (1, 2, 3):
            live.draw(retry(attempt))
            await asyncio.sleep(0.25)
        live.draw(picture(f"{RED}● {FAILED}{PLAIN}"))
        live.failed_row()
        live.hook("StopFailure", error="server_error", last_assistant_message=FAILED)
        await asyncio.sleep(0.6)

    live, cast = recorded(tmp_path, scenario, monkeypatch, (2, 1, 330))
    assert [s.phase for s, _ in live if s.phase != "retrying"] == ["failed"]
    assert [(s.confirmed, s.code) for s, _ in live if s.phase == "failed"] == [(True, "ECONNRESET")]
    compare(live, cast)
    assert "my plan" not in "".join(data for _, code, data in cast.events if code == "m")


def test_replay_of_rows_that_tell_of_retries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """2.0: the transcript has every attempt. Without its word a failure on the screen is unconfirmed."""

    async def scenario(live: Live) -> None:
        live.draw(picture())
        for attempt in (1, 2):
            live.row(
                type="system",
                subtype="api_error",
                error={"status": 529},
                retryAttempt=attempt,
                maxRetries=10,
                retryInMs=600.0,
            )
            await asyncio.sleep(0.4)
        live.failed_row()
        await asyncio.sleep(0.5)

    live, cast = recorded(tmp_path, scenario, monkeypatch, (2, 0, 60))
    assert [(s.phase, s.attempt) for s, _ in live] == [("retrying", 1), ("retrying", 2), ("failed", None)]
    compare(live, cast)


def test_replay_after_lost_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is drawn on top of a picture that nobody knows is no symptom, live or later."""

    async def scenario(live: Live) -> None:
        live.draw(picture())
        await asyncio.sleep(0.2)
        os.write(live.to_guard, link.frame(link.STALE, link.OFFSET.pack(100_000)))
        row = f"{RED}✻ Connection dropped (ECONNRESET){GREY} · retrying in 9s · attempt 4/10{PLAIN}"
        live.draw(f"\x1b[?2026h\x1b[3;1H{row}\x1b[?2026l".encode())
        await asyncio.sleep(0.4)
        live.draw(retry(5))
        await asyncio.sleep(0.4)

    live, cast = recorded(tmp_path, scenario, monkeypatch, (2, 1, 330))
    assert {s.attempt for s, _ in live if s.phase == "retrying"} == {5}
    compare(live, cast)
