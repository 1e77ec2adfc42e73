"""What an audit finds in exported rows. No I/O; it knows no time but what it is told."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import attrs

from imin_accounts.cli._failures import Failures
from imin_accounts.cli.rows import Row, details, failure_in, is_error, time_text

EVIDENCE = {
    "potential": "Requested",
    "active": "Submitted",
    "failed": "Failed",
    "unknown": "Unknown",
    "completed": "Completed",
}
"""The statuses of evidence, in the order of a report, and what a person calls them."""
_WEEKS_AHEAD = 13
_MOST_WEEKS = 53


@attrs.frozen(kw_only=True)
class Finding:
    """One thing that somebody may have to look after. The repr hides the customer.

    Attributes:
        what: The entitlement, the error or the problem, in words.
        status: Of evidence, or the class of an error; ``""`` where there is none.
        when: When the entitlement ends, or the link to hand proof in; None where that is not known.
    """

    customer: str = attrs.field(repr=lambda _: "'***'")
    seller_id: str | None
    seller_name: str | None
    what: str
    status: str = ""
    when: datetime | None = None

    @property
    def seller(self) -> str:
        """What to call the seller."""
        return self.seller_name or self.seller_id or "(no seller)"

    def as_json(self) -> dict[str, str | None]:
        """Its values by name."""
        return {**attrs.asdict(self), "when": time_text(self.when) if self.when else None}


@attrs.define(kw_only=True)
class SellerCount:
    """How many customers are in which state with one seller."""

    id: str | None
    name: str | None
    connected: int = 0
    unconnected: int = 0
    no_account: int = 0
    unrecognised: int = 0

    @property
    def label(self) -> str:
        """What to call the seller."""
        return self.name or self.id or "(no seller)"


class Audit:
    """Takes customers' rows one by one, and counts. Its memory grows with what is found only.

    Args:
        now: An aware time; what ends earlier has ended.
        within: How far ahead an end is worth telling.

    Attributes:
        read, failed, without_sellers: How many customers.
        errors: Customers who could not be read, by the error's class.
        failures: Why, by name.
        left: How many customers were not asked for; they are in ``failures`` too.
        expiring: Entitlements that end between ``now`` and ``now + within``.
        ended: How many are listed though they have ended.
        evidence: Requests for proof, by status.
        outstanding: Those that are not completed.
        update_errors: What sellers could not apply, conflicts included.
        unrecognised: Items that can't be told to be in any state.
        troubled: Readable accounts, and replies without any, of which a part could not be read.
    """

    def __init__(self, *, now: datetime, within: timedelta) -> None:
        self.now = now.astimezone(UTC)
        self.until = self.now + within
        self.read = self.failed = self.without_sellers = self.ended = 0
        self.errors = Counter[str]()
        self.failures = Failures()
        self.left = 0
        self.expiring: list[Finding] = []
        self.evidence = Counter[str]()
        self.outstanding: list[Finding] = []
        self.update_errors: list[Finding] = []
        self.unrecognised: list[Finding] = []
        self.troubled: list[Finding] = []
        self._sellers: dict[str | None, SellerCount] = {}
        self._by_week = Counter[date]()

    def add(self, rows: Sequence[Row]) -> None:
        """Take note of one customer's rows."""
        if (failure := failure_in(rows)) is not None:
            self.failures.add(failure)
        if is_error(rows):
            self.failed += 1
            self.errors[str(rows[0]["error_type"])] += 1
            return
        self.read += 1
        for row in rows:
            self._add(row)

    @property
    def sellers(self) -> list[SellerCount]:
        """Every seller, the one with most connections first."""
        return sorted(self._sellers.values(), key=lambda count: (-count.connected, count.label))

    @property
    def connections(self) -> int:
        """How many accounts are connected."""
        return sum(seller.connected for seller in self._sellers.values())

    @property
    def weeks(self) -> list[tuple[date, int]]:
        """How many entitlements end in each week from this one on, by its Monday.

        A quarter of a year, or as far ahead as was asked for, but at most a year.
        """
        this = _monday(self.now)
        asked = (_monday(self.until) - this).days // 7 + 1
        count = min(max(_WEEKS_AHEAD, asked), _MOST_WEEKS)
        return [(week, self._by_week[week]) for week in (this + timedelta(weeks=n) for n in range(count))]

    def as_json(self) -> dict[str, Any]:
        """Everything, as JSON values."""
        return {
            "now": time_text(self.now),
            "until": time_text(self.until),
            "customers": {
                "read": self.read,
                "without_sellers": self.without_sellers,
                "failed": self.failed,
                "errors": dict(self.errors),
            },
            "left": self.left,
            "failures": self.failures.as_json(),
            "sellers": [attrs.asdict(seller) for seller in self.sellers],
            "expiries_per_week": {week.isoformat(): count for week, count in self.weeks},
            "ended": self.ended,
            "evidence": {status: self.evidence[status] for status in EVIDENCE},
            "expiring": _as_json(self.expiring),
            "outstanding": _as_json(self.outstanding),
            "update_errors": _as_json(self.update_errors),
            "unrecognised": _as_json(self.unrecognised),
            "troubled": _as_json(self.troubled),
        }

    def _add(self, row: Row) -> None:
        state, found = str(row["state"]), details(row)
        if "problems" in found or state == "unrecognised":
            troubled = self.unrecognised if state == "unrecognised" else self.troubled
            troubled.append(_finding(row, "; ".join(found.get("problems", ()))))
        if state == "no sellers":
            self.without_sellers += 1
            return
        self._count(row, state)
        for entitlement in found.get("entitlements", ()):
            self._add_entitlement(row, entitlement)
        for error in found.get("update_errors", ()):
            self.update_errors.append(_finding(row, error["name"] or "(no name)", status=error["type"] or ""))

    def _count(self, row: Row, state: str) -> None:
        id, name = (None if row[key] is None else str(row[key]) for key in ("seller_id", "seller_name"))
        seller = self._sellers.setdefault(id, SellerCount(id=id, name=name))
        seller.name = seller.name or name
        attribute = state.replace(" ", "_")
        setattr(seller, attribute, getattr(seller, attribute) + 1)

    def _add_entitlement(self, row: Row, entitlement: dict[str, str]) -> None:
        what = entitlement.get("label") or entitlement.get("id") or "(no name)"
        ends = _time(entitlement.get("expires"))
        if ends is not None and ends < self.now:
            self.ended += 1
        elif ends is not None:
            self._by_week[_monday(ends)] += 1
            if ends <= self.until:
                self.expiring.append(_finding(row, what, when=ends))
        if status := entitlement.get("evidence"):
            self.evidence[status] += 1
            if status != "completed":
                link_ends = _time(entitlement.get("evidence_link_expires"))
                self.outstanding.append(_finding(row, what, status=status, when=link_ends))


def by_urgency(findings: list[Finding]) -> Iterator[Finding]:
    """The findings, what ends first before all; those without an end come last."""
    dated = [finding for finding in findings if finding.when is not None]
    yield from sorted(dated, key=lambda finding: (finding.when, finding.seller, finding.customer))
    undated = [finding for finding in findings if finding.when is None]
    yield from sorted(undated, key=lambda finding: (finding.seller, finding.customer))


def _finding(row: Row, what: str, *, status: str = "", when: datetime | None = None) -> Finding:
    id, name = (None if row[key] is None else str(row[key]) for key in ("seller_id", "seller_name"))
    return Finding(
        customer=str(row["customer"]), seller_id=id, seller_name=name, what=what, status=status, when=when
    )


def _as_json(findings: list[Finding]) -> list[dict[str, str | None]]:
    return [finding.as_json() for finding in by_urgency(findings)]


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _monday(moment: datetime) -> date:
    day = moment.date()
    return day - timedelta(days=day.weekday())
