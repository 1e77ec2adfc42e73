"""The JSON-LD that the service answers with, written from what it knows.

Members stand in the documented order. What is null and what is an empty array is left out, as
everywhere in imin's platform. It is written without the package's own converter, so that what the
converter reads in a test was not written by its own hand; but for the models that a test hands in.

API page: "Seller Accounts [BETA]", section "Get Seller Accounts".
"""

import copy
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

import attrs

from imin_accounts._wire.converter import to_jsonld
from imin_accounts.fake._validation import aware, flag, text
from imin_accounts.models import (
    AccessPass,
    ConnectedAccount,
    Entitlement,
    EntitlementUpdateError,
    Seller,
    SellerAccounts,
)

__all__ = [
    "AccessPasses",
    "Connection",
    "Entitlements",
    "Node",
    "UpdateErrors",
    "collection",
    "connected",
    "entitlement_nodes",
    "error_nodes",
    "not_connected",
    "pass_nodes",
    "seller_node",
]

Node = Mapping[str, Any]
"""A JSON-LD object."""
AccessPasses: TypeAlias = Iterable[AccessPass | Mapping[str, Any]]
Entitlements: TypeAlias = Iterable[Entitlement | Mapping[str, Any]]
UpdateErrors: TypeAlias = Iterable[EntitlementUpdateError | Mapping[str, Any]]


@attrs.frozen(kw_only=True)
class Connection:
    """What a seller shares about one connected account.

    Attributes:
        email: Of the account with the seller: it may differ from the one that the broker knows.
        date_linked: When it was connected.
        date_modified: When the seller last changed the customer's details.
        access_pass: The barcode's text.
        access_pass_modified: When the seller last changed that.
        access_passes, entitlements, evidence, update_errors: JSON-LD objects, sent as they are.
    """

    email: str | None = attrs.field(validator=text(optional=True), repr=False)
    date_linked: datetime = attrs.field(validator=aware)
    date_modified: datetime = attrs.field(validator=aware)
    access_pass_modified: datetime = attrs.field(validator=aware)
    hidden_entitlements: bool | None = attrs.field(default=False, validator=flag(optional=True))
    access_pass: str | None = attrs.field(default=None, validator=text(optional=True), repr=False)
    access_passes: tuple[Node, ...] = attrs.field(default=(), repr=False)
    entitlements: tuple[Node, ...] = attrs.field(default=(), repr=False)
    evidence: tuple[Node, ...] = attrs.field(default=(), repr=False)
    update_errors: tuple[Node, ...] = attrs.field(default=(), repr=False)


def collection(url: str, items: Iterable[Node], entitlement_filter: str | None) -> dict[str, Any]:
    """The whole reply about one customer; ``url`` is its ``@id``."""
    members = {
        "@context": ["https://openactive.io/", "https://schema.imin.co/"],
        "@id": url,
        "@type": "imin:Collection",
        "imin:entitlementFilter": entitlement_filter,
        "imin:item": list(items),
    }
    return {key: _pruned(value) for key, value in members.items() if not _absent(value)}


def seller_node(
    id: str,
    *,
    name: str | None,
    url: str | None,
    logo: str | None,
    email: str | None,
    telephone: str | None,
    same_as: Iterable[str],
) -> dict[str, Any]:
    """An organisation that sells places."""
    members = {
        "@type": "Organization",
        "@id": id,
        "name": name,
        "url": url,
        "logo": None if logo is None else {"@type": "ImageObject", "url": logo},
        "email": email,
        "telephone": telephone,
        "sameAs": list(same_as),
    }
    return {key: value for key, value in members.items() if not _absent(value)}


def not_connected(seller: Node, *, matching_email: bool, targets: Mapping[str, str]) -> Node:
    """The account of a customer who has not connected one; ``targets`` by the action's type."""
    actions = [{"@type": type, "target": target} for type, target in targets.items()]
    return {
        "@type": "Account",
        "seller": seller,
        "potentialAction": actions,
        "imin:matchingEmailExists": matching_email,
    }


def connected(seller: Node, connection: Connection, now: datetime) -> Node:
    """A connected account. Entitlements that have ended are no longer listed.

    Evidence requests stay listed whatever their dates, as the completed one of the documented
    reply does.
    """
    modified = date_text(connection.date_modified)
    barcode = {
        "@type": "Barcode",
        "text": connection.access_pass,
        "dateModified": date_text(connection.access_pass_modified),
    }
    passes = [*([] if connection.access_pass is None else [barcode]), *connection.access_passes]
    return {
        "@type": "Account",
        "seller": seller,
        "dateLinked": date_text(connection.date_linked),
        "hiddenEntitlements": connection.hidden_entitlements,
        "customer": {"@type": "Person", "email": connection.email, "dateModified": modified},
        "accessPass": passes if len(passes) > 1 else next(iter(passes), None),
        "entitlement": [node for node in connection.entitlements if not _has_ended(node, now)],
        "imin:entitlementUpdateErrors": connection.update_errors,
        "imin:evidenceRequests": connection.evidence,
    }


def date_text(moment: datetime) -> str:
    """A time as imin writes it: UTC, whole seconds, ``Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _has_ended(node: Node, now: datetime) -> bool:
    try:
        ends = datetime.fromisoformat(str(node.get("expires", node.get("validUntil"))))
        return ends <= now
    except (TypeError, ValueError):  # none, or one that is no date: sent as it is, for the client to judge
        return False


def _absent(value: Any) -> bool:
    return value is None or (isinstance(value, list | tuple) and not value)


def _pruned(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _pruned(member) for key, member in value.items() if not _absent(member)}
    if isinstance(value, list | tuple):
        return [_pruned(member) for member in value]
    return value


# -- what a test hands in


def entitlement_nodes(values: Entitlements) -> tuple[Node, ...]:
    """Entitlements as JSON-LD objects; objects are copied, and sent as they are."""
    return tuple(
        _written("entitlement", entitlements=(value,)) if isinstance(value, Entitlement) else _copied(value)
        for value in values
    )


def pass_nodes(values: AccessPasses) -> tuple[Node, ...]:
    """Access passes as JSON-LD objects, likewise."""
    return tuple(
        _written("accessPass", access_passes=(value,)) if isinstance(value, AccessPass) else _copied(value)
        for value in values
    )


def error_nodes(values: UpdateErrors) -> tuple[Node, ...]:
    """Update errors as JSON-LD objects, likewise."""
    key = "imin:entitlementUpdateErrors"
    return tuple(
        _written(key, entitlement_update_errors=(value,))
        if isinstance(value, EntitlementUpdateError)
        else _copied(value)
        for value in values
    )


def _written(key: str, **fields: Any) -> Node:
    account = ConnectedAccount(seller=Seller(id="urn:any"), **fields)
    written = to_jsonld(SellerAccounts(item=(account,)))["imin:item"][0][key]
    node: Node = written[0] if isinstance(written, list) else written  # one access pass is no array
    return node


def _copied(value: Mapping[str, Any]) -> Node:
    return copy.deepcopy(dict(value))
