"""Where hooks and transcript come from: the spool, and the file that the client says it writes."""

import os
from typing import Protocol

from cc_guard.channels import facts, spool
from cc_guard.channels.reader import ChannelReader
from cc_guard.channels.transcript import TranscriptTail, transcript_path
from cc_guard.guard.arguments import Arguments, working_folder

_HEARD_LATE = 256 * 1024  # bytes that a conversation grows by in the seconds until its first hook is read


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
        self._tails = [TranscriptTail(reader.path, from_end=old)] if reader.path else []

    def poll(self) -> None:
        if self._spool:
            for event in spool.read(self._spool):
                self._hook(event)
        for tail in self._tails:
            for row in tail.poll():
                for listener in self._listeners:
                    listener.row(row)
                self._reader.row(row)

    def _hook(self, event: spool.HookEvent) -> None:
        before = self._reader.path
        for listener in self._listeners:
            listener.hook(event)
        self._reader.hook(event)
        if self._reader.path != before:
            self._follow(self._reader.path, event)

    def _follow(self, path: str, event: spool.HookEvent) -> None:
        """A conversation begins with SessionStart. After `--resume` 1.0.120 writes to the file that it names
        there, while its other hooks name the old one."""
        if event.event == "SessionStart":
            for tail in self._tails:
                tail.close()
            self._tails = []
        if any(tail.path == path for tail in self._tails):
            return
        # What it already holds is history, which the reader knows by its time; but the first rows of this
        # conversation may be there before we hear of it.
        old = event.payload.get("source") != "startup"
        for tail in self._tails[:-1]:
            tail.close()
        self._tails = [*self._tails[-1:], TranscriptTail(path, old, _HEARD_LATE)]
