"""Scenario × profile → actions, outcome, undo: what a guarded Claude Code does about each fault.

    python -m tests.proofs.table [--only TEXT]… [--repeat 3] [--jobs 2] [--short]

A row is a real session of the real client under cc-guard, on a machine of its own whose network breaks as the
scenario says; where the row has an answer, the user gives it from another window. Checked: exactly these
actions, this outcome, that nothing of the machine (settings, routes, MTU, firewall, virtual machine,
container) differs afterwards from before, and that `cc-guard restore` finds nothing left. Needs root, for the
namespaces. Exit status 1 when a row is wrong.
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tests.fakes import HERE as FAKES
from tests.netns.caching import remembering
from tests.netns.namespaces import SetupError, missing
from tests.netns.scenario import FOLDER, Stage, load
from tests.support.client import InstallError
from tests.support.guarded import Guarded, Late, guarded
from tests.support.undoing import CONTAINER, MACHINE, Here, in_the_way

ANSWER = "● back again"
HANDS_OFF_S = 12.0  # twice what a diagnosis and a remedy without a question take
UNDONE_S = 60.0
HELD, NUDGED = ("hold.wait:ok",), ("client.nudge:ok",)
RECOVERY = HELD + NUDGED


@dataclass(frozen=True)
class Row:
    """`fault`: a file of netns/scenarios, what the stand-in does ("api status:503"), or who is in the way
    ("machine", "container", "cache"). `answer`: to the question whether it may do what is `asked`. `actions`:
    exactly these, besides those of RECOVERY, of which `also` may happen, and `needs` has to. `mended_s`: the
    fault ends by itself so many seconds after the prompt; None: a remedy has to heal it. `own`: the user's
    file of the profile. `changes`: what differs until the end of the session. `short`: played in CI."""

    name: str
    profile: str
    fault: str
    actions: tuple[str, ...] = ()
    asked: str = ""
    answer: Literal["yes", "no", ""] = ""
    own: str = ""
    options: tuple[str, ...] = ()
    environ: tuple[tuple[str, str], ...] = ()
    mended_s: float | None = None
    outcome: str = "recovered"
    also: tuple[str, ...] = RECOVERY
    needs: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    from_start: bool = False
    short: bool = False
    cause: str = ""


_OWN_MACHINE = "[remedies]\ntart.suspend = 'auto'\n[parameters.tart]\nnames = ['MACHINE']\n"
_OWN_CONTAINER = f"[remedies]\ndocker.pause = 'auto'\n[parameters.docker]\nnames = ['{CONTAINER}']\n"
_QUICK = (("API_TIMEOUT_MS", "6000"),)

ROWS = (
    *(
        Row("reset for 30 s", profile, "both_reset", mended_s=30, cause="tcp.blocked", needs=HELD)
        for profile in ("linux", "container", "generic")
    ),
    Row(
        "wrong name in the cache", "linux", "cache", ("dns.flush:ok",), from_start=True, cause="dns.sinkhole"
    ),
    Row(
        *("wrong name in the cache, asks", "linux", "cache", ("dns.flush:ok",), "dns.flush", "yes"),
        own="[remedies]\ndns.flush = 'ask'\n",
        from_start=True,
        cause="dns.sinkhole",
    ),
    Row(
        *("wrong name in the cache", "container", "cache", ("dns.flush:suggested",)),
        from_start=True,
        mended_s=20,
        cause="dns.sinkhole",
    ),
    Row(
        *("IPv6 connects, then resets", "linux", "ipv6_first_resets", ("ipv6.prefer_v4:ok",)),
        *("ipv6.prefer_v4", "yes"),
        changes=("routes of IPv6",),
        short=True,
        cause="ipv6.broken",
    ),
    Row(
        *("IPv6 connects, then resets", "generic", "ipv6_first_resets", ("ipv6.prefer_v4:refused",)),
        *("ipv6.prefer_v4", "no"),
        mended_s=20,
        cause="ipv6.broken",
    ),
    Row(
        *("IPv6 resets, nobody answers", "linux", "ipv6_first_resets", (), "ipv6.prefer_v4"),
        mended_s=25,
        cause="ipv6.broken",
    ),
    Row(
        *("IPv6 resets, switched off", "linux", "ipv6_first_resets"),
        own="[remedies]\nipv6.prefer_v4 = 'off'\n",
        mended_s=20,
        cause="ipv6.broken",
    ),
    Row(
        *("300 ports, all used", "linux", "ports_exhausted_both", ("ports.widen:ok",), "ports.widen", "yes"),
        changes=("sysctl",),
        cause="ports.exhausted",
    ),
    Row(
        *("300 ports, all used", "container", "ports_exhausted_both", ("ports.widen:suggested",)),
        mended_s=20,
        cause="ports.exhausted",
    ),
    Row(
        *("300 ports, all used", "wsl2", "ports_exhausted_both", ("ports.widen:suggested",)),
        mended_s=20,
        cause="ports.exhausted",
    ),
    Row(
        *("full packets vanish", "linux", "mtu_black_hole", ("mtu.lower:ok",), "mtu.lower", "yes"),
        environ=_QUICK,
        changes=("sysctl", "mtu"),
        cause="mtu.blackhole",
    ),
    Row(
        *("machine in the way", "macos-tart", "machine", ("tart.suspend:ok",), "tart.suspend", "yes"),
        cause="tcp.blocked",
    ),
    Row(
        *("machine in the way", "macos-tart", "machine", ("tart.suspend:ok",)),
        own=_OWN_MACHINE,
        short=True,
        cause="tcp.blocked",
    ),
    Row(
        *("machine is not in the way", "macos-tart", "beside machine", ("tart.suspend:failed",)),
        own=_OWN_MACHINE,
        mended_s=25,
        cause="tcp.blocked",
    ),
    Row(
        *("container in the way", "linux", "container", ("docker.pause:ok",)),
        own=_OWN_CONTAINER,
        cause="tcp.blocked",
    ),
    Row(
        *("401 until a new process", "linux", "api status:401", ("client.restart:ok",)),
        environ=(("CLAUDE_CODE_MAX_RETRIES", "1"),),
        needs=NUDGED,
    ),
    Row("503 for 30 s", "linux", "api status:503", ("server.wait:suggested",), mended_s=30),
    *(
        Row(*("observed", "linux", fault), options=("--observe",), mended_s=20, also=(), cause=cause, own=own)
        for fault, cause, own in (
            ("ports_exhausted_both", "ports.exhausted", ""),
            ("container", "tcp.blocked", _OWN_CONTAINER),
        )
    ),
)


@dataclass
class Found:
    """What became of a row; it is right when there are no complaints."""

    actions: list[str] = field(default_factory=list)
    causes: list[str] = field(default_factory=list)
    outcome: str = "-"
    undone: str = "-"
    took_s: float = 0.0
    complaints: list[str] = field(default_factory=list)

    def expect(self, good: bool, complaint: str) -> None:
        if not good:
            self.complaints.append(complaint)


def play(row: Row) -> Found:
    found, began = Found(), time.monotonic()
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            _play(row, found, Path(folder))
    except (Late, TimeoutError, RuntimeError, SetupError, InstallError, subprocess.SubprocessError) as error:
        found.complaints.append(f"{type(error).__name__}: {error}")
    found.took_s = time.monotonic() - began
    return found


def _play(row: Row, found: Found, folder: Path) -> None:
    own_fault = (FOLDER / f"{row.fault}.toml").exists()
    scenario = load(FOLDER / f"{row.fault}.toml" if own_fault else FOLDER / "healthy.toml")
    with_guests = "machine" in row.fault or "container" in row.fault
    with ExitStack() as stack:

        def prepare(here: Here, stage: Stage) -> None:
            _offload(here)
            if row.profile == "wsl2":
                _windows(here)
            if row.fault == "cache":
                _resolved(here)
            if row.from_start:
                stack.enter_context(fault_of(row, here, stage))

        environ = dict(row.environ)
        session = stack.enter_context(
            guarded(
                folder,
                scenario,
                row.profile,
                own=row.own.replace("MACHINE", MACHINE),
                options=row.options,
                environ=environ,
                with_guests=with_guests,
                prepare=prepare,
            )
        )
        session.ready()
        healthy = session.here.state()
        fault = ExitStack()
        stack.callback(fault.close)
        if not row.from_start:
            session.terminal.prompt("say all is well")
            session.terminal.wait_for("● all is well", 40)
            time.sleep(1.0)
            fault.enter_context(fault_of(row, session.here, session.stage, session))
        faulty = session.here.state()
        session.terminal.prompt("say back again")
        _live_through(row, found, session, faulty, stack if row.from_start else fault)
        session.until(
            lambda: bool(session.incidents()) and session.incidents()[0]["outcome"] != "open",
            "the incident is still open",
        )
        _tell(row, found, session.incidents())
        _leave(row, found, session, healthy if row.mended_s is not None else faulty)


def _live_through(row: Row, found: Found, session: Guarded, faulty: dict[str, Any], fault: ExitStack) -> None:
    started = time.monotonic()
    if row.asked:
        session.until(lambda: session.asked() == row.asked, f"nobody asks about {row.asked}")
        found.expect(session.here.differences(faulty) == [], "changed before the answer")
        if row.answer:
            session.answer(row.answer)
    if row.fault.startswith("api ") and row.mended_s is None:
        old = session.clients()
        session.until(lambda: bool(set(session.clients()) - set(old)), "no new process")
        session.api.set_fault("none")
    if row.mended_s is None:
        session.until(lambda: _is_over(session), "no answer", 90)
        session.until(
            lambda: {text.partition(":")[0] for text in session.here.differences(faulty)} == set(row.changes),
            f"for the session only {row.changes or 'nothing'} is to stay changed",
        )
        return
    time.sleep(max(0.0, row.mended_s - (time.monotonic() - started)))
    found.expect(session.here.differences(faulty) == [], f"changed: {session.here.differences(faulty)}")
    if row.asked and not row.answer:
        found.expect(session.asked() == row.asked, "it is not asked any more")
    _mend(row, session, fault)
    session.until(lambda: _is_over(session), "no answer", 90)
    if row.asked:
        session.until(lambda: session.asked() == "", "it is still asked")


def _is_over(session: Guarded) -> bool:
    """The answer shows; or the one to `continue` does, and the incident is closed."""
    if ANSWER in session.terminal.screen():
        return True
    incidents = session.incidents()
    return bool(incidents) and incidents[0]["outcome"] != "open"


def _mend(row: Row, session: Guarded, fault: ExitStack) -> None:
    if row.fault.startswith("api "):
        session.api.set_fault("none")
    elif (FOLDER / f"{row.fault}.toml").exists():
        session.turn_into("healthy")
    elif row.fault == "cache":
        Path(session.here.environ["FAKE_RESOLVED"]).unlink()
    else:
        fault.close()


def _tell(row: Row, found: Found, incidents: list[dict[str, Any]]) -> None:
    rows = [action for incident in reversed(incidents) for action in incident["actions"]]
    found.actions = [f"{action['remedy']}:{action['status']}" for action in rows]
    found.outcome = incidents[0]["outcome"]
    found.causes = [str(incident["cause"]) for incident in reversed(incidents)]
    others = [action for action in found.actions if action not in row.also]
    found.expect(others == list(row.actions), f"actions {found.actions}, wanted {list(row.actions)}")
    found.expect(set(row.needs) <= set(found.actions), f"no {' and '.join(row.needs)}")
    found.expect(found.outcome == row.outcome, f"outcome {found.outcome}, wanted {row.outcome}")
    found.expect(len(incidents) == 1, f"{len(incidents)} incidents")
    if row.cause:
        found.expect(found.causes[0] == row.cause, f"cause {found.causes}, wanted {row.cause}")
    if row.profile == "wsl2":
        said = json.dumps(rows)
        found.expect("netsh int ipv4 set dynamicport tcp start=32768" in said, f"netsh is not told: {said}")


def _leave(row: Row, found: Found, session: Guarded, before: dict[str, Any]) -> None:
    """The end of the session, as users end it; then whether anything is left."""
    kept = bool(session.here.entries())
    session.leave()
    end = time.monotonic() + UNDONE_S
    while (left := session.here.differences(before)) or session.here.entries():
        if time.monotonic() > end:
            break
        time.sleep(0.5)
    left += [f"the journal has {name}" for name in session.here.entries()]
    found.expect(not left, f"left behind: {left}")
    status, told = session.here.restore()
    found.expect((status, told.get("restored")) == (0, []), f"restore: {status} {told}")
    paused = any(action.startswith(("tart.", "docker.")) for action in found.actions)
    found.undone = "LEFT" if left else "all" if kept or paused else "nothing to"
    log = Path(session.here.environ.get("WINDOWS_LOG", "/nowhere"))
    wrong = [line for line in log.read_text().splitlines() if " show " not in line] if log.exists() else []
    found.expect(not wrong, f"Windows' programs were run: {wrong}")


# Faults


@contextmanager
def fault_of(row: Row, here: Here, stage: Stage, session: Guarded | None = None) -> Iterator[None]:
    if row.fault.startswith("api "):
        assert session is not None
        session.api.set_fault(row.fault.removeprefix("api "))
        yield
    elif row.fault == "cache":
        with remembering(stage.here, Path(here.environ["FAKE_RESOLVED"])):
            yield
    elif "machine" in row.fault or row.fault == "container":
        with in_the_way(row.fault, here):
            yield
    else:
        stage.turn_into(load(FOLDER / f"{row.fault}.toml"))
        yield


def _offload(here: Here) -> None:
    """Else the wire carries several packets as one, which no real one does."""
    argv = [*here.place.before, "ip", "link", "set", "dev", "wire", "gso_max_segs", "1"]
    subprocess.run(argv, check=True)


def _resolved(here: Here) -> None:
    """systemd-resolved's place is taken by a resolver whose cache has a wrong address."""
    here.namespace.etc(resolv_conf="nameserver 127.0.0.53\nnameserver 10.77.0.2\n")
    cache = here.folder / "cache"
    cache.write_text("10.77.0.2")  # where nobody listens, so that it is soon known
    here.environ["FAKE_RESOLVED"] = str(cache)
    (here.folder / "bin" / "resolvectl").symlink_to(FAKES / "resolvectl")


