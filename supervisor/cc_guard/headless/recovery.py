"""What becomes of a headless run that the connection has ended: judge, wait, go on with its session."""

import os
import stat
import sys
import time

from cc_guard import settings_cache
from cc_guard.detect import signatures
from cc_guard.detect.signatures import Reading
from cc_guard.guard.arguments import working_folder
from cc_guard.headless import plan, report, totals, turn
from cc_guard.headless.account import Account
from cc_guard.headless.cause import Doctor
from cc_guard.headless.job import Job
from cc_guard.headless.turn import Turn
from cc_guard.headless.verdict import Tries, is_good, is_lost
from cc_guard.headless.waiting import Wait, Waiting
from cc_guard.incident.record import Finding, Symptom
from cc_guard.launch.options import scan
from cc_guard.launch.settings_file import is_json

# Before a try on a path that looks good: what was wrong a moment ago may take a moment longer.
_PAUSE_S = 2.0


class Recovery:
    """Of one job, whose first run began at `started`."""

    def __init__(self, job: Job, started: float) -> None:
        self._job = job
        self._started = started
        self._settings = settings_cache.load(job.options)
        self._left_s = self._settings.headless.wait_s
        self._signatures = _signatures()
        self._cwd = working_folder()
        self._tries = Tries()
        self._account: Account | None = None
        self._good_at: float | None = None
        self._restarted: float | None = None
        self._lost = False
        self._answered = False

    def next_args(self, started: float) -> list[str] | None:
        """The arguments of another run in place of the one that began at `started` and has failed; None when
        its report has to stand. Raises signals.Stopped."""
        job = self._job
        said = report.read(bytes(job.output.held), job.plan.output)
        if said is None:
            return None
        session = said.session or (job.plan.session if self._restarted is None else None)
        failed = turn.find(job.environ, self._cwd, session, said.text, self._started, started)
        if failed is None:
            return None
        reading = self._signatures.read(failed.text)
        self._lost = is_lost(reading)
        self._answered = self._answered or failed.progressed
        account, symptom = self._note(failed, reading)
        if not self._lost or not self._may_go_on(failed):
            return None
        wait = self._wait(account, reading, symptom)
        self._left_s -= wait.lasted_s
        if wait.good_at is None or not self._tries.start(wait.waited):
            return None
        if not wait.waited:
            self._job.signals.sleep(_PAUSE_S)
        else:
            self._say(f"the API answers again after {_duration(wait.lasted_s)}; Claude Code goes on.")
        return self._go_on(account, failed, wait)

    def end(self, status: int) -> None:
        """The job is over, and its output on its way. Never raises."""
        account, restarted = self._account, self._restarted
        if account is None:
            return
        progressed = None
        if restarted is not None and not self._lost:
            session = account.incident.session
            progressed = turn.first_progress(self._job.environ, self._cwd, session, restarted)
            if progressed is None and status == 0:
                progressed = time.time()
        if progressed is not None:
            account.ended("recovered", progressed, self._good_at)
        else:
            account.ended("abandoned" if self._job.signals.stop else "failed", None, None)
        self._save(account)

    def _note(self, failed: Turn, reading: Reading) -> tuple[Account, Symptom]:
        symptom = Symptom(
            time.time(),
            reading.kind or "server_error",
            "failed",
            reading.code,
            reading.http_status,
            text=failed.text,
            confirmed=True,
        )
        if self._account is None:
            profile = self._settings.profile
            version = ".".join(map(str, self._job.plan.version))
            self._account = Account(failed, symptom, version, "generic" if profile == "auto" else profile)
        self._account.failed(failed, symptom)
        return self._account, symptom

    def _may_go_on(self, failed: Turn) -> bool:
        if failed.unfinished or (self._job.plan.limited and self._answered):
            return False
        return self._tries.another(failed.progressed) and _is_repeatable(self._job.plan.user_args)

    def _wait(self, account: Account, reading: Reading, symptom: Symptom) -> Wait:
        settings = _settings_files(self._job.plan.user_args)
        doctor = Doctor()

        def on_bad(finding: Finding) -> None:
            self._say(f"{finding.summary}. Claude Code goes on when the API can be reached again.")
            doctor.ask(symptom, settings)
            self._save(account)

        waiting = Waiting(
            lambda reachable, status: is_good(reading, reachable, status),
            on_bad,
            self._job.outlet.look,
            self._settings.probe.timeout_s,
            settings,
        )
        try:
            return waiting.run(self._left_s, self._job.signals)
        finally:
            account.waited(waiting.wait, doctor.finish())

    def _go_on(self, account: Account, failed: Turn, wait: Wait) -> list[str]:
        job = self._job
        self._lost = False
        self._restarted, self._good_at = time.time(), wait.good_at
        account.restarted(failed.session, self._restarted)
        if self._answered:
            counts_turns = job.plan.version >= (2, 0, 0)
            job.output.amend = lambda earlier, printed: totals.amend(
                earlier, printed, failed.keeps_costs, counts_turns
            )
        args = plan.resumed(job.plan, failed.session, failed.after)
        job.output.again()
        return args

    def _save(self, account: Account) -> None:
        try:
            account.save((self._settings.history.keep_days, self._settings.history.keep_incidents))
        except Exception as error:
            self._job.log(error)

    def _say(self, text: str) -> None:
        """To the user, unless it would get into the output."""
        if os.isatty(2) or not _same_file(1, 2):
            sys.stderr.write(f"cc-guard: {text}\n")
            sys.stderr.flush()


def _is_repeatable(args: list[str]) -> bool:
    """Not with the name of a pipe, as in `--mcp-config <(…)`: the first run has read it."""
    for word in args:
        value = word.partition("=")[2] if word.startswith("--") and "=" in word else word
        try:
            if stat.S_ISFIFO(os.stat(value).st_mode):
                return False
        except (OSError, ValueError):
            continue
    return True


def _settings_files(args: list[str]) -> list[str]:
    given = (option.value for option in scan(args)[0] if option.name == "--settings")
    return [value for value in given if value is not None and not is_json(value)]


def _signatures() -> signatures.Signatures:
    """Without the user's own where those are wrong: an interactive session tells."""
    try:
        return signatures.load()
    except signatures.SignatureError:
        return signatures.shipped()


def _same_file(one: int, other: int) -> bool:
    first, second = os.fstat(one), os.fstat(other)
    return (first.st_dev, first.st_ino) == (second.st_dev, second.st_ino)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
