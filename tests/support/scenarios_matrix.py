"""Which recordings there are: versions of the client, scenarios, and how the terminal is."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tests.support.scenarios import FAULTS, Scenario
from tests.support.scenarios_traps import TRAPS

SCENARIOS: dict[str, Scenario] = FAULTS | TRAPS


@dataclass(frozen=True)
class Variant:
    """How the terminal is, and what the user has chosen. `answers`: it replies to queries, as libghostty."""

    theme: str = "dark"
    env: dict[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    answers: bool = False


PLAIN = "plain"
VARIANTS: dict[str, Variant] = {
    PLAIN: Variant(),
    "light": Variant("light"),
    "dark-daltonized": Variant("dark-daltonized"),
    "light-daltonized": Variant("light-daltonized"),
    "dark-ansi": Variant("dark-ansi"),
    "light-ansi": Variant("light-ansi"),
    "no-color": Variant(env={"NO_COLOR": "1"}),
    "mono": Variant(env={"FORCE_COLOR": "0"}),
    "256": Variant(without=("COLORTERM",)),
    "16": Variant("dark-ansi", env={"TERM": "xterm"}, without=("COLORTERM",)),
    "answers": Variant(answers=True),
    "tmux": Variant(
        env={"TMUX": "/tmp/tmux-0/default,1,0", "TERM": "tmux-256color", "TERM_PROGRAM": "tmux"}, answers=True
    ),
    "fullscreen": Variant(env={"CLAUDE_CODE_NO_FLICKER": "1"}, answers=True),
    "reader": Variant(env={"CLAUDE_AX_SCREEN_READER": "1"}),
}


@dataclass(frozen=True)
class Recording:
    version: str
    scenario: str
    variant: str = PLAIN
    size: str = "120x40"

    @property
    def stem(self) -> str:
        variant = "" if self.variant == PLAIN else f"-{self.variant}"
        return f"{self.version}-{self.scenario}{variant}-{self.size}"


FULL = ("2.1.330", "2.0.60", "1.0.120")
CORE = ("2.1.273", "2.1.197", "2.1.132", "2.1.30", "1.0.31", "0.2.126")
CORE_SCENARIOS = (
    *("outage", "status-503", "retry-503", "retry-429", "retry-401", "waiting", "interrupt"),
    *("text", "long", "quote-old", "quote-new", "quote-bash", "resume-old"),
)
# What differs in the newest wording alone, and what hardly differs between versions.
_NEWEST_ONLY = (
    *("status-403", "status-404", "status-413", "status-500", "status-502", "status-504"),
    *("retry-500", "retry-502", "retry-504", "dns-given-up", "late", "given-up-10"),
    *("status-503-json", "status-503-html", "retry-503-json", "retry-503-html"),
    *("subagent-front", "subagent-front-given-up", "mcp-dead", "claude-md", "prompt-run", "quote-growing"),
    *("help", "status", "release-notes", "status-line"),
)
_SIZES = ("40x30", "60x24", "250x60")
_FEW_VARIANTS = ("light", "256", "16", "mono")


def _matrix() -> Iterator[Recording]:
    """What matters most comes first."""
    yield from _crossed(CORE, CORE_SCENARIOS)
    yield from _crossed(FULL[:1], SCENARIOS)
    yield from _variants()
    for version in FULL[1:]:
        yield from _crossed([version], [name for name in SCENARIOS if name not in _NEWEST_ONLY])


def _variants() -> Iterator[Recording]:
    for scenario in ("outage-short", "quote-bash", "counting-theme"):
        for variant in [name for name in VARIANTS if name != PLAIN]:
            if scenario != "counting-theme" or variant in ("fullscreen", "reader", "16", "mono"):
                yield Recording(FULL[0], scenario, variant)
    for scenario in ("status-503", "quote-rows"):
        for variant in ("fullscreen", "reader", "mono"):
            yield Recording(FULL[0], scenario, variant)
    for version in FULL[1:]:
        for scenario in ("outage-short", "quote-bash"):
            for variant in _FEW_VARIANTS:
                yield Recording(version, scenario, variant)
    yield Recording("2.1.273", "outage-short", "reader")
    for version in ("2.1.197", "2.1.273"):
        yield Recording(version, "outage-short", "fullscreen")
    for version in ("2.1.132", "2.1.197"):
        yield Recording(version, "usage-limit")
    for version in FULL:
        for size in _SIZES:
            for scenario in ("outage", "quote-bash") if size == "60x24" else ("outage-short", "quote-bash"):
                yield Recording(version, scenario, size=size)
    yield Recording("2.1.132", "outage-short", size="60x24")


def _crossed(versions: Iterable[str], scenarios: Iterable[str]) -> Iterator[Recording]:
    for version in versions:
        for scenario in scenarios:
            yield Recording(version, scenario)


MATRIX = tuple(_matrix())
