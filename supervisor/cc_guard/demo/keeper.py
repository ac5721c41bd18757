"""The demo's second process: it is the API, breaks it and mends it, answers a question that nobody answers,
and takes everything away at the end, however the demo ends: the end of its input is the end of the demo.

Its input: `session PID`, of the session's cc-guard. The stand-in asks over a Unix socket: `break`, `story`.
Both are answered by one line of JSON: what has happened so far.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from typing import Any

from cc_guard import paths
from cc_guard.demo import ours, plan
from cc_guard.demo.api import Api
from cc_guard.guard.door import path_of

ANSWER_S = 10.0
"""What the texts of scenarios.py say."""

_POLL_S = 0.2
_LINE_LIMIT = 4 * 1024 * 1024


class Keeper:
    def __init__(self, folder: str) -> None:
        self._plan = plan.read(folder)
        self._folder = folder
        self._api = Api(self._plan.scenario, folder, self._plan.mocked)
        self._session = 0
        self._asked: dict[str, Any] | None = None
        self._answered = ""
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        await self._api.open(self._plan.addresses, self._plan.port)
        if self._plan.names:
            from cc_guard.demo import names

            await names.serve(self._plan.names)
        control = await asyncio.start_unix_server(self._control, plan.control(self._folder))
        print(self._api.port, flush=True)
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        stop = loop.create_task(self._listen(reader))
        loop.add_signal_handler(signal.SIGTERM, stop.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await stop
        for task in self._tasks:
            task.cancel()
        control.close()
        await self._api.close()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while words := (await reader.readline()).split():
            match words:
                case [b"session", pid]:
                    self._session = int(pid)
                    self._start(self._watch())

    def clean_up(self) -> None:
        with contextlib.suppress(OSError):
            if self._session and self._session in ours.processes(self._folder):
                os.kill(self._session, signal.SIGTERM)  # whoever started it is gone
        ours.end(self._folder)
        ours.remove(self._folder, self._plan.made, self._session)

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            word = (await reader.readline()).strip()
            if word == b"break":
                if self._plan.scenario == "login":
                    plan.write_login(self._folder, "second")
                await self._api.break_down()
                if self._plan.break_s is not None:
                    self._start(self._mend_later(self._plan.break_s))
            writer.write(json.dumps(self._story()).encode() + b"\n")
            await writer.drain()
            writer.close()

    async def _mend_later(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._api.mend()

    def _story(self) -> dict[str, Any]:
        api = self._api
        return {
            "down": _between(api.broken_at, api.mended_at),
            "late": _between(api.mended_at, api.answered_at),
            "ports": api.ports,
            "asked": self._answered,
        }

    async def _watch(self) -> None:
        """What the guard asks. Whoever stays at its socket is taken for a panel, and none opens by itself."""
        while True:
            with contextlib.suppress(OSError, ValueError):
                async with self._guard() as (reader, _):
                    self._seen(json.loads(await reader.readline()).get("question"))
            await asyncio.sleep(_POLL_S)

    @contextlib.asynccontextmanager
    async def _guard(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """One that is started anew has a new socket."""
        path = path_of(paths.socket_dir(), self._session)
        reader, writer = await asyncio.open_unix_connection(path, limit=_LINE_LIMIT)
        try:
            yield reader, writer
        finally:
            writer.close()

    def _seen(self, question: dict[str, Any] | None) -> None:
        before = self._asked
        self._asked = question
        if question is None:
            if before is not None and not self._answered:
                self._answered = "You were asked, and answered."
        elif before is None or before["id"] != question["id"]:
            self._start(self._answer(str(question["id"])))

    async def _answer(self, id_: str) -> None:
        await asyncio.sleep(ANSWER_S)
        if self._asked is not None and self._asked["id"] == id_:
            self._answered = f"You were asked; after {ANSWER_S:.0f} s the demo said yes for you."
            message = {"v": 1, "type": "answer", "question": id_, "answer": "yes"}
            with contextlib.suppress(OSError):
                async with self._guard() as (reader, writer):
                    writer.write(json.dumps(message).encode() + b"\n")
                    await writer.drain()
                    await reader.readline()


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    keeper = Keeper(sys.argv[1])
    try:
        asyncio.run(keeper.run())
    finally:
        keeper.clean_up()


def _between(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else end - start


if __name__ == "__main__":
    main()
