"""Screens as the clients of all eras draw them, by hand, and a detector that looks at them.

Colours are measured: `{E}` error, `{G}` grey, `{O}` the spinner's orange, `{W}` amber, `{B}` code and
permissions, `{R}` ANSI red, `{P}` the default. Which bytes they are is the theme's matter.
"""

from cc_guard.detect.detector import Detector
from cc_guard.detect.signatures import Signatures, shipped
from cc_guard.incident.record import Symptom
from cc_guard.screen.model import Screen

Theme = dict[str, str]


def _theme(**colours: str) -> Theme:
    return {name: f"\x1b[{code}m" for name, code in colours.items()} | {"P": "\x1b[m"}


def _rgb(*rgb: int) -> str:
    return "38;2;" + ";".join(map(str, rgb))


DARK = _theme(
    E=_rgb(255, 107, 128),
    G=_rgb(153, 153, 153),
    O=_rgb(215, 119, 87),
    W=_rgb(255, 193, 7),
    B=_rgb(177, 185, 249),
    R="31",
)
LIGHT = _theme(
    E=_rgb(171, 43, 63),
    G=_rgb(102, 102, 102),
    O=_rgb(215, 119, 87),
    W=_rgb(150, 108, 30),
    B=_rgb(87, 105, 247),
    R="31",
)
CUBE = _theme(E="38;5;211", G="38;5;246", O="38;5;174", W="38;5;220", B="38;5;153", R="31")
SIXTEEN = _theme(E="91", G="37", O="91", W="93", B="94", R="31")
PLAIN: Theme = dict.fromkeys("EGOWBRP", "")
"""NO_COLOR."""
THEMES = {"dark": DARK, "light": LIGHT, "256": CUBE, "16": SIXTEEN, "no colour": PLAIN}

OLD = "API Error (Connection error.) · Retrying in 4 seconds… (attempt 4/10)"
CAUSE = "TypeError (fetch failed)"
NEW = "Connection dropped (ECONNRESET) · retrying in 9s · attempt 5/10"
WAITING = "Waiting for API response · will retry in 2m 31s · check your network"


def box(columns: int = 100, sign: str = ">", footer: str = "? for shortcuts", draft: str = "") -> list[str]:
    rule = "{G}" + "─" * columns + "{P}"
    return [rule, f"{sign}\xa0{draft}", rule, f"  {footer}"]


def framed_box(columns: int = 100) -> list[str]:
    """As up to 1.0.31."""
    width = columns - 2
    return [f"╭{'─' * width}╮", f"│ >{' ' * (width - 2)}│", f"╰{'─' * width}╯", "  ? for shortcuts"]


def working(
    *rows: str, spinner: str = "{O}✻ Brewing…{P} {G}(esc to interrupt){P}", columns: int = 100
) -> str:
    """Clients of 1.0.120 and 2.0, at work below `rows`."""
    return "\n".join([*rows, "", spinner, "", *box(columns)])


def working_2_1(*rows: str, spinner: str = "{O}✢ Booping…{P}", columns: int = 100) -> str:
    return "\n".join([*rows, "", spinner, "", *box(columns, "❯", "esc to interrupt")])


def idle(*rows: str, columns: int = 100, sign: str = "❯") -> str:
    return "\n".join([*rows, "", *box(columns, sign)])


class Shown:
    """Every picture is drawn at once and stands there for `seconds`; the guard looks as often as it would."""

    def __init__(
        self,
        columns: int = 100,
        rows: int = 30,
        theme: Theme = DARK,
        signatures: Signatures | None = None,
    ) -> None:
        self.screen = Screen(columns, rows)
        self.detector = Detector(signatures or shipped())
        self.theme = theme
        self.now = 1_800_000_000.0
        self.told: list[Symptom] = []

    def show(self, picture: str, seconds: float = 2.0) -> list[Symptom]:
        """What is told while it is on the screen. The spinner turns."""
        before = len(self.told)
        self._draw(picture)
        self.look(seconds / 2)
        self._draw(picture.replace("✻ Brewing", "✶ Brewing").replace("✢ Booping", "✳ Booping"))
        self.look(seconds / 2)
        return self.told[before:]

    def _draw(self, picture: str) -> None:
        rows = picture.format_map(self.theme).replace("\n", "\r\n")
        self.screen.feed(f"\x1b[2J\x1b[H{rows}".encode())

    def look(self, seconds: float) -> None:
        """At the end of the frame, when it has been quiet, and again as long as that can tell more."""
        end = self.now + seconds
        self._frame(settled=False)
        self.now += 0.04
        self._frame(settled=True)
        while self.now + 0.06 < end:
            self.now += 0.06
            if self.detector.pending:
                self._frame(settled=True)
        self.now = max(self.now, end)

    def flash(self, picture: str) -> list[Symptom]:
        """A frame that is replaced within 20 ms."""
        before = len(self.told)
        self._draw(picture)
        self._frame(settled=False)
        self.now += 0.02
        return self.told[before:]

    def _frame(self, settled: bool) -> None:
        self.told += self.detector.frame(self.screen, self.now, settled)

    @property
    def phases(self) -> list[tuple[str, int | None]]:
        """Phases and attempts, each once in a row: a countdown tells every second."""
        found: list[tuple[str, int | None]] = []
        for symptom in self.told:
            if not found or found[-1] != (symptom.phase, symptom.attempt):
                found.append((symptom.phase, symptom.attempt))
        return found
