"""``imin-accounts convert``: an exported file in another format."""

import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import click

from imin_accounts.cli._export.parquet import write_parquet
from imin_accounts.cli._export.sinks import PARQUET, READABLE, open_sink, read_customers, suffix_in
from imin_accounts.cli._failures import Failures
from imin_accounts.cli._files import SQLITE_LEAVES, FilePath, refuse_same, replacing
from imin_accounts.cli._help import examples
from imin_accounts.cli._output import count_text
from imin_accounts.cli.rows import Row, failure_in


@click.command(
    epilog=examples(
        "imin-accounts convert accounts.jsonl accounts.csv",
        "imin-accounts convert accounts.jsonl accounts.parquet",
    )
)
@click.argument(
    "source",
    type=FilePath(exists=True),
    callback=suffix_in(*READABLE),
    metavar="FROM",
)
@click.argument(
    "target",
    type=FilePath(),
    callback=suffix_in(*READABLE),
    metavar="TO",
)
def convert(source: Path, target: Path) -> None:
    """Write an exported file in another format.

    FROM and TO end with .jsonl, .csv, .sqlite or .parquet. The columns are the same in every format;
    `imin-accounts export --help` lists them. TO must not exist yet. It is readable by you only: it holds
    your identifiers. Customers who could not be read, or not whole, when it was exported are in it too, and
    are counted on standard error. The exit code is of the copy: 0 where it is whole. `imin-accounts audit TO`
    names them, and has exit code 3.
    """
    refuse_same(target, "TO", source)
    # SQLite would take what a killed export left beside a file of that name for a part of the new one.
    for file in (target, *(target.with_name(target.name + end) for end in SQLITE_LEAVES)):
        if os.path.lexists(file):
            raise click.UsageError(f"{file} exists")
    failures = Failures()
    write = write_parquet if target.suffix.lower() == PARQUET else _write
    count = write(target, _noting(read_customers(source), failures))
    click.echo(f"{target}: {count_text(count, 'row')}.")
    failures.tell("in it could not be read")


def _noting(customers: Iterable[list[Row]], failures: Failures) -> Iterator[list[Row]]:
    for rows in customers:
        if (failure := failure_in(rows)) is not None:
            failures.add(failure)
        yield rows


def _write(target: Path, customers: Iterable[list[Row]]) -> int:
    count = 0
    with replacing(target) as new, closing(open_sink(new)) as sink:
        list(sink.resume(retry_failed=False))
        for rows in customers:
            sink.append(rows)
            count += len(rows)
    return count
