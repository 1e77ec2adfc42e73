"""An audit as one HTML page that needs nothing else: no script, no font, no picture from anywhere.

A table of more than 50 rows is folded after them. Where the whole stands in a file, the page links there.
"""

import re
from collections.abc import Mapping, Sequence
from math import ceil
from types import MappingProxyType
from typing import Any, TypeAlias

import attrs
from jinja2 import Environment, PackageLoader, StrictUndefined

from imin_accounts.cli._audit.findings import EVIDENCE, Audit, by_urgency
from imin_accounts.cli._audit.sections import Section, day_text, sections
from imin_accounts.cli._output import count_text

Cells: TypeAlias = Sequence[str | int]

FIRST_ROWS = 50
"""How many are seen; further ones are folded."""
MOST_ROWS = 500
"""How many are on the page: with a million it would not open."""
_MOST_BARS = 12
_MOST_LABELS = 13

# Where a line may end within a long address or identifier: never within a word of it.
_WORDS = re.compile(r"(\s+)")
_LONG = 24
_SEAMS = re.compile(r"(?<=[/?&=#@_:;,.])(?=[^/?&=#@_:;,.])")


@attrs.frozen(kw_only=True)
class Tile:
    """A figure at the top.

    Attributes:
        name: What JSON calls it.
        about: What it counts, in words.
        calls: Whether it calls for somebody, if it is not 0.
        leads_to: The section with what was counted.
    """

    figure: int
    name: str
    about: str
    calls: bool = False
    leads_to: str = ""


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
        name: What JSON calls it.
        upright: Whether the bars stand side by side; else they lie below each other.
    """

    name: str
    title: str
    note: str
    bars: list[Bar]
    upright: bool = False
    headings: Cells
    rows: list[Cells]

    @property
    def longest(self) -> int:
        """The value of the longest bar, at least 1."""
        return max([1, *(bar.value for bar in self.bars)])

    @property
    def tallest(self) -> int:
        """Which bar that is, from 0."""
        return max(range(len(self.bars)), key=lambda n: self.bars[n].value, default=0)

    @property
    def label_step(self) -> int:
        """2 where every second bar has a label, and so on: side by side there is room for 13."""
        return ceil(len(self.bars) / _MOST_LABELS)


def report(audit: Audit, files: Mapping[str, str] = MappingProxyType({})) -> str:
    """The page.

    Args:
        files: Where the whole of a long table is, as a relative URL, by the table's name.
    """
    templates = Environment(
        loader=PackageLoader("imin_accounts.cli._audit"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(day=day_text, count=count_text, seams=_seams)
    return templates.get_template("report.html").render(
        audit=audit,
        tiles=_tiles(audit),
        charts=_charts(audit),
        sections=sections(audit),
        anchor=anchor,
        files=files,
        first_rows=FIRST_ROWS,
        most_rows=MOST_ROWS,
    )


def long_tables(audit: Audit) -> dict[str, list[dict[str, Any]]]:
    """The rows of every table that is folded, by its name; columns are named as in JSON."""
    tables: dict[str, list[dict[str, Any]]] = {
        anchor(section): [each.as_json() for each in by_urgency(section.findings)]
        for section in sections(audit)
    }
    tables["sellers"] = [attrs.asdict(seller) for seller in audit.sellers]
    tables["expiries_per_week"] = [
        {"week": week.isoformat(), "entitlements": count} for week, count in audit.weeks
    ]
    return {name: rows for name, rows in tables.items() if len(rows) > FIRST_ROWS}


def anchor(section: Section) -> str:
    """What links within the page, and the file of a section, call it."""
    return section.name or re.sub(r"[^a-z]+", "_", section.title.lower()).strip("_")


def _seams(text: str | int) -> list[str]:
    """``text`` in pieces between which a line may end, beside its spaces: the joints of what is long."""
    pieces = [""]
    for word in _WORDS.split(str(text)):
        first, *others = _SEAMS.split(word) if len(word) > _LONG else [word]
        pieces[-1] += first
        pieces += others
    return pieces


def _tiles(audit: Audit) -> list[Tile]:
    by_name = {anchor(section) for section in sections(audit)}
    return [
        Tile(figure=audit.read, name="read", about="customers"),
        Tile(
            figure=audit.failed,
            name="failed",
            about="customers who could not be read",
            calls=True,
            leads_to="failures" if "failures" in by_name else "",
        ),
        Tile(figure=audit.connections, name="connected", about="accounts", leads_to="sellers"),
        Tile(
            figure=len(audit.expiring),
            name="expiring",
            about=f"entitlements that end by {day_text(audit.until)}",
            calls=True,
            leads_to="expiring",
        ),
        Tile(
            figure=len(audit.outstanding),
            name="outstanding",
            about="requests for proof",
            calls=True,
            leads_to="outstanding",
        ),
        Tile(
            figure=len(audit.update_errors),
            name="update errors",
            about="entitlements that sellers could not apply",
            calls=True,
            leads_to="update_errors",
        ),
        Tile(
            figure=len(audit.unrecognised),
            name="unrecognised",
            about="items",
            calls=True,
            leads_to="unrecognised",
        ),
        Tile(
            figure=len(audit.troubled),
            name="troubled",
            about="accounts of which a part could not be read",
            calls=True,
            leads_to="troubled",
        ),
    ]


def _charts(audit: Audit) -> list[Chart]:
    return [_expiries(audit), _evidence(audit), _connections(audit)]


def _expiries(audit: Audit) -> Chart:
    last = audit.until.date()
    note = "By the Monday of the week."
    if audit.weeks[-1][0] > last:
        note += f" Muted: weeks after {day_text(last)}."
    if audit.ended:
        note += f" {count_text(audit.ended, 'entitlement')} that sellers list ended earlier."
    return Chart(
        name="expiries_per_week",
        title="Entitlements ending per week",
        note=note,
        bars=[Bar(day_text(week)[:-5], ending, weak=week > last) for week, ending in audit.weeks],
        upright=True,
        headings=("Week of", "Entitlements"),
        rows=[(day_text(week), ending) for week, ending in audit.weeks],
    )


def _evidence(audit: Audit) -> Chart:
    counts = [(word, audit.evidence[status]) for status, word in EVIDENCE.items()]
    return Chart(
        name="evidence",
        title="Proof asked for, by status",
        note="All but the completed are outstanding.",
        bars=[Bar(word, count, weak=word == "Completed") for word, count in counts],
        headings=("Status", "Requests"),
        rows=list(counts),
    )


def _connections(audit: Audit) -> Chart:
    sellers = audit.sellers
    rest = sellers[_MOST_BARS:]
    more = count_text(sum(seller.connected for seller in rest), "connected account")
    return Chart(
        name="sellers",
        title="Connected accounts per seller",
        note=f"And {count_text(len(rest), 'seller')} more, with {more}." if rest else "",
        bars=[Bar(seller.label, seller.connected) for seller in sellers[:_MOST_BARS]],
        headings=("Seller", "Connected", "Unconnected", "No account", "Unrecognised"),
        rows=[(s.label, s.connected, s.unconnected, s.no_account, s.unrecognised) for s in sellers],
    )
