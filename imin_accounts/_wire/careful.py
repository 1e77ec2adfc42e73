"""The careful reader: any value, in any spelling, to a model, what has to be kept as received, and problems.

It never coerces and never fails: what can't be read is kept and named by its path from here, by what
was expected and by what was found; never by its value.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple, get_args

import attrs

from imin_accounts._node import extra, is_link, keys_of, step
from imin_accounts.models import (
    CONNECTED_ONLY,
    UNCONNECTED_ONLY,
    AccessPass,
    ActionStatus,
    ConnectedAccount,
    Customer,
    Entitlement,
    EntitlementType,
    Image,
    NoAccount,
    Seller,
    UnconnectedAccount,
    UnrecognisedAccount,
)

FLAG = "imin:matchingEmailExists"

_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?"
    r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])",
    re.IGNORECASE,
)
_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S")
_STATUSES = {
    f"{prefix}{status.rpartition('/')[2]}": status
    for status in ActionStatus
    for prefix in ("https://schema.org/", "http://schema.org/", "")
}
_BARE = {Image: "url", Seller: "id", Customer: "id", Entitlement: "id", EntitlementType: "id"}
"""The classes of which a string may stand for the whole object, and the field that it then is."""
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


Hook = Callable[[Any, Any], Reading]
"""A hook as cattrs has them: the value and its type, which is of no use here."""


def absent(value: Any) -> bool:
    """Whether a member says nothing: the platform leaves out nulls and empty arrays."""
    return value is None or value == []


def unreadable(expected: str, value: Any) -> Reading:
    """The reading of a value that is not as expected."""
    return Reading(None, True, (f": expected {expected}, got {kind(value)}",))


def kind(value: Any) -> str:
    """The JSON type of ``value`` by name."""
    return _KINDS.get(type(value), "number")


def read_string(value: Any, _: Any) -> Reading:
    return Reading(value) if type(value) is str else unreadable("string", value)


def read_bool(value: Any, _: Any) -> Reading:
    return Reading(value) if type(value) is bool else unreadable("boolean", value)


def _read_bool_or_text(value: Any, _: Any) -> Reading:
    if type(value) is str and value in ("true", "false"):
        return Reading(value == "true", raw=True)
    return read_bool(value, _)


def read_date(value: Any, _: Any) -> Reading:
    """An RFC 3339 date-time. It is kept raw where ``isoformat`` spells it otherwise, but for Z."""
    if type(value) is str and _RFC3339.fullmatch(value):
        try:
            date = datetime.fromisoformat(value.upper())
        except ValueError:  # a day that the calendar lacks
            pass
        else:
            return Reading(date, raw=value.replace("Z", "+00:00") != date.isoformat())
    return unreadable("RFC 3339 date-time", value)


def read_status(value: Any, _: Any) -> Reading:
    status = _STATUSES.get(value) if type(value) is str else None
    return unreadable("known action status", value) if status is None else Reading(status, value != status)


def read_link(value: Any, _: Any) -> Reading:
    """A URL, or an EntryPoint that holds one."""
    if type(value) is dict:
        urls = [value.get("urlTemplate"), value.get("url")]
        found = [url for url in urls if type(url) is str and "{" not in url and is_link(url)]
        return Reading(found[0], raw=True) if found else unreadable("http(s) URL", value)
    return Reading(value) if type(value) is str and is_link(value) else unreadable("http(s) URL", value)


def read_context(value: Any, _: Any) -> Reading:
    """A URL, an object, or an array of both. An object has no URL, so it stays raw."""
    if type(value) is str:
        return Reading((value,))
    values = value if type(value) is list else [value]
    urls = tuple(each for each in values if type(each) is str)
    odd = [each for each in values if type(each) not in (str, dict)]
    problems = unreadable("string, array or object", odd[0]).problems if odd else ()
    return Reading(urls, len(urls) < len(values) or len(urls) == 1, problems)


def tuple_hook(type_: Any, converter: Any) -> Hook:
    """Reads an array, or a single value in its place, element by element."""
    hook = converter.get_structure_hook(get_args(type_)[0])

    def read(value: Any, _: Any) -> Reading:
        if type(value) is not list:
            alone = hook(value, None)
            if alone.value is None:
                return unreadable("array", value)
            return Reading((alone.value,), True, alone.problems)
        readings = [hook(each, None) for each in value]
        return Reading(
            tuple(reading.value for reading in readings if reading.value is not None),
            any(reading.raw for reading in readings),
            tuple(f"[{i}]{problem}" for i, reading in enumerate(readings) for problem in reading.problems),
        )

    return read


@attrs.frozen
class Member:
    """A field's place in JSON: reads it from an object in every spelling.

    Attributes:
        keys: The member's own key, then the other ones.
        hooks: What reads the value under each key.
        nothing: What it comes to where there is no such member.
    """

    name: str
    keys: tuple[str, ...]
    hooks: Mapping[str, Hook]
    nothing: Reading

    @classmethod
    def of(cls, field: "attrs.Attribute[Any]", converter: Any) -> "Member":
        """The member of an attrs field, read by the hook of the field's type."""
        keys = field.metadata["keys"]
        hooks = dict.fromkeys(keys, converter.get_structure_hook(field.type))
        if "hasHiddenEntitlements" in keys:  # sibling pages show it as a string
            hooks["hasHiddenEntitlements"] = _read_bool_or_text
        if field.default is not attrs.NOTHING:
            return cls(field.name, keys, hooks, Reading(field.default))
        expected = "string" if field.type is str else "object"
        missing = f"{step(keys[0])}: expected {expected}, got nothing"
        return cls(field.name, keys, hooks, Reading(None, False, (missing,)))

    def read(self, document: Mapping[str, Any]) -> Reading:
        """The field's value; ``raw`` if the members of its keys have to be kept."""
        spelled = [key for key in self.keys if key in document and not absent(document[key])]
        if not spelled:
            return self.nothing
        readings = [self.hooks[key](document[key], None) for key in spelled]
        if spelled == [self.keys[0]] and not readings[0].problems:
            return readings[0]
        values = [reading.value for reading in readings if reading.value is not None]
        problems = [
            step(key) + each
            for key, reading in zip(spelled, readings, strict=True)
            for each in reading.problems
        ]
        if any(value != values[0] for value in values):
            problems.append(f"{step(spelled[1])}: expected the value of {step(spelled[0])}, got another")
        raw = spelled != [self.keys[0]] or readings[0].raw
        return Reading(values[0] if values else self.nothing.value, raw, tuple(problems))


