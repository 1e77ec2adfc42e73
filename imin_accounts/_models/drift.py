"""What is new to us in a reply: neither documented by imin nor a part of OpenActive's vocabulary.

``openactive.json`` has the vocabulary, as far as its types can stand in a reply, with version and licence.
"""

from collections import Counter
from functools import cache
from typing import Any

import attrs
import orjson

from imin_accounts._models.node import Node, keys_of
from imin_accounts._models.values import shown, step


@attrs.frozen
class _Known:
    """What is known of a class of nodes.

    Attributes:
        members: Keys that may be there, by the node's type; under None for none or an unknown one.
        children: The fields that hold nodes, each with its step in a JSON path.
    """

    members: dict[str | None, frozenset[str]]
    children: tuple[tuple[str, str], ...]


@cache
def _vocabulary() -> list[dict[str, list[str]]]:
    from importlib.resources import files  # not at the top: it takes as long to import as all the models

    shipped = files(__package__).joinpath("openactive.json").read_bytes()
    groups: list[dict[str, list[str]]] = orjson.loads(shipped)["types"]
    return groups


@cache
def _known(cls: Any) -> _Known:
    own = keys_of(cls) | cls._elsewhere | {"@context"}
    members: dict[str | None, frozenset[str]] = dict.fromkeys((None, *cls._types), own)
    for name in reversed(cls._vocabulary):  # the first is what a node without a type is taken for
        for group in _vocabulary():
            types = {*group["names"], *group["also"]}
            if name in types:
                members |= dict.fromkeys((None, *types), own.union(group["members"], group["shown"]))
    fields = [field for field in attrs.fields(cls) if _holds_nodes(field.type)]
    children = tuple((field.name, step(field.metadata["keys"][0])) for field in fields)
    return _Known(members, children)


def _holds_nodes(annotation: Any) -> bool:
    return attrs.has(annotation) or any(map(_holds_nodes, getattr(annotation, "__args__", ())))


def note_drift(value: object, path: str, seen: Counter[str]) -> None:
    """Count in ``seen`` what is new to us at and below ``path``."""
    if isinstance(value, tuple):
        for each in value:
            note_drift(each, f"{path}[*]", seen)
    elif isinstance(value, Node):
        cls: Any = type(value)
        known = _known(cls)
        if value.type is not None and value.type not in known.members:
            seen[f"unknown type {path}['@type']: {shown(value.type)}"] += 1
        if value.extra:
            members = known.members.get(value.type, known.members[None])
            seen.update(f"unknown member {path}{step(key)}" for key in value.extra if key not in members)
        for name, way in known.children:
            if (child := getattr(value, name)) is not None:
                note_drift(child, path + way, seen)
    elif value is not None:
        seen[f"unrecognised item {path}"] += 1
