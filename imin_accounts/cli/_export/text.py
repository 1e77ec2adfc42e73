"""Rows as text, JSON Lines or CSV, and back: any row reads back exactly as it was written.

A CSV is for spreadsheets too, and those take a cell that begins with ``=``, ``+``, ``-`` or ``@`` for a
formula: a seller's name could run one. So a text that begins like that gets an apostrophe before it;
one that begins with an apostrophe gets another, and an empty text is an apostrophe alone, since an
empty cell stands for no value. Whoever reads a CSV without this package takes one leading apostrophe
off, if there is one; JSON Lines, SQLite and Parquet need nothing of the kind.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Protocol

import orjson

from imin_accounts.cli.rows import COLUMNS, NAMES, Column, Row, Value

_FORMULA = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20'"  # the last four are full-width, and obeyed in East Asia
_LONGEST_CELL = 16 * 1024 * 1024
_FLAGS = {"true": True, "false": False}


class TextFormat(Protocol):
    """How rows are written as text."""

    header: bytes

    def write(self, rows: Sequence[Row]) -> bytes:
        """The text of ``rows``."""
        ...

    def read(self, file: BinaryIO) -> Iterator[tuple[Row, int]]:
        """Each whole row, and where in the file it ends; a torn last one is left out.

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

    def read(self, file: BinaryIO) -> Iterator[tuple[Row, int]]:
        """Each whole row, and where it ends."""
        end = 0
        for line in file:
            if not line.endswith(b"\n"):
                return
            row = orjson.loads(line)
            if not isinstance(row, dict) or tuple(row) != NAMES:
                raise ValueError("other members")
            end += len(line)
            yield row, end


class Csv:
    """Comma-separated values as RFC 4180 has them, in UTF-8, with a header."""

    header = ",".join(NAMES).encode() + b"\r\n"

    def write(self, rows: Sequence[Row]) -> bytes:
        """The text of ``rows``."""
        text = io.StringIO(newline="")
        csv.writer(text).writerows([_cell(value) for value in row.values()] for row in rows)
        return text.getvalue().encode()

    def read(self, file: BinaryIO) -> Iterator[tuple[Row, int]]:
        """Each whole row, and where it ends."""
        header = file.readline()
        if header != self.header:
            if self.header.startswith(header):
                return  # a torn header, and no rows
            raise ValueError("the header is another")
        csv.field_size_limit(_LONGEST_CELL)
        lines = _Lines(file, len(header))
        try:
            for cells in csv.reader(lines, strict=True):
                yield dict(zip(NAMES, map(_value, COLUMNS, cells), strict=True)), lines.end
        except csv.Error as error:
            if not lines.ended:  # else the end cut a quoted cell in two
                raise ValueError(str(error)) from None


class _Lines:
    """The whole lines of a file as text; ``end`` is where the last one given ends."""

    def __init__(self, file: BinaryIO, start: int) -> None:
        self._file = file
        self.end = start
        self.ended = False

    def __iter__(self) -> Iterator[str]:
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            self.end += len(line)
            yield line.decode()
        self.ended = True


def _cell(value: Value) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str() if not value or value[0] in _FORMULA:
            return f"'{value}"
        case _:
            return str(value)


def _value(column: Column, cell: str) -> Value:
    if not cell:
        return None
    match column.kind:
        case "int":
            return int(cell)
        case "bool":
            return _FLAGS[cell]
        case _:
            return cell.removeprefix("'")
