"""What all models share: a field's name in JSON, what it may hold, what a repr hides and equality sees."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta, timezone
from functools import cache
from types import UnionType
from typing import Annotated, Any, ClassVar, TypeVar, Union, get_args, get_origin

import attrs

from imin_accounts._models.pydantic import InPydantic
from imin_accounts._models.values import NOTHING_EXTRA, Extra, absent, same, to_extra
from imin_accounts.errors import InvalidRequest

_PRIVATE = object()
Private = Annotated[str, _PRIVATE]
"""Text that is a secret or says who somebody is: shown as ``'***'`` in every repr."""
Link = Annotated[str, _PRIVATE, "link"]
"""Private text that a browser may be sent to: an absolute http(s) URL."""
Term = Annotated[str, "term"]
"""A term of a vocabulary, such as the value of ``@type``."""
LastMoment = Annotated[datetime, "last moment"]
"""A time that something lasts to: of a date without a time it is the day's last moment."""
Context = Annotated[tuple[str, ...], "context"]
"""The URLs of JSON-LD contexts."""

_KEYWORDS = {"id": ("@id", "id"), "type": ("@type", "type"), "context": ("@context",)}
_PLACES = {"id": 0, "type": 1, "problems": 3, "extra": 4}
_SCHEMA = ("https://schema.org/", "http://schema.org/", "schema:")


Repeats = Callable[[Any, Any], bool]
"""Whether another member, as received, says what a field's value does, and no more."""


def names(*keys: str, instead: str | None = None, repeats: Repeats | None = None) -> dict[str, Any]:
    """Metadata of a field whose JSON member is not simply its name in camel case.

    Args:
        keys: The member's own key, then other keys that are read as the same; none for a field that
            stands for no member.
        instead: The key of another member, which the field is read from where its own is absent.
        repeats: Whether that member only repeats the field: then it is another spelling, and says nothing.
    """
    return {"keys": keys, "instead": instead, "repeats": repeats}


def plain(term: str) -> str:
    """A term without schema.org's namespace: ``schema:Barcode`` and its URL are ``Barcode``."""
    for prefix in _SCHEMA:
        if term.startswith(prefix):
            return term[len(prefix) :]
    return term


def api_names(cls: type, fields: list["attrs.Attribute[Any]"]) -> list["attrs.Attribute[Any]"]:
    """Give every field its JSON keys, its place, its check, and a private one a repr that hides it."""
    named = []
    for field in fields:
        first, *rest = field.name.split("_")
        keys = _KEYWORDS.get(field.name, (first + "".join(map(str.title, rest)),))
        field = field.evolve(metadata={**names(*keys), **field.metadata})
        if field.converter is None:
            field = field.evolve(converter=_check(field))
        if field.name == "type" and getattr(cls, "_alone", None):
            field = field.evolve(eq_key=_type_or(cls._types[0]), eq=True)  # type: ignore[attr-defined]
        named.append(field.evolve(repr=_masked) if _is_private(field.type) else field)
    known = {key for field in named for key in field.metadata["keys"]}
    news = _news(known)
    named = [field.evolve(eq_key=news, eq=True) if field.name == "extra" else field for field in named]
    return sorted(named, key=lambda field: _PLACES.get(field.name, 2))


def _type_or(documented: str) -> Callable[[str | None], str]:
    """What equality sees of a type: the documented one where there is none, as in a text for the node."""
    return lambda type: documented if type is None else type


def _news(known: set[str]) -> Callable[[Extra], object]:
    """What equality sees of ``extra``: the members without a field, connect targets left out.

    Other spellings of a field do not count: the field itself is compared. See ``equal`` for those of
    another member that it is read from.
    """

    def news(extra: Extra) -> object:
        if not extra:
            return extra
        members = without_targets({key: extra[key] for key in extra if key not in known})
        return Extra(members) if members else NOTHING_EXTRA

    return news


def without_targets(item: Any) -> Any:
    """An item without its actions' targets, which differ at every fetch."""
    if type(item) is not dict or "potentialAction" not in item:
        return item
    actions = item["potentialAction"]
    kept = [_without_target(each) for each in actions] if type(actions) is list else _without_target(actions)
    return item | {"potentialAction": kept}


def _without_target(action: Any) -> Any:
    return {key: each for key, each in action.items() if key != "target"} if type(action) is dict else action


# --- What a constructor takes -----------------------------------------------------------------------


def _check(field: "attrs.Attribute[Any]") -> Any:
    """A converter for attrs: the value as the field holds it, or an ``InvalidRequest``.

    The generated readers make only what passes, and need not call it.
    """
    check, name, required = _checked(field.type), field.name, field.default is attrs.NOTHING

    def convert(value: Any) -> Any:
        if value is None and not required and field.default is None:
            return None
        try:
            return check(value)
        except TypeError as error:
            wrong = str(error)
        raise InvalidRequest(f"{name} must be {wrong}, not {type(value).__name__}")

    convert.__annotations__ = {"value": field.type, "return": field.type}
    return convert


def _checked(type_: Any) -> Callable[[Any], Any]:
    """The check of a type: it returns the value to hold, or raises TypeError with what it should be."""
    if type_ is Any:
        return lambda value: value
    if type_ == Term:
        return lambda value: plain(_text(value))
    if get_origin(type_) is Annotated:
        return _checked(get_args(type_)[0])
    if get_origin(type_) in (Union, UnionType):
        kinds = tuple(each for each in get_args(type_) if each is not type(None))
        return _checked(kinds[0]) if len(kinds) == 1 else _instance(*kinds)
    origin: Any = get_origin(type_)
    if origin is tuple:
        return _tuple_of(_checked(get_args(type_)[0]))
    return {str: _text, datetime: _moment}.get(type_, _instance(type_))


