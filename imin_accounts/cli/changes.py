"""``imin-accounts changes``: what changed between two exports, or since the last round."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import get_args

import click
from rich.box import SIMPLE_HEAD
from rich.table import Table

from imin_accounts import AuthenticationError, RateLimited, SnapshotsError
from imin_accounts.changes import Change
from imin_accounts.cli._changes.exports import CUSTOMER_KINDS, Compared, compare
from imin_accounts.cli._changes.lines import Line, text, words
from imin_accounts.cli._changes.night import Night, NotWritten
from imin_accounts.cli._connection import connection_options, key_file, session
from imin_accounts.cli._export.sinks import SUFFIXES
from imin_accounts.cli._files import FilePath, check_writable, refuse_same
from imin_accounts.cli._help import examples
from imin_accounts.cli._many.ids import Pending
from imin_accounts.cli._many.options import Selection, ids_path, pace_options, selection_options
from imin_accounts.cli._many.progress import Tally
from imin_accounts.cli._many.run import Result
from imin_accounts.cli._output import console, count_text

_FORMATS = (*SUFFIXES, ".parquet")
_KINDS = (*(kind.__name__ for kind in get_args(Change)), *CUSTOMER_KINDS)


@click.command(
    epilog=examples(
        "imin-accounts changes accounts.jsonl today.jsonl",
        "imin-accounts changes accounts.jsonl today.parquet --json > changes.jsonl",
        "imin-accounts changes customers.txt --snapshots accounts.db",
    )
)
@click.argument("old", metavar="OLD|IDS", type=ids_path)
@click.argument("new", metavar="[NEW]", type=FilePath(), required=False)
@click.option(
    "--snapshots",
    type=FilePath(),
    metavar="FILE",
    help="Read the customers of IDS, and tell what changed since the last time; FILE remembers.",
)
@click.option("--tell-new", is_flag=True, help="With --snapshots: also of customers met for the first time.")
@selection_options
@pace_options(concurrency=64)
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each change, and no table.")
@connection_options
@click.pass_context
def changes(
    ctx: click.Context,
    old: Path,
    new: Path | None,
    snapshots: Path | None,
    tell_new: bool,
    selection: Selection,
    concurrency: int,
    rate: float | None,
    as_json: bool,
) -> None:
    """Tell what changed between two exports or rounds.

    OLD and NEW are files that `export` or `convert` wrote: of any formats and any size, customers in any
    order; but the rows of one customer stand together, as they were written. imin is not asked, and no key
    is needed. A table counts the changes by kind; with --json each is a line, in the order of NEW.

    \b
    An export does not hold, so no change of these is seen:
      which access pass it is, only whether there is one; email addresses and
      other details of the customer; links; the entitlement filter; the
      description of an error; whether an entitlement that asks for proof is
      held as well; what is not documented.

    What could not be read, in OLD or in NEW, is never told as connected or gone: of an account it is "seller
    unreadable", of a customer "customer not read", and exit code 3 says that there are such. Who is in one of
    the two files alone is told as "customer added" or "customer missing".

    IDS with --snapshots is a round for cron. It holds your identifiers, as for `export`. Each customer is
    read, and what changed since the last round is printed, a line of JSON each. Who is met for the first
    time is only remembered, unless --tell-new. FILE is readable by you only: it holds personal data. Lines
    are printed before FILE takes note of them: after a kill, a full disk or a reader that went away the next
    round tells what was not told, and may tell some of it again. One round at a time uses a FILE.
    Exit code 3 says that some were not read, or in part, or were not told: how many of which kind is said on
    standard error, who they are in a list of identifiers with --failed.
    """
    if snapshots is None:
        if tell_new or selection.selects or selection.failed:
            wrong = "--tell-new, --column, --encoding, --shard, --limit and --failed are for --snapshots"
            raise click.UsageError(wrong)
        ctx.exit(_between(old, new, as_json=as_json).exit_code)
    if new is not None:
        raise click.UsageError("say either NEW or --snapshots FILE")
    if str(snapshots) in (":memory:", "-"):
        raise click.BadParameter("a file that is kept until the next round", param_hint="--snapshots")
    refuse_same(snapshots, "--snapshots", old, selection.failed, key_file())
    check_writable(snapshots, append=True)
    selection.check(old, snapshots, key_file())
    ended: AuthenticationError | RateLimited | SnapshotsError | NotWritten | None = None
    with Tally() as tally, Pending() as pending:
        imin = session(rate_limit=rate, max_connections=concurrency, on_attempt=tally.note)
        selection.add(pending, old)
        selection.keep_limit(pending)
        night = Night(imin, snapshots, tells_new=tell_new, tally=tally)
        result = night.result
        try:
            asyncio.run(night.run(pending, concurrency=concurrency))
        except (AuthenticationError, RateLimited, SnapshotsError, NotWritten) as error:
            ended = error
        night.add_left(pending, ended)
    read = count_text(result.read, "customer")
    click.echo(f"{read} read, {night.changed:,} changed, {result.failed:,} failed.", err=True)
    result.failures.tell("could not be read" if not result.left else "were not read")
    code = selection.write_failed(result.failures, result.exit_code, named=not result.left)
    if ended and not isinstance(ended, NotWritten):
        raise ended
    if result.left:
        click.echo("The next round goes on with those who are left.", err=True)
    ctx.exit(code)


def _between(old: Path, new: Path | None, *, as_json: bool) -> Result:
    if new is None:
        raise click.UsageError("say NEW, the later export, or --snapshots FILE")
    if not new.exists():
        raise click.UsageError(f"{new} does not exist")
    for file in (old, new):
        if file.suffix.lower() not in _FORMATS:
            raise click.UsageError(f"{file}: its name must end with one of {', '.join(_FORMATS)}")
    counts = Compared()
    lines = compare(old, new, counts)
    if as_json:
        for line in lines:
            click.echo(text(line))
    else:
        _print_table(lines)
        click.echo(f"{count_text(counts.compared, 'customer')} compared, {counts.changed:,} changed.")
    if counts.not_read and not as_json:  # with which each has a line
        missing = f"{count_text(counts.not_read, 'customer')} could not be read by one of the exports"
        click.echo(f"{missing}: `imin-accounts audit` of either file says why.", err=True)
    if counts.in_part and not as_json:  # with which the exit code alone says so
        parts = f"{count_text(counts.in_part, 'customer')} could be read in part only"
        click.echo(f"{parts}: `imin-accounts audit` of either file names them.", err=True)
    return Result(read=counts.compared, failed=counts.not_read, left=counts.in_part)


def _print_table(lines: Iterable[Line]) -> None:
    """Count the changes of each kind, and the customers whom they are about."""
    found, customers, last = Counter[str](), Counter[str](), dict[str, str]()
    for line in lines:
        kind = line["change"]
        found[kind] += 1
        customers[kind] += last.get(kind) != line["customer"]  # a customer's lines stand together
        last[kind] = line["customer"]
    if found:
        table = Table("Change", box=SIMPLE_HEAD, header_style="bold")
        for heading in ("Changes", "Customers"):
            table.add_column(heading, justify="right")
        for kind in sorted(found, key=_KINDS.index):
            table.add_row(words(kind), f"{found[kind]:,}", f"{customers[kind]:,}")
        console().print(table)
