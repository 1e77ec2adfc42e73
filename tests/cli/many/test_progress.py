"""How far a job is, on standard error."""

import io

import pytest
from rich.console import Console

from imin_accounts.cli._many.progress import Bar, Lines, Tally
from imin_accounts.errors import Attempt
from tests.scripted import ManualClock


class RecordingDisplay:
    """A display that keeps what it is to show."""

    between = 10.0

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.closed = False

    def show(self, done: int, total: int, text: str) -> None:
        self.texts.append(text)

    def close(self) -> None:
        self.closed = True


def attempt(status: int | None) -> Attempt:
    """A request that came to ``status``."""
    return Attempt(method="GET", url_template="/", resend_count=0, status=status)


def test_it_says_everything_in_one_line() -> None:
    """Done, rate, failures, how often imin held it back, time left."""
    clock, display = ManualClock(), RecordingDisplay()
    tally = Tally(display=display, clock=clock)
    tally.start(10_000)
    tally.note(attempt(429))
    tally.note(attempt(200))
    for n in range(1_999):
        tally.count(failed=n < 3)
    clock.now += 10
    tally.count(failed=False)
    assert display.texts == ["2,000 of 10,000, 200/s, 3 failed, 1 held back, 0:40 left"]


def test_before_any_time_has_passed_there_is_no_rate() -> None:
    """Nor a time that is left."""
    tally = Tally(display=RecordingDisplay(), clock=ManualClock())
    tally.start(10)
    tally.count(failed=False)
    assert tally.text() == "1 of 10, 0/s"


def test_a_log_gets_a_line_now_and_then() -> None:
    """Not one for each customer, but one at the end of a job that had any."""
    clock, display = ManualClock(), RecordingDisplay()
    with Tally(display=display, clock=clock) as tally:
        tally.start(40)
        for _ in range(40):
            clock.now += 1
            tally.count(failed=False)
    assert [text.split(",")[0] for text in display.texts] == [
        "10 of 40", "20 of 40", "30 of 40", "40 of 40", "40 of 40",
    ]  # fmt: skip
    assert display.closed


def test_a_short_job_says_nothing() -> None:
    """What is done before the first line is due needs no line."""
    display = RecordingDisplay()
    with Tally(display=display, clock=ManualClock()) as tally:
        tally.start(1)
        tally.count(failed=False)
    assert display.texts == []


def test_lines_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output is for results."""
    Lines().show(1, 2, "1 of 2")
    assert capsys.readouterr() == ("", "1 of 2\n")


def test_a_terminal_gets_a_bar() -> None:
    """With the same words beside it."""
    terminal = io.StringIO()
    bar = Bar(Console(file=terminal, force_terminal=True, width=80))
    bar.show(1, 2, "1 of 2, 7/s")
    bar.close()
    assert "━" in terminal.getvalue()
    assert "1 of 2, 7/s" in terminal.getvalue()


@pytest.mark.parametrize(
    ("left", "text"),
    [
        (5, "0:05"),
        (65, "1:05"),
        (3_599, "59:59"),
        (3_600, "1:00:00"),
        (3_725, "1:02:05"),
        (90_000, "25:00:00"),
    ],
)
def test_the_time_left_reads_as_on_a_clock(left: int, text: str) -> None:
    """Hours only where there are any; whatever follows a colon has two digits."""
    clock = ManualClock()
    tally = Tally(display=RecordingDisplay(), clock=clock)
    tally.start(left + 1)
    clock.now += 1
    tally.count(failed=False)
    assert tally.text() == f"1 of {left + 1:,}, 1/s, {text} left"
