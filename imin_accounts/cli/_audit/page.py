"""An audit as one HTML page that needs nothing else: no script, no font, no picture from anywhere."""

from collections.abc import Iterable, Sequence
from itertools import islice
from math import ceil
from typing import TypeAlias

import attrs
from jinja2 import Environment, PackageLoader, StrictUndefined

from imin_accounts.cli._audit.findings import EVIDENCE, Audit
from imin_accounts.cli._audit.sections import day_text, sections
from imin_accounts.cli._output import count_text

Cells: TypeAlias = Sequence[str | int]

MOST_ROWS = 500
_MOST_BARS = 12
_MOST_LABELS = 13


@attrs.frozen
class Bar:
    """One bar of a chart; a weak one is drawn muted."""

    label: str
    value: int
    weak: bool = False


@attrs.frozen(kw_only=True)
class Chart:
    """A chart, and the same as a table.

    Attributes:
        upright: Whether the bars stand side by side; else they lie below each other.
    """

    title: str
    note: str
    bars: list[Bar]
    upright: bool = False
    headings: Cells
    table: list[Cells]

    @property
    def longest(self) -> int:
        """The value of the longest bar, at least 1."""
        return max([1, *(bar.value for bar in self.bars)])

    @property
    def label_step(self) -> int:
        """2 where every second bar has a label, and so on: side by side there is room for 13."""
        return ceil(len(self.bars) / _MOST_LABELS)


def report(audit: Audit) -> str:
    """The page."""
    templates = Environment(
        loader=PackageLoader("imin_accounts.cli._audit"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(day=day_text, count=count_text, first_of=_first_of)
    return templates.get_template("report.html").render(
        audit=audit,
        tiles=_tiles(audit),
        charts=[_expiries(audit), _evidence(audit), _connections(audit)],
        sections=sections(audit),
        most_rows=MOST_ROWS,
    )


def _first_of(rows: Iterable[Cells], count: int) -> Iterable[Cells]:
    return islice(rows, count)


def _tiles(audit: Audit) -> list[tuple[int, str, bool]]:
    """Each figure, what it counts, and whether it calls for somebody."""
    return [
        (audit.read, "customers read", False),
        (audit.connections, "accounts connected", False),
        (len(audit.expiring), f"entitlements end by {day_text(audit.until)}", True),
        (len(audit.outstanding), "proofs outstanding", True),
        (len(audit.update_errors), "entitlements not applied", True),
        (len(audit.unrecognised), "items not recognised", True),
    ]


def _expiries(audit: Audit) -> Chart:
    last = audit.until.date()
    note = "By the Monday of the week."
    if audit.weeks[-1][0] > last:
        note += f" Muted: weeks after {day_text(last)}."
    if audit.ended:
        note += f" {count_text(audit.ended, 'entitlement')} that sellers list ended earlier."
    return Chart(
        title="Entitlements ending per week",
        note=note,
        bars=[Bar(day_text(week)[:-5], ending, weak=week > last) for week, ending in audit.weeks],
        upright=True,
        headings=("Week of", "Entitlements"),
        table=[(day_text(week), ending) for week, ending in audit.weeks],
    )


def _evidence(audit: Audit) -> Chart:
    counts = [(word, audit.evidence[status]) for status, word in EVIDENCE.items()]
    return Chart(
        title="Proof asked for, by status",
        note="All but the completed are outstanding.",
        bars=[Bar(word, count, weak=word == "Completed") for word, count in counts],
        headings=("Status", "Requests"),
        table=list(counts),
    )


def _connections(audit: Audit) -> Chart:
    sellers = audit.sellers
    rest = sellers[_MOST_BARS:]
    more = count_text(sum(seller.connected for seller in rest), "connected account")
    return Chart(
        title="Connected accounts per seller",
        note=f"And {count_text(len(rest), 'seller')} more, with {more}." if rest else "",
        bars=[Bar(seller.label, seller.connected) for seller in sellers[:_MOST_BARS]],
        headings=("Seller", "Connected", "Unconnected", "No account", "Not recognised"),
        table=[(s.label, s.connected, s.unconnected, s.no_account, s.unrecognised) for s in sellers],
    )
