"""Which cases run: a sample, or all with NIGHTCAL_FAULTS=all; their outcomes are counted at the end."""

from __future__ import annotations

import os
from collections import Counter

import pytest

ALL = os.environ.get("NIGHTCAL_FAULTS") == "all"


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call":
        for name, value in report.user_properties:
            if name == "fault outcome":
                _counts[str(value), report.outcome] += 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _counts:
        return
    total = sum(_counts.values())
    terminalreporter.section(
        f"fault matrix: {total} cases{'' if ALL else ', a sample (NIGHTCAL_FAULTS=all)'}"
    )
    for (value, outcome), count in sorted(_counts.items()):
        terminalreporter.line(f"{count:6d}  {value} ({outcome})")


_counts: Counter[tuple[str, str]] = Counter()
