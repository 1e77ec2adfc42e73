"""Text that people bring, from Excel for instance: its encoding, and a CSV whatever separates its cells.

Excel's "CSV (Comma delimited)" is cp1252, and separated by semicolons where a comma stands in numbers; its
"Unicode Text" is UTF-16 and separated by tabs; its "CSV UTF-8" begins with a byte order mark.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import click

from imin_accounts.cli._files import CannotRead
from imin_accounts.cli._output import safe

AROUND = " \t\r\n"
"""What is no part of an identifier at its ends. ``str.strip`` would take more away, such as U+0085."""
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_LONGEST_CELL = 16 * 1024 * 1024  # in any column; a reader's own limit is 128 kB
_CONTROLS = set(map(chr, range(9)))
_FIRST_BYTES = 64 * 1024
_MOST_NAMES, _LONGEST_NAME = 20, 40
_BOMS = {  # the first two begin as one of UTF-16 does, or as NULs
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_CONVERT = "of an export `imin-accounts convert` makes a CSV, to be read with --column customer"
_NO_TEXT = {
    b"PK\x03\x04": "it is a workbook (.xlsx): save it as CSV first",
    b"\xd0\xcf\x11\xe0": "it is a workbook (.xls): save it as CSV first",
    b"PAR1\x15": f"it is a Parquet file, not a list of identifiers; {_CONVERT}",
    b"SQLite format 3\0": f"it is an SQLite file, not a list of identifiers; {_CONVERT}",
}
_NO_IDENTIFIERS = {
    re.compile(
        r"\s*[{\[]\s*(?:[\"{\[]|\Z)"
    ): f"is JSON, as in an export or a journal, and no identifier; {_CONVERT}",
    re.compile(
        r'"?customer"?([,;\t|])"?seller_id"?\1'
    ): "is the header of an exported CSV; say --column customer",
}
_ODD = re.compile(
    r"""="?.*"?|'.*|".*|.*"|[,;|].*|.*[,;|]"""  # as a spreadsheet or a CSV has texts
    r"|[+-]?[0-9]+(?:[.,][0-9]+)?[Ee]\+[0-9]+",  # as a spreadsheet shows a long number, the rest of it lost
    re.S,
)


