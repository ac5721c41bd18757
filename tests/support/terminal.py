"""A real terminal without a person: a program in a window of its own tmux server."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

available = shutil.which("tmux") is not None

# The server goes when the test run does, however that ends.
_WATCHDOG = "while kill -0 {pid} 2>/dev/null; do sleep 2; done; tmux kill-server"


class Terminal:
    def __init__(
        self, argv: list[str], env: dict[str, str], cwd: Path, cols: int = 120, rows: int = 40
    ) -> None:
        """No panel opens by itself, unless `env` has something else to say about that."""
        self._folder = tempfile.mkdtemp(prefix="terminal-")  # not under tmp_path: a socket's path is short
        self._server = ["tmux", "-S", os.path.join(self._folder, "socket"), "-f", "/dev/null"]
        self._env = {"CC_GUARD_PANEL": "off", **env}
        self._tmux(
            *("set-option", "-g", "remain-on-exit", "on", ";"),
            *("set-option", "-g", "status", "off", ";"),
            *("new-session", "-d", "-x", str(cols), "-y", str(rows), "-c", str(cwd), *argv, ";"),
            *("run-shell", "-b", _WATCHDOG.format(pid=os.getpid())),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _tmux(self, *arguments: str) -> str:
        run = subprocess.run(
            [*self._server, *arguments], env=self._env, capture_output=True, text=True, timeout=20
        )
        if run.returncode:
            raise RuntimeError(f"{' '.join(arguments)}: {run.stderr.strip()}")
        return run.stdout

    def kill(self) -> None:
        """Ends the server, and with a SIGHUP the program. Nothing happens when it is gone already."""
        subprocess.run([*self._server, "kill-server"], capture_output=True, timeout=20)
        shutil.rmtree(self._folder, ignore_errors=True)

    def type(self, text: str) -> None:
        self._tmux("send-keys", "-l", "--", text)

    def key(self, name: str) -> None:
        """A key by tmux's name: Enter, Escape, C-c, C-z, BSpace, Up …"""
        self._tmux("send-keys", name)

    def prompt(self, text: str) -> None:
        """Types a prompt and, when the program has drawn it, Enter: together they would be a paste."""
        self.type(text)
        self.wait_for(text)
        time.sleep(0.6)
        self.key("Enter")

    def screen(self) -> str:
        return self._tmux("capture-pane", "-p")

    def wait_for(self, wanted: str | Callable[[str], bool], timeout: float = 20) -> str:
        """The first screen with the text, or that is as `wanted`; TimeoutError shows the last one."""
        deadline = time.monotonic() + timeout
        while True:
            screen = self.screen()
            if wanted in screen if isinstance(wanted, str) else wanted(screen):
                return screen
            if time.monotonic() > deadline:
                raise TimeoutError(f"{wanted!r} did not show within {timeout} s:\n{screen}")
            time.sleep(0.05)

    def resize(self, cols: int, rows: int) -> None:
        self._tmux("resize-window", "-x", str(cols), "-y", str(rows))

    @property
    def pid(self) -> int:
        """Of the program that was started."""
        return int(self._tmux("display-message", "-p", "#{pane_pid}"))

    def exit_status(self, timeout: float = 20) -> int:
        """The program's exit status once it has ended, 128 + n after signal n."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            answer = self._tmux(
                "display-message", "-p", "#{pane_dead},#{pane_dead_status},#{pane_dead_signal}"
            )
            dead, status, sign = answer.strip().split(",")
            if status or sign:
                return int(status) if status else 128 + int(sign)
            if dead == "1":
                # tmux 3.3a misses some SIGCHLD and leaves a zombie; the end of any other child makes it look.
                self._tmux("run-shell", "true")
            time.sleep(0.05)
        raise TimeoutError(f"still running after {timeout} s:\n{self.screen()}")
