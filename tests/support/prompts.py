"""Records the input box of the real client in every state it can be in, with what was done as the label.

    python -m tests.support.prompts --all [--jobs 3]            everything in tests/data/prompts, made anew
    python -m tests.support.prompts VERSION [TOUR…] [--variant NAME] [--size 80x24] [--out FOLDER] [--show]

A recording is an asciicast v2. Where the screen is at rest and it is known what is open, it has a marker
`prompt {…}`: `did` is what was done, `state` what detect/prompt.py calls that, `text` the draft as it was
typed (`exact`: a screen can tell all of it), `vim` and `focus` how the client was at that time. Transcript
and hooks stand in it as in tests/recordings.
"""

import argparse
import json
import os
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from cc_guard import paths
from cc_guard.channels import spool
from cc_guard.launch import hooks
from cc_guard.launch.version import parse
from tests.standin.api import StandIn
from tests.support.client import API_KEY, box_shown, client_home, installed
from tests.support.record import Channels
from tests.support.recorder import Recorder, solid
from tests.support.scenarios_matrix import VARIANTS

FOLDER = Path(__file__).parent.parent / "data" / "prompts"

_SPINNER = re.compile(r"(?:[·✢✳✶✻✽∗*] )?\w+(?:-\w+)?…(?: |$)")
_QUIET_S = 0.5
_LONGEST_S = 5.0
_START_S = 40.0


