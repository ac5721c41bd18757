"""The live region: the rows between the last conversation block and the input box.

Claude Code wraps its lines by itself and draws blocks: a glyph opens one, deeper-indented rows continue it.
Only what stands directly above the input box is happening now; everything above that is history, even if
it says the same words.
"""

import re
from dataclasses import dataclass, replace

_RULE = re.compile(r"^\s*[╭┌]?[─━]{8,}.*$")
_PROMPT = re.compile(r"^[│┃]?\s?[>❯!](?:\s|$)")
# Spinner frames of all eras, as measured; `●` and `⏺` open conversation blocks and are not among them.
SPINNER = "·✢✳✶✻✽∗*⋆+"
_SPINNER_ROW = re.compile(rf"^[{re.escape(SPINNER)}] \S")
_TOOL_CALL = re.compile(r"^[●⏺] (?:[\w.:-]+\(|.* \(MCP\))")
_OPENERS = ("●", "⏺", ">", "❯")  # of conversation blocks
_SEARCH_ROWS = 24
_CAUSE_INDENT = 2  # of a notice's cause below it (1.x); a tool result's lines are indented by 3


@dataclass(frozen=True)
class Block:
    """Rows of one thing on the screen. `row` and `column` are where its words begin."""

    row: int
    column: int
    text: str


@dataclass(frozen=True)
class LiveRegion:
    """`spinner` is the row that shows the client at work; `notices` are the `⎿` blocks directly above it,
    the lowest last."""

    spinner: Block
    notices: tuple[Block, ...]


def live_region(rows: list[str], columns: int) -> LiveRegion | None:
    """What happens now, on a screen of so many columns. None when there is no input box, or no spinner above
    it: the client is not at work."""
    box = _input_box(rows)
    if box is None:
        return None
    at = _spinner_row(rows, box)
    if at is None:
        return None
    return LiveRegion(_spinner_block(rows, at, box), tuple(_notices(rows, at, columns)))


def _input_box(rows: list[str]) -> int | None:
    """The row of the input box's upper edge: the lowest rule that has a prompt under it."""
    for row in range(len(rows) - 2, -1, -1):
        if _RULE.match(rows[row]) and _PROMPT.match(rows[row + 1]):
            return row
    return None


def _spinner_row(rows: list[str], box: int) -> int | None:
    for row in range(box - 1, max(-1, box - 1 - _SEARCH_ROWS), -1):
        text = rows[row]
        if _SPINNER_ROW.match(text):
            return row
        if text and not text[0].isspace():
            return None  # a conversation block begins between here and the box
    return None


def _spinner_block(rows: list[str], at: int, box: int) -> Block:
    words = [rows[at][2:].strip()]
    for text in rows[at + 1 : box]:
        stripped = text.strip()
        if not stripped or stripped[0] in "⎿└☐☒✔✓◻◼□■":
            break  # tips and to-do items hang below the spinner
        words.append(stripped)
    return Block(at, 2, " ".join(words))


def _notices(rows: list[str], spinner: int, columns: int) -> list[Block]:
    """`⎿` blocks between the spinner and the conversation block above.

    A row that opens nothing continues the notice above it, whatever its indent: clients up to 2.0 wrap at
    the last column, inside words, and go on at column 0; 2.0 has a blank row inside a narrow notice.
    The one that hangs on a tool call is what the tool has put out, in colours of its own: not a notice.
    """
    end = spinner - 1
    start = end
    while start > max(-1, end - _SEARCH_ROWS) and rows[start][:1] not in _OPENERS:
        if not rows[start].strip() and not rows[start - 1].strip() and start < end:
            break
        start -= 1
    found: list[Block] = []
    base = -1
    for row in range(start + 1, end + 1):
        words = rows[row].strip()
        at = rows[row].find("⎿")
        if words.startswith("⎿") and (not found or at in (base, base + _CAUSE_INDENT)):
            base = base if found else at
            words = words[1:].strip()
            found.append(Block(row, len(rows[row]) - len(rows[row][at + 1 :].lstrip()), words))
        elif found:
            more = rows[row] if len(rows[row - 1]) >= columns else f" {words}"
            found[-1] = replace(found[-1], text=f"{found[-1].text}{more}".rstrip())
    if found and start >= 0 and _TOOL_CALL.match(rows[start]) and all(rows[start : found[0].row]):
        del found[0]
    return found
