"""What a node says, whatever its form; and a node completed by what an earlier one said. Pure."""

from collections import Counter, deque
from collections.abc import Callable, Hashable
from functools import cache
from typing import Any, TypeVar, cast, get_args, get_origin

import attrs

from imin_accounts._models import node as nodes
from imin_accounts._models.node import Node, identifiers_of
from imin_accounts._models.pydantic import InPydantic
from imin_accounts._models.values import Extra, absent
from imin_accounts._wire.generated import compiled, without_none

N = TypeVar("N", bound=Node)

_LINKS = "potentialAction"
"""The member that depends on how imin was asked, and whose tokens differ at every fetch."""


def says_same(one: Any, other: Any) -> bool:
    """Whether two values of models say the same.

    Arrays have no order (https://www.w3.org/TR/json-ld11/#sets-and-lists), instants no zone, nulls and empty
    arrays say nothing; neither ways to connect nor what could not be read count.
    """
    if one is other:
        return True
    kind = type(one)
    if kind is not type(other):
        return False
    if kind is tuple:
        return _all_same(one, other, says_same)
    same = _comparers.get(kind)
    if same is None:
        if not issubclass(kind, Node):
            return bool(said(one) == said(other))
        same = _comparers[kind] = _comparer(cast(Any, kind))
    return same(one, other)


Comparer = Callable[[Any, Any], bool]
_comparers: dict[type, Comparer] = {}


def _all_same(one: tuple[Any, ...], other: tuple[Any, ...], same: Comparer) -> bool:
    if len(one) != len(other):
        return False
    for a, b in zip(one, other, strict=True):  # a generator expression takes twice as long
        if a is not b and not same(a, b):
            # What ``a`` says stands elsewhere in the other, or is news: to look is cheaper than to hash all.
            return any(same(a, each) for each in other) and said(one) == said(other)
    return True


@cache
def _comparer(cls: Any) -> Comparer:
    """Compares two nodes of a class: generated, since a loop over fields takes four times as long."""
    names: dict[str, Any] = {"all_same": _all_same, "said": said, "news": news}
    tests = []
    for field in attrs.fields(cls):
        if not field.eq or field.name in _UNSAID:
            continue
        type_, a, b = without_none(field.type), f"one.{field.name}", f"other.{field.name}"
        type_ = getattr(type_, "__origin__", type_) if hasattr(type_, "__metadata__") else type_
        is_array = get_origin(type_) is tuple
        type_ = get_args(type_)[0] if is_array else type_
        if field.eq_key is not None:
            names[f"key_{field.name}"] = field.eq_key
            tests.append(f"{a} == {b} or key_{field.name}({a}) == key_{field.name}({b})")
            continue
        if not attrs.has(type_):
            tests.append(f"{a} == {b} or said({a}) == said({b})" if is_array else f"{a} == {b}")
            continue
        same = f"same_{field.name}"
        names[same] = _comparer(type_)
        found = f"a is not None and b is not None and {same}(a, b)"
        if is_array:
            found = f"len(a) == len(b) == 1 and {same}(a[0], b[0]) or all_same(a, b, {same})"
        tests.append(f"(a := {a}) is (b := {b}) or {found}")
    extras = "one.extra is other.extra or one.extra == other.extra"
    tests.append(f"{extras} or said(news(one)) == said(news(other))")
    source = "def same(one, other):\n    return (\n        (" + ")\n        and (".join(tests) + ")\n    )\n"
    compiled(source, f"comparer of {cls.__name__}", names)
    same_nodes: Comparer = names["same"]
    return same_nodes


def said(value: Any) -> Hashable:
    """What ``value`` says, to compare by: see ``says_same``."""
    kind = type(value)
    if value is None or kind is str:  # most are
        return cast(Hashable, value)
    if kind is tuple or kind is list:
        return kind.__name__, frozenset(Counter(map(said, value)).items()) if value else _NO_MEMBERS
    if kind is bool or kind is int or kind is float:
        if kind is int and value.bit_length() > 60:  # all multiples of 2^61-1 have one hash
            value = hex(value)
        return kind.__name__, value  # in JSON 1, 1.0 and true are three values
    if kind is dict or kind is Extra:
        members = ((key, value[key]) for key in value if key != _LINKS)
        return frozenset((key, said(each)) for key, each in members if not absent(each))
    if isinstance(value, Node):
        fields = [
            said(getattr(value, name) if key is None else key(getattr(value, name)))
            for name, key in _said_fields(cast(Any, kind))
        ]
        return kind.__name__, *fields, said(news(value)) if value.extra else _NO_MEMBERS
    if isinstance(value, InPydantic):  # an account that can't be read
        return kind.__name__, said(value.document)  # type: ignore[attr-defined]
    return value  # type: ignore[no-any-return]


