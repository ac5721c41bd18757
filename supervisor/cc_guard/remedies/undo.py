"""Taking changes back: only what still has the value that we gave it, and seen to be done before it is
forgotten.

Safe to be interrupted anywhere and to be done by several at once: an entry stays in the journal until its
thing was read and found as it was, and whoever does anything about a thing has its lock.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from cc_guard.incident.record import iso
from cc_guard.remedies import journal
from cc_guard.remedies.hands import Failed, Hands, Refused
from cc_guard.remedies.journal import Entry
from cc_guard.remedies.knob import GONE, Knob
from cc_guard.remedies.lock import Busy
from cc_guard.remedies.place import Place
from cc_guard.remedies.remedy import Unfit

Outcome = Literal["undone", "nothing", "held", "elsewhere", "failed"]

_LOCK_WAIT_S = 20.0  # a remedy that is at work on the same thing has a deadline of its own
_POLL_S = 0.2
# A network namespace or container that was not entered again for a week is taken for gone.
_FORGOTTEN_S = 7 * 86400.0


@dataclass(frozen=True)
class Undone:
    """What became of an entry. `nothing`: there was nothing to take back any more, or it was not ours to take
    back, and the text says which; `command` is what the user can do about one that `failed`."""

    entry: Entry
    outcome: Outcome
    text: str
    command: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.entry.id,
            "remedy": self.entry.remedy,
            "what": self.entry.what,
            "at": iso(self.entry.at),
            "outcome": self.outcome,
            "text": self.text,
            "command": self.command,
        }


async def take_back(entry: Entry, hands: Hands) -> Undone:
    """Never raises for what the machine does."""
    passed = _is_past(entry)
    if passed is not None:
        return passed
    try:
        knob = entry.thing()
    except ValueError as error:
        return Undone(entry, "failed", f"{entry.what}: {error}")
    try:
        async with journal.locked(entry.key, _LOCK_WAIT_S) as lock:
            hands.lock = lock
            return await _alone(entry, knob, hands)
    except (Busy, journal.Unreadable, OSError) as error:
        return _failed(entry, knob, str(error))
    finally:
        hands.lock = None


async def all_of(entries: Iterable[Entry], hands: Hands) -> list[Undone]:
    """One after the other: changes of one thing lie on top of each other."""
    return [await take_back(entry, hands) for entry in entries]


def _is_past(entry: Entry) -> Undone | None:
    """An entry about another start, machine or network namespace."""
    here = Place.here()
    if entry.place.boot != here.boot and entry.place.machine == here.machine:
        if entry.scope == "disk":
            return None
        journal.close(entry)
        return Undone(entry, "nothing", f"{entry.what}: gone with the restart of this machine")
    if entry.place.boot == here.boot and (entry.scope != "net" or entry.place.net == here.net):
        return None
    where = "another machine" if entry.place.boot != here.boot else "another network namespace or container"
    if time.time() - entry.at > _FORGOTTEN_S:
        journal.close(entry)
        return Undone(entry, "nothing", f"{entry.what}: {where}, not seen for a week")
    text = f"{entry.what} was changed in {where}, and can only be taken back there"
    return Undone(entry, "elsewhere", text, "cc-guard restore")


async def _alone(entry: Entry, knob: Knob, hands: Hands) -> Undone:
    """With the lock."""
    known = journal.read(entry.id)
    if known is None:
        return Undone(entry, "nothing", f"{entry.what}: taken back already")
    entry = known
    heirs = [
        other for other in journal.of_key(entry.key) if other.id != entry.id and other.place == entry.place
    ]
    if heirs:
        journal.hand_over(entry, heirs[0])
        return Undone(entry, "nothing", f"{entry.what}: another session has it, and will take it back")
    now = await _settled(entry, knob, hands)
    if now is None:
        return _failed(entry, knob, "its state can't be told now")
    if now == entry.was or now not in entry.ours:
        journal.close(entry)
        why = (
            "as it was"
            if now == entry.was
            else "no longer there"
            if now == GONE
            else f"now {now}: left alone"
        )
        return Undone(entry, "nothing", f"{entry.what}: {why}")
    try:
        await knob.write(hands, entry.was)
    except (Refused, Failed, Unfit) as error:
        return _failed(entry, knob, str(error).partition("\n")[0])
    now = await knob.read(hands)
    if now != entry.was:
        return _failed(entry, knob, f"it is {now or 'unknown'} and not {entry.was}")
    journal.close(entry)
    return Undone(entry, "undone", f"{entry.what}: {entry.was} again")


async def _settled(entry: Entry, knob: Knob, hands: Hands) -> str | None:
    """The value, once what was asked for can't come about any more."""
    end = time.monotonic() + min(knob.settles_s, entry.at + knob.settles_s - time.time())
    while True:
        now = await knob.read(hands)
        if now != entry.was or time.monotonic() > end:
            return now
        await asyncio.sleep(_POLL_S)


def _failed(entry: Entry, knob: Knob, why: str) -> Undone:
    command = ""
    with contextlib.suppress(Unfit):
        command = " && ".join(step.command for step in knob.steps(entry.was))
    return Undone(entry, "failed", f"{entry.what} could not be taken back: {why}", command)
