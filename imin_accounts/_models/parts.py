"""What an account holds: its seller, the customer there, passes, entitlements, requests and actions.

Each class is named by its role and each field by the API's own term in snake case. ``names`` states the
JSON member of a field where that is more than the name in camel case, and the other spellings under
which imin's pages show it.

API page: "Seller Accounts [BETA]", section "Get Seller Accounts".
"""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import attrs
from yarl import URL

from imin_accounts._models.node import (
    Context,
    LastMoment,
    Link,
    Node,
    Private,
    api_names,
    equal,
    names,
    plain,
)
from imin_accounts._models.urls import is_link
from imin_accounts._models.values import absent
from imin_accounts.errors import InvalidRequest


class ActionStatus(StrEnum):
    """Where an action stands: schema.org's ActionStatusType, as full https URLs."""

    POTENTIAL = "https://schema.org/PotentialActionStatus"
    ACTIVE = "https://schema.org/ActiveActionStatus"
    COMPLETED = "https://schema.org/CompletedActionStatus"
    FAILED = "https://schema.org/FailedActionStatus"


@attrs.frozen(kw_only=True, field_transformer=api_names)
class Image(Node):
    """A seller's logo. ``url`` is as received: escape it before it goes into a page."""

    _types = ("ImageObject",)
    _vocabulary = ("ImageObject", "Barcode")
    _alone = "url"
    url: str | None = None


def _only(value: Any) -> Any:
    """JSON-LD takes ``[x]`` for ``x``."""
    return value[0] if type(value) is list and len(value) == 1 else value


def _repeats_logo(image: Any, logo: Image | None) -> bool:
    """Whether ``image`` is one picture, and that of the logo."""
    one = {"url": _only(image)} if type(_only(image)) is str else _only(image)
    if logo is None or type(one) is not dict:
        return False
    texts: dict[str, Any] = {}
    for key, name in (("@id", "id"), ("id", "id"), ("@type", "type"), ("type", "type"), ("url", "url")):
        found = _only(one.get(key)) if name == "type" else one.get(key)
        if type(found) is str:
            texts.setdefault(name, found)
    return logo == Image(**texts, extra=one)


@attrs.frozen(kw_only=True, eq=False, unsafe_hash=True, field_transformer=api_names)
class Seller(Node):
    """Who sells places: an organisation with a database of customers of its own.

    Attributes:
        id: The key for ``delete_seller_account``, byte for byte as received.
        logo: The member ``logo``; where there is none, the first picture of ``image``.
    """

    _types = ("Organization",)
    _vocabulary = ("Organization", "Person")
    _alone = "id"
    id: str
    name: str | None = None
    url: str | None = None
    logo: Image | None = attrs.field(
        default=None, metadata=names("logo", instead="image", repeats=_repeats_logo)
    )
    email: Private | None = None
    telephone: Private | None = None
    same_as: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        return equal(self, other) if type(other) is type(self) else NotImplemented


@attrs.frozen(kw_only=True, field_transformer=api_names)
class Customer(Node):
    """The person as the seller's own database knows them."""

    _types = ("Person",)
    _vocabulary = ("Person", "Organization")
    _alone = "id"
    id: Private | None = None
    email: Private | None = None
    date_modified: datetime | None = None


@attrs.frozen(kw_only=True, field_transformer=api_names)
class AccessPass(Node):
    """What opens the seller's door: a ``Barcode``, or a picture of one, an ``ImageObject``.

    Attributes:
        text: The barcode's number or text; None for a picture.
        url: A picture of the pass, as received; None where there is none.
        code_type: How the text is drawn (``beta:codeType``), e.g. ``"code128"`` or ``"qrcode"``.
    """

    _types = ("Barcode", "ImageObject")
    _vocabulary = ("Barcode", "ImageObject")
    id: Private | None = None
    text: Private | None = None
    url: Private | None = None
    code_type: str | None = attrs.field(default=None, metadata=names("beta:codeType"))
    date_modified: datetime | None = None


