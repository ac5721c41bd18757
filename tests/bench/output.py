"""Output: throughput, identity of the bytes, and what they leave behind in the wrapper's memory.

One session per contestant.  In each round the child sends some megabytes of coloured text; the clock runs
from the key that asks for them to the token behind them.  The memory of every wrapper process is read before
the first and after the last round.  At the end the child sends one more block and exits at once, and all
that arrived is compared with all that was sent: not for a contestant that redraws.
"""

import hashlib
import random
import time
from dataclasses import dataclass, field

from .lab import Lab, turns
from .plan import Plan
from .processes import Usage
from .session import Session

BLOCK_SIZE = 1_000_000
SENT = b"<SENT %d>"
SENT_WITHIN = 120.0
REST_WITHIN = 1.0


@dataclass
class Output:
    """`difference` is empty when every byte arrived as sent, None when there is nothing to compare."""

    rates: list[float] = field(default_factory=list)
    before: list[Usage] = field(default_factory=list)
    after: list[Usage] = field(default_factory=list)
    difference: str | None = None


def measure(lab: Lab, plan: Plan) -> dict[str, Output]:
    file = lab.scratch / "block"
    block = _block()
    file.write_bytes(block)
    settings = {"BENCH_BLOCK": str(file), "BENCH_REPEAT": str(plan.megabytes_per_round)}
    with lab.sessions("blast", settings) as sessions:
        results = {name: Output(before=session.usage()) for name, session in sessions.items()}
        arrived = {name: _Arrived() for name in sessions}
        for round_ in range(plan.output_rounds):
            for name in turns(list(sessions), round_):

                def blast(name: str = name, round_: int = round_) -> None:
                    seconds = _blast(sessions[name], SENT % round_, arrived[name])
                    results[name].rates.append(plan.megabytes_per_round / seconds)

                if not lab.attempt(sessions, name, blast):
                    del results[name]
        for name, session in sessions.items():
            session.pump(REST_WITHIN)
            results[name].after = session.usage()
        expected = _expected(block, plan)
        for name in list(sessions):
            session = sessions.pop(name)
            rest: list[bytes] = []
            lab.close(session, rest)
            arrived[name].add(rest)
            if not session.contestant.redraws:
                results[name].difference = arrived[name].difference(expected)
    return results


class _Arrived:
    """Size and hash of what came through; fed outside of the timed part."""

    def __init__(self) -> None:
        self.size = 0
        self.hash = hashlib.sha256()

    def add(self, pieces: list[bytes]) -> None:
        for piece in pieces:
            self.size += len(piece)
            self.hash.update(piece)

    def difference(self, expected: "_Arrived") -> str:
        if self.hash.digest() == expected.hash.digest():
            return ""
        lost = expected.size - self.size
        if lost == 0:
            return "other bytes"
        return f"{lost} bytes lost" if lost > 0 else f"{-lost} bytes too many"


def _blast(session: Session, sent: bytes, arrived: _Arrived) -> float:
    pieces: list[bytes] = []
    begun = time.perf_counter()
    session.send(b"g")
    seen = session.wait_for(sent, SENT_WITHIN, pieces)
    arrived.add(pieces)
    return seen - begun


def _expected(block: bytes, plan: Plan) -> _Arrived:
    expected = _Arrived()
    for round_ in range(plan.output_rounds):
        expected.add([block] * plan.megabytes_per_round + [SENT % round_])
    expected.add([block])
    return expected


def _block() -> bytes:
    """Text as a build log has it: colours, UTF-8, lines of every length, both line ends."""
    draw = random.Random(2)
    words = ("error", "größer", "●", "naïve", "│", "0x7fff", "⎿", "日本", "done", "--verbose", "✻")
    text = bytearray()
    while True:
        line = " ".join(draw.choices(words, k=draw.randint(1, 24)))
        line_end = draw.choice(("\r\n", "\n"))
        coloured = f"\x1b[{draw.randint(31, 36)}m{line}\x1b[0m{line_end}".encode()
        if len(text) + len(coloured) > BLOCK_SIZE - 2:
            return bytes(text).ljust(BLOCK_SIZE - 2, b".") + b"\r\n"
        text += coloured
