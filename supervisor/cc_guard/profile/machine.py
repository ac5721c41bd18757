"""The facts of this machine that profiles are matched by. What can't be found out is Unknown, and why.

No fact may keep a session waiting: all are looked at side by side, for DEADLINE_S together.
"""

import asyncio
import os
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cc_guard.diagnose import facts, processes
from cc_guard.diagnose.facts import Facts

DEADLINE_S = 2.0

# One processor, several names: uname(1) of Linux and macOS, Windows' and BSD's words.
_ARCHITECTURES = {"aarch64": "arm64", "amd64": "x86_64", "x64": "x86_64"}


@dataclass(frozen=True)
class Unknown:
    why: str


@dataclass(frozen=True)
class Wanted:
    """Which of the facts that take time some rule asks for."""

    commands: frozenset[str] = frozenset()
    processes: bool = False
    wsl_network: bool = False


@dataclass(frozen=True)
class Machine:
    """`os` is linux, macos or other. `wsl` is WSL's version, 0 outside of it. `wsl_network` is WSL 2's
    networking mode, "" elsewhere. `container` is its kind, "" outside of one. `commands` says of each that
    was asked for whether it is on the PATH. `processes` are the names of all that run."""

    os: str
    arch: str | Unknown
    wsl: int = 0
    wsl_network: str | Unknown = ""
    container: str = ""
    commands: Mapping[str, bool] | Unknown = field(default_factory=dict)
    processes: frozenset[str] | Unknown = frozenset()


def look(wanted: Wanted, deadline_s: float = DEADLINE_S) -> Machine:
    """This machine. Never raises, and is back in time also where a folder of the PATH does not answer."""
    known = facts.read()
    questions: dict[str, Callable[[], Any]] = {}
    if wanted.commands:
        questions["commands"] = lambda: {name: known.has(name) for name in wanted.commands}
    if wanted.processes:
        questions["processes"] = lambda: _processes(known)
    if wanted.wsl_network and known.wsl == 2:
        questions["wsl_network"] = lambda: _wsl_network(known)
    return Machine(
        os=known.system,
        arch=architecture(known.arch) or Unknown("the system does not say"),
        wsl=known.wsl,
        # systemd takes WSL for a container, too: github.com/systemd/systemd/pull/11932.
        container="" if known.container == "wsl" else known.container,
        **_answers(questions, deadline_s),
    )


def architecture(word: str) -> str:
    """arm64 or x86_64, by whichever name; another one as it is, in small letters."""
    return _ARCHITECTURES.get(word.lower(), word.lower())


def _answers(questions: Mapping[str, Callable[[], Any]], deadline_s: float) -> dict[str, Any]:
    """Each in a thread of its own: one that hangs in a system call can't be ended, only left alone."""
    answered: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()

    def ask(name: str, question: Callable[[], Any]) -> None:
        try:
            answered.put((name, question()))
        except Exception as error:
            answered.put((name, Unknown(f"{type(error).__name__}: {error}")))

    for name, question in questions.items():
        threading.Thread(target=ask, args=(name, question), daemon=True).start()
    found: dict[str, Any] = {name: Unknown(f"no answer within {deadline_s:g} s") for name in questions}
    until = time.monotonic() + deadline_s
    for _ in questions:
        try:
            name, answer = answered.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            break
        found[name] = answer
    return found


def _processes(known: Facts) -> frozenset[str] | Unknown:
    """By the program's name and by the word it was started with: Linux cuts the name at 15 characters."""
    table = asyncio.run(processes.table(known))
    names = {process.name for process in table}
    names |= {os.path.basename(process.arguments[0]) for process in table if process.arguments}
    return frozenset(names - {""}) or Unknown("the processes can't be listed")


def _wsl_network(known: Facts) -> str | Unknown:
    from cc_guard.diagnose import engine
    from cc_guard.diagnose.probe import Context
    from cc_guard.diagnose.probes import wsl
    from cc_guard.diagnose.route import Configuration

    context = Context(os.environ, os.sep, known, Configuration())
    probes = [probe for probe in wsl.PROBES if probe.name == "wsl.network"]
    finding = asyncio.run(engine.run(probes, context))[0]
    return finding.evidence.get("mode") or Unknown("neither wslinfo nor the interfaces tell")
