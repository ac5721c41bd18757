"""Where hooks and transcript come from: the spool, and the file that the client says it writes."""

import os
from typing import Protocol

from cc_guard.channels import facts, spool
from cc_guard.channels.reader import ChannelReader
from cc_guard.channels.transcript import TranscriptTail, transcript_path
from cc_guard.guard.arguments import Arguments, working_folder


class Listener(Protocol):
    def row(self, row: facts.Row) -> None: ...

    def hook(self, event: spool.HookEvent) -> None: ...


class Channels:
    """Polled by the guard; what is new goes to the `listeners`, and then to `reader`."""

    def __init__(self, reader: ChannelReader, arguments: Arguments, *listeners: Listener) -> None:
        self._reader = reader
        self._listeners = listeners
        self._spool = arguments.folder
        session, cwd = arguments.session, working_folder()
        reader.path = transcript_path(os.environ, cwd, session) if session and cwd else ""
        old = arguments.resumed or arguments.restarts > 0
        self._tail = TranscriptTail(reader.path, from_end=old) if reader.path else None

    def poll(self) -> None:
        if self._spool:
            for event in spool.read(self._spool):
                self._hook(event)
        if self._tail is not None:
            for row in self._tail.poll():
                for listener in self._listeners:
                    listener.row(row)
                self._reader.row(row)

    def _hook(self, event: spool.HookEvent) -> None:
        before = self._reader.path
        for listener in self._listeners:
            listener.hook(event)
        self._reader.hook(event)
        if self._reader.path != before:
            if self._tail is not None:
                self._tail.close()
            # Another conversation: what it already holds is history.
            self._tail = TranscriptTail(self._reader.path, from_end=event.payload.get("source") != "startup")
