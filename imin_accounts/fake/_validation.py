"""What values the emulator's settings and its JSON files may have.

No refusal of a setting echoes the value; every refusal of a file says where in it.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

import attrs

__all__ = [
    "aware",
    "build",
    "choice",
    "flag",
    "items_of",
    "number",
    "objects_of",
    "refuse_deep",
    "text",
    "text_of",
]

_DEEPEST = 64

T = TypeVar("T", bound=attrs.AttrsInstance)
Check: TypeAlias = Callable[[Any, "attrs.Attribute[Any]", Any], None]


def text(*, optional: bool = False) -> Check:
    """A string."""
    return _kind(str, "a string", optional)


def flag(*, optional: bool = False) -> Check:
    """True or False."""
    return _kind(bool, "true or false", optional)


def number(low: float, high: float = 1e9, *, whole: bool = False, optional: bool = False) -> Check:
    """A number from ``low`` to ``high``, both included."""
    kinds = (int,) if whole else (int, float)

    def check(_: object, field: "attrs.Attribute[Any]", value: Any) -> None:
        if optional and value is None:
            return
        if type(value) not in kinds or not low <= value <= high:
            kind = "a whole number" if whole else "a number"
            raise ValueError(f"{field.name} must be {kind} from {low:g} to {high:g}")

    return check


def choice(*values: object) -> Check:
    """One of ``values``."""

    def check(_: object, field: "attrs.Attribute[Any]", value: Any) -> None:
        if value not in values:
            raise ValueError(f"{field.name} must be one of {', '.join(map(repr, values))}")

    return check


def aware(_: object, field: "attrs.Attribute[Any]", value: Any) -> None:
    """A ``datetime`` with an offset."""
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise ValueError(f"{field.name} must be an aware datetime")


def _kind(kind: type, words: str, optional: bool) -> Check:
    def check(_: object, field: "attrs.Attribute[Any]", value: Any) -> None:
        if not (isinstance(value, kind) or (optional and value is None)):
            raise ValueError(f"{field.name} must be {words}")

    return check


# -- files


def refuse_deep(value: Any) -> None:
    """Refuse what is nested deeper than any snapshot or script; copying it would need as much of the stack.

    Raises:
        ValueError: It is.
    """
    level: list[Any] = [value]
    for _ in range(_DEEPEST):
        level = [
            each
            for node in level
            if isinstance(node, dict | list)
            for each in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return
    raise ValueError(f"$: nested over {_DEEPEST} deep")


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


def items_of(members: dict[str, Any], key: str, where: str) -> list[tuple[Any, str]]:
    """The items of the array ``key``, each with its path; none where it is absent."""
    items = members.get(key, [])
    if not isinstance(items, list):
        raise ValueError(f"{where}.{key}: expected an array")
    return [(item, f"{where}.{key}[{i}]") for i, item in enumerate(items)]


def objects_of(members: dict[str, Any], key: str, where: str) -> tuple[dict[str, Any], ...]:
    """The array ``key``, all of whose items are objects."""
    for item, path in items_of(members, key, where):
        if not isinstance(item, dict):
            raise ValueError(f"{path}: expected an object")
    return tuple(members.get(key, ()))


def text_of(members: Any, key: str, where: str) -> str:
    """The string ``key`` of an object."""
    if not isinstance(members, dict):
        raise ValueError(f"{where}: expected an object")
    if not isinstance(members.get(key), str):
        raise ValueError(f"{where}.{key}: expected a string")
    value: str = members[key]
    return value
