"""The guard's hands: what the incident machine wants done to the client and to this machine, and what it has
to know before it may want it."""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from cc_guard.detect.turn import Turn
from cc_guard.guard import medic, received
from cc_guard.guard.arguments import Arguments
from cc_guard.guard.early import Early
from cc_guard.guard.front import Front
from cc_guard.guard.opener import Opener
from cc_guard.guard.prober import Prober
from cc_guard.guard.profile import configured
from cc_guard.guard.quiet import QuietChannels
from cc_guard.guard.relay_port import RelayPort
from cc_guard.guard.reviver import Reviver
from cc_guard.guard.signin import SignIn
from cc_guard.guard.stall import Stall
from cc_guard.guard.typist import Typist
from cc_guard.guard.vitals import Vitals
from cc_guard.incident import machine
from cc_guard.incident.moment import Moment, against_typing
from cc_guard.incident.record import Finding, Symptom
from cc_guard.probe.route import settings, settings_files
from cc_guard.profile import first_run, resolved
from cc_guard.remedies import ask

if TYPE_CHECKING:
    from cc_guard.channels.spool import HookEvent
    from cc_guard.channels.transcript import Row
    from cc_guard.detect.prompt import PromptBox
    from cc_guard.detect.signatures import Signatures
    from cc_guard.detect.watch import Watch
    from cc_guard.launch.version import Version
    from cc_guard.settings import Settings

_VIM_KNOWN_S = 2.0


