"""JSON-LD to models and back: nothing lost, nothing invented, one bad item costs no other.

Reading is strict: no value is ever turned into one of another type. What is spelled in another way
than documented is read all the same and also kept as received in ``extra``; what can't be read is
kept there too, and a problem says where it is and what was expected, never its value.

cattrs structures every class. Its own hooks coerce, so every type in the models has one of ours, and
an unknown type has none.
"""

import math
import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import datetime
from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin

import attrs
import cattrs
import orjson

from imin_accounts._node import Context, Link, extra, keys_of, step
from imin_accounts.errors import DecodeError
from imin_accounts.models import (
    AccessPass,
    ActionStatus,
    ConnectedAccount,
    Customer,
    Entitlement,
    EntitlementType,
    Image,
    NoAccount,
    Seller,
    SellerAccount,
    SellerAccounts,
    UnconnectedAccount,
    UnrecognisedAccount,
    is_link,
)

MAX_DEPTH = 64
"""Levels of objects and arrays that a document may have, its own included."""

_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?"
    r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])",
    re.IGNORECASE | re.ASCII,
)
_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S")
_STATUSES = {
    f"{prefix}{status.rpartition('/')[2]}": status
    for status in ActionStatus
    for prefix in ("https://schema.org/", "http://schema.org/", "")
}
_BARE = {Image: "url", Seller: "id", Customer: "id", Entitlement: "id", EntitlementType: "id"}
_KINDS = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}
_CONNECTED_ONLY = keys_of(ConnectedAccount) - keys_of(UnconnectedAccount)
_UNCONNECTED_ONLY = keys_of(UnconnectedAccount) - keys_of(ConnectedAccount)


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


def _absent(value: Any) -> bool:
    return value is None or value == []


def _kind(value: Any) -> str:
    return "nothing" if _absent(value) else _KINDS.get(type(value), "number")


def _unreadable(expected: str, value: Any) -> Reading:
    return Reading(None, True, (f": expected {expected}, got {_KINDS.get(type(value), 'number')}",))


def _read_string(value: Any, _: Any) -> Reading:
    return Reading(value) if type(value) is str else _unreadable("string", value)


def _read_bool(value: Any, _: Any) -> Reading:
    return Reading(value) if type(value) is bool else _unreadable("boolean", value)


def _read_bool_or_text(value: Any, _: Any) -> Reading:
    """The member that sibling pages show with the strings "true" and "false"."""
    if type(value) is str and value in ("true", "false"):
        return Reading(value == "true", raw=True)
    return _read_bool(value, _)


def _read_date(value: Any, _: Any) -> Reading:
    if type(value) is str and _RFC3339.fullmatch(value):
        try:
            date = datetime.fromisoformat(value.upper())
        except ValueError:  # a day that the calendar lacks
            pass
        else:
            return Reading(date, raw=value.replace("Z", "+00:00") != date.isoformat())
    return _unreadable("RFC 3339 date-time", value)


def _read_status(value: Any, _: Any) -> Reading:
    status = _STATUSES.get(value) if type(value) is str else None
    return _unreadable("known action status", value) if status is None else Reading(status, value != status)


def _read_link(value: Any, _: Any) -> Reading:
    if type(value) is dict:  # an EntryPoint
        urls = [value.get("urlTemplate"), value.get("url")]
        found = [u for u in urls if type(u) is str and "{" not in u and is_link(u)]
        return Reading(found[0], raw=True) if found else _unreadable("http(s) URL", value)
    return Reading(value) if type(value) is str and is_link(value) else _unreadable("http(s) URL", value)


def _read_context(value: Any, _: Any) -> Reading:
    """A string, an array, or an object; objects stay raw, since they have no URL."""
    if type(value) is str:
        return Reading((value,))
    values = value if type(value) is list else [value]
    urls = tuple(each for each in values if type(each) is str)
    odd = next((each for each in values if type(each) not in (str, dict)), None)
    problems = () if odd is None else _unreadable("string, array or object", odd).problems
    return Reading(urls, len(urls) != len(values) or len(urls) == 1, problems)


