"""What all models share: how a field is named in JSON, what a repr hides, where the rest is kept."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

import attrs
from yarl import URL

_PRIVATE = object()
Private = Annotated[str, _PRIVATE]
"""Text that is a secret or says who somebody is: shown as ``'***'`` in every repr."""
Link = Annotated[str, _PRIVATE, "link"]
"""Private text that a browser may be sent to: an absolute http(s) URL."""
Context = Annotated[tuple[str, ...], "context"]
"""The URLs of JSON-LD contexts."""

_KEYWORDS = {"id": ("@id", "id"), "type": ("@type", "type"), "context": ("@context",)}
_PLACES = {"id": 0, "type": 1, "problems": 3, "extra": 4}
_NAME = re.compile(r"@?[A-Za-z_][A-Za-z0-9_:/.#-]{0,99}")


class Extra(Mapping[str, Any]):
    """Read-only JSON members as received; the repr is a count, since they may hold anything.

    It hands out copies, so a model can't be changed through it. It equals a mapping of the same JSON
    values: unlike in a dict, ``1``, ``1.0`` and ``True`` differ.
    """

    __slots__ = ("_members",)

    def __init__(self, members: Mapping[str, Any]) -> None:
        self._members = dict(members)

    def __getitem__(self, key: str) -> Any:
        return copied(self._members[key])

    def __contains__(self, key: object) -> bool:
        return key in self._members

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mapping) and same(self._members, dict(other))

    def __repr__(self) -> str:
        return f"<{len(self._members)} members>"

    def __reduce__(self) -> tuple[Any, ...]:
        return extra, (self._members,)


NOTHING_EXTRA = Extra({})


def extra(members: Mapping[str, Any]) -> Extra:
    """``members`` as an ``Extra``: the one shared instance where there are none."""
    return Extra(members) if members else NOTHING_EXTRA


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


def names(*keys: str) -> dict[str, tuple[str, ...]]:
    """Metadata of a field whose JSON member is not simply its name in camel case.

    Args:
        keys: The member's own key, then other keys that are read as the same; none for a field that
            stands for no member.
    """
    return {"keys": keys}


def api_names(_: type, fields: list["attrs.Attribute[Any]"]) -> list["attrs.Attribute[Any]"]:
    """Give every field its JSON keys and its place, and a private one a repr that hides it."""
    named = []
    for field in fields:
        first, *rest = field.name.split("_")
        keys = _KEYWORDS.get(field.name, (first + "".join(map(str.title, rest)),))
        field = field.evolve(metadata={**names(*keys), **field.metadata})
        named.append(field.evolve(repr=_masked) if _is_private(field.type) else field)
    return sorted(named, key=lambda field: _PLACES.get(field.name, 2))


def _is_private(annotation: Any) -> bool:
    parts = getattr(annotation, "__args__", ())
    return _PRIVATE in getattr(annotation, "__metadata__", ()) or any(map(_is_private, parts))


def _masked(value: object) -> str:
    return "None" if value is None else "'***'"


def is_link(text: str) -> bool:
    """Whether a browser may be sent there: absolute http(s), with a host, nothing invisible in it."""
    if not text.isprintable() or text != text.strip():
        return False
    try:
        url = URL(text, encoded=True)
        return url.scheme in ("http", "https") and bool(url.raw_host) and url.port is not None
    except ValueError:
        return False


@attrs.frozen(kw_only=True, field_transformer=api_names)
class Node:
    """What every JSON-LD object has.

    Attributes:
        id: The identifier (``@id``), byte for byte as received.
        type: The class (``@type``).
        extra: Members without a field, and spellings other than the documented one, as received.
    """

    _types: ClassVar[tuple[str, ...]] = ()
    """The values of ``@type`` that the API's pages show."""
    _elsewhere: ClassVar[frozenset[str]] = frozenset()
    """Keys that have no field here but are no news: they are those of another state of an account."""

    id: str | None = None
    type: str | None = None
    extra: Extra = attrs.field(default=NOTHING_EXTRA, hash=False, metadata=names())


def keys_of(cls: type) -> frozenset[str]:
    """Every JSON key, in every spelling, that has a field in ``cls``."""
    return frozenset(key for field in attrs.fields(cls) for key in field.metadata["keys"])


def step(key: str) -> str:
    """The step to ``key`` in a JSON path; a key that does not look like a name shows as ``…``."""
    return f".{key}" if key.isidentifier() and _NAME.fullmatch(key) else f"['{_shown(key)}']"


def _shown(name: str) -> str:
    return name if _NAME.fullmatch(name) else "…"  # it may be data: an address, a number


def note_drift(value: object, path: str, seen: Counter[str]) -> None:
    """Count in ``seen`` what is new to us at and below ``path``."""
    if isinstance(value, tuple):
        for each in value:
            note_drift(each, f"{path}[*]", seen)
    elif isinstance(value, Node):
        known = keys_of(type(value)) | value._elsewhere
        seen.update(f"unknown member {path}{step(key)}" for key in value.extra if key not in known)
        if value.type is not None and value.type not in value._types:
            seen[f"unknown type {path}['@type']: {_shown(value.type)}"] += 1
        for field in attrs.fields(type(value)):
            if keys := field.metadata["keys"]:
                note_drift(getattr(value, field.name), path + step(keys[0]), seen)
    elif attrs.has(type(value)):
        seen[f"unrecognised item {path}"] += 1
