"""What an account holds: its seller, the customer there, passes, entitlements, requests and actions.

Each class is named by its role and each field by the API's own term in snake case. ``names`` states the
JSON member of a field where that is more than the name in camel case, and the other spellings under
which imin's pages show it.

API page: "Seller Accounts [BETA]", section "Get Seller Accounts".
"""

from datetime import UTC, datetime, timedelta
from enum import StrEnum

import attrs
from yarl import URL

from imin_accounts._models.node import Context, LastMoment, Link, Node, Private, api_names, names
from imin_accounts._models.urls import is_link
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
    url: str | None = None


@attrs.frozen(kw_only=True, field_transformer=api_names)
class Seller(Node):
    """Who sells places: an organisation with a database of customers of its own.

    Attributes:
        id: The key for ``delete_seller_account``, byte for byte as received.
        logo: The member ``logo``; where there is none, the first picture of ``image``.
    """

    _types = ("Organization",)
    _vocabulary = ("Organization", "Person")
    id: str
    name: str | None = None
    url: str | None = None
    logo: Image | None = attrs.field(default=None, metadata=names("logo", instead="image"))
    email: Private | None = None
    telephone: Private | None = None
    same_as: tuple[str, ...] = ()


@attrs.frozen(kw_only=True, field_transformer=api_names)
class Customer(Node):
    """The person as the seller's own database knows them."""

    _types = ("Person",)
    _vocabulary = ("Person", "Organization")
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
    pref_label: str | None = None
    in_scheme: str | None = None


@attrs.frozen(kw_only=True, field_transformer=api_names)
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
    url: Private | None = attrs.field(default=None, metadata=names("url", instead="target"))
    expiry: datetime | None = None
    action_status: ActionStatus | None = None

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
