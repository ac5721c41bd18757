"""A diagnosis as a page for people: the verdict, section by section what was seen, and last what to do."""

import textwrap
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from cc_guard.commands.output import plain
from cc_guard.diagnose.probe import SECTIONS
from cc_guard.diagnose.rules.case import LIKELY, POSSIBLE, SURE, Opinion
from cc_guard.diagnose.steps import Step
from cc_guard.diagnose.titles import title, titles
from cc_guard.diagnose.verdict import Verdict, sentence
from cc_guard.incident.record import Finding, ProbeState

GREEN, YELLOW, RED, DIM, BOLD = "32", "33", "31", "2", "1"
_MARKS: Mapping[ProbeState, str] = {"pass": "✓", "warn": "!", "fail": "✗", "skip": "-", "na": "-"}
_COLOURS: Mapping[ProbeState, str] = {"pass": GREEN, "warn": YELLOW, "fail": RED, "skip": DIM, "na": DIM}
_NARROWEST, _WIDEST = 40, 100

# Commands inside of a text, which a line's end would tear apart. The glue can't be in it: it is no printable.
_TOGETHER = ("cc-guard doctor --json", "cc-guard doctor", "claude --continue", "type: continue")
_GLUE = "\0"

# What fails along with a cause that lies before it; told in one line unless the verdict rests on it.
_ON_THE_WAY = ("tcp.v4", "tcp.v6", "tls", "http.v4", "http.v6", "http.api", "upload", "proxy", "gateway")
# What is no good news when somebody else answers.
_ANSWERS = ("http.v4", "http.v6", "http.api", "upload")
# What can't be looked at here and that people may miss.
_MISSED = ("signin", "client.version")

Style = Callable[[str, str], str]
"""Colours a text by an SGR number, or does not."""


