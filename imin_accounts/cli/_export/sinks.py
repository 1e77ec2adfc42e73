"""Where exported rows go, and come from: JSON Lines, CSV and SQLite files behind one small interface."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Protocol

import click

from imin_accounts.cli._export.parquet import read_parquet
from imin_accounts.cli._export.sqlite import SqliteSink, read_sqlite
from imin_accounts.cli._export.text import Csv, JsonLines, TextFormat
from imin_accounts.cli._export.whole import whole_customers
from imin_accounts.cli._files import AppendFile, CannotRead, Lines, replacing
from imin_accounts.cli.rows import Row, is_error

TEXT_FORMATS: dict[str, type[JsonLines] | type[Csv]] = {
    ".jsonl": JsonLines,
    ".ndjson": JsonLines,
    ".csv": Csv,
}
SQLITE = (".sqlite", ".sqlite3", ".db")
PARQUET = ".parquet"
SUFFIXES = (*TEXT_FORMATS, *SQLITE)
"""Of files that an export can go on with."""
READABLE = (*SUFFIXES, PARQUET)


class Sink(Protocol):
    """Takes customers' rows; a killed process leaves no customer in part that ``resume`` would keep."""

    def resume(self, *, retry_failed: bool) -> Iterator[list[Row]]:
        """Make the file fit to go on with: to be read to its end before the first ``append``.

        Args:
            retry_failed: Whether to drop the rows of customers who could not be read.

        Yields:
            The rows of each customer that stays.

        Raises:
            CannotRead: The file is no export, or was changed. Its content was not touched.
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
        """Have the disk keep it, and let others write to it.

        Raises:
            CannotWrite: Such as where another file stands under its name by now.
        """
        ...


def suffix_in(*suffixes: str) -> Callable[[click.Context, click.Parameter, Path], Path]:
    """A callback for a parameter that names a file: its name has to end with one of ``suffixes``."""

    def check(ctx: click.Context, param: click.Parameter, path: Path) -> Path:
        if path.suffix.lower() not in suffixes:
            wrong = f"its name must end with one of {', '.join(suffixes)}"
            if path.suffix.lower() == PARQUET:
                source = path.with_suffix(".jsonl").name
                wrong += (
                    f"; of one of these `imin-accounts convert {source} {path.name}` makes a Parquet file"
                )
            raise click.BadParameter(wrong, ctx, param)
        return path

    return check


def open_sink(path: Path, *, fresh: bool = False) -> Sink:
    """The file to export to, in the format of its suffix; made if there is none.

    Args:
        fresh: Whether it has to be new, or empty.

    Raises:
        CannotRead: The file is no export.
        CannotWrite: It can't be opened, or another process is writing to it.
    """
    suffix = path.suffix.lower()
    file = AppendFile(path, fresh=fresh)
    return SqliteSink(file) if suffix in SQLITE else TextSink(file, TEXT_FORMATS[suffix]())


def is_export(path: Path) -> bool:
    """Whether ``path`` is an exported file rather than one of identifiers, by its name or header."""
    suffix = path.suffix.lower()
    if suffix != ".csv":
        return suffix in READABLE
    try:
        with open(path, "rb") as file:
            return file.readline(len(Csv.header)) == Csv.header
    except OSError as error:
        raise CannotRead(path, error) from None


def read_customers(path: Path) -> Iterator[list[Row]]:
    """The rows of an exported file, customer by customer.

    Raises:
        CannotRead: It is no export, or ends within a customer.
        ClickException: It is a Parquet file, and what reads those is not installed.
    """
    suffix = path.suffix.lower()
    if suffix in SQLITE:
        yield from read_sqlite(path)
        return
    if suffix == PARQUET:
        yield from read_parquet(path)
        return
    format = TEXT_FORMATS[suffix]()
    end = len(format.header)
    try:
        file = open(path, "rb")  # noqa: SIM115 - closed below, where an error is somebody else's
    except OSError as error:
        raise CannotRead(path, error) from None
    with file:
        lines = Lines(file)
        for rows in whole_customers(path, format.read(lines), lambda: f"line {lines.number}"):
            end = lines.end
            yield rows
    if end < lines.size:
        no_end = f"line {lines.number} has no end" if lines.torn else "rows of its last customer are missing"
        raise CannotRead(path, f"it is not whole ({no_end}); let the export go on with --resume first")


class TextSink:
    """A file of text lines. A customer's rows are appended in one piece."""

    def __init__(self, file: AppendFile, format: TextFormat) -> None:
        self._file = file
        self._format = format

    def resume(self, *, retry_failed: bool) -> Iterator[list[Row]]:
        """Cut a torn tail off. See ``Sink``."""
        if retry_failed:
            self._drop_failed()
        end = 0
        for rows, where in self._customers():
            end = where
            yield rows
        self._file.cut(end)
        if end == 0:
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

    def _customers(self) -> Iterator[tuple[list[Row], int]]:
        """Each one who is whole, and where in the file their rows end."""
        with self._file.reading() as file:
            lines = Lines(file)
            rows = self._format.read(lines)
            for of_one in whole_customers(self._file.path, rows, lambda: f"line {lines.number}"):
                yield of_one, lines.end

    def _drop_failed(self) -> None:
        with replacing(self._file.path) as new:
            with closing(AppendFile(new)) as successor:
                successor.append(self._format.header)
                for rows, _ in self._customers():
                    if not is_error(rows):
                        successor.append(self._format.write(rows))
            self._file.close_to_be_replaced()
        self._file.close()
        self._file = AppendFile(self._file.path)
