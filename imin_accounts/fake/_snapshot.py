"""The emulator's state as JSON values, to be kept in a file and loaded again."""

import copy
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from imin_accounts.fake._documents import Connection
from imin_accounts.fake._fixtures import text_of_reply
from imin_accounts.fake._population import Person, Population
from imin_accounts.fake._settings import Undocumented
from imin_accounts.fake._validation import (
    build,
    items_of,
    nodes,
    objects_of,
    refuse_deep,
    refuse_unknown,
    schema_of,
    text_of,
)

__all__ = ["STATE", "read", "written"]

VERSION = 1
_DATES = ("date_linked", "date_modified", "access_pass_modified")
_TEXT = {"type": "string"}
_NODES = dict.fromkeys(("access_passes", "entitlements", "evidence", "update_errors"), nodes().schema)


def _array(item: Mapping[str, Any], description: str, **keys: Mapping[str, Any]) -> dict[str, Any]:
    """An array of objects like ``item``, which have ``keys`` too."""
    properties = {**item.get("properties", {}), **keys}
    required = [*dict.fromkeys((*keys, *item.get("required", ())))]
    return {
        "description": description,
        "type": "array",
        "items": {**item, "properties": properties, "required": required},
    }


def _connection_schema() -> dict[str, Any]:
    """A connection; an earlier version's state has no date of the pass apart."""
    schema = schema_of(Connection, **_NODES)
    passes = schema["properties"]["access_pass_modified"]
    passes["description"] += " That of the details where left out."
    return {**schema, "required": [name for name in schema["required"] if name != "access_pass_modified"]}


STATE: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "What the emulator knows",
    "description": "The order of arrays is the order in which things were added. Links, faults, requests "
    "and the time are no part of it.",
    "type": "object",
    "properties": {
        "version": {"const": VERSION, "description": "Of this form; another number is refused."},
        "undocumented": schema_of(Undocumented),
        "sellers": _array(
            {"type": "object"}, "JSON-LD objects, sent as they are.", **{"@id": {"type": "string"}}
        ),
        "customers": _array(schema_of(Person), "The broker's customers.", id=_TEXT),
        "members": _array(
            {"type": "object", "additionalProperties": False},
            "The sellers' own accounts, by email in lower case.",
            seller=_TEXT,
            email=_TEXT,
            password=_TEXT,
        ),
        "connections": _array(
            _connection_schema(),
            "Accounts that are connected; the seller is one of those above.",
            customer=_TEXT,
            seller=_TEXT,
        ),
        "former": _array(
            _connection_schema(),
            "What a seller still holds of an account that was disconnected.",
            seller=_TEXT,
            email=_TEXT,
        ),
        "replies": _array(
            {"type": "object", "additionalProperties": False},
            "JSON texts that are sent as they are.",
            customer=_TEXT,
            reply=_TEXT,
        ),
    },
    "required": ["version"],
    "additionalProperties": False,
}
"""A state as JSON Schema."""


def written(population: Population, undocumented: Undocumented) -> dict[str, Any]:
    """Everything as JSON values, copied; arrays keep the order in which things were added."""
    return {
        "version": VERSION,
        "undocumented": attrs.asdict(undocumented),
        "sellers": copy.deepcopy(list(population.sellers.values())),
        "customers": [{"id": id, **attrs.asdict(person)} for id, person in population.people.items()],
        "members": [
            {"seller": seller, "email": email, "password": password}
            for (seller, email), password in population.members.items()
        ],
        "connections": [
            {"customer": customer, "seller": seller, **_plain(connection)}
            for (customer, seller), connection in population.connections.items()
        ],
        "former": [
            {"seller": seller, **_plain(connection)} for (seller, _), connection in population.former.items()
        ],
        "replies": [{"customer": customer, "reply": reply} for customer, reply in population.replies.items()],
    }


def read(snapshot: Any) -> tuple[Population, Undocumented]:
    """What ``written`` wrote, copied.

    Raises:
        ValueError: It can't be understood; says where.
    """
    refuse_deep(snapshot)
    version = snapshot.get("version") if isinstance(snapshot, dict) else None
    if isinstance(version, bool) or version != VERSION:  # True is 1 to Python
        raise ValueError(f"$: expected an object with version {VERSION}")
    refuse_unknown(snapshot, STATE["properties"], "$")
    snapshot = copy.deepcopy(snapshot)
    population = Population()
    for item, where in items_of(snapshot, "sellers", "$"):
        population.sellers[text_of(item, "@id", where)] = item
    for item, where in items_of(snapshot, "customers", "$"):
        id = text_of(item, "id", where)
        population.people[id] = build(Person, _without(item, "id"), where)
    for item, where in items_of(snapshot, "members", "$"):
        seller = _seller(population, item, where)
        population.members[seller, text_of(item, "email", where).casefold()] = text_of(
            item, "password", where
        )
        refuse_unknown(item, ("seller", "email", "password"), where)
    for item, where in items_of(snapshot, "connections", "$"):
        pair = (text_of(item, "customer", where), _seller(population, item, where))
        population.connections[pair] = _connection(item, where, "customer", "seller")
    for item, where in items_of(snapshot, "former", "$"):
        email = text_of(item, "email", where).casefold()
        population.former[_seller(population, item, where), email] = _connection(item, where, "seller")
    for item, where in items_of(snapshot, "replies", "$"):
        population.replies[text_of(item, "customer", where)] = _reply(item, where)
        refuse_unknown(item, ("customer", "reply"), where)
    return population, build(Undocumented, snapshot.get("undocumented", {}), "$.undocumented")


def _connection(item: Any, where: str, *of: str) -> Connection:
    item = {"access_pass_modified": item.get("date_modified"), **item}
    dates = {key: _moment(item, key, where) for key in _DATES}
    nodes = {key: objects_of(item, key, where) for key in _NODES}
    return build(Connection, _without(item, *of), where, **dates, **nodes)


def _plain(connection: Connection) -> dict[str, Any]:
    def plain(_: object, __: object, value: Any) -> Any:
        if isinstance(value, tuple):
            return copy.deepcopy(list(value))
        return value.isoformat() if isinstance(value, datetime) else value

    return attrs.asdict(connection, recurse=False, value_serializer=plain)


def _reply(item: Any, where: str) -> str:
    try:
        return text_of_reply(text_of(item, "reply", where))
    except ValueError as error:
        reason = str(error)
    raise ValueError(reason if reason.startswith(where) else f"{where}.reply: {reason}")


def _seller(population: Population, item: Any, where: str) -> str:
    seller = text_of(item, "seller", where)
    if seller not in population.sellers:
        raise ValueError(f"{where}.seller: there is no such seller")
    return seller


def _moment(item: Any, key: str, where: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text_of(item, key, where))
    except ValueError:
        return None  # Connection refuses it, with the field's name


def _without(item: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key not in keys}
