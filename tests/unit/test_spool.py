"""The guard's end of the hook spool."""

import os
import stat
from pathlib import Path

import pytest

from cc_guard.channels import spool


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "a" / "spool"
    spool.create(str(path))
    return path


def put(folder: Path, name: str, content: bytes, t_ns: int = 10**18) -> None:
    path = folder / "new" / name
    path.write_bytes(content)
    os.utime(path, ns=(t_ns, t_ns))


def test_only_this_user_can_look(folder: Path) -> None:
    for path in (folder, folder / "tmp", folder / "new"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    spool.create(str(folder))


def test_events_come_once_and_in_order(folder: Path) -> None:
    put(folder, "Stop.30", b'{"a": 2}', 10**18 + 5)
    put(folder, "SessionStart.9", b'{"a": 1}', 10**18 + 5)  # one tick of the clock: the pid decides
    put(folder, "SessionEnd.7", b'{"a": 3}', 10**18 + 6)
    read = [(event.event, event.t, event.payload["a"]) for event in spool.read(str(folder))]
    assert read == [("SessionStart", 1e9, 1), ("Stop", 1e9, 2), ("SessionEnd", 1e9, 3)]
    assert spool.read(str(folder)) == []
    assert not list((folder / "new").iterdir())


def test_what_is_being_written_is_not_read(folder: Path) -> None:
    (folder / "tmp" / "Stop.1").write_bytes(b"{")
    assert spool.read(str(folder)) == []
    assert (folder / "tmp" / "Stop.1").exists()


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"a": "' + b"x" * 1_000_000 + b'"}']
)
def test_garbage_is_thrown_away(content: bytes, folder: Path) -> None:
    put(folder, "Stop.1", content)
    put(folder, "Stop.2", b"{}")
    assert [event.payload for event in spool.read(str(folder))] == [{}]
    assert not list((folder / "new").iterdir())


def test_what_is_no_file_is_not_opened(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text('{"a": 1}')
    (folder / "new" / "Stop.1").symlink_to(secret)
    os.mkfifo(folder / "new" / "Stop.2")
    (folder / "new" / "Stop.3").mkdir()
    assert spool.read(str(folder)) == []
    assert secret.exists()


def test_a_name_without_a_number_is_an_event_too(folder: Path) -> None:
    put(folder, "Stop", b"{}")
    assert [event.event for event in spool.read(str(folder))] == ["Stop"]


def test_no_spool_no_events(tmp_path: Path) -> None:
    assert spool.read(str(tmp_path / "none")) == []
