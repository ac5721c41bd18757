"""Key round trip: from the write of a key at the outer terminal to the read that completes its answer.

The child answers each key with a token that occurs once.  Keys are typed one after the other with a pause of
random length, so that they fall on every phase of the frames.  Three loads: an idle child, and one that
redraws 60 frames/s of 4 KB and of 20 KB.  One round is one burst of keys per load and contestant; the
sessions of the others are open but idle meanwhile.  Many short rounds: the noise of a machine comes and goes
within seconds.
"""

import random
import time
from collections.abc import Sequence

from .lab import Lab, turns
from .plan import Plan
from .session import Session

LOADS = {"idle": b"A", "4 KB × 60/s": b"B", "20 KB × 60/s": b"F"}  # see children/keys.c
LETTERS = b"abcdefghijklmnopqrstuvwxyz"
PAUSE = (0.004, 0.010)
ANSWER_WITHIN = 5.0

KeyTimes = dict[str, list[list[float]]]
"""By load: the round trips in ms of every round."""


def measure(lab: Lab, plan: Plan) -> dict[str, KeyTimes]:
    pauses = random.Random(1)
    with lab.sessions("keys") as sessions:
        typed = dict.fromkeys(sessions, 0)
        times: dict[str, KeyTimes] = {name: {load: [] for load in LOADS} for name in sessions}
        for round_ in range(plan.key_rounds):
            for load, size in LOADS.items():
                for name in turns(list(sessions), round_):

                    def burst(name: str = name, load: str = load, size: bytes = size) -> None:
                        gaps = [pauses.uniform(*PAUSE) for _ in range(plan.keys_per_round)]
                        times[name][load].append(_burst(sessions[name], size, gaps, typed[name]))
                        typed[name] += len(gaps)

                    if not lab.attempt(sessions, name, burst):
                        del times[name]
    return times


def _burst(session: Session, size: bytes, gaps: Sequence[float], typed: int) -> list[float]:
    """Type one key per gap under a load, and leave the child idle again."""
    took = []
    session.send(size)
    session.pump(0.08)  # the first frames
    for number, gap in enumerate(gaps, typed):
        letter = LETTERS[number % 26 : number % 26 + 1]
        session.pump(gap)
        sent = time.perf_counter()
        session.send(letter)
        seen = session.wait_for(b"<%06d%s>" % (number, letter), ANSWER_WITHIN)
        took.append((seen - sent) * 1000)
    session.send(LOADS["idle"])
    session.pump(0.03)  # the last frames
    return took
