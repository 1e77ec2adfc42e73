"""Rows in an SQLite file: the table ``accounts``, whose key is the customer and the part.

While an export runs, and after it was killed, ``….sqlite-wal`` beside the file belongs to it.
"""

import sqlite3
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from imin_accounts.cli._export.whole import whole_customers
from imin_accounts.cli._files import SQLITE_LEAVES, AppendFile, CannotRead, CannotWrite, make_private
from imin_accounts.cli.rows import COLUMNS, NAMES, Column, NoRow, Row, is_error

_TYPES = {"text": "TEXT", "int": "INTEGER", "bool": "INTEGER", "time": "TEXT"}
_TABLE = "CREATE TABLE IF NOT EXISTS accounts ({}, PRIMARY KEY (customer, part)) WITHOUT ROWID".format(
    ", ".join(f"{column.name} {_TYPES[column.kind]}" for column in COLUMNS)
)
_FOREIGN = "it holds other tables or columns than an export of this version"
_SELECT = f"SELECT {', '.join(NAMES)} FROM accounts ORDER BY customer, part"
_INSERT = f"INSERT INTO accounts VALUES ({', '.join('?' * len(COLUMNS))})"


class SqliteSink:
    """A file with one table. A customer's rows are one transaction. See ``Sink``.

    Args:
        file: Held open until the end: it keeps other exports away, and the file private.

    Raises:
        CannotRead, CannotWrite: As ``open_sink`` does; ``file`` is closed then.
    """

    def __init__(self, file: AppendFile) -> None:
        self._file = file
        self._path = file.path
        try:
            for end in SQLITE_LEAVES:  # SQLite makes them as private as the database, but takes those there
                make_private(file.real.with_name(file.real.name + end))
            self._db = sqlite3.connect(file.real, isolation_level=None, timeout=0)
        except BaseException:
            file.close()
            raise
        try:
            with self._explained():
                self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
                if _tables(self._db) and not _is_ours(self._db):
                    raise CannotRead(self._path, _FOREIGN)
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute("PRAGMA synchronous = NORMAL")
                self._db.execute(_TABLE)
        except BaseException:
            self._db.close()
            file.close()
            raise

    def resume(self, *, retry_failed: bool) -> Iterator[list[Row]]:
        """Drop failed customers if asked to. See ``Sink``."""
        for rows in _customers(self._path, self._db):
            if not (retry_failed and is_error(rows)):
                yield rows
        if retry_failed:
            with self._explained():
                self._db.execute("DELETE FROM accounts WHERE state = 'error'")

    def append(self, rows: list[Row]) -> None:
        """Add a customer's rows. See ``Sink``."""
        with self._explained():
            self._db.execute("BEGIN")
            self._db.executemany(_INSERT, (tuple(row.values()) for row in rows))
            self._db.execute("COMMIT")

    def close(self) -> None:
        """Fold everything into the one file. See ``Sink``."""
        with closing(self._file):
            with closing(self._db), self._explained():
                self._db.execute("PRAGMA journal_mode = DELETE")
            self._file.sync()

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
            yield from _customers(path, db)
    except sqlite3.Error as error:
        raise CannotRead(path, error) from None


def _customers(path: Path, db: sqlite3.Connection) -> Iterator[list[Row]]:
    number = 0

    def rows() -> Generator[object, None, None]:
        nonlocal number
        with closing(db.execute(_SELECT)) as found:
            while True:
                number += 1
                try:
                    values = found.fetchone()
                except sqlite3.OperationalError as error:  # it quotes what is not UTF-8
                    if "UTF-8" in str(error):
                        raise NoRow("it is not UTF-8") from None
                    raise
                if values is None:
                    return
                yield {
                    column.name: _value(column, value) for column, value in zip(COLUMNS, values, strict=True)
                }

    try:
        with closing(rows()) as found:  # what is left unread would keep the database busy
            place = "row {}, in the order of customer and part,".format
            yield from whole_customers(path, found, lambda: place(number))
    except sqlite3.Error as error:
        raise CannotRead(path, error) from None


def _tables(db: sqlite3.Connection) -> list[str]:
    kinds = "('table', 'view', 'trigger')"  # an index does nothing
    return [name for (name,) in db.execute(f"SELECT name FROM sqlite_master WHERE type IN {kinds}")]


def _is_ours(db: sqlite3.Connection) -> bool:
    columns = tuple(column[1] for column in db.execute("PRAGMA table_info(accounts)"))
    return _tables(db) == ["accounts"] and columns == NAMES


def _value(column: Column, value: object) -> object:
    return bool(value) if column.kind == "bool" and value in (0, 1) else value
