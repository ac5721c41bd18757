"""`--record`: the session as an asciicast v2 file, for any player and for `cc-guard replay`.

https://docs.asciinema.org/manual/asciicast/v2/ — output as `o`, new sizes as `r`, and markers `m`: what
detection was told besides (`transcript {…}`, `hook {…}`), and what the recording lacks (`lost {…}`,
`guard restarted`). Input is never written. Times are those at which the guard was told.

An event waits until nothing that follows can make it a part of a secret, then it is written as it came, with
its own time. Nothing here raises: a recording that can't go on ends, and says why in `error`.
"""

import codecs
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from cc_guard.channels import excerpt, facts
from cc_guard.channels.spool import HookEvent
from cc_guard.guard.cast_file import CastFile
from cc_guard.guard.masking import AHEAD, BEFORE, Masker, drawn
from cc_guard.guard.secret_values import secrets_of
from cc_guard.redact import redact
from cc_guard.relay import link
from cc_guard.screen.frames import Clock

_WRITE_S = 0.15
_QUIET_S = 0.05  # what may be the beginning of a secret waits so long for the rest
_WAITING_LIMIT = 256 * 1024  # bytes of output
_LARGEST = 10_000  # columns or rows
_ENVIRONMENT = ("TERM", "SHELL")

_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class _Event(NamedTuple):
    """`data` is masked already, except for output."""

    t: float
    code: str
    data: bytes


