"""``imin-accounts audit``: what somebody has to look after, over many customers."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from imin_accounts import Failed, Fetched
from imin_accounts.cli._audit.files import write_report
from imin_accounts.cli._audit.findings import Audit
from imin_accounts.cli._audit.kept import Kept, tell_how_to_go_on
from imin_accounts.cli._audit.tables import print_audit
from imin_accounts.cli._connection import connection_options, given, key_file, session
from imin_accounts.cli._export.sinks import is_export, read_customers
from imin_accounts.cli._files import FilePath, check_writable, refuse_same
from imin_accounts.cli._help import examples
from imin_accounts.cli._many.ids import Pending
from imin_accounts.cli._many.options import (
    Selection,
    duration,
    duration_text,
    ids_argument,
    pace_options,
    selection_options,
)
from imin_accounts.cli._many.progress import Tally
from imin_accounts.cli._many.run import Result, run_all
from imin_accounts.cli._output import console, count_text, json_option, print_json
from imin_accounts.cli.rows import rows_of

_CONCURRENCY = 64


@click.command(
    epilog=examples(
        "imin-accounts audit customers.txt --rate 50 --failed failed.txt",
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
    type=FilePath(),
    metavar="FILE",
    help="Write an HTML page with charts as well, long tables whole in a folder beside it; replaces FILE.",
)
@selection_options
@pace_options(concurrency=_CONCURRENCY)
@json_option
@connection_options
@click.pass_context
def audit(
    ctx: click.Context,
    ids: Path,
    within: timedelta,
    report: Path | None,
    selection: Selection,
    concurrency: int,
    rate: float | None,
    as_json: bool,
) -> None:
    """Find what somebody has to look after, over many customers.

    That is entitlements that end soon, proof outstanding, conflicts, and what could not be read.

    IDS holds your identifiers, one a line, or in the --column of a CSV; - reads standard input. It may
    be a file that `imin-accounts export` or `convert` wrote instead: nothing is asked of imin then, and no
    key is needed.

    For very many customers export first: `export --resume` goes on where it stopped, whatever stopped it, and
    `audit` reads its FILE. An audit that is interrupted shows what it has, keeps what it has read as such a
    FILE, and prints the two commands that go on from there.

    Exit code 3 says that some customers could not be read or were not asked for; they are not in the figures.
    How many of which kind is said on standard error, with what to do; who they are in a table, in the report,
    in "failures" of --json, and in a list of identifiers with --failed.
    """
    if report is not None:
        refuse_same(report, "--report", ids, selection.failed, key_file())
    selection.check(ids, report, key_file())
    check_writable(report)
    found = Audit(now=datetime.now(UTC), within=within)
    ended = None
    if is_export(ids):
        if selection.selects:
            wrong = "--column, --encoding, --shard and --limit are for a file of identifiers"
            raise click.UsageError(wrong)
        for rows in read_customers(ids):
            found.add(rows)
        result = Result(read=found.read, failed=found.failed, failures=found.failures)
        if not (result.read or result.failed or selection.allow_empty):
            raise click.UsageError(f"{ids} holds no customer, so there is nothing to audit: --allow-empty")
    else:
        result = Result()
        with Tally() as tally, Pending() as pending, Kept() as kept:
            imin = session(rate_limit=rate, max_connections=concurrency, on_attempt=tally.note)
            selection.add(pending, ids)
            selection.keep_limit(pending)

            def take(outcome: Fetched | Failed) -> None:
                rows = rows_of(outcome, datetime.now(UTC))
                kept.add(rows)
                found.add(rows)

            ended = run_all(imin, pending, take, result, concurrency=concurrency, tally=tally)
            if result.left:
                were = f"{count_text(result.left, 'customer')} {'was' if result.left == 1 else 'were'}"
                click.echo(f"{'Ended' if ended else 'Interrupted'}: {were} not asked for.", err=True)
            if result.left and (result.read or result.failed):
                pace = ["--rate", f"{rate}".removesuffix(".0")] if rate else []
                pace += ["--concurrency", f"{concurrency}"] if concurrency != _CONCURRENCY else []
                pace += ["--limit", f"{result.left}"] if selection.limit else []
                options = ["--within", duration_text(within)]
                options += ["--report", str(report)] if report else []
                options += ["--failed", str(selection.failed)] if selection.failed else []
                tell_how_to_go_on(kept.keep(), ids, [*selection.options, *given()], options, pace)
        found.failures, found.left = result.failures, result.left
    if report is not None:
        write_report(report, found, sources=(ids, key_file()))
    if as_json:
        print_json(found.as_json())
    else:
        print_audit(console(), found)
    result.failures.tell("could not be read" if not result.left else "were not read")
    code = selection.write_failed(result.failures, result.exit_code, named=as_json)
    if ended:
        raise ended
    ctx.exit(code)
