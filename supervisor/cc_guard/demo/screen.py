"""The stand-in's screen, drawn as Claude Code 2.1.330 draws its own: blocks with a glyph, a row with a
spinner, an input box between two rules, errors in a colour of their own. On top stands what the demo says."""

import os
import sys
import textwrap
from dataclasses import dataclass, field

_GLYPHS = "·✢✳✶✻✽"
_STORY_ROWS = 7
# While the client is paused, cc-guard's panel may stand on the right side of its picture.
_WIDE, _BESIDE_PANEL = 120, 44
_TALK_ROWS = 13  # of all, for the conversation and the input box
_BELOW = 7  # the spinner between two blank rows, the input box, the footer
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
ENTER = "\x1b[?1049h\x1b[2J\x1b[H\x1b[?2004h\x1b[?25l"
LEAVE = "\x1b[?2004l\x1b[?25h\x1b[?1049l"
# Red, green and blue as 2.1.330 has them in its dark theme (measured), and the nearest of the 256 colours.
_COLOURS = {
    "error": ("255;107;128", 204),
    "failure": ("255;193;7", 220),
    "grey": ("153;153;153", 246),
    "rule": ("136;136;136", 245),
    "spinner": ("215;119;87", 173),
    "prompt": ("255;255;255", 231),
}
_PROMPT_BACK = ("55;55;55", 237)


@dataclass
class View:
    """What is to be seen. `retry`: the label of a retry row and the rest of it. `turns`: kind (prompt,
    answer, failure) and text."""

    title: str = ""
    story: str = ""
    turns: list[tuple[str, str]] = field(default_factory=list)
    working: str = ""
    retry: tuple[str, str] | None = None
    draft: str = ""
    tick: int = 0


class Screen:
    def __init__(self, columns: int, rows: int) -> None:
        self._truecolor = os.environ.get("COLORTERM") in ("truecolor", "24bit")
        self.resize(columns, rows)

    def resize(self, columns: int, rows: int) -> None:
        self._columns, self._rows = max(columns, 20), max(rows, 12)
        self._drawn: list[str] | None = None

    def draw(self, view: View) -> None:
        """One frame: the rows that are not as they were."""
        rows, cursor = self._frame(view)
        before = self._drawn
        changed = [n for n, row in enumerate(rows) if before is None or before[n] != row]
        if not changed:
            return
        parts = [_BEGIN, "\x1b[2J" if before is None else ""]
        parts += [f"\x1b[{n + 1};1H\x1b[2K{rows[n]}\x1b[0m" for n in changed]
        parts += [f"\x1b[{cursor[1] + 1};{cursor[0] + 1}H", _END]
        self._drawn = rows
        sys.stdout.write("".join(parts))
        sys.stdout.flush()

    def _frame(self, view: View) -> tuple[list[str], tuple[int, int]]:
        title = f" {view.title} "[: self._columns]
        top = [f"\x1b[1;7;36m{title}{' ' * (self._columns - len(title))}\x1b[0m"]
        wide = self._columns - 4 if self._columns >= _WIDE else min(self._columns - 4, _BESIDE_PANEL)
        told = textwrap.wrap(view.story, wide, break_on_hyphens=False)
        told = told[: max(self._rows - _TALK_ROWS, _STORY_ROWS)]
        told += [""] * (min(_STORY_ROWS, self._rows - _TALK_ROWS) - len(told))
        top += [f"\x1b[36m ▌\x1b[0m {row}" for row in told]
        room = self._rows - len(top) - _BELOW
        talk = [row for kind, text in view.turns for row in ["", *self._turn(kind, text)]][-room:]
        spinner = self._spinner(view)
        rows = [*top, *[""] * (room - len(talk)), *talk, "", spinner, ""]
        rows = rows[: self._rows - 4]
        rule = f"{self._colour('rule')}{'─' * self._columns}"
        sign = self._colour("grey") if view.working else ""
        draft = view.draft[-(self._columns - 4) :]
        rows += [rule, f"{sign}❯\xa0\x1b[0m{draft}\x1b[7m \x1b[0m", rule]
        rows.append(f"  {self._colour('grey')}Ctrl-C ends the demo")
        return rows, (2 + len(draft), self._rows - 3)

    def _turn(self, kind: str, text: str) -> list[str]:
        glyph, colour = {"prompt": ("❯", ""), "answer": ("●", ""), "failure": ("●", self._colour("failure"))}[
            kind
        ]
        lines = textwrap.wrap(text, self._columns - 4) or [""]
        rows = [f"{colour}{glyph if not n else ' '} {line}" for n, line in enumerate(lines)]
        if kind != "prompt":
            return rows
        back = self._code(48, _PROMPT_BACK)
        white, grey = self._colour("prompt"), self._colour("grey")
        return [
            f"{back}{grey}{row[:2]}{white}{row[2:]}{' ' * (self._columns - len(row))}\x1b[0m" for row in rows
        ]

    def _spinner(self, view: View) -> str:
        if not view.working:
            return ""
        if view.retry is None:
            glyph = _GLYPHS[view.tick % len(_GLYPHS)]
            return f"{self._colour('spinner')}{glyph} {view.working}…"
        label, rest = view.retry
        return f"{self._colour('error')}✻ {label}{self._colour('grey')} · {rest}"

    def _colour(self, name: str) -> str:
        return self._code(38, _COLOURS[name])

    def _code(self, ground: int, colour: tuple[str, int]) -> str:
        return f"\x1b[{ground};2;{colour[0]}m" if self._truecolor else f"\x1b[{ground};5;{colour[1]}m"
