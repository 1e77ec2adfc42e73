"""What the emulated service remembers: sellers, customers, members and connections.

An account is in one of three states, which nothing stores: it is *connected* where a connection
exists, else *unconnected* where the seller has a member under the customer's email, else there is
*no account*.
"""

from typing import TypeAlias

import attrs

from imin_accounts.fake._documents import Connection, Node
from imin_accounts.fake._validation import text

__all__ = ["Pair", "Person", "Population"]

Pair: TypeAlias = tuple[str, str]


@attrs.frozen(kw_only=True)
class Person:
    """A customer as the broker told imin of them."""

    email: str | None = attrs.field(default=None, validator=text(optional=True), repr=False)
    entitlement_filter: str | None = attrs.field(default=None, validator=text(optional=True), repr=False)


@attrs.define
class Population:
    """Everybody and everything that the service remembers.

    Attributes:
        sellers: Their JSON-LD objects by ``@id``, in the order added.
        people: The broker's customers by identifier.
        members: Passwords of the sellers' own members by seller and case-folded email.
        connections: By customer and seller.
        former: The last connection that ended, by seller and case-folded email: what the seller still holds.
        replies: JSON texts that are sent as they are, by customer.
    """

    sellers: dict[str, Node] = attrs.Factory(dict)
    people: dict[str, Person] = attrs.field(factory=dict, repr=False)
    members: dict[Pair, str] = attrs.field(factory=dict, repr=False)
    connections: dict[Pair, Connection] = attrs.field(factory=dict, repr=False)
    former: dict[Pair, Connection] = attrs.field(factory=dict, repr=False)
    replies: dict[str, str] = attrs.field(factory=dict, repr=False)

    def replace_with(self, other: "Population") -> None:
        """Hold what ``other`` holds, and nothing else: whoever shares this object sees it at once."""
        for field in attrs.fields(Population):
            setattr(self, field.name, dict(getattr(other, field.name)))

    def email(self, customer: str) -> str | None:
        """The email that the broker knows; None where it knows none."""
        return self.people.get(customer, Person()).email

    def password(self, seller: str, email: str | None) -> str | None:
        """The password of the seller's member under that email; None where there is no member."""
        return None if email is None else self.members.get((seller, email.casefold()))

    def seller_name(self, seller: str) -> str:
        """What to call a seller on a page."""
        return str(self.sellers.get(seller, {}).get("name", "the seller"))