class Recording:
    """`error` is why it has ended before the session, or empty."""

    def __init__(
        self,
        path: str,
        clock: Clock,
        command: str,
        version: tuple[int, ...] | None,
        environ: Mapping[str, str] = os.environ,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """A file that has a header goes on, after the death of the guard that wrote it."""
        self.error = ""
        self._path = path
        self._clock = clock
        self._masker = Masker(secrets_of(environ))
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._events: list[_Event] = []
        self._waiting = 0  # bytes of output in `_events`
        self._before = b""  # what was written last, as it came
        self._offset: int | None = 0  # of all output, as the relay counts it
        self._last_output = 0.0
        self._last = 0.0
        self._timer = False
        self._file: CastFile | None = None
        started = wall()
        self._zero = clock.time()  # when the recording's time was 0
        self._header: dict[str, Any] | None = {
            "version": 2,
            "width": 80,
            "height": 24,
            "timestamp": int(started),
            "command": self._masker.mask_text(redact(command)),
            "env": {name: environ[name] for name in _ENVIRONMENT if name in environ},
            "cc-guard": {"version": ".".join(map(str, version)) if version else None, "started": started},
        }
        self._try(self._open, started)

    # What the guard is told

    def frame(self, kind: int, payload: bytes) -> None:
        """A frame of the relay."""
        if kind == link.OUTPUT:
            self._try(self._output, payload)
        elif kind == link.SIZE:
            self._try(self._resize, payload)
        elif kind == link.STALE:
            self._try(self._lost, payload)

    def row(self, row: facts.Row) -> None:
        """A row of the transcript."""
        self._try(self._mark, "transcript", excerpt.of_row, row)

    def hook(self, event: HookEvent) -> None:
        self._try(self._mark, "hook", excerpt.of_hook, event)

    def close(self) -> None:
        """The session is over: everything is written."""
        self._try(self._close)

    def _output(self, data: bytes) -> None:
        self._add("o", data)
        self._last_output = self._clock.time()
        self._waiting += len(data)
        if self._offset is not None:
            self._offset += len(data)
        if self._waiting >= _WAITING_LIMIT:
            self._write(self._settled())

    def _resize(self, size: bytes) -> None:
        rows, columns, _, _ = link.WINSIZE.unpack(size)
        columns, rows = columns or 80, rows or 24  # as the guard's own screen has it
        if self._header is None:
            self._add("r", b"%dx%d" % (columns, rows))
        else:
            self._header |= {"width": min(columns, _LARGEST), "height": min(rows, _LARGEST)}
            self._write(0)

    def _lost(self, offset: bytes) -> None:
        """How much, nobody knows after the death of a guard."""
        (now,) = link.OFFSET.unpack(offset)
        self._write(len(self._events))
        self._before = b""
        self._decoder.reset()
        missing = None if self._offset is None else now - self._offset
        self._offset = now
        self._add("m", f"lost {_json({'bytes': missing})}".encode())

    def _mark(self, name: str, of: Callable[[Any], dict[str, Any] | None], told: object) -> None:
        said = of(told)
        if said is not None:
            self._add("m", f"{name} {_json(self._masked(said))}".encode(errors="replace"))

    def _masked(self, value: Any) -> Any:
        """Text by text: the JSON around them must stay what it is."""
        if isinstance(value, str):
            return self._masker.mask_text(value)
        if isinstance(value, dict):
            return {key: self._masked(part) for key, part in value.items()}
        return [self._masked(part) for part in value] if isinstance(value, list) else value

    # Events

    def _add(self, code: str, data: bytes) -> None:
        self._last = max(self._last, self._clock.time() - self._zero)
        self._events.append(_Event(self._last, code, data))
        self._write_later(_WRITE_S)

    def _write_later(self, delay_s: float) -> None:
        if not self._timer:
            self._timer = True
            self._clock.call_later(delay_s, lambda: self._try(self._on_time))

    def _on_time(self) -> None:
        self._timer = False
        quiet = self._clock.time() - self._last_output >= _QUIET_S
        self._write(len(self._events) if quiet else self._settled())
        if self._events:
            self._write_later(_QUIET_S)

    def _settled(self) -> int:
        """How many events have so much behind them that it can't change them."""
        behind = passed = 0
        for number in range(len(self._events) - 1, -1, -1):
            if behind >= AHEAD or passed >= BEFORE:
                return number + 1
            if self._events[number].code == "o":
                data = self._events[number].data[-BEFORE:]
                behind += len(drawn(data))
                passed += len(data)
        return 0

    def _write(self, count: int) -> None:
        """The first events, and before them the header."""
        # What comes behind them is looked at as well: a secret may go on there.
        masked = iter(self._masker.mask([e.data for e in self._events if e.code == "o"], self._before))
        events = self._events[:count]
        del self._events[:count]
        lines = []
        if self._header is not None:
            lines.append(_json(self._header) + "\n")
            self._header = None
        for t, code, data in events:
            if code == "o":
                text = self._decoder.decode(next(masked))
                self._before = data[-BEFORE:] if len(data) >= BEFORE else (self._before + data)[-BEFORE:]
                self._waiting -= len(data)
            else:
                text = data.decode()
            if text:
                lines.append(f'[{t:.6f}, "{code}", {_json(text)}]\n')
        if lines and self._file is not None:
            self._file.append("".join(lines))

    # The file

    def _open(self, now: float) -> None:
        self._file = CastFile(self._path)
        if self._file.header is not None:
            self._header = None
            self._offset = None
            self._zero -= now - float(self._file.header["cc-guard"]["started"])
            self._last = self._file.last
            self._add("m", b"guard restarted")

    def _close(self) -> None:
        self._write(len(self._events))
        rest = self._decoder.decode(b"", final=True)
        if self._file is not None:
            if rest:
                self._file.append(f'[{self._last:.6f}, "o", {_json(rest)}]\n')
            self._file.close()
            self._file = None

    def _try(self, action: Callable[..., None], *told: object) -> None:
        """Detection goes on without a recording, whatever is wrong with it."""
        if self.error:
            return
        try:
            action(*told)
        except Exception as error:
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            self.error = f"{self._path}: the recording has ended: {why}"
            print(self.error, file=sys.stderr)  # which is the guard's log
            self._events.clear()
            if self._file is not None:
                self._file.close()
                self._file = None
