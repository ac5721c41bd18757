"""Every scene at three sizes and in two themes, as it was looked at and found good.

The pictures are text, with the colours of each line below, so that a change can be read in a diff. To take
them anew, and look at what changed: CC_GUARD_SNAPSHOTS=write python -m pytest tests/panel/test_snapshots.py
"""

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cc_guard.panel import theme
from tests.panel import scenes
from tests.panel.stage import Stage, fill_history, playing

SIZES = ((28, 40), (80, 24), (200, 60))
_FOLDER = Path(__file__).parent / "snapshots"
_PATIENCE_S = 8.0


@pytest.fixture(autouse=True)
def _still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.delenv("NO_COLOR", raising=False)
    time.tzset()
    fill_history()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("colours", [theme.DARK, theme.LIGHT])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("scene", [*scenes.SCENES, "help"])
def test_as_it_was_found_good(scene: str, size: tuple[int, int], colours: str, tmp_path: Path) -> None:
    path = _FOLDER / f"{scene}-{size[0]}x{size[1]}-{colours}.txt"
    writes = os.environ.get("CC_GUARD_SNAPSHOTS") == "write"
    assert writes or path.exists(), f"there is no picture {path.name} yet"
    wanted = "" if writes else path.read_text(encoding="utf-8")

    async def story() -> str:
        async with playing(tmp_path, "calm" if scene == "help" else scene, size, colours) as stage:
            if scene == "help":
                await stage.pilot.press("question_mark")
                await stage.until(lambda: "Words" in stage.text())
            await stage.until(lambda: bool(stage.view._past._incidents))
            return await settled(stage, wanted)

    now = asyncio.run(story())
    if writes:
        _FOLDER.mkdir(exist_ok=True)
        path.write_text(now, encoding="utf-8")
    assert writes or now == wanted, f"it looks different:\n{now.partition(chr(10) * 2)[0]}"


async def settled(stage: Stage, wanted: str) -> str:
    """The picture, as soon as it is as `wanted`, or when it has not become so in time."""
    deadline = time.monotonic() + (_PATIENCE_S if wanted else 1.0)
    while (now := picture(stage)) != wanted and time.monotonic() < deadline:
        await stage.pilot.pause(0.05)
    return now


def picture(stage: Stage) -> str:
    """The lines of the screen, and then where which style is, by columns."""
    lines, styles = [], []
    for number, strip in enumerate(stage.app.screen._compositor.render_strips()):
        lines.append(strip.text.rstrip())
        column = 0
        runs: list[tuple[int, int, str]] = []
        for segment in strip:
            style = segment.style
            look = "" if style is None else f"{_hex(style.color)} on {_hex(style.bgcolor)}"
            look += " bold" if style is not None and style.bold else ""
            end = column + segment.cell_length
            if runs and runs[-1][2] == look:
                runs[-1] = (runs[-1][0], end, look)
            else:
                runs.append((column, end, look))
            column = end
        styles.append(f"{number}: " + ", ".join(f"{begin}-{end} {look}" for begin, end, look in runs))
    return "\n".join([*lines, "", *styles]) + "\n"


def _hex(colour: object) -> str:
    triplet = getattr(colour, "triplet", None)
    return triplet.hex if triplet is not None else "default"