@dataclass
class Guest:
    """A client on a screen, and what its user does. `look` writes the label of what the screen shows now."""

    version: str
    api: StandIn
    folder: Path
    screen: Recorder
    vim: bool = False
    focus: bool = True
    show: Callable[[str], None] = field(default=lambda text: None)

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(map(int, self.version.split(".")))

    def press(self, keys: str, seconds: float = 0.0) -> None:
        """Keys, and then until the screen is at rest."""
        self.screen.type(keys)
        self.rest(seconds)

    def rest(self, seconds: float = 0.0) -> None:
        """At least so long, then until nothing has been drawn for half a second."""
        self.screen.watch(max(seconds, 0.3))
        end = self.screen.now() + _LONGEST_S
        while self.screen.now() < end:
            before = len(self.screen.events)
            self.screen.watch(_QUIET_S)
            if not any(kind == "o" for _, kind, _ in self.screen.events[before:]):
                return

    def type(self, text: str) -> None:
        """A draft of one line, until it is drawn."""
        wanted = solid(text)[: self.screen.cols // 2]
        before = solid(self.screen.screen()).count(wanted)
        self.screen.type(text)
        self.screen.watch(20, lambda: not wanted or solid(self.screen.screen()).count(wanted) > before)
        self.rest(0.3 if wanted else 2.0)

    def write(self, text: str) -> None:
        """A draft, as quick fingers type it; `\\n` as every version takes it: a backslash and Enter."""
        for number, line in enumerate(text.split("\n")):
            if number:
                self.press("\\")
                self.press("\r")
            if line:
                self.type(line)

    def paste(self, text: str) -> None:
        self.press(f"\x1b[200~{text}\x1b[201~", 1.0)

    def clear(self, lines: bool = False) -> None:
        """The draft; `lines`: it has several."""
        if lines:
            self.press("\x03", 2.5)  # twice within two seconds would end the client
            return
        self.press("\x05")
        self.press("\x15")

    def command(self, name: str) -> bool:
        """A slash command; whether it has opened something instead of the input box."""
        self.press(name, 1.0)
        self.press("\r")
        opened = self.screen.watch(4, lambda: not box_shown(self.screen.screen()))
        self.rest(0.5)
        return opened and not box_shown(self.screen.screen())

    def close(self, *keys: str) -> None:
        """Of these keys, as many as it takes until the input box is back."""
        for key in keys:
            self.screen.type(key)
            if self.screen.watch(4, lambda: box_shown(self.screen.screen())):
                break
        self.rest(0.5)

    def send(self, prompt: str) -> None:
        self.screen.type(prompt)
        self.screen.watch(20, lambda: solid(prompt)[-20:] in solid(self.screen.screen()))
        self.screen.watch(0.4)
        self.screen.type("\r")

    def wait(self, words: str, seconds: float = 20.0) -> None:
        wanted = solid(words)
        if not self.screen.watch(seconds, lambda: wanted in solid(self.screen.screen())):
            raise TimeoutError(f"{words!r} did not show:\n{self.screen.screen()}")

    def idle(self) -> None:
        """Nothing on the screen says that it works, for a while."""
        for _ in range(2):
            if not self.screen.watch(40, lambda: not _works(self.screen.screen())):
                raise TimeoutError(f"it goes on working:\n{self.screen.screen()}")
            self.rest(1.0)

    def works(self) -> None:
        """The screen says that it works."""
        if not self.screen.watch(20, lambda: _works(self.screen.screen())):
            raise TimeoutError(f"it does not work:\n{self.screen.screen()}")
        self.screen.watch(0.5)

    def answered(self, text: str) -> None:
        """The answer is there, which is not the prompt that asks for it; and the box is at rest."""
        if not self.screen.watch(40, lambda: _answers(self.screen.screen(), text)):
            raise TimeoutError(f"no answer {text!r}:\n{self.screen.screen()}")
        self.idle()

    def focused(self, focus: bool) -> None:
        self.focus = focus
        self.press("\x1b[I" if focus else "\x1b[O")

    def look(
        self,
        did: str,
        state: str,
        text: str | None = None,
        *,
        exact: bool = True,
        pastes: bool = False,
        shows: Iterable[str] = (),
    ) -> None:
        """`shows`: words by which a person knows that it is so."""
        for words in shows:
            self.wait(words, 30)
        said: dict[str, Any] = {"did": did, "state": state}
        if text is not None:
            said |= {"text": text, "exact": exact}
        said |= {"pastes": True} if pastes else {}
        said |= {"vim": True} if self.vim else {}
        said |= {} if self.focus else {"focus": False}
        self.screen.mark(f"prompt {json.dumps(said, ensure_ascii=False)}")
        self.show(f"{json.dumps(said, ensure_ascii=False)}\n{self.screen.screen()}")


@dataclass(frozen=True)
class Tour:
    """`act` is recorded. `home` and `settings` go into the user's `.claude.json` and `settings.json`,
    `project` into what the first says of the folder; `ready`: the client starts with its input box."""

    act: Callable[[Guest], None]
    home: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    project: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    args: tuple[str, ...] = ()
    tools: str = "Read"
    env: dict[str, str] = field(default_factory=dict)
    vim: bool = False
    ready: bool = True


@dataclass(frozen=True)
class Capture:
    version: str
    tour: str
    variant: str = "plain"
    size: str = "80x24"

    @property
    def stem(self) -> str:
        variant = "" if self.variant == "plain" else f"-{self.variant}"
        return f"{self.version}-{self.tour}{variant}-{self.size}"


def capture(what: Capture, out: Path, show: bool = False) -> str:
    folder = Path(tempfile.mkdtemp(prefix="capture-"))
    try:
        return _capture(what, folder, out, show)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _capture(what: Capture, folder: Path, out: Path, show: bool) -> str:
    from tests.support.prompt_tours import TOURS

    tour, variant = TOURS[what.tour], VARIANTS[what.variant]
    cols, rows = map(int, what.size.split("x"))
    work = folder / "work"
    work.mkdir()
    with StandIn() as api:
        env = client_home(folder, what.version, work, api.url, theme=variant.theme)
        own = {name: value.replace("{folder}", str(folder)) for name, value in tour.env.items()}
        env |= {"USER": "user", "LOGNAME": "user", "EDITOR": "cat"} | variant.env | own
        for name in variant.without:
            del env[name]
        _furnish(folder, work, tour)
        spool.create(str(folder / "spool"))
        argv = [str(installed(what.version)), *_hooked(what.version, folder), *variant.args, *tour.args]
        channels = Channels(folder / "home", folder / "spool")
        with Recorder(
            [*argv, "--allowedTools", tour.tools], env, work, cols, rows, variant.answers
        ) as screen:
            screen.taps.append(channels.news)
            guest = Guest(what.version, api, folder, screen, tour.vim)
            if show:
                guest.show = lambda text: print(f"\n=== {text}", flush=True)
            if tour.ready and not screen.watch(_START_S, lambda: _asks(screen.screen())):
                raise TimeoutError(f"no input box:\n{screen.screen()}")
            guest.rest(2.0)
            tour.act(guest)
            screen.watch(0.2)
            _assert_clean(screen)
            out.mkdir(parents=True, exist_ok=True)
            facts = {"version": what.version, "tour": what.tour, "variant": what.variant}
            screen.save(out / f"{what.stem}.cast.gz", facts)
            looks = sum(kind == "m" and data.startswith("prompt ") for _, kind, data in screen.events)
    return f"{what.stem}: {looks} looks"


def _furnish(folder: Path, work: Path, tour: Tour) -> None:
    home = folder / "home"
    for path, changes in (
        (home / ".claude.json", tour.home),
        (home / ".claude" / "settings.json", tour.settings),
    ):
        told = json.loads(path.read_text()) | changes
        if tour.project and "projects" in told:
            told["projects"][str(work.resolve())] |= tour.project
        path.write_text(json.dumps(told).replace("{folder}", str(folder)))
    for name, text in tour.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes.fromhex(text[4:]) if text.startswith("hex:") else text.encode())
        path.chmod(0o755)


