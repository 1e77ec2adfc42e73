"""Secrets and personal data made up for tests, and a search for them where they must not be.

Each canary holds a word that survives percent-encoding, JSON, pickling and ``repr``, so that looking
for the word finds it in whatever form it got out.
"""

import pickle
import traceback
from collections.abc import Iterable, Iterator
from logging import LogRecord

KEY = "canarykey4f1d"
CUSTOMER = "canarycustomer9b2e"
EMAIL = "canaryemail07ac@example.com"
BARCODE = "canarybarcode5e38"
JWT = "canaryjwt.b6d0.c2f9"
FILTER = "canaryfilter81fa=="

WORDS = tuple(
    word.partition("@")[0].partition(".")[0].rstrip("=")
    for word in (KEY, CUSTOMER, EMAIL, BARCODE, JWT, FILTER)
)
ALL = f"{KEY} {CUSTOMER} {EMAIL} {BARCODE} {JWT} {FILTER}"
"""Every canary in one line of text, for a server to put into the faults it makes."""


def leaks(*things: object) -> list[str]:
    """Where a canary shows in ``things``: ``"<where>: <word>"`` each, ``[]`` if nowhere.

    Errors are searched with their arguments, notes, chain, traceback text and pickle; log records
    with their message and every attribute; anything else by ``str`` and ``repr``.
    """
    return [
        f"{where}: {word}"
        for thing in things
        for where, text in _texts(thing)
        for word in WORDS
        if word in text
    ]


def _texts(thing: object) -> Iterable[tuple[str, str]]:
    name = type(thing).__name__
    yield f"str of {name}", str(thing)
    yield f"repr of {name}", repr(thing)
    if isinstance(thing, BaseException):
        yield from _texts_of_error(thing, name)
    if isinstance(thing, LogRecord):
        yield f"message of {thing.name}", thing.getMessage()
        yield f"attributes of {thing.name}", repr(vars(thing))
        if thing.exc_info and thing.exc_info[1]:
            yield from _texts(thing.exc_info[1])


def _texts_of_error(error: BaseException, name: str) -> Iterator[tuple[str, str]]:
    yield f"args of {name}", repr(error.args)
    yield f"notes of {name}", repr(getattr(error, "__notes__", ()))
    yield f"attributes of {name}", repr(vars(error))
    yield f"pickle of {name}", pickle.dumps(error).decode("latin-1")
    yield f"traceback of {name}", "".join(traceback.format_exception(error))
    for chained in (error.__cause__, error.__context__):
        if chained is not None:
            yield from _texts(chained)
