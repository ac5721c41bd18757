"""Memory and load: this machine's, a real control group's, samples of files, and macOS' tools as fakes."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_guard.diagnose import cgroup, tools
from cc_guard.diagnose.probes import load, memory
from tests.fakes.looking import HERE, context, look, only
from tests.support.groups import MB, GroupError, limited

linux = pytest.mark.skipif(HERE != "linux", reason="needs Linux' /proc")


@linux
def test_here() -> None:
    found = look(memory.PROBES, "memory", context())
    assert found.evidence["level"] in ("ok", "low", "critical")
    assert 0 < found.evidence["available_mb"] <= found.evidence["total_mb"]
    sizes = [one["mb"] for one in found.evidence["top"]]
    assert sizes == sorted(sizes, reverse=True)
    assert len(sizes) == 5


def test_load_here() -> None:
    found = look(load.PROBES, "load", context())
    assert found.evidence["cpus"] >= 1
    assert found.evidence["load1"] >= 0


# What is little


@pytest.mark.parametrize(
    ("left", "total", "swap", "level"),
    [
        (8000, 16000, 0.0, "ok"),
        (3000, 64000, 0.0, "ok"),  # less than 5 %, and still plenty
        (1500, 16000, 0.0, "ok"),
        (900, 16000, 0.0, "low"),
        (900, 16000, 0.5, "ok"),  # the rest can be swapped
        (900, 16000, 0.07, "low"),
        (400, 16000, 0.07, "low"),
        (400, 16000, 0.0, "critical"),
        (20, 512, 0.0, "critical"),
        (200, 512, 0.0, "ok"),
        (-5, 512, 0.0, "critical"),
    ],
)
def test_amount(left: float, total: float, swap: float, level: str) -> None:
    assert memory.amount(left, total, swap, "here")[0] == level


@pytest.mark.parametrize(
    ("psi", "level"), [(None, "ok"), (0.0, "ok"), (9.9, "ok"), (15, "low"), (70, "critical")]
)
def test_waiting(psi: float | None, level: str) -> None:
    assert memory.waiting(psi, "here")[0] == level


# A control group


@pytest.fixture
def group() -> Iterator[Callable[[int, int], int]]:
    """Starts a program that holds so many MB, in a group that may have so many; its process id."""
    with ExitStack() as stack:

        def start(limit: int, held: int) -> int:
            try:
                return stack.enter_context(stack.enter_context(limited(limit)).holding(held))
            except GroupError as error:
                pytest.skip(str(error))

        yield start


@linux
@pytest.mark.parametrize(("limit", "state"), [(100, "fail"), (400, "pass")])
def test_a_client_in_a_group(group: Callable[[int, int], int], limit: int, state: str) -> None:
    """It is the client's group that counts, not ours."""
    pid = group(limit, 97)
    found = look(memory.PROBES, "memory", context(client_pid=pid))
    assert found.evidence["cgroup_limit_mb"] == limit
    assert 95 <= found.evidence["cgroup_used_mb"] <= 110
    if state == "fail":
        assert (found.state, found.evidence["level"]) == ("fail", "critical")
        assert "control group" in found.evidence["why"]
        assert [one["pid"] for one in found.evidence["top"]] == [pid]
    else:
        assert found.state == look(memory.PROBES, "memory", context()).state


def test_a_soft_limit_counts_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """systemd's MemoryHigh= makes programs wait long before MemoryMax= ends them."""
    values = {"memory.max": "max", "memory.high": f"{100 * MB}", "memory.current": f"{101 * MB}"}
    for name, value in values.items():
        (tmp_path / name).write_text(f"{value}\n")
    monkeypatch.setattr(cgroup, "_folders", lambda _: [(str(tmp_path), 2)])
    assert cgroup.of() == cgroup.Limit(100.0, 101.0, 0, None)
    (tmp_path / "memory.max").write_text(f"{90 * MB}\n")
    assert cgroup.of() == cgroup.Limit(90.0, 101.0, 0, None)


