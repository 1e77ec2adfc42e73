"""The API's nodes as frozen attrs classes: what the session hands out.

Each class is named by its role and each field by the API's own term in snake case. ``names`` states the
JSON member of a field where that is more than the name in camel case, and the other spellings under
which imin's pages show it. Absent arrays are ``()``, absent scalars ``None``.

Every class has ``extra``: the members that have no field, and every spelling of a field other than
the documented one. Nothing of a reply is lost between ``from_jsonld`` and ``to_jsonld``.

API page: "Seller Accounts [BETA]", section "Get Seller Accounts".
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, TypeAlias, overload

import attrs
from yarl import URL

from imin_accounts._models.drift import note_drift
from imin_accounts._models.node import (
    Context,
    Node,
    Private,
    api_names,
    identifiers_of,
    in_any_vocabulary,
    keys_of,
    local_name,
    names,
    other_sellers,
    without_targets,
)
from imin_accounts._models.parts import (
    AccessPass,
    ActionStatus,
    ConnectAction,
    Customer,
    Entitlement,
    EntitlementType,
    EntitlementUpdateError,
    EvidenceRequest,
    Image,
    Seller,
)
from imin_accounts._models.pydantic import InPydantic
from imin_accounts._models.urls import customer_in, with_query_member
from imin_accounts._models.values import NOTHING_EXTRA, Extra, checked_json, copied
from imin_accounts.errors import InvalidRequest

__all__ = [
    "AccessPass",
    "ActionStatus",
    "ConnectAction",
    "ConnectedAccount",
    "Customer",
    "Entitlement",
    "EntitlementType",
    "EntitlementUpdateError",
    "EvidenceRequest",
    "Extra",
    "Image",
    "NoAccount",
    "Seller",
    "SellerAccount",
    "SellerAccounts",
    "UnconnectedAccount",
    "UnrecognisedAccount",
]


@attrs.frozen(kw_only=True, field_transformer=api_names)
class _Account(Node):
    _types = ("Account",)
    _vocabulary = ("CustomerAccount",)
    id: Private | None = None
    seller: Seller
    problems: tuple[str, ...] = attrs.field(default=(), eq=False, metadata=names())


def _flag(value: bool) -> Any:
    def check(_: object, __: object, given: bool) -> None:
        if given is not value:
            raise InvalidRequest(f"matching_email_exists must be {value} in this class")

    return attrs.field(default=value, metadata=names("imin:matchingEmailExists"), validator=check)


@attrs.frozen(kw_only=True, field_transformer=api_names)
class _NotConnected(_Account):
    potential_action: tuple[ConnectAction, ...] = ()

    def __attrs_post_init__(self) -> None:
        if self.extra and in_any_vocabulary(CONNECTED_NAMES, self.extra):
            raise InvalidRequest("extra must not hold members that only a connected account has")

    @property
    def register_url(self) -> URL | None:
        """Where the browser goes to connect an account that the customer has with the seller.

        None where ``redirect_uri`` was not sent, or imin gave no such link or several different ones.
        """
        return self._target("RegisterAction")

    @property
    def create_url(self) -> URL | None:
        """Where the browser goes to create an account and connect it; None as for ``register_url``."""
        return self._target("CreateAction")

    def _target(self, type: str) -> URL | None:
        urls = {action.url for action in self.potential_action if action.type == type} - {None}
        return urls.pop() if len(urls) == 1 else None


@attrs.frozen(kw_only=True, field_transformer=api_names)
class UnconnectedAccount(_NotConnected):
    """The seller knows the customer's email, but the account is not connected."""

    matching_email_exists: bool = _flag(True)


@attrs.frozen(kw_only=True, field_transformer=api_names)
class NoAccount(_NotConnected):
    """No account is known under the customer's email.

    ``register_url`` applies here too: they may own one under another email.
    """

    matching_email_exists: bool = _flag(False)


