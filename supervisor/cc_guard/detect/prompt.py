"""The input box: may something be typed now, and what draft does it hold?

Only what is proven counts as empty; everything else is not safe, with a reason for people. What proves it was
measured with clients from 1.0.120 to 2.1.330 (tests/support/prompts.py):

- The box is a row with a sign between two rules as wide as the screen, and nothing else of the client has
  such rules below it. Further rows of a draft are indented, so nothing that is typed can look like a rule.
- The client draws the sign in the colour of ordinary text when it is at rest, and grey as long as it works:
  also where neither a spinner nor the footer says so. The rules are always coloured, so a screen without
  colours, which tells nothing, is known by them.
- Its cursor is one inverse cell, and stands in the box only while the keys go there. When another window has
  the focus it is not drawn; from 2.1.197 on the terminal's own, hidden cursor stays in its place.
- A placeholder is grey, its first letter under the cursor, and gives way to what is typed.
- With vim keys NORMAL mode looks as if there were none: only INSERT is shown.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from cc_guard.detect.signatures import Signatures
from cc_guard.screen.cells import cursor, runs
from cc_guard.screen.model import Screen
from cc_guard.screen.region import live_region
from cc_guard.screen.width import width

State = Literal["empty", "draft", "menu", "mode", "view", "busy", "vim-normal", "unknown"]

_READ = ("empty", "draft", "menu", "busy", "vim-normal")  # where the draft is what it looks like
_SIGN = re.compile(r"^(?P<sign>[>❯!#&])(?:[ \xa0]|$)")
_PROMPT_SIGNS = (">", "❯")
_INDENT = 2  # of the draft, in every row
_RULE_END = "─"
_OLD_BOX = re.compile(r"^│[ \xa0][>!#][ \xa0]")
_PLAIN_BOX = re.compile(r"^\$(?:\s|$)")
_NUMBERED = re.compile(r"^[\s│]*❯ *\d+\.")
_POINTER = re.compile(r"^[\s│]+❯ ")
_HIDDEN_ROWS = re.compile("[↑↓]")  # on a rule: `↓ 3 more`
# A row of a draft is four columns narrower than the screen, and is wrapped between words, or in long ones.
# A word that would have fitted in with so many columns to spare was not wrapped: the user broke the line.
_MARGIN, _SPARE = 4, 4
_LONG_WORD = 20
_EMPTY: tuple[State, str] = ("empty", "")
_WHERE = "it is not clear where the cursor is"
_NO_CURSOR = "the input box shows no cursor: another window may have the focus"


@dataclass(frozen=True)
class PromptBox:
    """`reason`: why nothing may be typed, for people. `text`: the draft, exactly, "" when there is none and
    None when the screen does not tell; blanks behind the cursor at the end of a line are never seen. `shown`:
    the draft as one reads it, for showing and keeping. `holds_pastes`: it can't be typed again. `stashed`:
    there is another one, which the user has put aside and nobody sees."""

    state: State
    reason: str = ""
    text: str | None = None
    shown: str = ""
    holds_pastes: bool = False
    stashed: bool = False
    cursor_at_end: bool = False
    no_cursor: bool = False
    """All that is missing is the cursor, which clients up to 2.1.132 do not draw without the focus: a focus
    event (`CSI I`) brings it back."""

    @property
    def safe(self) -> bool:
        """Something may be typed: the only state in which that is so."""
        return self.state == "empty"


def read_prompt(screen: Screen, signatures: Signatures, vim: bool | None = None) -> PromptBox:
    """What stands in the input box of a complete frame. `vim`: whether the client has vim keys, None when
    nobody knows."""
    rows = screen.text().split("\n")
    place = _place(rows, screen.columns)
    if place is None:
        return _without_box(rows, screen)
    return _Box(screen, rows, *place, signatures).read(vim)


def shows(screen: Screen, text: str, signatures: Signatures, vim: bool | None = None) -> bool:
    """The box holds exactly `text`, which Enter would submit."""
    box = read_prompt(screen, signatures, vim)
    return box.state == "draft" and box.text == text and box.cursor_at_end and not box.holds_pastes


def uses_vim(claude_json: Mapping[str, Any], *settings: Mapping[str, Any]) -> bool:
    """By the client's own `.claude.json` and its settings files (those since 2.1.132). Any of them is enough:
    which one wins is not followed, and where vim keys are in doubt the footer has to say INSERT."""
    return any(file.get("editorMode") == "vim" for file in (claude_json, *settings))


def _place(rows: list[str], columns: int) -> tuple[int, int] | None:
    """The rules above and below the input box, when these are the lowest two on the screen."""
    lower = _rule_above(rows, len(rows), columns)
    upper = _rule_above(rows, lower, columns) if lower is not None else None
    if lower is None or upper is None or lower - upper < 2 or not _SIGN.match(rows[upper + 1]):
        return None
    others = rows[upper + 2 : lower]
    return (upper, lower) if all(row[:_INDENT].strip() == "" for row in others) else None


def _rule_above(rows: list[str], end: int, columns: int) -> int | None:
    return next((at for at in range(end - 1, -1, -1) if _is_rule(rows[at], columns)), None)


def _is_rule(row: str, columns: int) -> bool:
    return row.startswith(_RULE_END * 3) and row.endswith(_RULE_END) and width(row) == columns


def _without_box(rows: list[str], screen: Screen) -> PromptBox:
    if any(map(_OLD_BOX.match, rows)):
        return PromptBox("unknown", "the input box of this old version of Claude Code can't be read for sure")
    if _PLAIN_BOX.match(next((row for row in reversed(rows) if row.strip()), "")):
        return PromptBox("unknown", "the layout for screen readers does not show for sure what is going on")
    long = _part_of_a_long_draft(rows, screen)
    if long is not None:
        return PromptBox("draft", "the input box holds a draft that is too long for it", shown=long)
    if any(_NUMBERED.match(row) or _POINTER.match(row) for row in rows):
        return PromptBox("menu", "Claude Code asks something")
    if not any(row.strip() for row in rows):
        return PromptBox("unknown", "the screen is blank")
    return PromptBox("view", "no input box is on the screen: a dialog or another view is open")


def _part_of_a_long_draft(rows: list[str], screen: Screen) -> str | None:
    """What shows of a draft without its beginning: it goes on above the screen, or above the box where that
    says so on its rule (fullscreen)."""
    lower = _rule_above(rows, len(rows), screen.columns)
    upper = _rule_above(rows, lower, screen.columns) if lower is not None else None
    start = upper + 1 if upper is not None and _HIDDEN_ROWS.search(rows[upper]) else 0
    if not lower or any(row[:_INDENT].strip() for row in rows[start:lower]):
        return None
    cursors = sum(run.inverse for row in range(start, lower) for run in runs(screen, row))
    return "\n".join(row[_INDENT:] for row in rows[start:lower]) if cursors == 1 else None


@dataclass(frozen=True)
class _Draft:
    text: str | None = None
    shown: str = ""
    placeholder: str = ""
    holds_pastes: bool = False
    cursor_at_end: bool = False


class _Box:
    def __init__(
        self, screen: Screen, rows: list[str], upper: int, lower: int, signatures: Signatures
    ) -> None:
        self._screen, self._rows, self._signatures = screen, rows, signatures
        self._upper, self._lower = upper, lower
        self._below = rows[lower + 1 :]
        self._rules = runs(screen, upper), runs(screen, lower)
        self._inside = [runs(screen, row) for row in range(upper + 1, lower)]
        self._sign = self._inside[0][0]
        self._inverse = [(at, run) for at, row in enumerate(self._inside) for run in row if run.inverse]
        self._parked = self._find_parked()
        self._cursor = self._find_cursor()
        self._draft = self._find_draft()

    def read(self, vim: bool | None) -> PromptBox:
        state, reason = self._state(vim)
        draft = self._draft
        return PromptBox(
            state,
            reason,
            draft.text if state in _READ else None,
            draft.shown,
            draft.holds_pastes,
            self._stashed(),
            draft.cursor_at_end,
            no_cursor=reason == _NO_CURSOR,
        )

    def _state(self, vim: bool | None) -> tuple[State, str]:
        looks = (self._mode, self._colours, self._work, self._list, self._keys, self._content)
        found = next((found for look in looks if (found := look()) is not None), _EMPTY)
        return (self._vim(vim) or found) if found[0] in ("empty", "draft") else found

    def _mode(self) -> tuple[State, str] | None:
        sign = self._rows[self._upper + 1][0]
        return None if sign in _PROMPT_SIGNS else ("mode", f"the input box is in the mode of {sign!r}")

    def _colours(self) -> tuple[State, str] | None:
        above, below = self._rules[0][0], self._rules[1][0]
        if above.plain:
            return "unknown", "the client draws without colours, which does not show whether it is at work"
        if (above.colour, above.faint) != (below.colour, below.faint):
            return "unknown", "what looks like the input box is not drawn as one"
        return None

    def _work(self) -> tuple[State, str] | None:
        if self._sign.grey:
            return "busy", "Claude Code is at work"
        if not self._sign.plain or self._sign.inverse:
            return "view", "the input box belongs to something else"
        footer = " ".join(row.strip() for row in self._below)
        if any(busy.pattern.search(footer) for busy in self._signatures.busy):
            return "busy", "Claude Code is at work"
        if live_region(self._rows, self._screen.columns, self._signatures.is_spinner) is not None:
            return "busy", "Claude Code is at work"
        return None

    def _list(self) -> tuple[State, str] | None:
        word = re.split("[ \n]", self._draft.shown)[-1]
        if self._draft.shown.startswith("/") or word.startswith("@"):
            return "menu", "a list of commands or files may be open"
        if any(row[:1].strip() for row in self._below):
            return "unknown", "what stands below the input box is not its footer"
        return None

    def _keys(self) -> tuple[State, str] | None:
        """Where they would go."""
        column, row = cursor(self._screen)
        waits = column == 0 and row > self._lower  # the terminal's cursor, up to 2.0
        if self._parked is not None:
            # 2.1.132 may leave inverse blanks behind its cursor.
            at_cursor = [run for at, run in self._inverse if (run.column, at) == self._parked]
            others = [run for _, run in self._inverse if run.text.strip() and run not in at_cursor]
            too_long = any(run.text.strip() and width(run.text) > 2 for run in at_cursor)
            return ("unknown", _WHERE) if others or too_long else None
        if self._inverse:
            alone = len(self._inverse) == 1 and width(self._inverse[0][1].text) <= 2
            return None if alone and waits else ("unknown", _WHERE)
        below = range(self._lower + 1, len(self._rows))
        if any(run.inverse for at in below if self._rows[at] for run in runs(self._screen, at)):
            return "view", "the keys go elsewhere: something below the input box is chosen"
        if not waits:
            return "view", "the keys go elsewhere: the cursor is not in the input box"
        return ("unknown", _NO_CURSOR) if not self._draft.shown.strip() else None

    def _content(self) -> tuple[State, str] | None:
        placeholder = self._draft.placeholder
        if placeholder:
            if any(known.pattern.match(placeholder) for known in self._signatures.placeholders):
                return None
            return "unknown", f"the input box says {placeholder!r}"
        return None if self._draft.text == "" else ("draft", "the input box holds a draft")

    def _vim(self, vim: bool | None) -> tuple[State, str] | None:
        inserts = (insert.pattern for insert in self._signatures.inserts)
        if vim is False or any(pattern.search(row) for pattern in inserts for row in self._below):
            return None
        if vim:
            return "vim-normal", "the vim keys are not in INSERT mode"
        return ("unknown", "it is not known whether vim keys are in use") if self._draft.text == "" else None

    def _stashed(self) -> bool:
        above = next((row for row in reversed(self._rows[: self._upper]) if row.strip()), "")
        hints = [stash.pattern for stash in self._signatures.stashes]
        return any(hint.search(row) for hint in hints for row in (above, *self._below))

    def _find_parked(self) -> tuple[int, int] | None:
        """The terminal's own cursor, where it stands in the box: column, and which of its rows."""
        column, row = cursor(self._screen)
        inside = self._upper < row < self._lower and column >= _INDENT
        return (column, row - self._upper - 1) if inside else None

    def _find_cursor(self) -> tuple[int, int] | None:
        if self._parked is None and self._inverse:
            return self._inverse[0][1].column, self._inverse[0][0]
        return self._parked

    def _find_draft(self) -> _Draft:
        lines = [self._line(number) for number in range(len(self._inside))]
        words = [run for row in self._inside for run in row if run.text.strip() and run is not self._sign]
        begun = self._sign.text[_INDENT:].strip()  # in the sign's own colour
        columns = self._screen.columns - _MARGIN
        if any(run.grey for run in words):
            letter = self._inverse[0][1] if self._cursor == (_INDENT, 0) and self._inverse else None
            if not begun and all(run.grey or run is letter for run in words):
                return _Draft("", placeholder=" ".join(line.strip() for line in lines))
            return _Draft(None, _joined(lines, columns)[0])  # the client proposes something behind the draft
        shown, exact = _joined(lines, columns)
        scrolled = any(_HIDDEN_ROWS.search(run.text) for rule in self._rules for run in rule)
        pastes = any(paste.pattern.search(shown) for paste in self._signatures.pastes)
        last = len(lines) - 1
        at_end = self._cursor == (_INDENT + width(lines[last]), last)
        return _Draft(shown if exact and not scrolled else None, shown, "", pastes, at_end)

    def _line(self, number: int) -> str:
        """A row of the draft, with the blanks before the cursor."""
        text = "".join(run.text for run in self._inside[number])[_INDENT:].rstrip()
        if self._cursor is not None and self._cursor[1] == number:
            text += " " * (self._cursor[0] - _INDENT - width(text))
        return text


def _joined(rows: list[str], columns: int) -> tuple[str, bool]:
    """The rows as lines of the user's, and whether they are that for sure."""
    text, exact = rows[0], len(rows) == 1 or any(row.strip() for row in rows)
    for above, row in pairwise(rows):
        word = row.partition(" ")[0]
        if not row or width(above) + 1 + width(word) <= columns - _SPARE:
            text += f"\n{row}"
            continue
        exact = False
        inside_word = width(above) >= columns and width(above.rpartition(" ")[2] + word) > _LONG_WORD
        text += row if inside_word else f" {row}"
    return text, exact
