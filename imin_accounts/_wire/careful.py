"""The careful reader: any value, in any spelling, to a model, what has to be kept as received, and problems.

It never coerces and never fails: what can't be read is kept and named by its path from here, by what
was expected and by what was found; never by its value.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, get_args

import attrs

from imin_accounts._models.node import identifiers_of, in_any_vocabulary, keys_of, other_sellers, plain
from imin_accounts._models.urls import is_link
from imin_accounts._models.values import NOTHING_EXTRA, absent, as_received, step
from imin_accounts._wire.limits import Budget
from imin_accounts.models import (
    CONNECTED_NAMES,
    CONNECTED_ONLY,
    UNCONNECTED_NAMES,
    UNCONNECTED_ONLY,
    AccessPass,
    ActionStatus,
    ConnectedAccount,
    NoAccount,
    Seller,
    UnconnectedAccount,
    UnrecognisedAccount,
)

FLAG = "imin:matchingEmailExists"

# Digits after the sixth are read where they are zeros: a datetime holds microseconds.
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6}0*)?"
    r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
_OWN_DATES = ("--T::Z", "--T::+:")
"""Every third character, from the fifth on, of RFC 3339 with whole seconds and Z or an offset eastwards."""
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S")
_STATUSES = {plain(status): status for status in ActionStatus}
_KINDS = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}


class Reading(NamedTuple):
    """What became of one JSON value.

    Attributes:
        value: The field's value; None where nothing could be read.
        raw: Whether the value has to be kept as received to be written as received.
        problems: Sentences that begin with the path from here.
    """

    value: Any
    raw: bool = False
    problems: tuple[str, ...] = ()


Hook = Callable[[Any, Budget], Reading]
"""A hook for cattrs, which would pass the type as the second argument: here it is the document's budget."""


def unreadable(expected: str, value: Any) -> Reading:
    """The reading of a value that is not as expected."""
    return Reading(None, True, (f": expected {expected}, got {kind(value)}",))


def kind(value: Any) -> str:
    """The JSON type of ``value`` by name."""
    return _KINDS.get(type(value), "number")


def read_string(value: Any, _: Budget) -> Reading:
    return Reading(value) if type(value) is str else unreadable("string", value)


def read_term(value: Any, _: Budget) -> Reading:
    """A term such as a type, with or without schema.org's namespace. JSON-LD takes ``[x]`` for ``x``."""
    term = value[0] if type(value) is list and len(value) == 1 else value
    if type(term) is not str:
        return unreadable("string", value)
    return Reading(plain(term), raw=plain(term) != value)


def read_bool(value: Any, _: Budget) -> Reading:
    return Reading(value) if type(value) is bool else unreadable("boolean", value)


def read_date(value: Any, _: Budget) -> Reading:
    """An RFC 3339 date-time, or a date: its first moment in UTC.

    The API's own form has whole seconds, and Z or an offset to the east. Any other is kept raw.
    """
    try:
        if type(value) is str and _RFC3339.fullmatch(value):
            return Reading(datetime.fromisoformat(value.upper()), value[4::3] not in _OWN_DATES)
        if type(value) is str and _DAY.fullmatch(value):
            return Reading(datetime.fromisoformat(value).replace(tzinfo=UTC), raw=True)
    except ValueError:  # a day that the calendar lacks
        pass
    return unreadable("RFC 3339 date-time", value)


def read_last_moment(value: Any, budget: Budget) -> Reading:
    """The same, but a date is its last moment: what is valid until a day is valid on that day."""
    reading = read_date(value, budget)
    if reading.value is None or not _DAY.fullmatch(value):
        return reading
    return Reading(reading.value.replace(hour=23, minute=59, second=59, microsecond=999_999), raw=True)


def read_status(value: Any, _: Budget) -> Reading:
    status = _STATUSES.get(plain(value)) if type(value) is str else None
    return unreadable("known action status", value) if status is None else Reading(status, value != status)


def read_link(value: Any, budget: Budget) -> Reading:
    """A URL, or an EntryPoint that holds one."""
    if type(value) is dict:
        template, url = value.get("urlTemplate"), value.get("url")
        urls = [url] if type(template) is str and "{" in template else [template, url]
        for each in urls:
            budget.take_link(each if type(each) is str else "")
        found = [each for each in urls if type(each) is str and is_link(each)]
        return Reading(found[0], raw=True) if found else unreadable("http(s) URL", value)
    budget.take_link(value if type(value) is str else "")
    return Reading(value) if type(value) is str and is_link(value) else unreadable("http(s) URL", value)


