"""``imin-accounts changes``: what changed between two exports."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import click
from rich.box import SIMPLE_HEAD
from rich.table import Table

from imin_accounts.cli._changes.exports import Compared, compare
from imin_accounts.cli._changes.lines import Line, text, words
from imin_accounts.cli._export.sinks import SUFFIXES, suffix_in
from imin_accounts.cli._help import examples
from imin_accounts.cli._many.run import Result
from imin_accounts.cli._output import console, count_text

_FORMATS = (*SUFFIXES, ".parquet")


@click.command(
    epilog=examples(
        "imin-accounts changes yesterday.jsonl today.jsonl",
        "imin-accounts changes yesterday.parquet today.sqlite --json > changes.jsonl",
    )
)
@click.argument(
    "old", type=click.Path(exists=True, dir_okay=False, path_type=Path), callback=suffix_in(*_FORMATS)
)
@click.argument(
    "new", type=click.Path(exists=True, dir_okay=False, path_type=Path), callback=suffix_in(*_FORMATS)
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print a line of JSON for each change, and nothing else."
)
@click.pass_context
def changes(ctx: click.Context, old: Path, new: Path, as_json: bool) -> None:
    """Tell what changed between two exports."""
    counts = Compared()
    lines = compare(old, new, counts)
    if as_json:
        for line in lines:
            click.echo(text(line))
    else:
        _print_table(lines)
        click.echo(f"{count_text(counts.compared, 'customer')} compared, {counts.changed:,} changed.")
    ctx.exit(Result(read=counts.compared, failed=counts.not_read).exit_code)


def _print_table(lines: Iterable[Line]) -> None:
    found, customers, last = Counter[str](), Counter[str](), dict[str, str]()
    for line in lines:
        kind = line["change"]
        found[kind] += 1
        customers[kind] += last.get(kind) != line["customer"]  # a customer's lines stand together
        last[kind] = line["customer"]
    table = Table("Change", box=SIMPLE_HEAD, header_style="bold")
    for heading in ("Changes", "Customers"):
        table.add_column(heading, justify="right")
    for kind in found:
        table.add_row(words(kind), f"{found[kind]:,}", f"{customers[kind]:,}")
    console().print(table)
