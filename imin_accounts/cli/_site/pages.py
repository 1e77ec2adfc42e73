"""Templates, and what they show of an account: dates, days left, links that a browser may follow."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlsplit

import attrs
from jinja2 import Environment, PackageLoader, StrictUndefined

from imin_accounts import ConnectedAccount, NoAccount, SellerAccount, UnconnectedAccount
from imin_accounts.models import Entitlement


@attrs.frozen
class Notice:
    """What a customer is told above the page.

    Attributes:
        look: What has become of it, which is seen before it is read.
    """

    look: Literal["done", "declined", "gone", "doubt"]
    text: str

    def about(self, name: str) -> "Notice":
        """The notice with a seller's name in its place."""
        return attrs.evolve(self, text=self.text.format(name))


class Pages:
    """Fills in templates. Whatever a seller sent is escaped.

    Args:
        now: The present as an aware time.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._templates = Environment(
            loader=PackageLoader("imin_accounts.cli._site"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters.update(
            date=date,
            days_left=self.days_left,
            has_ended=self.has_ended,
            label=label,
            link=link,
            seller_name=seller_name,
            state=state,
        )

    def render(self, template: str, **values: Any) -> str:
        """The page as HTML."""
        return self._templates.get_template(template).render(values)

    def days_left(self, end: datetime) -> str:
        """How long something still lasts, in words."""
        left = end - self._now()
        if left < timedelta():
            return f"ended on {date(end)}"
        if left.days == 0:
            return "less than a day left"
        return "1 day left" if left.days == 1 else f"{left.days} days left"

    def has_ended(self, end: datetime | None) -> bool:
        """Whether ``end`` is over; what has no end is not."""
        return end is not None and end < self._now()


def state(account: SellerAccount) -> str:
    """Which template shows an account."""
    match account:
        case ConnectedAccount():
            return "connected"
        case UnconnectedAccount():
            return "unconnected"
        case NoAccount():
            return "no_account"
        case _:
            return "unrecognised"


def seller_name(account: SellerAccount | None) -> str:
    """What to call a seller: names may be missing, and so may the seller."""
    seller = account.seller if account else None
    return seller.name or seller.id if seller else "An unnamed seller"


def label(entitlement: Entitlement) -> str:
    """What to call a discount."""
    type = entitlement.entitlement_type
    return type.pref_label if type and type.pref_label else "a discount without a name"


def date(moment: datetime) -> str:
    """``27 January 2021``."""
    return f"{moment.day} {moment:%B %Y}"


def link(address: str | None) -> str | None:
    """``address`` where a browser may follow it, which ``javascript:`` and its like never are."""
    try:
        parts = urlsplit(address or "")
    except ValueError:
        return None
    return address if parts.scheme in ("http", "https") and parts.netloc else None
