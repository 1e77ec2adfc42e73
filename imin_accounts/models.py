"""The API's nodes as frozen attrs classes: what the session hands out.

Each class is named by its role and each field by the API's own term in snake case, ``imin:`` dropped.
``member`` states beside a field the JSON member it stands for and the other spellings under which
imin's pages show it; the converter, and ``drift``, read that. Absent arrays are ``()``, absent
scalars ``None``.

Every class has ``extra``: the members that have no field, and every spelling of a field other than
the documented one. Nothing of a reply is lost between ``from_jsonld`` and ``to_jsonld``.

API page: "Seller Accounts [BETA]", section "Get Seller Accounts".
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, TypeAlias
from urllib.parse import quote

import attrs
from yarl import URL

from imin_accounts.errors import InvalidRequest

PRIVATE = object()
Private = Annotated[str, PRIVATE]
"""Text that is a secret or says who somebody is: shown as ``'***'`` in every repr."""


def member(key: str, *aliases: str, **options: Any) -> Any:
    """A field that stands for the JSON member ``key``; ``aliases`` are read as the same."""
    return attrs.field(metadata={"key": key, "aliases": aliases}, **options)


def _masked(value: object) -> str:
    return "None" if value is None else "'***'"


def _mask_private(_: type, fields: list["attrs.Attribute[Any]"]) -> list["attrs.Attribute[Any]"]:
    def is_private(annotation: Any) -> bool:
        return PRIVATE in getattr(annotation, "__metadata__", ()) or any(
            is_private(part) for part in getattr(annotation, "__args__", ())
        )

    return [f.evolve(repr=_masked) if is_private(f.type) else f for f in fields]


class Extra(Mapping[str, Any]):
    """Read-only JSON members as received; the repr is a count, since they may hold anything."""

    __slots__ = ("_members",)

    def __init__(self, members: Mapping[str, Any]) -> None:
        self._members = dict(members)

    def __getitem__(self, key: str) -> Any:
        return self._members[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __repr__(self) -> str:
        return f"<{len(self._members)} members>"

    def __reduce__(self) -> tuple[Any, ...]:
        return (_extra, (self._members,))


NOTHING_EXTRA = Extra({})


def _extra(members: Mapping[str, Any]) -> Extra:
    return Extra(members) if members else NOTHING_EXTRA


class ActionStatus(StrEnum):
    """Where an action stands: schema.org's ActionStatusType, as full https URLs."""

    POTENTIAL = "https://schema.org/PotentialActionStatus"
    ACTIVE = "https://schema.org/ActiveActionStatus"
    COMPLETED = "https://schema.org/CompletedActionStatus"
    FAILED = "https://schema.org/FailedActionStatus"


@attrs.frozen(kw_only=True, field_transformer=_mask_private)
class Image:
    """A seller's logo. ``url`` is as received: escape it before it goes into a page."""

    id: str | None = member("@id", "id", default=None)
    type: str | None = member("@type", "type", default=None)
    url: str | None = member("url", default=None)
    extra: Extra = attrs.field(default=NOTHING_EXTRA, hash=False)


@attrs.frozen(kw_only=True, field_transformer=_mask_private)
class Seller:
    """Who sells places: an organisation with a database of customers of its own.

    Attributes:
        id: The key for ``delete_seller_account``, byte for byte as received.
    """

    id: str = member("@id", "id")
    type: str | None = member("@type", "type", default=None)
    name: str | None = member("name", default=None)
    url: str | None = member("url", default=None)
    logo: Image | None = member("logo", default=None)
    email: Private | None = member("email", default=None)
    telephone: Private | None = member("telephone", default=None)
    same_as: tuple[str, ...] = member("sameAs", default=())
    extra: Extra = attrs.field(default=NOTHING_EXTRA, hash=False)


@attrs.frozen(kw_only=True, field_transformer=_mask_private)
class Customer:
    """The person as the seller's own database knows them."""

    id: Private | None = member("@id", "id", default=None)
    type: str | None = member("@type", "type", default=None)
    email: Private | None = member("email", default=None)
    date_modified: datetime | None = member("dateModified", default=None)
    extra: Extra = attrs.field(default=NOTHING_EXTRA, hash=False)


@attrs.frozen(kw_only=True, field_transformer=_mask_private)
class AccessPass:
    """What opens the seller's door: the text of a barcode."""

    id: Private | None = member("@id", "id", default=None)
    type: str | None = member("@type", "type", default=None)
    text: Private | None = member("text", default=None)
    date_modified: datetime | None = member("dateModified", default=None)
    extra: Extra = attrs.field(default=NOTHING_EXTRA, hash=False)


@attrs.frozen(kw_only=True, field_transformer=_mask_private)
class EntitlementUpdateError:
    """Why the seller could not apply an entitlement, e.g. an ``EntitlementConflict``."""

    context: tuple[str, ...] = member("@context", default=())
    id: str | None = member("@id", "id", default=None)
    type: str | None = member("@type", "type", default=None)
    name: str | None = member("name", default=None)
    description: Private | None = member("description", default=None)
    extra: Extra = attrs.field(default=NOTHING_EXTRA, hash=False)


