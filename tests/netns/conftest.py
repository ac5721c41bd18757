"""The confusion matrix of the scenarios, at the end of the run."""

from collections import Counter

import pytest

JUDGED: Counter[tuple[str, str]] = Counter()
"""How often which cause was wanted, and which was found."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not JUDGED:
        return
    terminalreporter.section("causes: wanted, found")
    for (wanted, found), times in sorted(JUDGED.items()):
        mark = " " if wanted == found else "≠"
        terminalreporter.write_line(f"{mark} {wanted or 'nothing':20} {found or 'nothing':20} {times}")
    right = sum(times for (wanted, found), times in JUDGED.items() if wanted == found)
    terminalreporter.write_line(f"{right} of {JUDGED.total()} right")
