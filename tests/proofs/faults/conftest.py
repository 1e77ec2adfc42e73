"""Figures that the tests here measure, printed at the end of the run; how large the runs are."""

import attrs
import pytest

from tests.length import LONG


def size(*, ordinary: int, long: int) -> int:
    """How much a test does: ``long`` with ``CI_LONG=1``."""
    return long if LONG else ordinary


long = pytest.mark.timeout(3600 if LONG else 60)


@attrs.frozen
class Figures:
    """What was measured, a line each."""

    lines: list[str] = attrs.Factory(list)

    def add(self, line: str) -> None:
        self.lines.append(line)


_FIGURES = pytest.StashKey[Figures]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_FIGURES] = Figures()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    figures = config.stash[_FIGURES]
    if figures.lines:
        terminalreporter.section("figures of the fault tests")
    for line in figures.lines:
        terminalreporter.line(line)


@pytest.fixture(scope="session")
def figures(request: pytest.FixtureRequest) -> Figures:
    """Where a test leaves what it measured."""
    return request.config.stash[_FIGURES]
