"""`cc-guard replay`: what detection says about a recording; about many, how often it is right."""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator

from cc_guard.commands.output import plain, written
from cc_guard.detect.signatures import SignatureError, load
from cc_guard.replay.cast import Cast, CastError, read
from cc_guard.replay.player import Told, play
from cc_guard.replay.report import Score, episodes, score, table
from cc_guard.screen.model import Screen

_SUFFIXES = (".cast", ".cast.gz")

_EPILOG = """\
exit status: 0 done, 1 a labelled recording was not read right, 2 wrong usage or not a recording

examples:
  cc-guard --record outage.cast claude     makes one
  cc-guard replay outage.cast
  cc-guard replay --json outage.cast | jq .kind
"""


def main(argv: list[str]) -> int:
    """Exit status: 0 done, 1 a labelled recording was not read right, 2 wrong usage or not a recording."""
    try:
        options = _parse(argv)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2
    try:
        paths = list(_recordings(options.path))
        several = len(paths) > 1 or os.path.isdir(options.path[0])
        return written(_report(paths, options.json) if several else _symptoms(paths[0], options.json))
    except (CastError, SignatureError) as error:
        print(f"cc-guard: {plain(str(error))}", file=sys.stderr)
        return 2
    except (ImportError, OSError) as error:
        print(
            f"cc-guard: {error}. Replay needs the screen library, which has builds for Linux and macOS.",
            file=sys.stderr,
        )
        return 2


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="cc-guard replay",
        description="Detection over an asciicast v2 recording: one symptom a line. With several recordings,\n"
        "or a folder of them, a table of how often detection is right where they are labelled.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("path", nargs="+", metavar="FILE.cast", help="a recording (also .gz), or a folder")
    parser.add_argument("--json", action="store_true", help="one JSON document a line")
    return parser.parse_args(argv)


def _recordings(paths: list[str]) -> Iterator[str]:
    for path in paths:
        if not os.path.isdir(path):
            yield path
            continue
        try:
            found = [name for name in sorted(os.listdir(path)) if name.endswith(_SUFFIXES)]
        except OSError as error:
            raise CastError(f"{path} can't be read: {error.strerror}.") from None
        if not found:
            raise CastError(f"{path} holds no recordings (*.cast, *.cast.gz).")
        yield from (os.path.join(path, name) for name in found)


def _symptoms(path: str, as_json: bool) -> tuple[str, int]:
    cast = read(path)
    told = play(cast, load())
    if as_json:
        return "".join(json.dumps(_document(one), ensure_ascii=False) + "\n" for one in told), 0
    if not told:
        return f"No symptoms in {cast.seconds:.0f} s of recording.\n", 0
    return "".join(_line(one) + "\n" for one in told), 0


def _document(one: Told) -> dict[str, object]:
    return one.symptom.to_json() | {"source": one.source, "at_s": round(one.at, 3)}


def _line(one: Told) -> str:
    symptom = one.symptom
    words = [f"{one.at:9.2f} s", f"{symptom.phase:<8}", f"{symptom.kind:<12}"]
    words.append((symptom.code or "").ljust(12))
    numbers = f"attempt {symptom.attempt}/{symptom.max_attempts}" if symptom.attempt else ""
    if symptom.retry_in_s is not None:
        numbers += f", next in {symptom.retry_in_s:g} s"
    if symptom.phase == "failed":
        numbers = "confirmed" if symptom.confirmed else "by the screen alone"
    words += [numbers.ljust(30), f"{one.source:<10}", plain(" ".join(symptom.text.split()))]
    return "  ".join(words).rstrip()


def _report(paths: list[str], as_json: bool) -> tuple[str, int]:
    signatures = load()
    Screen(1, 1)  # loads the library, which is no part of the first recording's time
    scores: dict[str, Score] = {}
    lines = []
    for path in paths:
        cast = read(path)
        started = time.process_time()
        told = play(cast, signatures)
        took_s = time.process_time() - started
        one = _score(cast, told)
        one.seconds, one.took_s = cast.seconds, took_s
        version = " ".join(str(cast.notes.get("version") or "unknown").split())
        scores.setdefault(version, Score()).add(one)
        if as_json:
            lines.append(json.dumps({"file": path, "version": version} | vars(one), ensure_ascii=False))
    ordered = {version: scores[version] for version in sorted(scores, key=_by_number)}
    good = all(one.good for one in scores.values())
    text = "\n".join(lines if as_json else map(plain, table(ordered).split("\n")))
    return text + "\n", 0 if good else 1


def _score(cast: Cast, told: list[Told]) -> Score:
    try:
        expected = episodes(cast.notes)
    except ValueError as error:
        raise CastError(f"{cast.path}: {error}.") from None
    name = " ".join(os.path.basename(cast.path).split())
    if expected is None:
        return Score(recordings=1)
    return score(name, expected, told)


def _by_number(version: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdecimal() and len(part) < 9 else -1 for part in version.split("."))