def check_encoding(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """A callback for the name of an encoding that text can have."""
    try:
        io.TextIOWrapper(io.BytesIO(), encoding=value).close()
    except (LookupError, ValueError):
        raise click.BadParameter("there is no such encoding; try cp1252 or utf-16", ctx, param) from None
    return value


class Begun(io.RawIOBase):
    """A file to be read as text, whose first bytes are kept: they say what it is where it is none.

    Attributes:
        start: What was read so far, or enough of it.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.start = b""

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """At most so many bytes as ``buffer`` has room for, as they come."""
        room = memoryview(buffer)
        piece: bytes = self._file.read1(len(room))  # type: ignore[attr-defined]  # as each opened file can
        room[: len(piece)] = piece
        if len(self.start) < _FIRST_BYTES:
            self.start += piece
        return len(piece)


def lines_of(path: Path, text: io.TextIOWrapper, begun: Begun) -> Iterator[str]:
    """The lines of ``text``, without a byte order mark: there is one in the middle where files were joined.

    Raises:
        CannotRead: It begins as text of another encoding does, or as what is no text at all.
    """
    first = next(text, "")
    if why := _why_no_text(begun.start):
        raise CannotRead(path, why)
    looks_like = _marked(begun.start, text.encoding)
    if "\0" in first:
        looks_like = looks_like or _utf_32(begun.start)
    start = first.rstrip("\n").removesuffix("\r")
    for place, name in ((1, "utf-16-le"), (0, "utf-16-be")):  # "12\n" is "1\0 2\0 \n\0", or "\0 1 \0 2 \0\n"
        # A high byte of another script than the Latin one is a small number: 4 in Cyrillic.
        high = set(start[place::2])
        if start[-1:] in high and len(start) % 2 == 1 - place and _CONTROLS.issuperset(high):
            looks_like = looks_like or name
    if looks_like is not None:
        raise CannotRead(path, f"it is not {text.encoding}; it looks like --encoding {looks_like}")
    return (line.lstrip("\ufeff") for line in chain([first], text))


def why_no_identifier(line: str) -> str | None:
    """Why a line is certainly none: it is of a file that holds more than identifiers."""
    return next((why for form, why in _NO_IDENTIFIERS.items() if form.match(line)), None)


def is_odd(identifier: str) -> bool:
    """Whether it hardly is an identifier as it stands: ``="customer-5"``, or with a space nobody sees."""
    return (
        _ODD.fullmatch(identifier) is not None
        or not identifier.replace(" ", "").isprintable()  # U+00A0, U+200B, U+FEFF and their like
    )


def why_not_text(start: bytes, encoding: str) -> str:
    """What to say of a file that could not be decoded, and begins with ``start``."""
    if why := _why_no_text(start):
        return why
    plain = re.sub("[-_]", "", encoding.lower())
    name = {"utf8": "UTF-8"}.get(plain, encoding)
    looks_like = _encoding_of(start)
    if looks_like is not None and looks_like.replace("-", "") != plain:
        return f"it is not {name}; it looks like --encoding {looks_like}"
    others = [each for each in ("cp1252", "utf-16") if each.replace("-", "") != plain]
    return f"it is not {name}; say what it is, such as {' or '.join(f'--encoding {each}' for each in others)}"


def _why_no_text(start: bytes) -> str | None:
    return next((why for magic, why in _NO_TEXT.items() if start.startswith(magic)), None)


def _marked(start: bytes, encoding: str) -> str | None:
    """The encoding whose byte order mark ``start`` begins with, if that is none in ``encoding``."""
    bom = next((bom for bom in _BOMS if start.startswith(bom)), b"")
    return None if bom.decode(encoding, errors="ignore") in ("", "\ufeff") else _BOMS[bom]


def _utf_32(start: bytes) -> str | None:
    """UTF-32 without a byte order mark: two of four bytes are always NULs."""
    for place, name in ((2, "utf-32-le"), (0, "utf-32-be")):
        if len(start) > 3 and not any(start[place::4] + start[place + 1 :: 4]):
            return name
    return None


def _encoding_of(start: bytes) -> str | None:
    """What the first bytes of a text say of its encoding; None where there are none.

    UTF-16 without a byte order mark has a NUL beside each of ASCII's characters, such as a line end: after
    it, or before it. No other text has any, but UTF-32.
    """
    for bom, name in _BOMS.items():
        if start.startswith(bom):
            return name
    if b"\0" in start:
        wide = "utf-16-le" if start[1::2].count(0) > start[::2].count(0) else "utf-16-be"
        return _utf_32(start) or wide
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)  # the last character may be cut in two
    except UnicodeDecodeError:
        return None
    return "utf-8" if start else None


class _Numbered:
    """Lines, counted.

    Attributes:
        number: Of the one given last, from 1.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.number += 1
        return line


def cells(path: Path, lines: Iterable[str], column: str | None) -> Iterator[str]:
    """The cells of one column of a CSV, blanks around them dropped.

    What separates them is what makes the header have the column. A first line ``sep=;`` says it, as in Excel.

    Raises:
        UsageError: There is no such column, or several; says which there are.
        CannotRead: It is no CSV.
    """
    lines = _Numbered(lines)
    csv.field_size_limit(_LONGEST_CELL)
    header = _header(path, lines)
    separators = "".join(_SEPARATORS)
    if said := re.fullmatch(r'"?sep=(.)"?', header.rstrip("\r\n"), re.IGNORECASE):
        separators, header = said[1], _header(path, lines)
    by_separator = {each: _names(header, each) for each in separators}
    separator = next((each for each, names in by_separator.items() if column in names), None)
    if column is None or separator is None:
        there = _described(by_separator)
        if column is None:
            wrong = f"say which column of {path} holds the identifiers: --column NAME"
            raise click.UsageError(f"{wrong}. {there}")
        raise click.UsageError(f"{path} has no column of that name ({safe(column)}). {there}")
    names = by_separator[separator]
    if names.count(column) > 1:
        there = _described({separator: names})
        raise click.UsageError(f"{path} has several columns of that name ({safe(column)}). {there}")
    place = names.index(column)
    for row in _records(path, lines, separator):
        if row:
            yield row[place].strip(AROUND) if place < len(row) else ""


def _records(path: Path, lines: _Numbered, separator: str) -> Iterator[list[str]]:
    reader = csv.reader(lines, delimiter=separator, strict=True)
    while True:
        first = lines.number + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise CannotRead(path, f"line {first} is no CSV, or does not end: {error}") from None
        if row is None:
            return
        yield row


def _header(path: Path, lines: _Numbered) -> str:
    """The first record: several lines where a line end stands in a quoted cell."""
    first = lines.number + 1
    header = next(lines, "")
    if why := why_no_identifier(header):
        raise CannotRead(path, f"line {first} {why}")
    while header.count('"') % 2:
        if not (more := next(lines, "")):
            raise CannotRead(path, f"line {first} is no CSV: a quote that opens there does not end")
        header += more
    return header


def _names(header: str, separator: str) -> list[str]:
    try:  # strict: else all that follows an open quote is one name
        [names] = csv.reader(io.StringIO(header, newline=""), delimiter=separator, strict=True)
    except (csv.Error, ValueError):  # none by this separator
        return []
    return [name.strip(AROUND) for name in names]


def _described(by_separator: dict[str, list[str]]) -> str:
    """The columns that there seem to be: by the separator that makes most of them."""
    separator, names = max(by_separator.items(), key=lambda each: len(each[1]))
    shown = [safe(name[:_LONGEST_NAME]) for name in names[:_MOST_NAMES]]
    if not any(shown):
        return "Its header is empty."
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    by = f", separated by {_SEPARATORS.get(separator, separator)}" if len(names) > 1 else ""
    return f"It has the columns {', '.join(map(repr, shown))}{more}{by}."