def _tuple_hook(type_: Any, converter: cattrs.Converter) -> Hook:
    hook = converter.get_structure_hook(get_args(type_)[0])

    def read(value: Any, _: Any) -> Reading:
        if type(value) is not list:
            reading = hook(value, _)
            if reading.value is None:
                return _unreadable("array", value)
            return Reading((reading.value,), True, reading.problems)
        readings = [hook(each, _) for each in value]
        return Reading(
            tuple(reading.value for reading in readings if reading.value is not None),
            any(reading.raw for reading in readings),
            tuple(f"[{i}]{problem}" for i, reading in enumerate(readings) for problem in reading.problems),
        )

    return read


def _optional_hook(type_: Any, converter: cattrs.Converter) -> Hook:
    inner = next(part for part in get_args(type_) if part is not type(None))
    hook: Hook = converter.get_structure_hook(inner)
    return hook


@attrs.frozen
class _Member:
    """A field's place in JSON: reads it in every spelling."""

    name: str
    keys: tuple[str, ...]
    hooks: Mapping[str, Hook]
    default: Any
    expected: str

    @classmethod
    def of(cls, field: "attrs.Attribute[Any]", converter: cattrs.Converter) -> "_Member":
        keys = field.metadata["keys"]
        hooks = dict.fromkeys(keys, converter.get_structure_hook(field.type))
        if "hasHiddenEntitlements" in keys:
            hooks["hasHiddenEntitlements"] = _read_bool_or_text
        expected = "" if field.default is not attrs.NOTHING else "string" if field.type is str else "object"
        return cls(field.name, keys, hooks, None if expected else field.default, expected)

    def read(self, document: Mapping[str, Any]) -> tuple[Any, dict[str, Any], tuple[str, ...]]:
        """The field's value, the spellings to keep, and problems."""
        spelled = {key: document[key] for key in self.keys if not _absent(document.get(key))}
        if not spelled:
            missing = f"{step(self.keys[0])}: expected {self.expected}, got nothing"
            return self.default, {}, (missing,) if self.expected else ()
        readings = {key: self.hooks[key](value, None) for key, value in spelled.items()}
        problems = [step(key) + each for key, reading in readings.items() for each in reading.problems]
        values = [reading.value for reading in readings.values() if reading.value is not None]
        if any(value != values[0] for value in values):
            problems.append(f"{step(self.keys[0])}: expected one value, got another as {step(self.keys[1])}")
        kept = list(spelled) != [self.keys[0]] or readings[self.keys[0]].raw
        return values[0] if values else self.default, spelled if kept else {}, tuple(problems)


def _node_hook(cls: Any, converter: cattrs.Converter) -> Hook:
    members = [_Member.of(f, converter) for f in attrs.fields(cls) if f.metadata["keys"]]
    known = keys_of(cls)

    def read(value: Any, _: Any) -> Reading:
        if type(value) is list:
            return _read_one_of(value, cls, read)
        if type(value) is str and cls in _BARE and (cls is not Seller or _IRI.match(value)):
            return Reading(cls(**{_BARE[cls]: value}), raw=True)
        if type(value) is not dict:
            return _unreadable("object", value)
        fields: dict[str, Any] = {}
        kept = {key: each for key, each in value.items() if key not in known and not _absent(each)}
        problems: tuple[str, ...] = ()
        for member in members:
            fields[member.name], raw, found = member.read(value)
            kept |= raw
            problems += found
            if member.expected and fields[member.name] is None:
                return Reading(None, True, problems)
        return Reading(cls(**fields, extra=extra(kept)), False, problems)

    return read


def _read_one_of(values: list[Any], cls: type, read: Hook) -> Reading:
    """An array where one object is expected: JSON-LD takes ``[x]`` for ``x``; of access passes, which
    do come several at a time, the first barcode, else the first that doesn't say what it is.
    """
    candidates = list(enumerate(values))
    if cls is AccessPass and all(type(each) is dict for each in values):
        types = [each.get("@type", each.get("type")) for each in values]
        chosen = [types.index(wanted) for wanted in ("Barcode", None) if wanted in types]
        if not chosen:
            return Reading(None, True)
        candidates = [(chosen[0], values[chosen[0]])]
    if len(candidates) != 1 or type(candidates[0][1]) is list:
        return _unreadable("object", values)
    index, value = candidates[0]
    reading = read(value, None)
    return Reading(reading.value, True, tuple(f"[{index}]{problem}" for problem in reading.problems))


