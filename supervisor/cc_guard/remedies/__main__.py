"""`python -m cc_guard.remedies`: remedies for a guard with an incident, each run a process of its own.

run ID [--dry-run]    carry it out, or say what that would be
plan ID               the same as --dry-run
undo --session PID    take back what that session changed; --until incident: only what was meant for that
                      long; --id ID: only these
sweep                 take back what dead sessions left
list                  all remedies, as they are on this machine

`run` and `plan` read a request (request.py) from stdin. All print one JSON document.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any

from cc_guard.diagnose import facts
from cc_guard.owner import Owner
from cc_guard.remedies import journal, registry, undo
from cc_guard.remedies.carry_out import Answer, carry_out, plan_only
from cc_guard.remedies.hands import Hands
from cc_guard.remedies.remedy import Remedy
from cc_guard.remedies.request import BadRequest, Request

_LARGEST = 4 * 1024 * 1024


def main(argv: list[str]) -> int:
    """Exit status: 0 there is an answer, 2 wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m cc_guard.remedies")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("run", "plan"):
        command = commands.add_parser(name)
        command.add_argument("id")
        command.add_argument("--dry-run", action="store_true")
    command = commands.add_parser("undo")
    command.add_argument("--session", type=int, required=True)
    command.add_argument("--until", choices=("incident", "session"))
    command.add_argument("--id", action="append", default=[])
    commands.add_parser("sweep")
    commands.add_parser("list")
    options = parser.parse_args(argv)
    if options.command == "list":
        answer: Any = _listed()
    elif options.command == "sweep":
        answer = _finished(_sweep())
    elif options.command == "undo":
        answer = _finished(_undo(options.session, options.until, options.id))
    else:
        remedy = registry.remedy(options.id)
        if remedy is None:
            parser.error(f"there is no remedy {options.id}")
        try:
            request = Request.of(json.loads(sys.stdin.read(_LARGEST) or "{}"))
        except (BadRequest, ValueError, RecursionError) as error:
            parser.error(f"the request can't be used: {error}")
        answer = _finished(_run(remedy, request, dry=options.dry_run or options.command == "plan"))
    print(json.dumps(answer))
    return 0


def _finished(work: Coroutine[Any, Any, Any]) -> Any:
    """SIGTERM cancels it, and what it is about to change is taken back before we end."""

    async def watched() -> Any:
        task = asyncio.ensure_future(work)
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        return await task

    try:
        return asyncio.run(watched())
    except asyncio.CancelledError:
        sys.exit(128 + signal.SIGTERM)


async def _run(remedy: Remedy, request: Request, dry: bool) -> dict[str, Any]:
    world = request.world(os.environ, os.getcwd())
    hands = Hands(world.facts)
    try:
        if dry:
            answer = await plan_only(remedy, world)
        else:
            answer = await carry_out(remedy, world, request.owners(), request.consent, hands)
    except Exception as error:
        text = f"the remedy itself failed: {type(error).__name__}: {error}"
        answer = Answer(remedy, remedy.level(world.facts), "failed", text)
        answer.commands = [done.to_json() for done in hands.done]
        owners = request.owners()
        left = [one.id for one in journal.of(owners.session) if one.remedy == remedy.id] if owners else []
        answer.undo = left[0] if left else None
    return answer.to_json()


async def _undo(session: int, until: str | None, ids: list[str]) -> list[dict[str, Any]]:
    relay = Owner.of(session)
    # A relay that was killed can't be told from others with its process id any more; but it is gone.
    of_it = (
        journal.of(relay)
        if relay.started
        else [entry for entry in journal.leftovers() if entry.session.pid == session]
    )
    entries = [
        entry for entry in of_it if (until is None or entry.until == until) and (not ids or entry.id in ids)
    ]
    return [done.to_json() for done in await undo.all_of(entries, Hands(facts.read()))]


async def _sweep() -> list[dict[str, Any]]:
    with contextlib.suppress(OSError):
        journal.tidy()
    return [done.to_json() for done in await undo.all_of(journal.leftovers(), Hands(facts.read()))]


def _listed() -> list[dict[str, Any]]:
    here = facts.read()
    return [
        {
            "id": remedy.id,
            "title": remedy.title,
            "text": remedy.text,
            "causes": list(remedy.causes),
            "level": remedy.level(here),
            "most": remedy.most(here),
            "until": remedy.until,
            "trial": remedy.trial,
            "by_guard": remedy.by_guard,
        }
        for remedy in registry.all_remedies()
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