_UNSAID = ("extra", "potential_action")
_NO_MEMBERS = frozenset[Any]()


@cache
def _said_fields(cls: Any) -> tuple[tuple[str, Callable[[Any], Any] | None], ...]:
    """The fields that count, each with what is compared of it where that is not all of it."""
    fields = (field for field in attrs.fields(cls) if field.eq and field.name not in _UNSAID)
    return tuple((field.name, field.eq_key) for field in fields)


def news(node: Node) -> dict[str, Any]:
    """The members without a field, ways to connect left out."""
    return {key: each for key, each in nodes.news(node).items() if key != _LINKS}


# --- What could not be read -------------------------------------------------------------------------


def completed(now: N, was: Node) -> N:
    """``now``, but what could not be read in it as ``was`` has it.

    Of an array with elements that could not be read all the earlier ones stay: any may be among them.
    """
    fields: dict[str, Any] = {}
    for field in attrs.fields(type(now)):
        keys = field.metadata["keys"]
        if not keys or not hasattr(was, field.name):
            continue
        mine, before = getattr(now, field.name), getattr(was, field.name)
        raw = [now.extra[key] for key in keys if key in now.extra]
        if isinstance(mine, Node):
            value: Any = mine if not isinstance(before, Node) else completed(mine, before)
        elif type(mine) is tuple:
            missing = sum(len(each) if type(each) is list else 1 for each in raw) > len(mine)
            value = _all(mine, before, missing)
        else:
            value = before if mine is None and raw else mine
        if value is not mine:
            fields[field.name] = value
    return attrs.evolve(now, **fields) if fields else now


def _all(mine: tuple[Any, ...], before: tuple[Any, ...], missing: bool) -> tuple[Any, ...]:
    pairs = paired(before, mine)
    left = [was for was, now, _ in pairs if now is None]
    new = [now for was, now, _ in pairs if was is None]
    counterpart = {id(now): was for was, now, _ in pairs if was is not None and now is not None}
    if len(left) == len(new) == 1 and not missing:  # one by one they may be the same one, without its name
        counterpart[id(new[0])] = left[0]
    whole = [
        completed(each, counterpart[id(each)]) if isinstance(each, Node) and id(each) in counterpart else each
        for each in mine
    ]
    if missing:
        whole += left
    unchanged = len(whole) == len(mine) and all(one is other for one, other in zip(whole, mine, strict=True))
    return mine if unchanged else tuple(whole)


def differing(was: tuple[Any, ...], now: tuple[Any, ...]) -> list[tuple[Any, Any]]:
    """The pairs of two arrays that do not say the same: see ``paired``."""
    if len(was) == len(now) and all(map(says_same, was, now)):
        return []
    return [(one, other) for one, other, same in paired(was, now) if not same]


def paired(was: tuple[Any, ...], now: tuple[Any, ...]) -> list[tuple[Any | None, Any | None, bool]]:
    """The elements of two arrays by what they are about, in the order of ``now``, then what only ``was`` has.

    Those that say the same are pairs, which the third value says; then those with an identifier that each
    array has once left, or, of entitlements without one, a type. None stands for what the other has not.
    """
    if len(was) == len(now) == 1:
        same = says_same(was[0], now[0])
        if same or ((identity := _identity(was[0])) and identity == _identity(now[0])):
            return [(was[0], now[0], same)]
    by_content: dict[Hashable, deque[Any]] = {}
    for each in was:
        by_content.setdefault(said(each), deque()).append(each)
    equal = [found.popleft() if (found := by_content.get(said(each))) else None for each in now]
    left = [each for found in by_content.values() for each in found]
    known = _by_identity(left)
    named = _by_identity([each for each, other in zip(now, equal, strict=True) if other is None])
    partners = {id(each): known[key] for key, each in named.items() if key in known}
    pairs = [
        (partners.get(id(each)), each, False) if other is None else (other, each, True)
        for each, other in zip(now, equal, strict=True)
    ]
    taken = {id(each) for each in partners.values()}
    return [*pairs, *((each, None, False) for each in left if id(each) not in taken)]


def _by_identity(nodes: list[Any]) -> dict[Hashable, Any]:
    identities = [*map(_identity, nodes)]
    counted = Counter(identities)
    return {key: node for key, node in zip(identities, nodes, strict=True) if key and counted[key] == 1}


def _identity(node: Any) -> Hashable:
    if not isinstance(node, Node):
        return None
    if found := identifiers_of(node):
        return "id", *sorted(found)
    type_ = getattr(node, "entitlement_type", None)
    return None if type_ is None else ("type", type_.id, type_.pref_label)
