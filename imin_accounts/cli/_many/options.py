"""Options that the bulk commands share."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import attrs
import click

from imin_accounts.cli._failures import Failures
from imin_accounts.cli._files import CannotWrite, FilePath, check_writable, refuse_same
from imin_accounts.cli._many.ids import STDIN, Pending, Shard, read_ids, write_ids
from imin_accounts.cli._many.text import check_encoding, is_odd
from imin_accounts.cli._output import count_text
from imin_accounts.cli._streams import NOT_WRITTEN

Command = TypeVar("Command", bound=Callable[..., Any])
_OTHER_FILES = 32
"""The list, the output, the journal, what SQLite keeps beside them, the event loop's own, the log."""
_NO_LIST = (".csv", ".jsonl", ".ndjson", ".sqlite", ".sqlite3", ".db", ".parquet")


def _shard(ctx: click.Context, param: click.Parameter, value: str | None) -> Shard | None:
    if value is None:
        return None
    found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", value)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise click.BadParameter("expected k/n with k from 1 to n, such as 1/8", ctx, param)
    return Shard(int(found[1]), int(found[2]))


def _no_export(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
    if value is not None and value.suffix.lower() in _NO_LIST:
        wrong = f"a list of identifiers whose name ends with {value.suffix} would be taken for something else"
        raise click.BadParameter(wrong, ctx, param)
    return value


def duration(ctx: click.Context, param: click.Parameter, value: str) -> timedelta:
    """A callback for a number of days, weeks or hours: ``30d``, ``6w``, ``12h``."""
    found = re.fullmatch(r"([0-9]{1,5})([dwh])", value)
    if found is None:
        raise click.BadParameter("expected days, weeks or hours, such as 30d, 6w or 12h", ctx, param)
    return timedelta(**{{"d": "days", "w": "weeks", "h": "hours"}[found[2]]: int(found[1])})


def duration_text(time: timedelta) -> str:
    """A time as ``duration`` takes it."""
    if time.seconds:
        return f"{time // timedelta(hours=1)}h"
    return f"{time.days}d" if time.days % 7 else f"{time.days // 7}w"


@attrs.frozen(kw_only=True)
class Selection:
    """Which of the identifiers, where in the file they are, and where to list those who are not done."""

    column: str | None
    encoding: str
    limit: int | None
    shard: Shard | None
    allow_empty: bool
    failed: Path | None

    @property
    def selects(self) -> bool:
        """Whether anything is said of a file of identifiers."""
        return bool(self.column or self.shard or self.limit or self.encoding != "utf-8")

    @property
    def options(self) -> list[str]:
        """How the identifiers were chosen, as it is typed; how many of them left out."""
        options = ["--column", self.column] if self.column else []
        options += ["--encoding", self.encoding] if self.encoding != "utf-8" else []
        return options + (["--shard", f"{self.shard.number}/{self.shard.of}"] if self.shard else [])

    def check(self, *others: Path | None) -> None:
        """Find out whether the list of failures can be written, before anything is sent.

        Args:
            others: What is read or written as well, and must not be written over.

        Raises:
            UsageError: It is one of ``others``.
            CannotWrite: It can't.
        """
        if self.failed is not None:
            refuse_same(self.failed, "--failed", *others)
            check_writable(self.failed)

    def add(self, pending: Pending, ids: Path) -> None:
        """Add a file's identifiers to ``pending``, and say where they are not one a line.

        Raises:
            UsageError: There is none, and nobody said that this may be.
        """
        name = "standard input" if ids == STDIN else str(ids)
        lines = mine = odd = 0

        def chosen() -> Iterator[str]:
            nonlocal lines, mine, odd
            for customer in read_ids(ids, self.column, self.encoding):
                lines += 1
                odd += is_odd(customer)
                if self.shard is None or customer in self.shard:
                    mine += 1
                    yield customer

        pending.add(chosen())
        if odd:
            look = f"{count_text(odd, 'identifier')} {'looks' if odd == 1 else 'look'} odd"
            why = "an invisible character in it, or quotes, separators or digits as a spreadsheet writes them"
            click.echo(f"{name}: {look} ({why}); sent as they are.", err=True)
        if not lines and not self.allow_empty:
            wrong = f"{name} holds no identifier: nobody would be asked for; --allow-empty lets that pass"
            raise click.UsageError(wrong)
        if self.shard is not None and lines and not mine:
            said = f"{name}: {count_text(lines, 'line')}, none of shard {self.shard.number}/{self.shard.of}"
            click.echo(f"{said}.", err=True)
        elif mine != len(pending):
            click.echo(f"{name}: {count_text(mine, 'line')}, {len(pending):,} distinct.", err=True)

    def keep_limit(self, pending: Pending) -> None:
        """Keep so many of ``pending`` as were asked for."""
        if self.limit is not None:
            pending.keep(self.limit)

    def write_failed(self, failures: Failures, exit_code: int, *, named: bool) -> int:
        """List the customers who are not done, where that was asked for; else say how they can be had.

        Args:
            exit_code: Of what was done.
            named: Whether they are named already.

        Returns:
            The exit code: another one if the list could not be written after all.
        """
        if self.failed is None:
            if failures and not named:
                click.echo("Who they are: --json, or --failed FILE.", err=True)
            return exit_code
        try:
            write_ids(self.failed, failures.customers)
        except CannotWrite as error:
            error.show()
            return exit_code or NOT_WRITTEN
        if failures:
            click.echo(f"{self.failed} lists them: {count_text(len(failures), 'identifier')}.", err=True)
        return exit_code


def selection_options(command: Command) -> Command:
    """Which of the identifiers; the command gets them as ``selection``, a ``Selection``."""

    @wraps(command)
    def with_selection(*args: Any, **options: Any) -> Any:
        chosen = {field.name: options.pop(field.name) for field in attrs.fields(Selection)}
        return command(*args, selection=Selection(**chosen), **options)

    wrapped: Any = with_selection
    for option in (
        click.option(
            "--failed",
            type=FilePath(),
            callback=_no_export,
            metavar="FILE",
            help="Write the identifiers of all who failed, were read in part or were not asked for to FILE, "
            "one a line: a list to feed back. Replaces FILE.",
        ),
        click.option("--allow-empty", is_flag=True, help="A list without identifiers is no error."),
        click.option("--limit", type=click.IntRange(1), metavar="N", help="Only the next N customers."),
        click.option(
            "--shard",
            callback=_shard,
            metavar="K/N",
            help="Only the K-th of N parts of all customers, by a stable hash of the identifier.",
        ),
        click.option(
            "--encoding",
            default="utf-8",
            show_default=True,
            callback=check_encoding,
            metavar="NAME",
            help="Of the list: cp1252 for Excel's CSV, utf-16 for its Unicode text.",
        ),
        click.option(
            "--column",
            metavar="NAME",
            help="The identifiers are in this column of a CSV; commas, semicolons, tabs or bars separate it.",
        ),
    ):
        wrapped = option(wrapped)
    result: Command = wrapped
    return result


def _with_files_for(ctx: click.Context, param: click.Parameter, customers: int) -> int:
    """Each customer may have two connections at once, and each is an open file: found out before a run.

    Without one a request fails as if imin could not be reached.
    """
    try:
        import resource
    except ModuleNotFoundError:  # Windows has no such limit
        return customers
    most, utmost = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2 * customers + _OTHER_FILES
    if most in range(needed):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (needed, utmost))
        except (ValueError, OSError):
            limit = f"{customers:,} at once may need {needed:,} open files, and {utmost:,} are allowed here"
            raise click.BadParameter(f"{limit}: say less, or see `ulimit -n`", ctx, param) from None
    return customers


def pace_options(concurrency: int) -> Callable[[Command], Command]:
    """How much at once; ``concurrency`` is the default."""

    def add(command: Command) -> Command:
        for option in (
            click.option(
                "--rate",
                type=click.FloatRange(0, min_open=True),
                metavar="N",
                help="Requests per second, retries counted.  [default: as fast as imin lets]",
            ),
            click.option(
                "--concurrency",
                type=click.IntRange(1, 10_000),
                default=concurrency,
                show_default=True,
                callback=_with_files_for,
                metavar="N",
                help="Customers at once.",
            ),
        ):
            command = option(command)
        return command

    return add


ids_path = FilePath(exists=True, allow_dash=True)
ids_argument = click.argument("ids", metavar="IDS", type=ids_path)
