"""What happens to a plan: consent, changes that help or not, and all that can go wrong."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from cc_guard.owner import Owner
from cc_guard.remedies import journal, proof, registry, undo
from cc_guard.remedies.carry_out import Answer, carry_out, plan_only
from cc_guard.remedies.fixes.ports import Sysctl
from cc_guard.remedies.hands import Hands
from cc_guard.remedies.journal import Owners
from cc_guard.remedies.remedy import Level, Move, Plan, Policy, Remedy, Step, Unfit, everywhere
from cc_guard.remedies.world import World
from tests.support.peers import Peer, silent
from tests.support.remedying import Dial, LateDial, here, known_dials, world

Helps = dict[str, bool | None]


@pytest.fixture
def dial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    known_dials(monkeypatch)
    path = tmp_path / "dial"
    path.write_text("old\n")
    return path


def helping(monkeypatch: pytest.MonkeyPatch, *answers: bool | None) -> None:
    """What the network says after each change."""
    left = list(answers)

    async def helped(*_: Any) -> bool | None:
        return left.pop(0)

    monkeypatch.setattr(proof, "helped", helped)


def remedy(plan: Plan | Unfit, level: Level = 2, policy: Policy = "auto", by_guard: bool = False) -> Remedy:
    async def planned(_: World) -> Plan:
        if isinstance(plan, Unfit):
            raise plan
        return plan

    return Remedy("a.remedy", "Title", "Text.", (), everywhere(level), planned, policy, "session", by_guard)


def moving(*paths: Path, proof_: Any = "path") -> Plan:
    moves = tuple(Move(Dial(str(path)), "old", "new") for path in paths)
    return Plan("Turns the dial.", moves=moves, proof=proof_)


def run(one: Remedy, consent: bool = True, owners: Owners | None = None) -> Answer:
    where = world()
    return asyncio.run(carry_out(one, where, owners or here(), consent, Hands(where.facts)))


def test_a_change_that_helps_is_kept(dial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helping(monkeypatch, True)
    answer = run(remedy(moving(dial)))
    assert (answer.status, answer.helped, answer.detail) == ("ok", True, "the dial: new, was old")
    assert dial.read_text() == "new\n"
    assert [entry.id for entry in journal.of(Owner.current())] == [answer.undo]
    assert [row["status"] for row in answer.commands] == [0]


def test_it_is_written_down_before_it_is_made(dial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, int]] = []
    real = Dial.write

    async def write(self: Dial, hands: Hands, value: str) -> None:
        seen.append((dial.read_text(), len(journal.entries())))
        await real(self, hands, value)

    monkeypatch.setattr(Dial, "write", write)
    helping(monkeypatch, True)
    run(remedy(moving(dial)))
    assert seen == [("old\n", 1)]


def test_a_change_that_does_not_help_is_taken_back(dial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helping(monkeypatch, False)
    answer = run(remedy(moving(dial)))
    assert (answer.status, answer.undo) == ("failed", None)
    assert answer.detail == "the dial: it changed nothing, taken back"
    assert dial.read_text() == "old\n"
    assert journal.entries() == []


def test_one_after_the_other_until_one_helps(dial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dials = [dial.with_name(name) for name in ("a", "b", "c")]
    for path in dials:
        path.write_text("old\n")
    helping(monkeypatch, False, True)
    assert run(remedy(moving(*dials))).status == "ok"
    assert [path.read_text() for path in dials] == ["old\n", "new\n", "old\n"]
    assert [entry.key for entry in journal.entries()] == [f"test:{dials[1]}"]


def test_what_nobody_can_tell_is_kept(dial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helping(monkeypatch, None)
    answer = run(remedy(moving(dial)))
    assert (answer.status, answer.helped) == ("ok", None)


@pytest.mark.parametrize(("level", "policy"), [(3, "auto"), (2, "ask")])
def test_not_without_a_yes(dial: Path, level: Level, policy: Policy) -> None:
    answer = run(remedy(moving(dial), level, policy), consent=False)
    assert (answer.status, answer.detail) == ("refused", "this is done only when you say so")
    assert dial.read_text() == "old\n"
    assert answer.commands == []


@pytest.mark.parametrize("level", [0, 4])
def test_never_done_by_us(dial: Path, level: Level) -> None:
    """Whatever a profile and a user say."""
    answer = run(remedy(moving(dial), level), consent=True)
    assert answer.status == "suggested"
    assert dial.read_text() == "old\n"


def test_a_dry_run_changes_nothing_and_says_it_all(dial: Path) -> None:
    answer = asyncio.run(plan_only(remedy(moving(dial)), world())).to_json()
    assert answer["status"] == "dry"
    assert dial.read_text() == "old\n"
    assert journal.entries() == []
    knob = Dial(str(dial))
    assert [step["command"] for step in answer["plan"]["steps"]] == [knob.steps("new")[0].command]
    assert answer["plan"]["undo"] == [knob.steps("old")[0].command]
    for command in (knob.steps("new")[0].command, f"To undo: {knob.steps('old')[0].command}"):
        assert command in answer["text"]


def test_what_a_dry_run_says_is_what_is_run(dial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helping(monkeypatch, True)
    answer = run(remedy(moving(dial))).to_json()
    assert [row["argv"] for row in answer["commands"]] == [list(Dial(str(dial)).steps("new")[0].argv)]


def test_unfit(dial: Path) -> None:
    answer = run(remedy(Unfit("there is no dial")))
    assert (answer.status, answer.detail, answer.commands) == ("unfit", "there is no dial", [])


def test_what_the_guard_does_itself(dial: Path) -> None:
    assert run(remedy(Plan("", (Step(("/bin/true",)),)), by_guard=True)).status == "unfit"
    hold = registry.remedy("hold.wait")
    assert hold is not None
    assert run(hold).status == "unfit"


def test_only_for_a_session_that_lives(dial: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    dead = Owner(child.pid, Owner.current().host, "1")
    for owners in (Owners(dead, Owner.current()), Owners(Owner.current(), dead)):
        answer = run(remedy(moving(dial)), owners=owners)
        assert (answer.status, answer.detail) == ("failed", "the session that wanted it is gone")
    assert dial.read_text() == "old\n"


def test_the_guard_dies_meanwhile(dial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is left who would take it back: so it is done at once."""
    guard = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    owners = Owners(Owner.current(), Owner.of(guard.pid))

    async def helped(*_: Any) -> bool:
        guard.kill()
        guard.wait()
        return True

    monkeypatch.setattr(proof, "helped", helped)
    assert run(remedy(moving(dial)), owners=owners).status == "failed"
    assert dial.read_text() == "old\n"
    assert journal.entries() == []


