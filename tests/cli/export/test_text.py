"""Rows as text and back."""

import csv
import io
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imin_accounts.cli._export.sinks import TEXT_FORMATS
from imin_accounts.cli._export.text import Csv, JsonLines, TextFormat
from imin_accounts.cli._files import Lines
from imin_accounts.cli.rows import NAMES, Row
from tests.cli.rows import any_rows, customer_rows

FORMATS = [pytest.param(format(), id=suffix) for suffix, format in TEXT_FORMATS.items()]


SEPARATORS = ",;|\t"


def read(format: TextFormat, text: bytes) -> list[object]:
    """What a format reads in ``text``."""
    return list(format.read(Lines(io.BytesIO(text))))


@pytest.mark.parametrize("format", FORMATS)
@given(rows=any_rows())
def test_any_row_reads_back_as_it_was(format: TextFormat, rows: list[Row]) -> None:
    """Absent and empty, quotes, commas, line ends, formulas: every value."""
    assert read(format, format.header + format.write(rows)) == rows


@pytest.mark.parametrize("format", FORMATS)
@given(rows=any_rows())
def test_a_torn_row_is_left_out(format: TextFormat, rows: list[Row]) -> None:
    """However much of the last row is there, only the rows before it are read."""
    before = format.header + format.write(rows[:-1])
    last = format.write(rows[-1:])
    for size in {0, 1, len(last) // 2, len(last) - 1}:
        assert read(format, before + last[:size]) == rows[:-1]


FORMULAS = [
    *("=HYPERLINK(1)", "+44 1455", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"),
    *("\uff1d1", "\uff0b1", "\uff0d1", "\uff20A", " =1", '"=1', "\ufeff=1", "\u200b=1", "\xa0=1"),
]


BEGINNINGS = set("=+-@\uff1d\uff0b\uff0d\uff20")


def spreadsheet_cells(text: bytes, separator: str) -> Iterator[str]:
    """What a spreadsheet takes for the beginning of each cell: some programs drop what can't be seen."""
    for row in csv.reader(io.StringIO(text.decode(), newline=""), delimiter=separator):
        for cell in row:
            for line in cell.splitlines():  # a program that takes each line for a row
                yield line.strip('" \t\ufeff\u200b\xa0')


@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize("formula", FORMULAS)
def test_a_spreadsheet_finds_no_formula(formula: str, separator: str) -> None:
    """However a name hides one, and whatever separator the CSV is opened with."""
    for name in (formula, *(f"Acme{mark}{formula}" for mark in (*SEPARATORS, "\n", "\r\n", ',"', ';;"'))):
        rows = customer_rows(name=name)
        text = Csv().write(rows)
        assert [cell for cell in spreadsheet_cells(text, separator) if cell[:1] in BEGINNINGS] == []
        assert read(Csv(), Csv.header + text) == rows


@pytest.mark.parametrize("format", FORMATS)
@given(st.text(alphabet=SEPARATORS + "'=+-@\"\r\n \ufeff\uff1da"))
def test_any_name_reads_back_as_it_was(format: TextFormat, name: str) -> None:
    """With apostrophes of its own wherever one could have been put."""
    rows = customer_rows(name=name)
    assert read(format, format.header + format.write(rows)) == rows


def test_a_long_name_costs_no_longer_than_it_is() -> None:
    """A name of a million characters that can't be seen, or of as many line ends, is no trouble."""
    for name in (" " * 10**6, "\n" * 10**6, ";" * 10**6, ';"' * 10**6):
        assert len(Csv().write(customer_rows(name=name))) > 2 * 10**6


def test_a_cell_may_be_longer_than_a_reader_takes_by_itself() -> None:
    """Python's own limit is for the whole process, and some other code may have set it."""
    rows = customer_rows(name="a" * 200_000)
    before = csv.field_size_limit(131_072)
    try:
        assert read(Csv(), Csv.header + Csv().write(rows)) == rows
    finally:
        csv.field_size_limit(before)


@pytest.mark.parametrize("name", ["Acme", "1=1", "a-b", "x@y", "Acme, Ltd", "a; b", "O'Neill"])
def test_other_text_stands_as_it_is(name: str) -> None:
    """Only where a cell may begin matters."""
    [cells, _] = csv.reader(io.StringIO(Csv().write(customer_rows(name=name)).decode(), newline=""))
    assert cells[NAMES.index("seller_name")] == name


JSON = JsonLines().write(customer_rows())


def test_a_torn_header_is_an_empty_export() -> None:
    """An export that was killed at once holds nobody, wherever its header ends."""
    for size in range(len(Csv.header) + 1):
        assert read(Csv(), Csv.header[:size]) == []


@pytest.mark.parametrize(
    ("format", "text"),
    [
        pytest.param(JsonLines(), b"not json\n", id="no json"),
        pytest.param(JsonLines(), b'{"other": 1', id="json without an end"),
        pytest.param(JsonLines(), b"\xef\xbb\xbf" + JSON, id="jsonl with a byte order mark"),
        pytest.param(JsonLines(), JSON + b"\n", id="jsonl with an empty line"),
        pytest.param(JsonLines(), b"[" * 100_000 + b"\n", id="deep jsonl"),
        pytest.param(JsonLines(), b"x" * (16 * 1024 * 1024), id="a line without an end"),
        pytest.param(Csv(), b"\xef\xbb\xbf" + Csv.header, id="csv with a byte order mark"),
        pytest.param(Csv(), Csv.header.replace(b",", b";"), id="csv saved with another separator"),
        pytest.param(Csv(), Csv.header + b"\r\n", id="csv with an empty line"),
        pytest.param(Csv(), b"id,name\r\n1,2\r\n", id="csv with other columns"),
        pytest.param(Csv(), Csv.header + b"1234\r\n", id="csv with too few cells"),
        pytest.param(Csv(), Csv.header + b'a"b,"c"d\r\n', id="csv quoted wrongly"),
        pytest.param(Csv(), Csv.header + b"\xff\r\n", id="csv that is not UTF-8"),
    ],
)
def test_anything_else_is_refused(format: TextFormat, text: bytes) -> None:
    """Whole lines that an export does not write are no torn row."""
    with pytest.raises((ValueError, KeyError)):
        read(format, text)
