"""Where exported rows go, and come from: JSON Lines, CSV and SQLite files behind one small interface."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Protocol

import click

from imin_accounts.cli._export.sqlite import SqliteSink, read_sqlite
from imin_accounts.cli._export.text import Csv, JsonLines, TextFormat
from imin_accounts.cli._files import AppendFile, CannotRead, replacing
from imin_accounts.cli.rows import Row, is_error

TEXT_FORMATS: dict[str, type[JsonLines] | type[Csv]] = {
    ".jsonl": JsonLines,
    ".ndjson": JsonLines,
    ".csv": Csv,
}
SQLITE = (".sqlite", ".sqlite3", ".db")
SUFFIXES = (*TEXT_FORMATS, *SQLITE)


class Sink(Protocol):
    """Takes customers' rows; a killed process leaves no customer in part that ``resume`` would keep."""

    def resume(self, *, retry_failed: bool) -> Iterator[tuple[str, bool]]:
        """Make the file fit to go on with: to be read to its end before the first ``append``.

        Args:
            retry_failed: Whether to drop the rows of customers who could not be read.

        Yields:
            Each customer that stays, and whether that one could not be read.

        Raises:
            CannotRead: The file is no export. It was not touched.
            CannotWrite: It can't be written.
        """
        ...

    def append(self, rows: list[Row]) -> None:
        """Add all the rows of one customer, or none.

        Raises:
            CannotWrite: Such as for want of room. What was there is whole.
        """
        ...

    def close(self) -> None:
        """Have the disk keep it, and let others write to it."""
        ...


def suffix_in(*suffixes: str) -> Callable[[click.Context, click.Parameter, Path], Path]:
    """A callback for a parameter that names a file: its name has to end with one of ``suffixes``."""

    def check(ctx: click.Context, param: click.Parameter, path: Path) -> Path:
        if path.suffix.lower() not in suffixes:
            raise click.BadParameter(f"its name must end with one of {', '.join(suffixes)}", ctx, param)
        return path

    return check


def open_sink(path: Path) -> Sink:
    """The file to export to, in the format of its suffix; made if there is none.

    Raises:
        CannotRead: The file is no export.
        CannotWrite: It can't be opened, or another process is writing to it.
    """
    suffix = path.suffix.lower()
    return SqliteSink(path) if suffix in SQLITE else TextSink(path, TEXT_FORMATS[suffix]())


def is_export(path: Path) -> bool:
    """Whether ``path`` is an exported file rather than one of identifiers, by its name or header."""
    suffix = path.suffix.lower()
    if suffix != ".csv":
        return suffix in SUFFIXES
    with open(path, "rb") as file:
        return file.readline() == Csv.header


def read_customers(path: Path) -> Iterator[list[Row]]:
    """The rows of an exported file, customer by customer.

    Raises:
        CannotRead: It is no export, or ends within a customer.
    """
    suffix = path.suffix.lower()
    if suffix in SQLITE:
        yield from read_sqlite(path)
        return
    format = TEXT_FORMATS[suffix]()
    whole = _WholeCustomers(path, format)
    yield from whole
    if max(whole.end, len(format.header)) < path.stat().st_size:
        raise CannotRead(path, "it is not whole; let the export go on with --resume first")


class TextSink:
    """A file of text lines. A customer's rows are appended in one piece."""

    def __init__(self, path: Path, format: TextFormat) -> None:
        self._path = path
        self._format = format
        self._file = AppendFile(path)

    def resume(self, *, retry_failed: bool) -> Iterator[tuple[str, bool]]:
        """Cut a torn tail off. See ``Sink``."""
        if retry_failed:
            self._drop_failed()
        whole = _WholeCustomers(self._path, self._format)
        for rows in whole:
            yield str(rows[0]["customer"]), is_error(rows)
        self._file.cut(whole.end)
        if whole.end == 0:
            self._file.append(self._format.header)

    def append(self, rows: list[Row]) -> None:
        """Add a customer's rows. See ``Sink``."""
        self._file.append(self._format.write(rows))

    def close(self) -> None:
        """End writing. See ``Sink``."""
        try:
            self._file.sync()
        finally:
            self._file.close()

    def _drop_failed(self) -> None:
        with replacing(self._path) as new, closing(AppendFile(new)) as successor:
            successor.append(self._format.header)
            for rows in _WholeCustomers(self._path, self._format):
                if not is_error(rows):
                    successor.append(self._format.write(rows))
        self._file.close()
        self._file = AppendFile(self._path)


class _WholeCustomers:
    """The customers in a file of text, but for one that is torn at its end; ``end`` is where they end."""

    def __init__(self, path: Path, format: TextFormat) -> None:
        self._path = path
        self._format = format
        self.end = 0

    def __iter__(self) -> Iterator[list[Row]]:
        rows: list[Row] = []
        try:
            with open(self._path, "rb") as file:
                for row, end in self._format.read(file):
                    rows.append(row)
                    if (row["customer"], row["part"]) != (rows[0]["customer"], len(rows)):
                        raise ValueError("a row is missing")
                    if row["part"] == row["parts"]:
                        self.end = end
                        yield rows
                        rows = []
        except (ValueError, KeyError):  # their texts quote what was found
            raise CannotRead(
                self._path, f"what follows byte {self.end} is no row of an export of this version"
            ) from None
