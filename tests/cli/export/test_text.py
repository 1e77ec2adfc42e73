"""Rows as text and back."""

import csv
import io

import pytest
from hypothesis import given

from imin_accounts.cli._export.sinks import TEXT_FORMATS
from imin_accounts.cli._export.text import Csv, JsonLines, TextFormat
from imin_accounts.cli.rows import NAMES, Row
from tests.cli.rows import any_rows, customer_rows

FORMATS = [pytest.param(format(), id=suffix) for suffix, format in TEXT_FORMATS.items()]


def read(format: TextFormat, text: bytes) -> list[tuple[Row, int]]:
    """What a format reads in ``text``."""
    return list(format.read(io.BytesIO(text)))


@pytest.mark.parametrize("format", FORMATS)
@given(rows=any_rows())
def test_any_row_reads_back_as_it_was(format: TextFormat, rows: list[Row]) -> None:
    """Absent and empty, quotes, commas, line ends, formulas: every value, and where the row ends."""
    text = format.header + format.write(rows)
    found = read(format, text)
    assert [row for row, _ in found] == rows
    assert found[-1][1] == len(text)


@pytest.mark.parametrize("format", FORMATS)
@given(rows=any_rows())
def test_a_torn_row_is_left_out(format: TextFormat, rows: list[Row]) -> None:
    """However much of the last row is there, only the rows before it are read."""
    before = format.header + format.write(rows[:-1])
    last = format.write(rows[-1:])
    for size in {0, 1, len(last) // 2, len(last) - 1}:
        assert [row for row, _ in read(format, before + last[:size])] == rows[:-1]


@pytest.mark.parametrize(
    "name",
    [
        "=HYPERLINK(1)",
        "+44 1455",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "\uff1d1",
        "\uff0b1",
        "\uff0d1",
        "\uff20A",
    ],
)
def test_a_spreadsheet_finds_no_formula(name: str) -> None:
    """A text that a spreadsheet would run begins with an apostrophe in a CSV."""
    [cells, _] = csv.reader(io.StringIO(Csv().write(customer_rows(name=name)).decode(), newline=""))
    assert cells[NAMES.index("seller_name")] == f"'{name}"


@pytest.mark.parametrize("name", ["Acme", "1=1", "a-b", "x@y"])
def test_other_text_stands_as_it_is(name: str) -> None:
    """Only how a text begins matters."""
    [cells, _] = csv.reader(io.StringIO(Csv().write(customer_rows(name=name)).decode(), newline=""))
    assert cells[NAMES.index("seller_name")] == name


def test_a_torn_header_is_an_empty_export() -> None:
    """An export that was killed at once holds nobody, wherever its header ends."""
    for size in range(len(Csv.header) + 1):
        assert read(Csv(), Csv.header[:size]) == []


@pytest.mark.parametrize(
    ("format", "text"),
    [
        pytest.param(JsonLines(), b"1234\n", id="jsonl of identifiers"),
        pytest.param(JsonLines(), b"not json\n", id="no json"),
        pytest.param(JsonLines(), b'{"customer":"1234"}\n', id="jsonl with other columns"),
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
