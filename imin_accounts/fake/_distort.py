"""Replies that are not as documented: bodies that can't be read, and documents that have drifted."""

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

__all__ = ["Drift", "Flaw", "drifted", "malformed"]


class Flaw(StrEnum):
    """Why a body is not the documented collection."""

    NOT_JSON = "not json"
    TRUNCATED = "truncated"
    EMPTY = "empty"
    ARRAY = "array"
    NOT_A_COLLECTION = "not a collection"
    ITEMS_NOT_A_LIST = "items not a list"
    TOO_DEEP = "too deep"


class Drift(StrEnum):
    """How a document differs from the documented one.

    Attributes:
        SIBLING_SPELLINGS: Everything as sibling pages of the API spell it; nothing is lost by it.
        UNKNOWN_MEMBERS: Every object has a member that no page shows.
        NULLS: Nulls and empty arrays where the platform says it leaves them out.
        BAD_VALUES: Values of the wrong type; some accounts can't be read.
        NO_ID: The collection doesn't say whom it is about.
    """

    SIBLING_SPELLINGS = "sibling spellings"
    UNKNOWN_MEMBERS = "unknown members"
    NULLS = "nulls"
    BAD_VALUES = "bad values"
    NO_ID = "no id"


def malformed(body: bytes, flaw: Flaw) -> bytes:
    """``body`` made unreadable."""
    match flaw:
        case Flaw.NOT_JSON:
            return b"<html><body>Service temporarily unavailable</body></html>"
        case Flaw.TRUNCATED:
            return body[: len(body) // 2]
        case Flaw.EMPTY:
            return b""
        case Flaw.ARRAY:
            return b"[" + body + b"]"
        case Flaw.NOT_A_COLLECTION:
            return b'{"status":"ok"}'
        case Flaw.ITEMS_NOT_A_LIST:
            return json.dumps({**json.loads(body), "imin:item": "none"}).encode()
    assert flaw is Flaw.TOO_DEEP
    return b'{"imin:item":' + b"[" * 100 + b"]" * 100 + b"}"


def drifted(body: bytes, drift: Drift) -> bytes:
    """A documented reply, drifted."""
    return json.dumps(_DRIFTS[drift](json.loads(body)), ensure_ascii=False).encode()


def _each_object(value: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """``value`` with ``change`` made to every object in it, innermost first."""
    if isinstance(value, list):
        return [_each_object(item, change) for item in value]
    if isinstance(value, dict):
        return change({key: _each_object(member, change) for key, member in value.items()})
    return value


_RENAMED = {
    "@id": "id",
    "@type": "type",
    "expires": "validUntil",
    "hiddenEntitlements": "hasHiddenEntitlements",
    "evidenceRequest": "evidenceRequestAction",
}


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


_RESHAPED: Mapping[str, Callable[[Any], Any]] = {
    "accessPass": lambda value: [value],
    "entitlement": _first,
    "imin:entitlementUpdateErrors": _first,
    "imin:evidenceRequests": _first,
    "entitlementType": lambda value: value.get("id", value) if isinstance(value, dict) else value,
    "logo": lambda value: value.get("url", value) if isinstance(value, dict) else value,
    "target": lambda value: {"type": "EntryPoint", "urlTemplate": value},
}


def _sibling_spellings(node: dict[str, Any]) -> dict[str, Any]:
    return {_RENAMED.get(key, key): _RESHAPED.get(key, lambda v: v)(value) for key, value in node.items()}


def _unknown_members(node: dict[str, Any]) -> dict[str, Any]:
    return {**node, "beta:unheardOf": {"level": 1}}


def _nulls(node: dict[str, Any]) -> dict[str, Any]:
    return {"accessPass": None, "imin:evidenceRequests": [], **node} if "dateLinked" in node else node


def _bad_values(document: Any) -> Any:
    wrong = ({"dateLinked": "yesterday"}, {"imin:matchingEmailExists": "true"}, {"seller": 7})
    items = document.get("imin:item", [])
    return {**document, "imin:item": [{**item, **wrong[i % 3]} for i, item in enumerate(items)]}


def _no_id(document: Any) -> Any:
    return {key: value for key, value in document.items() if key != "@id"}


_DRIFTS: Mapping[Drift, Callable[[Any], Any]] = {
    Drift.SIBLING_SPELLINGS: lambda document: _each_object(document, _sibling_spellings),
    Drift.UNKNOWN_MEMBERS: lambda document: _each_object(document, _unknown_members),
    Drift.NULLS: lambda document: _each_object(document, _nulls),
    Drift.BAD_VALUES: _bad_values,
    Drift.NO_ID: _no_id,
}
