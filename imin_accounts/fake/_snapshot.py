"""The emulator's state as JSON values, to be kept in a file and loaded again."""

import copy
from datetime import datetime
from typing import Any

import attrs

from imin_accounts.fake._documents import Connection
from imin_accounts.fake._population import Pair, Person, Population
from imin_accounts.fake._settings import Undocumented
from imin_accounts.fake._validation import build, items_of, objects_of, refuse_deep, text_of

__all__ = ["read", "written"]

VERSION = 1
_DATES = ("date_linked", "date_modified", "access_pass_modified")
_PARTS = {"version", "undocumented", "sellers", "customers", "members", "connections"}


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
    }


def read(snapshot: Any) -> tuple[Population, Undocumented]:
    """What ``written`` wrote, copied.

    Raises:
        ValueError: It can't be understood; says where.
    """
    refuse_deep(snapshot)
    if not isinstance(snapshot, dict) or snapshot.get("version") != VERSION:
        raise ValueError(f"$: expected an object with version {VERSION}")
    for name in snapshot.keys() - _PARTS:
        raise ValueError(f"$: there is no member {name!r}")
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
    for item, where in items_of(snapshot, "connections", "$"):
        pair, connection = _connection(population, item, where)
        population.connections[pair] = connection
    return population, build(Undocumented, snapshot.get("undocumented", {}), "$.undocumented")


def _connection(population: Population, item: Any, where: str) -> tuple[Pair, Connection]:
    pair = (text_of(item, "customer", where), _seller(population, item, where))
    # Snapshots of version 1.0 have no date of the pass apart.
    item = {"access_pass_modified": item.get("date_modified"), **item}
    dates = {key: _moment(item, key, where) for key in _DATES}
    nodes = {key: objects_of(item, key, where) for key in ("entitlements", "evidence", "update_errors")}
    return pair, build(Connection, _without(item, "customer", "seller"), where, **dates, **nodes)


def _plain(connection: Connection) -> dict[str, Any]:
    def plain(_: object, __: object, value: Any) -> Any:
        if isinstance(value, tuple):
            return copy.deepcopy(list(value))
        return value.isoformat() if isinstance(value, datetime) else value

    return attrs.asdict(connection, recurse=False, value_serializer=plain)


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
