"""The contestants, as data: how each is started around a child program, and when it can't be."""

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

DRIVER = Path(__file__).parent / "pexpect_driver.py"
# Beside the running interpreter, symlinks not followed: the one of the same virtual environment.
CONSOLE_SCRIPT = Path(sys.executable).parent / "cc-guard"

TMUX_CONF = "set -g status off\nset -g escape-time 0\n"


def always() -> str | None:
    return None


def no_script() -> str | None:
    path = shutil.which("script")
    if path is None:
        return "no script in PATH"
    version = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    return None if "util-linux" in version.stdout else "not the script of util-linux"


def no_tmux() -> str | None:
    return None if shutil.which("tmux") else "no tmux in PATH"


def no_pexpect() -> str | None:
    return None if importlib.util.find_spec("pexpect") else f"no pexpect in {sys.prefix}"


def no_cc_guard() -> str | None:
    return None if CONSOLE_SCRIPT.exists() else f"no {CONSOLE_SCRIPT}"


def tmux(folder: Path, program: str) -> list[str]:
    """A private server: its own socket and its own configuration, in the folder of the session."""
    conf = folder / "tmux.conf"
    conf.write_text(TMUX_CONF)
    return ["tmux", "-u", "-S", str(folder / "tmux"), "-f", str(conf), "new-session", f"exec {program}"]


@dataclass(frozen=True)
class Contestant:
    """One way to run a program inside the outer terminal.

    `command` gets a private folder and the path of the child program.  `roles` names the processes by a
    piece of their name or command line; a process that none of them fits is the `root_role` if the
    harness started it, `shim` if it is a fork of that one, else its own name.
    """

    name: str
    missing: Callable[[], str | None]
    command: Callable[[Path, str], list[str]]
    root_role: str
    roles: tuple[tuple[str, str], ...] = ()
    redraws: bool = False  # sends a picture of the output, not the output


ALL = (
    Contestant("bare", always, lambda _, program: [program], "child"),
    Contestant(
        "script", no_script, lambda _, program: ["script", "-qfc", f"exec {program}", "/dev/null"], "script"
    ),
    Contestant("tmux", no_tmux, tmux, "client", roles=(("tmux: server", "server"),), redraws=True),
    Contestant("pexpect", no_pexpect, lambda _, program: [sys.executable, str(DRIVER), program], "driver"),
    Contestant(
        "cc-guard",
        no_cc_guard,
        lambda _, program: [str(CONSOLE_SCRIPT), "--", program],
        "relay",
        roles=(("cc_guard.guard", "guard"),),
    ),
)
