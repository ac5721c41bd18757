"""Signing in beside the session: the page to visit and the code to paste are shown, and the user does it."""

import os
from typing import TYPE_CHECKING, Any

from cc_guard.guard.arguments import working_folder

if TYPE_CHECKING:
    from cc_guard.remedies.login_run import LoginRun

_TIMEOUT_S = 600.0
# Older versions take `auth` for a prompt (diagnose/probes/signin.py).
_SINCE = (2, 1, 41)
_LINES_KEPT = 20

_ONCE_MORE = "The code was not taken. Paste it once more, whole."

_ENDS = {
    "signed_in": "signed in",
    "failed": "not signed in: `claude auth login` ended without a login",
    "cancelled": "cancelled",
    "timeout": "not signed in: nobody finished it within ten minutes",
    "not_started": "`claude auth login` could not be started",
}


class SignIn:
    """`shown` is what people have to see of it, None while nothing goes on. What they answer is passed on and
    kept nowhere."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._run: LoginRun | None = None
        self._lines: list[str] = []
        self._url = ""
        self._wants_code = False
        self._answered = False

    @property
    def shown(self) -> dict[str, Any] | None:
        if self._run is None:
            return None
        return {"url": self._url, "wants_code": self._wants_code, "text": "\n".join(self._lines)}

    async def why_not(self) -> str:
        """Why this client can't be asked to sign in, or empty."""
        from cc_guard.client.version import measure_version
        from cc_guard.launch.version import known_version

        if not os.path.basename(self._program).startswith("claude"):
            return "a client of another name is not run once more"
        version = known_version(self._program) or await measure_version(self._program)
        return "" if version and version >= _SINCE else "this version signs in by /login alone"

    async def run(self) -> tuple[bool, str]:
        """Whether somebody is signed in now, and a sentence about it."""
        from cc_guard.remedies.login_run import LoginRun

        self._lines, self._url = [], ""
        self._wants_code = self._answered = False
        self._run = LoginRun(
            self._program,
            os.environ,
            working_folder() or "/",
            on_text=self._on_text,
            on_url=self._on_url,
            on_code_wanted=self._on_code_wanted,
        )
        try:
            result = await self._run.finish(_TIMEOUT_S)
        finally:
            self._run = None
        return result == "signed_in", _ENDS[result]

    def code(self, text: str) -> str:
        """Why it was not taken, or empty."""
        if self._run is None or not self._wants_code:
            return "nothing waits for a code"
        self._wants_code, self._answered = False, True
        self._run.send_code(text)
        return ""

    def cancel(self) -> None:
        if self._run is not None:
            self._run.cancel()

    def _on_text(self, text: str) -> None:
        if self._answered:
            return  # it may repeat the code
        lines = [line.strip() for line in text.split("\n")]
        self._lines = [*self._lines, *filter(None, lines)][-_LINES_KEPT:]

    def _on_url(self, url: str) -> None:
        self._url = url

    def _on_code_wanted(self) -> None:
        self._wants_code = True
        if self._answered:
            self._lines = [*self._lines, _ONCE_MORE][-_LINES_KEPT:]
