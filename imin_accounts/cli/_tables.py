"""Tables in which no identifier, and no other word, is ever split: one copies them from there.

Where a table with whole words is wider than the terminal, each row becomes a few lines, a cell in each.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

import attrs
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from imin_accounts.cli._output import safe


@attrs.frozen
class Column:
    """One column: its heading, and whether its cells are identifiers, which may hold blanks."""

    heading: str
    is_id: bool = attrs.field(default=False, kw_only=True)
    justify: Literal["left", "right"] = attrs.field(default="left", kw_only=True)


def print_table(
    to: Console,
    columns: Sequence[Column],
    rows: Iterable[Sequence[str | Text | None]],
    *,
    title: str | None = None,
    caption: str | None = None,
) -> None:
    """Print a table, as rows side by side where they fit, and else below each other.

    Args:
        rows: Cells as they came; what could steer a terminal is escaped, but for those that are ``Text``.
    """
    cells = [[each if isinstance(each, Text) else Text(safe(each or "")) for each in row] for row in rows]
    widths = _widths(columns, cells, to.width - 3 * len(columns) - 1)  # so much the box and its padding take
    if widths is None:
        _print_stacked(to, columns, cells, title=title, caption=caption)
        return
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        caption=caption,
        caption_justify="left",
        box=SIMPLE_HEAD,
        header_style="dim",
    )
    for column, width in zip(columns, widths, strict=True):
        table.add_column(column.heading, justify=column.justify, no_wrap=column.is_id, width=width)
    for row in cells:
        table.add_row(*row)
    to.print(table)


def _widths(columns: Sequence[Column], cells: list[list[Text]], room: int) -> list[int] | None:
    """The columns' widths; None where there is no room for the longest words."""
    least, most = [], []
    for place, column in enumerate(columns):
        of_column = [Text(column.heading), *(row[place] for row in cells)]
        lines = [line for text in of_column for line in text.split()]
        longest = max(line.cell_len for line in lines)
        most.append(longest)
        words = (Text(word).cell_len for line in lines for word in line.plain.split())
        least.append(longest if column.is_id else max(words, default=0))
    if sum(least) > room:
        return None
    widths, spare = least, room - sum(least)
    while spare > 0 and widths != most:
        for place, wanted in enumerate(most):
            if widths[place] < wanted and spare > 0:
                widths[place] += 1
                spare -= 1
    return widths


def _print_stacked(
    to: Console, columns: Sequence[Column], cells: list[list[Text]], *, title: str | None, caption: str | None
) -> None:
    if title:
        to.print(Text(title, style="bold"), soft_wrap=True)
    for row in cells:
        to.print()
        for column, cell in zip(columns, row, strict=True):
            for line in cell.split():
                if line:
                    to.print(Text.assemble((f"{column.heading}: ", "dim"), line), soft_wrap=True)
    if caption:
        to.print(Text(f"\n{caption}", style="dim"), soft_wrap=True)
