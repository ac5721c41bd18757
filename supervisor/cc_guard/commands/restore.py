"""`cc-guard restore`: takes back what sessions that are gone have changed and could not take back."""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Any

from cc_guard.commands.output import plain, written

Row = dict[str, Any]


def main(argv: list[str]) -> int:
    """Exit status: 0 nothing is left, 1 something could not be taken back, 2 wrong usage, 130 Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="cc-guard restore",
        description="Take back what cc-guard sessions that are gone have changed on this machine. What a\n"
        "running session has changed stays.",
        epilog="examples:\n  cc-guard restore\n  cc-guard restore --json | jq\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="one JSON document")
    try:
        options = parser.parse_args(argv)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2
    try:
        rows, problems = asyncio.run(_restored())
    except KeyboardInterrupt:
        print("cc-guard: interrupted. Nothing is lost: cc-guard restore goes on with it.", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"cc-guard: what was changed can't be read: {error}.", file=sys.stderr)
        return 1
    left = [row for row in rows if row["outcome"] in ("failed", "elsewhere")]
    status = 1 if left or problems else 0
    if options.json:
        done = [row for row in rows if row["outcome"] in ("undone", "nothing")]
        held = [row for row in rows if row["outcome"] == "held"]
        told = {"restored": done, "left": left, "held": held, "unreadable": problems}
        return written((f"{json.dumps(told, indent=2, ensure_ascii=False)}\n", status))
    return written((_text(rows, problems), status))


async def sweep() -> list[Row]:
    """What a start of cc-guard does, in a process of its own: rows of what was taken back, or could not be.
    Never raises but for cancellation."""
    from cc_guard.remedies import ask

    return await ask.sweep()


async def _restored() -> tuple[list[Row], list[str]]:
    """What became of each change, those of living sessions too; and why others can't be read."""
    from cc_guard.diagnose import facts
    from cc_guard.remedies import journal, undo
    from cc_guard.remedies.hands import Hands

    journal.tidy()
    left = journal.leftovers()
    rows = [done.to_json() for done in await undo.all_of(left, Hands(facts.read()))]
    known = {entry.id for entry in left}
    held = [entry for entry in journal.entries() if entry.id not in known]
    rows += [
        undo.Undone(
            entry, "held", f"{entry.what} is changed by a running session (process {entry.session.pid})"
        ).to_json()
        for entry in held
    ]
    return rows, journal.unreadable()


def _text(rows: Sequence[Row], problems: Sequence[str]) -> str:
    if not rows and not problems:
        return "Nothing to take back: no session has left anything changed.\n"
    marks = {"undone": "✓", "nothing": "✓", "held": "·", "elsewhere": "✗", "failed": "✗"}
    lines = []
    for row in rows:
        lines.append(f"{marks[row['outcome']]} {plain(row['text'])}  [{row['remedy']}, {row['at']}]")
        if row["command"]:
            lines.append(f"    {plain(row['command'])}")
    if any(row["outcome"] == "failed" and "sudo " in row["command"] for row in rows):
        lines.append("When sudo wants a password: run `sudo -v` here, and then cc-guard restore again.")
    lines += [f"✗ {plain(problem)}" for problem in problems]
    return "\n".join(lines) + "\n"
