"""Megabytes of nonsense through everything between the client's output and a symptom.

    python -m tests.proofs.fuzz [--megabytes 50] [--seed N]

Nothing may raise, memory may not grow, and what has no word of a retry in it may not give a symptom. Among it
are recordings of real clients, bent and cut: there a symptom is right. Exit status 0: all of this holds.
"""

import argparse
import json
import random
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import psutil

from cc_guard.channels.spool import HookEvent
from cc_guard.detect.signatures import shipped
from cc_guard.detect.watch import Watch
from cc_guard.incident.record import Symptom
from cc_guard.replay.cast import read
from tests.support.replay import FOLDER
from tests.support.ticking import Clock

EPOCH = 1_800_000_000.0
GROWTH_LIMIT = 5 * 2**20
_SESSION = 8 * 1024  # bytes, then the terminal is put right: noise would switch its own light off
_PUT_RIGHT = b"\x18\x1b\\\x1b[?2026l\x1b[?1049l\x1b[!p\x1b[2J\x1b[H"

_GLYPHS = "●⏺⎿└✻✢✳✶✽·∗*+⋆>❯!$#│┃╭╮╰╯─━☐☒◻◼…• \xa0\t"
_WORDS = (
    *(
        "● Bash(ls)",
        "  ⎿  one",
        "     two",
        "> fix it",
        "❯ fix it",
        "✻ Brewing… (esc to interrupt)",
        "✢ Booping…",
    ),
    *(
        "─" * 60,
        "─" * 80,
        ">\xa0",
        "❯\xa0",
        "│ > │",
        "╭" + "─" * 78 + "╮",
        "  ? for shortcuts",
        "  esc to interrupt",
    ),
    *(
        "✻ Churned for 3s",
        "1/10",
        "(3s · ↓ 10 tokens)",
        "you: fix it",
        "$ ",
        "connection",
        "error",
        "timed out",
        "503",
    ),
    *("服务", "👩\u200d💻", "e\u0301\u0302", "\u202e", "\u200b", "ก็", "🙂", "\ufeff", "９"),
)
_WORDING = (
    "API Error (Connection error.) · Retrying in 4 seconds… (attempt 4/10)",
    "    ⎿  TypeError (fetch failed)",
    "  ⎿  Unable to connect to API due to poor internet connection",
    "     Retrying in 4 seconds… (attempt 4/10)",
    "  ⎿  Retrying in 1s · attempt 1/10",
    "✻ Connection dropped (ECONNRESET) · retrying in 9s · attempt 5/10",
    "✻ API error · retrying… · attempt 99999/10",
    "✻ Waiting for API response · will retry in 2m 31s · check your network",
    "● API Error: 503 no healthy upstream",
    "  ⎿  API Error: Operation aborted.",
    "9" * 400,
)
_TEMPLATES = (
    "\x1b[91m✻ {0}\x1b[37m · retrying in {1}s · attempt {1}/10\x1b[m",
    "✻ {0} · retrying in {1}s · attempt {1}/10",
    "✻ Waiting for API response · will retry in {1}m {1}s · check your network",
    "  ⎿  \x1b[91m{0}\x1b[m\r\n     Retrying in {1} seconds… (attempt {1}/10)",
    "  ⎿  \x1b[31mAPI Error ({0}) · Retrying in {1} seconds… (attempt {1}/10)\x1b[m",
    "  ⎿  {0} Retrying in {1}s · attempt {1}/{1}",
    "● \x1b[91mAPI Error: {1} {0}",
)
_COLOURS = ("31", "91", "39", "0", "2", "38;5;211", "38;5;246", "38;2;255;107;128", "38;2;153;153;153")


