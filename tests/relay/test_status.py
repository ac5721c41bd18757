"""cc-guard ends as the client ended."""

import resource
import signal
from pathlib import Path

import pytest

from tests.relay.clients import END, READY
from tests.relay.conftest import Open
from tests.relay.harness import CC_GUARD, guarded, patched, python

SIGNALS = ["KILL", "TERM", "SEGV", "HUP", "INT", "QUIT", "ABRT", "PIPE", "USR1", "XCPU"]


@pytest.mark.parametrize("end", [0, 1, 7, 126, 127, 128, 143, 255])
def test_exit_code(end: int, open_outer: Open) -> None:
    outer = open_outer(guarded(python(END, str(end))))
    assert outer.wait() == end


@pytest.mark.parametrize("name", SIGNALS)
def test_signal(name: str, open_outer: Open) -> None:
    """The same wait status as without cc-guard, so that a shell can say `Segmentation fault`."""
    number = signal.Signals[f"SIG{name}"]
    client = python(END, str(-number))
    assert open_outer(client).wait() == -number
    outer = open_outer(guarded(client))
    assert outer.wait() == -number
    assert outer.output == READY


@pytest.mark.parametrize("end", [7, -signal.SIGKILL, -signal.SIGTERM])
def test_a_shell_sees_it_too(end: int, open_outer: Open) -> None:
    outer = open_outer(["/bin/sh", "-c", '"$@"; echo "<$?>"', "sh", *guarded(python(END, str(end)))])
    outer.wait_for(b"<%d>" % (end if end >= 0 else 128 - end))
    assert outer.wait() == 0


def test_a_signal_that_the_parent_ignores_is_still_the_end(open_outer: Open) -> None:
    outer = open_outer(
        guarded(python(END, str(-signal.SIGHUP))),
        before_exec=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    assert outer.wait() == -signal.SIGHUP


def test_the_parent_ignores_its_children(open_outer: Open) -> None:
    """With SIGCHLD ignored the kernel throws away the status of every child, unless one cares. Here the shim
    comes late to look for it."""
    late = """
import time
from cc_guard.relay import shim
watch = shim._watch
shim._watch = lambda *words: (time.sleep(0.3), watch(*words))[1]
"""
    outer = open_outer(
        patched(late, python(END, "7")), before_exec=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    )
    assert outer.wait() == 7


def test_no_second_core_file(open_outer: Open, tmp_path: Path) -> None:
    """The client's core is of use to somebody; cc-guard's own, of the same signal, never."""
    outer = open_outer(
        guarded(python(END, str(-signal.SIGSEGV))),
        before_exec=lambda: resource.setrlimit(resource.RLIMIT_CORE, (-1, -1)),
    )
    assert outer.wait() == -signal.SIGSEGV
    assert not list(tmp_path.glob("core*"))


def test_our_own_words_are_ours(open_outer: Open) -> None:
    outer = open_outer([CC_GUARD, "--version"])
    assert outer.wait() == 0
    assert outer.output.startswith(b"cc-guard ")
