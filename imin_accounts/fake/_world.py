"""How what the service knows comes about and changes. No HTTP in here."""

import base64
import random
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict, Unpack

import attrs

from imin_accounts.fake._documents import (
    AccessPasses,
    Connection,
    Entitlements,
    Node,
    UpdateErrors,
    entitlement_nodes,
    error_nodes,
    pass_nodes,
    seller_node,
)
from imin_accounts.fake._fixtures import customer_of, disconnected, text_of_reply
from imin_accounts.fake._population import Person, Population
from imin_accounts.fake._settings import Undocumented
from imin_accounts.models import ActionStatus

__all__ = ["AccountChanges", "World"]

_LAST = datetime(9900, 1, 1, tzinfo=UTC)
"""The latest present. What expires has to have an end in the calendar."""
_EVIDENCE_LIFE = {
    (ActionStatus.POTENTIAL, ActionStatus.ACTIVE),
    (ActionStatus.ACTIVE, ActionStatus.COMPLETED),
    (ActionStatus.ACTIVE, ActionStatus.FAILED),
    (ActionStatus.FAILED, ActionStatus.ACTIVE),
}
_NODES: dict[str, Callable[[Any], tuple[Node, ...]]] = {
    "access_passes": pass_nodes,
    "entitlements": entitlement_nodes,
    "evidence": entitlement_nodes,
    "update_errors": error_nodes,
}
_DATED = {"email": "date_modified", "access_pass": "access_pass_modified"}
_TOLD = {"email", "access_pass", "access_passes", "hidden_entitlements"}
"""Changes that imin's page on webhooks names as a cause."""


class AccountChanges(TypedDict, total=False):
    """What ``change_account`` may change."""

    email: str | None
    hidden_entitlements: bool | None
    access_pass: str | None
    access_passes: AccessPasses
    entitlements: Entitlements
    evidence: Entitlements
    update_errors: UpdateErrors