@dataclass
class Tally:
    """What one kind of nonsense has led to."""

    sent: int = 0
    looks: int = 0
    seconds: float = 0.0
    symptoms: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class Play:
    """The guard's watch on a clock of its own."""

    def __init__(self, chance: random.Random, tally: Tally) -> None:
        self._chance, self._tally = chance, tally
        self.clock = Clock()
        self.watch = Watch(shipped(), (2, 0, 60), self.clock, lambda: EPOCH + self.clock.now, self)
        self._offset = 0

    def output(self, data: bytes) -> None:
        self._tally.sent += len(data)
        self.watch.frames.output(data)
        self.clock.advance(self._chance.choice((0.0, 0.001, 0.02, 0.06, 0.3)))

    def event(self) -> None:
        """Now and then something else happens to a terminal."""
        luck = self._chance.random()
        if luck < 0.05:
            self.watch.frames.resize(self._chance.randint(0, 300), self._chance.randint(0, 100))
        elif luck < 0.06:
            self.watch.frames.resize(*self._chance.choice(((1, 1), (65535, 65535), (1, 500), (1000, 1))))
        elif luck < 0.07:
            self._offset += 10_000
            self.watch.lost(self._offset)
        elif luck < 0.2:
            self.watch.channels.row(nonsense(self._chance))
        elif luck < 0.25:
            self.watch.channels.hook(
                HookEvent(
                    self._chance.choice(("Stop", "StopFailure", "x")), self.clock.now, nonsense(self._chance)
                )
            )

    def put_right(self) -> None:
        self.watch.frames.resize(*self._chance.choice(((80, 24), (80, 24), (40, 12), (250, 60))))
        self.output(_PUT_RIGHT)
        self.clock.advance(1.0)

    # What the watch tells

    def on_symptom(self, symptom: Symptom, source: str) -> None:
        json.dumps(symptom.to_json(), allow_nan=False)
        if source == "screen":
            self._tally.symptoms.append(f"{symptom.phase}: {symptom.text[:100]!r}")

    def on_progress(self, t: float, source: str) -> None:
        self.watch.trend.sign()

    def on_interrupted(self, source: str) -> None:
        pass

    def on_frame(self, settled: bool) -> None:
        self._tally.looks += 1

    def poll_channels(self) -> None:
        pass


def nonsense(chance: random.Random, depth: int = 0) -> dict[str, object]:
    """A row of a transcript, or what a hook says."""
    keys = ("type", "subtype", "message", "timestamp", "error", "retryAttempt", "maxRetries", "retryInMs")
    more = (
        "isSidechain",
        "isApiErrorMessage",
        "model",
        "content",
        "transcript_path",
        "agent_id",
        "status",
        "text",
    )
    values: tuple[Callable[[], object], ...] = (
        lambda: chance.choice(
            ("assistant", "user", "system", "api_error", "<synthetic>", "", "\ud800", "9" * 50)
        ),
        lambda: chance.choice((0, -1, 1, 4, 503, 10**30, 10**400, 1e308, float("nan"), float("inf"), 0.5)),
        lambda: chance.choice(
            (None, True, False, [], {}, "2026-11-21T18:00:00Z", "9999-12-31T23:59:59-23:59")
        ),
        lambda: nonsense(chance, depth + 1) if depth < 4 else None,
        lambda: [nonsense(chance, depth + 1)] if depth < 4 else [],
    )
    return {key: chance.choice(values)() for key in keys + more if chance.random() < 0.6}


# Kinds of noise: each gives pieces of output without end


def any_bytes(chance: random.Random) -> Iterator[bytes]:
    while True:
        yield chance.randbytes(chance.randint(1, 1000))


def escape_sequences(chance: random.Random) -> Iterator[bytes]:
    """Well-formed and nearly so."""
    while True:
        parts = (_sequence(chance) for _ in range(chance.randint(1, 40)))
        yield "".join(parts).encode("utf-8", "surrogatepass")


