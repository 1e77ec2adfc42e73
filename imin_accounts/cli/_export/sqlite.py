"""Rows in an SQLite file: the table ``accounts``, whose key is the customer and the part.

While an export runs, and after it was killed, ``….sqlite-wal`` beside the file belongs to it.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from imin_accounts.cli._files import AppendFile, CannotRead, CannotWrite
from imin_accounts.cli.rows import COLUMNS, NAMES, Column, Row, Value

SQLITE_LEAVES = ("-wal", "-shm", "-journal")
"""The ends of the names of files that belong to a database beside them, and stay where it was killed."""

_TYPES = {"text": "TEXT", "int": "INTEGER", "bool": "INTEGER", "time": "TEXT"}
_TABLE = "CREATE TABLE IF NOT EXISTS accounts ({}, PRIMARY KEY (customer, part)) WITHOUT ROWID".format(
    ", ".join(f"{column.name} {_TYPES[column.kind]}" for column in COLUMNS)
)
_FOREIGN = "it holds other tables or columns than an export of this version"
_INSERT = f"INSERT INTO accounts VALUES ({', '.join('?' * len(COLUMNS))})"


class SqliteSink:
    """A file with one table. A customer's rows are one transaction. See ``Sink``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        AppendFile(path).close()  # so that it is for its owner only
        self._db = sqlite3.connect(path, isolation_level=None, timeout=0)
        try:
            with self._explained():
                self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
                if _tables(self._db) and not _is_ours(self._db):
                    raise CannotRead(path, _FOREIGN)
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute("PRAGMA synchronous = NORMAL")
                self._db.execute(_TABLE)
        except BaseException:
            self._db.close()
            raise

    def resume(self, *, retry_failed: bool) -> Iterator[tuple[str, bool]]:
        """Drop failed customers if asked to. See ``Sink``."""
        with self._explained():
            if retry_failed:
                self._db.execute("DELETE FROM accounts WHERE state = 'error'")
            for customer, state in self._db.execute("SELECT customer, state FROM accounts WHERE part = 1"):
                yield customer, state == "error"

    def append(self, rows: list[Row]) -> None:
        """Add a customer's rows. See ``Sink``."""
        with self._explained():
            self._db.execute("BEGIN")
            self._db.executemany(_INSERT, (tuple(row.values()) for row in rows))
            self._db.execute("COMMIT")

    def close(self) -> None:
        """Fold everything into the one file. See ``Sink``."""
        with closing(self._db), self._explained():
            self._db.execute("PRAGMA journal_mode = DELETE")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if self._db.in_transaction:
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
            raise CannotWrite(self._path, error) from None


def read_sqlite(path: Path) -> Iterator[list[Row]]:
    """The rows of an exported file, customer by customer, in the order of the identifiers.

    Raises:
        CannotRead: It is no export, or being written to.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            if not _is_ours(db):
                raise CannotRead(path, _FOREIGN)
            found = db.execute(f"SELECT {', '.join(NAMES)} FROM accounts ORDER BY customer, part")
            for _, of_one in groupby(found, key=itemgetter(0)):
                yield [
                    {column.name: _value(column, value) for column, value in zip(COLUMNS, row, strict=True)}
                    for row in of_one
                ]
    except sqlite3.Error as error:
        raise CannotRead(path, error) from None


def _tables(db: sqlite3.Connection) -> list[str]:
    return [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]


def _is_ours(db: sqlite3.Connection) -> bool:
    columns = tuple(column[1] for column in db.execute("PRAGMA table_info(accounts)"))
    return _tables(db) == ["accounts"] and columns == NAMES


def _value(column: Column, value: Value) -> Value:
    return bool(value) if column.kind == "bool" and value is not None else value