def _windows(here: Here) -> None:
    """WSL 2: its kernel's name, and Windows' programs, each of which writes down how it was called."""
    (here.folder / "python").mkdir()
    (here.folder / "python" / "sitecustomize.py").write_text(
        "import platform\nplatform.release = lambda: '5.15.167.4-microsoft-standard-WSL2'\n"
    )
    here.environ["PYTHONPATH"] = str(here.folder / "python")
    here.environ["WINDOWS_LOG"] = str(here.folder / "windows.log")
    for name in ("netsh.exe", "wsl.exe", "ipconfig.exe", "wslinfo"):
        script = here.folder / "bin" / name
        script.write_text(f'#!/bin/sh\necho "{name} $* show " >> "$WINDOWS_LOG"\nexec {FAKES / name} "$@"\n')
        if name != "wslinfo":
            script.write_text(f'#!/bin/sh\necho "{name} $* " >> "$WINDOWS_LOG"\nexec {FAKES / name} "$@"\n')
        script.chmod(0o755)


# The table

LINE = "{:31} {:11} {:6} {:54} {:10} {:11} {:>5}".format


def told(row: Row, found: Found) -> str:
    answer = row.answer or ("none" if row.asked else "")
    return LINE(
        row.name,
        row.profile,
        answer,
        ", ".join(found.actions) or "none",
        found.outcome,
        found.undone,
        f"{found.took_s:.0f} s",
    )


def rows(only: Sequence[str] = (), short: bool = False) -> list[Row]:
    return [
        row
        for row in ROWS
        if (row.short or not short)
        and (not only or any(text in f"{row.name} {row.profile}" for text in only))
    ]


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.proofs.table", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--only", action="append", default=[], metavar="TEXT")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--short", action="store_true", help="only what CI plays")
    options = parser.parse_args()
    if reason := missing():
        print(reason)
        return 2
    chosen = rows(options.only, options.short)
    wrong = 0
    # A machine's name is that of its process.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.jobs, context) as pool:
        for number in range(1, options.repeat + 1):
            print(LINE("scenario", "profile", "answer", "actions", "outcome", "undone", "took"), flush=True)
            for row, found in zip(chosen, pool.map(play, chosen), strict=True):
                print(told(row, found), flush=True)
                for complaint in found.complaints:
                    print(f"    WRONG: {complaint}", flush=True)
                wrong += bool(found.complaints)
            print(f"run {number}: {len(chosen)} rows, {wrong} wrong so far\n", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
