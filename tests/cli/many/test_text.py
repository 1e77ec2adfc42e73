"""Lists that people bring: their encodings, their CSVs, and lists that the commands wrote themselves."""

import re
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imin_accounts.cli._files import CannotRead
from imin_accounts.cli._many.ids import read_ids, write_ids
from imin_accounts.cli._many.text import is_odd
from tests.cli.commands import run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the list is."""
    return tmp_path / "ids.csv"


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_csv_of_any_kind_is_read(separator: str, encoding: str, file: Path) -> None:
    """What separates it is seen from the header; a byte order mark is no part of the first column."""
    lines = [("Kunden-Nr", "Straße"), ("1", f'"A{separator} B"'), ("Zoë", "C")]
    file.write_bytes("\r\n".join(map(separator.join, lines)).encode(encoding))
    assert list(read_ids(file, "Kunden-Nr", encoding.removesuffix("-sig"))) == ["1", "Zoë"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-8"])
def test_a_byte_order_mark_is_passed_over_whatever_was_said(encoding: str, tmp_path: Path) -> None:
    """One a line as well; it is no part of the first identifier."""
    file = tmp_path / "ids.txt"
    file.write_bytes("\ufeff1\n2\n".encode(encoding))
    assert list(read_ids(file, None, encoding)) == ["1", "2"]


def test_excels_own_line_about_the_separator_is_heeded(file: Path) -> None:
    """Excel writes ``sep=;`` first, or obeys it."""
    file.write_text("sep=;\nid;name,x\n1;A\n")
    assert list(read_ids(file, "id")) == ["1"]


def test_blanks_around_a_name_do_not_count(file: Path) -> None:
    """Nor around a cell; a header of several lines is one header."""
    file.write_text('"first\nname"; id \nA; 1 \n')
    assert list(read_ids(file, "id")) == ["1"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param("Name;Ref\nA;1\n", "'Name', 'Ref', separated by semicolons.", id="semicolons"),
        pytest.param("Name,Ref\nA,1\n", "'Name', 'Ref', separated by commas.", id="commas"),
        pytest.param("Name\tRef\nA\t1\n", "'Name', 'Ref', separated by tabs.", id="tabs"),
        pytest.param("Ref\n1\n", "the columns 'Ref'.", id="one column"),
        pytest.param("", "Its header is empty.", id="empty"),
        pytest.param("\x1b[2J;b\n", r"'\\x1b[2J', 'b'", id="what would steer a terminal"),
        pytest.param(";".join(f"c{n}" for n in range(99)), "and 79 more, separated", id="many"),
    ],
)
@pytest.mark.parametrize("column", ["id", None])
def test_the_columns_that_there_are_are_named(
    column: str | None, content: str, told: str, file: Path
) -> None:
    """Where the column is another, or none was named; with the separator that there seems to be."""
    file.write_text(content)
    with pytest.raises(
        click.UsageError, match="--column NAME" if column is None else "no column of that name"
    ) as e:
        list(read_ids(file, column))
    assert told in e.value.message


@pytest.mark.parametrize(
    ("content", "encoding", "told"),
    [
        pytest.param(
            "Zoë\n".encode("cp1252"), "utf-8", "--encoding cp1252 or --encoding utf-16", id="cp1252"
        ),
        pytest.param("1\n".encode("utf-16"), "utf-8", "looks like --encoding utf-16", id="utf-16"),
        pytest.param(
            "1\n".encode("utf-16-le"), "utf-8", "looks like --encoding utf-16-le", id="without a mark"
        ),
        pytest.param(
            "1\n".encode("utf-16-be"), "utf-8", "looks like --encoding utf-16-be", id="the other way"
        ),
        pytest.param("1\n".encode("utf-16"), "cp1252", "looks like --encoding utf-16", id="cp1252 was said"),
        pytest.param(b"\xef\xbb\xbf1\n", "cp1252", "looks like --encoding utf-8", id="it is UTF-8"),
        pytest.param("Zoë\n".encode(), "utf-16", "it is not utf-16", id="utf-16 was said"),
        pytest.param(b"PK\x03\x04\xff", "utf-8", "a workbook (.xlsx): save it as CSV", id="workbook"),
        pytest.param(
            b"\xd0\xcf\x11\xe0\xa1", "utf-8", "a workbook (.xls): save it as CSV", id="old workbook"
        ),
        pytest.param(b"PAR1\x15\xff", "utf-8", "a Parquet file", id="Parquet"),
        pytest.param(b"PK\x03\x04\n", "latin-1", "a workbook (.xlsx)", id="workbook as Latin-1"),
        pytest.param(b"\xd0\xcf\x11\xe0", "cp1252", "a workbook (.xls)", id="old workbook as cp1252"),
        pytest.param(b"PK\x03\x04\n\0", "utf-16", "a workbook (.xlsx)", id="workbook as UTF-16"),
        pytest.param(b"SQLite format 3\0\1\n", "utf-8", "an SQLite file", id="SQLite"),
    ],
)
def test_what_is_no_such_text_is_told_with_what_it_may_be(
    content: bytes, encoding: str, told: str, tmp_path: Path
) -> None:
    """Nobody has to know an encoding by its bytes."""
    file = tmp_path / "ids.txt"
    file.write_bytes(content)
    with pytest.raises(CannotRead, match=re.escape(told)):
        list(read_ids(file, None, encoding))


@pytest.mark.parametrize("name", ["klingon", "base64", "rot13", "", "a\x00b"])
def test_an_encoding_that_there_is_not_is_wrong_usage(name: str, tmp_path: Path) -> None:
    """Before anything is read."""
    (tmp_path / "ids.txt").touch()
    ran = run("audit", str(tmp_path / "ids.txt"), "--encoding", name)
    assert (ran.code, "there is no such encoding" in ran.err) == (2, True)


ODD = [
    "\x0ba\x0b",
    "\x85a\x85",
    "\xa0a",
    "\u2028a",
    "a b",
    '"a"',
    "#a",
    "-a",
    "a,b;c",
    "=1+1",
    "ä",
    "\x1c",
    "a\x00b",
]


def test_what_is_no_blank_belongs_to_an_identifier(tmp_path: Path) -> None:
    """Only blanks and tabs around it do not, and line ends."""
    file = tmp_path / "ids.txt"
    file.write_text("".join(f" \t{each}\t \r\n" for each in ODD), encoding="utf-8", newline="")
    assert list(read_ids(file)) == ODD


def test_a_list_of_failures_is_one_identifier_a_line(tmp_path: Path) -> None:
    """As it is, for any other tool."""
    write_ids(tmp_path / "failed.txt", ODD)
    assert (tmp_path / "failed.txt").read_bytes().decode() == "".join(f"{each}\n" for each in ODD)


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
        | st.sampled_from([" a ", "a\nb", "\ufeffa", "\r"])
    )
)
def test_a_list_of_failures_reads_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, customers: list[str]
) -> None:
    """Whatever the identifiers are."""
    file = tmp_path_factory.mktemp("list") / "failed.txt"
    write_ids(file, customers)
    assert list(read_ids(file)) == customers


def test_even_its_own_first_line_may_be_an_identifier(tmp_path: Path) -> None:
    """A list in which a line end made JSON necessary begins with a line that says so."""
    file = tmp_path / "failed.txt"
    write_ids(file, ["a\nb"])
    first = file.read_text().splitlines()[0]
    write_ids(file, [first, "c"])
    assert list(read_ids(file)) == [first, "c"]
    file.write_text(f"{first}\nnot JSON\n")
    with pytest.raises(CannotRead, match="line 2 is no JSON text"):
        list(read_ids(file))


@pytest.mark.parametrize("text", ["customer-1\nkäthe\n", "ж\nд\n", "1\n日本\n"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("said", ["utf-8", "utf-16", "latin-1"])
def test_the_advice_for_wide_text_leads_to_its_end(
    tmp_path: Path, text: str, encoding: str, said: str
) -> None:
    """With a byte order mark or without: whatever was said first, what is advised reads it."""
    file = tmp_path / "ids.txt"
    file.write_bytes(text.encode(encoding))
    with pytest.raises(CannotRead) as refused:
        list(read_ids(file, encoding=said))
    assert refused.value.message.endswith(f"looks like --encoding {encoding}.")
    assert list(read_ids(file, encoding=encoding)) == text.split()


def test_no_encoding_is_advised_that_was_just_tried(tmp_path: Path) -> None:
    """Excel's CSV, taken for UTF-16."""
    file = tmp_path / "ids.txt"
    file.write_bytes("käthe\njörg\n".encode("cp1252"))
    with pytest.raises(CannotRead, match=r"such as --encoding cp1252\.$"):
        list(read_ids(file, encoding="utf-16"))


