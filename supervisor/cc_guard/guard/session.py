"""One guarded session: observations in, the machine's effects out."""

import asyncio
import contextlib
import os
import sys
import time

from cc_guard import settings_cache
from cc_guard.client import version as client_version
from cc_guard.detect import limits, signatures
from cc_guard.detect.trend import Sign
from cc_guard.detect.watch import Watch
from cc_guard.guard import diagnosis, leftovers
from cc_guard.guard.aid import Aid
from cc_guard.guard.arguments import Arguments
from cc_guard.guard.channels import Channels
from cc_guard.guard.holder import Holder
from cc_guard.guard.incident_screen import IncidentScreen
from cc_guard.guard.journal import Journal
from cc_guard.guard.notices import key_name, title_bytes
from cc_guard.guard.prober import Prober
from cc_guard.guard.recording import Recording
from cc_guard.guard.relay_port import RelayPort, words
from cc_guard.guard.repaint import before_continue
from cc_guard.incident import machine
from cc_guard.incident.moment import Moment
from cc_guard.incident.record import Finding, Symptom
from cc_guard.relay import link

_TICK_S = 0.1  # while an incident is open
_IDLE_TICK_S = 0.25  # enough to see a retry row of the transcript before its wait of 1 s is over
_ALMOST_S = 0.12  # so close to the end of its wait the client may already be at its next attempt
_MODES_EVERY_S = 0.5
_REPAINT_AFTER_S = 0.4  # a countdown is drawn every second
_REPAINTED_RESTARTS = 3
_QUICK_FOR_S = 600.0
_CALM_PROBE_S = 1.0
_RARE_PROBE_S = 5.0
_PROBE_SLACK_S = 10.0  # for a loop that was kept from its work, by a slow disk or a busy machine

_BY_USER = ("key", "interrupt", "input", "outside")


