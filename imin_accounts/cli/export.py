"""``imin-accounts export``: many customers' accounts into one file; a killed run can go on."""

import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import click

from imin_accounts import Failed, Fetched
from imin_accounts.cli._connection import connection_options, key_file, session
from imin_accounts.cli._export.sinks import SUFFIXES, Sink, open_sink, suffix_in
from imin_accounts.cli._failures import PARTLY_DONE
from imin_accounts.cli._files import CannotWrite, FilePath, check_writable, refuse_same
from imin_accounts.cli._help import examples
from imin_accounts.cli._many.ids import Pending
from imin_accounts.cli._many.options import Selection, ids_argument, pace_options, selection_options
from imin_accounts.cli._many.progress import Tally
from imin_accounts.cli._many.run import Result, run_all
from imin_accounts.cli._output import count_text, json_option, print_json
from imin_accounts.cli.rows import columns_help, failure_in, is_error, rows_of


@click.command(
    epilog=examples(
        "imin-accounts export customers.txt -o accounts.jsonl --rate 50 --failed failed.txt",
        "imin-accounts export customers.txt -o accounts.jsonl --resume",
        "imin-accounts export customers.csv --column id --encoding cp1252 --shard 1/8 -o part-1.sqlite",
    )
    + "\n\n"
    + columns_help()
)
@ids_argument
@click.option(
    "-o",
    "--output",
    required=True,
    type=FilePath(),
    callback=suffix_in(*SUFFIXES),
    metavar="FILE",
    help="Where to: a name that ends with .jsonl, .csv or .sqlite.",
)
@click.option("--resume", is_flag=True, help="Go on with FILE where an earlier run stopped.")
@click.option("--retry-failed", is_flag=True, help="With --resume: ask again for those who failed.")
@selection_options
@pace_options(concurrency=64)
@json_option
@connection_options
@click.pass_context
def export(
    ctx: click.Context,
    ids: Path,
    output: Path,
    resume: bool,
    retry_failed: bool,
    selection: Selection,
    concurrency: int,
    rate: float | None,
    as_json: bool,
) -> None:
    """Write many customers' accounts to a file.

    It has one row for each customer and seller. IDS holds your identifiers, one a line, or in the --column of
    a CSV; - reads standard input. Each is asked for once. A customer who can't be read has a row that
    says why, and exit code 3 says that there are such (1 that nobody could be read): how many of which kind
    is said on standard error, who they are also in "failures" of --json, and in a list of identifiers with
    --failed. FILE is readable by you only: it holds your identifiers.

    Whatever stops a run, no customer stands in FILE in part: repeat the command with --resume, which
    asks for those who are missing. An interrupt (Ctrl-C) finishes what is under way, and exits with 3 where
    some are left.

    In a CSV an apostrophe stands before whatever a spreadsheet would take for a formula: at the start of a
    text, and after each comma, semicolon, bar, tab and line end in it.
    `imin-accounts convert` makes a Parquet file of FILE.
    """
    if retry_failed and not resume:
        raise click.UsageError("--retry-failed needs --resume")
    refuse_same(output, "--output", ids, key_file())
    selection.check(ids, output, key_file())
    check_writable(output, append=True)
    if not resume and os.path.exists(output) and output.stat().st_size:
        raise click.UsageError(f"{output} exists; --resume goes on with it")
    with Tally() as tally, Pending() as pending:
        imin = session(rate_limit=rate, max_connections=concurrency, on_attempt=tally.note)
        selection.add(pending, ids)
        sink = open_sink(output, fresh=not resume)
        try:
            result = _resumed(sink, pending, retry_failed=retry_failed)
            selection.keep_limit(pending)

            def take(outcome: Fetched | Failed) -> None:
                sink.append(rows_of(outcome, datetime.now(UTC)))

            ended = run_all(imin, pending, take, result, concurrency=concurrency, tally=tally)
        except BaseException:
            with suppress(CannotWrite):  # the first error says why
                sink.close()
            raise
        if ended:
            click.echo(f"{output} is whole up to here: repeat the command with --resume to go on.", err=True)
        try:
            sink.close()
        except CannotWrite as error:
            ended = ended or error
    if as_json:
        print_json({"file": str(output), **result.as_json()})
    elif not isinstance(ended, CannotWrite):
        click.echo(f"{output}: {count_text(result.read, 'customer')} read, {result.failed:,} failed.")
    result.failures.tell("could not be read" if not result.left else "were not read")
    code = selection.write_failed(result.failures, result.exit_code, named=as_json)
    if isinstance(ended, CannotWrite) and result.left and (result.read or result.failed):
        ended.show()
        ctx.exit(PARTLY_DONE)
    if ended:
        raise ended
    if result.left:
        are = f"{result.left:,} {'is' if result.left == 1 else 'are'}"
        click.echo(f"{are} left: repeat the command with --resume to go on.", err=True)
    elif result.failed:
        click.echo("To ask again for those who failed: --resume --retry-failed", err=True)
    ctx.exit(code)


def _resumed(sink: Sink, pending: Pending, *, retry_failed: bool) -> Result:
    """Drop whom the file has already; they count as if they had been read now."""
    result = Result()
    for rows in sink.resume(retry_failed=retry_failed):
        if pending.discard(str(rows[0]["customer"])):
            failure = failure_in(rows)
            if failure is not None and is_error(rows):
                result.add_failure(failure)
            else:
                result.add_read(failure)
    return result
