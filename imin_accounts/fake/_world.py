"""What the emulated service knows: sellers, customers, members and connections, and how they change.

No HTTP in here. An account is in one of three states, which nothing stores: it is *connected* where
a connection exists, else *unconnected* where the seller has a member under the customer's email,
else there is *no account*.
"""

import base64
import random
import threading
from collections.abc import Callable, Iterable
from datetime import datetime

import attrs

from imin_accounts.fake._documents import Connection, Node, seller
from imin_accounts.fake._nodes import Entitlements, UpdateErrors, entitlement_nodes, error_nodes
from imin_accounts.models import ActionStatus

__all__ = ["Person", "World"]

_EVIDENCE_LIFE = {
    (ActionStatus.POTENTIAL, ActionStatus.ACTIVE),
    (ActionStatus.ACTIVE, ActionStatus.COMPLETED),
    (ActionStatus.ACTIVE, ActionStatus.FAILED),
    (ActionStatus.FAILED, ActionStatus.ACTIVE),
}


@attrs.frozen(kw_only=True)
class Person:
    """A customer as the broker told imin of them."""

    email: str | None = attrs.field(repr=False)
    entitlement_filter: str | None = attrs.field(repr=False)


class World:
    """The population of the emulator. Safe to change from one thread while another serves it."""

    def __init__(self, *, now: Callable[[], datetime], random: random.Random) -> None:
        self.lock = threading.RLock()
        self._now = now
        self._random = random
        self.clear()

    def clear(self) -> None:
        """Forget everybody."""
        with self.lock:
            self._sellers: dict[str, Node] = {}
            self._people: dict[str, Person] = {}
            self._members: dict[tuple[str, str], str] = {}
            self._connections: dict[tuple[str, str], Connection] = {}

    # -- who there is

    def add_seller(
        self,
        id: str,
        name: str | None = None,
        *,
        url: str | None = None,
        logo: str | None = None,
        email: str | None = None,
        telephone: str | None = None,
        same_as: Iterable[str] = (),
    ) -> None:
        """Add a seller, or replace what it says of itself. Replies list sellers in the order added.

        Args:
            id: Its ``@id``, usually a URL.
            logo: The URL of an image.
            same_as: URLs of its pages elsewhere.
        """
        node = seller(id, name=name, url=url, logo=logo, email=email, telephone=telephone, same_as=same_as)
        with self.lock:
            self._sellers[id] = node

    def add_customer(
        self, id: str, email: str | None = None, *, entitlement_filter: str | None = None
    ) -> None:
        """Add a customer of the broker, or change their email.

        Args:
            id: The customer identifier.
            email: What the broker knows; None matches no seller's member.
            entitlement_filter: The opaque token in replies. Made up if not given: base64 with ``=``
                padding, as the documented one, so that it must be percent-encoded.
        """
        with self.lock:
            if entitlement_filter is None:
                entitlement_filter = base64.b64encode(self._random.randbytes(32)).decode()
            self._people[id] = Person(email=email, entitlement_filter=entitlement_filter)

    def add_member(self, seller: str, email: str, *, password: str = "password") -> None:
        """Give ``seller`` a member of its own, so that an account exists under ``email``.

        Args:
            email: Compared without regard to case.
            password: What logging in on the seller's page takes.

        Raises:
            ValueError: There is no such seller.
        """
        with self.lock:
            self._known(seller)
            self._members[seller, email.casefold()] = password

    def remove_member(self, seller: str, email: str) -> None:
        """Take the seller's own account away. A connection that stands is left as it is.

        Raises:
            ValueError: There is no such member.
        """
        with self.lock:
            if self._members.pop((seller, email.casefold()), None) is None:
                raise ValueError("the seller has no such member")

    # -- connections

    def connect(
        self,
        customer: str,
        seller: str,
        *,
        email: str | None = None,
        date_linked: datetime | None = None,
        hidden_entitlements: bool | None = False,
        access_pass: str | None = None,
        entitlements: Entitlements = (),
        evidence: Entitlements = (),
        update_errors: UpdateErrors = (),
    ) -> None:
        """Connect a customer's account with a seller, as if they had been through its pages.

        The seller has a member under that email afterwards, made with the password ``"password"``
        where there was none: disconnecting leaves that account standing. What was connected before
        is replaced.

        Args:
            customer: A customer identifier; added without an email where it is new.
            email: Of the account with the seller; the customer's own if not given.
            date_linked: An aware time; the present if not given.
            access_pass: The barcode's text; None for no access pass.
            entitlements: Discounts, as ``Entitlement`` or JSON-LD objects, sent under ``entitlement``
                until they expire.
            evidence: Entitlements that ask for proof, likewise, sent under ``imin:evidenceRequests``.
            update_errors: ``EntitlementUpdateError`` or JSON-LD objects.

        Raises:
            ValueError: There is no such seller.
        """
        with self.lock:
            self._known(seller)
            if customer not in self._people:
                self.add_customer(customer)
            email = self._people[customer].email if email is None else email
            if email is not None:
                self._members.setdefault((seller, email.casefold()), "password")
            linked = date_linked or self._now()
            self._connections[customer, seller] = Connection(
                email=email,
                date_linked=linked,
                date_modified=linked,
                hidden_entitlements=hidden_entitlements,
                access_pass=access_pass,
                entitlements=entitlement_nodes(entitlements),
                evidence=entitlement_nodes(evidence),
                update_errors=error_nodes(update_errors),
            )

    def disconnect(self, customer: str, seller: str) -> bool:
        """Disconnect; the seller's own account remains. Returns whether anything was connected."""
        with self.lock:
            return self._connections.pop((customer, seller), None) is not None

    def set_evidence(self, customer: str, seller: str, entitlement: str, status: ActionStatus) -> None:
        """Move an evidence request on.

        It is requested (``POTENTIAL``), submitted (``ACTIVE``), then ``COMPLETED`` or ``FAILED``;
        what failed may be submitted again.

        Args:
            entitlement: The ``@id`` of the entitlement that asks for proof.

        Raises:
            ValueError: No such request, or it can't go from where it is to ``status``.
        """
        with self.lock:
            connection = self._connections.get((customer, seller))
            nodes = [] if connection is None else list(connection.evidence)
            at = next((i for i, node in enumerate(nodes) if node.get("@id") == entitlement), None)
            if connection is None or at is None or not isinstance(nodes[at].get("evidenceRequest"), dict):
                raise ValueError("there is no such evidence request")
            request = nodes[at]["evidenceRequest"]
            before = request.get("actionStatus", ActionStatus.POTENTIAL)
            if (before, status) not in _EVIDENCE_LIFE:
                raise ValueError("an evidence request can't take that step")
            nodes[at] = {**nodes[at], "evidenceRequest": {**request, "actionStatus": str(status)}}
            self._connections[customer, seller] = attrs.evolve(
                connection, evidence=tuple(nodes), date_modified=self._now()
            )

    # -- what the API and the connect flow ask

    def person(self, customer: str) -> Person | None:
        """The customer, if known."""
        return self._people.get(customer)

    def email(self, customer: str) -> str | None:
        """The email that the broker knows; None where it knows none."""
        person = self._people.get(customer)
        return None if person is None else person.email

    def seller_name(self, seller: str) -> str:
        """What to call a seller on a page."""
        return str(self._sellers.get(seller, {}).get("name", "the seller"))

    def sellers(self) -> list[tuple[str, Node]]:
        """Every seller's ``@id`` and object, in the order added."""
        return list(self._sellers.items())

    def connection(self, customer: str, seller: str) -> Connection | None:
        """The connection, if there is one."""
        return self._connections.get((customer, seller))

    def password(self, seller: str, email: str | None) -> str | None:
        """The password of the seller's member under that email; None where there is no member."""
        return None if email is None else self._members.get((seller, email.casefold()))

    def barcode(self) -> str:
        """A fresh access pass."""
        return "".join(self._random.choices("0123456789", k=12))

    def _known(self, seller: str) -> None:
        if seller not in self._sellers:
            raise ValueError("there is no such seller; add_seller first")
