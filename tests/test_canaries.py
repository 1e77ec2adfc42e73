"""The search for canaries finds them, wherever and in whatever form they got out."""

import logging
import sys
from collections.abc import Callable

import pytest

from tests.canaries import BARCODE, KEY, WORDS, leaks


def chained() -> Exception:
    error = ValueError("wrong")
    error.__cause__ = LookupError(KEY)
    return error


def noted() -> Exception:
    error = ValueError("wrong")
    error.add_note(KEY)
    return error


def logged() -> logging.LogRecord:
    return logging.LogRecord("imin", logging.INFO, __file__, 1, "asked for %s", (KEY,), None)


def logged_error() -> logging.LogRecord:
    try:
        raise ValueError(KEY)
    except ValueError:
        return logging.LogRecord("imin", logging.INFO, __file__, 1, "failed", (), sys.exc_info())


@pytest.mark.parametrize(
    "make",
    [lambda: KEY, lambda: [KEY], lambda: ValueError(KEY), chained, noted, logged, logged_error],
    ids=["text", "list", "error", "cause", "note", "log record", "logged error"],
)
def test_a_canary_is_found(make: Callable[[], object]) -> None:
    """Each place tells its own name and the word."""
    found = leaks(make())
    assert found
    assert {place.rpartition(": ")[2] for place in found} == {KEY}


def test_every_thing_and_every_word_is_searched() -> None:
    """What is found in one does not end the search."""
    assert leaks("nothing", KEY, BARCODE) == [
        f"{form} of str: {word}" for word in (KEY, BARCODE) for form in ("str", "repr")
    ]


def test_where_there_is_none_nothing_is_found() -> None:
    """Else a test would fail for no reason."""
    assert leaks("nothing", ValueError("wrong"), None) == []


def test_every_word_survives_an_encoding() -> None:
    """Each is made of letters and digits alone, which no form in which it may get out changes."""
    assert len(WORDS) == 6
    assert all(word.isalnum() and word.isascii() for word in WORDS)