@attrs.frozen(kw_only=True, field_transformer=api_names)
class EntitlementUpdateError(Node):
    """Why the seller could not apply an entitlement, e.g. an ``EntitlementConflict``."""

    _types = ("EntitlementConflict", "BarcodeInvalidError", "UpdateFailedError")
    _vocabulary = ("OpenBookingError",)
    context: Context = ()
    name: str | None = None
    description: Private | None = None


@attrs.frozen(kw_only=True, field_transformer=api_names)
class EntitlementType(Node):
    """Which discount an entitlement is: a concept in a seller's or a council's scheme."""

    _types = ("Concept",)
    _vocabulary = ("Concept",)
    _alone = "id"
    pref_label: str | None = None
    in_scheme: str | None = None


def _repeats_url(target: Any, url: str | None) -> bool:
    """Whether ``target`` is that URL, or an EntryPoint that holds nothing else."""
    if type(target) is not dict:
        return bool(target == url)
    members = {key: each for key, each in target.items() if not absent(each)}
    types = [_only(members.pop(key)) for key in ("@type", "type") if key in members]
    is_entry_point = all(type(each) is str and plain(each) == "EntryPoint" for each in types)
    is_only_url = {"urlTemplate", "url"}.issuperset(members) and all(each == url for each in members.values())
    return is_entry_point and is_only_url and bool(members)


@attrs.frozen(kw_only=True, eq=False, unsafe_hash=True, field_transformer=api_names)
class EvidenceRequest(Node):
    """A request to upload proof of an entitlement.

    Attributes:
        url: The upload form; whoever holds the link can open it. Where there is none, it is read from an
            EntryPoint under ``target``, as OpenActive's actions have it.
        expiry: When the link ends; of a date without a time it is the day's first moment in UTC.
        action_status: None where it was absent or of a kind unknown here; the text is in ``extra``.
    """

    _types = ("EvidenceRequestAction",)
    _vocabulary = ("Action",)
    id: Private | None = None
    url: Private | None = attrs.field(
        default=None, metadata=names("url", instead="target", repeats=_repeats_url)
    )
    expiry: datetime | None = None
    action_status: ActionStatus | None = None

    def __eq__(self, other: object) -> bool:
        return equal(self, other) if type(other) is type(self) else NotImplemented

    @property
    def is_outstanding(self) -> bool:
        """Whether proof is still owed. Everything but a completed request counts, unknown ones too."""
        return self.action_status is not ActionStatus.COMPLETED


@attrs.frozen(kw_only=True, field_transformer=api_names)
class Entitlement(Node):
    """A discount that a customer has, or has asked for.

    Attributes:
        expires: When it ends; None where the document does not say or says it unreadably. Of a date
            without a time it is the day's last moment in UTC.
        evidence_request: The proof asked for; None where none is.
    """

    _types = ("Entitlement",)
    _vocabulary = ("Entitlement",)
    _alone = "id"
    context: Context = ()
    expires: LastMoment | None = attrs.field(default=None, metadata=names("expires", "validUntil"))
    evidence_request: EvidenceRequest | None = attrs.field(
        default=None, metadata=names("evidenceRequest", "evidenceRequestAction")
    )
    entitlement_type: EntitlementType | None = None

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
        return self.expires is not None and timedelta() <= self.expires - now <= within


@attrs.frozen(kw_only=True, field_transformer=api_names)
class ConnectAction(Node):
    """A way to connect: ``RegisterAction`` to an existing account, ``CreateAction`` to a new one.

    Attributes:
        target: Where to send the customer's browser, as received; None where it is absent or not
            http(s). It holds a short-lived token, another at every fetch: fetch it at the click, never keep
            it. So it does not count in equality.
    """

    _types = ("RegisterAction", "CreateAction")
    _vocabulary = ("Action",)
    target: Link | None = attrs.field(default=None, eq=False)

    @property
    def url(self) -> URL | None:
        """``target`` as a URL, never re-encoded; None where it is nothing that a browser may open."""
        return URL(self.target, encoded=True) if self.target and is_link(self.target) else None