class Aid:
    """`step(event)` feeds the machine; `state()` is its state."""

    def __init__(
        self,
        arguments: Arguments,
        choices: "Settings",
        port: RelayPort,
        watch: "Watch",
        signatures: "Signatures",
        step: Callable[[machine.Event], None],
        state: Callable[[], machine.State],
    ) -> None:
        self._arguments, self._settings = arguments, choices
        self._frames, self._signatures = watch.frames, signatures
        self._watch = watch
        self._step, self._state = step, state
        self._turn = Turn(arguments.version)
        self._last_key = time.monotonic()  # nobody knows what was typed before
        self._early = Early({})
        self._vim: tuple[float, bool | None] = (0.0, None)
        folder = os.path.dirname(arguments.folder) if arguments.folder else ""
        self._typist = Typist(port, self._frames, self._shows, self._on_typed, self._still_typing)
        self._reviver = Reviver(
            port, self._frames, self._box, self._on_new_client, self._on_restarted, folder
        )
        self._sign_in = SignIn(arguments.program)
        self._medic = medic.Medic(arguments.settings, self._sign_in, self._on_ran)
        self.vitals = Vitals(watch.trend, os.getppid())
        self.front = Front(arguments, choices, step, state, self._sign_in, self.vitals)
        self._prober = Prober(
            lambda: 0.0, choices.probe.timeout_s, arguments.settings, lambda finding, reachable: None
        )
        self._stall = Stall(self._prober.check, self._since_s, self._on_stall)
        self.screen_shown: Callable[[], bool] = lambda: False
        """Whether who is connected is our own screen in the client's place."""
        self.quiet = QuietChannels(arguments, choices, port, watch.frames)
        self.opener = Opener(choices, watch.frames, arguments.restarts, self.front.notice)

    async def open(self) -> resolved.Profile:
        """Take back what dead sessions left, find out what may be done here, and let others in. What can't be
        found out is not done."""
        await self.front.open()
        for row in await ask.sweep():
            print(f"taken back: {row.get('what')}: {row.get('outcome')}", file=sys.stderr)
        profile, remedies = await asyncio.gather(resolved.ask(self._settings.profile), ask.remedies())
        for problem in profile.problems:
            print(problem, file=sys.stderr)
        first_run.took(profile.name, profile.why)
        self.front.profile = profile
        self._medic.parameters = profile.parameters
        self._early = Early(profile.warn)
        self.front.configured(configured(profile, remedies, self._settings, self._arguments.options))
        return profile

    async def close(self) -> None:
        self.quiet.close()
        await self._stall.close()
        await self.opener.close()
        await self._medic.close()
        await self.front.close()

    # What is seen and heard

    def row(self, row: "Row") -> None:
        self._stall.heard()
        before = self._turn.last_prompt_t
        self._turn.row(row)
        self._note_prompt(before)

    def hook(self, event: "HookEvent") -> None:
        self._stall.heard()
        before = self._turn.last_prompt_t
        self._turn.hook(event)
        self._note_prompt(before)

    def key(self, t: float) -> None:
        self._last_key = max(self._last_key, t)

    def relay_says(self, words: list[str]) -> None:
        self._typist.event(words)
        self._reviver.event(words)
        self.quiet.event(words)

    def command_line(self, words: list[str]) -> None:
        self._reviver.words = words

    def moment(self) -> Moment:
        """What the client and its user are at. Costs a millisecond, so only with an incident open."""
        box = self._box()
        return Moment(
            prompt=box.state if box is not None else "unknown",
            keys_s=time.monotonic() - self._last_key,
            tools=self._turn.tools_running,
            background=self._turn.background_tasks,
            asked=self._turn.permission_pending,
            session=bool(self._session),
            kept=box is not None and box.text is not None and not box.holds_pastes,
            stashed=box is not None and box.stashed,
        )

    def tick(self) -> None:
        """The draft goes back as soon as nothing else is to be typed."""
        if self._reviver.draft and self._state().phase in ("idle", "fading"):
            moment = self.moment()
            if not against_typing(moment):
                self._reviver.give_back()
        for finding in self._early.due():
            self._step(machine.Noticed(finding))
        self._stall.tick(self._waits())
        self.quiet.tick(self._state() if self.front.asking else _without_question(self._state()))
        self.front.session = self._session
        self.front.show()
        watched = self.front.watched and not self.screen_shown()
        self.opener.tick(self._state(), watched, self._last_key)

    @property
    def idle(self) -> bool:
        """Nothing is left to be done when no incident is open."""
        return not self._reviver.draft

    def _waits(self) -> bool:
        """The client is at work on nothing but its request, and our probes can tell about its path."""
        state, turn = self._state(), self._turn
        known = state.phase == "idle" and state.policy.trusted and not state.suspended
        working = self._watch.channels.heard and self._watch.detector.busy and not turn.ended
        return bool(known and working and not turn.tools_running and not turn.permission_pending)

    def _since_s(self) -> float | None:
        port = self._prober.port
        return received.since_s(os.getppid(), port) if port else None

    def _on_stall(self, silent_s: float, finding: Finding) -> None:
        if not self._waits():
            return
        said = f"no answer for {silent_s:.0f} s; {finding.summary}"
        self._step(machine.Seen(Symptom(time.time(), "stall", "waiting", text=said, confirmed=True), "probe"))
        self._step(machine.Probed(finding, False))

    # What is to be done

    def carry_out(self, effect: machine.Effect) -> None:
        match effect:
            case machine.Type(text):
                self._typist.type(text)
            case machine.Restart():
                version = cast("Version | None", self._arguments.version)
                self._reviver.restart(self._session, version, dict(self._medic.variables))
            case machine.Run(remedy, apply):
                self._run(remedy, apply)
            case machine.Ask(question):
                self._ask(question)
            case machine.Undo():
                self._medic.undo()
            case machine.Notify(text):
                self.front.notice(text)

    def _run(self, remedy: str, apply: bool) -> None:
        state = self._state()
        report = state.report
        if report is None:
            return
        # The machine asks the user before it wants a remedy of that kind carried out.
        consent = apply and (rung := state.policy.rung(remedy)) is not None and rung.allowed == "ask"
        tried = tuple(action.remedy for action in report.actions)
        if apply:
            self.front.running_since = time.monotonic()
        self._medic.run(remedy, apply, report.cause, report.findings, consent, tried)

    def _ask(self, question: machine.Question | None) -> None:
        self.front.asks(question)
        if question is not None:
            id_, report = question.id, self._state().report
            cause = report.cause if report is not None else None
            self._medic.describe(question.remedy, cause, lambda text: self.front.described(id_, text))

    # What comes of it

    def _on_typed(self, ok: bool, why: str) -> None:
        self._step(machine.Typed(ok, why))

    def _on_new_client(self) -> None:
        self._watch.detector.lose_sight()

    def _on_restarted(self, ok: bool, why: str, later: bool) -> None:
        self._step(machine.Restarted(ok, why, later))

    def _on_ran(self, remedy: str, status: str, detail: str, took_s: float) -> None:
        self._step(machine.Ran(remedy, status, detail, took_s))

    def _still_typing(self) -> bool:
        """Words that stand may not be wanted any more: the incident is over, or `observe` is on."""
        state = self._state()
        return state.care.typing is not None and state.policy.nudge

    def _note_prompt(self, before: float | None) -> None:
        said = self._turn.last_prompt_t
        if said is not None and said != before:
            self._step(machine.Prompted(max(time.time() - said, 0.0)))

    # Reading the client

    def _box(self) -> "PromptBox | None":
        from cc_guard.detect.prompt import read_prompt

        frames = self._frames
        if frames.screen is None or frames.stale or not frames.complete:
            return None
        return read_prompt(frames.screen, self._signatures, self._uses_vim())

    def _shows(self, text: str) -> bool:
        from cc_guard.detect.prompt import shows

        screen = self._frames.screen
        return screen is not None and shows(screen, text, self._signatures, self._uses_vim())

    def _uses_vim(self) -> bool | None:
        """By the client's own files, which the user may change at any time."""
        now = time.monotonic()
        if now - self._vim[0] > _VIM_KNOWN_S:
            self._vim = now, _uses_vim(self._arguments.settings)
        return self._vim[1]

    @property
    def _session(self) -> str:
        return self._turn.session_id or self._arguments.session or ""


def _without_question(state: machine.State) -> machine.State:
    return replace(state, care=replace(state.care, question=None))


def _uses_vim(given: tuple[str, ...]) -> bool | None:
    from cc_guard.detect.prompt import uses_vim

    home = os.environ.get("CLAUDE_CONFIG_DIR") or os.environ.get("HOME", "")
    try:
        cwd = os.getcwd()
    except OSError:
        return None
    files = settings_files(os.environ, cwd, given)
    return uses_vim(settings(os.path.join(home, ".claude.json")), *map(settings, files))
