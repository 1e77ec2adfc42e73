"""Strict reading of the emulator's own JSON files: every refusal says where."""

from typing import Any, TypeVar

import attrs

__all__ = ["build", "listed", "objects", "text"]

T = TypeVar("T", bound=attrs.AttrsInstance)


def build(cls: type[T], members: Any, where: str, **more: Any) -> T:
    """An instance of the attrs class ``cls``, which checks the values itself.

    Args:
        members: A JSON object whose members are fields of ``cls``.
        where: The JSON path of it.
        more: Fields that don't come from ``members``, or were read already.

    Raises:
        ValueError: Not an object, an unknown or missing member, or a value that ``cls`` refuses.
    """
    if not isinstance(members, dict):
        raise ValueError(f"{where}: expected an object")
    fields = attrs.fields_dict(cls)
    for name in members.keys() - fields.keys():
        raise ValueError(f"{where}: there is no member {name!r}")
    try:
        return cls(**{**members, **more})
    except (TypeError, ValueError) as error:
        reason = str(error)
    raise ValueError(f"{where}: {reason}")


def listed(members: dict[str, Any], key: str, where: str) -> list[tuple[Any, str]]:
    """The items of the array ``key``, each with its path; none where it is absent."""
    items = members.get(key, [])
    if not isinstance(items, list):
        raise ValueError(f"{where}.{key}: expected an array")
    return [(item, f"{where}.{key}[{i}]") for i, item in enumerate(items)]


def objects(members: dict[str, Any], key: str, where: str) -> tuple[dict[str, Any], ...]:
    """The array ``key``, all of whose items are objects."""
    for item, path in listed(members, key, where):
        if not isinstance(item, dict):
            raise ValueError(f"{path}: expected an object")
    return tuple(members.get(key, ()))


def text(members: Any, key: str, where: str) -> str:
    """The string ``key`` of an object."""
    if not isinstance(members, dict):
        raise ValueError(f"{where}: expected an object")
    if not isinstance(members.get(key), str):
        raise ValueError(f"{where}.{key}: expected a string")
    value: str = members[key]
    return value
