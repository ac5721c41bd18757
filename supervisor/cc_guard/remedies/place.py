"""Where a change was made, to tell whether it can still be there and be seen from here."""

import contextlib
import os
import platform
import socket
import sys
from dataclasses import dataclass

from cc_guard.diagnose.tools import read

_SO_NETNS_COOKIE = 71  # asm-generic/socket.h; since Linux 5.14, and never given twice between two starts
_MACHINE = ("/etc/machine-id", "/var/lib/dbus/machine-id")  # machine-id(5)


@dataclass(frozen=True)
class Place:
    """`machine` tells homes that several machines share, `boot` the starts of one, `net` its network
    namespaces; each is opaque, and empty where there is nothing of the kind."""

    machine: str
    boot: str
    net: str

    @classmethod
    def here(cls) -> "Place":
        if sys.platform != "linux":
            return cls("", _boot_session(), "")
        machine = next((text for path in _MACHINE if (text := read(path, 64).strip())), platform.node())
        return cls(machine, read("/proc/sys/kernel/random/boot_id", 64).strip(), _namespace())


def _namespace() -> str:
    name = cookie = ""
    with contextlib.suppress(OSError):
        name = os.readlink("/proc/thread-self/ns/net")
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as any_socket:
        cookie = any_socket.getsockopt(socket.SOL_SOCKET, _SO_NETNS_COOKIE, 8).hex()
    return f"{name} {cookie}".strip()


def _boot_session() -> str:
    """macOS numbers its starts: sysctl(3), KERN_BOOTSESSIONUUID."""
    import subprocess

    try:
        argv = ["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"]
        return subprocess.run(argv, capture_output=True, timeout=1, check=False).stdout.decode().strip()
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return ""
