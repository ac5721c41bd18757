"""Control groups with a limit of memory, version 1 or 2, whichever this machine has: cgroups(7).

with limited(1200) as group:
    subprocess.run(group.argv("python3", "-c", …))
"""

import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MB = 2**20
_ROOT = Path("/sys/fs/cgroup")
_IN_GROUP = 'echo $$ > "$1/cgroup.procs" && shift && exec "$@"'
_SEEN_AGAIN = 'mount -t "$1" -o "$2" cgroup /sys/fs/cgroup && shift 2 && exec "$@"'
# It joins by itself, so that the interpreter's own memory does not count.
HOLDER = "holder"
_HOLDS = (
    "open({procs!r}, 'w').write('0'); open('/proc/self/comm', 'w').write({name!r}); "
    "held = bytearray({size}); held[::4096] = held[::4096]; print(flush=True); input()"
)


class GroupError(Exception):
    """This machine does not let us limit memory; the text says why."""


class Group:
    def __init__(self, folder: Path, version: int) -> None:
        self.folder = folder
        self.version = version

    def argv(self, *command: str) -> list[str]:
        """A command in this group."""
        return ["sh", "-c", _IN_GROUP, "sh", str(self.folder), *command]

    def seen(self, *command: str) -> list[str]:
        """A command that sees control groups again where /sys is a new one, as `ip netns exec` makes it."""
        kind, options = ("cgroup2", "rw") if self.version == 2 else ("cgroup", "memory")
        return ["sh", "-c", _SEEN_AGAIN, "sh", kind, options, *command]

    @contextmanager
    def holding(self, mb: int) -> Iterator[int]:
        """A program in it, called HOLDER, that holds so much memory; its process id."""
        code = _HOLDS.format(procs=str(self.folder / "cgroup.procs"), name=HOLDER, size=mb * MB)
        argv = [sys.executable, "-Sc", code]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
            try:
                assert program.stdout is not None
                program.stdout.readline()
                yield program.pid
            finally:
                program.kill()


@contextmanager
def limited(mb: int) -> Iterator[Group]:
    """Raises GroupError. The group is gone at the end, and so must be what runs in it."""
    version = 2 if (_ROOT / "cgroup.controllers").exists() else 1
    parent = _ROOT if version == 2 else _ROOT / "memory"
    folder = parent / f"cc-guard-test-{uuid.uuid4().hex[:8]}"
    try:
        folder.mkdir()
    except OSError as error:
        raise GroupError(f"control groups can't be made here: {error}") from error
    try:
        try:
            name = "memory.max" if version == 2 else "memory.limit_in_bytes"
            (folder / name).write_text(str(mb * MB))
        except OSError as error:
            raise GroupError(f"memory can't be limited here: {error}") from error
        yield Group(folder, version)
    finally:
        folder.rmdir()
