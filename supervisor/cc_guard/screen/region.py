"""The live region: the rows between the last conversation block and the input box.

Claude Code wraps its lines by itself and draws blocks: a glyph opens one, deeper-indented rows continue it.
Only what stands directly above the input box is happening now; everything above that is history, even if
it says the same words.
"""

import re
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from cc_guard.screen.width import width

_RULE = re.compile(r"^\s*[╭┌]?[─━]{8,}.*$")
_LOWER_EDGE = re.compile(r"^\s*[╰└]?[─━]{8,}")
_PROMPT = re.compile(r"^[│┃]?\s?[>❯!#&](?:\s|$)")  # `#`: a memory, `&`: a background job
# Spinner frames of all eras, as measured; `●` and `⏺` open conversation blocks and are not among them.
SPINNER = "·✢✳✶✻✽∗*⋆+"
_SPINNER_ROW = re.compile(rf"^[{re.escape(SPINNER)}] \S")
_TOOL_CALL = re.compile(r"^[●⏺] (?:[\w.:-]+ ?[\w.:-]*\(|.* \(MCP\))")
_PLAIN_BOX = re.compile(r"^\$(?:\s|$)")
_PLAIN_FOOTER_ROWS = 3
_FAR_RIGHT = 8  # columns; the fullscreen renderer puts the model's effort at the right edge
_PROMPT_SIGNS = (">", "❯")
_GROUP_AT_WORK = re.compile(r"^[●⏺] .*…(?: \(ctrl\+o to expand\))?$")  # its `⎿` says what it is at
_GROUP_DONE = re.compile(r"^[●⏺] .* \(ctrl\+o to expand\)$")  # has no `⎿` of its own any more
_SHELL_SIGN = "!"  # of a command that the user ran
_OUTPUT = "  ⎿"
_BULLETS = ("●", "⏺")
_OPENERS = (*_BULLETS, *_PROMPT_SIGNS, _SHELL_SIGN)  # of conversation blocks
_SEARCH_ROWS = 24
# Of `⎿`, in all eras; a notice's cause below it (1.x) stands deeper, the lines of a tool's output still more.
_NOTICE_COLUMN, _CAUSE_COLUMN = 2, 4


Host = Literal["prompt", "tool", "text", "nothing"]
"""What a notice hangs on: a prompt (or tools that are done), a tool at work, an answer."""


@dataclass(frozen=True)
class Block:
    """The words of one thing on the screen, joined, and where each row's part of them stands."""

    text: str
    parts: tuple[tuple[int, int, int], ...]
    """`(index into text, row, column)`, the first part first."""

    @property
    def row(self) -> int:
        return self.parts[0][1]

    @property
    def column(self) -> int:
        return self.parts[0][2]

    def cell(self, index: int) -> tuple[int, int]:
        """Column and row of a character of `text`."""
        start, row, column = next(part for part in reversed(self.parts) if part[0] <= index)
        return column + width(self.text[start:index]), row

    def more(self, words: str, row: int, column: int, glue: str = " ") -> "Block":
        text = f"{self.text}{glue}{words}"
        return Block(text, (*self.parts, (len(self.text) + len(glue), row, column)))


@dataclass(frozen=True)
class LiveRegion:
    """`spinner` is the row that shows the client at work; `notices` are the `⎿` blocks directly above it,
    the lowest last, and `host` is what the first of them hangs on. `plain`: without glyphs, as the client
    draws for screen readers; whatever stands above its footer is taken for the spinner there."""

    spinner: Block
    notices: tuple[Block, ...]
    host: Host
    plain: bool = False


def has_box(rows: list[str]) -> bool:
    """Whether the input box shows: a menu, a question or another view may stand there instead."""
    return _input_box(rows) is not None or _plain_box(rows) is not None


def footer(rows: list[str]) -> list[str]:
    """The rows below the input box."""
    box = _input_box(rows)
    if box is None:
        return []
    lower = next((row for row in range(box + 2, len(rows)) if _LOWER_EDGE.match(rows[row])), len(rows))
    return rows[lower + 1 :]


def live_region(
    rows: list[str],
    columns: int,
    is_row: Callable[[str], bool] = lambda row: True,
    heads: Container[str] = (),
) -> LiveRegion | None:
    """What happens now, on a screen of so many columns. None when there is no input box, or no spinner above
    it: the client is not at work. `is_row` knows the words of a spinner that has no "…": when the turn is
    over, `✻ Brewed for 36s` may stand there. `heads` are those of tool calls seen before."""
    box = _input_box(rows)
    if box is None:
        return None
    at = _spinner_row(rows, box, is_row)
    if at is None:
        return None
    notices, host = _notices(rows, at, columns, heads)
    return LiveRegion(_spinner_block(rows, at, box), tuple(notices), host)


def plain_region(rows: list[str], is_busy: Callable[[str], bool]) -> LiveRegion | None:
    """The live region in the layout for screen readers (measured 2.1.273, 2.1.330): the footer says that the
    client is at work, and a `$` prompt ends the screen. None when it is not such a screen, or not at work."""
    end = _plain_box(rows)
    if end is None:
        return None
    for row in range(end - 1, max(0, end - _PLAIN_FOOTER_ROWS - 1), -1):
        if is_busy(rows[row]):
            return LiveRegion(Block(rows[row - 1].strip(), ((0, row - 1, 0),)), (), "nothing", plain=True)
    return None


