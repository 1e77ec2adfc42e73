"""An audit in the terminal: tables of figures, and the most urgent of what was found."""

from itertools import islice

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from imin_accounts.cli._audit.findings import EVIDENCE, Audit
from imin_accounts.cli._audit.sections import Section, day_text, sections
from imin_accounts.cli._output import count_text, safe

_MOST_ROWS = 20


def print_audit(to: Console, audit: Audit) -> None:
    """Print it; each table ends after 20 rows and says how many there are."""
    to.print(
        f"{count_text(audit.read, 'customer')} read, {audit.connections:,} accounts connected", style="bold"
    )
    if audit.failed:
        errors = ", ".join(f"{safe(error)} {count:,}" for error, count in audit.errors.most_common())
        to.print(f"{count_text(audit.failed, 'customer')} could not be read ({errors})", style="red")
    for table in (_sellers(audit), _weeks(audit), _evidence(audit), *map(_section, sections(audit))):
        to.print()
        to.print(table)


def _sellers(audit: Audit) -> Table:
    table = _table("Accounts per seller", "Seller")
    for heading in ("Connected", "Unconnected", "No account", "Unrecognised"):
        table.add_column(heading, justify="right")
    for s in audit.sellers[:_MOST_ROWS]:
        counts = (s.connected, s.unconnected, s.no_account, s.unrecognised)
        table.add_row(Text(safe(s.label)), *(f"{count:,}" for count in counts))
    return _capped(table, len(audit.sellers))


def _weeks(audit: Audit) -> Table:
    table = _table("Entitlements ending per week", "Week of")
    table.add_column("Entitlements", justify="right")
    for week, count in audit.weeks[:_MOST_ROWS]:
        table.add_row(day_text(week), f"{count:,}")
    return _capped(table, len(audit.weeks))


def _evidence(audit: Audit) -> Table:
    table = _table("Proof asked for", "Status")
    table.add_column("Requests", justify="right")
    for status, word in EVIDENCE.items():
        table.add_row(word, f"{audit.evidence[status]:,}")
    return table


def _section(section: Section) -> Table | Text:
    if not section.findings:
        return Text.assemble((section.title, "bold"), ": none")
    table = _table(section.title, *section.headings)
    for cells in islice(section.rows, _MOST_ROWS):
        table.add_row(*(Text(safe(cell), overflow="fold") for cell in cells))
    return _capped(table, len(section.findings))


def _table(title: str, *headings: str) -> Table:
    return Table(
        *headings, title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, header_style="dim"
    )


def _capped(table: Table, count: int) -> Table:
    if count > _MOST_ROWS:
        table.caption = f"the first {_MOST_ROWS} of {count:,}; --json has all"
        table.caption_justify = "left"
    return table
