"""Models to JSON-LD objects: how a test may hand the emulator what a seller shares."""

import copy
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from imin_accounts._converter import to_jsonld
from imin_accounts.fake._documents import Node
from imin_accounts.models import ConnectedAccount, Entitlement, EntitlementUpdateError, Seller, SellerAccounts

Entitlements: TypeAlias = Iterable[Entitlement | Mapping[str, Any]]
UpdateErrors: TypeAlias = Iterable[EntitlementUpdateError | Mapping[str, Any]]


def entitlement_nodes(values: Entitlements) -> tuple[Node, ...]:
    """Entitlements as JSON-LD objects; objects are copied, and sent as they are."""
    return tuple(
        _written("entitlement", entitlements=(value,)) if isinstance(value, Entitlement) else _copied(value)
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
    node: Node = to_jsonld(SellerAccounts(item=(account,)))["imin:item"][0][key][0]
    return node


def _copied(value: Mapping[str, Any]) -> Node:
    return copy.deepcopy(dict(value))
