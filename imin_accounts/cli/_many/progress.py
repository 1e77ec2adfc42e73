"""How far a long job is, on standard error: a bar on a terminal, else a line now and then.

Counts only: who the customers are is nobody's business there.
"""

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from imin_accounts.errors import Attempt

_BETWEEN_LINES = 10.0
_BETWEEN_FRAMES = 0.1


class Display(Protocol):
    """What shows the progress."""

    between: float
    """Seconds from one showing to the next."""

    def show(self, done: int, total: int, text: str) -> None:
        """Show that ``done`` of ``total`` are done, and ``text`` beside it."""
        ...

    def close(self) -> None:
        """Show nothing more."""
        ...


class Bar:
    """A bar on a terminal."""

    between = _BETWEEN_FRAMES

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            BarColumn(bar_width=24), TextColumn("{task.description}"), console=console, auto_refresh=False
        )
        self._task = self._progress.add_task("")
        self._progress.start()

    def show(self, done: int, total: int, text: str) -> None:
        """Draw it anew. See ``Display``."""
        self._progress.update(self._task, completed=done, total=total, description=text, refresh=True)

    def close(self) -> None:
        """Leave the last one standing. See ``Display``."""
        self._progress.stop()


class Lines:
    """Lines in a log."""

    between = _BETWEEN_LINES

    def show(self, done: int, total: int, text: str) -> None:
        """Write a line. See ``Display``."""
        click.echo(text, err=True)

    def close(self) -> None:
        """There is nothing to end. See ``Display``."""


class Tally:
    """Counts what is done and how fast, and shows it from time to time.

    Args:
        display: Shows it; chosen by what standard error is if not given.
        clock: Monotonic seconds.
    """

    def __init__(
        self, *, display: Display | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.total = 0
        self.done = 0
        self.failed = 0
        self.held_back = 0
        self._display = display
        self._clock = clock
        self._started = self._shown = clock()

    def __enter__(self) -> Self:
        if self._display is None:
            self._display = Bar(Console(stderr=True)) if sys.stderr.isatty() else Lines()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._display is not None
        if self.done and self._shown != self._started:
            self._display.show(self.done, self.total, self.text())
        self._display.close()

    def start(self, total: int) -> None:
        """Begin to count, up to ``total``."""
        self.total = total
        self._started = self._shown = self._clock()

    def count(self, *, failed: bool) -> None:
        """One more is done."""
        self.done += 1
        self.failed += failed
        self._show_if_due()

    def note(self, attempt: Attempt) -> None:
        """Take note of a request: for a session's ``on_attempt``."""
        self.held_back += attempt.status == 429
        self._show_if_due()

    def text(self) -> str:
        """Everything that there is to say, in one line."""
        seconds = self._clock() - self._started
        rate = self.done / seconds if seconds > 0 else 0.0
        parts = [f"{self.done:,} of {self.total:,}", f"{rate:,.0f}/s"]
        if self.failed:
            parts.append(f"{self.failed:,} failed")
        if self.held_back:
            parts.append(f"{self.held_back:,} held back")
        if rate and self.done < self.total:
            parts.append(f"{_duration((self.total - self.done) / rate)} left")
        return ", ".join(parts)

    def _show_if_due(self) -> None:
        now = self._clock()
        if self._display is not None and now - self._shown >= self._display.between:
            self._shown = now
            self._display.show(self.done, self.total, self.text())


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
