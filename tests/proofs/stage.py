"""A real client under cc-guard in a real terminal, against the stand-in, and a user who waits for answers.

Everything is recorded: an asciicast of the terminal with a marker for each act, and what cc-guard says
afterwards. One stage at a time in a process (script.py).
"""

import contextlib
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import psutil
import pyghostty

from tests.proofs import cast_writer, lookalikes
from tests.proofs.outage import CC_GUARD
from tests.proofs.script import Script, Turn, says
from tests.standin.api import StandIn
from tests.standin.request import Request
from tests.support.client import client_home, installed
from tests.support.terminal import Terminal

Incident = dict[str, Any]

COLS, ROWS = 110, 36
REQUEST_S = 60.0  # the machine may be busy with other clients
ANSWER_S = 90.0
_ALLOWED = ("Bash", "Read", "Grep", "Glob", "TodoWrite", "Task", "Agent", "mcp__shop", "mcp__shop__query")
_CHANGES_S = 3.0  # how long a screen may go on changing after an answer


class Stuck(Exception):
    """The client did not do what it does without cc-guard; the text says what, and shows the screen."""


class Window(Terminal):
    """A terminal that is recorded, and into which one can paste."""

    def record(self, path: Path) -> None:
        self._cast, self._start = path, int(time.time())
        header = {"version": 2, "width": COLS, "height": ROWS, "timestamp": self._start}
        path.write_text(json.dumps(header) + "\n")
        self._tmux("pipe-pane", f"exec {sys.executable} {cast_writer.__file__} {path} {self._start}")

    def mark(self, kind: str, text: str) -> None:
        with self._cast.open("a") as file:
            file.write(json.dumps([round(time.time() - self._start, 4), kind, text]) + "\n")

    def resize(self, cols: int, rows: int) -> None:
        super().resize(cols, rows)
        self.mark("r", f"{cols}x{rows}")

    def paste(self, text: str) -> None:
        self._tmux("set-buffer", "--", text)
        self._tmux("paste-buffer", "-p", "-d")


@dataclass
class Act:
    """One thing that was played. `stuck` is what went wrong with the client, or ""."""

    name: str
    started: float
    ended: float = 0.0
    stuck: str = ""
    outages: int = 0
    kinds: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()


@dataclass
class Meter:
    """What the guard costs, over all guards of a run."""

    cpu: dict[int, float] = field(default_factory=dict)
    seconds: dict[int, float] = field(default_factory=dict)
    rss: list[int] = field(default_factory=list)

    def read(self, guard: psutil.Process) -> None:
        with contextlib.suppress(psutil.Error):
            times = guard.cpu_times()
            self.cpu[guard.pid] = times.user + times.system
            self.seconds[guard.pid] = time.time() - guard.create_time()
            self.rss.append(guard.memory_info().rss)

    @property
    def cpu_percent(self) -> float:
        return 100 * sum(self.cpu.values()) / max(sum(self.seconds.values()), 0.001)