def read_context(value: Any, _: Budget) -> Reading:
    """A URL, an object, or an array of both. An object has no URL, so it stays raw."""
    if type(value) is str:
        return Reading((value,))
    values = value if type(value) is list else [value]
    urls = tuple(each for each in values if type(each) is str)
    odd = [each for each in values if type(each) not in (str, dict)]
    problems = unreadable("string, array or object", odd[0]).problems if odd else ()
    return Reading(urls, len(urls) < len(values) or len(urls) == 1, problems)


def tuple_hook(type_: Any, converter: Any) -> Hook:
    """Reads an array, or a single value in its place, element by element.

    One alone is raw, unless that is how the API's pages show it, as with access passes.
    """
    element = get_args(type_)[0]
    hook, alone_is_own = converter.get_structure_hook(element), element is AccessPass
    kind_of_each = "string" if element is str else "object"

    def read(value: Any, budget: Budget) -> Reading:
        if type(value) is not list:
            alone = hook(value, budget)
            if alone.value is None:
                return unreadable("object" if alone_is_own else "array", value)
            return Reading((alone.value,), alone.raw or not alone_is_own, alone.problems)
        budget.take(0 if attrs.has(element) else len(value))
        readings = [
            unreadable(kind_of_each, each) if type(each) is list else hook(each, budget) for each in value
        ]
        return Reading(
            tuple(reading.value for reading in readings if reading.value is not None),
            any(reading.raw for reading in readings) or (alone_is_own and len(value) == 1),
            tuple(f"[{i}]{problem}" for i, reading in enumerate(readings) for problem in reading.problems),
        )

    return read


@attrs.frozen
class Member:
    """A field's place in JSON: reads it from an object in every spelling.

    Attributes:
        keys: The member's own key, then the other ones.
        hook: What reads the value under each key.
        instead: The key of another member that is read where all of these are absent, and its hook.
        nothing: What it comes to where there is no such member.
    """

    name: str
    keys: tuple[str, ...]
    hook: Hook
    instead: tuple[str, Hook] | None
    nothing: Reading

    @classmethod
    def of(cls, field: "attrs.Attribute[Any]", converter: Any) -> "Member":
        """The member of an attrs field, read by the hook of the field's type."""
        keys, other = field.metadata["keys"], field.metadata.get("instead")
        hook = converter.get_structure_hook(field.type)
        instead = (other, _first_of(hook) if other == "image" else read_link) if other else None
        if field.default is not attrs.NOTHING:
            absent = None if field.validator else field.default  # what tells the state can't be guessed
            return cls(field.name, keys, hook, instead, Reading(absent))
        expected = "string" if field.type is str else "object"
        missing = f"{step(keys[0])}: expected {expected}, got nothing"
        return cls(field.name, keys, hook, instead, Reading(None, False, (missing,)))

    def read(self, document: Mapping[str, Any], budget: Budget) -> Reading:
        """The field's value; ``raw`` if the members of its keys have to be kept."""
        spelled = [key for key in self.keys if key in document and not absent(document[key])]
        if not spelled:
            return self._read_instead(document, budget)
        readings = [self.hook(document[key], budget) for key in spelled]
        if spelled == [self.keys[0]] and not readings[0].problems:
            # Kept where the other member says the same, or that could be taken to be where it came from.
            same = self.instead and self._read_instead(document, budget).value == readings[0].value
            return readings[0]._replace(raw=True) if same else readings[0]
        values = [reading.value for reading in readings if reading.value is not None]
        problems = [
            step(key) + each
            for key, reading in zip(spelled, readings, strict=True)
            for each in reading.problems
        ]
        if any(value != values[0] for value in values):
            problems.append(f"{step(spelled[1])}: expected the value of {step(spelled[0])}, got another")
        raw = spelled != [self.keys[0]] or readings[0].raw
        value = values[0] if values else self._read_instead(document, budget).value
        return Reading(value, raw, tuple(problems))

    def _read_instead(self, document: Mapping[str, Any], budget: Budget) -> Reading:
        """The other member has no field: it is kept in any case, and need not be readable."""
        if self.instead is None or absent(document.get(self.instead[0])):
            return self.nothing
        key, hook = self.instead
        return Reading(hook(document[key], budget).value)


def _first_of(hook: Hook) -> Hook:
    def read(value: Any, budget: Budget) -> Reading:
        values = value if type(value) is list else [value]
        readings = (hook(each, budget) for each in values)
        return next((reading for reading in readings if reading.value is not None), Reading(None))

    return read


