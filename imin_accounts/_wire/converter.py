"""JSON-LD to models and back: nothing lost, nothing invented, one bad item costs no other.

Reading is strict: no value is ever turned into one of another type. What is spelled in another way than
documented is read all the same and also kept as received in ``extra``; what can't be read is kept there
too, and a problem says so.

cattrs structures every class. Its own hooks coerce, so every type in the models gets one of ours, twice:
the quick readers take what has no problem, the careful ones whatever those refused, node by node.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from operator import eq
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, overload

import attrs
import cattrs

from imin_accounts._models.node import Context, LastMoment, Link, Node, Term, local_name
from imin_accounts._models.values import MAX_DEPTH, step
from imin_accounts._wire import careful
from imin_accounts._wire.careful import FLAG, Hook, Member, Reading, kind
from imin_accounts._wire.generated import is_optional, without_none
from imin_accounts._wire.limits import Budget
from imin_accounts._wire.parsing import TEXT, Unheld, checked, parse, parse_exactly
from imin_accounts._wire.quick import UNLIKE, Odd, Reader, node_reader
from imin_accounts._wire.sharing import MAX_SHARING, shared
from imin_accounts._wire.writing import node_writer, unrecognised_writer
from imin_accounts.errors import DecodeError, InvalidRequest
from imin_accounts.models import (
    CONNECTED_NAMES,
    ActionStatus,
    ConnectedAccount,
    NoAccount,
    Seller,
    SellerAccount,
    SellerAccounts,
    UnconnectedAccount,
    UnrecognisedAccount,
)

N = TypeVar("N", bound=Node | UnrecognisedAccount)

_ITEMS = tuple[SellerAccount, ...]
_ITEM_PATH = "$['imin:item']"
_TELLING = CONNECTED_NAMES | {local_name(FLAG), "seller"}


# --- Quick ------------------------------------------------------------------------------------------


def _quick_converter(escapes: bool) -> cattrs.Converter:
    def reader(cls: type, converter: cattrs.Converter) -> Reader:
        read = node_reader(cls, converter, _careful, escapes)
        return shared(read) if cls is Seller else read

    converter = cattrs.Converter()
    converter.register_structure_hook_factory(attrs.has, reader)
    converter.register_structure_hook_factory(lambda type_: type_ == _ITEMS, _items_reader)
    return converter


def _items_reader(_: Any, converter: cattrs.Converter) -> Callable[..., tuple[SellerAccount, ...]]:
    readers: dict[bool | None, Callable[..., SellerAccount]] = {
        None: converter.get_structure_hook(ConnectedAccount),
        True: converter.get_structure_hook(UnconnectedAccount),
        False: converter.get_structure_hook(NoAccount),
    }

    # ``readers`` goes by the member that tells unconnected (True) from no account (False). An item without it
    # is connected if it has any member that only a connected account has, as its reader makes sure.
    def read_items(items: list[Any], budget: Budget) -> tuple[SellerAccount, ...]:
        accounts: list[SellerAccount] = []
        for item in items:
            try:
                accounts.append(readers[item.get(FLAG)](item, budget))
                continue
            except (Odd, *UNLIKE):
                pass
            accounts.append(_account(item, f"{_ITEM_PATH}[{len(accounts)}]", 2, budget))
        return tuple(accounts)

    return read_items


# --- Careful ----------------------------------------------------------------------------------------


def _account(item: Any, path: str, level: int, budget: Budget) -> SellerAccount:
    """An item that has a problem; ``level`` is how deep in the document it stands."""
    budget.look_through(item, MAX_DEPTH - level)
    account: SellerAccount
    account, _, problems = _careful.get_structure_hook(SellerAccount)(item, budget)
    if problems:
        _add_problems(account, (path + each for each in problems))
    return account


def _add_problems(made: Any, problems: Iterable[str]) -> None:
    """Set them on a model that nobody else has yet; ``evolve`` would check and copy the document again."""
    object.__setattr__(made, "problems", (*made.problems, *problems))


def _careful_converter(node_hook: Callable[..., Hook]) -> cattrs.Converter:
    converter = cattrs.Converter()
    converter.register_structure_hook(str, careful.read_string)
    converter.register_structure_hook(bool, careful.read_bool)
    converter.register_structure_hook(datetime, careful.read_date)
    converter.register_structure_hook(ActionStatus, careful.read_status)
    converter.register_structure_hook_factory(attrs.has, node_hook)
    converter.register_structure_hook_factory(is_optional, _optional_hook)
    converter.register_structure_hook_factory(_is_tuple, careful.tuple_hook)
    converter.register_structure_hook_factory(lambda type_: type_ == SellerAccount, careful.account_hook)
    converter.register_structure_hook_func(lambda type_: type_ == _ITEMS, _read_items)
    for annotation, hook in _ANNOTATED.items():
        converter.register_structure_hook_func(partial(eq, annotation), hook)
    return converter


_ANNOTATED: dict[Any, Hook] = {
    Link: careful.read_link,
    Term: careful.read_term,
    LastMoment: careful.read_last_moment,
    Context: careful.read_context,
}


def _node_hook(cls: type, converter: cattrs.Converter) -> Hook:
    """The hook of a class of nodes: in an item with a problem, the nodes that have none are read quickly."""
    read = careful.node_hook(cls, converter)
    if "problems" in attrs.fields_dict(cls):  # a whole account, which the quick reader has refused already
        return read

    def read_either(value: Any, budget: Budget) -> Reading:
        if type(value) is dict:
            try:
                return Reading(_quick.get_structure_hook(cls)(value, budget))
            except Odd:
                pass
        return read(value, budget)

    return read_either


def _is_tuple(type_: Any) -> bool:
    origin: Any = get_origin(type_)
    return origin is tuple


def _optional_hook(type_: Any, converter: cattrs.Converter) -> Hook:
    hook: Hook = converter.get_structure_hook(without_none(type_))
    return hook


def _read_items(value: Any, budget: Budget) -> Reading:
    if type(value) is list:
        return Reading(_quick.get_structure_hook(_ITEMS)(value, budget))
    return Reading((_account(value, _ITEM_PATH, 1, budget),), raw=True)


# --- Both -------------------------------------------------------------------------------------------


def _writing_converter() -> cattrs.Converter:
    def write_one(cls: Any, converter: cattrs.Converter) -> Any:
        if cls is UnrecognisedAccount:
            seller = Member.of(attrs.fields(ConnectedAccount).seller, _careful)
            return unrecognised_writer(seller, converter.get_unstructure_hook(Seller))
        return node_writer(cls, converter, _careful)

    converter = cattrs.Converter()
    converter.register_unstructure_hook_factory(attrs.has, write_one)
    return converter


_careful = _careful_converter(_node_hook)
_quick = _quick_converter(escapes=True)
_quick_without_escapes = _quick_converter(escapes=False)
_writing = _writing_converter()


def _refuse_other(document: Any) -> None:
    """Refuse what is no collection of accounts, as an array ``imin:item`` or the collection's type says."""
    if type(document) is not dict:
        raise DecodeError(f"$: expected object, got {kind(document)}")
    items = document.get("imin:item")
    if items is None:
        types = [careful.read_term(document.get(key), Budget()).value for key in ("@type", "type")]
        if "imin:Collection" not in types:
            raise DecodeError(f"{_ITEM_PATH}: expected array, got nothing")
    elif type(items) not in (list, dict):
        raise DecodeError(_ITEM_PATH + careful.unreadable("array", items).problems[0])