def _instance(*kinds: type) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if type(value) not in kinds:
            raise TypeError(" or ".join(kind.__name__ for kind in kinds))
        return value

    return check


def _tuple_of(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def check_each(values: Any) -> Any:
        if type(values) is not tuple:
            raise TypeError("a tuple")
        try:
            return tuple(map(check, values))
        except TypeError as error:
            wrong = str(error)
        raise TypeError(f"a tuple, each of it {wrong}")

    return check_each


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("str")
    if not value.isascii() and any("\ud800" <= each <= "\udfff" for each in value):
        raise TypeError("str without lone surrogates")
    return str.__str__(value)


def _moment(value: Any) -> datetime:
    """An aware time as its RFC 3339 spelling has it: with a fixed offset of whole minutes."""
    if not isinstance(value, datetime) or (offset := value.utcoffset()) is None:
        raise TypeError("an aware datetime")
    if offset % timedelta(minutes=1):
        raise TypeError("a datetime with an offset of whole minutes")
    return datetime.combine(value.date(), value.time(), timezone(offset))


def _is_private(annotation: Any) -> bool:
    parts = getattr(annotation, "__args__", ())
    return _PRIVATE in getattr(annotation, "__metadata__", ()) or any(map(_is_private, parts))


def _masked(value: object) -> str:
    return "None" if value is None else "'***'"


@attrs.frozen(kw_only=True, field_transformer=api_names)
class Node(InPydantic):
    """What every JSON-LD object has.

    Attributes:
        id: The identifier (``@id``), byte for byte as received.
        type: The class (``@type``), without schema.org's namespace.
        extra: Members without a field, and spellings other than the documented one, as received. Any
            mapping of JSON values may be given.
    """

    _types: ClassVar[tuple[str, ...]] = ()
    """The values of ``@type`` that the API's pages show."""
    _vocabulary: ClassVar[tuple[str, ...]] = ()
    """The types of OpenActive's vocabulary whose members may be here, beside those of ``_types``."""
    _elsewhere: ClassVar[frozenset[str]] = frozenset()
    """Keys that have no field here but are no news: they are those of another state of an account."""
    _alone: ClassVar[str | None] = None
    """The field that a text in place of the whole node is."""

    id: str | None = None
    type: Term | None = None
    extra: Extra = attrs.field(default=NOTHING_EXTRA, hash=False, metadata=names(), converter=to_extra)


def local_name(key: str) -> str:
    """A member's name without its vocabulary: that of ``imin:customer`` and of a URL ``…#customer``."""
    if key.isidentifier():
        return key
    return key.rpartition(":")[2].rpartition("/")[2].rpartition("#")[2]


def in_any_vocabulary(names: frozenset[str], members: Iterable[str]) -> list[str]:
    """Those of ``members`` that have one of these local names, in order, whatever the vocabulary."""
    return sorted([key for key in members if local_name(key) in names])


def keys_of(cls: type) -> frozenset[str]:
    """Every JSON key, in every spelling, that has a field in ``cls``."""
    return frozenset(key for field in attrs.fields(cls) for key in field.metadata["keys"])


@cache
def _instead_of(cls: Any) -> tuple[tuple[str, str, Repeats], ...]:
    """The members that fields may be read from instead of their own, each with its field and its test."""
    metadata = ((field.name, field.metadata) for field in attrs.fields(cls))
    return tuple((each["instead"], name, each["repeats"]) for name, each in metadata if each["instead"])


_keys_of = cache(keys_of)


N = TypeVar("N", bound=Node)


def news(node: Node) -> dict[str, Any]:
    """The members without a field, but for one that only repeats the field which may be read from it."""
    if not node.extra:
        return {}
    cls: Any = type(node)
    known = _keys_of(cls)
    members = {key: node.extra[key] for key in node.extra if key not in known}
    for key, name, repeats in _instead_of(cls):
        if key in members and repeats(members[key], getattr(node, name)):
            del members[key]
    return members


def equal(one: N, other: N) -> bool:
    """Equality of a class in which a field may be read from another member: what that says has to be seen."""
    cls: Any = type(one)
    for field in attrs.fields(cls):
        mine, others = getattr(one, field.name), getattr(other, field.name)
        if not field.eq or field.name == "extra" or mine == others:
            continue
        if not (field.eq_key and field.eq_key(mine) == field.eq_key(others)):
            return False
    return same(without_targets(news(one)), without_targets(news(other)))


def identifiers_of(node: Node) -> set[str]:
    """Every identifier that a node gives itself, in whatever spelling: more than one is a contradiction."""
    if not node.extra:
        return {node.id} if node.id is not None else set()
    received = (node.id, node.extra.get("@id"), node.extra.get("id"))
    return {each for each in received if isinstance(each, str)}


def other_sellers(members: Mapping[str, Any]) -> dict[str, set[str | None]]:
    """What an item names as its seller under other keys than ``seller``, such as ``schema:seller``.

    Returns:
        The identifiers there by the key, None for what has none that can be read.
    """
    keys = [key for key in members if key.endswith("seller") and key != "seller"]
    return {
        key: _identifiers_in(members[key])
        for key in keys
        if local_name(key) == "seller" and not absent(members[key])
    }


def _identifiers_in(value: Any) -> set[str | None]:
    node = value[0] if type(value) is list and len(value) == 1 else value
    named = [node.get("@id"), node.get("id")] if isinstance(node, Mapping) else [node]
    return {each for each in named if isinstance(each, str)} or {None}
