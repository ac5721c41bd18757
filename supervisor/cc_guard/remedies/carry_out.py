"""Carrying a remedy out, the same way for all: look, write down what will change, do it, see whether it
helped, and take back what did not.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from cc_guard.commands.output import plain
from cc_guard.remedies import journal, proof, undo
from cc_guard.remedies.hands import Failed, Hands, Refused, Unclear
from cc_guard.remedies.journal import Entry, Owners
from cc_guard.remedies.lock import Busy
from cc_guard.remedies.remedy import Move, Plan, Remedy, Step, Unfit
from cc_guard.remedies.world import World

Status = Literal["ok", "failed", "unfit", "refused", "suggested", "dry"]

_LOCK_WAIT_S = 10.0


@dataclass
class Answer:
    """What is told of a remedy, and kept in the incident. `undo` is the journal's entry of a change that was
    kept or could not be taken back; `helped` is None when nobody knows."""

    remedy: Remedy
    level: int
    status: Status
    detail: str
    plan: Plan | None = None
    commands: list[dict[str, Any]] = field(default_factory=list)
    undo: str | None = None
    helped: bool | None = None
    more: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "remedy": self.remedy.id,
            "level": self.level,
            "status": self.status,
            "detail": plain(self.detail),
            "text": _text(self),
            "commands": self.commands,
            "undo": self.undo,
            "helped": self.helped,
            "plan": _plan_json(self.plan),
            "env": dict(self.plan.env) if self.plan else {},
        }


async def plan_only(remedy: Remedy, world: World) -> Answer:
    """The dry run: what would be done, and nothing is."""
    level = remedy.level(world.facts)
    if remedy.plan is None:
        return Answer(remedy, level, "unfit", "cc-guard does this inside the session")
    try:
        plan = await remedy.plan(world)
        _commands(plan)  # all of its programs are here
    except Unfit as error:
        return Answer(remedy, level, "unfit", str(error))
    status: Status = "suggested" if _is_advice(remedy, plan, world) else "dry"
    return Answer(remedy, level, status, plan.text, plan)


async def carry_out(
    remedy: Remedy, world: World, owners: Owners | None, consent: bool, hands: Hands
) -> Answer:
    """Never raises but for cancellation, which takes back what was changed. Without `owners` nothing that has
    to be taken back is done."""
    answer = await plan_only(remedy, world)
    plan = answer.plan
    if answer.status != "dry" or plan is None:
        return answer
    if remedy.by_guard:
        answer.status, answer.detail = "unfit", "cc-guard does this inside the session"
        return answer
    if remedy.most(world.facts) == "ask" and not consent:
        answer.status, answer.detail = "refused", "this is done only when you say so"
        return answer
    try:
        if plan.moves:
            if owners is None or not owners.live:
                raise Failed("the session that wanted it is gone")
            await _move_until_it_helps(remedy, plan, world, owners, hands, answer)
        else:
            await _any_of(plan.steps, hands)
            answer.helped = await proof.helped(world, plan.proof, plan.patience_s)
            answer.status = "failed" if answer.helped is False else "ok"
            answer.detail = "done, and it did not help" if answer.helped is False else "done"
    except Refused as error:
        first, _, rest = str(error).partition("\n")
        answer.status, answer.detail, answer.more = "refused", first, rest
    except Unfit as error:
        answer.status, answer.detail = "unfit", str(error)
    except (Failed, Busy) as error:
        answer.status, answer.detail = "failed", str(error)
    answer.commands = [done.to_json() for done in hands.done]
    return answer


async def _any_of(steps: Sequence[Step], hands: Hands) -> None:
    """All of them; it is enough when one succeeds. Raises what the first that did not raised."""
    errors: list[Exception] = []
    for step in steps:
        try:
            await hands.do(step)
        except (Failed, Refused) as error:
            errors.append(error)
    if len(errors) == len(steps) and errors:
        raise errors[0]


async def _move_until_it_helps(
    remedy: Remedy, plan: Plan, world: World, owners: Owners, hands: Hands, answer: Answer
) -> None:
    if remedy.trial and plan.proof == "path" and await proof.helped(world, plan.proof, 0.0):
        raise Unfit("the API answers without it")
    told = []
    for move in plan.moves:
        entry = await _make(remedy, move, owners, hands)
        try:
            answer.helped = await proof.helped(world, plan.proof, plan.patience_s)
        except asyncio.CancelledError:
            await undo.take_back(entry, hands)
            raise
        if answer.helped is not False and owners.live:
            answer.status, answer.undo = "ok", entry.id
            answer.detail = f"{move.knob.what}: {move.to}, was {move.was}"
            return
        taken = await undo.take_back(entry, hands)
        if taken.outcome == "failed":
            answer.undo, answer.more = entry.id, f"To take it back yourself: {taken.command}"
            raise Failed(taken.text)
        told.append(f"{move.knob.what}: it changed nothing, taken back")
    answer.status, answer.detail = "failed", "; ".join(told)


async def _make(remedy: Remedy, move: Move, owners: Owners, hands: Hands) -> Entry:
    """Make one change. Whatever goes wrong, it is as it was when this raises, or in the journal."""
    knob = move.knob
    async with journal.locked(knob.key, _LOCK_WAIT_S) as lock:
        hands.lock = lock
        try:
            if await knob.read(hands) != move.was:
                raise Failed(f"{knob.what} has changed meanwhile")
            entry = journal.new(remedy.id, knob, move.was, move.to, remedy.until, owners)
            journal.write(entry)
            error: BaseException | None = None
            try:
                await knob.write(hands, move.to)
            except (Refused, Failed, Unfit, asyncio.CancelledError) as problem:
                error = problem
            now = await knob.read(hands)
            if now not in (None, move.was, *entry.ours):  # what it became by our doing is ours, too
                entry = journal.with_value(entry, str(now))
        finally:
            hands.lock = None
    if error is None and now == move.to:
        return entry
    taken = None
    if now == move.was and isinstance(error, Refused | Failed | Unfit) and not isinstance(error, Unclear):
        journal.close(entry)  # the command said that it did nothing, and so it is
    else:
        taken = await undo.take_back(entry, hands)
    if error is not None and (taken is None or taken.outcome != "failed"):
        raise error
    said = str(error) if error else f"{knob.what} is {now or 'unknown'} and not {move.to}"
    raise Failed(f"{said}; {taken.text}" if taken and taken.outcome == "failed" else said)


def _is_advice(remedy: Remedy, plan: Plan, world: World) -> bool:
    return remedy.most(world.facts) == "suggest" or not (plan.steps or plan.moves or remedy.by_guard)


def _plan_json(plan: Plan | None) -> dict[str, Any]:
    if plan is None:
        return {"steps": [], "check": [], "undo": []}
    steps = [*_commands(plan), *plan.advice]
    return {
        "steps": [step.to_json() for step in steps],
        "check": list(plan.check),
        "undo": [*(step.command for move in plan.moves for step in move.knob.steps(move.was)), *plan.undo],
    }


def _commands(plan: Plan) -> list[Step]:
    return [*plan.steps, *(step for move in plan.moves for step in move.knob.steps(move.to))]


def _text(answer: Answer) -> str:
    """For people: what it is about, and where they are to do it themselves, how."""
    lines = [answer.plan.text if answer.plan else answer.remedy.text]
    if answer.status in ("suggested", "refused", "dry"):
        told = _plan_json(answer.plan)
        for step in told["steps"]:
            lines.append(f"  {step['command']}" + (f"   ({step['where']})" if step["where"] else ""))
            lines += [f"    {step['why']}"] if step["why"] else []
        lines += [f"To check: {command}" for command in told["check"]]
        lines += [f"To undo: {command}" for command in told["undo"]]
    if answer.more:
        lines.append(answer.more)
    return "\n".join(plain(line) for part in lines for line in part.splitlines())
