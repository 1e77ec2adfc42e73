"""JSON text to values, exactly as it says; and parsed documents held to what JSON text can say.

orjson parses. Where it refuses, or reads as a float what should be an integer, the standard library's parser
reads again, made as strict as orjson: without ``NaN``, without lone surrogates, UTF-8 alone.
"""

import json
import math
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn

import orjson

from imin_accounts._models.values import MAX_DEPTH, Copying, NotJson, step
from imin_accounts.errors import DecodeError

TEXT = (bytes, str, bytearray, memoryview)

Unheld = Sequence[tuple[str | int, ...]]
"""The paths of numbers that are beyond what Python holds and that were left out."""

# 640 digits is the least limit that Python can be given. Only from a number's first digit on: from each digit
# of 4 MB of long numbers it took eight seconds.
_LONG = re.compile("(?<![0-9])[0-9]{641}")
_TOO_DEEP = f"$: expected at most {MAX_DEPTH} levels, got more"


def parse(document: Any) -> tuple[Any, Unheld]:
    """JSON text as Python's values.

    Raises:
        DecodeError: It is no JSON, or nested too deep for any parser.
    """
    try:
        return orjson.loads(document), ()
    except orjson.JSONDecodeError:  # contextlib.suppress would take 300 ns of every reply
        pass
    data = _without_mark(document)
    with suppress(orjson.JSONDecodeError):
        return orjson.loads(data), ()
    return _parse_exactly(data)


def parse_exactly(document: Any) -> tuple[Any, Unheld]:
    """The same by the standard library: integers of up to 4,300 digits are exact.

    Raises:
        DecodeError: As for ``parse``.
    """
    return _parse_exactly(_without_mark(document))


def _without_mark(document: Any) -> bytes:
    data = document.encode(errors="surrogatepass") if isinstance(document, str) else bytes(document)
    return data.removeprefix(b"\xef\xbb\xbf")


def _parse_exactly(data: bytes) -> tuple[Any, Unheld]:
    try:
        text = data.decode()
        read_integer = _integer if _LONG.search(text) else None
        value = json.loads(text, parse_constant=_refuse, parse_int=read_integer)
    except json.JSONDecodeError as error:
        wrong = f"$: expected JSON, got something else at line {error.lineno}, column {error.colno}"
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        wrong = f"$: expected JSON, got something else at line {line}, column {column}"
    except RecursionError:
        wrong = _TOO_DEEP
    except ValueError:
        wrong = "$: expected JSON, got something else"
    else:
        try:
            return _copied(value)
        except NotJson as error:
            _, wrong = error.args
            wrong = (
                f"$: {wrong}" if "Unicode" not in wrong else "$: expected JSON, got a lone surrogate in it"
            )
    raise DecodeError(wrong)


def checked(document: Any) -> tuple[Any, Unheld]:
    """A copy of a parsed document that consists of JSON's own types only.

    Raises:
        DecodeError: It holds what no JSON text says, or too much.
    """
    try:
        return _copied(document)
    except NotJson as error:
        path, what = error.args
    raise DecodeError(f"${''.join(map(step, path))}: {what}")


def _copied(value: Any) -> tuple[Any, Unheld]:
    copying = Copying()
    return copying.copy(value), copying.unheld


def _refuse(_: str) -> NoReturn:
    raise ValueError


def _integer(digits: str) -> float | int:
    try:
        return int(digits) if len(digits) <= 4301 else math.inf
    except ValueError:  # beyond Python's own limit: 4,300 digits unless told otherwise
        return math.inf
