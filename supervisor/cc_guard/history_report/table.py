"""The list of incidents as a table: all there is for a pipe, for a terminal as much as fits."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from cc_guard.commands.output import plain
from cc_guard.history_report import stock, words
from cc_guard.incident.record import Incident

Paint = Callable[[str, str], str]
"""(text, SGR number) -> the text in that colour, or as it is."""

_GAP = "  "
_NUMBERS = ("DOWN", "HELD", "RETRIES", "SAVED")
_LONG = 16  # characters that stay of a code, of a cause and of what helped
_BOLD = "1"

# From column title to cells, in the order in which they are shown.
_Cells = dict[str, list[str]]
_Step = Callable[[_Cells], _Cells]


def table(incidents: Sequence[Incident], width: int | None, short: Mapping[str, str], paint: Paint) -> str:
    """`width` in columns of the terminal, None for a pipe; `short`: ids as good as the whole ones."""
    cells = _all(incidents)
    if width is not None:
        cells = _fitting(cells, width, _steps(incidents, short))
    columns = [_column(title, rows, incidents, paint) for title, rows in cells.items()]
    return "\n".join(_GAP.join(row).rstrip() for row in zip(*columns, strict=True))


def short_ids(ids: Iterable[str], least: int = 4) -> dict[str, str]:
    """For each id its shortest ending, of at least so many characters, that stands for no other one: neither
    as an ending nor as a beginning."""
    left = whole = list(ids)
    found: dict[str, str] = {}
    length = least
    while left:
        seen: dict[str, int] = {}
        for one in whole:
            for part in {one[-length:], one[:length]}:
                seen[part] = seen.get(part, 0) + 1
        found.update((one, one[-length:]) for one in left if seen[one[-length:]] == 1 or length >= len(one))
        left = [one for one in left if one not in found]
        length += 1
    return found


def _all(incidents: Sequence[Incident]) -> _Cells:
    saved = [stock.compare(one).retries_saved for one in incidents]
    cells: _Cells = {
        "ID": [one.id for one in incidents],
        "WHEN": [words.day(one.started_at) for one in incidents],
        "WHAT": [words.what(one.kind, one.code) for one in incidents],
        "CAUSE": [one.cause or "-" for one in incidents],
        "HELPED": [_helped(one) if one.outcome == "recovered" else "-" for one in incidents],
        "OUTCOME": [one.outcome for one in incidents],
        "DOWN": [words.span(one.downtime_s) for one in incidents],
        "HELD": [words.span(one.held_s or None) for one in incidents],
        "RETRIES": [str(one.retries_spent) for one in incidents],
        "SAVED": ["-" if one is None else str(one) for one in saved],
    }
    return {title: list(map(plain, rows)) for title, rows in cells.items()}


def _helped(incident: Incident) -> str:
    return ", ".join(words.helped(incident)) or "its own retry"


def _steps(incidents: Sequence[Incident], short: Mapping[str, str]) -> Sequence[_Step]:
    """What is given up for width, the least missed first."""
    return (
        _other("ID", [short.get(one.id, one.id) for one in incidents]),
        _other("WHEN", [words.day(one.started_at)[5:] for one in incidents]),
        _other("WHAT", [one.code or one.kind for one in incidents]),
        _cut("WHAT", _LONG),
        _both(_without("HELPED"), _other("OUTCOME", [_mark(one) for one in incidents])),
        _cut("OUTCOME", _LONG),
        _cut("CAUSE", _LONG),
        _without("HELD"),
        _without("SAVED"),
        _without("RETRIES"),
        _cut("WHAT", 10),
        _without("WHAT"),
        _cut("OUTCOME", 11),
        _without("CAUSE"),
        _without("WHEN"),
        _cut("ID", 8),
        _without("DOWN"),
    )


def _mark(incident: Incident) -> str:
    """How it ended and what helped, in one cell."""
    if incident.outcome == "recovered":
        return f"✓ {_helped(incident)}"
    return f"{'·' if incident.outcome == 'open' else '✗'} {incident.outcome}"


def _fitting(cells: _Cells, width: int, steps: Sequence[_Step]) -> _Cells:
    for step in steps:
        if sum(_width(title, rows) + len(_GAP) for title, rows in cells.items()) - len(_GAP) <= width:
            break
        cells = step(cells)
    return cells


def _other(title: str, rows: Sequence[str]) -> _Step:
    return lambda cells: {**cells, title: list(map(plain, rows))}


def _both(first: _Step, second: _Step) -> _Step:
    return lambda cells: second(first(cells))


def _cut(title: str, width: int) -> _Step:
    def cut(cell: str) -> str:
        return cell if len(cell) <= width else cell[: width - 1] + "…"

    return lambda cells: {
        name: list(map(cut, rows)) if name == title else rows for name, rows in cells.items()
    }


def _without(title: str) -> _Step:
    return lambda cells: {name: rows for name, rows in cells.items() if name != title}


def _column(title: str, rows: Sequence[str], incidents: Sequence[Incident], paint: Paint) -> list[str]:
    """All cells of one column with its title, of one width."""
    width = _width(title, rows)
    colours = [words.COLOURS[one.outcome] if title == "OUTCOME" else "" for one in incidents]
    return [
        _aligned(cell, width, colour, title in _NUMBERS, paint)
        for cell, colour in zip((title, *rows), (_BOLD, *colours), strict=True)
    ]


def _aligned(cell: str, width: int, colour: str, right: bool, paint: Paint) -> str:
    room = " " * (width - len(cell))
    shown = paint(cell, colour) if colour else cell
    return room + shown if right else shown + room


def _width(title: str, rows: Sequence[str]) -> int:
    return max(map(len, (title, *rows)))
