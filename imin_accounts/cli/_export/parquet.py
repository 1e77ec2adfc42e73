"""Rows to a Parquet file. pyarrow does the work; the extra ``[parquet]`` installs it."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from importlib import import_module
from itertools import chain, islice
from pathlib import Path
from typing import Any

import click

from imin_accounts.cli._files import replacing
from imin_accounts.cli.rows import COLUMNS, Row

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
    try:
        arrow: Any = import_module("pyarrow")
        parquet: Any = import_module("pyarrow.parquet")
    except ImportError:
        raise click.ClickException(
            "Parquet needs an extra: python -m pip install 'imin-accounts[parquet]'"
        ) from None
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


def _batches(rows: Iterable[Row]) -> Iterator[list[dict[str, Any]]]:
    typed = map(_typed, rows)
    while batch := list(islice(typed, _ROWS_AT_ONCE)):
        yield batch


def _typed(row: Row) -> dict[str, Any]:
    return {**row, **{name: datetime.fromisoformat(str(row[name])) for name in _TIMES if row[name]}}