def _collection_reader(escapes: bool) -> Reader:
    """The quick reader of whole replies, made when it is first needed."""
    converter = _quick if escapes else _quick_without_escapes
    read: Reader = _collection_readers.setdefault(escapes, converter.get_structure_hook(SellerAccounts))
    return read


_collection_readers: dict[bool, Reader] = {}


def _collection(document: Any, escapes: bool, budget: Budget) -> SellerAccounts:
    if type(document) is not dict or type(document.get("imin:item")) is not list:
        budget.look_through(document, MAX_DEPTH)
        _refuse_other(document)
    try:
        read = _collection_readers.get(escapes) or _collection_reader(escapes)
        accounts: SellerAccounts = read(document, budget)
        return accounts
    except Odd:
        pass
    budget.look_through({**document, "imin:item": None}, MAX_DEPTH)
    accounts, _, problems = _careful.get_structure_hook(SellerAccounts)(document, budget)
    _add_problems(accounts, ("$" + each for each in problems))
    return accounts


def _alone(document: Any, before: tuple[str, ...], cls: Any, budget: Budget) -> tuple[Any, tuple[str, ...]]:
    """One account or another node, and its problems, those found ``before`` included."""
    is_account = cls == SellerAccount or cls in get_args(SellerAccount)
    if not is_account and not (isinstance(cls, type) and issubclass(cls, Node)):
        raise InvalidRequest("cls must be a class of the models, or SellerAccount")
    budget.look_through(document, MAX_DEPTH)
    value, _, found = _careful.get_structure_hook(SellerAccount if is_account else cls)(document, budget)
    problems = (*before, *("$" + each for each in found))
    if value is None:
        raise DecodeError(*problems)
    if is_account:
        if cls != SellerAccount and type(value) is not cls:
            raise DecodeError(f"$: expected {cls.__name__}, got {type(value).__name__}", *problems)
        _add_problems(value, problems)
    return value, problems


