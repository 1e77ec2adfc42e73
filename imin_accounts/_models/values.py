"""JSON values as Python's own types: what may be one, copies that share nothing, exact comparison."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from imin_accounts.errors import InvalidRequest

MAX_DEPTH = 64
"""Levels of objects and arrays that a document may have, its own included."""
MAX_VALUES = 500_000
"""Values that are copied at most. A reply of 5,000 sellers has about 150,000."""
_BEYOND_DIGITS = 10**4300
"""Python refuses to write or read an integer of more digits, since that takes time by their square."""

_NAME = re.compile(  # of a vocabulary's hosts where it is a URL; what has four digits is somebody's number
    r"(?!(?:[^0-9]*[0-9]){4})(?:@?[A-Za-z_][A-Za-z0-9_:.-]{0,99}"
    r"|https?://(?:[a-z-]+\.)*(?:schema\.org|openactive\.io|imin\.co)/[A-Za-z0-9_:/.#-]{0,99})"
)


class NotJson(Exception):
    """A value that no JSON text says; ``args`` are where it was found and what is wrong with it."""


class Copying:
    """Copies JSON values, so that the copy consists of JSON's own types and shares nothing.

    Attributes:
        unheld: The paths, as keys and indexes, of numbers that neither an integer of 4,300 digits nor a
            finite float holds. Such a number is copied as None.
    """

    def __init__(self) -> None:
        self.unheld: list[tuple[str | int, ...]] = []
        self._path: list[str | int] = []
        self._left = MAX_VALUES

    def copy(self, value: Any) -> Any:
        """A copy of ``value``, a mapping for an object.

        Raises:
            NotJson: Something in it is of no JSON type, text with lone surrogates, too deep or too much.
        """
        kind = type(value)
        if kind is str:
            if not value.isascii() and any("\ud800" <= each <= "\udfff" for each in value):
                raise self._not_json("expected Unicode text, got a lone surrogate")
            return value
        if value is None or kind is bool:
            return value
        if kind is float or kind is int:
            held = math.isfinite(value) if kind is float else -_BEYOND_DIGITS < value < _BEYOND_DIGITS
            if held:
                return value
            self.unheld.append(tuple(self._path))
            return None
        if kind is list or isinstance(value, Mapping):
            return self._container(value)
        raise self._not_json(f"expected a JSON value, got {kind.__name__}")

    def _container(self, value: Any) -> Any:
        if len(self._path) == MAX_DEPTH:
            raise NotJson((), f"expected at most {MAX_DEPTH} levels, got more")
        self._left -= len(value)
        if self._left < 0:
            raise NotJson((), f"expected at most {MAX_VALUES:,} values, got more")
        if type(value) is list:
            return [self._below(index, each) for index, each in enumerate(value)]
        if odd := [key for key in value if type(key) is not str]:
            raise self._not_json(f"expected strings as keys, got {type(odd[0]).__name__}")
        return {self.copy(key): self._below(key, value[key]) for key in value}

    def _below(self, step: str | int, value: Any) -> Any:
        self._path.append(step)
        copy = self.copy(value)
        self._path.pop()
        return copy

    def _not_json(self, what: str) -> NotJson:
        return NotJson(tuple(self._path), what)


def checked_json(name: str, value: Any) -> Any:
    """A copy of the argument ``name``.

    Raises:
        InvalidRequest: It is no JSON value.
    """
    copying = Copying()
    try:
        copy = copying.copy(value)
    except NotJson as error:
        wrong = error.args[1]
    else:
        if not copying.unheld:
            return copy
        wrong = "expected numbers that JSON can say, got another"
    raise InvalidRequest(f"{name}: {wrong}")


def absent(value: Any) -> bool:
    """Whether a member says nothing: the platform leaves out nulls and empty arrays."""
    return value is None or value == []


def copied(value: Any) -> Any:
    """A copy of a JSON value that shares no object or array with it."""
    if type(value) is dict:
        return {key: copied(each) for key, each in value.items()}
    return [copied(each) for each in value] if type(value) is list else value


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal, types included."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def step(key: str | int) -> str:
    """The step to ``key`` in a JSON path; a key that does not look like a name shows as ``…``."""
    if type(key) is int:
        return f"[{key}]"
    key = str(key)
    return f".{key}" if key.isidentifier() and _NAME.fullmatch(key) else f"['{shown(key)}']"


def shown(name: str) -> str:
    """``name`` as far as it is one; it may be data: an address, a number."""
    return name if _NAME.fullmatch(name) else "…"


class Extra(Mapping[str, Any]):
    """Read-only JSON members as received; the repr is a count, since they may hold anything.

    It hands out copies, so a model can't be changed through it. It equals a mapping of the same JSON
    values: unlike in a dict, ``1``, ``1.0`` and ``True`` differ. Nulls and empty arrays say nothing and are
    left out.

    Raises:
        InvalidRequest: Given something that is no JSON object.
    """

    __slots__ = ("_members",)

    def __init__(self, members: Mapping[str, Any]) -> None:
        copies = checked_json("extra", members)
        if type(copies) is not dict:
            raise InvalidRequest("extra must be a mapping of JSON members")
        self._members: dict[str, Any] = {key: each for key, each in copies.items() if not absent(each)}

    def __getitem__(self, key: str) -> Any:
        return copied(self._members[key])

    def __contains__(self, key: object) -> bool:
        return key in self._members

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Mapping) and same(self._members, dict(other)))

    def __repr__(self) -> str:
        return f"<{len(self._members)} members>"

    def __reduce__(self) -> tuple[Any, ...]:
        return extra, (self._members,)


NOTHING_EXTRA = Extra({})


def extra(members: Mapping[str, Any]) -> Extra:
    """``members`` as an ``Extra``: the one shared instance where there are none."""
    return as_received(Extra(members)._members) if members else NOTHING_EXTRA


_new = object.__new__


def as_received(members: dict[str, Any]) -> Extra:
    """An ``Extra`` of members, one at least, that were parsed for it and belong to nobody else."""
    made = _new(Extra)
    made._members = members
    return made


def to_extra(members: Mapping[str, Any]) -> Extra:
    """What a model's ``extra`` becomes when it is given as any mapping."""
    return members if type(members) is Extra else extra(members)
