"""Files of rows: what a torn one keeps, what is refused, who may read and write."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import click
import pytest

from imin_accounts.cli._export.sinks import SUFFIXES, TEXT_FORMATS, Sink, is_export, open_sink, read_customers
from imin_accounts.cli._files import CannotRead, CannotWrite
from imin_accounts.cli.rows import Row
from tests.cli.rows import customer_rows, error_rows

NAMES = [f"out{suffix}" for suffix in SUFFIXES]
TEXT = [f"out{suffix}" for suffix in TEXT_FORMATS]


@pytest.fixture(params=NAMES)
def out(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file to export to, in each format."""
    return tmp_path / str(request.param)


def opened(path: Path, *, retry_failed: bool = False) -> tuple[Sink, dict[str, bool]]:
    """A sink that can be appended to, and whom it holds already."""
    sink = open_sink(path)
    return sink, dict(sink.resume(retry_failed=retry_failed))


def write(path: Path, *customers: list[Row]) -> None:
    """Append customers to a file."""
    sink, _ = opened(path)
    with closing(sink):
        for rows in customers:
            sink.append(rows)


def test_what_was_written_is_read(out: Path) -> None:
    """Customer by customer, every row."""
    write(out, customer_rows("1"), error_rows("2"))
    write(out, customer_rows("3"))
    assert list(read_customers(out)) == [customer_rows("1"), error_rows("2"), customer_rows("3")]


def test_going_on_tells_who_is_there_and_who_failed(out: Path) -> None:
    """Each customer once, however many rows."""
    write(out, customer_rows("1"), error_rows("2"))
    sink, there = opened(out)
    sink.close()
    assert there == {"1": False, "2": True}


def test_failed_customers_can_be_dropped(out: Path) -> None:
    """To ask again for those who failed, their rows go; new ones are appended behind the rest."""
    write(out, error_rows("1"), customer_rows("2"), error_rows("3"))
    sink, there = opened(out, retry_failed=True)
    with closing(sink):
        sink.append(customer_rows("3"))
    assert there == {"2": False}
    assert list(read_customers(out)) == [customer_rows("2"), customer_rows("3")]
    assert [file.name for file in out.parent.iterdir()] == [out.name], "nothing is left beside it"


def test_it_is_for_its_owner_only(out: Path) -> None:
    """It holds identifiers: nobody else may read it, even after failed customers were dropped."""
    write(out, error_rows("1"))
    opened(out, retry_failed=True)[0].close()
    assert out.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", TEXT)
def test_a_customer_torn_anywhere_is_cut_off(name: str, tmp_path: Path) -> None:
    """Whatever is there of the last customer's rows, going on keeps those before, and only those."""
    out = tmp_path / name
    write(out, customer_rows("1"))
    kept = out.stat().st_size
    write(out, customer_rows("2"))
    whole = out.read_bytes()
    for size in range(kept, len(whole), 7):
        out.write_bytes(whole[:size])
        sink, there = opened(out)
        with closing(sink):
            sink.append(customer_rows("2"))
        assert there == {"1": False}
        assert out.read_bytes() == whole


@pytest.mark.parametrize("name", TEXT)
def test_a_torn_file_is_not_read_as_if_it_were_whole(name: str, tmp_path: Path) -> None:
    """An audit of it would silently miss somebody."""
    out = tmp_path / name
    write(out, customer_rows("1"), customer_rows("2"))
    os.truncate(out, out.stat().st_size - 1)
    with pytest.raises(CannotRead, match="it is not whole"):
        list(read_customers(out))


@pytest.mark.parametrize("name", TEXT)
def test_a_row_taken_out_is_noticed(name: str, tmp_path: Path) -> None:
    """A file whose customers are not whole was changed by somebody: it is left alone."""
    out = tmp_path / name
    write(out, customer_rows("1"), customer_rows("2"))
    lines = out.read_bytes().splitlines(keepends=True)
    changed = b"".join(lines[:-3] + lines[-2:])
    out.write_bytes(changed)
    with pytest.raises(CannotRead):
        opened(out)
    assert out.read_bytes() == changed


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("out.jsonl", b"customer-1\n", id="identifiers"),
        pytest.param("out.csv", b"id\r\n1\r\n", id="another csv"),
        pytest.param("out.sqlite", b"not a database" * 100, id="no database"),
    ],
)
def test_what_is_no_export_is_left_alone(name: str, content: bytes, tmp_path: Path) -> None:
    """Neither gone on with nor read, and not touched."""
    out = tmp_path / name
    out.write_bytes(content)
    with pytest.raises(click.ClickException):
        opened(out)
    with pytest.raises(CannotRead):
        list(read_customers(out))
    assert out.read_bytes() == content


def test_somebody_elses_database_is_left_alone(tmp_path: Path) -> None:
    """A database with other tables gets no table of ours."""
    out = tmp_path / "out.sqlite"
    with closing(sqlite3.connect(out)) as db:
        db.execute("CREATE TABLE customers (id)")
    before = out.read_bytes()
    with pytest.raises(CannotRead, match="other tables"):
        opened(out)
    assert out.read_bytes() == before


def test_two_processes_do_not_write_to_one_file(out: Path) -> None:
    """The second one is told; else customers would stand there twice."""
    sink, _ = opened(out)
    with closing(sink), pytest.raises(CannotWrite, match=r"another process|locked"):
        opened(out)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    """With the reason."""
    with pytest.raises(CannotWrite, match="No such file or directory"):
        open_sink(tmp_path / "nowhere" / "out.jsonl")


def test_an_export_is_told_from_a_file_of_identifiers(out: Path, tmp_path: Path) -> None:
    """By its name; a CSV by its header."""
    write(out, customer_rows())
    other = tmp_path / "ids.csv"
    other.write_text("id\n1\n")
    assert is_export(out)
    assert not is_export(other)
    assert not is_export(Path("-"))
