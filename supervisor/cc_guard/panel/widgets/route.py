"""The way to the API as a small picture: one station behind the other, IPv4 and IPv6 side by side."""

from collections.abc import Sequence
from itertools import groupby

from cc_guard.panel.state import Hop, Snapshot
from cc_guard.panel.widgets.page import DIM, Page, Part, mark
from cc_guard.panel.widgets.section import Section
from cc_guard.panel.words import fitted, milliseconds

_LINE = "$line"


class RouteView(Section):
    TITLE = "Way to the API"

    def write(self, page: Page, now: Snapshot, clock: float) -> None:
        if not now.hops:
            return
        groups = [list(group) for _, group in groupby(now.hops, lambda hop: hop.step)]
        if now.target:
            page.words(now.target, DIM, most=2)
        rows = _across(groups)
        if max(len("".join(text for text, _ in row)) for row in rows) <= page.width:
            for row in rows:
                page.line(*row)
            for hop in now.hops:
                if hop.state in ("warn", "fail") and hop.text:
                    sign = mark(hop.state)
                    page.words(f"{hop.title}: {hop.text}", "", (f"{sign[0]} ", sign[1]), most=3)
        else:
            _down(page, groups)


def _across(groups: Sequence[Sequence[Hop]]) -> list[list[Part]]:
    """One row, and a second one below where two stations are side by side."""
    top: list[Part] = []
    below: list[Part] = []
    for number, group in enumerate(groups):
        two = len(group) > 1
        if number:
            after_two = len(groups[number - 1]) > 1
            top.append((" ─┬─ " if two else "─ " if after_two else " ── ", _LINE))
            below.append(("  ╰─ " if two else "  " if after_two else "    ", _LINE))
        cells = [_cell(hop) for hop in group]
        widths = [sum(len(text) for text, _ in cell) for cell in cells]
        room = max(widths)
        top += [*cells[0]]
        if two:
            tail = room - widths[0]
            top.append((f" {'─' * tail}─┬", _LINE) if number + 1 < len(groups) else (" " * tail, ""))
            below += [*cells[1], (f" {'─' * (room - widths[1])}─╯", _LINE)]
        else:
            below.append((" " * room, ""))
    rows = [top]
    if any(len(group) > 1 for group in groups):
        rows.append(below)
    return rows


def _cell(hop: Hop) -> list[Part]:
    sign = mark(hop.state)
    parts = [sign, (f" {hop.title}", "" if hop.state in ("pass", "warn", "fail") else DIM)]
    if hop.ms is not None:
        parts.append((f" {milliseconds(hop.ms)}", DIM))
    return parts


def _down(page: Page, groups: Sequence[Sequence[Hop]]) -> None:
    for number, group in enumerate(groups):
        for lane, hop in enumerate(group):
            stem = ""
            if len(group) > 1:
                stem = "├" if lane + 1 < len(group) or number + 1 < len(groups) else "╰"
            elif any(len(other) > 1 for other in groups):
                stem = "│" if 0 < number < len(groups) - 1 else " "
            sign = mark(hop.state)
            title = f" {hop.title}"
            said = "" if hop.ms is None else milliseconds(hop.ms)
            left = [(stem, _LINE), sign, (title, "" if hop.state in ("pass", "warn", "fail") else DIM)]
            room = page.width - len(stem) - 1 - len(title)
            if hop.state in ("warn", "fail") and hop.text and not said:
                page.line(*left)
                page.words(hop.text, "", (" " * (len(stem) + 2), ""), most=3)
            else:
                page.line(*left, (fitted(said, room - 1).rjust(room), DIM))