def _account_hook(_: Any, converter: cattrs.Converter) -> Hook:
    hooks = {
        cls: converter.get_structure_hook(cls) for cls in (ConnectedAccount, UnconnectedAccount, NoAccount)
    }
    seller = _Member.of(attrs.fields_dict(ConnectedAccount)["seller"], converter)
    flag_key = "imin:matchingEmailExists"

    def read(item: Any, _: Any) -> Reading:
        reading: Reading
        if type(item) is not dict:
            return Reading(UnrecognisedAccount(document=item), False, _unreadable("object", item).problems)
        present = {key for key, value in item.items() if not _absent(value)}
        flag = item.get(flag_key)
        if _CONNECTED_ONLY & present:
            both = [
                f"{step(key)}: expected nothing in a connected account, got {_kind(item[key])}"
                for key in sorted(_UNCONNECTED_ONLY & present)
            ]
            reading = hooks[ConnectedAccount](item, _)
            reading = reading._replace(problems=(*reading.problems, *both))
        elif type(flag) is bool:
            reading = hooks[UnconnectedAccount if flag else NoAccount](item, _)
        else:
            undecided = f"{step(flag_key)}: expected boolean, got {_kind(flag)}"
            reading = Reading(None, True, (*seller.read(item)[2], undecided))
        if reading.value is None:
            found = seller.read(item)[0]
            return Reading(UnrecognisedAccount(seller=found, document=item), False, reading.problems)
        return reading

    return read


def _items_hook(type_: Any, converter: cattrs.Converter) -> Hook:
    hook = converter.get_structure_hook(get_args(type_)[0])

    def read(value: Any, _: Any) -> Reading:
        items = value if type(value) is list else [value]
        accounts = []
        for index, item in enumerate(items):
            account, _raw, found = hook(item, _)
            path = "$['imin:item']" + (f"[{index}]" if items is value else "")
            accounts.append(
                attrs.evolve(account, problems=tuple(path + p for p in found)) if found else account
            )
        return Reading(tuple(accounts), items is not value)

    return read


def _is_optional(type_: Any) -> bool:
    return get_origin(type_) in (Union, UnionType) and type(None) in get_args(type_)


def _is_tuple(type_: Any) -> bool:
    origin: Any = get_origin(type_)
    return origin is tuple


def _careful_converter() -> cattrs.Converter:
    converter = cattrs.Converter()
    converter.register_structure_hook(str, _read_string)
    converter.register_structure_hook(bool, _read_bool)
    converter.register_structure_hook(datetime, _read_date)
    converter.register_structure_hook(ActionStatus, _read_status)
    converter.register_structure_hook_factory(attrs.has, _node_hook)
    converter.register_structure_hook_factory(_is_optional, _optional_hook)
    converter.register_structure_hook_factory(_is_tuple, _tuple_hook)
    converter.register_structure_hook_factory(lambda t: t == SellerAccount, _account_hook)
    converter.register_structure_hook_factory(lambda t: t == tuple[SellerAccount, ...], _items_hook)
    converter.register_structure_hook_func(lambda t: t == Link, _read_link)
    converter.register_structure_hook_func(lambda t: t == Context, _read_context)
    converter.register_unstructure_hook_factory(attrs.has, _writer)
    converter.register_unstructure_hook_func(lambda t: t == Context, _write_context)
    converter.register_unstructure_hook(tuple, lambda values: [converter.unstructure(v) for v in values])
    converter.register_unstructure_hook(datetime, datetime.isoformat)
    converter.register_unstructure_hook(ActionStatus, lambda status: status.value)
    converter.register_unstructure_hook(UnrecognisedAccount, lambda account: deepcopy(account.document))
    return converter


