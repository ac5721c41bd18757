"""Records what the real client puts on a terminal in known situations, with labels.

    python -m tests.support.record --all [--jobs 3]                  everything in tests/recordings, made anew
    python -m tests.support.record VERSION [SCENARIO…] [--variant NAME] [--size 120x40] [--out FOLDER]

FOLDER gets VERSION-SCENARIO[-VARIANT]-COLSxROWS.cast.gz: asciicast v2 whose header says under "cc-guard"
what was done and what a detector should say (labels.py). What reached the client's transcript, our hooks and
the API stands in it as markers at its time: `transcript {row}`, `hook {event}`, `request {…}`, `api FAULT`,
SIGSTOP.
"""

import argparse
import fnmatch
import json
import os
import re
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from cc_guard import paths
from cc_guard.channels import spool
from cc_guard.launch import hooks
from cc_guard.launch.version import parse
from tests.standin.api import StandIn
from tests.standin.faults import MESSAGES
from tests.standin.request import Request
from tests.support import labels, recorder
from tests.support.client import API_KEY, client_home, installed
from tests.support.recorder import Event, Recorder
from tests.support.scenarios import Scenario, Stage
from tests.support.scenarios_matrix import MATRIX, PLAIN, SCENARIOS, VARIANTS, Recording

FOLDER = Path(__file__).parent.parent / "recordings"

_TEXT_LIMIT = 500
_ROW_KEYS = (
    *("type", "subtype", "timestamp", "sessionId", "uuid", "id", "querySource"),
    *("isSidechain", "isApiErrorMessage", "isMeta", "isCompactSummary"),
    *("error", "apiErrorStatus", "retryAttempt", "maxRetries", "retryInMs"),
)


