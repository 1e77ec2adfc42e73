"""Rows as text, JSON Lines or CSV, and back: any row reads back exactly as it was written.

A CSV is for spreadsheets too, and those take a cell that begins with ``=``, ``+``, ``-`` or ``@`` for a
formula: a seller's name could run one. Where a cell begins depends on the separator that the file is opened
with: in a file that is opened as separated by semicolons, ``Acme;=1+1`` is two cells, quoted or not. So an
apostrophe goes before whatever could begin a formula, at the start of a text and after each ``,``, ``;``,
``|``, tab and line end in it. An apostrophe in such a place gets another one before it, and an empty text is
an apostrophe alone, since an empty cell stands for no value. Whoever reads a CSV without this package takes
one apostrophe off in each of these places, if there is one; JSON Lines, SQLite and Parquet need nothing of
the kind.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import Protocol

import orjson

from imin_accounts.cli._files import Lines
from imin_accounts.cli.rows import COLUMNS, NAMES, Column, NoRow, Row, Value, from_json

_BEGINS = r"(?:\A|(?<=[,;|\t\r\n]))"  # where a cell may begin, whatever the separator
# Before a formula some programs drop these; and a quote opens a cell. Without \t, \r and \n, for linear time.
_UNSEEN = r"(?:[^\S\t\r\n]|[\"\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b-\u200f\u2060\ufeff])*"
_FORMULA = r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"  # the last four are full-width, and obeyed in East Asia
_TO_ESCAPE = re.compile(f"{_BEGINS}(?='|{_UNSEEN}{_FORMULA})")
_ESCAPE = re.compile(f"{_BEGINS}'")
_LONGEST_CELL = 256 * 1024 * 1024
_FIRST_MEMBER = f'{{"{NAMES[0]}":"'.encode()
_FLAGS = {"true": True, "false": False}


class TextFormat(Protocol):
    """How rows are written as text."""

    header: bytes

    def write(self, rows: Sequence[Row]) -> bytes:
        """The text of ``rows``."""
        ...

    def read(self, lines: Lines) -> Iterator[object]:
        """What should be a row, for each whole one; a torn last one is left out.

        Raises:
            ValueError, KeyError: Something other than a torn last row is no row.
        """
        ...


class JsonLines:
    """One JSON object a line."""

    header = b""

    def write(self, rows: Sequence[Row]) -> bytes:
        """The text of ``rows``."""
        return b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)

    def read(self, lines: Lines) -> Iterator[object]:
        """What each whole line holds."""
        for line in lines:
            yield _object(line)
        if not _starts_alike(lines.torn, _FIRST_MEMBER):
            raise NoRow("it has no line end, and does not begin as a row does")


def _object(line: bytes) -> object:
    try:
        return from_json(line)
    except NoRow:
        raise
    except ValueError:
        raise NoRow(_why_no_json(line)) from None


def _why_no_json(line: bytes) -> str:
    if not line.strip():
        return "it is empty"
    if line.startswith(codecs.BOM_UTF8):
        return "a byte order mark stands before it, as other programs write it"
    try:
        line.decode()
    except UnicodeDecodeError:
        return "it is not UTF-8"
    return "it is no JSON"


class Csv:
    """Comma-separated values as RFC 4180 has them, in UTF-8, with a header."""

    header = ",".join(NAMES).encode() + b"\r\n"

    def write(self, rows: Sequence[Row]) -> bytes:
        """The text of ``rows``."""
        text = io.StringIO(newline="")
        csv.writer(text).writerows([_cell(value) for value in row.values()] for row in rows)
        return text.getvalue().encode()

    def read(self, lines: Lines) -> Iterator[object]:
        """Each whole row."""
        header = next(iter(lines), None)
        if header is None:
            header = lines.torn
        if header != self.header:
            if self.header.startswith(header):
                return  # a torn header, and no rows
            raise NoRow(_wrong_header(header))
        csv.field_size_limit(_LONGEST_CELL)
        text = _Text(lines)
        try:
            for cells in csv.reader(text, strict=True):
                if not cells:
                    raise NoRow("it is empty")
                if len(cells) != len(NAMES):
                    raise NoRow("it has fewer cells than there are columns, or more")
                yield dict(zip(NAMES, map(_value, COLUMNS, cells), strict=True))
        except UnicodeDecodeError:
            raise NoRow("it is not UTF-8") from None
        except csv.Error:
            if not text.ended:  # else the end cut a quoted cell in two
                raise NoRow("its quotes are not as an export writes them") from None


def _wrong_header(header: bytes) -> str:
    """What is wrong with a CSV's first line: most often a spreadsheet has written it anew."""
    names = header.removeprefix(codecs.BOM_UTF8).rstrip(b"\r\n").replace(b'"', b"")
    for separator, called in ((b";", "semicolons"), (b"\t", "tabs")):
        if separator in names:
            return f"its columns are separated by {called} instead of commas"
    found, ours = names.split(b","), ",".join(NAMES).encode().split(b",")
    if sorted(found) == sorted(ours):
        if found != ours:
            return "its columns are in another order"
        if header.startswith(codecs.BOM_UTF8):
            return "a byte order mark stands before it, as other programs write it"
        return "the header is quoted, or its line ends otherwise, as other programs write it"
    return "the header is another"


class _Text:
    """Lines as text."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self.ended = False

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            yield line.decode()
        self.ended = True


def _starts_alike(one: bytes, other: bytes) -> bool:
    size = min(len(one), len(other))
    return one[:size] == other[:size]


def _cell(value: Value) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return _TO_ESCAPE.sub("'", value) if value else "'"
        case _:
            return str(value)


def _value(column: Column, cell: str) -> Value:
    if not cell:
        return None
    match column.kind:
        case "int" if cell.isascii() and cell.isdigit():  # nothing else that Python takes for a number
            return int(cell)
        case "int":
            raise NoRow(f"its {column.name} is not as an export writes it")
        case "bool":
            if cell not in _FLAGS:
                raise NoRow(f"its {column.name} is not as an export writes it")
            return _FLAGS[cell]
        case _:
            return "" if cell == "'" else _ESCAPE.sub("", cell)