def _note_unheld(accounts: SellerAccounts, unheld: Unheld) -> None:
    """Add a problem for each number that was left out, where it belongs."""
    found: dict[int | None, list[str]] = {}
    for path in unheld:
        place = path[1] if path[0] == "imin:item" and len(path) > 1 else None
        index = place if type(place) is int else 0 if place and accounts.item else None
        found.setdefault(index, []).append(_unheld(path))
    for index, problems in found.items():
        _add_problems(accounts if index is None else accounts.item[index], problems)
    members = [path for path in unheld if path[0] == "imin:item" and len(path) == 3]
    lost = {path[1] for path in members if type(path[2]) is str and local_name(path[2]) in _TELLING}
    if lost:  # what tells the state of these items was left out, so nobody knows it
        items = [_unknown(each) if index in lost else each for index, each in enumerate(accounts.item)]
        object.__setattr__(accounts, "item", tuple(items))


def _unknown(account: SellerAccount) -> SellerAccount:
    if isinstance(account, UnrecognisedAccount):
        return account
    unknown = UnrecognisedAccount(document=to_jsonld(account), problems=account.problems)
    return attrs.evolve(unknown, seller=account.seller)


def _unheld(path: tuple[str | int, ...]) -> str:
    return f"${''.join(map(step, path))}: expected a number that Python holds, got another"


def _read(document: Any, unheld: Unheld, cls: Any, strict: bool, text: Any) -> Any:
    """What ``document`` comes to.

    Args:
        text: What it was parsed from; None where its integers are exact.
    """
    budget = Budget()
    problems: tuple[str, ...] = ()
    if unheld:
        budget.take(len(unheld))
    if text is not None and len(text) > MAX_SHARING:
        budget.shares = False
    if cls is not SellerAccounts:
        read, problems = _alone(document, tuple(map(_unheld, unheld)), cls, budget)
    else:
        read = _collection(document, type(text) is not bytes or b"\\" in text, budget)
        if unheld:
            _note_unheld(read, unheld)
        if strict:
            problems = (*read.problems, *(each for account in read for each in account.problems))
    if budget.inexact and text is not None:
        return _read(*parse_exactly(text), cls, strict, None)
    if strict and problems:
        raise DecodeError(*problems)
    return read


@overload
def from_jsonld(
    document: bytes | bytearray | memoryview | str | Mapping[str, Any], *, strict: bool = False
) -> SellerAccounts: ...


@overload
def from_jsonld(
    document: bytes | bytearray | memoryview | str | Mapping[str, Any], cls: type[N], *, strict: bool = False
) -> N: ...


@overload
def from_jsonld(
    document: bytes | bytearray | memoryview | str | Mapping[str, Any],
    cls: UnionType,
    *,
    strict: bool = False,
) -> SellerAccount: ...


def from_jsonld(
    document: bytes | bytearray | memoryview | str | Mapping[str, Any],
    cls: Any = SellerAccounts,
    *,
    strict: bool = False,
) -> Any:
    """Read a reply of "Get Seller Accounts", or a part of one.

    An item that can't be read becomes an ``UnrecognisedAccount``; an optional member that can't be
    read stays in ``extra`` and is named in ``problems``.

    Args:
        document: JSON text as UTF-8, or a parsed object, which is copied. Of repeated keys the last counts. A
            ``str`` is always JSON text.
        cls: What to read: the whole reply if not given, ``SellerAccount`` for one account in whatever state,
            or any class of the models.
        strict: Refuse a document with any problem. Another spelling of a member is not one.

    Raises:
        DecodeError: Not JSON, not an object, not a collection of accounts, nested over 64 levels deep, or
            with over 50,000 nodes in another form than the API's own; of a part, that it can't be read as
            ``cls``. With ``strict``, also for any problem; its ``problems`` hold all of them.

    API page: "Seller Accounts [BETA]", section "Get Seller Accounts".
    """
    if isinstance(document, TEXT):
        return _read(*parse(document), cls, strict, document)
    return _read(*checked(document), cls, strict, None)


def to_jsonld(node: Node | UnrecognisedAccount) -> dict[str, Any]:
    """Write accounts, or a part of them, as the JSON-LD that they were read from, but for what was changed.

    Every call returns fresh objects. Dates are written with their offset, ``+00:00`` for UTC. Nulls and empty
    arrays are left out, as imin does. It fits ``json.dumps(..., default=to_jsonld)``.

    Returns:
        The object; of an ``UnrecognisedAccount`` its document, which may be any JSON value. A text has to be
        written as JSON before ``from_jsonld`` reads it again.

    Raises:
        InvalidRequest: Given something else.
    """
    if not isinstance(node, Node | UnrecognisedAccount):
        raise InvalidRequest(f"expected a node of the models, not {type(node).__name__}")
    document: dict[str, Any] = _writing.get_unstructure_hook(type(node))(node)
    return document
