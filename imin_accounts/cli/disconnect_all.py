"""``imin-accounts disconnect-all``: erasure, with a journal of what was done."""

import asyncio
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import click

from imin_accounts.cli._connection import connection_options, session
from imin_accounts.cli._dry_run import dry_run as show_connected
from imin_accounts.cli._erasure import Erasure
from imin_accounts.cli._help import examples
from imin_accounts.cli._ids import Pending, Shard
from imin_accounts.cli._journal import Journal
from imin_accounts.cli._options import add_selected, ids_path, pace_options, selection_options
from imin_accounts.cli._output import json_option, print_json
from imin_accounts.cli._progress import Tally
from imin_accounts.cli._sections import count_text


@click.command(
    "disconnect-all",
    epilog=examples(
        "imin-accounts disconnect-all 1234 --dry-run",
        "imin-accounts disconnect-all 1234 --journal erasure.jsonl",
        "imin-accounts disconnect-all 1234 --journal erasure.jsonl --resume --yes",
        "imin-accounts disconnect-all --ids customers.txt --journal erasure.jsonl --yes",
    ),
)
@click.argument("customer", required=False)
@click.option("--ids", type=ids_path, metavar="FILE", help="Many customers, one a line; - reads stdin.")
@click.option(
    "--journal",
    "journal_path",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where to write down, as JSON Lines, what is intended and what came of it.",
)
@click.option("--resume", is_flag=True, help="Go on with the journal of an earlier run.")
@click.option("--dry-run", is_flag=True, help="Show what would be disconnected, and change nothing.")
@click.option("--yes", is_flag=True, help="Don't ask first.")
@selection_options
@pace_options(concurrency=16)
@json_option
@connection_options
@click.pass_context
def disconnect_all(
    ctx: click.Context,
    customer: str | None,
    ids: Path | None,
    journal_path: Path | None,
    resume: bool,
    dry_run: bool,
    yes: bool,
    column: str | None,
    shard: Shard | None,
    limit: int | None,
    concurrency: int,
    rate: float | None,
    as_json: bool,
) -> None:
    """Disconnect every account of a customer, or of many.

    This is for erasure on request. Each account is disconnected, then the customer is read again. Exit code 0
    says that every customer certainly has no connected account; 3, that this can't be said of some:
    repeat the command with --resume, which tries those again. Code 1 says that only unknown ones are
    left: imin answers 404 for them. That proves nothing, since it does so for a wrong identifier or
    address too; --resume asks for them again. The customers keep their accounts with the sellers.

    The journal has a line before each attempt and one after each certain outcome. It is readable by you
    only: it holds your identifiers. It is for one erasure: whom it says to be cleared is not read again,
    even if they have connected an account since.
    """
    if (customer is None) == (ids is None):
        raise click.UsageError("say either CUSTOMER or --ids FILE")
    if ids is None and (column or shard or limit):
        raise click.UsageError("--column, --shard and --limit are for --ids")
    if not dry_run and journal_path is None:
        raise click.UsageError("say where to write down what is done: --journal FILE")
    if not (dry_run or yes or sys.stdin.isatty()):
        raise click.UsageError("nobody is there to be asked: say --yes")
    with Tally() as tally, Pending() as pending:
        imin = session(rate_limit=rate, max_connections=concurrency, on_attempt=tally.note)
        if ids is None:
            pending.add([customer or ""])
        else:
            add_selected(pending, ids, column=column, shard=shard)
        if journal_path is None or dry_run:
            if limit is not None:
                pending.keep(limit)
            result = show_connected(imin, pending, concurrency=concurrency, tally=tally, as_json=as_json)
            ctx.exit(result.exit_code)
        if not resume and journal_path.exists() and journal_path.stat().st_size:
            raise click.UsageError(f"{journal_path} exists; --resume goes on with it")
        with closing(Journal(journal_path, now=lambda: datetime.now(UTC))) as journal:
            erasure = Erasure(imin, journal)
            erasure.resume(pending)
            if limit is not None:
                pending.keep(limit)
            if not yes:
                question = f"Disconnect every account of {count_text(len(pending), 'customer')}?"
                click.confirm(question, abort=True, err=True)
            asyncio.run(erasure.run(pending, concurrency=concurrency, tally=tally))
    _tell(erasure, as_json=as_json)
    if erasure.error is not None:
        if not erasure.has_acted:
            raise erasure.error
        click.echo(f"Error: {erasure.error}", err=True)
    ctx.exit(erasure.exit_code)


def _tell(erasure: Erasure, *, as_json: bool) -> None:
    disconnected = erasure.journal.disconnected
    if as_json:
        counts = {"cleared": erasure.cleared, "open": erasure.open, "unknown": erasure.unknown}
        print_json({**counts, "left": erasure.left, "disconnected": disconnected})
    else:
        click.echo(
            f"{count_text(erasure.cleared, 'customer')} cleared, "
            f"{count_text(disconnected, 'account')} disconnected, "
            f"{erasure.open:,} open, {erasure.unknown:,} unknown."
        )
    if erasure.unknown:
        click.echo("Unknown to imin (404): check those identifiers, and the address asked.", err=True)
    if erasure.open or erasure.left:
        click.echo("Repeat the command with --resume to go on.", err=True)