@attrs.frozen(kw_only=True, field_transformer=api_names)
class ConnectedAccount(_Account):
    """The customer's account with the seller is connected to the broker.

    Attributes:
        hidden_entitlements: Whether the seller keeps some entitlements to itself; None if not said.
        entitlements: Discounts under the member ``entitlement``, as sibling pages of the API show.
        evidence_requests: Entitlements that ask for proof (``imin:evidenceRequests``).
        access_passes: Barcodes and pictures, in order: a broker must offer the customer all of them.
        problems: What could not be read, one sentence each, without values; ``()`` if all was.
    """

    _elsewhere = keys_of(UnconnectedAccount)

    date_linked: datetime | None = None
    hidden_entitlements: bool | None = attrs.field(
        default=None, metadata=names("hiddenEntitlements", "hasHiddenEntitlements")
    )
    customer: Customer | None = None
    access_passes: tuple[AccessPass, ...] = attrs.field(default=(), metadata=names("accessPass"))
    entitlement_update_errors: tuple[EntitlementUpdateError, ...] = attrs.field(
        default=(), metadata=names("imin:entitlementUpdateErrors")
    )
    evidence_requests: tuple[Entitlement, ...] = attrs.field(
        default=(), metadata=names("imin:evidenceRequests")
    )
    entitlements: tuple[Entitlement, ...] = attrs.field(default=(), metadata=names("entitlement"))

    def __attrs_post_init__(self) -> None:
        telling = (field for field in attrs.fields(type(self)) if CONNECTED_ONLY & {*field.metadata["keys"]})
        says_so = any(getattr(self, field.name) not in (None, ()) for field in telling)
        if not (says_so or CONNECTED_ONLY & self.extra.keys() or UNCONNECTED_ONLY.isdisjoint(self.extra)):
            raise InvalidRequest(
                "extra must not say that the account is not connected, if nothing else tells"
            )

    @property
    def access_pass(self) -> AccessPass | None:
        """The first pass with a text, else the first; None where there is none."""
        with_text = (each for each in self.access_passes if each.text)
        return next(with_text, self.access_passes[0] if self.access_passes else None)


def _own_copy(document: Any) -> Any:
    return checked_json("document", document)


def _exact(document: Any) -> Extra:
    return Extra({"document": without_targets(document)})


@attrs.frozen(kw_only=True)
class UnrecognisedAccount(InPydantic):
    """An item that can't be read as any of the three states. It costs no other item anything.

    Attributes:
        seller: The seller, where that much could be read.
        document: The item as received, any JSON value, as a copy. Hidden in the repr.
        problems: Why, one sentence each, with JSON paths and without values.
        extra: Always empty: ``document`` holds everything.

    Raises:
        InvalidRequest: ``document`` is no JSON value, or has no place for a ``seller``.
    """

    _is_of_any_json = True

    seller: Seller | None = None
    _document: Any = attrs.field(alias="document", repr=False, hash=False, eq=_exact, converter=_own_copy)
    problems: tuple[str, ...] = attrs.field(default=(), eq=False)
    extra: Extra = attrs.field(default=NOTHING_EXTRA, hash=False, init=False)

    def __attrs_post_init__(self) -> None:
        if self.seller is not None and type(self._document) is not dict:
            raise InvalidRequest("seller needs a document that is a JSON object")

    @property
    def document(self) -> Any:
        return copied(self._document)

    @classmethod
    def _as_received(cls, document: Any, seller: Seller | None = None) -> "UnrecognisedAccount":
        """One of a document that was parsed for it, so that it need not be checked and copied."""
        made = object.__new__(cls)
        slots = {"seller": seller, "_document": document, "problems": (), "extra": NOTHING_EXTRA}
        for name, value in slots.items():
            object.__setattr__(made, name, value)
        return made


CONNECTED_ONLY = keys_of(ConnectedAccount) - keys_of(UnconnectedAccount)
"""JSON keys that only a connected account has: one of them makes an account connected."""
UNCONNECTED_ONLY = keys_of(UnconnectedAccount) - keys_of(ConnectedAccount)
"""JSON keys that a connected account has not."""
CONNECTED_NAMES, UNCONNECTED_NAMES = (
    frozenset(map(local_name, keys)) for keys in (CONNECTED_ONLY, UNCONNECTED_ONLY)
)
"""Their local names: in another state a member of such a name, in any vocabulary, is a contradiction."""

SellerAccount: TypeAlias = ConnectedAccount | UnconnectedAccount | NoAccount | UnrecognisedAccount


def sellers_of(account: SellerAccount) -> set[str | None]:
    """Every seller that an item names, in whatever spelling; None stands for one without an identifier."""
    named: set[str | None] = set() if account.seller is None else {*identifiers_of(account.seller)}
    members = account._document if isinstance(account, UnrecognisedAccount) else account.extra
    if not members or not isinstance(members, Mapping):
        return named
    return named.union(*other_sellers(members).values())


