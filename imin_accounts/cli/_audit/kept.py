"""What an audit has read so far, so that no interrupt loses it: it becomes an export to go on with."""

import shlex
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import IO, Self

import click

from imin_accounts.cli._export.text import JsonLines
from imin_accounts.cli._files import CannotWrite, replacing
from imin_accounts.cli._many.ids import STDIN
from imin_accounts.cli.rows import Row


class Kept:
    """Rows in a temporary file without a name, which goes with the process unless it is kept."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._format = JsonLines()

    def __enter__(self) -> Self:
        try:
            self._file = tempfile.TemporaryFile(prefix="imin-audit-")
        except OSError:  # nowhere to keep anything, which is no reason not to audit
            self._file = None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def add(self, rows: list[Row]) -> None:
        """Keep a customer's rows. Where there is no room, nothing is kept any more."""
        if self._file is not None:
            try:
                self._file.write(self._format.write(rows))
                self._file.flush()
            except OSError:
                self._close()

    def keep(self) -> Path | None:
        """Make an export of them, readable by its owner only; returns its name, or None if that can't be."""
        if self._file is None:
            return None
        path = Path(tempfile.gettempdir()) / f"imin-audit-{token_hex(8)}.jsonl"
        try:
            self._file.seek(0)
            with replacing(path) as new, open(new, "wb") as export:
                shutil.copyfileobj(self._file, export)
        except (OSError, CannotWrite):
            return None
        return path

    def _close(self) -> None:
        if self._file is not None:
            with suppress(OSError):  # what there was no room for is tried again here
                self._file.close()
            self._file = None


def tell_how_to_go_on(
    kept: Path | None, ids: Path, selected: list[str], audited: list[str], pace: Sequence[str] = ()
) -> None:
    """Say on standard error where what was read is, and the commands that go on from there.

    Args:
        kept: An export of it; None where there is none.
        selected: The options that choose the identifiers, and those that say how to reach imin.
        audited: The audit's own options.
        pace: How many more customers, and how fast.
    """
    where = f"What was read is in {kept}, an export." if kept else "What was read could not be kept."
    out = str(kept or "accounts.jsonl")
    how = "To go on, with the same identifiers on standard input again:" if ids == STDIN else "To go on:"
    click.echo(f"{where} {how}", err=True)
    export = ["export", str(ids), *selected, "-o", out, "--resume", *pace]
    for command in (export, ["audit", out, *audited]):
        click.echo(f"  {shlex.join(['imin-accounts', *command])}", err=True)