def test_it_has_changed_since_it_was_looked_at(dial: Path) -> None:
    dial.write_text("theirs\n")
    answer = run(remedy(moving(dial)))
    assert (answer.status, answer.detail) == ("failed", "the dial has changed meanwhile")
    assert dial.read_text() == "theirs\n"
    assert journal.entries() == []


def test_the_command_fails(dial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dial, "steps", lambda *_: (Step(("/bin/false",)),))
    answer = run(remedy(moving(dial)))
    assert (answer.status, answer.detail) == ("failed", "false failed: status 1")
    assert journal.entries() == []


def test_the_command_fails_and_has_done_it_all_the_same(dial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Dial.steps

    def steps(self: Dial, value: str) -> tuple[Step, ...]:
        (step,) = real(self, value)
        return (step, Step(("/bin/false",))) if value == "new" else (step,)

    monkeypatch.setattr(Dial, "steps", steps)
    assert run(remedy(moving(dial))).status == "failed"
    assert dial.read_text() == "old\n"
    assert journal.entries() == []


def test_the_command_does_nothing(dial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dial, "steps", lambda *_: (Step(("/bin/true",)),))
    answer = run(remedy(moving(dial)))
    assert (answer.status, answer.detail) == ("failed", "the dial is old and not new")
    assert journal.entries() == []


def test_it_becomes_something_else(dial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a machine that ends where it should be saved: that is our doing, and is taken back."""
    real = Dial.steps
    monkeypatch.setattr(Dial, "steps", lambda self, value: real(self, "broken" if value == "new" else value))
    answer = run(remedy(moving(dial)))
    assert (answer.status, answer.detail) == ("failed", "the dial is broken and not new")
    assert dial.read_text() == "old\n"
    assert journal.entries() == []


def test_it_can_not_be_taken_back(dial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Dial.steps
    monkeypatch.setattr(
        Dial, "steps", lambda self, value: real(self, value) if value == "new" else (Step(("/bin/false",)),)
    )
    helping(monkeypatch, False)
    answer = run(remedy(moving(dial)))
    assert (answer.status, answer.undo) == ("failed", journal.entries()[0].id)
    assert "could not be taken back" in answer.detail
    assert "To take it back yourself: /bin/false" in answer.to_json()["text"]


def test_a_command_that_hangs(dial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dial, "steps", lambda *_: (Step(("/bin/sleep", "60"), deadline_s=0.3),))
    started = time.monotonic()
    answer = run(remedy(moving(dial)))
    assert (answer.status, answer.detail) == ("failed", "sleep did not end within 0.3 s")
    assert time.monotonic() - started < 10
    assert journal.entries() == []


def test_a_change_that_comes_late_is_waited_for(dial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command came back, and the value is not there yet: it will come, and then has to go."""
    plan = Plan("", moves=(Move(LateDial(str(dial)), "old", "new"),))
    answer = run(remedy(plan))
    assert answer.status == "failed"
    time.sleep(1)
    assert dial.read_text() == "old\n"
    assert journal.entries() == []


def test_a_command_that_was_ended_may_still_have_an_effect(
    dial: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine goes on with what it was asked for, whatever becomes of its command."""
    real = LateDial.steps
    later = f"setsid sh -c 'sleep 1; echo new > {dial}' > /dev/null 2>&1 & sleep 60"
    asked = (Step(("/bin/sh", "-c", later), deadline_s=0.3),)
    monkeypatch.setattr(LateDial, "steps", lambda self, value: asked if value == "new" else real(self, value))
    answer = run(remedy(Plan("", moves=(Move(LateDial(str(dial)), "old", "new"),))))
    assert (answer.status, answer.detail) == ("failed", "sh did not end within 0.3 s")
    time.sleep(1.5)
    assert dial.read_text() == "old\n"
    assert journal.entries() == []


def test_cancelled_while_it_looks_whether_it_helped(dial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def helped(*_: Any) -> bool:
        await asyncio.sleep(60)
        return True

    async def cancelled() -> None:
        where = world()
        work = asyncio.create_task(carry_out(remedy(moving(dial)), where, here(), True, Hands(where.facts)))
        while dial.read_text() != "new\n":
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    monkeypatch.setattr(proof, "helped", helped)
    asyncio.run(cancelled())
    assert dial.read_text() == "old\n"
    assert journal.entries() == []


def test_cancelled_while_the_command_runs(dial: Path) -> None:
    plan = Plan("", moves=(Move(Dial(str(dial), "0.5"), "old", "new"),))

    async def cancelled() -> None:
        where = world()
        work = asyncio.create_task(carry_out(remedy(plan), where, here(), True, Hands(where.facts)))
        while not journal.entries():
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    asyncio.run(cancelled())
    time.sleep(1)
    assert dial.read_text() == "old\n"
    assert journal.entries() == []


# Commands that leave nothing behind


def test_one_of_several_commands_is_enough(dial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helping(monkeypatch, True)
    steps = (Step(("/bin/false",)), Step(("/bin/true",)))
    answer = run(remedy(Plan("", steps)))
    assert (answer.status, answer.undo) == ("ok", None)
    assert [row["status"] for row in answer.commands] == [1, 0]


def test_all_fail(dial: Path) -> None:
    answer = run(remedy(Plan("", (Step(("/bin/false",)),))))
    assert (answer.status, answer.detail) == ("failed", "false failed: status 1")


def test_done_and_of_no_use(dial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helping(monkeypatch, False)
    answer = run(remedy(Plan("", (Step(("/bin/true",)),))))
    assert (answer.status, answer.helped) == ("failed", False)


@dataclass(frozen=True)
class Unreadable(Dial):
    kind: ClassVar = "test"

    async def read(self, hands: Hands) -> str | None:
        return None


def test_what_can_not_be_read_is_not_changed(dial: Path) -> None:
    plan = Plan("", moves=(Move(Unreadable(str(dial)), "old", "new"),))
    assert run(remedy(plan)).status == "failed"
    assert dial.read_text() == "old\n"


def test_the_answer_has_no_control_characters(dial: Path) -> None:
    answer = run(remedy(Unfit("\x1b[2Jgone"))).to_json()
    assert "\x1b" not in answer["detail"] + answer["text"]


# The process itself


def process(*words: str, request: str = "{}", **more: Any) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-P", "-m", "cc_guard.remedies", *words]
    return subprocess.run(argv, input=request, capture_output=True, text=True, timeout=60, **more)


def test_undo_for_a_session_that_was_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its guard lives on for a moment, knows the relay by its process id alone, and has to take back."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "state" / "cc-guard" / "undo"
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as relay:
        knob = Sysctl("net.no.such.thing")
        owners = Owners(Owner.of(relay.pid), Owner.current())
        journal.write(journal.new("ports.widen", knob, "1", "2", "session", owners))
        other = process("undo", "--session", str(os.getpid()))
        assert (other.stdout.strip(), len(list(folder.glob("*.json")))) == ("[]", 1)
        relay.kill()
    assert '"outcome": "nothing"' in process("undo", "--session", str(relay.pid)).stdout
    assert list(folder.glob("*.json")) == []


def test_the_list() -> None:
    import json

    rows = json.loads(process("list").stdout)
    assert [row["id"] for row in rows] == [one.id for one in registry.all_remedies()]
    assert set(rows[0]) == {"id", "title", "text", "causes", "level", "most", "until", "trial", "by_guard"}


@pytest.mark.parametrize(
    ("words", "request_", "said"),
    [
        (("run", "no.such"), "{}", "there is no remedy no.such"),
        (("run", "server.wait"), "{", "the request can't be used"),
        (("run", "server.wait"), "[]", "it is no object"),
        (("run", "server.wait"), '{"cause": "weather"}', "there is no cause 'weather'"),
        (("run", "server.wait"), '{"session": true}', "session has to be a process id"),
        (("run", "server.wait"), '{"parameters": {"tart": 1}}', "parameters has to be"),
        (("run", "server.wait"), '{"tried": [1]}', "tried has to be a list of texts"),
        (("dance",), "{}", "invalid choice"),
    ],
)
def test_wrong_usage(words: tuple[str, ...], request_: str, said: str) -> None:
    done = process(*words, request=request_)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_advice_as_json() -> None:
    import json

    answer = json.loads(process("run", "server.wait").stdout)
    assert (answer["status"], answer["level"], answer["commands"]) == ("suggested", 0, [])
    assert set(answer) >= {"remedy", "detail", "text", "undo", "helped", "plan", "env"}


def test_a_signal_ends_it_at_once(tmp_path: Path) -> None:
    """While it looks at the network, which takes its time where nothing answers."""
    argv = [sys.executable, "-P", "-m", "cc_guard.remedies", "run", "ipv6.prefer_v4"]
    with Peer(silent) as peer:
        environ = {
            **os.environ,
            "ANTHROPIC_BASE_URL": f"https://127.0.0.1:{peer.port}",
            "HOME": str(tmp_path),
        }
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ) as started:
            assert started.stdin is not None
            started.stdin.write(b"{}")
            started.stdin.close()
            while not peer.accepted:
                time.sleep(0.01)
            started.send_signal(signal.SIGTERM)
            assert started.wait(10) == 128 + signal.SIGTERM


def test_undo_of_a_session(dial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helping(monkeypatch, True)
    kept = run(remedy(moving(dial)))
    entries = journal.of(Owner.current())
    assert [entry.id for entry in entries] == [kept.undo]
    done = asyncio.run(undo.all_of(entries, Hands(world().facts)))
    assert [one.to_json()["outcome"] for one in done] == ["undone"]
    assert dial.read_text() == "old\n"
