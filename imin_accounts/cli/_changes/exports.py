"""Two exports compared, however large and in whatever order.

The older one goes into a temporary file of SQLite's, which no other user can read and which goes at the end:
each customer's rows, compressed, to be found by the identifier. So memory does not grow with the exports.
"""

import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import attrs
import click
import orjson

from imin_accounts.cli._changes.lines import Line, change_line, customer_line
from imin_accounts.cli._changes.replies import changes_of_rows
from imin_accounts.cli._export.parquet import read_parquet
from imin_accounts.cli._export.sinks import read_customers
from imin_accounts.cli.rows import NAMES, Row, is_error

CUSTOMER_KINDS = ("CustomerNotRead", "CustomerAdded", "CustomerMissing")
_FAILURE = ("error_type", "error_status", "error_text")
_KEPT = tuple(name for name in NAMES if name not in ("customer", "fetched_at", "part", "parts"))


@attrs.define
class Compared:
    """How many customers were compared, and why others were not.

    Attributes:
        compared: Those who were read both times.
        changed: Those of them for whom there is any change.
        not_read: Those who could not be read, in one of them at least.
        in_part: Those compared, of whom a part could not be read.
        only_old: Those who are in the old one alone, whether or not they could be read.
        only_new: Likewise in the new one.
    """

    compared: int = 0
    changed: int = 0
    not_read: int = 0
    in_part: int = 0
    only_old: int = 0
    only_new: int = 0


def compare(old: Path, new: Path, counts: Compared) -> Iterator[Line]:
    """A line for each change, in the order of ``new``, then for those customers who are only in ``old``.

    Args:
        counts: Counted up meanwhile.

    Raises:
        CannotRead: One of them is no export, or not whole.
        ClickException: The temporary file can't grow.
    """
    with _Old(old) as known:
        for rows in read_export(new):
            customer = str(rows[0]["customer"])
            kept = _pack(rows)
            earlier = known.take(customer)
            if earlier is None:
                counts.only_new += 1
                counts.not_read += is_error(rows)
                yield customer_line(customer, "CustomerAdded", now=_failure(rows))
                continue
            yield from _lines(customer, earlier, kept, counts)
        for customer, earlier in known.left():
            was = _unpack(earlier)
            counts.only_old += 1
            counts.not_read += is_error(was)
            yield customer_line(customer, "CustomerMissing", was=_failure(was))


def read_export(path: Path) -> Iterator[list[Row]]:
    """The rows of an exported or converted file, customer by customer. Raises as ``read_customers`` does."""
    return read_parquet(path) if path.suffix.lower() == ".parquet" else read_customers(path)


def _lines(customer: str, earlier: bytes, later: bytes, counts: Compared) -> list[Line]:
    was, now = _unpack(earlier), _unpack(later)
    if is_error(was) or is_error(now):
        counts.not_read += 1
        return [customer_line(customer, "CustomerNotRead", was=_failure(was), now=_failure(now))]
    counts.compared += 1
    counts.in_part += any(row["problems"] for row in (*was, *now))
    if earlier == later:
        return []
    found = [change_line(customer, change) for change in changes_of_rows(was, now)]
    counts.changed += bool(found)
    return found


def _failure(rows: list[Row]) -> Row | None:
    return {name: rows[0][name] for name in _FAILURE} if is_error(rows) else None


def _pack(rows: list[Row]) -> bytes:
    return orjson.dumps([[row[name] for name in _KEPT] for row in rows])


def _unpack(packed: bytes) -> list[Row]:
    return [dict(zip(_KEPT, values, strict=True)) for values in orjson.loads(packed)]


class _Old:
    """The customers of an export, to be asked for once each."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = sqlite3.connect("", isolation_level=None)
        for statement in (
            "PRAGMA cache_size = -16000",
            "PRAGMA journal_mode = OFF",
            "CREATE TABLE customers (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, rows BLOB NOT NULL)",
            "BEGIN",
        ):
            self._db.execute(statement)

    def __enter__(self) -> Self:
        customers = (
            (str(rows[0]["customer"]), zlib.compress(_pack(rows), 1)) for rows in read_export(self._path)
        )
        try:
            self._db.executemany("INSERT INTO customers (id, rows) VALUES (?, ?)", customers)
        except sqlite3.OperationalError as error:
            self._db.close()
            raise click.ClickException(f"can't keep {self._path} in a temporary file: {error}") from None
        except BaseException:
            self._db.close()
            raise
        [(count,)] = self._db.execute("SELECT count(*) FROM customers")
        self._taken = bytearray(count // 8 + 1)  # a bit for each
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    def take(self, customer: str) -> bytes | None:
        """A customer's rows; None where there are none."""
        found = self._db.execute("SELECT n, rows FROM customers WHERE id = ?", (customer,)).fetchone()
        if found is None:
            return None
        n, packed = found
        self._taken[n >> 3] |= 1 << (n & 7)
        return zlib.decompress(packed)

    def left(self) -> Iterator[tuple[str, bytes]]:
        """Those who were not taken, in their order."""
        for n, customer, packed in self._db.execute("SELECT n, id, rows FROM customers ORDER BY n"):
            if not self._taken[n >> 3] >> (n & 7) & 1:
                yield customer, zlib.decompress(packed)