def node_hook(cls: Any, converter: Any) -> Hook:
    """Reads an object, or what may stand for one, member by member."""
    members = [Member.of(field, converter) for field in attrs.fields(cls) if field.metadata["keys"]]
    needed = [member for member in members if member.nothing.problems]
    known = keys_of(cls)

    def read(value: Any, _: Any) -> Reading:
        if type(value) is list:
            return _read_one_of(value, cls, read)
        if type(value) is str and cls in _BARE and (cls is not Seller or _IRI.match(value)):
            return Reading(cls(**{_BARE[cls]: value}), raw=True)
        if type(value) is not dict:
            return unreadable("object", value)
        fields = {}
        kept = {key: each for key, each in value.items() if key not in known and not absent(each)}
        problems: list[str] = []
        for member in members:
            reading = member.read(value)
            fields[member.name] = reading.value
            problems += reading.problems
            if reading.raw:
                kept.update((key, value[key]) for key in member.keys if not absent(value.get(key)))
        if any(fields[member.name] is None for member in needed):
            return Reading(None, True, tuple(problems))
        return Reading(cls(**fields, extra=extra(kept)), False, tuple(problems))

    return read


def _read_one_of(values: list[Any], cls: type, read: Hook) -> Reading:
    """An array where one object is expected: JSON-LD takes ``[x]`` for ``x``.

    Access passes do come several at a time: one of them is read, and the array is kept as received.
    """
    place = 0 if len(values) == 1 else None
    if cls is AccessPass and all(type(each) is dict for each in values):
        place = _place_of_pass(values)
        if place is None:
            return Reading(None, True)
    if place is None or type(values[place]) is list:
        return unreadable("object", values)
    reading = read(values[place], None)
    return Reading(reading.value, True, tuple(f"[{place}]{problem}" for problem in reading.problems))


def _place_of_pass(passes: list[dict[str, Any]]) -> int | None:
    """The index of the first barcode, else of the first pass without a type; None where all are others."""
    types = [each.get("@type") or each.get("type") for each in passes]
    return next((types.index(wanted) for wanted in ("Barcode", None) if wanted in types), None)


def account_hook(_: Any, converter: Any) -> Hook:
    """Reads an account in the state that its keys tell, or as unrecognised."""
    classes = (ConnectedAccount, UnconnectedAccount, NoAccount)
    hooks: dict[type, Hook] = {cls: converter.get_structure_hook(cls) for cls in classes}
    seller = Member.of(attrs.fields(ConnectedAccount).seller, converter)

    def read(item: Any, _: Any) -> Reading:
        reading: Reading
        if type(item) is not dict:
            return Reading(UnrecognisedAccount(document=item), False, unreadable("object", item).problems)
        there = {key for key, value in item.items() if not absent(value)}
        flag = item.get(FLAG)
        if CONNECTED_ONLY & there:
            reading = hooks[ConnectedAccount](item, None)
            both = [
                f"{step(key)}: expected nothing in a connected account, got {kind(item[key])}"
                for key in sorted(UNCONNECTED_ONLY & there)
            ]
            reading = reading._replace(problems=(*reading.problems, *both))
        elif type(flag) is bool:
            reading = hooks[UnconnectedAccount if flag else NoAccount](item, None)
        else:
            found = seller.read(item)
            undecided = f"{step(FLAG)}: expected boolean, got {'nothing' if absent(flag) else kind(flag)}"
            account = UnrecognisedAccount(seller=found.value, document=item)
            return Reading(account, False, (*found.problems, undecided))
        if reading.value is not None:
            return reading
        return Reading(UnrecognisedAccount(document=item), False, reading.problems)

    return read
