"""A process is recognised by more than its pid."""

import dataclasses
import os
import shutil
import subprocess
import sys

import pytest

from cc_guard import owner
from cc_guard.owner import Owner


def _ended_pid() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_this_process_is_not_gone() -> None:
    assert Owner.current().is_gone() is False


def test_an_ended_process_is_gone() -> None:
    assert dataclasses.replace(Owner.current(), pid=_ended_pid()).is_gone() is True


def test_another_process_with_the_same_pid_is_not_it() -> None:
    assert dataclasses.replace(Owner.current(), started="1").is_gone() is True


def test_a_zombie_is_gone() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    assert child.stdout is not None
    try:
        child.stdout.read()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert dataclasses.replace(Owner.current(), pid=child.pid).is_gone() is True
    finally:
        child.stdout.close()
        child.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="boot id and pid namespaces are Linux only")
def test_before_the_last_boot_everything_is_gone() -> None:
    here = Owner.current()
    _, _, namespace = here.host.partition(" ")
    assert dataclasses.replace(here, host=f"other-boot {namespace}").is_gone() is True


@pytest.mark.skipif(sys.platform != "linux", reason="boot id and pid namespaces are Linux only")
def test_another_container_can_not_be_judged() -> None:
    here = Owner.current()
    boot, _, _ = here.host.partition(" ")
    assert dataclasses.replace(here, host=f"{boot} pid:[1]").is_gone() is None


@pytest.mark.skipif(
    shutil.which("ps") is None, reason="this system has no ps, which is only needed outside Linux"
)
def test_the_way_without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    first = owner._from_ps(os.getpid())
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert first
    assert owner._from_ps(os.getpid()) == first
    assert owner._from_ps(_ended_pid()) == ""
