"""What may be done to an emulator over HTTP: each a class, whose attributes are the JSON that it takes.

They are called as the methods of ``FakeImin`` that they stand for.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol, TypeAlias

import attrs

from imin_accounts.fake._service import Service
from imin_accounts.fake._validation import Check, choice, flag, moment, nodes, number, text
from imin_accounts.models import ActionStatus

__all__ = [
    "AddCustomer",
    "AddMember",
    "AddSeller",
    "Advance",
    "ChangeAccount",
    "Command",
    "Complete",
    "Connect",
    "Decline",
    "Disconnect",
    "RemoveMember",
    "SetEvidence",
]

Node: TypeAlias = Mapping[str, Any]
_ID = text(filled=True)
_TEXT = text(optional=True)
_texts = Check(
    "an array of strings",
    {"type": "array", "items": {"type": "string"}},
    lambda value: isinstance(value, list | tuple) and all(isinstance(each, str) for each in value),
)
_SAME: Any = object()
"""The value of what is not named: None takes away."""
_STATUSES = {status.value: status for status in ActionStatus} | {
    status.value.rpartition("/")[2]: status for status in ActionStatus
}


def _read_moment(value: Any) -> Any:
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return value  # the validator refuses it, with the field's name


class Command(attrs.AttrsInstance, Protocol):
    """Something to be done."""

    def do(self, imin: Service) -> Any:
        """Do it. Returns what there is to say of it as JSON; None where there is nothing.

        Raises:
            ValueError: It can't be done; nothing changed.
        """


@attrs.frozen(kw_only=True)
class AddSeller:
    """Add a seller, or replace what it says of itself.

    Attributes:
        id: Its @id, usually a URL.
        name: What customers know it as.
        url: Its website.
        logo: The URL of an image.
        email, telephone: How to reach it.
        same_as: URLs of its pages elsewhere.
    """

    id: str = attrs.field(validator=_ID)
    name: str | None = attrs.field(default=None, validator=_TEXT)
    url: str | None = attrs.field(default=None, validator=_TEXT)
    logo: str | None = attrs.field(default=None, validator=_TEXT)
    email: str | None = attrs.field(default=None, validator=_TEXT)
    telephone: str | None = attrs.field(default=None, validator=_TEXT)
    same_as: tuple[str, ...] = attrs.field(default=(), validator=_texts)

    def do(self, imin: Service) -> None:
        imin.add_seller(**attrs.asdict(self))


@attrs.frozen(kw_only=True)
class AddCustomer:
    """Add a customer of the broker, or change their email.

    Attributes:
        id: The customer identifier.
        email: What the broker knows; None matches no seller's member.
        entitlement_filter: The opaque token in replies; made up where None.
    """

    id: str = attrs.field(validator=_ID)
    email: str | None = attrs.field(default=None, validator=_TEXT)
    entitlement_filter: str | None = attrs.field(default=None, validator=_TEXT)

    def do(self, imin: Service) -> None:
        imin.add_customer(**attrs.asdict(self))


@attrs.frozen(kw_only=True)
class AddMember:
    """Give a seller a member of its own, so that an account exists under that email.

    Attributes:
        seller: The seller's @id.
        email: Compared without regard to case.
        password: What logging in on the seller's page takes.
    """

    seller: str = attrs.field(validator=_ID)
    email: str = attrs.field(validator=_ID)
    password: str = attrs.field(default="password", validator=text())

    def do(self, imin: Service) -> None:
        imin.add_member(**attrs.asdict(self))


@attrs.frozen(kw_only=True)
class RemoveMember:
    """Take a seller's own account away; a connection that stands is left as it is.

    Attributes:
        seller: The seller's @id.
        email: The member's.
    """

    seller: str = attrs.field(validator=_ID)
    email: str = attrs.field(validator=_ID)

    def do(self, imin: Service) -> None:
        imin.remove_member(**attrs.asdict(self))


@attrs.frozen(kw_only=True)
class Connect:
    """Connect a customer's account with a seller, as if they had been through its pages.

    Attributes:
        customer: A customer identifier; added without an email where it is new.
        seller: The seller's @id.
        email: Of the account with the seller; the customer's own where None.
        date_linked: The present where None.
        hidden_entitlements: Whether the seller knows of discounts that it does not show.
        access_pass: The barcode's text; None for no barcode.
        access_passes: Further passes after it, such as pictures.
        entitlements: Discounts, sent under entitlement until they expire.
        evidence: Entitlements that ask for proof, sent under imin:evidenceRequests.
        update_errors: Sent under imin:entitlementUpdateErrors.
    """

    customer: str = attrs.field(validator=_ID)
    seller: str = attrs.field(validator=_ID)
    email: str | None = attrs.field(default=None, validator=_TEXT)
    date_linked: datetime | None = attrs.field(
        default=None, converter=_read_moment, validator=moment(optional=True)
    )
    hidden_entitlements: bool | None = attrs.field(default=False, validator=flag(optional=True))
    access_pass: str | None = attrs.field(default=None, validator=_TEXT)
    access_passes: tuple[Node, ...] = attrs.field(default=(), validator=nodes())
    entitlements: tuple[Node, ...] = attrs.field(default=(), validator=nodes())
    evidence: tuple[Node, ...] = attrs.field(default=(), validator=nodes())
    update_errors: tuple[Node, ...] = attrs.field(default=(), validator=nodes())

    def do(self, imin: Service) -> None:
        imin.connect(**attrs.asdict(self, recurse=False))


def _changed(check: Check) -> Any:
    is_valid = Check(check.words, check.schema, lambda value: value is _SAME or check.accepts(value))
    return attrs.field(default=_SAME, validator=is_valid)


@attrs.frozen(kw_only=True)
class ChangeAccount:
    """Change what a seller shares about a connected account; what is not named stays. May notify.

    Attributes:
        customer: A customer identifier.
        seller: The seller's @id.
        email: Of the account with the seller, a detail of the customer; null takes it away.
        hidden_entitlements: Whether the seller knows of discounts that it does not show.
        access_pass: The barcode's text; null takes it away.
        access_passes: Further passes after it, such as pictures.
        entitlements: Discounts, sent under entitlement until they expire.
        evidence: Entitlements that ask for proof, sent under imin:evidenceRequests.
        update_errors: Sent under imin:entitlementUpdateErrors.
    """

    customer: str = attrs.field(validator=_ID)
    seller: str = attrs.field(validator=_ID)
    email: str | None = _changed(_TEXT)
    hidden_entitlements: bool | None = _changed(flag(optional=True))
    access_pass: str | None = _changed(_TEXT)
    access_passes: tuple[Node, ...] = _changed(nodes())
    entitlements: tuple[Node, ...] = _changed(nodes())
    evidence: tuple[Node, ...] = _changed(nodes())
    update_errors: tuple[Node, ...] = _changed(nodes())

    def do(self, imin: Service) -> None:
        named = {
            name: value for name, value in attrs.asdict(self, recurse=False).items() if value is not _SAME
        }
        imin.change_account(**named)


@attrs.frozen(kw_only=True)
class Disconnect:
    """Disconnect at the seller; the seller's own account remains. Says whether anything was connected.

    Attributes:
        customer: A customer identifier.
        seller: The seller's @id.
    """

    customer: str = attrs.field(validator=_ID)
    seller: str = attrs.field(validator=_ID)

    def do(self, imin: Service) -> dict[str, bool]:
        return {"disconnected": imin.disconnect(self.customer, self.seller)}


@attrs.frozen(kw_only=True)
class Complete:
    """Go through the seller's page that a connect link leads to, and connect. Says where the browser is sent.

    Attributes:
        target: A link from a reply, of a RegisterAction to log in, of a CreateAction to make an account.
        email: What the customer enters; the email that the broker knows where None.
        password: What they enter, or choose.
    """

    target: str = attrs.field(validator=_ID)
    email: str | None = attrs.field(default=None, validator=_TEXT)
    password: str = attrs.field(default="password", validator=text())

    def do(self, imin: Service) -> dict[str, str]:
        return {"location": imin.complete(self.target, email=self.email, password=self.password)}


@attrs.frozen(kw_only=True)
class Decline:
    """Go to the seller's page that a connect link leads to, and decline. Says where the browser is sent.

    Attributes:
        target: A link from a reply.
    """

    target: str = attrs.field(validator=_ID)

    def do(self, imin: Service) -> dict[str, str | None]:
        return {"location": imin.decline(self.target)}


@attrs.frozen(kw_only=True)
class SetEvidence:
    """Move an evidence request on: requested, submitted (Active), then Completed or Failed.

    Attributes:
        customer: A customer identifier.
        seller: The seller's @id.
        entitlement: The @id of the entitlement that asks for proof.
        status: The next one.
    """

    customer: str = attrs.field(validator=_ID)
    seller: str = attrs.field(validator=_ID)
    entitlement: str = attrs.field(validator=_ID)
    status: str = attrs.field(validator=choice(*_STATUSES))

    def do(self, imin: Service) -> None:
        imin.set_evidence(self.customer, self.seller, self.entitlement, _STATUSES[self.status])


@attrs.frozen(kw_only=True)
class Advance:
    """Let time pass: links and entitlements may expire.

    Attributes:
        seconds: How much.
    """

    seconds: float = attrs.field(validator=number(0))

    def do(self, imin: Service) -> None:
        imin.advance(self.seconds)
