"""What kind of machine this is: the facts that decide which probes and fixes apply."""

import os
import platform
import shutil
import sys
from dataclasses import dataclass
from typing import Literal

System = Literal["linux", "macos", "other"]


@dataclass(frozen=True)
class Facts:
    """`wsl` is the version of WSL, 0 outside of it; `container` what kind of container this is, or ""."""

    system: System
    wsl: int
    container: str
    arch: str
    uid: int

    def has(self, command: str) -> bool:
        """Whether the command is on the PATH."""
        return shutil.which(command) is not None


def read() -> Facts:
    system: System = "macos" if sys.platform == "darwin" else "linux" if sys.platform == "linux" else "other"
    return Facts(system, _wsl(), _container(), platform.machine(), os.getuid())


def _wsl() -> int:
    """Microsoft's kernels name themselves: "…-microsoft-standard-WSL2", and "…-Microsoft" for WSL1."""
    release = platform.release() if sys.platform == "linux" else ""
    if "WSL2" in release or "microsoft-standard" in release:
        return 2
    return 1 if release.endswith("-Microsoft") else 0


def _container() -> str:
    """Docker and Podman leave a file at the root; systemd and LXC a variable of process 1."""
    if os.path.exists("/.dockerenv"):
        return "docker"
    if os.path.exists("/run/.containerenv"):
        return "podman"
    try:
        with open("/run/systemd/container") as file:
            kind = file.read().strip()
    except (OSError, ValueError):
        return ""
    return "" if kind == "wsl" else kind  # systemd takes WSL for one: github.com/systemd/systemd/pull/11932