class World:
    """The service's state, and what a test may do to it.

    Safe to change from one thread while another serves it.

    Attributes:
        population: Everybody and everything that it remembers: to be read, not written.
        undocumented: How it behaves where imin's pages don't say; may be assigned at any time.
        lock: Held while anything changes.
    """

    def __init__(
        self, *, clock: Callable[[], datetime], random: random.Random, undocumented: Undocumented
    ) -> None:
        self.population: Population = Population()
        self.undocumented: Undocumented = undocumented
        self.lock: AbstractContextManager[bool] = threading.RLock()
        self._clock = clock
        self._ahead = timedelta()
        self._random = random

    # -- time

    def now(self) -> datetime:
        """The service's present: the clock's time and whatever it was advanced by."""
        return self._clock() + self._ahead

    def advance(self, seconds: float) -> None:
        """Let time pass for the service: entitlements and links may expire.

        Raises:
            ValueError: There is no such time any more, or soon none.
        """
        with self.lock:
            try:
                ahead = self._ahead + timedelta(seconds=seconds)
                ends = self._clock() + ahead > _LAST
            except OverflowError:
                ends = True
            if ends:
                raise ValueError(f"the calendar ends: the latest time is {_LAST:%Y-%m-%d}")
            self._ahead = ahead

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
        node = seller_node(
            id, name=name, url=url, logo=logo, email=email, telephone=telephone, same_as=same_as
        )
        with self.lock:
            self.population.sellers[id] = node

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
            self.population.people[id] = Person(email=email, entitlement_filter=entitlement_filter)

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
            self.population.members[seller, email.casefold()] = password

    def remove_member(self, seller: str, email: str) -> None:
        """Take the seller's own account away. A connection that stands is left as it is.

        Raises:
            ValueError: There is no such member.
        """
        with self.lock:
            if self.population.members.pop((seller, email.casefold()), None) is None:
                raise ValueError("the seller has no such member")
            self.population.former.pop((seller, email.casefold()), None)

    def load(self, reply: bytes | str | Mapping[str, Any], *, customer: str | None = None) -> str:
        """Add a customer to whom a saved reply is sent as it is, whatever is odd about it.

        Such as one that ``imin-accounts read --redact`` wrote. It takes the place of all else that is known
        of the customer. Its sellers can be disconnected, but not connected.

        Args:
            reply: JSON, as a text or a parsed object.
            customer: Who it is about, where its ``@id`` does not say.

        Returns:
            The customer identifier.

        Raises:
            ValueError: The reply is no JSON, or nobody says who it is about.
        """
        text = text_of_reply(reply)
        customer = customer_of(text) if customer is None else customer
        if not customer:
            raise ValueError("the reply's @id names no customer: say who it is about")
        with self.lock:
            self.population.people[customer] = Person()
            self.population.replies[customer] = text
        return customer

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
        access_passes: AccessPasses = (),
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
            access_passes: More of them, as ``AccessPass`` or JSON-LD objects: codes and pictures.
            entitlements: Discounts, as ``Entitlement`` or JSON-LD objects, sent under ``entitlement``
                until they expire.
            evidence: Entitlements that ask for proof, likewise, sent under ``imin:evidenceRequests``.
            update_errors: ``EntitlementUpdateError`` or JSON-LD objects.

        Raises:
            ValueError: There is no such seller.
        """
        with self.lock:
            self._known(seller)
            email = self.population.email(customer) if email is None else email
            linked = date_linked or self.now()
            connection = Connection(
                email=email,
                date_linked=linked,
                date_modified=linked,
                access_pass_modified=linked,
                hidden_entitlements=hidden_entitlements,
                access_pass=access_pass,
                access_passes=pass_nodes(access_passes),
                entitlements=entitlement_nodes(entitlements),
                evidence=entitlement_nodes(evidence),
                update_errors=error_nodes(update_errors),
            )
            if customer not in self.population.people:
                self.add_customer(customer)
            if email is not None:
                self.population.members.setdefault((seller, email.casefold()), "password")
            self.population.connections[customer, seller] = connection

    def disconnect(self, customer: str, seller: str, *, notify: bool = True) -> bool:
        """Disconnect, as a seller may; its own account remains. A cause of a notification.

        Args:
            notify: False for a disconnection that the broker is not notified of.

        Returns:
            Whether anything was connected.
        """
        with self.lock:
            if customer in self.population.replies:
                reply = disconnected(self.population.replies[customer], seller)
                was_connected = reply is not None
                if reply is not None:
                    self.population.replies[customer] = reply
            else:
                connection = self.population.connections.pop((customer, seller), None)
                was_connected = connection is not None
                if connection is not None and connection.email is not None:
                    self.population.former[seller, connection.email.casefold()] = connection
            if was_connected and notify:
                self._notify(customer)
            return was_connected

    def change_account(self, customer: str, seller: str, **changes: Unpack[AccountChanges]) -> None:
        """Change what a seller shares about a connected account; what is not named stays as it is.

        Another ``email`` (the customer's details), ``hidden_entitlements``, ``access_pass`` or
        ``access_passes`` is a cause of a notification: of one, however many of them change. imin's page names
        no such cause for the others.

        Args:
            changes: ``email``, ``hidden_entitlements``, ``access_pass``, ``access_passes``, ``entitlements``,
                ``evidence`` and ``update_errors``, each as for ``connect``; None takes the email or the pass
                away.

        Raises:
            ValueError: They are not connected, or a value can't be.
        """
        with self.lock:
            before = self.population.connections.get((customer, seller))
            if before is None:
                raise ValueError("there is no such connected account")
            if unknown := changes.keys() - AccountChanges.__annotations__.keys():
                raise ValueError(f"an account has no {min(unknown)}")
            fields: dict[str, Any] = {
                name: _NODES[name](value) if name in _NODES else value for name, value in changes.items()
            }
            changed = {name for name, value in fields.items() if value != getattr(before, name)}
            fields |= {date: self.now() for name, date in _DATED.items() if name in changed}
            self.population.connections[customer, seller] = attrs.evolve(before, **fields)
            if changed & _TOLD:
                self._notify(customer)

    def set_evidence(self, customer: str, seller: str, entitlement: str, status: ActionStatus) -> None:
        """Move an evidence request on.

        It is requested (``POTENTIAL``), submitted (``ACTIVE``), then ``COMPLETED`` or ``FAILED``;
        what failed may be submitted again. Evidence that failed was rejected: the entitlement is removed,
        which is a cause of a notification.

        Args:
            entitlement: The ``@id`` of the entitlement that asks for proof.

        Raises:
            ValueError: No such request, or it can't go from where it is to ``status``.
        """
        with self.lock:
            connection = self.population.connections.get((customer, seller))
            nodes = [] if connection is None else list(connection.evidence)
            at = next((i for i, node in enumerate(nodes) if node.get("@id") == entitlement), None)
            if connection is None or at is None or not isinstance(nodes[at].get("evidenceRequest"), dict):
                raise ValueError("there is no such evidence request")
            request = nodes[at]["evidenceRequest"]
            before = request.get("actionStatus", ActionStatus.POTENTIAL)
            if (before, status) not in _EVIDENCE_LIFE:
                raise ValueError("an evidence request can't take that step")
            nodes[at] = {**nodes[at], "evidenceRequest": {**request, "actionStatus": str(status)}}
            held = connection.entitlements
            if status is ActionStatus.FAILED:
                held = tuple(node for node in held if node.get("@id") != entitlement)
                if self.undocumented.rejected_evidence == "goes":
                    del nodes[at]
            self.population.connections[customer, seller] = attrs.evolve(
                connection, entitlements=held, evidence=tuple(nodes)
            )
            if status is ActionStatus.FAILED:
                self._notify(customer)

    def _notify(self, customer: str) -> None:
        """Tell the broker that something changed for ``customer``; a world alone has nobody to tell."""

    def _known(self, seller: str) -> None:
        if seller not in self.population.sellers:
            raise ValueError("there is no such seller: add it first")