def node_hook(cls: Any, converter: Any) -> Hook:
    """Reads an object, or what may stand for one, member by member."""
    members = [Member.of(field, converter) for field in attrs.fields(cls) if field.metadata["keys"]]
    needed = [member for member in members if member.nothing.problems]
    known = keys_of(cls)

    def read(value: Any, budget: Budget) -> Reading:
        budget.take()
        if type(value) is list:
            return _only_one(value, read, budget)
        if type(value) is str and cls._alone and (cls is not Seller or _IRI.match(value)):
            return Reading(cls(**{cls._alone: value}), raw=True)
        if type(value) is not dict:
            return unreadable("object", value)
        fields = {}
        kept = {key: each for key, each in value.items() if key not in known and not absent(each)}
        problems: list[str] = []
        for member in members:
            reading = member.read(value, budget)
            fields[member.name] = reading.value
            problems += reading.problems
            if reading.raw:
                kept.update((key, value[key]) for key in member.keys if not absent(value.get(key)))
        if any(fields[member.name] is None for member in needed):
            return Reading(None, True, tuple(problems))
        return Reading(
            cls(**fields, extra=as_received(kept) if kept else NOTHING_EXTRA), False, tuple(problems)
        )

    return read


def _only_one(values: list[Any], read: Hook, budget: Budget) -> Reading:
    """An array where one object is expected: JSON-LD takes ``[x]`` for ``x``."""
    if len(values) != 1 or type(values[0]) is list:
        return unreadable("object", values)
    reading = read(values[0], budget)
    return Reading(reading.value, True, tuple(f"[0]{problem}" for problem in reading.problems))


def account_hook(_: Any, converter: Any) -> Hook:
    """Reads an account in the state that its keys tell, or as unrecognised.

    What belongs to another state may come in another vocabulary than it was documented in, as
    ``imin:dateLinked``: nobody reads that, but an account that has it is not certain to be unconnected.
    """
    classes = (ConnectedAccount, UnconnectedAccount, NoAccount)
    hooks: dict[type, Hook] = {cls: converter.get_structure_hook(cls) for cls in classes}
    seller = Member.of(attrs.fields(ConnectedAccount).seller, converter)

    def read(item: Any, budget: Budget) -> Reading:
        budget.take(2)
        if type(item) is not dict:
            return Reading(UnrecognisedAccount._as_received(item), False, unreadable("object", item).problems)
        there = {key for key, value in item.items() if not absent(value)}
        flag = item.get(FLAG)
        of_connected = in_any_vocabulary(CONNECTED_NAMES, there)
        if CONNECTED_ONLY & there or says_connected(item):
            reading = hooks[ConnectedAccount](item, budget)
            wrong = _unexpected("a connected account", item, in_any_vocabulary(UNCONNECTED_NAMES, there))
        elif type(flag) is bool and not of_connected:
            reading = hooks[UnconnectedAccount if flag else NoAccount](item, budget)
            wrong = []
        else:
            found = seller.read(item, budget)
            if type(flag) is bool:
                wrong = _unexpected("an account that is not connected", item, of_connected)
            else:
                wrong = [f"{step(FLAG)}: expected boolean, got {'nothing' if absent(flag) else kind(flag)}"]
            wrong += _named_beside(found.value, item)
            account = UnrecognisedAccount._as_received(item, found.value)
            return Reading(account, False, (*found.problems, *wrong))
        if reading.value is not None:
            wrong += _named_beside(reading.value.seller, item)
            return reading._replace(problems=(*reading.problems, *wrong))
        return Reading(UnrecognisedAccount._as_received(item), False, reading.problems)

    return read


def _named_beside(seller: Seller | None, item: Mapping[str, Any]) -> list[str]:
    """Problems of an item that names another seller too."""
    if seller is None:
        return []
    known, wrong = identifiers_of(seller), f"expected the seller of {step('seller')}, got another"
    return [f"{step(key)}: {wrong}" for key, named in other_sellers(item).items() if not named <= known]


def _unexpected(where: str, item: Mapping[str, Any], keys: list[str]) -> list[str]:
    return [f"{step(key)}: expected nothing in {where}, got {kind(item[key])}" for key in keys]


def says_connected(item: Mapping[str, Any]) -> bool:
    """Whether an item says by an empty array alone that it is connected.

    Such an account has nothing to tell: it is how one without any member is written. Nothing that an
    unconnected account has may be there, not even as null.
    """
    return UNCONNECTED_ONLY.isdisjoint(item) and any(item.get(key) == [] for key in CONNECTED_ONLY)