def _write_context(urls: tuple[str, ...]) -> str | list[str]:
    return urls[0] if len(urls) == 1 else list(urls)


def _writer(cls: Any, converter: cattrs.Converter) -> Callable[[Any], dict[str, Any]]:
    members = [_Member.of(f, _careful) for f in attrs.fields(cls) if f.metadata["keys"]]

    def write(node: Any) -> dict[str, Any]:
        rest = dict(node.extra)
        document: dict[str, Any] = {}
        for member in members:
            value = getattr(node, member.name)
            raw = {key: rest.pop(key) for key in member.keys if key in rest}
            if raw and member.read(raw)[0] == value:
                document |= raw
            elif not _absent(value) and value != ():
                document[member.keys[0]] = converter.unstructure(
                    value, Context if member.name == "context" else None
                )
        return document | rest

    return write


_careful = _careful_converter()


def _copied(value: Any, path: str = "$", room: int = MAX_DEPTH) -> Any:
    """A copy of ``value`` that only JSON's own types are part of."""
    if room == 0 and isinstance(value, Mapping | list):
        raise DecodeError(f"$: expected at most {MAX_DEPTH} levels, got more")
    if isinstance(value, Mapping):
        if odd := [key for key in value if type(key) is not str]:
            raise DecodeError(f"{path}: expected strings as keys, got {type(odd[0]).__name__}")
        return {_copied(key, path): _copied(value[key], path + step(key), room - 1) for key in value}
    if type(value) is list:
        return [_copied(each, f"{path}[{i}]", room - 1) for i, each in enumerate(value)]
    if type(value) is str and not value.isascii() and any("\ud800" <= each <= "\udfff" for each in value):
        raise DecodeError(f"{path}: expected Unicode text, got a lone surrogate")
    if type(value) is float and not math.isfinite(value):
        raise DecodeError(f"{path}: expected a finite number, got another")
    if value is not None and type(value) not in (str, bool, int, float):
        raise DecodeError(f"{path}: expected a JSON value, got {type(value).__name__}")
    return value


def _parsed(document: Any) -> Any:
    try:
        return orjson.loads(document)
    except orjson.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
    raise DecodeError(f"$: expected JSON, got something else at {where}")


def from_jsonld(
    document: bytes | bytearray | memoryview | str | Mapping[str, Any], *, strict: bool = False
) -> SellerAccounts:
    """Read a reply of "Get Seller Accounts".

    An item that can't be read becomes an ``UnrecognisedAccount``; an optional member that can't be
    read stays in ``extra`` and is named in ``problems``.

    Args:
        document: JSON text as UTF-8, or a parsed object, which is copied.
        strict: Refuse a document with any problem. Another spelling of a member is not one.

    Raises:
        DecodeError: Not JSON, not an object, not a collection of accounts, or nested over 64 levels
            deep. With ``strict``, also for any problem; its ``problems`` hold all of them.
    """
    document = _copied(document if isinstance(document, Mapping) else _parsed(document))
    if type(document) is not dict:
        raise DecodeError("$" + _unreadable("object", document).problems[0])
    items = document.get("imin:item")
    if _absent(items):
        if "imin:Collection" not in (document.get("@type"), document.get("type")):
            raise DecodeError("$['imin:item']: expected array, got nothing")
    elif type(items) not in (list, dict):
        raise DecodeError("$['imin:item']" + _unreadable("array", items).problems[0])
    accounts: SellerAccounts
    accounts, _, found = _careful.get_structure_hook(SellerAccounts)(document, None)
    accounts = attrs.evolve(accounts, problems=tuple("$" + problem for problem in found))
    if strict and (problems := (*accounts.problems, *(p for a in accounts for p in a.problems))):
        raise DecodeError(*problems)
    return accounts


def to_jsonld(accounts: SellerAccounts) -> dict[str, Any]:
    """Write ``accounts`` as the JSON-LD that they were read from, changed fields in their new value.

    Every call returns fresh objects. Dates are written with their offset, ``+00:00`` for UTC.
    """
    document: dict[str, Any] = _careful.unstructure(accounts)
    return document
