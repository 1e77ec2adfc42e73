"""JSON-LD to models and back: nothing lost, nothing invented, one bad item costs no other.

Reading is strict: no value is ever turned into one of another type. What is spelled in another way than
documented is read all the same and also kept as received in ``extra``; what can't be read is kept there
too, and a problem says so.

cattrs structures every class. Its own hooks coerce, so every type in the models gets one of ours, twice:
the fast reader takes the API's own form, the careful one whatever the fast one refused, node by node.
"""

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from types import UnionType
from typing import Any, Union, get_args, get_origin

import attrs
import cattrs
import orjson

from imin_accounts._node import Context, Link, copied, step
from imin_accounts._wire import careful
from imin_accounts._wire.careful import FLAG, Hook, Member, Reading, absent, unreadable
from imin_accounts._wire.fast import ODD, node_reader
from imin_accounts.errors import DecodeError
from imin_accounts.models import (
    CONNECTED_ONLY,
    ActionStatus,
    ConnectedAccount,
    NoAccount,
    Seller,
    SellerAccount,
    SellerAccounts,
    UnconnectedAccount,
    UnrecognisedAccount,
)

MAX_DEPTH = 64
"""Levels of objects and arrays that a document may have, its own included."""
MAX_SHARED = 1024
"""Sellers that are remembered, so that the replies of many customers share them."""

_TEXT = (bytes, str, bytearray, memoryview)
_ITEMS = tuple[SellerAccount, ...]
_ITEM_PATH = "$['imin:item']"


def _fast_converter(escapes: bool) -> cattrs.Converter:
    def reader(cls: type, converter: cattrs.Converter) -> Callable[..., Any]:
        read = node_reader(cls, converter, escapes)
        return _shared(read) if cls is Seller else read

    converter = cattrs.Converter()
    converter.register_structure_hook_factory(attrs.has, reader)
    converter.register_structure_hook_factory(lambda type_: type_ == _ITEMS, _items_reader)
    return converter


def _shared(read: Callable[..., Seller]) -> Callable[..., Seller]:
    """Every customer's reply repeats the same sellers: hand out one object for one document.

    A seller met for the first time leaves only its id behind, since it may never come again; met for the
    second time it is remembered with its document. Documents are compared as bytes: their dicts would be
    equal with 1 for true, and slow to compare.
    """

    def read_shared(document: dict[str, Any], _: Any = None) -> Seller:
        known = _sellers.get(document["@id"])
        if known is not None and known[0] == orjson.dumps(document):
            return known[1]
        seller = read(document)
        if seller.id in _met:
            _sellers[seller.id] = (orjson.dumps(document), seller)
        else:
            if len(_met) >= MAX_SHARED:
                _met.clear()
                _sellers.clear()
            _met.add(seller.id)
        return seller

    return read_shared


def _items_reader(_: Any, converter: cattrs.Converter) -> Callable[..., tuple[SellerAccount, ...]]:
    readers: dict[bool | None, Callable[..., SellerAccount]] = {
        None: converter.get_structure_hook(ConnectedAccount),
        True: converter.get_structure_hook(UnconnectedAccount),
        False: converter.get_structure_hook(NoAccount),
    }

    # ``readers`` goes by the member that tells unconnected (True) from no account (False). An item without it
    # is connected if it has any member that only a connected account has; if not, the careful reader decides.
    def read_items(items: list[Any], _: Any = None) -> tuple[SellerAccount, ...]:
        if type(items) is not list or not items:
            raise ValueError
        accounts: list[SellerAccount] = []
        for item in items:
            account = None
            try:
                flag = item.get(FLAG)
                if flag is not None or not CONNECTED_ONLY.isdisjoint(item):
                    account = readers[flag](item)
            except ODD:
                pass
            accounts.append(account or _account(item, f"{_ITEM_PATH}[{len(accounts)}]", 2))
        return tuple(accounts)

    return read_items


def _account(item: Any, path: str, level: int) -> SellerAccount:
    """An item that the fast reader refused; ``level`` is how deep in the document it stands."""
    _refuse_deep(item, MAX_DEPTH - level)
    account: SellerAccount
    account, _, problems = _careful.get_structure_hook(SellerAccount)(item, None)
    return attrs.evolve(account, problems=tuple(path + each for each in problems)) if problems else account


def _careful_converter() -> cattrs.Converter:
    converter = cattrs.Converter()
    converter.register_structure_hook(str, careful.read_string)
    converter.register_structure_hook(bool, careful.read_bool)
    converter.register_structure_hook(datetime, careful.read_date)
    converter.register_structure_hook(ActionStatus, careful.read_status)
    converter.register_structure_hook_factory(attrs.has, _node_hook)
    converter.register_structure_hook_factory(_is_optional, _optional_hook)
    converter.register_structure_hook_factory(_is_tuple, careful.tuple_hook)
    converter.register_structure_hook_factory(lambda type_: type_ == SellerAccount, careful.account_hook)
    converter.register_structure_hook_func(lambda type_: type_ == _ITEMS, _read_items)
    converter.register_structure_hook_func(lambda type_: type_ == Link, careful.read_link)
    converter.register_structure_hook_func(lambda type_: type_ == Context, careful.read_context)
    converter.register_unstructure_hook_factory(attrs.has, _writer)
    converter.register_unstructure_hook_func(lambda type_: type_ == Context, _write_context)
    converter.register_unstructure_hook(tuple, lambda values: [converter.unstructure(v) for v in values])
    converter.register_unstructure_hook(datetime, datetime.isoformat)
    converter.register_unstructure_hook(ActionStatus, lambda status: status.value)
    converter.register_unstructure_hook(UnrecognisedAccount, lambda account: copied(account.document))
    return converter