def test_a_quote_that_does_not_end_is_told_by_its_line(file: Path) -> None:
    """That of the quote, wherever the file ends; in the header too."""
    file.write_text('sep=,\nid,"a\nb"\n1,A\n2,"B\n3,C\n4,D\n')
    with pytest.raises(CannotRead, match=r"line 5 is no CSV, or does not end: unexpected end of data\.$"):
        list(read_ids(file, "id"))
    file.write_text('id,"a\n1,A\n')
    with pytest.raises(CannotRead, match="line 1 is no CSV: a quote that opens there does not end"):
        list(read_ids(file, "id"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-32"])
def test_a_byte_order_mark_is_no_identifier(encoding: str, tmp_path: Path) -> None:
    """Neither alone nor in the middle, where files were joined."""
    file = tmp_path / "ids.txt"
    for text, ids in (("\ufeff", []), ("\n\ufeff\r\n", []), ("1\n\ufeff2\n\ufeff", ["1", "2"])):
        file.write_bytes(text.encode(encoding))
        assert list(read_ids(file, None, encoding)) == ids


@pytest.mark.parametrize(
    "odd",
    [
        *("a\u00a0b", "a\u200b", "\ufeffa", '="customer-5"', "'customer-6", '"customer-1"', '"a', 'a"'),
        *("customer-1;", "customer-1,", ";a", "1,23457E+11", "1.23457E+11", "1e+11"),
    ],
)
def test_an_identifier_that_looks_odd(odd: str) -> None:
    """It has a character that nobody sees, or is written as a spreadsheet writes texts and numbers."""
    assert is_odd(odd)


@pytest.mark.parametrize(
    "plain", ["customer-5", "a b", "käthe@example.com", "日本", "o'neill", "a=b", "a,b", "1E5"]
)
def test_an_identifier_that_does_not(plain: str) -> None:
    """Nothing is said of it."""
    assert not is_odd(plain)


def test_a_column_that_is_there_twice_is_refused(file: Path) -> None:
    """Nobody knows which is meant; what there is, is named."""
    file.write_text("id;id;name\n1;2;A\n")
    with pytest.raises(click.UsageError, match="several columns of that name") as caught:
        list(read_ids(file, "id"))
    assert "'id', 'id', 'name'" in caught.value.message


def test_empty_lines_of_a_table_name_nobody(file: Path) -> None:
    """Nor does a row that ends before the column."""
    file.write_text("name;id\nA;1\n\nB\nC;2\n")
    assert [each for each in read_ids(file, "id") if each] == ["1", "2"]
