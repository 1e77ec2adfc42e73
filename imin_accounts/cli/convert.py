"""``imin-accounts convert``: an exported file in another format."""

import os
from contextlib import closing
from pathlib import Path

import click

from imin_accounts.cli._export.parquet import write_parquet
from imin_accounts.cli._export.sinks import SUFFIXES, open_sink, read_customers, suffix_in
from imin_accounts.cli._export.sqlite import SQLITE_LEAVES
from imin_accounts.cli._files import refuse_same, replacing
from imin_accounts.cli._help import examples


@click.command(
    epilog=examples(
        "imin-accounts convert accounts.jsonl accounts.csv",
        "imin-accounts convert accounts.jsonl accounts.parquet",
    )
)
@click.argument(
    "source",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    callback=suffix_in(*SUFFIXES),
    metavar="FROM",
)
@click.argument(
    "target",
    type=click.Path(exists=False, dir_okay=False, path_type=Path),
    callback=suffix_in(*SUFFIXES, ".parquet"),
    metavar="TO",
)
def convert(source: Path, target: Path) -> None:
    """Write an exported file in another format.

    FROM ends with .jsonl, .csv or .sqlite, TO with one of these or .parquet. The columns are the same
    in every format; `imin-accounts export --help` lists them. TO must not exist yet. It is readable by you
    only: it holds your identifiers.
    """
    refuse_same(target, "TO", source)
    # SQLite would take what a killed export left beside a file of that name for a part of the new one.
    for file in (target, *(target.with_name(target.name + end) for end in SQLITE_LEAVES)):
        if os.path.lexists(file):
            raise click.UsageError(f"{file} exists")
    if target.suffix.lower() == ".parquet":
        rows = write_parquet(target, read_customers(source))
    else:
        rows = _copy(source, target)
    click.echo(f"{target}: {rows:,} rows.")


def _copy(source: Path, target: Path) -> int:
    count = 0
    with replacing(target) as new, closing(open_sink(new)) as sink:
        list(sink.resume(retry_failed=False))
        for rows in read_customers(source):
            sink.append(rows)
            count += len(rows)
    return count