def _sequence(chance: random.Random) -> str:
    known = (0, 1, 2, 5, 38, 48, 80, 999, 2026, 65536, 10**9)
    numbers = ";".join(str(chance.choice(known)) for _ in range(chance.randint(0, 6)))
    end = chance.choice(("\x07", "\x1b\\", ""))
    match chance.randrange(6):
        case 0 | 1:
            final = chance.choice("ABCDEFGHIJKLMPSTXZ@`abcdefghilmnpqrstux")
            return f"\x1b[{chance.choice(('', '?', '>', '<', '='))}{numbers}{final}"
        case 2:
            return f"\x1b{chance.choice(']P_^X')}{numbers};{_letters(chance, 20)}{end}"
        case 3:
            return f"\x1b{chance.choice('()*+78=>DEHMNOZc')}"
        case 4:
            return chance.choice(("\r", "\n", "\r\n", "\b", "\t", "\x0e", "\x0f", "\x18", "\x9b"))
        case _:
            return _letters(chance, 40)


def pictures(chance: random.Random) -> Iterator[bytes]:
    """Rows like a client's, in its places and colours, that say nothing of an error."""
    while True:
        yield _picture(chance, _WORDS)


def wordings(chance: random.Random) -> Iterator[bytes]:
    """The same with the client's words for trouble among them: whole, in pieces, and with reasons and numbers
    that no client has."""
    while True:
        whole = chance.choice(_WORDING)
        start = chance.randrange(len(whole))
        said = [chance.choice(_TEMPLATES).format(_label(chance), _number(chance)) for _ in range(6)]
        yield _picture(chance, (*_WORDS, whole, whole[start:], whole[:start], *said), said)


def recordings(chance: random.Random) -> Iterator[bytes]:
    """The output of real clients: bits turned, pieces lost, doubled and in another order."""
    paths = sorted(FOLDER.glob("*.cast.gz"))
    while True:
        cast = read(str(chance.choice(paths)))
        pieces = [data.encode("utf-8", "surrogateescape") for _, code, data in cast.events if code == "o"]
        for _ in range(3):
            at = chance.randrange(len(pieces))
            act = chance.choice(("lose", "double", "swap", "shuffle"))
            if act == "lose":
                del pieces[at : at + chance.randint(1, 5)]
            elif act == "double":
                pieces[at:at] = pieces[at : at + 3]
            elif act == "shuffle":
                some = pieces[at : at + 10]
                chance.shuffle(some)
                pieces[at : at + 10] = some
            elif pieces:
                other = chance.randrange(len(pieces))
                at = min(at, len(pieces) - 1)
                pieces[at], pieces[other] = pieces[other], pieces[at]
            if not pieces:
                break
        for piece in pieces:
            yield _bent(chance, piece)


NOISE = {"any bytes": any_bytes, "escape sequences": escape_sequences, "pictures": pictures}
"""Of these none may give a symptom."""
KINDS = NOISE | {"pictures with wordings": wordings, "bent recordings": recordings}


def _letters(chance: random.Random, most: int) -> str:
    letters = "abc xyz0123456789 /:;,.-()[]{}\"'" + _GLYPHS + "服é\u0301\u200d🙂\ud83d"
    return "".join(chance.choice(letters) for _ in range(chance.randint(0, most)))


def _label(chance: random.Random) -> str:
    piece = chance.choice(
        ("e\u0301\u0302\u0303", "服务", "👩\u200d💻", "ก็", "x", "no upstream ", "(", "E", "\u200b")
    )
    return f"503 {piece * chance.choice((1, 1, 2, 2, 5, 10, 20, 40))}"


def _number(chance: random.Random) -> str:
    odd = ("0", "99999", "9" * 30, "٣", "²", "9" * chance.choice((5, 400, 5000)))
    return chance.choice(odd) if chance.random() < 0.2 else str(chance.randint(1, 9))