def _hooked(version: str, folder: Path) -> list[str]:
    numbers = parse(version)
    events = hooks.events(numbers) if numbers else []
    if not events:
        return []
    script = os.path.join(paths.shipped("hooks"), "cc-guard-hook")
    file = folder / "hooks.json"
    file.write_text(hooks.settings({e: hooks.command(script, str(folder / "spool"), e) for e in events}))
    return ["--settings", str(file)]


def _answers(screen: str, text: str) -> bool:
    """The last conversation block ends with it, and nothing is being worked on."""
    rows = screen.splitlines()
    prompts = [at for at, row in enumerate(rows) if re.match(r"(?:[>❯] |you: )\S", row)]
    since = rows[prompts[-1] + 1 :] if prompts else rows
    return any(row.rstrip().endswith(text) for row in since)


def _works(screen: str) -> bool:
    rows = screen.rstrip().splitlines()
    if rows and rows[-1].startswith("$"):
        return "to interrupt" in "".join(rows[-4:])  # for a screen reader, spinners of the past stay
    return "to interrupt" in screen or any(map(_SPINNER.match, rows))


def _asks(screen: str) -> bool:
    """The input box is there; for a screen reader that is a `$`."""
    return box_shown(screen) or re.search(r"^\$$", screen, re.MULTILINE) is not None


def _assert_clean(screen: Recorder) -> None:
    """Recordings are public: nothing of this machine, its user or the key (which is none) is in them."""
    everything = "".join(data for _, _, data in screen.events)
    for secret in (API_KEY, str(Path.home() / ".cache"), socket.gethostname()):
        found = re.search(rf"(?<!\w){re.escape(secret)}(?!\w)", everything)
        assert found is None, f"{secret!r} is in the recording"


def _attempt(what: Capture, out: Path) -> tuple[bool, str]:
    """Twice at most: a busy machine can make a client miss its cue."""
    for last in (False, True):
        try:
            return True, capture(what, out)
        except (TimeoutError, AssertionError, OSError, ValueError, KeyError) as error:
            if last:
                return False, f"{what.stem}: {type(error).__name__} {error}"
    raise AssertionError


def _make(captures: list[Capture], out: Path, jobs: int) -> int:
    failed = []
    for version in sorted({what.version for what in captures}):
        installed(version)
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(_attempt, what, out) for what in captures]
        for number, future in enumerate(as_completed(waiting), 1):
            done, said = future.result()
            print(f"[{number}/{len(waiting)}]{'' if done else ' FAILED'} {said}", flush=True)
            failed += [] if done else [said.partition(":")[0]]
    print(f"{len(captures) - len(failed)} made; failed: {failed or 'none'}")
    return 1 if failed else 0


def main() -> None:
    from tests.support.prompt_tours import MATRIX, TOURS

    parser = argparse.ArgumentParser(
        prog="python -m tests.support.prompts",
        description="Records the client's input box in all its states.",
    )
    parser.add_argument("version", nargs="?")
    parser.add_argument("tour", nargs="*", help="all of them without a name")
    parser.add_argument("--all", action="store_true", help="the whole matrix, into tests/data/prompts")
    parser.add_argument("--missing", action="store_true", help="of the matrix, what is not there yet")
    parser.add_argument("--jobs", type=int, default=3)
    parser.add_argument("--variant", default="plain", choices=VARIANTS)
    parser.add_argument("--size", default="80x24")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--show", action="store_true", help="one after the other, with the screens")
    options = parser.parse_args()
    if options.all:
        captures, out = list(MATRIX), options.out or FOLDER
        if options.missing:
            captures = [what for what in captures if not (out / f"{what.stem}.cast.gz").exists()]
    elif options.version:
        names = options.tour or list(TOURS)
        captures = [Capture(options.version, name, options.variant, options.size) for name in names]
        out = options.out or Path("/tmp/prompts")
    else:
        parser.error("a version, or --all")
    if options.show:
        for what in captures:
            print(capture(what, out, show=True))
        return
    sys.exit(_make(captures, out, options.jobs))


if __name__ == "__main__":
    main()
