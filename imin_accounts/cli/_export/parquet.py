"""Rows to a Parquet file and back. pyarrow does the work; the extra ``[parquet]`` installs it."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from importlib import import_module
from itertools import chain, islice
from pathlib import Path
from typing import Any

import click

from imin_accounts.cli._export.whole import whole_customers
from imin_accounts.cli._files import CannotRead, replacing
from imin_accounts.cli._install import install_command
from imin_accounts.cli.rows import COLUMNS, Row, time_text

_ROWS_AT_ONCE = 50_000
_TIMES = [column.name for column in COLUMNS if column.kind == "time"]


def write_parquet(path: Path, customers: Iterable[list[Row]]) -> int:
    """Write all rows as one Parquet file, compressed with zstd, a group of 50,000 rows at a time.

    Times are timestamps in UTC, to the microsecond.

    Returns:
        How many rows.

    Raises:
        ClickException: It is not installed.
        CannotWrite: Such as for want of room; there is no file then.
    """
    arrow, parquet = _pyarrow()
    kinds = {
        "text": arrow.string(),
        "int": arrow.int64(),
        "bool": arrow.bool_(),
        "time": arrow.timestamp("us", tz="UTC"),
    }
    schema = arrow.schema([(column.name, kinds[column.kind]) for column in COLUMNS])
    count = 0
    with (
        replacing(path) as new,
        open(new, "wb") as file,  # pyarrow takes no name that is not UTF-8
        parquet.ParquetWriter(file, schema, compression="zstd") as writer,
    ):
        for rows in _batches(chain.from_iterable(customers)):
            count += len(rows)
            writer.write_table(arrow.Table.from_pylist(rows, schema=schema))
    return count


def read_parquet(path: Path) -> Iterator[list[Row]]:
    """The rows of a file that ``write_parquet`` wrote, customer by customer.

    Raises:
        ClickException: It is not installed.
        CannotRead: It is no export.
    """
    arrow, parquet = _pyarrow()
    number = whole = 0

    def rows(table: Any) -> Iterator[Row]:
        nonlocal number
        for batch in table.iter_batches(_ROWS_AT_ONCE // 10):
            for row in batch.to_pylist():
                number += 1
                yield {name: _untyped(value) for name, value in row.items()}

    try:
        with open(path, "rb") as file:
            table = parquet.ParquetFile(file)  # here, since it raises what is also a ValueError
            for of_one in whole_customers(path, rows(table), lambda: f"row {number}"):
                whole += len(of_one)
                yield of_one
    except OSError as error:
        raise CannotRead(path, error if error.strerror else "it is no Parquet file") from None
    except (arrow.ArrowException, OverflowError):  # their texts may quote what was found
        raise CannotRead(path, "it is no Parquet file") from None
    if whole < number:
        raise CannotRead(path, "it is not whole")


def _pyarrow() -> tuple[Any, Any]:
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError:
        raise click.ClickException(f"Parquet needs an extra: {install_command('parquet')}") from None


def _untyped(value: Any) -> Any:
    return time_text(value) if isinstance(value, datetime) else value


def _batches(rows: Iterable[Row]) -> Iterator[list[dict[str, Any]]]:
    typed = map(_typed, rows)
    while batch := list(islice(typed, _ROWS_AT_ONCE)):
        yield batch


def _typed(row: Row) -> dict[str, Any]:
    return {**row, **{name: datetime.fromisoformat(str(row[name])) for name in _TIMES if row[name]}}
