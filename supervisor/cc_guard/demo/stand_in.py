"""A stand-in for Claude Code: it asks the API, retries, gives up, keeps a transcript and has an input box as
Claude Code 2.1.330 does (measured), tells the demo's story, types its prompts by itself, and ends.
"""

import json
import math
import os
import re
import select
import signal
import sys
import termios
import time
import tty
import uuid
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from typing import Any

from cc_guard.channels.transcript import transcript_path
from cc_guard.demo import ours, plan
from cc_guard.demo.exchange import Exchange
from cc_guard.demo.keeper_line import ask_keeper
from cc_guard.demo.scenarios import END, INTRO, LATE, VERSION
from cc_guard.demo.screen import ENTER, LEAVE, Screen, View

# The waits between its attempts, in seconds, and how many there are (measured).
_WAITS_S = (0.5, 1.0, 2.0, 4.0, 9.0, 19.0, 35.0, 35.0, 35.0, 35.0)
_PROMPTS = ("is everything well?", "and now the long work, please")
_KEY_S = 0.03
_INTRO_S = 5.0
_BEFORE_S = 8
_AFTER_S = 10
_LATE_S = 100.0
_FRAME_S = 0.1
_PAUSED_S = 1.5  # a loop that was away for longer had been stopped
_OUR_MODEL = "stand-in"
_ESCAPES = re.compile(
    rb"\x1b\[200~(.*?)\x1b\[201~|\x1b\[[0-9;?<>=]*[A-Za-z~]|\x1b\][^\x07]*\x07|\x1bO.|\x1b", re.S
)
# The sentences of 2.1.330, for a retry row and for the end: signatures.toml.
_SENTENCES = {
    "ECONNREFUSED": "Connection refused — a firewall or proxy may be blocking it (ECONNREFUSED)",
    "ECONNRESET": "Connection dropped (ECONNRESET)",
}

Wait = float | Callable[[], bool]
"""Seconds, or what has to become true."""
Story = Generator[Wait, None, bool]