@dataclass(frozen=True)
class Page:
    """`width` is the terminal's; None leaves lines as long as they are, for files and other programs."""

    findings: Sequence[Finding]
    verdict: Verdict
    sections: Mapping[str, str]
    took_s: float
    width: int | None
    style: Style

    def text(self) -> str:
        parts = [self._verdict(), self._sections(), self._others(), self._last()]
        return "\n\n".join("\n".join(lines) for lines in parts if lines) + "\n"

    def _wrapped(self, text: str, first: str = "", rest: str | None = None) -> list[str]:
        """`text` behind `first`, its further lines behind `rest`: as many blanks, when it is not said."""
        text = plain(text)
        indent = " " * len(first) if rest is None else rest
        if self.width is None:
            return [f"{first}{text}"]
        for words in _TOGETHER:
            text = text.replace(words, words.replace(" ", _GLUE))
        width = min(max(self.width, _NARROWEST), _WIDEST)
        lines = textwrap.wrap(
            text, max(width - len(indent), 20), break_long_words=False, break_on_hyphens=False
        )
        glued = (line.replace(_GLUE, " ") for line in lines or [""])
        return [f"{indent if number else first}{line}" for number, line in enumerate(glued)]

    def _marked(self, state: ProbeState, text: str, indent: str) -> list[str]:
        mark = _MARKS[state]
        first, *others = self._wrapped(text, f"{indent}{mark} ")
        return [f"{indent}{self._mark(state)}{first[len(indent) + len(mark) :]}", *others]

    # The verdict

    def _verdict(self) -> list[str]:
        verdict = self.verdict
        if verdict.cause is None:
            lines = [self.style(line, GREEN) for line in self._wrapped(verdict.summary, "✓ ")]
            if any(finding.state in ("warn", "fail") for finding in self.findings):
                lines += self._wrapped('What is marked "!" is worth a look.', "  ")
            return lines
        lines = [self.style(line, RED) for line in self._wrapped(verdict.summary, "✗ ")]
        sure = f"How sure: {_certainty(verdict.confidence)}. Cause: {verdict.cause}"
        return [*lines, self.style(f"  {sure}", DIM)]

    # What was seen

    def _sections(self) -> list[str]:
        lines = []
        for section in SECTIONS:
            found = [finding for finding in self.findings if self.sections[finding.probe] == section]
            lines += self._section(section, found)
        return [*lines, *self._not_checked()]

    def _section(self, name: str, found: Sequence[Finding]) -> list[str]:
        bad = [one for one in found if self._state(one) in ("warn", "fail")]
        good = [one for one in found if self._is_fine(one, {title(other.probe) for other in bad})]
        fine = titles(one.probe for one in good)
        if bad:
            state: ProbeState = "fail" if any(self._state(one) == "fail" for one in bad) else "warn"
            return [f"[{self._mark(state)}] {name}", *self._bad(bad), *self._listed("pass", "fine", fine)]
        if not fine:
            return []
        # Where requests go is worth more than that it was looked at.
        way = [one.summary for one in good if one.probe == "config.route"]
        rest = titles(one.probe for one in good if one.probe != "config.route")
        first, *others = self._wrapped(f"{name}: {', '.join([*way, *rest])}", "    ")
        return [f"[{self._mark('pass')}] {first[4:]}", *others]

    def _bad(self, bad: Sequence[Finding]) -> list[str]:
        told = [one for one in bad if self._is_told(one) and f"{self._said(one)}." != self.verdict.summary]
        lines = [line for one in told for line in self._marked(self._state(one), self._said(one), "    ")]
        along = titles(one.probe for one in bad if not self._is_told(one))
        return lines + self._listed("fail", "fails because of it", along)

    def _listed(self, state: ProbeState, what: str, names: Sequence[str]) -> list[str]:
        return self._marked(state, f"{what}: {', '.join(names)}", "    ") if names else []

    def _mark(self, state: ProbeState) -> str:
        return self.style(_MARKS[state], _COLOURS[state])

    def _is_fine(self, finding: Finding, troubled: Collection[str]) -> bool:
        if finding.state != "pass" or title(finding.probe) in troubled:
            return False
        return finding.probe not in _ANSWERS or not self._is_a_stranger

    @property
    def _is_a_stranger(self) -> bool:
        """Whether what answers has no certificate that proves who it is."""
        return any(one.probe == "tls" and one.evidence.get("trusted") is False for one in self.findings)

    def _state(self, finding: Finding) -> ProbeState:
        """Where all is well in the end, nothing has failed."""
        return "warn" if self.verdict.cause is None and finding.state == "fail" else finding.state

    def _is_told(self, finding: Finding) -> bool:
        """Whether a bad finding has a line of its own."""
        if finding.state != "fail" or finding.probe not in _ON_THE_WAY or self.verdict.cause is None:
            return True
        return finding.probe in self.verdict.evidence or self.verdict.cause == "unknown"

    def _said(self, finding: Finding) -> str:
        late = finding.evidence.get("timeout") is True or "crash" in finding.evidence
        return sentence(f"{title(finding.probe)}: {finding.summary}" if late else finding.summary)

    def _not_checked(self) -> list[str]:
        skipped = titles(finding.probe for finding in self.findings if self._waits(finding))
        lines = []
        if skipped:
            lines += self._wrapped(f"Not checked, because it needs what failed: {', '.join(skipped)}", "[-] ")
        missed: dict[str, list[str]] = {}
        for finding in self.findings:
            if finding.state == "na" and finding.probe in _MISSED:
                missed.setdefault(finding.summary, []).append(finding.probe)
        for reason, probes in missed.items():
            lines += self._wrapped(f"Not checked: {', '.join(titles(probes))} ({reason})", "[-] ")
        ran = sum(finding.state in ("pass", "warn", "fail") for finding in self.findings)
        note = f"{ran} checks in {self.took_s:.1f} s; nothing was changed. All values: cc-guard doctor --json"
        return [self.style(line, DIM) for line in [*lines, *self._wrapped(note)]]

    def _waits(self, finding: Finding) -> bool:
        """Whether it was skipped for something that failed, and not for what is not there at all."""
        if finding.state != "skip":
            return False
        needed = [one for one in self.findings if one.probe == finding.evidence.get("because")]
        return any(one.state == "fail" or self._waits(one) for one in needed) or not needed

    # What else it may be

    def _others(self) -> list[str]:
        if self.verdict.cause is None:
            return []
        lines = []
        if self.verdict.behind:
            text = "Behind it waits another fault. Mend the first one, and run cc-guard doctor again:"
            lines += self._wrapped(text)
            lines += self._opinions(self.verdict.behind)
        if self.verdict.instead:
            lines += self._wrapped("It could also be this:")
            lines += self._opinions(self.verdict.instead)
        return lines

    def _opinions(self, opinions: Iterable[Opinion]) -> list[str]:
        return [
            line
            for other in opinions
            for line in self._wrapped(
                f"{sentence(other.why)} ({_certainty(other.confidence)}; {other.cause})", "  - "
            )
        ]

    # What to do

    def _last(self) -> list[str]:
        head = "If Claude Code still fails" if self.verdict.cause is None else "What to do"
        return [self.style(head, BOLD), *self._steps(self.verdict.steps)]

    def _steps(self, steps: Iterable[Step]) -> list[str]:
        lines: list[str] = []
        notes: list[str] = []
        number = 0
        for step in steps:
            if step.note:
                notes += self._wrapped(step.text, "  Note: ")
                continue
            number += 1
            lines += self._wrapped(step.text, f"  {number}. ")
            lines += self._commands(step.commands)
            if step.undo or step.undo_commands:
                lines += self._wrapped(step.undo, "     To undo: ") if step.undo else ["     To undo:"]
                lines += self._commands(step.undo_commands)
        return lines + notes

    def _commands(self, commands: Iterable[str]) -> list[str]:
        """Each on one line, however long: it is there to be copied."""
        return [f"       {self.style(plain(command), BOLD)}" for command in commands]


def _certainty(confidence: float) -> str:
    if confidence >= SURE:
        return "certain"
    if confidence >= LIKELY:
        return "likely"
    return "possible, not proven" if confidence >= POSSIBLE else "only a guess"
