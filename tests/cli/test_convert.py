"""``imin-accounts convert``: the same rows in every format."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from imin_accounts.cli._export.sinks import SUFFIXES, open_sink, read_customers
from imin_accounts.cli._export.text import JsonLines
from imin_accounts.cli._install import install_command
from imin_accounts.cli.rows import COLUMNS, NAMES, Row
from tests.cli.commands import run
from tests.cli.processes import end, start
from tests.cli.rows import customer_rows, error_rows

NAMES_OF_EXPORTS = [f"out{suffix}" for suffix in SUFFIXES]
WRITTEN = [customer_rows("1"), error_rows("2"), customer_rows("3", name='=1,"é\n')]
parquet = pytest.mark.skipif(find_spec("pyarrow") is None, reason="pyarrow is not installed: extra [parquet]")


@pytest.fixture(params=NAMES_OF_EXPORTS)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """An export, in each format."""
    path = tmp_path / str(request.param)
    sink = open_sink(path)
    list(sink.resume(retry_failed=False))
    for rows in WRITTEN:
        sink.append(rows)
    sink.close()
    return path


@pytest.mark.parametrize("name", [f"new{suffix}" for suffix in SUFFIXES])
def test_any_format_becomes_any_other(name: str, source: Path, tmp_path: Path) -> None:
    """With the same rows, and nothing left beside it."""
    target = tmp_path / name
    ran = run("convert", str(source), str(target))
    assert (ran.code, ran.out) == (0, f"{target}: 5 rows.\n")
    assert list(read_customers(target)) == WRITTEN
    assert {file.name for file in tmp_path.iterdir()} == {source.name, name}


@parquet
def test_parquet_has_the_same_rows(source: Path, tmp_path: Path) -> None:
    """Each column of its kind; times are times."""
    target = tmp_path / "new.parquet"
    assert run("convert", str(source), str(target)).code == 0
    reader: Any = import_module("pyarrow.parquet")
    table = reader.read_table(target)
    assert tuple(table.column_names) == NAMES
    assert table.to_pylist() == [as_in_parquet(row) for rows in WRITTEN for row in rows]
    assert target.stat().st_mode & 0o777 == 0o600


def as_in_parquet(row: Row) -> dict[str, Any]:
    """A row with its times as such."""
    times = {c.name for c in COLUMNS if c.kind == "time"}
    return {
        name: datetime.fromisoformat(str(value)).astimezone(UTC) if value and name in times else value
        for name, value in row.items()
    }


def test_a_file_that_exists_is_left_alone(source: Path, tmp_path: Path) -> None:
    """Wrong usage."""
    target = tmp_path / "new.csv"
    target.write_text("precious")
    assert run("convert", str(source), str(target)).code == 2
    assert target.read_text() == "precious"


@pytest.mark.parametrize("name", ["new.csv", pytest.param("new.parquet", marks=parquet)])
def test_half_an_export_becomes_nothing(name: str, tmp_path: Path) -> None:
    """Where the source is torn, exit code 1, and no file that looks whole."""
    source = tmp_path / "out.jsonl"
    source.write_bytes(b'{"customer":"1')
    ran = run("convert", str(source), str(tmp_path / name))
    assert ran.code == 1
    assert "let the export go on with --resume first" in ran.err
    assert [file.name for file in tmp_path.iterdir()] == ["out.jsonl"]


def test_without_pyarrow_the_line_that_installs_it_is_told(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 1."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # what Python itself takes for not installed
    ran = run("convert", str(source), str(tmp_path / "new.parquet"))
    assert ran.code == 1
    assert install_command("parquet") in ran.err


@pytest.mark.parametrize("end", ["-wal", "-shm", "-journal"])
def test_what_a_killed_export_left_is_no_part_of_the_new_file(end: str, tmp_path: Path) -> None:
    """SQLite would take it for one, and read other customers, or nothing: so the name is refused."""
    source, target = tmp_path / "out.jsonl", tmp_path / "new.sqlite"
    source.write_bytes(b"")
    left = target.with_name(target.name + end)
    left.write_bytes(b"somebody else's")
    ran = run("convert", str(source), str(target))
    assert (ran.code, f"{left} exists" in ran.err) == (2, True)
    assert sorted(tmp_path.iterdir()) == sorted([source, left])


@pytest.mark.parametrize("name", ["accounts.csv", "accounts.sqlite", "accounts.jsonl"])
def test_who_says_done_has_written_it(name: str, tmp_path: Path) -> None:
    """Of two at once, the one that ends last is told that the other was there, and replaces nothing."""
    slow, quick, target = tmp_path / "slow.jsonl", tmp_path / "quick.jsonl", tmp_path / name
    os.mkfifo(slow)
    quick.write_bytes(JsonLines().write(customer_rows("quick")))
    with open_for_writing(start("", "convert", slow, target), slow) as (first, feed):
        second = end(start("", "convert", quick, target))
        feed.write(JsonLines().write(customer_rows("slow")))
    first_ended = end(first)
    assert (second.code, second.out) == (0, f"{target}: 2 rows.\n")
    assert (first_ended.code, first_ended.out) == (1, "")
    assert "another process wrote it meanwhile" in first_ended.err
    assert list(read_customers(target)) == [customer_rows("quick")]


@contextmanager
def open_for_writing(
    process: "subprocess.Popen[str]", pipe: Path
) -> Iterator[tuple["subprocess.Popen[str]", BinaryIO]]:
    """The other end of a pipe that a process reads: it waits for more until this is closed."""
    with open(pipe, "wb") as feed:  # returns when the process has opened it
        yield process, feed


@pytest.mark.parametrize(
    "name", ["accounts.new.jsonl", "accounts.jsonl.new", "accounts.csv.tmp", "accounts.new.csv"]
)
def test_no_neighbour_is_touched(name: str, tmp_path: Path) -> None:
    """Whatever a neighbour is called, the source included: it was the name of a temporary file once."""
    source = tmp_path / "accounts.new.jsonl"
    source.write_bytes(JsonLines().write(customer_rows()))
    if name != source.name:
        (tmp_path / name).write_text("precious")
    before = (tmp_path / name).read_bytes()
    for target in ("accounts.jsonl", "accounts.csv", "accounts.sqlite"):
        assert run("convert", str(source), str(tmp_path / target)).code == 0
        assert list(read_customers(tmp_path / target)) == [customer_rows()]
    assert (tmp_path / name).read_bytes() == before


@pytest.mark.parametrize("name", ["same.jsonl", "folder/../same.jsonl", "link.jsonl", "hard.jsonl"])
def test_a_file_is_not_converted_into_itself(name: str, tmp_path: Path) -> None:
    """By whatever name: exit code 2, and it stays as it is."""
    source = tmp_path / "same.jsonl"
    source.write_bytes(JsonLines().write(customer_rows()))
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.jsonl").symlink_to("same.jsonl")
    os.link(source, tmp_path / "hard.jsonl")
    ran = run("convert", str(source), f"{tmp_path}/{name}")
    assert (ran.code, "would be written over what is read" in ran.err) == (2, True)
    assert list(read_customers(source)) == [customer_rows()]


def test_a_link_to_nothing_is_something(tmp_path: Path) -> None:
    """TO must not exist: what a link leads to may be meant for something else."""
    source = tmp_path / "out.jsonl"
    source.write_bytes(JsonLines().write(customer_rows()))
    (tmp_path / "new.csv").symlink_to("elsewhere.csv")
    assert run("convert", str(source), str(tmp_path / "new.csv")).code == 2
    assert not (tmp_path / "elsewhere.csv").exists()


@parquet
@pytest.mark.parametrize("name", [f"back{suffix}" for suffix in (*SUFFIXES, ".parquet")])
def test_parquet_becomes_any_other(name: str, source: Path, tmp_path: Path) -> None:
    """There and back nothing is lost."""
    between = tmp_path / "between.parquet"
    assert run("convert", str(source), str(between)).code == 0
    assert run("convert", str(between), str(tmp_path / name)).code == 0
    assert list(read_customers(tmp_path / name)) == WRITTEN


@parquet
def test_parquet_is_audited(source: Path, tmp_path: Path) -> None:
    """Like the export that it was made of."""
    between = tmp_path / "between.parquet"
    run("convert", str(source), str(between))
    ran, expected = (json.loads(run("audit", str(file), "--json").out) for file in (between, source))
    for said in (ran, expected):
        del said["now"], said["until"]
    assert ran == expected


@parquet
@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" * 100, b"customer-1\n"])
def test_what_is_no_parquet_is_told(content: bytes, tmp_path: Path) -> None:
    """In a sentence."""
    (tmp_path / "a.parquet").write_bytes(content)
    for command in (["audit"], ["convert"]):
        target = [str(tmp_path / "b.jsonl")] if command == ["convert"] else []
        ran = run(*command, str(tmp_path / "a.parquet"), *target)
        assert (ran.code, "it is no Parquet file" in ran.err) == (1, True)


@parquet
def test_parquet_of_somebody_else_is_told(tmp_path: Path) -> None:
    """By the row, as in any other format."""
    arrow: Any = import_module("pyarrow")
    writer: Any = import_module("pyarrow.parquet")
    writer.write_table(arrow.table({"customer": ["1"]}), tmp_path / "a.parquet")
    ran = run("audit", str(tmp_path / "a.parquet"))
    assert (ran.code, "row 1 is no row of an export" in ran.err) == (1, True)


@pytest.mark.parametrize("command", ["audit", "convert"])
def test_without_pyarrow_reading_tells_it_too(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same line."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # what Python itself takes for not installed
    (tmp_path / "a.parquet").touch()
    more = [str(tmp_path / "b.csv")] if command == "convert" else []
    ran = run(command, str(tmp_path / "a.parquet"), *more)
    assert (ran.code, install_command("parquet") in ran.err) == (1, True)