def last_block(rows: list[str], columns: int) -> Block | None:
    """The last thing of the conversation, when the client is not at work: an answer, a notice."""
    box = _input_box(rows)
    if box is None:
        return None
    end = box - 1
    while end >= 0 and (not rows[end].strip() or _SPINNER_ROW.match(rows[end])):
        end -= 1  # what the turn took is written where the spinner was
    start = end
    while start > max(0, end - _SEARCH_ROWS) and not _opens(rows[start]):
        start -= 1
    if start < 0 or not _opens(rows[start]):
        return None
    opener = rows[start]
    at = len(opener) - len(opener.lstrip("".join(_OPENERS) + "⎿ \xa0"))
    block = Block(opener[at:], ((0, start, at),))
    for row in range(start + 1, end + 1):
        if width(rows[row - 1]) >= columns:
            block = block.more(rows[row].rstrip(), row, 0, glue="")
        elif rows[row].strip():
            block = block.more(rows[row].strip(), row, _indent(rows[row]))
    return block


def _opens(row: str) -> bool:
    return row[:1] in _OPENERS or row.lstrip().startswith("⎿")


def _input_box(rows: list[str]) -> int | None:
    """The row of the input box's upper edge: the lowest rule that has a prompt under it."""
    for row in range(len(rows) - 2, -1, -1):
        if _RULE.match(rows[row]) and _PROMPT.match(rows[row + 1]):
            return row
    return None


def _plain_box(rows: list[str]) -> int | None:
    end = len(rows) - 1
    while end >= 0 and not rows[end].strip():
        end -= 1
    return end if end >= 0 and _PLAIN_BOX.match(rows[end]) else None


def _spinner_row(rows: list[str], box: int, is_row: Callable[[str], bool]) -> int | None:
    for row in range(box - 1, max(-1, box - 1 - _SEARCH_ROWS), -1):
        text = rows[row]
        if _SPINNER_ROW.match(text) and ("…" in text or is_row(_spinner_block(rows, row, box).text)):
            return row
        if text and not text[0].isspace():
            return None  # a conversation block begins between here and the box
    return None


def _spinner_block(rows: list[str], at: int, box: int) -> Block:
    block = Block(rows[at][2:].strip(), ((0, at, 2),))
    for row in range(at + 1, box):
        words = rows[row].strip()
        if not words or words[0] in "⎿└☐☒✔✓◻◼□■" or _indent(rows[row]) > _FAR_RIGHT:
            break  # tips and to-do items hang below the spinner
        block = block.more(words, row, _indent(rows[row]))
    return block


def _notices(rows: list[str], spinner: int, columns: int, heads: Container[str]) -> tuple[list[Block], Host]:
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
    for row in range(start + 1, end + 1):
        words = rows[row].strip()
        at = rows[row].find("⎿") if words.startswith("⎿") else -1
        if at == _NOTICE_COLUMN or (found and at == _CAUSE_COLUMN):
            words = words[1:].strip()
            found.append(Block(words, ((0, row, len(rows[row]) - len(rows[row][at + 1 :].lstrip())),)))
        elif found and width(rows[row - 1]) >= columns:
            found[-1] = found[-1].more(rows[row].rstrip(), row, 0, glue="")
        elif found and words:
            found[-1] = found[-1].more(words, row, _indent(rows[row]))
    host = _host(rows, found[0].row, heads) if found else "nothing"
    if host == "tool":
        del found[0]
    return found, host


def tool_heads(rows: list[str], is_output: Callable[[str], bool]) -> Iterator[str]:
    """The heads of tool calls, as `live_region` wants to know them: with a bullet, or with output below, and
    not what the client says below a prompt."""
    for row, below in pairwise([*rows, ""]):
        if row[:1] in _BULLETS:
            head = row
        elif row[:2] == "  " and below.startswith(_OUTPUT) and is_output(below[len(_OUTPUT) :].strip()):
            head = f"●{row[1:]}"
        else:
            continue
        if _TOOL_CALL.match(head) or _GROUP_AT_WORK.match(head):
            yield head[1:].strip()


def _host(rows: list[str], notice: int, heads: Container[str]) -> Host:
    """What the notice hangs on: the head of the rows directly above it, or the prompt whose later paragraph
    they are. While a tool runs its bullet blinks, so a head without one must have been seen with it."""
    top = notice
    while top > 0 and rows[top - 1].strip():
        top -= 1
    head = rows[top]
    if head.startswith(_SHELL_SIGN) or (head[:1] == " " and head.strip() in heads):
        return "tool"
    if head[:1] in _BULLETS:
        if _TOOL_CALL.match(head) or _GROUP_AT_WORK.match(head):
            return "tool"
        return "prompt" if _GROUP_DONE.match(head) else "text"
    for row in range(notice - 1, -1, -1):
        if rows[row][:1] in _PROMPT_SIGNS:
            return "prompt"
        if rows[row][:1] in _OPENERS:
            return "text"
    return "nothing"


def _indent(row: str) -> int:
    return len(row) - len(row.lstrip())