def _is_tuple(type_: Any) -> bool:
    origin: Any = get_origin(type_)
    return origin is tuple


def _is_optional(type_: Any) -> bool:
    return get_origin(type_) in (Union, UnionType) and type(None) in get_args(type_)


def _optional_hook(type_: Any, converter: cattrs.Converter) -> Hook:
    inner = next(part for part in get_args(type_) if part is not type(None))
    hook: Hook = converter.get_structure_hook(inner)
    return hook


def _node_hook(cls: type, converter: cattrs.Converter) -> Hook:
    """The hook of a class of nodes: where an item is odd, those of its nodes that are not still read fast."""
    read = careful.node_hook(cls, converter)
    if "problems" in attrs.fields_dict(cls):  # a whole account, which the fast reader has refused already
        return read
    read_fast = _fast.get_structure_hook(cls)

    def read_either(value: Any, _: Any) -> Reading:
        try:
            return Reading(read_fast(value, None))
        except ODD:
            return read(value, None)

    return read_either


def _read_items(value: Any, _: Any) -> Reading:
    if type(value) is list:
        return Reading(_fast.get_structure_hook(_ITEMS)(value, None))
    return Reading((_account(value, _ITEM_PATH, 1),), raw=True)


def _write_context(urls: tuple[str, ...]) -> str | list[str]:
    return urls[0] if len(urls) == 1 else list(urls)


def _writer(cls: Any, converter: cattrs.Converter) -> Callable[[Any], dict[str, Any]]:
    members = [Member.of(field, converter) for field in attrs.fields(cls) if field.metadata["keys"]]

    def write(node: Any) -> dict[str, Any]:
        rest = dict(node.extra)
        document: dict[str, Any] = {}
        for member in members:
            value = getattr(node, member.name)
            raw = {key: rest.pop(key) for key in member.keys if key in rest}
            if raw and member.read(raw).value == value:
                document |= raw
            elif value is not None and value != ():
                as_type = Context if member.name == "context" else None
                document[member.keys[0]] = converter.unstructure(value, as_type)
        return document | rest

    return write


_met: set[str] = set()
"""The ids of sellers met since both were last emptied."""
_sellers: dict[str, tuple[bytes, Seller]] = {}
"""By id, those met more than once: the document, as bytes, and the object that stands for it."""
_fast = _fast_converter(escapes=True)
_fast_without_escapes = _fast_converter(escapes=False)
_careful = _careful_converter()


def _refuse_deep(value: Any, room: int) -> None:
    if type(value) is dict or type(value) is list:
        if room == 0:
            raise DecodeError(f"$: expected at most {MAX_DEPTH} levels, got more")
        for each in value.values() if type(value) is dict else value:
            _refuse_deep(each, room - 1)


def _copied(value: Any, path: str = "$", room: int = MAX_DEPTH) -> Any:
    """A copy of a parsed document that consists of JSON's own types only."""
    if isinstance(value, Mapping | list) and room == 0:
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


def _refuse_other(document: Any) -> None:
    """Refuse what is no collection of accounts.

    A null and an empty array are absent, here as everywhere: it takes the type to say "no sellers".
    """
    if type(document) is not dict:
        raise DecodeError(f"$: expected object, got {careful.kind(document)}")
    items = document.get("imin:item")
    if absent(items):
        if "imin:Collection" not in (document.get("@type"), document.get("type")):
            raise DecodeError(f"{_ITEM_PATH}: expected array, got nothing")
    elif type(items) not in (list, dict):
        raise DecodeError(_ITEM_PATH + unreadable("array", items).problems[0])


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

    API page: "Seller Accounts [BETA]", section "Get Seller Accounts".
    """
    parsed = _parsed(document) if isinstance(document, _TEXT) else _copied(document)
    plain = type(document) is bytes and b"\\" not in document
    accounts: SellerAccounts | None
    try:
        accounts = (_fast_without_escapes if plain else _fast).structure(parsed, SellerAccounts)
    except ODD:
        accounts = None
    if accounts is None or not accounts.item:  # here, so that what is raised is not chained to the other
        _refuse_other(parsed)
    if accounts is None:
        _refuse_deep({**parsed, "imin:item": None}, MAX_DEPTH)
        accounts, _, problems = _careful.get_structure_hook(SellerAccounts)(parsed, None)
        accounts = attrs.evolve(accounts, problems=tuple("$" + each for each in problems))
    if strict and (found := (*accounts.problems, *(each for a in accounts for each in a.problems))):
        raise DecodeError(*found)
    return accounts


def to_jsonld(accounts: SellerAccounts) -> dict[str, Any]:
    """Write ``accounts`` as the JSON-LD that they were read from, changed fields in their new value.

    Every call returns fresh objects. Dates are written with their offset, ``+00:00`` for UTC.
    """
    document: dict[str, Any] = _careful.unstructure(accounts)
    return document
