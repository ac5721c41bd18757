"""What people see of the guard, and what they may ask of it: both directions of its socket."""

import contextlib
import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cc_guard import paths
from cc_guard.guard import status
from cc_guard.guard.arguments import working_folder
from cc_guard.guard.diagnosis import Diagnosis
from cc_guard.guard.door import Answer, Door, path_of
from cc_guard.guard.notices import key_name
from cc_guard.guard.signin import SignIn
from cc_guard.guard.vitals import Vitals
from cc_guard.incident import machine
from cc_guard.incident.record import Finding

if TYPE_CHECKING:
    from cc_guard.guard.arguments import Arguments
    from cc_guard.profile.resolved import Profile
    from cc_guard.settings import Settings

# While nothing may be done but look.
_HANDS_OFF = machine.Configured(hold=False, hold_from=1, nudge=False, restart=False)


class Front:
    """`step(event)` feeds the machine, `state()` is its state. What is asked for here is what the machine
    offers, and nothing else."""

    def __init__(
        self,
        arguments: "Arguments",
        choices: "Settings",
        step: Callable[[machine.Event], None],
        state: Callable[[], machine.State],
        sign_in: SignIn,
        vitals: Vitals,
    ) -> None:
        self._arguments, self._settings = arguments, choices
        self._sign_in, self._vitals = sign_in, vitals
        self._step, self._state = step, state
        self._door = Door(path_of(paths.socket_dir(), os.getppid()), self)
        self._wall = status.Wall()
        self._notices = status.Notices()
        self._question: dict[str, Any] | None = None
        self._why: status.Why | None = None
        self._path: status.PathSeen | None = None
        self._allowed = _HANDS_OFF
        self._incident: float | None = None
        self.profile: Profile | None = None
        self.session = ""
        self.running_since: float | None = None
        self.observes = choices.observe

    async def open(self) -> None:
        try:
            await self._door.open()
        except OSError as error:
            print(f"no socket for the panel and for answers: {error}", file=sys.stderr)

    async def close(self) -> None:
        await self._vitals.close()
        await self._door.close()
        folder = paths.socket_dir()
        if folder != paths.runtime_dir():
            with contextlib.suppress(OSError):
                os.rmdir(folder)  # unless another session has its socket there

    @property
    def watched(self) -> bool:
        """Whether somebody is there."""
        return self._door.watched

    # What there is to see

    def configured(self, allowed: machine.Configured) -> None:
        """What this machine's profile allows, from now on or as soon as more than looking is wanted."""
        self._allowed = allowed
        if not self.observes:
            self._step(allowed)

    def asks(self, question: machine.Question | None) -> None:
        self._question = None
        if question is not None:
            self._question = {
                "id": question.id,
                "remedy": question.remedy,
                "title": question.title,
                "level": question.level,
                "text": "",
            }

    def described(self, question: str, text: str) -> None:
        """What would be done, to the last command."""
        if self._question is not None and self._question["id"] == question:
            self._question = {**self._question, "text": text}

    @property
    def asking(self) -> bool:
        """A question is put that can be answered. Until it is known what would be done, it may turn out that
        nothing can be, and then nobody is asked."""
        return self._question is not None and bool(self._question["text"])

    def notice(self, text: str) -> None:
        self._notices.add(text, time.time())

    def why(self, found: Diagnosis) -> None:
        self._why = status.Why(found.summary, found.fix, found.looked_at, time.time())

    def path(self, finding: Finding) -> None:
        self._path = status.PathSeen(finding, time.time())

    def show(self) -> None:
        self._vitals.tick(self._door.watched)
        state = self._state()
        started = state.report.started if state.report is not None else None
        if started is not None and started != self._incident:
            self._incident, self._why = started, None
        arguments, profile = self._arguments, self.profile
        about = status.About(
            self.session,
            os.getppid(),
            working_folder(),
            ".".join(map(str, arguments.version or ())),
            profile.name if profile is not None else "",
            profile.why if profile is not None else "",
            key_name(self._settings.hold.release_byte),
        )
        published = status.build(
            state,
            about,
            self._wall.offset(),
            observe=self.observes,
            question=self._question,
            why=self._why,
            path=self._path,
            running_since=self.running_since,
            notices=self._notices,
            vitals=self._vitals.to_json(),
            sign_in=self._sign_in.shown,
        )
        self._door.publish(published)

    # What may be asked for: why not, or "" when it was taken

    def answer(self, question: str, answer: Answer) -> str:
        asked = self._state().care.question
        if asked is None or asked.id != question:
            return "it is not asked any more"
        self._step(machine.Answered(question, answer))
        return ""

    def release(self) -> str:
        if self._state().phase not in ("holding", "held"):
            return "Claude Code is not paused"
        self._step(machine.HoldEnded("panel", by_user=True))
        return ""

    def retry(self) -> str:
        if self._state().phase not in ("holding", "held", "down"):
            return "Claude Code is not waiting for anything"
        self._step(machine.Retry())
        return ""

    def observe(self, on: bool) -> str:
        self.observes = on
        if not on:
            self._step(self._allowed)
            return ""
        question = self._state().care.question
        if question is not None:
            self._step(machine.Answered(question.id, "no"))
        self._step(_HANDS_OFF)
        if self._state().phase in ("holding", "held"):
            self.release()
        return ""

    def code(self, text: str) -> str:
        return self._sign_in.code(text)
