"""Text that people bring, from Excel for instance: its encoding, and a CSV whatever separates its cells.

Excel's "CSV (Comma delimited)" is cp1252, and separated by semicolons where a comma stands in numbers; its
"Unicode Text" is UTF-16 and separated by tabs; its "CSV UTF-8" begins with a byte order mark.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

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
_BOMS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_WORKBOOKS = {b"PK\x03\x04": "xlsx", b"\xd0\xcf\x11\xe0": "xls"}


def check_encoding(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """A callback for the name of an encoding that text can have."""
    try:
        io.TextIOWrapper(io.BytesIO(), encoding=value).close()
    except (LookupError, ValueError):
        raise click.BadParameter("there is no such encoding; try cp1252 or utf-16", ctx, param) from None
    return value


def lines_of(path: Path, text: io.TextIOWrapper) -> Iterator[str]:
    """The lines of ``text``, without a byte order mark.

    Raises:
        CannotRead: It begins as text of another encoding does.
    """
    first = next(text, "")
    for bom, name in _BOMS.items():
        shown = bom.decode(text.encoding, errors="ignore")
        if len(shown) == len(bom) and first.startswith(shown):  # as only an encoding of single bytes shows it
            raise CannotRead(path, f"it is not {text.encoding}; it looks like --encoding {name}")
    start = first.rstrip("\n").removesuffix("\r")
    for place, name in ((1, "utf-16-le"), (0, "utf-16-be")):  # "12\n" is "1\0 2\0 \n\0", or "\0 1 \0 2 \0\n"
        # A high byte of another script than the Latin one is a small number: 4 in Cyrillic.
        high = set(start[place::2])
        if start[-1:] in high and len(start) % 2 == 1 - place and high <= _CONTROLS:
            raise CannotRead(path, f"it is not {text.encoding}; it looks like --encoding {name}")
    return chain([first.removeprefix("\ufeff")], text)


def is_odd(identifier: str) -> bool:
    """Whether it hardly is an identifier as it stands: ``="customer-5"``, or with a space nobody sees."""
    return (
        re.fullmatch(r"""="?.*"?|'.*""", identifier, re.S) is not None
        or not identifier.replace(" ", "").isprintable()  # U+00A0, U+200B, U+FEFF and their like
    )


def why_not_text(path: Path, encoding: str) -> str:
    """What to say of a file that could not be decoded."""
    start = _start(path)
    for magic, suffix in _WORKBOOKS.items():
        if start.startswith(magic):
            return f"it is a workbook (.{suffix}): save it as CSV first"
    if start.startswith(b"PAR1"):
        return "it is a Parquet file, not a list of identifiers"
    plain = re.sub("[-_]", "", encoding.lower())
    name = {"utf8": "UTF-8"}.get(plain, encoding)
    looks_like = _encoding_of(start)
    if looks_like is not None and looks_like.replace("-", "") != plain:
        return f"it is not {name}; it looks like --encoding {looks_like}"
    others = [each for each in ("cp1252", "utf-16") if each.replace("-", "") != plain]
    return f"it is not {name}; say what it is, such as {' or '.join(f'--encoding {each}' for each in others)}"


def _encoding_of(start: bytes) -> str | None:
    """What the first bytes of a text say of its encoding; None where there are none.

    UTF-16 without a byte order mark has a NUL beside each of ASCII's characters, such as a line end: after
    it, or before it. No other text has any.
    """
    for bom, name in _BOMS.items():
        if start.startswith(bom):
            return name
    if b"\0" in start:
        return "utf-16-le" if start[1::2].count(0) > start[::2].count(0) else "utf-16-be"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)  # the last character may be cut in two
    except UnicodeDecodeError:
        return None
    return "utf-8" if start else None


def _start(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(_FIRST_BYTES)
    except OSError:  # standard input, say
        return b""


def cells(path: Path, lines: Iterator[str], column: str | None) -> Iterator[str]:
    """The cells of one column of a CSV, blanks around them dropped.

    What separates them is what makes the header have the column. A first line ``sep=;`` says it, as in Excel.

    Raises:
        UsageError: There is no such column, or several; says which there are.
        csv.Error: It is no CSV.
    """
    csv.field_size_limit(_LONGEST_CELL)
    header = _record(lines)
    separators = "".join(_SEPARATORS)
    if said := re.fullmatch(r'"?sep=(.)"?', header.rstrip("\r\n"), re.IGNORECASE):
        separators, header = said[1], _record(lines)
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
    for row in csv.reader(lines, delimiter=separator, strict=True):
        if row:
            yield row[place].strip(AROUND) if place < len(row) else ""


def _record(lines: Iterator[str]) -> str:
    """The first record: several lines where a line end stands in a quoted cell."""
    record = next(lines, "")
    while record.count('"') % 2 and (more := next(lines, "")):
        record += more
    return record


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