class Channels:
    """Follows the transcripts and hooks of a client, as markers for its recording."""

    def __init__(self, home: Path, spool_folder: Path) -> None:
        # With XDG_CONFIG_HOME set, clients up to 1.0.8x keep them there.
        self._folders = [home / ".claude" / "projects", home / ".config" / "claude" / "projects"]
        self._spool = str(spool_folder)
        self._read: dict[Path, int] = {path: path.stat().st_size for path in self.transcripts()}

    def transcripts(self) -> list[Path]:
        """Of conversations; sub-agents have files of their own."""
        found = [path for folder in self._folders for path in folder.glob("*/*.jsonl")]
        return [path for path in found if not path.name.startswith("agent-")]

    def news(self) -> Iterator[str]:
        for path in self.transcripts():
            with path.open("rb") as file:
                file.seek(self._read.get(path, 0))
                new = file.read()
            complete = new[: new.rfind(b"\n") + 1]
            self._read[path] = self._read.get(path, 0) + len(complete)
            for line in complete.splitlines():
                yield f"transcript {_json(_row(json.loads(line)))}"
        for event in spool.read(self._spool):
            said = {"event": event.event, "t": round(event.t, 3), "payload": _cut(event.payload)}
            yield f"hook {_json(said)}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _cut(value: object) -> object:
    if isinstance(value, dict):
        return {key: _cut(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_cut(part) for part in value]
    return value[:_TEXT_LIMIT] if isinstance(value, str) else value


def _row(row: dict[str, Any]) -> dict[str, Any]:
    """What matters of a row of the transcript."""
    kept = {key: _cut(row[key]) for key in _ROW_KEYS if key in row}
    message = row.get("message")
    if isinstance(message, dict) and row.get("type") in ("user", "assistant"):
        who = {key: message[key] for key in ("model", "role") if key in message}
        kept["message"] = who | {"content": _content(message.get("content"))}
    return kept


def _content(content: object) -> object:
    if not isinstance(content, list):
        return _cut(content)
    keys = ("type", "text", "name", "id", "tool_use_id", "is_error")
    return [{key: _cut(block[key]) for key in keys if key in block} for block in content]


def record(recording: Recording, out: Path) -> str:
    """Makes one recording; a line that says what its label is."""
    folder = Path(tempfile.mkdtemp(prefix="capture-"))
    try:
        return _record(recording, SCENARIOS[recording.scenario], folder, out)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _record(recording: Recording, scenario: Scenario, folder: Path, out: Path) -> str:
    version, variant = recording.version, VARIANTS[recording.variant]
    cols, rows = map(int, recording.size.split("x"))
    (folder / "work").mkdir()
    claude = str(installed(version))
    with StandIn(tls=folder / "tls" if scenario.tls else None) as api:
        env = client_home(folder, version, folder / "work", api.url, theme=variant.theme)
        env |= {"USER": "user", "LOGNAME": "user"} | scenario.env | variant.env
        for name in variant.without:
            del env[name]
        if scenario.retries is not None:
            env["CLAUDE_CODE_MAX_RETRIES"] = str(scenario.retries)
        hooked = _hooked(version, folder)

        def start(args: list[str], answers: bool = False) -> Recorder:
            argv = [claude, *hooked, *variant.args, *args, "--allowedTools", scenario.tools]
            return Recorder(argv, env, folder / "work", cols, rows, answers)

        stage = Stage(version, api, folder, start)
        args = scenario.before(stage) if scenario.before else []
        if stage.knows_session_id and not {"--resume", "--continue"} & set(args):
            args += ["--session-id", stage.session]
        spool.read(str(folder / "spool"))
        channels = Channels(folder / "home", folder / "spool")
        began = len(api.log)
        with start(args, variant.answers) as stage.screen:
            stage.screen.taps.append(channels.news)
            stage.ready()
            scenario.act(stage)
            screen = stage.screen
            screen.watch(0.1)
            screen.mark("end")
            _add_requests(screen, api.log[began:])
            if not scenario.truth.kinds and not scenario.truth.note:
                suffered = {request.fault for request in api.log[began:]} - {"", "slow"}
                assert not suffered, f"a trap suffered from {suffered}"
            facts = _facts(recording, screen.events)
            _assert_clean(screen)
            out.mkdir(parents=True, exist_ok=True)
            screen.save(out / f"{recording.stem}.cast.gz", facts)
    return f"{recording.stem}: {_told(facts)}"


def _add_requests(screen: Recorder, requests: list[Request]) -> None:
    """What has reached the API goes among the events, each at its time."""
    for request in requests:
        if request.path == MESSAGES:
            said = {"status": request.status, "fault": request.fault, "prompt": _cut(request.prompt)}
            screen.events.append((request.t - screen.start, "m", f"request {_json(said)}"))
    screen.events.sort(key=lambda event: event[0])


def _facts(recording: Recording, events: list[Event]) -> dict[str, Any]:
    """What the header says under "cc-guard"."""
    truth = SCENARIOS[recording.scenario].truth
    facts: dict[str, Any] = {"version": recording.version, "scenario": recording.scenario}
    facts |= {"variant": recording.variant, "theme": VARIANTS[recording.variant].theme}
    rows_stay = recording.version.startswith(("0.", "1."))
    facts |= labels.label(events, recording.size, truth, rows_stay)
    if truth.kinds and not facts["expect"]:
        facts["note"] = "This version shows nothing of the fault in this time."
    return facts


def relabel(recording: Recording, folder: Path) -> str:
    """Only the label is made anew."""
    path = folder / f"{recording.stem}.cast.gz"
    header, events = recorder.read(path)
    header["cc-guard"] = facts = _facts(recording, events)
    recorder.write(path, header, events)
    return f"{recording.stem}: {_told(facts)}"


def _told(facts: dict[str, Any]) -> str:
    words = []
    for told in facts["expect"]:
        words += [told["phase"], f"{told['since']}-{told['until']}", "/".join(told["kinds"])]
        words += [str(told[key]) for key in ("http_status", "attempts") if told.get(key)]
    attempts = [row["attempt"] for row in facts.get("told", [])]
    return " ".join(words + ([f"transcript {attempts}"] if attempts else [])) or "-"


def _hooked(version: str, folder: Path) -> list[str]:
    """Options that give the client our hooks, and the spool they write to."""
    spool.create(str(folder / "spool"))
    script = os.path.join(paths.shipped("hooks"), "cc-guard-hook")
    numbers = parse(version)
    events = hooks.events(numbers) if numbers else []
    if not events:
        return []
    file = folder / "hooks.json"
    file.write_text(hooks.settings({e: hooks.command(script, str(folder / "spool"), e) for e in events}))
    return ["--settings", str(file)]


def _assert_clean(screen: Recorder) -> None:
    """Recordings are public: nothing of this machine, its user or the key (which is none) is in them."""
    everything = "".join(data for _, _, data in screen.events)
    for secret in (API_KEY, str(Path.home() / ".cache"), socket.gethostname()):
        found = re.search(rf"(?<!\w){re.escape(secret)}(?!\w)", everything)
        assert found is None, f"{secret!r} is in the recording"


def _attempt(recording: Recording, out: Path) -> tuple[bool, str]:
    """Twice at most: a busy machine can make a client miss its cue."""
    for last in (False, True):
        try:
            return True, record(recording, out)
        except (TimeoutError, AssertionError, OSError, ValueError, KeyError) as error:
            said = f"{recording.stem}: {type(error).__name__} {error}"
            if last:
                return False, said
    raise AssertionError


def _make(recordings: list[Recording], out: Path, jobs: int) -> int:
    started = time.monotonic()
    failed = []
    for version in sorted({recording.version for recording in recordings}):
        installed(version)
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(_attempt, recording, out) for recording in recordings]
        for number, future in enumerate(as_completed(waiting), 1):
            done, said = future.result()
            print(f"[{number}/{len(waiting)}]{'' if done else ' FAILED'} {said}", flush=True)
            failed += [] if done else [said.partition(":")[0]]
    seconds = time.monotonic() - started
    print(f"{len(recordings) - len(failed)} made in {seconds:.0f} s; failed: {failed or 'none'}")
    return 1 if failed else 0


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.support.record",
        description="Records the real client in known situations.",
        epilog=f"--all makes {len(MATRIX)} recordings and removes all others: about 50 minutes with three "
        "jobs on two cores. Clients that are missing are fetched from npm first (3 GB).",
    )
    parser.add_argument("version", nargs="?")
    parser.add_argument("scenario", nargs="*", help="all of them without a name")
    parser.add_argument("--all", action="store_true", help="the whole matrix, into tests/recordings")
    parser.add_argument("--only", default="*", metavar="PATTERN", help="of the matrix, the stems that match")
    parser.add_argument("--missing", action="store_true", help="of the matrix, what is not there yet")
    parser.add_argument("--relabel", action="store_true", help="of the matrix, the labels of what is there")
    parser.add_argument("--jobs", type=int, default=3)
    parser.add_argument("--variant", default=PLAIN, choices=VARIANTS)
    parser.add_argument("--size", default="120x40")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--list", action="store_true", help="say what would be made")
    options = parser.parse_args()
    if options.all:
        out = options.out or FOLDER
        recordings = [r for r in MATRIX if fnmatch.fnmatch(r.stem, options.only)]
        there = {path.name.removesuffix(".cast.gz") for path in out.glob("*.cast.gz")}
        if options.missing or options.relabel:
            recordings = [r for r in recordings if (r.stem in there) == options.relabel]
    elif options.version and re.fullmatch(r"\d+\.\d+\.\d+", options.version):
        out = options.out or Path("/tmp/captures")
        names = options.scenario or list(SCENARIOS)
        recordings = [Recording(options.version, name, options.variant, options.size) for name in names]
    else:
        parser.error("a version, or --all")
    if options.list:
        print("\n".join(recording.stem for recording in recordings))
        return
    if options.relabel:
        print("\n".join(relabel(recording, out) for recording in recordings))
        return
    failed = _make(recordings, out, options.jobs)
    if options.all and not failed:
        for path in out.glob("*.cast.gz"):
            if path.name.removesuffix(".cast.gz") not in {recording.stem for recording in MATRIX}:
                path.unlink()
    sys.exit(failed)


if __name__ == "__main__":
    main()
