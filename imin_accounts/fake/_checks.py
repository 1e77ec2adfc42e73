"""What values the emulator's settings may have. No refusal echoes the value."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeAlias

import attrs

__all__ = ["aware", "choice", "flag", "number", "text"]

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