class GuardSession:
    """Runs until the relay is gone. Everything happens in the event loop's thread."""

    def __init__(self, arguments: Arguments) -> None:
        self._arguments = arguments
        self._settings = settings = settings_cache.load(arguments.options)
        hold = settings.hold.enabled and not settings.observe
        report_s = max(settings.probe.interval_s, _CALM_PROBE_S) + settings.probe.timeout_s + _PROBE_SLACK_S
        policy = machine.Policy(hold, settings.hold.after_attempt, report_s=report_s)
        self._state = machine.State(policy=policy)
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        self._row_changed = 0.0
        self._row_wait: float | None = None
        self._modes = b""
        self._modes_at = 0.0
        self._repaint_asked = False
        self._baseline: asyncio.Task[None] | None = None
        self._sign: Sign | None = None
        self._diagnosis: asyncio.Task[None] | None = None
        known = _signatures()
        self._watch = Watch(known, arguments.version, self._loop, time.time, self)
        self._frames = self._watch.frames
        self._recording: Recording | None = None
        if arguments.record:
            self._recording = Recording(arguments.record, self._loop, arguments.command, arguments.version)
        self._port = RelayPort(arguments.link, self._on_relay, self._over.set)
        key = settings.hold.release_byte
        self._holder = Holder(self._port, self._frames, key, self._client_waits, self._on_held)
        self._prober = Prober(
            self._probe_interval, settings.probe.timeout_s, arguments.settings, self._on_probe
        )
        self._aid = Aid(arguments, settings, self._port, self._watch, known, self._step, lambda: self._state)
        self._screen = IncidentScreen(self._port, self._frames, settings, self._panel_is_there)
        self._aid.screen_shown = lambda: self._screen.shown
        session = arguments.session or f"unnamed-{int(time.time())}"
        self._journal = Journal(session, (settings.history.keep_days, settings.history.keep_incidents))
        if arguments.version:
            self._journal.client_version = ".".join(map(str, arguments.version))
        recording = () if self._recording is None else (self._recording,)
        self._channels = Channels(self._watch.channels, arguments, *recording, self._aid, self._aid.vitals)

    async def run(self) -> None:
        with contextlib.suppress(OSError):
            leftovers.sweep()
        first = (self._find_version(), self._first_look(), self._prepare())
        tasks = [self._loop.create_task(work) for work in first]
        while not self._over.is_set():
            for work in (self._channels.poll, self._tick, self._aid.tick, self._ask_for_repaint):
                try:
                    work()
                except Exception as error:  # costs this one look; nobody may stay held by what does not work
                    self._holder.cancel()
                    self._loop.call_exception_handler({"message": "in the guard's round", "exception": error})
            tick = _TICK_S if self._state.phase != "idle" else _IDLE_TICK_S
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), tick)
        others = [task for task in (*tasks, self._baseline, self._diagnosis) if task is not None]
        for task in others:
            task.cancel()
        self._channels.poll()
        if self._recording is not None:
            self._recording.close()
        self._step(machine.Exited())
        self._prober.stop()
        self._journal.close()
        await asyncio.gather(*others, return_exceptions=True)
        await self._aid.close()

    def _tick(self) -> None:
        if self._state.phase != "idle":
            self._step(machine.Tick(self._at_rest(), self._moment()))
        self._screen.follow(self._state)

    # Observations

    def _on_relay(self, kind: int, payload: bytes) -> None:
        if self._recording is not None:
            self._recording.frame(kind, payload)
        if kind == link.OUTPUT:
            self._frames.output(payload)
        elif kind == link.SIZE:
            rows, columns, _, _ = link.WINSIZE.unpack(payload)
            self._frames.resize(columns, rows)
        elif kind == link.STALE:
            self._watch.lost(link.OFFSET.unpack(payload)[0])
            self._repaint_asked = False
        elif kind == link.KEY:
            self._aid.key(link.TIME.unpack(payload)[0])
        elif kind == link.ARGV:
            self._aid.command_line(words(payload))
        elif kind == link.EVENT:
            self._on_event(payload.decode("ascii", "replace").split())

    def _on_event(self, said: list[str]) -> None:
        self._aid.relay_says(said)
        self._screen.event(said)
        match said:
            case ["held", _]:
                self._holder.started()
            case ["refused"]:
                self._holder.refused()
            case ["released", reason]:
                self._holder.ended()
                self._step(machine.HoldEnded(reason, reason in _BY_USER))
            case ["suspended"]:
                self._step(machine.Suspended())
            case ["resumed"]:
                self._step(machine.Resumed())
            case ["exit", _]:
                self._step(machine.Exited())

    def on_frame(self, settled: bool) -> None:
        self._holder.attempt()
        self._aid.quiet.frame()
        now = self._loop.time()
        if settled and now - self._modes_at >= _MODES_EVERY_S:
            screen = self._frames.screen
            assert screen is not None
            self._modes_at = now
            modes = screen.mode_reset(blind=self._frames.blind)
            if modes != self._modes:
                self._modes = modes
                self._port.modes(modes)

    def on_symptom(self, symptom: Symptom, source: str) -> None:
        if symptom.phase == "retrying" and source == "screen":
            self._row_changed, self._row_wait = self._loop.time(), symptom.retry_in_s
        was_idle = self._state.report is None
        over = limits.over_at(symptom.text, symptom.t) if symptom.kind == "usage_limit" else None
        self._step(machine.Seen(symptom, source, None if over is None else over - time.time()))
        if was_idle and self._state.report is not None:
            self._warn(again=True)

    def on_progress(self, t: float, source: str) -> None:
        report = self._state.report
        if report is None or t >= self._began(report):  # an answer from before the trouble is told late
            self._step(machine.Progressed(source))
        self._warn()
        if self._baseline is None and self._state.phase == "idle" and self._state.policy.trusted is None:
            self._baseline = self._loop.create_task(self._check_path())

    @staticmethod
    def _began(report: machine.Report) -> float:
        """In epoch seconds, by the clock as it is now: it may have been set back meanwhile."""
        return min(report.symptoms[0].t, time.time() - (time.monotonic() - report.started))

    def on_interrupted(self, source: str) -> None:
        self._step(machine.Interrupted(source))

    def poll_channels(self) -> None:
        self._channels.poll()

    def _warn(self, again: bool = False) -> None:
        """Of what gets worse, when it is new or explains an incident."""
        sign = self._watch.trend.sign()
        if sign is not None and (again or self._sign is None):
            self._step(machine.Noticed(Finding("trend", "warn", sign.text, dict(sign.evidence))))
        self._sign = sign

    async def _prepare(self) -> None:
        try:
            self._journal.profile = (await self._aid.open()).name
        except Exception as error:
            self._loop.call_exception_handler({"message": "no profile: nothing is done", "exception": error})

    async def _first_look(self) -> None:
        """At the start of a session: a path that has answered once is worth waiting for."""
        finding, reachable = await self._prober.check()
        self._aid.front.path(finding)
        if reachable:
            self._step(machine.Checked(True))

    async def _check_path(self) -> None:
        """Right after an answer, where no probe has been answered: can ours see what the client sees?"""
        finding, reachable = await self._prober.check()
        self._aid.front.path(finding)
        self._step(machine.Checked(reachable))

    def _on_probe(self, finding: Finding, reachable: bool) -> None:
        self._aid.front.path(finding)
        self._step(machine.Probed(finding, reachable))

    def _on_held(self) -> None:
        self._step(machine.HoldStarted())
        if self._state.phase == "held":
            self._show_notice()
            self._screen.held()
            self._screen.follow(self._state)

    # Effects

    def _step(self, event: machine.Event) -> None:
        self._state, effects = machine.step(self._state, event, time.monotonic())
        # Writing the history may take a second where it is locked, so what the client waits for comes first.
        for effect in sorted(effects, key=lambda effect: isinstance(effect, machine.Record)):
            match effect:
                case machine.Probe(on):
                    (self._prober.start if on else self._prober.stop)()
                case machine.Hold():
                    self._holder.want()
                case machine.Release():
                    self._holder.cancel()
                case machine.Diagnose(symptom, started):
                    self._ask_why(symptom, started)
                case machine.Record(report):
                    self._journal.record(report)
                    self._aid.quiet.over(report)
                case _:
                    self._aid.carry_out(effect)
        self._screen.follow(self._state)

    def _ask_why(self, symptom: Symptom, started: float) -> None:
        if self._diagnosis is not None and not self._diagnosis.done():
            return
        self._diagnosis = self._loop.create_task(self._diagnose(symptom, started))

    async def _diagnose(self, symptom: Symptom, started: float) -> None:
        found = await diagnosis.ask(symptom, self._arguments.settings) or diagnosis.NONE
        report = self._state.report
        if report is not None and report.started == started:
            self._aid.front.why(found)
            self._step(machine.Diagnosed(found.cause, found.confidence, found.summary, found.findings))
        else:
            self._journal.explain(started, found)

    def _panel_is_there(self) -> bool:
        return self._aid.front.watched or self._aid.opener.coming

    def _show_notice(self) -> None:
        screen = self._frames.screen
        assert screen is not None
        mend = before_continue(self._frames.tail, screen.cursor_row, screen.alternate)
        now = restore = b""
        if self._settings.title.enabled:
            key = key_name(self._settings.hold.release_byte)
            words = f"⏸ API not reachable, Claude Code waits — {key} lets it go on"
            now, restore = title_bytes(words, screen.title)
        self._port.notice(self._frames.offset, now, restore, mend)

    # Questions

    def _at_rest(self) -> bool:
        """The client waits for the user, and if it had got an answer we would know."""
        return self._watch.channels.heard and not self._watch.detector.busy

    def _moment(self) -> Moment:
        """Looked at only where it can matter."""
        return self._aid.moment() if self._state.phase in ("down", "watching") else Moment()

    def _probe_interval(self) -> float:
        """As often as the settings say while somebody waits for the end of a hold; otherwise, and when it has
        become a long one, once a second: everybody else's guard asks as well. For a client that has given up
        long ago, still less often."""
        interval, since = self._settings.probe.interval_s, self._state.hold_started
        if since is not None and time.monotonic() - since < _QUICK_FOR_S:
            return interval
        forgotten = self._state.phase == "down" and time.monotonic() - self._state.alive > _QUICK_FOR_S
        return max(interval, _RARE_PROBE_S if forgotten else _CALM_PROBE_S)

    def _client_waits(self) -> bool:
        """Whether the client is between two attempts, by the screen or by its transcript. The transcript
        does not say that the user has ended the waiting, or that a question has come up: the screen does."""
        detector = self._watch.detector
        if detector.at_work and self._loop.time() < self._watch.channels.retry_until - _ALMOST_S:
            return True
        if not detector.waiting or self._row_wait is None:
            return False
        return self._loop.time() - self._row_changed < max(self._row_wait - _ALMOST_S, 0.0)

    def _ask_for_repaint(self) -> None:
        """After a lost stretch of output, once, when the client is quiet; only of a Claude Code we know. Not
        for a guard that dies again and again: clients up to 2.0 clear the scrollback for it."""
        if self._arguments.restarts > _REPAINTED_RESTARTS:
            return
        quiet = self._loop.time() - self._frames.last_output > _REPAINT_AFTER_S
        if self._frames.stale and quiet and not self._repaint_asked and self._arguments.version:
            self._repaint_asked = True
            self._port.repaint()

    async def _find_version(self) -> None:
        """Only of what calls itself claude: any other program might do anything when it is run once more."""
        program = self._arguments.program
        if self._arguments.version or not os.path.basename(program).startswith("claude"):
            return
        found = await client_version.measure_version(program)
        if found is not None:
            self._journal.client_version = ".".join(map(str, found))


def _signatures() -> signatures.Signatures:
    """With the user's own, which were checked when cc-guard started; edited to nonsense since, without."""
    try:
        return signatures.load()
    except signatures.SignatureError as error:
        print(error, file=sys.stderr)  # which is the guard's log
        return signatures.shipped()
