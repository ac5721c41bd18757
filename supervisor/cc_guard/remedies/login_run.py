"""`claude auth login` in a terminal of its own, for the user to look at and to answer.

    run = LoginRun(program, environ, cwd, on_text=show, on_url=link, on_code_wanted=ask)
    done = await run.finish(600)      # while it runs: run.send_code("…"), run.cancel()

What it shows is passed on and not kept; what the user answers is passed on and not kept either. 2.1.330 shows
a link and asks for a code, 2.1.112 waits for the browser alone (seen); a code without # is asked for again.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from cc_guard.commands.output import plain

Result = Literal["signed_in", "failed", "cancelled", "timeout", "not_started"]

# So wide that no address is broken into lines: they have 400 to 700 characters.
_ROWS, _COLUMNS = 40, 2000
_POLL_S = 0.1
_END_S = 3.0  # after a Ctrl-C
_KEPT = 4000

# Control sequences and strings of ECMA-48, and OSC as xterm has them.
_CONTROL = re.compile(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[@-_]")
_UNFINISHED = re.compile(r"\x1b(?:\][^\x07\x1b]*|\[[0-?]*[ -/]*)?$")
_URL = re.compile(r"https://[^\s\"'<>]+(?=\s)")
_WANTED = re.compile(r"(?i)\bcode\b[^\n]{0,60}>\s*$")


class LoginRun:
    """One log-in. Callbacks come from the event loop: `on_text` what it shows, as plain lines; `on_url` the
    page to visit, once; `on_code_wanted` whenever it waits for a code."""

    def __init__(
        self,
        program: str,
        environ: Mapping[str, str],
        cwd: str,
        on_text: Callable[[str], None] = lambda text: None,
        on_url: Callable[[str], None] = lambda url: None,
        on_code_wanted: Callable[[], None] = lambda: None,
    ) -> None:
        self._program = program
        self._environ = {**environ, "TERM": "xterm-256color"}
        self._cwd = cwd
        self._on_text = on_text
        self._on_url = on_url
        self._on_code_wanted = on_code_wanted
        self._child: Any = None
        self._seen = ""
        self._line = ""
        self._url = ""
        self._cancelled = False

    async def finish(self, timeout_s: float) -> Result:
        """Runs it to its end, or ends it. Signed in is what `claude auth status` says afterwards, in a new
        process. Cancelling this ends it, too."""
        import pexpect

        from cc_guard.remedies.fixes.login import is_signed_in

        try:
            self._child = pexpect.spawn(
                self._program,
                ["auth", "login"],
                env=self._environ,
                cwd=self._cwd,
                dimensions=(_ROWS, _COLUMNS),
                encoding="utf-8",
                codec_errors="replace",
                timeout=None,
            )
        except (pexpect.ExceptionPexpect, OSError):
            return "not_started"
        try:
            async with asyncio.timeout(timeout_s):
                while self._child.isalive() and not self._cancelled:
                    self._take(self._read())
                    await asyncio.sleep(_POLL_S)
                self._take(self._read())
        except TimeoutError:
            return "timeout"
        finally:
            await self._end()
        if self._cancelled:
            return "cancelled"
        return "signed_in" if await is_signed_in(self._program, self._environ) else "failed"

    def send_code(self, code: str) -> None:
        """What the user has pasted. One line, whatever it holds."""
        if self._child is not None and self._child.isalive():
            self._child.send(plain("".join(code.split())) + "\r")

    def cancel(self) -> None:
        self._cancelled = True

    def _read(self) -> str:
        """What there is to read now."""
        import pexpect

        parts = []
        try:
            while True:
                parts.append(self._child.read_nonblocking(65536, 0))
        except (pexpect.TIMEOUT, pexpect.EOF):
            return "".join(parts)

    def _take(self, data: str) -> None:
        if not data:
            return
        data = self._seen + data
        rest = _UNFINISHED.search(data)
        self._seen = data[rest.start() :] if rest else ""
        text = _CONTROL.sub("", data[: rest.start()] if rest else data).replace("\r", "")
        self._on_text("\n".join(plain(line) for line in text.split("\n")))
        self._line = (self._line + text)[-_KEPT:]
        found = _URL.search(self._line)
        if found and not self._url:
            self._url = found[0]
            self._on_url(self._url)
        if _WANTED.search(self._line):
            self._line = ""
            self._on_code_wanted()

    async def _end(self) -> None:
        """As a user would, and by force if that does not do."""
        if self._child.isalive():
            self._child.sendintr()
            for _ in range(int(_END_S / _POLL_S)):
                if not self._child.isalive():
                    break
                await asyncio.sleep(_POLL_S)
        await asyncio.to_thread(self._child.close, True)