@attrs.frozen(kw_only=True, field_transformer=api_names)
class SellerAccounts(Node):
    """A customer's accounts, one item for each seller, in the order received.

    Attributes:
        id: The collection's own URL, which names the customer.
        item: The accounts; ``()`` means no sellers. Iterating goes over these.
        entitlement_filter: The opaque token that makes Search show this customer's prices.
        problems: What could not be read of the envelope; each account has its own.
    """

    _types = ("imin:Collection",)
    _vocabulary = ("imin:Collection",)
    context: Context = ()
    id: Private | None = None
    entitlement_filter: Private | None = attrs.field(default=None, metadata=names("imin:entitlementFilter"))
    item: tuple[SellerAccount, ...] = attrs.field(default=(), metadata=names("imin:item"))
    problems: tuple[str, ...] = attrs.field(default=(), eq=False, metadata=names())

    def __iter__(self) -> Iterator[SellerAccount]:
        return iter(self.item)

    def __len__(self) -> int:
        return len(self.item)

    @overload
    def __getitem__(self, index: int) -> SellerAccount: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[SellerAccount, ...]: ...

    def __getitem__(self, index: int | slice) -> SellerAccount | tuple[SellerAccount, ...]:
        return self.item[index]

    @property
    def customer(self) -> str | None:
        """Whose accounts these are, as ``@id`` says: imin's identifier; None where it names nobody.

        Where it is there in several spellings, all of them have to name the same.
        """
        if self.extra is NOTHING_EXTRA:
            return customer_in(self.id) if isinstance(self.id, str) else None
        received = (self.id, self.extra.get("@id"), self.extra.get("id"))
        named = {
            customer_in(each) if isinstance(each, str) else None for each in received if each is not None
        }
        return named.pop() if len(named) == 1 else None

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
        found = self._by_seller.get(seller_id, ())
        return next((a for a in found if isinstance(a, ConnectedAccount)), found[0] if found else None)

    @cached_property
    def _by_seller(self) -> dict[str, list[SellerAccount]]:
        accounts: dict[str, list[SellerAccount]] = {}
        for account in self.item:
            if account.seller is not None:
                accounts.setdefault(account.seller.id, []).append(account)
        return accounts

    def is_connected(self, seller_id: str) -> bool | None:
        """Whether the account with a seller is connected, as far as this reply is evidence of it.

        Only a reply that says whom it is about is, and only where exactly one item is about that seller
        and reads without contradiction. So False means that the account is certainly not connected.

        Args:
            seller_id: The seller's ``@id``, byte for byte.

        Returns:
            None where the reply does not tell.
        """
        match None if self.customer is None else self._only(seller_id):
            case ConnectedAccount(extra=extra) if not in_any_vocabulary(UNCONNECTED_NAMES, extra):
                return True
            case UnconnectedAccount() | NoAccount():
                return False
            case _:
                return None

    def connect_url(self, seller_id: str, *, create: bool = False) -> URL | None:
        """Where to send the customer's browser, at once, to connect an account with a seller.

        Args:
            seller_id: The seller's ``@id``, byte for byte.
            create: To create an account there (``create_url``) rather than to log in (``register_url``).
                Both apply in both states that are not connected.

        Returns:
            The link as imin gave it. None where the account is connected or can't be read, where the seller
            is not listed, or is twice or under two identifiers, and where ``redirect_uri`` was not sent or
            imin gave no such link, or several different ones.
        """
        match self._only(seller_id):
            case UnconnectedAccount() | NoAccount() as account:
                return account.create_url if create else account.register_url
            case _:
                return None

    def _only(self, seller_id: str) -> SellerAccount | None:
        """The one item about a seller; None where none is, several are, or one is about another one too."""
        about = [named for named in map(sellers_of, self.item) if seller_id in named]
        return self._by_seller.get(seller_id, [None])[0] if about == [{seller_id}] else None

    def with_entitlement_filter(self, url: str | URL) -> URL:
        """A Search URL that shows this customer's prices.

        Args:
            url: An absolute http(s) URL, percent-encoded. Its own query is kept as it is; a filter
                already there is replaced.

        Returns:
            ``url`` with the token, percent-encoded, as ``entitlementFilter``; ``url`` unchanged where
            there is no token.

        Raises:
            InvalidRequest: Not an absolute http(s) URL, or over 2,048 characters with the token.

        API page: "Entitlement Filter (Search) [BETA]".
        """
        return with_query_member(url, "entitlementFilter", self.entitlement_filter)

    def drift(self) -> dict[str, int]:
        """What the API has changed: unknown members, unknown types, unreadable items.

        Unknown is what neither the API's pages nor OpenActive's vocabulary have at that place. A missing
        ``@id`` counts too: without it nobody can tell whose accounts these are. Another spelling of a
        known member does not.

        Returns:
            How often each was met, by a sentence with its JSON path (``[*]`` for any index); ``{}``
            where the reply is as documented.
        """
        seen = Counter[str]() if self.id else Counter(["missing member $['@id']"])
        note_drift(self, "$", seen)
        return dict(seen)