@attrs.frozen(kw_only=True, field_transformer=_mask_private)
class EntitlementType:
    """Which discount an entitlement is: a concept in a seller's or a council's scheme."""

    id: str | None = member("@id", "id", default=None)
    type: str | None = member("@type", "type", default=None)
    pref_label: str | None = member("prefLabel", default=None)
    in_scheme: str | None = member("inScheme", default=None)
    extra: Extra = attrs.field(default=NOTHING_EXTRA, hash=False)


@attrs.frozen(kw_only=True, field_transformer=_mask_private)
class EvidenceRequest:
    """A request to upload proof of an entitlement.

    Attributes:
        url: The upload form; whoever holds the link can open it.
        expiry: When the link ends.
        action_status: None where it was absent or of a kind unknown here; the text is in ``extra``.
    """

    id: str | None = member("@id", "id", default=None)
    type: str | None = member("@type", "type", default=None)
    url: Private | None = member("url", default=None)
    expiry: datetime | None = member("expiry", default=None)
    action_status: ActionStatus | None = member("actionStatus", default=None)
    extra: Extra = attrs.field(default=NOTHING_EXTRA, hash=False)

    @property
    def is_outstanding(self) -> bool:
        """Whether proof is still owed: everything but a completed request, unknown ones too."""
        return self.action_status is not ActionStatus.COMPLETED


@attrs.frozen(kw_only=True, field_transformer=_mask_private)
class Entitlement:
    """A discount that a customer has, or has asked for.

    Attributes:
        expires: When it ends; None where the document does not say or says it unreadably.
        evidence_request: The proof asked for; None where none is.
    """

    context: tuple[str, ...] = member("@context", default=())
    id: str | None = member("@id", "id", default=None)
    type: str | None = member("@type", "type", default=None)
    expires: datetime | None = member("expires", "validUntil", default=None)
    evidence_request: EvidenceRequest | None = member(
        "evidenceRequest", "evidenceRequestAction", default=None
    )
    entitlement_type: EntitlementType | None = member("entitlementType", default=None)
    extra: Extra = attrs.field(default=NOTHING_EXTRA, hash=False)

    def expires_within(self, within: timedelta, *, now: datetime | None = None) -> bool:
        """Whether it ends between ``now`` and ``now + within``, both included.

        False where it has ended already, and where ``expires`` is None.

        Args:
            now: An aware time; the present if not given.

        Raises:
            InvalidRequest: ``now`` has no offset.
        """
        now = datetime.now(UTC) if now is None else now
        if now.utcoffset() is None:
            raise InvalidRequest("now must be an aware datetime")
        return self.expires is not None and now <= self.expires <= now + within


@attrs.frozen(kw_only=True, field_transformer=_mask_private)
class ConnectAction:
    """A way to connect: ``RegisterAction`` to an existing account, ``CreateAction`` to a new one.

    Attributes:
        target: Where to send the customer's browser, as received; None where it is absent or not
            http(s). It holds a short-lived token: fetch it at the click, never keep it.
    """

    id: str | None = member("@id", "id", default=None)
    type: str | None = member("@type", "type", default=None)
    target: Private | None = member("target", default=None)
    extra: Extra = attrs.field(default=NOTHING_EXTRA, hash=False)

    @property
    def url(self) -> URL | None:
        """``target`` as a URL, never re-encoded."""
        return None if self.target is None else URL(self.target, encoded=True)


@attrs.frozen(kw_only=True, field_transformer=_mask_private)
class ConnectedAccount:
    """The customer's account with the seller is connected to the broker.

    Attributes:
        hidden_entitlements: Whether the seller keeps some entitlements to itself; None if not said.
        entitlements: Discounts under the member ``entitlement``, as sibling pages of the API show.
        evidence_requests: Entitlements that ask for proof (``imin:evidenceRequests``).
        access_pass: The first barcode where there are several.
        problems: What could not be read, one sentence each, without values; ``()`` if all was.
    """

    id: str | None = member("@id", "id", default=None)
    type: str | None = member("@type", "type", default=None)
    seller: Seller = member("seller")
    date_linked: datetime | None = member("dateLinked", default=None)
    hidden_entitlements: bool | None = member(
        "hiddenEntitlements", "hasHiddenEntitlements", default=None
    )
    customer: Customer | None = member("customer", default=None)
    access_pass: AccessPass | None = member("accessPass", default=None)
    entitlement_update_errors: tuple[EntitlementUpdateError, ...] = member(
        "imin:entitlementUpdateErrors", default=()
    )
    evidence_requests: tuple[Entitlement, ...] = member("imin:evidenceRequests", default=())
    entitlements: tuple[Entitlement, ...] = member("entitlement", default=())
    problems: tuple[str, ...] = attrs.field(default=(), eq=False)
    extra: Extra = attrs.field(default=NOTHING_EXTRA, hash=False)


