"""The panel's app without a terminal, on the scripted guard, at a fixed time."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from cc_guard.history import History
from cc_guard.incident.record import Incident
from cc_guard.owner import Owner
from cc_guard.panel import theme, view
from cc_guard.panel.app import PanelApp
from cc_guard.panel.link import Link
from cc_guard.panel.sessions import Session
from cc_guard.panel.state import Snapshot
from cc_guard.panel.view import PanelView
from tests.panel import scenes
from tests.panel.guard import Guard

PATIENCE_S = 10.0


class Stage:
    """A panel and its guard. `pilot` presses keys and buttons."""

    def __init__(self, app: PanelApp, pilot: Pilot[Any], guard: Guard) -> None:
        self.app, self.pilot, self.guard = app, pilot, guard

    @property
    def view(self) -> PanelView:
        return self.app.screen_stack[0].query_one(PanelView)

    async def until(self, met: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not met():
            assert time.monotonic() < deadline, f"never:\n{self.text()}"
            await self.pilot.pause(0.02)
        await self.pilot.pause()

    async def shows(self, scene: str, **other: Any) -> None:
        """Publishes it, and waits until it is drawn and has been there for long enough to be read."""
        self.guard.show(scene, **other)
        word = {**scenes.SCENES[scene](), **other}["headline"]["word"]
        await self.until(lambda: self.view.now.headline.word == word)
        self.view._asked_at = -PATIENCE_S

    def text(self) -> str:
        """What is on the screen."""
        return "\n".join(strip.text.rstrip() for strip in self.app.screen._compositor.render_strips())


@asynccontextmanager
async def playing(
    folder: Path,
    scene: str = "calm",
    size: tuple[int, int] = (80, 24),
    colours: str = theme.DARK,
    relay: int = 0,
) -> AsyncIterator[Stage]:
    guard = Guard(str(folder / "g.sock"))
    await guard.door.open()
    guard.show(scene)
    app = StillApp([Session(str(folder / "g.sock"), relay or os.getpid(), Snapshot())], colours)
    try:
        async with asyncio.timeout(60), app.run_test(size=size) as pilot:
            stage = Stage(app, pilot, guard)
            await stage.shows(scene)
            yield stage
    finally:
        await guard.door.close()


class StillApp(PanelApp):
    """Its clock stands still."""

    def _shown(self, session: Session) -> PanelView:
        self._view = view.PanelView(Link(session.path, session.relay), lambda: scenes.CLOCK)
        return self._view


def fill_history() -> None:
    rows = (
        ("dns.resolver_down", "recovered", 34.0),
        ("ports.exhausted", "recovered", 312.0),
        (None, "released", 12.0),
        ("server.overloaded", "failed", 701.0),
    )
    with History() as history:
        for number, (cause, outcome, took_s) in enumerate(rows):
            began = scenes.CLOCK - 3600 * (9 * number + 1)
            history.save(
                Incident(
                    id=f"2026-{number}",
                    session="s",
                    started_at=began,
                    ended_at=began + took_s,
                    kind="connection",
                    cause=cause,  # type: ignore[arg-type]
                    outcome=outcome,  # type: ignore[arg-type]
                    downtime_s=took_s,
                ),
                Owner.current(),
            )