class Stage:
    def __init__(self, version: str, seed: int = 0, keep: Path | None = None, pace: float = 1.0) -> None:
        """`keep`: a folder for the recording, else it is gone with the stage. `pace`: what the pauses of user
        and model are multiplied with."""
        self.version = version
        self.rng = random.Random(f"{seed} {version}")
        self.script = Script(pace)
        self.pace = pace
        self.acts: list[Act] = []
        self.meter = Meter()
        self.prompts = self.answers = 0
        self.withdrawn = 0  # prompts of which the user wants no answer any more
        self.told = 0  # acts of which somebody has told
        self._numbers = 0
        self._read: dict[Path, int] = {}
        self._stack = ExitStack()
        folder = tempfile.TemporaryDirectory(prefix="stage-", ignore_cleanup_errors=True)
        self.folder = Path(self._stack.enter_context(folder))
        self.work = self.folder / "work"
        self.work.mkdir()
        self.cast = (keep or self.folder) / f"{version}.cast"
        self._stack.enter_context(self.script.played())
        self.api = self._stack.enter_context(StandIn())
        self.env = client_home(self.folder, version, self.work, self.api.url)
        self._furnish()
        claude = installed(version)
        self.env["PATH"] = f"{self.folder}:{claude.parent}:{CC_GUARD.parent}:{self.env['PATH']}"
        self.env["PS1"] = "$ "
        shell = ["bash", "--norc", "-i"]
        self.terminal = self._stack.enter_context(Window(shell, self.env, self.work, COLS, ROWS))
        self.terminal.record(self.cast)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _furnish(self) -> None:
        """A home and a folder in which everything that may speak of errors does."""
        go = self.folder / "go"
        tools = " ".join(_ALLOWED)
        mcp = self.folder / "mcp.json"
        go.write_text(f'#!/bin/sh\nexec cc-guard claude "$@" --mcp-config {mcp} --allowedTools {tools}\n')
        go.chmod(0o755)
        (self.folder / "shop.py").write_text(lookalikes.MCP_SERVER)
        server = {"command": sys.executable, "args": [str(self.folder / "shop.py")]}
        mcp.write_text(json.dumps({"mcpServers": {"shop": server}}))
        changelog = "\n".join(("# Changelog", "", f"## {self.version}", "", *_items(), ""))
        home = self.folder / "home"
        told = json.loads((home / ".claude.json").read_text())
        told["cachedChangelog"] = changelog
        (home / ".claude.json").write_text(json.dumps(told))
        (home / ".claude" / "cache").mkdir()
        (home / ".claude" / "cache" / "changelog.md").write_text(changelog)
        commands = home / ".claude" / "commands"
        commands.mkdir()
        text = f"---\ndescription: {lookalikes.RETRIES[4]}\n---\nExplain $ARGUMENTS\n"
        (commands / "outages.md").write_text(text)
        line = self.folder / "line.sh"
        line.write_text(
            "cat >/dev/null; n=$(date +%S); n=${n#0}\n"
            "printf '\\033[31m✻ Connection dropped (ECONNRESET) · retrying in %ds · attempt %d/10\\033[m\\n' "
            "$((n % 9)) $((n % 10))\n"
        )
        settings = home / ".claude" / "settings.json"
        told = json.loads(settings.read_text())
        told["statusLine"] = {"type": "command", "command": f"bash {line}"}
        settings.write_text(json.dumps(told))
        rules = "\n".join(("# Errors that we look for", "", *_items(), "", *lookalikes.SCREENS))
        (self.work / "CLAUDE.md").write_text(rules)
        (self.work / "client.log").write_text(lookalikes.LOG + "\n")
        (self.work / "screens.txt").write_text("\n\n".join(lookalikes.SCREENS) + "\n")
        (self.work / "old-session.jsonl").write_text(lookalikes.TRANSCRIPT + "\n")
        (self.work / "suite.py").write_text(lookalikes.SUITE)
        named_so = self.work / lookalikes.FILE_NAME
        named_so.parent.mkdir()
        named_so.write_text("\n".join(_items()) + "\n")
        self.renew_source()

    def renew_source(self) -> Path:
        path = self.work / "detector.py"
        path.write_text(lookalikes.SOURCE)
        return path

    # -- the session

    def start(self, *arguments: str) -> None:
        self.terminal.type(" ".join(("go", *arguments)))
        self.terminal.key("Enter")
        self._wait(box_shown, 40, "no input box after the start")
        self.quiet()
        time.sleep(1.0)

    def leave(self) -> None:
        """Ends the client by two Ctrl-C, as a user does."""
        self.measure()
        for _ in range(6):
            self.terminal.key("C-c")
            with contextlib.suppress(TimeoutError):
                self.terminal.wait_for(lambda screen: "again to exit" in screen or _at_shell(screen), 1.5)
                self.terminal.key("C-c")
                self.terminal.wait_for(_at_shell, 4)
                break
        else:
            raise Stuck(f"the client does not end:\n{self.terminal.screen()}")
        self.terminal.type("clear")
        self.terminal.key("Enter")
        self.terminal.wait_for(lambda screen: screen.strip() == "$", 5)

    def abort(self) -> None:
        """Ends the client by force, so that the play can go on."""
        self.api.set_fault("none")
        for process in psutil.Process(self.terminal.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if "--allowedTools" in process.cmdline() and "cc_guard.guard" not in process.cmdline():
                    process.terminate()
        self.terminal.wait_for(_at_shell, 10)
        self.terminal.resize(COLS, ROWS)
        self.terminal.type("reset; clear")
        self.terminal.key("Enter")
        time.sleep(2)

    def session_id(self) -> str:
        return max(self._transcripts(), key=lambda path: path.stat().st_mtime).stem

    def measure(self) -> None:
        for process in psutil.Process(self.terminal.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if "cc_guard.guard" in process.cmdline():
                    self.meter.read(process)

    # -- the user

    def number(self) -> int:
        self._numbers += 1
        return self._numbers

    def idle(self, seconds: float) -> None:
        time.sleep(seconds * self.pace)

    def write(self, text: str) -> None:
        """Types into the input box and waits until it is drawn there; once more when keys got lost."""
        wanted = _packed(text)
        for last in (False, True):
            self.terminal.type(text)
            try:
                self._wait(lambda screen: wanted in _packed(box_text(screen)), 8, f"{text!r} is not drawn")
                break
            except Stuck:
                if last or not box_shown(self.terminal.screen()):
                    raise
                for _ in range(4):
                    self.terminal.key("C-u")
                    time.sleep(0.3)
        time.sleep(0.25)

    def send(self, prompt: str) -> float:
        """Types a prompt and sends it; the time at which that was."""
        self.write(prompt)
        return self.enter(prompt)

    def enter(self, prompt: str | None = None) -> float:
        """Sends what stands in the input box; with `prompt`, waits until the API has been asked."""
        t = time.time()
        self.submit()
        self.prompts += 1
        if prompt is not None:
            try:
                self.api.wait_for(lambda request: _asks(request, prompt), REQUEST_S, t)
            except TimeoutError:
                raise Stuck(f"no request for {prompt!r}:\n{self.terminal.screen()}") from None
        return t

    def submit(self) -> None:
        """Enter, until it is taken: on a busy machine a client may hold it for a part of what was typed."""
        tail = _packed(box_text(self.terminal.screen()))[-16:]
        for _ in range(3):
            self.terminal.key("Enter")
            with contextlib.suppress(TimeoutError):
                self.terminal.wait_for(lambda screen: not tail or tail not in _packed(box_text(screen)), 4)
                return
        raise Stuck(f"Enter is not taken:\n{self.terminal.screen()}")

    def answered(self, text: str, since: float, timeout: float = ANSWER_S) -> None:
        """Waits until the client has written down this answer, and its screen has come to rest."""
        deadline = time.monotonic() + timeout
        wanted = _packed(text)
        while True:
            for row in self._rows(since):
                if row.get("isApiErrorMessage"):
                    raise Stuck(f"the client gave up: {row['message']['content']}")
                told = _text_of(row)
                if told is not None and wanted in _packed(told):
                    self.answers += 1
                    self.quiet()
                    return
            if time.monotonic() > deadline:
                raise Stuck(f"no answer {text!r} within {timeout} s:\n{self.terminal.screen()}")
            time.sleep(0.15)

    def ask(self, prompt: str, *turns: Turn | str, shows: str = "", timeout: float = ANSWER_S) -> None:
        """A prompt and its answer: the model's turns, of which the last ends with a text. `shows`: what must
        have been on the screen at the end."""
        played = tuple((says(turn),) if isinstance(turn, str) else turn for turn in turns)
        self.script[prompt] = played
        since = self.send(prompt)
        self.answered("".join(getattr(played[-1][-1], "chunks", ())), since, timeout)
        self.sees(shows)

    def sees(self, text: str) -> None:
        """A trap that is not on the screen proves nothing."""
        for line in text.splitlines():
            self.wait_for(line, 5)

    def quiet(self) -> None:
        """Waits until the box is there and nothing has moved for a while; a status line may go on."""
        deadline = time.monotonic() + _CHANGES_S
        last, since = "", time.monotonic()
        while time.monotonic() < deadline:
            screen = self.terminal.screen()
            if screen != last:
                last, since = screen, time.monotonic()
            elif time.monotonic() - since >= 0.4 and box_shown(screen):
                return
            time.sleep(0.1)

    def wait_for(self, text: str, timeout: float = 20.0) -> None:
        self._wait(lambda screen: _packed(text) in _packed(screen), timeout, f"{text!r} is not shown")

    def wait_until(self, wanted: Callable[[str], bool], timeout: float = 20.0) -> None:
        self._wait(wanted, timeout, "it did not come to that")

    def wait_gone(self, text: str, timeout: float = 20.0) -> None:
        gone = _packed(text)
        self._wait(lambda screen: gone not in _packed(screen), timeout, f"{text!r} is still shown")

    def _wait(self, wanted: Callable[[str], bool], timeout: float, complaint: str) -> None:
        try:
            self.terminal.wait_for(wanted, timeout)
        except TimeoutError as error:
            raise Stuck(f"{complaint}:\n{error.args[0].partition(chr(10))[2]}") from None

    # -- what was played

    @contextlib.contextmanager
    def act(self, name: str) -> Iterator[Act]:
        act = Act(name, time.time())
        self.acts.append(act)
        self.terminal.mark("m", name)
        try:
            yield act
        except (Stuck, TimeoutError, RuntimeError, subprocess.TimeoutExpired) as error:
            act.stuck = str(error) or type(error).__name__
        finally:
            act.ended = time.time()
            self.measure()

    def incidents(self) -> list[Incident]:
        command = [str(CC_GUARD), "incidents", "--json"]
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, check=True)
        found: list[Incident] = json.loads(done.stdout)
        return sorted(found, key=lambda incident: str(incident["started_at"]))

    # -- the client's own record

    def _transcripts(self) -> list[Path]:
        found = self.folder.glob("home/.claude/projects/*/*.jsonl")
        return [path for path in found if not path.name.startswith("agent-")]

    def _rows(self, since: float) -> Iterator[dict[str, Any]]:
        """Rows of the conversation from `since` on, wherever the client writes them."""
        for path in self._transcripts():
            if path.stat().st_mtime < since - 1:
                continue
            for line in _tail(path).splitlines():
                with contextlib.suppress(ValueError, KeyError):
                    row = json.loads(line)
                    if epoch(row["timestamp"]) >= since - 0.1 and not row.get("isSidechain"):
                        yield row


def screen_at(cast: Path, t: float) -> str:
    """What the terminal showed at `t` seconds since the epoch, by its recording."""
    with cast.open() as file:
        header = json.loads(file.readline())
        terminal = pyghostty.Terminal(header["width"], header["height"])
        for line in file:
            with contextlib.suppress(ValueError):
                at, kind, text = json.loads(line)
                if header["timestamp"] + at > t:
                    break
                if kind == "o":
                    terminal.feed(text.encode("utf-8", "surrogateescape"))
                elif kind == "r":
                    terminal.resize(*map(int, text.split("x")))
    return str(terminal.text())


def epoch(iso: str) -> float:
    return datetime.fromisoformat(iso).timestamp()


def _items() -> list[str]:
    return [f"- {row}" for row in (*lookalikes.RETRIES, *lookalikes.FAILURES)]


def _asks(request: Request, prompt: str) -> bool:
    return request.conversation and (request.prompt or "").strip() == prompt.strip()


# The real one is as wide as the window, those in look-alikes (60 columns) are not.
_BOX = re.compile(r"^─{70,}.*\n[>❯!]\xa0(.*?)(?=^─{70,})", re.MULTILINE | re.DOTALL)


def box_shown(screen: str) -> bool:
    """Whether the client takes prompts, in a window of at least 70 columns."""
    return _BOX.search(screen) is not None


def box_text(screen: str) -> str:
    """What stands in the input box; "" when there is none."""
    found = _BOX.findall(screen)
    return str(found[-1]) if found else ""


def _at_shell(screen: str) -> bool:
    rows = screen.rstrip().splitlines()
    return bool(rows) and rows[-1].rstrip() == "$"


def _packed(text: str) -> str:
    """Without what wrapping, framing and drawing do to a text."""
    return "".join(character for character in text if not character.isspace() and character not in "│┃*`")


def _text_of(row: dict[str, Any]) -> str | None:
    if row.get("type") != "assistant":
        return None
    blocks = row["message"].get("content", [])
    return "".join(block.get("text", "") for block in blocks if isinstance(block, dict))


def _tail(path: Path, size: int = 300_000) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - size))
        return file.read().decode("utf-8", "replace")
