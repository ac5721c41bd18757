"""Opens sessions in a scratch folder of their own, and remembers who could not take part, and why."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from .contestants import Contestant
from .programs import Programs
from .session import READY, READY_WITHIN, Session, SessionFailed

Sessions = dict[str, Session]

QUIET_CPU = 0.02  # seconds of CPU in half a second: below that a wrapper has finished starting
QUIET_WITHIN = 10.0


@dataclass
class Lab:
    """The room everything runs in: nothing of the user's own home or environment gets in.

    `notes` holds what went wrong by contestant: a failure excludes it from one measure, never from the run.
    """

    scratch: Path
    programs: Programs
    contestants: Sequence[Contestant]
    notes: dict[str, list[str]] = field(default_factory=dict)
    _opened: int = 0

    def note(self, contestant: str, text: str) -> None:
        notes = self.notes.setdefault(contestant, [])
        if text not in notes:
            notes.append(text)

    def open(self, contestant: Contestant, program: str, settings: Mapping[str, str]) -> Session:
        self._opened += 1
        folder = self.scratch / f"s{self._opened}"
        folder.mkdir()
        return Session(
            contestant, folder, self.programs.path(program), {**self._environment(contestant), **settings}
        )

    def close(self, session: Session, into: list[bytes] | None = None) -> None:
        if left := session.close(into):
            self.note(session.contestant.name, f"left processes behind: {', '.join(sorted(set(left)))}")

    @contextmanager
    def sessions(self, program: str, settings: Mapping[str, str] | None = None) -> Iterator[Sessions]:
        """One session of every contestant, all past their start; closed together at the end."""
        opened: Sessions = {}
        try:
            for contestant in self.contestants:
                session = self.open(contestant, program, settings or {})
                opened[contestant.name] = session
                self.attempt(opened, contestant.name, partial(session.wait_for, READY, READY_WITHIN))
            _settle(opened)
            yield opened
        finally:
            for session in opened.values():
                self.close(session)

    def attempt(self, opened: Sessions, name: str, act: Callable[[], object]) -> bool:
        """Do something with a session; when it fails, note why and go on without that contestant."""
        try:
            act()
        except (SessionFailed, OSError) as failure:
            self.note(name, str(failure))
            self.close(opened.pop(name))
            return False
        return True

    def _environment(self, contestant: Contestant) -> dict[str, str]:
        """Made from nothing: no TMUX, no CC_GUARD_*, and one home for the whole run."""
        home = self.scratch / contestant.name
        runtime = home / "run"
        if not home.exists():
            home.mkdir()
            runtime.mkdir(mode=0o700)
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(runtime),
            "LANG": "C.UTF-8",
            "SHELL": "/bin/sh",
            "TERM": "xterm-256color",
        }


def turns(names: Sequence[str], round_: int) -> list[str]:
    """The order within a round: another one goes first each time."""
    first = round_ % len(names) if names else 0
    return [*names[first:], *names[:first]]


def _settle(opened: Sessions) -> None:
    """Wait until no wrapper is busy with its own start (the guard loads after the client has begun)."""
    until = time.perf_counter() + QUIET_WITHIN
    before: dict[str, float] = {}
    while time.perf_counter() < until:
        now = {name: sum(usage.cpu for usage in session.usage()) for name, session in opened.items()}
        if before and all(now[name] - before[name] < QUIET_CPU for name in now):
            return
        before = now
        for session in opened.values():
            session.pump(0.5 / len(opened))
