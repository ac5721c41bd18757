"""The confusion matrix of the scenarios, at the end of the run."""

from collections import Counter

import pytest

_JUDGED: Counter[tuple[str, str]] = Counter()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Reports come from all test processes; what a module remembers stays in its own."""
    judged = dict(report.user_properties).get("judged")
    if report.when == "call" and isinstance(judged, (list, tuple)):
        _JUDGED[str(judged[0]), str(judged[1])] += 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _JUDGED:
        return
    terminalreporter.section("causes: wanted, found")
    for (wanted, found), times in sorted(_JUDGED.items()):
        mark = " " if wanted == found else "≠"
        terminalreporter.write_line(f"{mark} {wanted or 'nothing':20} {found or 'nothing':20} {times}")
    right = sum(times for (wanted, found), times in _JUDGED.items() if wanted == found)
    terminalreporter.write_line(f"{right} of {_JUDGED.total()} right")
