"""What the client prints, on its way to stdout: all of it at once but for the report of a failure, which is
withheld until somebody has decided what to do about it. No I/O: `write` is a parameter. Lean.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# A client that has reported its failure ends within 0.2 s (measured), a loaded machine takes longer. One that
# lives on after this long has more to do, and its output is passed on.
PATIENCE_S = 10.0
# The report of a failure is a sentence, with --verbose the whole conversation. More is not kept in memory.
_LIMIT = 16 * 1024 * 1024
# As the sentences of detect/signatures.toml that mean a lost connection; read by people who know more before
# anything is done.
_WORDS = (b"API Error", b"onnect", b"timed out", b"No internet route", b"respon", b"Response")
_TAIL = 4096
_FAILED = b'"is_error":true'  # in a string of the JSON its quotes would be escaped


class Output:
    """`held` is what has been withheld of this run; `failed` says whether it can be the report of a failure.
    `earlier` are the reports that were replaced by another run, and `mute` whether that has said nothing yet.
    `amend` changes the last report, when there were several runs."""

    def __init__(self, write: "Callable[[bytes], None]") -> None:
        self._write = write
        self.held = bytearray()
        self.earlier: list[bytes] = []
        self.amend: Callable[[list[bytes], bytes], bytes] | None = None
        self.passing = False
        self.mute = True

    @property
    def failed(self) -> bool:
        raise NotImplementedError

    def feed(self, data: bytes) -> None:
        raise NotImplementedError

    def release(self) -> None:
        """Nothing more is withheld, of this run."""
        self.passing = True
        held, self.held = bytes(self.held), bytearray()
        if held:
            self._write(self._amended(held))

    def again(self) -> None:
        """Another run goes on in place of this one, whose report is dropped."""
        self.earlier.append(bytes(self.held))
        self.held.clear()
        self.passing = False
        self.mute = True

    def take_back(self) -> None:
        """The other run came to nothing."""
        self.held[:] = self.earlier.pop()

    def _amended(self, report: bytes) -> bytes:
        return self.amend(self.earlier, report) if self.amend is not None and self.earlier else report


class Document(Output):
    """text and json: printed at the end, in one piece."""

    def __init__(self, write: "Callable[[bytes], None]", json: bool) -> None:
        super().__init__(write)
        self._json = json

    @property
    def failed(self) -> bool:
        if self._json:
            return _FAILED in self.held
        tail = self.held[-_TAIL:]
        return any(word in tail for word in _WORDS)

    def feed(self, data: bytes) -> None:
        if self.passing:
            self._write(data)
            return
        self.held += data
        self.mute = self.mute and not data
        if len(self.held) > _LIMIT or (data.endswith(b"\n") and not self.failed and not self.earlier):
            self.release()


class Stream(Output):
    """stream-json: a line at a time."""

    def __init__(self, write: "Callable[[bytes], None]") -> None:
        super().__init__(write)
        self._line = bytearray()

    @property
    def failed(self) -> bool:
        return any(_report_of(line) == "result" for line in self._lines())

    def feed(self, data: bytes) -> None:
        *lines, rest = data.split(b"\n")
        ready = bytearray()
        for line in lines:
            ready += self._passed(bytes(self._line) + line + b"\n")
            self._line.clear()
        self._line += rest
        if ready:
            self._write(bytes(ready))
        if len(self._line) > _LIMIT:
            self.release()

    def release(self) -> None:
        self.held += self._line
        self._line.clear()
        super().release()
        self.passing = False

    def again(self) -> None:
        lines = self._lines()
        self.held[:] = b"".join(line for line in lines if _report_of(line))
        super().again()
        self._line.clear()
        if others := b"".join(line for line in lines if not _report_of(line)):
            self._write(others)

    def _passed(self, line: bytes) -> bytes:
        """What can be written now that `line` has come."""
        if self.earlier and _is_init(line):
            return b""
        self.mute = False
        if _report_of(line):
            before = self._take() if self.failed else b""
            self.held += line
            return before
        if self.held and not _goes_on(line):
            self.held += line
            return b""
        return self._take() + self._amended(line)

    def _lines(self) -> list[bytes]:
        return [line + b"\n" for line in bytes(self.held).split(b"\n")[:-1]]

    def _take(self) -> bytes:
        held = bytes(self.held)
        self.held.clear()
        return held


def _report_of(line: bytes) -> str:
    """Of a failure: `assistant` for the client's own sentence, `result` for the last word, or nothing."""
    if b'"<synthetic>"' in line or (_FAILED in line and b'"type":"result"' in line):
        row = _row(line)
        message = row.get("message")
        if row.get("type") == "assistant" and isinstance(message, dict):
            return "assistant" if message.get("model") == "<synthetic>" else ""
        return "result" if row.get("type") == "result" and row.get("is_error") is True else ""
    return ""


def _is_init(line: bytes) -> bool:
    if b'"subtype":"init"' not in line:
        return False
    row = _row(line)
    return row.get("type") == "system" and row.get("subtype") == "init"


def _row(line: bytes) -> "dict[str, object]":
    import json

    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return row if isinstance(row, dict) else {}


def _goes_on(line: bytes) -> bool:
    """Whether the line says that the client works on; the rest (`system`, …) also comes at its end."""
    return any(b'"type":"%s"' % kind in line for kind in (b"assistant", b"user", b"stream_event", b"result"))
