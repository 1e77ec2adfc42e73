"""An audit in the terminal: tables of figures, and the most urgent of what was found."""

from itertools import islice

from rich.console import Console
from rich.text import Text

from imin_accounts.cli._audit.findings import EVIDENCE, Audit
from imin_accounts.cli._audit.sections import Section, day_text, sections
from imin_accounts.cli._output import count_text, safe
from imin_accounts.cli._tables import Column, print_table

_MOST_ROWS = 20


def print_audit(to: Console, audit: Audit) -> None:
    """Print it; each table ends after 20 rows and says how many there are."""
    connected = count_text(audit.connections, "account")
    to.print(f"{count_text(audit.read, 'customer')} read, {connected} connected", style="bold")
    if audit.failed:
        errors = ", ".join(f"{safe(error)} {count:,}" for error, count in audit.errors.most_common())
        to.print(f"{count_text(audit.failed, 'customer')} could not be read ({errors})", style="red")
    if audit.left:
        to.print(f"{count_text(audit.left, 'customer')} not asked for", style="red")
    for show in (_sellers, _weeks, _evidence):
        to.print()
        show(to, audit)
    for section in sections(audit):
        to.print()
        _section(to, section)


def _sellers(to: Console, audit: Audit) -> None:
    sellers = audit.sellers
    headings = ("Connected", "Unconnected", "No account", "Unrecognised")
    seller = Column("Seller", is_id=any(not each.name for each in sellers))
    rows = [
        (s.label, *(f"{count:,}" for count in (s.connected, s.unconnected, s.no_account, s.unrecognised)))
        for s in sellers[:_MOST_ROWS]
    ]
    columns = [seller, *(Column(heading, justify="right") for heading in headings)]
    print_table(to, columns, rows, title="Accounts per seller", caption=_caption(len(sellers)))


def _weeks(to: Console, audit: Audit) -> None:
    rows = [(day_text(week), f"{count:,}") for week, count in audit.weeks[:_MOST_ROWS]]
    columns = (Column("Week of"), Column("Entitlements", justify="right"))
    caption = _caption(len(audit.weeks))
    print_table(to, columns, rows, title="Entitlements ending per week", caption=caption)


def _evidence(to: Console, audit: Audit) -> None:
    rows = [(word, f"{audit.evidence[status]:,}") for status, word in EVIDENCE.items()]
    print_table(to, (Column("Status"), Column("Requests", justify="right")), rows, title="Proof asked for")


def _section(to: Console, section: Section) -> None:
    if not section.findings:
        to.print(Text.assemble((section.title, "bold"), ": none"))
        return
    ids = {"Customer"} | ({"Seller"} if any(not each.seller_name for each in section.findings) else set())
    columns = [Column(heading, is_id=heading in ids) for heading in section.headings]
    rows = list(islice(section.rows, _MOST_ROWS))
    print_table(to, columns, rows, title=section.title, caption=_caption(len(section.findings)))


def _caption(count: int) -> str | None:
    return f"the first {_MOST_ROWS} of {count:,}; --json has all" if count > _MOST_ROWS else None
