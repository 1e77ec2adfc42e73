"""Options that the bulk commands share."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import click

from imin_accounts.cli._many.ids import Pending, Shard, read_ids

Command = TypeVar("Command", bound=Callable[..., Any])


def _shard(ctx: click.Context, param: click.Parameter, value: str | None) -> Shard | None:
    if value is None:
        return None
    found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", value)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise click.BadParameter("expected k/n with k from 1 to n, such as 1/8", ctx, param)
    return Shard(int(found[1]), int(found[2]))


def duration(ctx: click.Context, param: click.Parameter, value: str) -> timedelta:
    """A callback for a number of days, weeks or hours: ``30d``, ``6w``, ``12h``."""
    found = re.fullmatch(r"([0-9]{1,5})([dwh])", value)
    if found is None:
        raise click.BadParameter("expected days, weeks or hours, such as 30d, 6w or 12h", ctx, param)
    return timedelta(**{{"d": "days", "w": "weeks", "h": "hours"}[found[2]]: int(found[1])})


def selection_options(command: Command) -> Command:
    """Which of the identifiers, and where in the file they are."""
    for option in (
        click.option("--limit", type=click.IntRange(1), metavar="N", help="Only the next N customers."),
        click.option(
            "--shard",
            callback=_shard,
            metavar="K/N",
            help="Only the K-th of N parts of all customers, by a stable hash of the identifier.",
        ),
        click.option("--column", metavar="NAME", help="The identifiers are in this column of a CSV."),
    ):
        command = option(command)
    return command


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
                metavar="N",
                help="Customers at once.",
            ),
        ):
            command = option(command)
        return command

    return add


ids_path = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
ids_argument = click.argument("ids", metavar="IDS", type=ids_path)


def add_selected(pending: Pending, ids: Path, *, column: str | None, shard: Shard | None) -> None:
    """Add a file's identifiers, or those of one shard, to ``pending``."""
    customers = read_ids(ids, column)
    pending.add(customers if shard is None else (c for c in customers if c in shard))
