"""``imin-accounts audit``: what somebody has to look after, over many customers."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from imin_accounts import Failed, Fetched
from imin_accounts.cli._audit.files import write_report
from imin_accounts.cli._audit.findings import Audit
from imin_accounts.cli._audit.tables import print_audit
from imin_accounts.cli._connection import connection_options, key_file, session
from imin_accounts.cli._export.sinks import is_export, read_customers
from imin_accounts.cli._files import refuse_same
from imin_accounts.cli._help import examples
from imin_accounts.cli._many.ids import Pending, Shard
from imin_accounts.cli._many.options import (
    add_selected,
    duration,
    ids_argument,
    pace_options,
    selection_options,
)
from imin_accounts.cli._many.progress import Tally
from imin_accounts.cli._many.run import Result, read_all
from imin_accounts.cli._output import console, json_option, print_json
from imin_accounts.cli.rows import rows_of


@click.command(
    epilog=examples(
        "imin-accounts audit customers.txt --rate 50",
        "imin-accounts audit accounts.jsonl --within 6w --report audit.html",
        "imin-accounts audit accounts.jsonl --json > audit.json",
    )
)
@ids_argument
@click.option(
    "--within",
    callback=duration,
    default="30d",
    show_default=True,
    metavar="TIME",
    help="List entitlements that end so soon: days, weeks or hours, such as 30d.",
)
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write an HTML page with charts as well, long tables whole in a folder beside it; replaces FILE.",
)
@selection_options
@pace_options(concurrency=64)
@json_option
@connection_options
@click.pass_context
def audit(
    ctx: click.Context,
    ids: Path,
    within: timedelta,
    report: Path | None,
    column: str | None,
    shard: Shard | None,
    limit: int | None,
    concurrency: int,
    rate: float | None,
    as_json: bool,
) -> None:
    """Find what somebody has to look after, over many customers.

    That is entitlements that end soon, proof outstanding, conflicts, and what could not be read.

    IDS holds your identifiers, one a line, or in the --column of a CSV; - reads standard input. It may
    be a file that `imin-accounts export` wrote instead: nothing is asked of imin then, and no key is
    needed. For very many customers export first: an export can be resumed, an audit can't.

    Exit code 3 says that some customers could not be read; they are not in the figures.
    """
    if report is not None:
        refuse_same(report, "--report", ids, key_file())
    found = Audit(now=datetime.now(UTC), within=within)
    if is_export(ids):
        if column or shard or limit:
            raise click.UsageError("--column, --shard and --limit are for a file of identifiers")
        for rows in read_customers(ids):
            found.add(rows)
        result = Result(read=found.read, failed=found.failed)
    else:
        result = Result()

        def take(outcome: Fetched | Failed) -> None:
            found.add(rows_of(outcome, datetime.now(UTC)))

        with Tally() as tally, Pending() as pending:
            imin = session(rate_limit=rate, max_connections=concurrency, on_attempt=tally.note)
            add_selected(pending, ids, column=column, shard=shard)
            if limit is not None:
                pending.keep(limit)
            asyncio.run(read_all(imin, pending, take, result, concurrency=concurrency, tally=tally))
    if report is not None:
        write_report(report, found, sources=(ids, key_file()))
    if as_json:
        print_json(found.as_json())
    else:
        print_audit(console(), found)
    if result.left:
        click.echo(f"Interrupted: {result.left:,} customers were not asked for.", err=True)
    ctx.exit(result.exit_code)
