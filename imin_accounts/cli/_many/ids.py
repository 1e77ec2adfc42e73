"""Whose accounts to read: identifiers from a file, each once, in the order in which they first come."""

import hashlib
import io
import json
import re
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import attrs
import click

from imin_accounts.cli._files import CannotRead, replacing
from imin_accounts.cli._many.text import AROUND, Begun, cells, lines_of, why_no_identifier, why_not_text

STDIN = Path("-")
_AS_JSON = "# imin-accounts: each line below is one identifier, as a JSON text"


@attrs.frozen
class Shard:
    """One of ``of`` parts of all customers, numbered from 1.

    A customer belongs to the part ``1 + h % of``, where h is the number in the first 8 bytes, the most
    significant first, of the SHA-256 of the identifier in UTF-8: the same everywhere, always.
    """

    number: int
    of: int

    def __contains__(self, customer: str) -> bool:
        digest = hashlib.sha256(customer.encode("utf-8")).digest()
        return int.from_bytes(digest[:8], "big") % self.of == self.number - 1


class Pending:
    """Customers that are still to be read: each once, in the order added.

    They wait in a temporary SQLite file, which no other user can read and which goes when it is closed:
    a million take about 7 s and 100 MB of disk, and 16 MB of memory, as any number does.
    """

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute("PRAGMA cache_size = -16000")
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("CREATE TABLE customers (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE)")
        self._db.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    def __len__(self) -> int:
        [(count,)] = self._db.execute("SELECT count(*) FROM customers")
        return int(count)

    def __iter__(self) -> Iterator[str]:
        for (customer,) in self._db.execute("SELECT id FROM customers ORDER BY n"):
            yield customer

    def add(self, customers: Iterable[str]) -> None:
        """Add those that are new.

        Raises:
            ClickException: The temporary file can't grow, or an identifier is no text.
        """
        try:
            self._db.executemany(
                "INSERT OR IGNORE INTO customers (id) VALUES (?)", ((customer,) for customer in customers)
            )
        except sqlite3.OperationalError as error:
            raise click.ClickException(f"can't keep the identifiers in a temporary file: {error}") from None
        except UnicodeEncodeError:  # bytes of an argument that are not UTF-8 come as lone surrogates
            raise click.UsageError("an identifier is not UTF-8") from None

    def add_new(self, customer: str) -> bool:
        """Add one; returns whether it is new.

        Raises:
            ClickException: As for ``add``.
        """
        before = self._db.total_changes
        self.add([customer])
        return self._db.total_changes > before

    def discard(self, customer: str) -> bool:
        """Drop one; returns whether it was there."""
        return self._db.execute("DELETE FROM customers WHERE id = ?", (customer,)).rowcount == 1

    def keep(self, first: int) -> None:
        """Drop all but the ``first`` so many."""
        self._db.execute(
            "DELETE FROM customers WHERE n NOT IN (SELECT n FROM customers ORDER BY n LIMIT ?)", (first,)
        )


def read_ids(path: Path, column: str | None = None, encoding: str = "utf-8") -> Iterator[str]:
    """The identifiers in a file, blanks and tabs around them dropped and empty ones left out.

    Args:
        path: One identifier a line, or what ``write_ids`` wrote; ``-`` for standard input.
        column: The file is a CSV with a header, and they are in the column of that name.
        encoding: Of the text. A byte order mark is passed over.

    Raises:
        UsageError: There is no such column, or none was named for a file that ends with ``.csv``.
        CannotRead: It is no such text, or no CSV, or holds JSON or an export, or can't be read at all.
    """
    is_csv = path.suffix.lower() == ".csv" or column is not None
    with _opened(path) as file:
        begun = Begun(file)
        bytes_ = io.BufferedReader(begun)
        text = io.TextIOWrapper(bytes_, encoding=encoding, newline="" if is_csv else None)
        try:
            lines = lines_of(path, text, begun)
            for found in cells(path, lines, column) if is_csv else _plain(path, lines):
                if found:
                    yield found
        except UnicodeError:  # its text quotes what was found
            raise CannotRead(path, why_not_text(begun.start, encoding)) from None
        except OSError as error:
            raise CannotRead(path, error) from None
        finally:
            text.detach()


def write_ids(path: Path, customers: Iterable[str]) -> None:
    """Write a list that ``read_ids`` reads back exactly: one identifier a line, each as it is.

    Where one could not be told from the file's own lines, such as for a line end or a blank at its end, all
    are written as JSON texts, after a line that says so.

    Raises:
        CannotWrite: Such as for want of room.
    """
    customers = list(customers)
    as_json = any(map(_is_odd, customers))
    with replacing(path) as new, open(new, "w", encoding="utf-8", newline="\n") as file:
        if as_json:
            file.write(f"{_AS_JSON}\n")
        file.writelines(f"{json.dumps(each) if as_json else each}\n" for each in customers)


def _is_odd(customer: str) -> bool:
    return (
        customer != customer.strip(AROUND)
        or re.search(r"[\r\n]|\A[\0-\x08]|[\0-\x08]\Z|\A\ufeff|\A\Z", customer) is not None
        or customer == _AS_JSON
        or why_no_identifier(customer) is not None
    )


def _plain(path: Path, lines: Iterable[str]) -> Iterator[str]:
    as_json = False
    for number, line in enumerate(lines, 1):
        if number == 1 and line.rstrip("\n") == _AS_JSON:
            as_json = True
        elif as_json:
            yield _from_json(path, number, line)
        elif why := why_no_identifier(line):
            raise CannotRead(path, f"line {number} {why}")
        else:
            yield line.strip(AROUND)


def _from_json(path: Path, number: int, line: str) -> str:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, str):
        raise CannotRead(path, f"line {number} is no JSON text")
    return found


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    if path == STDIN:
        yield sys.stdin.buffer
        return
    try:
        file = open(path, "rb")  # noqa: SIM115 - closed below, where an error is somebody else's
    except OSError as error:
        raise CannotRead(path, error) from None
    with file:
        yield file