@attrs.frozen(kw_only=True, field_transformer=_mask_private)
class _NotConnected:
    id: str | None = member("@id", "id", default=None)
    type: str | None = member("@type", "type", default=None)
    seller: Seller = member("seller")
    potential_action: tuple[ConnectAction, ...] = member("potentialAction", default=())
    problems: tuple[str, ...] = attrs.field(default=(), eq=False)
    extra: Extra = attrs.field(default=NOTHING_EXTRA, hash=False)

    @property
    def register_url(self) -> URL | None:
        """Where the browser goes to connect an account that the customer has with the seller.

        None where ``redirect_uri`` was not sent or imin gave no such link.
        """
        return self._target("RegisterAction")

    @property
    def create_url(self) -> URL | None:
        """Where the browser goes to create an account and connect it; None as for ``register_url``."""
        return self._target("CreateAction")

    def _target(self, type: str) -> URL | None:
        urls = (action.url for action in self.potential_action if action.type == type)
        return next((url for url in urls if url is not None), None)


@attrs.frozen(kw_only=True, field_transformer=_mask_private)
class UnconnectedAccount(_NotConnected):
    """The seller knows the customer's email, but the account is not connected."""

    matching_email_exists: bool = member("imin:matchingEmailExists", default=True)


@attrs.frozen(kw_only=True, field_transformer=_mask_private)
class NoAccount(_NotConnected):
    """No account is known under the customer's email.

    ``register_url`` applies here too: they may own one under another email.
    """

    matching_email_exists: bool = member("imin:matchingEmailExists", default=False)


@attrs.frozen(kw_only=True)
class UnrecognisedAccount:
    """An item that can't be read as any of the three states. It costs no other item anything.

    Attributes:
        seller: The seller, where that much could be read.
        document: The item as received, any JSON value. Read only; hidden in the repr.
        problems: Why, one sentence each, with JSON paths and without values.
        extra: Always empty: ``document`` holds everything.
    """

    seller: Seller | None = None
    document: Any = attrs.field(repr=False, hash=False)
    problems: tuple[str, ...] = attrs.field(default=(), eq=False)
    extra: Extra = attrs.field(default=NOTHING_EXTRA, hash=False)


SellerAccount: TypeAlias = ConnectedAccount | UnconnectedAccount | NoAccount | UnrecognisedAccount


@attrs.frozen(kw_only=True, field_transformer=_mask_private)
class SellerAccounts:
    """A customer's accounts, one item for each seller, in the order received.

    Attributes:
        id: The collection's own URL, which names the customer.
        item: The accounts; ``()`` means no sellers. Iterating goes over these.
        entitlement_filter: The opaque token that makes Search show this customer's prices.
        problems: What could not be read of the envelope; each account has its own.
    """

    context: tuple[str, ...] = member("@context", default=())
    id: Private | None = member("@id", "id", default=None)
    type: str | None = member("@type", "type", default=None)
    entitlement_filter: Private | None = member("imin:entitlementFilter", default=None)
    item: tuple[SellerAccount, ...] = member("imin:item", default=())
    problems: tuple[str, ...] = attrs.field(default=(), eq=False)
    extra: Extra = attrs.field(default=NOTHING_EXTRA, hash=False)

    def __iter__(self) -> Iterator[SellerAccount]:
        return iter(self.item)

    def __len__(self) -> int:
        return len(self.item)

    @property
    def connected(self) -> tuple[ConnectedAccount, ...]:
        """The connected accounts, in order."""
        return tuple(a for a in self.item if isinstance(a, ConnectedAccount))

    @property
    def unrecognised(self) -> tuple[UnrecognisedAccount, ...]:
        """The items that could not be read, in order."""
        return tuple(a for a in self.item if isinstance(a, UnrecognisedAccount))

    def for_seller(self, seller_id: str) -> SellerAccount | None:
        """The account with the seller whose ``@id`` is exactly ``seller_id``; None if not listed.

        Where a seller is listed twice, a connected account wins, else the first.
        """
        found = [a for a in self.item if a.seller is not None and a.seller.id == seller_id]
        return next((a for a in found if isinstance(a, ConnectedAccount)), found[0] if found else None)

    def with_entitlement_filter(self, url: str | URL) -> URL:
        """A Search URL that shows this customer's prices.

        Args:
            url: An absolute http(s) URL. Its own query is kept as it is; a filter already there is
                replaced.

        Returns:
            ``url`` with the token, percent-encoded, as ``entitlementFilter``; ``url`` unchanged where
            there is no token.

        Raises:
            InvalidRequest: Not an absolute http(s) URL, or over 2,048 characters with the token.
        """
        raise NotImplementedError

    def drift(self) -> dict[str, int]:
        """What the API has changed: unknown members, unknown types, unreadable items.

        Returns:
            How often each was met, by a sentence with its JSON path (``[*]`` for any index); ``{}``
            where the reply is as documented.
        """
        raise NotImplementedError