def _picture(chance: random.Random, words: tuple[str, ...], above: Sequence[str] = ()) -> bytes:
    """Mostly with an input box below and something at work above it; some of `above` directly above that."""
    rows = []
    for _ in range(chance.randint(0, 6)):
        row = "".join(
            f"\x1b[{chance.choice(_COLOURS)}m{chance.choice(words)}"
            if chance.random() < 0.5
            else chance.choice(words)
            for _ in range(chance.choice((1, 1, 1, 2, 3)))
        )
        rows.append(
            chance.choice(("", "", "", "  ", "     "))
            + row
            + chance.choice(("\x1b[m", "", _letters(chance, 8)))
        )
        if chance.random() < 0.3:
            rows.append("")
    if chance.random() < 0.8:
        rule = "─" * chance.choice((20, 80, 80, 200))
        spinner = chance.choice(
            ("✻ Brewing…", "\x1b[38;2;215;119;87m✢ Booping…", chance.choice(above or words))
        )
        rows += ["> fix it", chance.choice(above)] if above and chance.random() < 0.7 else []
        rows += [
            "",
            f"\x1b[m{spinner}\x1b[m",
            "",
            rule,
            f"{chance.choice('>❯❯!#')}\xa0",
            rule,
            "  ? for shortcuts",
        ]
    begin, end = chance.choice((("\x1b[?2026h", "\x1b[?2026l"), ("", "")))
    text = "\r\n".join(rows)
    return f"{begin}\x1b[m\x1b[2J\x1b[H{text}{end}".encode("utf-8", "surrogatepass")


def _bent(chance: random.Random, piece: bytes) -> bytes:
    bent = bytearray(piece)
    if bent and chance.random() < 0.3:
        for _ in range(chance.randint(1, 4)):
            bent[chance.randrange(len(bent))] ^= 1 << chance.randrange(8)
    if chance.random() < 0.1:
        start = chance.randrange(len(bent) + 1)
        del bent[start : start + chance.randint(1, 40)]
    return bytes(bent)


def run(kind: str, size: int, seed: int) -> Tally:
    """`size` bytes of one kind through one watch."""
    chance = random.Random(f"{kind} {seed}")
    tally = Tally()
    play = Play(chance, tally)
    began = time.process_time()
    source = KINDS[kind](chance)
    play.put_right()
    next_session = _SESSION
    while tally.sent < size:
        try:
            play.output(next(source))
            play.event()
            if tally.sent >= next_session:
                next_session += _SESSION
                play.put_right()
        except Exception:
            tally.errors.append(traceback.format_exc())
            if len(tally.errors) >= 5:
                break
            play = Play(chance, tally)
    tally.seconds = time.process_time() - began
    return tally


def violations(kind: str, tally: Tally) -> list[str]:
    found = [f"{kind}: an exception\n{error}" for error in tally.errors]
    if kind in NOISE:
        found += [f"{kind}: a symptom from noise: {text}" for text in tally.symptoms[:5]]
    if not tally.looks:
        found.append(f"{kind}: nothing was ever looked at")
    return found


def table(tallies: dict[str, Tally]) -> str:
    row = "{:24} {:>7} {:>9} {:>9} {:>7} {:>7}".format
    lines = [row("kind", "MB", "looks", "symptoms", "errors", "MB/s")]
    for kind, tally in tallies.items():
        size = tally.sent / 2**20
        numbers = (
            tally.looks,
            len(tally.symptoms),
            len(tally.errors),
            f"{size / max(tally.seconds, 0.001):.1f}",
        )
        lines.append(row(kind, f"{size:.1f}", *numbers))
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.proofs.fuzz", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--megabytes", type=float, default=50.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    size = int(options.megabytes * 2**20 / len(KINDS))
    found = []
    for kind in KINDS:  # what is loaded and kept for the first time is no growth
        found += violations(kind, run(kind, min(size, 2**20), options.seed + 1))
    rss = psutil.Process().memory_info
    before = rss().rss
    tallies = {kind: run(kind, size, options.seed) for kind in KINDS}
    growth = rss().rss - before
    for kind, tally in tallies.items():
        found += violations(kind, tally)
    if growth > GROWTH_LIMIT:
        found.append(f"memory has grown by {growth / 2**20:.1f} MB")
    print(*found, table(tallies), sep="\n")
    print(
        f"RSS {before / 2**20:.1f} MB after the warm-up, then {growth / 2**20:+.1f} MB; seed {options.seed}"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
