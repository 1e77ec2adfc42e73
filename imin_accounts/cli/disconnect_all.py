"""``imin-accounts disconnect-all``: every account of a customer, with a journal of what was done."""

import asyncio
import os
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import click

from imin_accounts.cli._connection import connection_options, key_file, session
from imin_accounts.cli._disconnecting.dry_run import dry_run as show_connected
from imin_accounts.cli._disconnecting.journal import Journal
from imin_accounts.cli._disconnecting.run import Disconnecting
from imin_accounts.cli._files import CannotWrite, FilePath, check_writable, refuse_same
from imin_accounts.cli._help import examples
from imin_accounts.cli._many.ids import Pending
from imin_accounts.cli._many.options import Selection, ids_path, pace_options, selection_options
from imin_accounts.cli._many.progress import Tally
from imin_accounts.cli._output import count_text, json_option, print_json
from imin_accounts.cli._streams import NOT_WRITTEN


@click.command(
    "disconnect-all",
    epilog=examples(
        "imin-accounts disconnect-all rosie --dry-run",
        "imin-accounts disconnect-all rosie --journal journal.jsonl --yes",
        "imin-accounts disconnect-all rosie --journal journal.jsonl --resume --yes",
        "imin-accounts disconnect-all --ids customers.txt --dry-run --failed failed.txt",
        "imin-accounts disconnect-all --ids customers.txt --journal all.jsonl --yes --failed failed.txt",
    ),
)
@click.argument("customer", required=False)
@click.option("--ids", type=ids_path, metavar="FILE", help="Many customers, one a line; - reads stdin.")
@click.option(
    "--journal",
    "journal_path",
    type=FilePath(),
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
    selection: Selection,
    concurrency: int,
    rate: float | None,
    as_json: bool,
) -> None:
    """Disconnect every account of a customer, or of many.

    Each account is disconnected, then the customer is read again. Exit code 0 says that every customer
    certainly has no connected account; 3, that this can't be said of some: repeat the command with
    --resume, which tries those again; 1, 4 and 5, that it can't be said of anybody, and nothing was changed.
    Of an unknown customer, for whom imin answers 404, it can't be said: imin answers so for a wrong
    identifier or address too. The customers keep their accounts with the sellers, and imin keeps
    the customers: to have imin erase one is an endpoint of its own, which is not offered here.

    How many of which kind are not cleared is said on standard error, with what to do; who they are in
    "failures" of --json, in the journal, and in a list of identifiers with --failed.

    The journal has a line before each attempt and one after each certain outcome. It is readable by you
    only: it holds your identifiers. It is for one run, at one address: whom it says to be cleared is not read
    again, even if they have connected an account since.
    """
    if (customer is None) == (ids is None):
        raise click.UsageError("say either CUSTOMER or --ids FILE")
    if ids is None and selection.selects:
        raise click.UsageError("--column, --encoding, --shard and --limit are for --ids")
    if not dry_run and journal_path is None:
        raise click.UsageError("say where to write down what is done: --journal FILE")
    if not (dry_run or yes or sys.stdin.isatty()):
        raise click.UsageError("nobody is there to be asked: say --yes")
    if journal_path is not None:
        refuse_same(journal_path, "--journal", ids, key_file())
    selection.check(ids, journal_path, key_file())
    if not dry_run:
        check_writable(journal_path, append=True)
    with Tally() as tally, Pending() as pending:
        imin = session(rate_limit=rate, max_connections=concurrency, on_attempt=tally.note)
        if ids is None:
            pending.add([customer or ""])
        else:
            selection.add(pending, ids)
        if journal_path is None or dry_run:
            selection.keep_limit(pending)
            result, ended = show_connected(
                imin, pending, concurrency=concurrency, tally=tally, as_json=as_json
            )
            result.failures.tell("could not be read" if not result.left else "were not read")
            code = selection.write_failed(result.failures, result.exit_code, named=True)
            if ended:
                raise ended
            ctx.exit(code)
        if not resume and os.path.exists(journal_path) and journal_path.stat().st_size:
            raise click.UsageError(f"{journal_path} exists; --resume goes on with it")
        with closing(
            Journal(journal_path, now=lambda: datetime.now(UTC), imin=imin.base_url, fresh=not resume)
        ) as journal:
            work = Disconnecting(imin, journal)
            work.resume(pending)
            if journal.doubtful:
                told = (
                    f"{journal_path} does not say at which address {count_text(journal.doubtful, 'customer')}"
                )
                click.echo(f"{told} came to an end: asking for them again.", err=True)
            selection.keep_limit(pending)
            if not yes:
                question = f"Disconnect every account of {count_text(len(pending), 'customer')}?"
                click.confirm(question, abort=True, err=True)
            asyncio.run(work.run(pending, concurrency=concurrency, tally=tally))
            try:
                journal.close()
            except CannotWrite as error:  # what was done is done
                work.error = work.error or error
    _tell(work, as_json=as_json)
    code = selection.write_failed(work.failures, work.exit_code, named=as_json)
    if work.open or work.left:
        click.echo("Repeat the command with --resume to go on.", err=True)
    if work.error is not None:
        if not work.has_acted:
            raise work.error
        click.echo(f"Error: {work.error}", err=True)
    ctx.exit(code or (NOT_WRITTEN if work.error else 0))


def _tell(work: Disconnecting, *, as_json: bool) -> None:
    disconnected = work.disconnected
    if as_json:
        counts = {"cleared": work.cleared, "open": work.open, "unknown": work.unknown}
        counts |= {"left": work.left, "disconnected": disconnected}
        print_json({**counts, "failures": work.failures.as_json()})
    else:
        click.echo(
            f"{count_text(work.cleared, 'customer')} cleared, "
            f"{count_text(disconnected, 'account')} disconnected, "
            f"{work.open:,} open, {work.unknown:,} unknown"
            f"{f', {work.left:,} left that nobody asked for' if work.left else ''}."
        )
    work.failures.tell("not cleared")