class StandIn:
    def __init__(self, folder: str, session: str, resumed: bool) -> None:
        self._folder, self._session = folder, session
        self._plan = plan.read(folder)
        self._story = self._plan.story
        self._mock = self._story.mock if self._plan.mocked else None
        self._token = plan.read_login(folder)
        self._resumed = resumed
        self._view = View(title=f"STAND-IN for Claude Code · cc-guard demo {self._plan.scenario}")
        self._submitted: list[str] = []
        self._paused_s = 0.0
        self._retries = 0
        self._transcript = transcript_path(os.environ, os.getcwd(), session)
        size = os.get_terminal_size()
        self._screen = Screen(size.columns, size.lines)

    def run(self) -> int:
        """The exit status: 0: the story came to its end, 1: it did not, 130: the user ended it."""
        before = termios.tcgetattr(0)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _leave)
        signal.signal(signal.SIGWINCH, self._on_resize)
        tty.setraw(0)
        sys.stdout.write(f"{ENTER}\x1b]0;✳ Stand-in for Claude Code\x07")
        try:
            return self._loop(self._told_again() if self._resumed else self._told())
        finally:
            sys.stdout.write(LEAVE)
            sys.stdout.flush()
            termios.tcsetattr(0, termios.TCSADRAIN, before)

    def _loop(self, story: Story) -> int:
        wait: Wait = 0.0
        until = time.monotonic()
        last = until
        while True:
            now = time.monotonic()
            if now - last > _PAUSED_S:
                self._paused_s += now - last - _FRAME_S
            last = now
            if now >= until if not callable(wait) else wait():
                try:
                    wait = next(story)
                except StopIteration as end:
                    return 0 if end.value else 1
                until = now + (wait if not callable(wait) else 0.0)
                continue
            self._view.tick += 1
            self._screen.draw(self._view)
            left = _FRAME_S if callable(wait) else max(min(until - now, _FRAME_S), 0.0)
            try:
                readable, _, _ = select.select([0], [], [], left)
            except InterruptedError:
                continue
            if readable and not self._keys(os.read(0, 65536)):
                return 130

    # The story

    def _told(self) -> Story:
        self._view.story = INTRO
        yield _INTRO_S
        yield from self._prompt(_PROMPTS[0])
        yield 2.0
        before = (self._mock or self._story).before
        why = f" {self._mock.why}" if self._mock else ""
        for left in range(_BEFORE_S, 0, -1):
            self._view.story = before.replace("In 3 seconds", f"In {left} s") + why
            yield 1.0
        self._keeper("break")
        ok = yield from self._prompt(_PROMPTS[1])
        if not ok:
            end = time.monotonic() + _LATE_S
            yield lambda: bool(self._submitted) or time.monotonic() > end
            ok = yield from self._follow()
        return (yield from self._ending(ok))

    def _told_again(self) -> Story:
        """In a process that was started to go on with the session."""
        self._read_transcript()
        self._view.story = self._story.during
        end = time.monotonic() + _LATE_S
        yield lambda: bool(self._submitted) or time.monotonic() > end
        ok = yield from self._follow()
        return (yield from self._ending(ok))

    def _follow(self) -> Story:
        if not self._submitted:
            return False
        return (yield from self._turn(self._submitted.pop(0)))

    def _ending(self, ok: bool) -> Story:
        facts = self._keeper("story")
        text = (self._mock or self._story).after if ok else LATE
        numbers = {
            "down": f"{facts['down'] or 0:.0f}",
            "late": f"{max(facts['late'] or 0, 0):.1f}",
            "asked": facts["asked"],
            "held": f"{self._paused_s:.0f}",
            "retries": str(self._retries),
        }
        text = text.format(**numbers).strip()
        plan.tell(self._folder, text)
        for left in range(_AFTER_S, 0, -1):
            self._view.story = f"{text} {END.format(left=left)}"
            yield 1.0
        return ok

    def _prompt(self, text: str) -> Story:
        """Typed as a user would, by the stand-in itself."""
        for at in range(len(text)):
            self._view.draft = text[: at + 1]
            yield _KEY_S
        yield 0.3
        self._view.draft = ""
        return (yield from self._turn(text))

    # One turn, as the client does it

    def _turn(self, text: str) -> Story:
        """Whether there was an answer."""
        view = self._view
        view.turns.append(("prompt", text))
        self._write({"type": "user", "message": {"role": "user", "content": text}})
        view.working = "Thinking"
        ok = yield from self._attempts(text)
        view.working, view.retry = "", None
        return ok

    def _attempts(self, text: str) -> Story:
        for attempt in range(len(_WAITS_S) + 1):
            request = Exchange(text, self._token, self._pretended())
            yield lambda request=request: request.done  # type: ignore[misc]
            if request.text:
                yield from self._show(request.text)
                return True
            sentence = self._sentence(request)
            self._tell_fault()
            if request.status in (401, 403) or attempt == len(_WAITS_S):
                self._fail(request, sentence)
                return False
            self._retries = attempt + 1
            yield from self._wait(_WAITS_S[attempt], attempt + 1, sentence)
        return False

    def _wait(self, seconds: float, attempt: int, sentence: str) -> Generator[Wait, None, None]:
        end = time.monotonic() + seconds
        label = sentence if attempt > 2 or sentence[:1].isdigit() else "API error"
        while (left := end - time.monotonic()) > 0:
            rest = f"retrying in {math.ceil(left)}s · attempt {attempt}/{len(_WAITS_S)}"
            self._view.retry = label, rest
            yield min(left, _FRAME_S)
        self._view.retry = label, f"retrying… · attempt {attempt}/{len(_WAITS_S)}"

    def _sentence(self, request: Exchange) -> str:
        if request.status:
            return f"{request.status} {request.said}"
        return _SENTENCES.get(request.code, f"Unable to connect to API ({request.code})")

    def _tell_fault(self) -> None:
        if self._view.story.startswith("In "):
            ports = self._keeper("story")["ports"]
            self._view.story = (self._mock or self._story).during.format(ports=ports)

    def _show(self, text: str) -> Generator[Wait, None, None]:
        self._view.retry = None
        words = text.split(" ")
        self._view.turns.append(("answer", words[0]))
        for count in range(2, len(words) + 1):
            self._view.turns[-1] = ("answer", " ".join(words[:count]))
            yield _KEY_S
        message = {"role": "assistant", "model": _OUR_MODEL, "content": [{"type": "text", "text": text}]}
        self._write({"type": "assistant", "message": message})

    def _fail(self, request: Exchange, sentence: str) -> None:
        text = f"API Error: {sentence}"
        if request.status == 401:
            text = f"Please run /login · {text}"
        self._view.turns.append(("failure", text))
        message = {"role": "assistant", "model": "<synthetic>", "content": [{"type": "text", "text": text}]}
        self._write({"type": "assistant", "isApiErrorMessage": True, "message": message})

    def _pretended(self) -> str:
        """The error that the client gets where the fault is only pretended."""
        if self._plan.scenario != "ports" or self._mock is None or not self._view.turns[2:]:
            return ""
        return "EADDRNOTAVAIL" if self._keeper("story")["down"] is None else ""

    # The transcript

    def _write(self, row: dict[str, Any]) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        row |= {
            "uuid": str(uuid.uuid4()),
            "sessionId": self._session,
            "timestamp": now,
            "cwd": os.getcwd(),
            "version": VERSION,
            "isSidechain": False,
        }
        os.makedirs(os.path.dirname(self._transcript), mode=0o700, exist_ok=True)
        with open(self._transcript, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def _read_transcript(self) -> None:
        with open(self._transcript, encoding="utf-8") as file:
            for row in map(json.loads, file):
                content = row["message"]["content"]
                if isinstance(content, str):
                    self._view.turns.append(("prompt", content))
                else:
                    kind = "failure" if row.get("isApiErrorMessage") else "answer"
                    self._view.turns.append((kind, content[0]["text"]))

    # The terminal

    def _keys(self, data: bytes) -> bool:
        """False when the user ends it."""
        if b"\x03" in data:
            return False
        text = _ESCAPES.sub(lambda found: found[1] or b"", data).decode(errors="replace")
        for letter in text:
            if letter == "\r" and self._view.draft and not self._view.working:
                self._submitted.append(self._view.draft)
                self._view.draft = ""
            elif letter == "\x7f":
                self._view.draft = self._view.draft[:-1]
            elif letter.isprintable():
                self._view.draft += letter
        return True

    def _on_resize(self, number: int, frame: object) -> None:
        size = os.get_terminal_size()
        self._screen.resize(size.columns, size.lines)

    def _keeper(self, word: str) -> dict[str, Any]:
        return ask_keeper(plan.control(self._folder), word)


def _leave(number: int, frame: object) -> None:
    sys.exit(128 + number)


def main(argv: list[str]) -> int:
    if "--version" in argv or "-v" in argv:
        print(f"{VERSION} (a stand-in for Claude Code)")
        return 0
    if "auth" in argv:
        print(json.dumps({"loggedIn": True, "authMethod": "claude.ai"}))
        return 0
    folder = os.environ[ours.VARIABLE]
    resumed = "--resume" in argv
    option = "--resume" if resumed else "--session-id"
    session = argv[argv.index(option) + 1] if option in argv else str(uuid.uuid4())
    return StandIn(folder, session, resumed).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
