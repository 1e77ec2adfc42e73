"""An audit's findings as titled tables of text, for the terminal and for the page alike."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import TypeAlias

import attrs

from imin_accounts.cli._audit.findings import EVIDENCE, Audit, Finding, by_urgency
from imin_accounts.cli._failures import Kind

Cells: TypeAlias = tuple[str, ...]


@attrs.frozen
class Section:
    """One table.

    Attributes:
        title: What it lists.
        headings: Of its columns.
        findings: What it is made of.
        cells: The texts for one finding.
        name: What JSON calls it; ``""`` where it has no such name.
    """

    title: str
    headings: Cells
    findings: list[Finding]
    cells: Callable[[Finding], Cells]
    name: str = ""

    @property
    def rows(self) -> Iterator[Cells]:
        """The table's rows, the most urgent first."""
        return map(self.cells, by_urgency(self.findings))


def sections(audit: Audit) -> list[Section]:
    """Everything that somebody may have to look after; unread customers only where there are some."""
    found = [
        Section(
            f"Entitlements that end by {day_text(audit.until)}",
            ("Customer", "Seller", "Entitlement", "Ends"),
            audit.expiring,
            lambda found: (found.customer, found.seller, found.what, _when(found)),
            "expiring",
        ),
        Section(
            "Proof outstanding",
            ("Customer", "Seller", "Entitlement", "Status", "Link ends"),
            audit.outstanding,
            lambda found: (
                found.customer,
                found.seller,
                found.what,
                EVIDENCE.get(found.status, found.status),
                _when(found),
            ),
            "outstanding",
        ),
        Section(
            "Entitlements that sellers could not apply",
            ("Customer", "Seller", "Error", "In words"),
            audit.update_errors,
            lambda found: (found.customer, found.seller, found.status, found.what),
            "update_errors",
        ),
        Section(
            "Items not recognised",
            ("Customer", "Seller", "Problem"),
            audit.unrecognised,
            lambda found: (found.customer, found.seller, found.what),
            "unrecognised",
        ),
        Section(
            "Accounts of which a part could not be read",
            ("Customer", "Seller", "Problem"),
            audit.troubled,
            lambda found: (found.customer, found.seller, found.what),
            "troubled",
        ),
    ]
    unread = _unread(audit)
    return [*found, unread] if unread.findings else found


def _unread(audit: Audit) -> Section:
    """Those who failed; who was only not asked for is counted, and would hide them. Parts stand elsewhere."""
    return Section(
        "Customers who could not be read",
        ("Customer", "Why", "In words"),
        [
            Finding(
                customer=each.customer,
                seller_id=None,
                seller_name=None,
                what=each.text,
                status=each.kind.label,
            )
            for each in audit.failures
            if each.kind not in (Kind.NOT_ASKED, Kind.IN_PART)
        ],
        lambda found: (found.customer, found.status, found.what),
        "failures",
    )


def day_text(day: date) -> str:
    """A day as a person writes it, the same on every machine."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _when(found: Finding) -> str:
    return day_text(found.when) if found.when else "not known"