@pytest.mark.parametrize("version", [1, 2])
def test_the_tightest_group_above_counts(
    version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container: the mount shows what lies below the container's own group."""
    inner = tmp_path / "mount" / "a" / "b"
    inner.mkdir(parents=True)
    limit, used = (
        ("memory.max", "memory.current")
        if version == 2
        else (
            "memory.limit_in_bytes",
            "memory.usage_in_bytes",
        )
    )
    cache = "inactive_file" if version == 2 else "total_inactive_file"
    (inner / limit).write_text("max\n" if version == 2 else "9223372036854771712\n")
    (inner / used).write_text(f"{10 * MB}\n")
    (inner.parent / limit).write_text(f"{100 * MB}\n")
    (inner.parent / used).write_text(f"{99 * MB}\n")
    (inner.parent / "memory.stat").write_text(f"anon 5\n{cache} {20 * MB}\n")
    events = "memory.events" if version == 2 else "memory.oom_control"
    (inner.parent / events).write_text("max 12\noom_kill 3\noom_group_kill 0\n")
    (inner.parent / "memory.pressure").write_text("some avg10=61.50 avg60=0.00 avg300=0.00 total=9\n")
    options = "rw" if version == 2 else "rw,memory"
    kind = "cgroup2" if version == 2 else "cgroup"
    membership, mounts = tmp_path / "cgroup", tmp_path / "mountinfo"
    membership.write_text("0::/docker/x/a/b\n" if version == 2 else "4:cpu,memory:/docker/x/a/b\n")
    mounts.write_text(f"32 31 0:29 /docker/x {tmp_path}/mount rw,nosuid - {kind} cgroup {options}\n")
    monkeypatch.setattr(cgroup, "_MEMBERSHIP", str(membership))
    monkeypatch.setattr(cgroup, "_MOUNTS", str(mounts))
    assert cgroup.of() == cgroup.Limit(100.0, 79.0, 3, 61.5)
    found = look(memory.PROBES, "memory", context("linux"))
    assert (found.state, found.evidence["cgroup_kills"]) == ("fail", 3)


def test_without_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroup, "_MEMBERSHIP", str(tmp_path / "none"))
    assert cgroup.of() is None


# macOS, by its tools' fakes


@pytest.mark.parametrize(
    ("pressure", "free", "swap", "state", "used"),
    [
        ("1", "62", "total = 2048.00M  used = 1024.50M  free = 1023.50M  (encrypted)", "pass", 1024),
        ("2", "21", "total = 3,00G  used = 1,50G  free = 1,50G  (encrypted)", "warn", 1536),
        ("4", "4", "total = 9216.00M  used = 9000.00M  free = 216.00M  (encrypted)", "fail", 9000),
        ("1", "500", "", "pass", None),
    ],
)
def test_macos(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pressure: str,
    free: str,
    swap: str,
    state: str,
    used: int | None,
) -> None:
    only(monkeypatch, tmp_path / "bin", "sysctl", "memory_pressure", "ps")
    values = {"hw.memsize": str(16 * 2**30), "vm.swapusage": swap}
    monkeypatch.setenv("FAKE_SYSCTL", json.dumps(values | {"kern.memorystatus_vm_pressure_level": pressure}))
    monkeypatch.setenv("FAKE_FREE", free)
    lines = (
        r"  501     1  819200 /Applications/Google Chrome.app/Contents/MacOS/Google Chrome --type=x\n",
        r"  77      1 1638400 /usr/local/bin/node /x/cli.js --token=hidden\n  9 1 0 -zsh\nrubbish\n",
    )
    monkeypatch.setenv("FAKE_PS", "".join(lines))
    found = look(memory.PROBES, "memory", context("macos"))
    assert (found.state, found.evidence["swap_used_mb"]) == (state, used)
    assert found.evidence["total_mb"] == 16384
    assert found.evidence["top"] == [
        {"pid": 77, "name": "node", "mb": 1600},
        {"pid": 501, "name": "Google Chrome", "mb": 800},
        {"pid": 9, "name": "-zsh", "mb": 0},
    ]
    assert "hidden" not in str(found)


def test_macos_without_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, tmp_path / "bin")
    assert look(memory.PROBES, "memory", context("macos")).state == "na"


@given(st.text() | st.binary().map(tools.decoded))
def test_no_text_is_too_odd(text: str) -> None:
    memory.parse_meminfo(text)
    memory.parse_free(text)
    memory.parse_swapusage(text)
    cgroup.pressure(text)
    list(cgroup.parse_membership(text))
    list(cgroup.parse_mounts(text))
