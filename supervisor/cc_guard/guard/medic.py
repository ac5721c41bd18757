"""Carrying remedies out, one after the other, each in a process of its own; and taking them back.

Two are done here, as they belong to the session: signing in, which people have to see, and one more variable
for the client.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from cc_guard.guard.signin import SignIn
from cc_guard.incident.record import Finding
from cc_guard.remedies import ask

_DETAIL_LIMIT = 2000


class Medic:
    """`ran(remedy, status, detail, took_s)` is called once for each `run`, unless its incident is over by
    then, and for what is found to be unfit when it is to be described. `variables` are what the next client
    is to have besides the environment of this one."""

    def __init__(
        self, settings: tuple[str, ...], sign_in: SignIn, ran: Callable[[str, str, str, float], None]
    ) -> None:
        self._settings = settings
        self._sign_in = sign_in
        self._ran = ran
        self.variables: dict[str, str] = {}
        self._session = os.getppid()
        self._turn = asyncio.Lock()
        self._incidents = 0  # that are over
        self._tasks: set[asyncio.Task[None]] = set()
        self.parameters: Mapping[str, Any] = {}

    def run(
        self,
        remedy: str,
        apply: bool,
        cause: str | None,
        findings: tuple[Finding, ...],
        consent: bool,
        tried: tuple[str, ...],
    ) -> None:
        request = self._request(cause, findings, consent, tried)
        self._start(self._run(remedy, apply, request))

    def describe(self, remedy: str, cause: str | None, say: Callable[[str], None]) -> None:
        """What the remedy would do, to the last command, for the user who is asked. One that can't help here
        is told of by `ran`, as unfit: nobody has to be asked about it."""
        self._start(self._describe(remedy, self._request(cause, (), False, ()), say))

    def undo(self) -> None:
        """The incident has just ended: what was done for it is taken back, what has not begun is not done any
        more, and nobody has to sign in for it."""
        self._incidents += 1
        self._sign_in.cancel()
        self._start(self._undo("incident"))

    async def close(self) -> None:
        """At the end of the session: nothing that we have changed stays changed."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._undo(None)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, remedy: str, apply: bool, request: dict[str, Any]) -> None:
        incident = self._incidents
        async with self._turn:
            if incident != self._incidents:
                return
            began = time.monotonic()
            try:
                answer = await self._answer(remedy, apply, request)
            except Exception as error:
                answer = _failed(error)
        if incident != self._incidents:
            return
        status = str(answer.get("status", "failed"))
        if not apply:
            status = "unfit" if status == "unfit" else "suggested"
        detail = str((answer.get("text") if not apply else "") or answer.get("detail") or "")
        self._ran(remedy, status, detail[:_DETAIL_LIMIT], time.monotonic() - began)

    async def _answer(self, remedy: str, apply: bool, request: dict[str, Any]) -> ask.Row:
        if not apply:
            return await ask.plan(remedy, request)
        if remedy == "auth.login":
            return await self._log_in(request)
        if remedy == "client.env":
            return await self._set_variables(request)
        return await ask.run(remedy, request)

    async def _plan(self, remedy: str, request: dict[str, Any]) -> ask.Row:
        if remedy == "auth.login" and (why_not := await self._sign_in.why_not()):
            return {"status": "unfit", "detail": why_not}
        return await ask.plan("ca.trust" if remedy == "client.env" else remedy, request)

    async def _log_in(self, request: dict[str, Any]) -> ask.Row:
        plan = await self._plan("auth.login", request)
        if plan["status"] != "dry":
            return plan
        ok, detail = await self._sign_in.run()
        return {"status": "ok" if ok else "failed", "detail": detail}

    async def _set_variables(self, request: dict[str, Any]) -> ask.Row:
        plan = await self._plan("client.env", request)
        found = plan.get("env")
        if not found:
            return {"status": "unfit", "detail": "no variable is known that would help"}
        self.variables = {str(name): str(value) for name, value in found.items()}
        os.environ.update(self.variables)  # our own probes go the client's way
        return {"status": "ok", "detail": ", ".join(f"{name}={value}" for name, value in found.items())}

    async def _describe(self, remedy: str, request: dict[str, Any], say: Callable[[str], None]) -> None:
        began = time.monotonic()
        try:
            answer = await self._plan(remedy, request)
        except Exception as error:
            answer = _failed(error)
        if answer.get("status") not in ("dry", "suggested"):  # a yes would be to nobody knows what
            self._ran(remedy, "unfit", str(answer.get("detail", "")), time.monotonic() - began)
            return
        say(str(answer.get("text") or answer.get("detail") or "")[:_DETAIL_LIMIT])

    def _request(
        self, cause: str | None, findings: tuple[Finding, ...], consent: bool, tried: tuple[str, ...]
    ) -> dict[str, Any]:
        return {
            "cause": cause,
            "findings": [finding.to_json() for finding in findings],
            "parameters": {group: dict(values) for group, values in self.parameters.items()},
            "session": self._session,
            "guard": os.getpid(),
            "settings": list(self._settings),
            "consent": consent,
            "tried": list(tried),
        }

    async def _undo(self, until: str | None) -> None:
        async with self._turn:
            with contextlib.suppress(OSError):
                await ask.undo(self._session, until)


def _failed(error: Exception) -> ask.Row:
    """What went wrong in ourselves: for the log, and by its kind alone for the incident."""
    asyncio.get_running_loop().call_exception_handler({"message": "in a remedy", "exception": error})
    return {"status": "failed", "detail": f"cc-guard itself failed here ({type(error).__name__})"}
