"""Textual on a pty whose other end is the relay, which owns the terminal: modes are its business, and nothing
is asked of the terminal, whose answers are the client's."""

import asyncio
import os
import signal
import termios
import tty
from threading import Thread

from textual import events
from textual.app import App
from textual.drivers._writer_thread import WriterThread
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Size

from cc_guard.relay.overlay import MARK


class ScreenDriver(LinuxDriver):
    def __init__(
        self,
        app: App[object],
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._out = open(1, "w", encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
        self.fileno = 0

        self._silent = True

    def speak(self) -> None:
        """From now on what is drawn is for the terminal, which shows nothing of it yet."""
        self._silent = False
        self.write(MARK.decode())

    @property
    def can_suspend(self) -> bool:
        return False

    def start_application_mode(self) -> None:
        loop = asyncio.get_running_loop()

        def tell_size(*_: object) -> None:
            size = Size(*self._get_terminal_size())
            asyncio.run_coroutine_threadsafe(self._app._post_message(events.Resize(size, size)), loop)

        tty.setraw(self.fileno, termios.TCSANOW)
        self._writer_thread = WriterThread(self._out)
        self._writer_thread.start()
        signal.signal(signal.SIGWINCH, tell_size)
        tell_size()
        self._key_thread = Thread(target=self._run_input_thread, name="textual-input", daemon=True)
        self._key_thread.start()

    def write(self, data: str) -> None:
        """But for the pointer's shape (OSC 22), which the relay would not know to put right."""
        if not self._silent and not data.startswith("\x1b]22;"):
            super().write(data)

    def stop_application_mode(self) -> None:
        self.disable_input()

    def disable_input(self) -> None:
        if not self.exit_event.is_set():
            self.exit_event.set()
            if self._key_thread is not None:
                self._key_thread.join()

    def _get_terminal_size(self) -> tuple[int, int]:
        """Columns and rows, whatever variables for another terminal say."""
        try:
            columns, rows = os.get_terminal_size(self.fileno)
        except OSError:
            columns, rows = 0, 0
        return columns or 80, rows or 24
