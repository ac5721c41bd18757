"""Signing in beside the session: the page to visit and the code to paste are shown, and the user does it."""

import os
from typing import TYPE_CHECKING, Any

from cc_guard.guard.arguments import working_folder

if TYPE_CHECKING:
    from cc_guard.remedies.login_run import LoginRun

_TIMEOUT_S = 600.0
_LINES_KEPT = 20

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

    @property
    def shown(self) -> dict[str, Any] | None:
        if self._run is None:
            return None
        return {"url": self._url, "wants_code": self._wants_code, "text": "\n".join(self._lines)}

    async def run(self) -> tuple[bool, str]:
        """Whether somebody is signed in now, and a sentence about it."""
        from cc_guard.remedies.login_run import LoginRun

        self._lines, self._url, self._wants_code = [], "", False
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
        self._wants_code = False
        self._run.send_code(text)
        return ""

    def cancel(self) -> None:
        if self._run is not None:
            self._run.cancel()

    def _on_text(self, text: str) -> None:
        lines = [line.strip() for line in text.split("\n")]
        self._lines = [*self._lines, *filter(None, lines)][-_LINES_KEPT:]

    def _on_url(self, url: str) -> None:
        self._url = url

    def _on_code_wanted(self) -> None:
        self._wants_code = True
