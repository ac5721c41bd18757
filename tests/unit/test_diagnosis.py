"""The guard asks the doctor why: in a process of its own, with a mark of the clocks at the guard's start."""

import asyncio
import json
import time
from pathlib import Path

import pytest

from cc_guard.diagnose import clocks
from cc_guard.guard import diagnosis
from cc_guard.incident.record import Finding, Symptom
from tests.fakes.looking import script

SYMPTOM = Symptom(0.0, "connection", "retrying", "ECONNRESET", None, 3, 10)
GOOD = {"probe": "dns", "state": "pass", "summary": "fine", "evidence": {}, "ms": 1.0}
ILL = {**GOOD, "probe": "clock", "state": "warn"}
SAID = {
    "verdict": {"cause": "sleep.wake", "confidence": 0.5, "summary": "It slept.", "fix": ["Wait."]},
    "findings": [GOOD, ILL],
}


@pytest.fixture
def doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A doctor that writes down the mark it was given; the file with its words."""
    said = tmp_path / "said"
    said.write_text(json.dumps(SAID))
    program = script(
        tmp_path / "python", f'echo "${clocks.MARK}" >> {tmp_path}/marks', f"cat {said}", "exit 1"
    )
    monkeypatch.setattr(diagnosis.sys, "executable", str(program))  # type: ignore[attr-defined]
    return said


def ask() -> diagnosis.Diagnosis | None:
    return asyncio.run(diagnosis.ask(SYMPTOM, ()))


def test_the_mark_is_that_of_the_start_each_time(doctor: Path) -> None:
    ask()
    time.sleep(0.01)
    ask()
    marks = (doctor.parent / "marks").read_text().split()
    assert len(marks) == 2
    assert marks[0] == marks[1]
    mark = clocks.parse_mark(marks[0])
    assert mark is not None
    assert mark[0] < time.time() - 0.01


def test_what_it_says(doctor: Path) -> None:
    good, ill = Finding("dns", "pass", "fine", {}, 1.0), Finding("clock", "warn", "fine", {}, 1.0)
    assert ask() == diagnosis.Diagnosis("sleep.wake", 0.5, "It slept.", (ill,), ("Wait.",), (good, ill))


@pytest.mark.parametrize("said", ["", "[" * 100_000, "{}", '{"verdict": 3}', "\udcff", '{"verdict": {}}'])
def test_nonsense(doctor: Path, said: str) -> None:
    doctor.write_text(said, errors="surrogateescape")
    assert ask() is None
