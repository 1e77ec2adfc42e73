"""The generated reader: it takes the API's own form, refuses anything else, and shares sellers."""

import copy
import pickle
import traceback
import weakref
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import attrs
import orjson
import pytest
from hypothesis import given

from imin_accounts import SellerAccount, from_jsonld, to_jsonld
from imin_accounts._models.node import Node
from imin_accounts._wire import careful
from imin_accounts._wire.converter import _careful_converter, _quick
from imin_accounts._wire.limits import Budget
from imin_accounts._wire.quick import Odd, _Links, date_without_24
from imin_accounts._wire.sharing import MAX_SHARED
from imin_accounts.models import ConnectedAccount, NoAccount, Seller, UnconnectedAccount
from tests.annotation_check import mistyped
from tests.paths import SAMPLES
from tests.strategies import Json, connected, unconnected

STATES = {"connected": ConnectedAccount, "unconnected": UnconnectedAccount, "no_account": NoAccount}


CAREFUL = _careful_converter(careful.node_hook).get_structure_hook(SellerAccount)
"""The careful reader without any help of the quick ones."""


def carefully(item: Json) -> tuple[Any, tuple[str, ...]]:
    """The account and its problems as the careful reader alone has them."""
    account, _, problems = CAREFUL(item, Budget())
    return account, problems


def quickly(item: Json, cls: type) -> Any:
    """The item as the generated reader of its class reads it; it raises Odd where it can't."""
    return _quick.get_structure_hook(cls)(item, Budget())


def sample(state: str) -> Json:
    item: Json = orjson.loads((SAMPLES / f"{state}.json").read_bytes())["imin:item"][0]
    return item


def variants(value: Any) -> Iterator[Any]:
    """Every copy of ``value`` with one thing changed so that it is not of the API's own form."""
    if isinstance(value, dict):
        yield value | {"x": 1}
        yield [value]
        for key, each in value.items():
            yield from ({**value, key: other} for other in variants(each))
    elif isinstance(value, list):
        yield from ([], [*value, None], value[0])
        yield from ([other, *value[1:]] for other in variants(value[0]))
    else:
        yield from (None, 5, [value], {"@id": value})


@pytest.mark.parametrize(("state", "cls"), STATES.items())
def test_the_documented_form(state: str, cls: type) -> None:
    """Each documented state is read by generated code alone, as it is by the whole converter."""
    data = (SAMPLES / f"{state}.json").read_bytes()
    assert quickly(sample(state), cls) == from_jsonld(data).item[0]


@pytest.mark.parametrize(("state", "cls"), STATES.items())
def test_any_other_form(state: str, cls: type) -> None:
    """One change anywhere (a member more, a null, another type), and the two readers agree.

    The quick one gives up exactly where the careful one has a problem, or decides on another state.
    """
    for item in variants(sample(state)):
        account, problems = carefully(item)
        written = to_jsonld(account)
        if problems or type(account) is not cls:
            with pytest.raises(Odd):
                quickly(item, cls)
        else:
            assert quickly(item, cls) == account
            assert to_jsonld(quickly(item, cls)) == written


@given(connected(varied=True) | unconnected(varied=True))
def test_any_spelling(item: Json) -> None:
    """Whatever is no problem reads the same, quickly or with care, down to what is kept as received."""
    account, problems = carefully(item)
    assert not problems
    try:
        quick = quickly(item, type(account))
    except Odd:  # a spelling too rare to be quick
        return
    assert quick == account
    assert to_jsonld(quick) == to_jsonld(account)
    assert list(mistyped(quick, type(account))) == []


@given(connected())
def test_any_members_of_a_connected_account(item: Json) -> None:
    """Whichever members are there, an item of the API's own form needs no careful reading."""
    assert quickly(item, ConnectedAccount) == from_jsonld({"imin:item": [item]}).item[0]


@given(unconnected())
def test_any_members_of_an_unconnected_account(item: Json) -> None:
    """The same for an account that is not connected."""
    cls = UnconnectedAccount if item["imin:matchingEmailExists"] else NoAccount
    assert quickly(item, cls) == from_jsonld({"imin:item": [item]}).item[0]


@given(connected() | unconnected())
def test_what_is_made_is_valid(item: Json) -> None:
    """Filled slot by slot, an object is what the class's own validators and annotations ask for."""
    flag = item.get("imin:matchingEmailExists")
    cls = {None: ConnectedAccount, True: UnconnectedAccount, False: NoAccount}[flag]
    account: object = quickly(item, cls)
    assert list(mistyped(account, cls)) == []
    for node in nodes_in(account):
        attrs.validate(node)


def nodes_in(value: Any) -> Iterator[Node]:
    if isinstance(value, tuple):
        for each in value:
            yield from nodes_in(each)
    elif isinstance(value, Node):
        yield value
        yield from nodes_in(tuple(getattr(value, field.name) for field in attrs.fields(type(value))))


def test_a_traceback_shows_the_generated_line() -> None:
    """Whoever debugs a refusal sees which statement of which reader it was."""
    with pytest.raises(Odd) as caught:
        quickly({**sample("connected"), "dateLinked": "27 January 2021"}, ConnectedAccount)
    shown = "".join(traceback.format_exception(caught.value))
    assert "<imin_accounts: reader of ConnectedAccount>" in shown
    assert "if reading.problems: raise Odd" in shown


def test_what_is_made_is_frozen() -> None:
    """An object that was filled slot by slot is of the frozen class, as if it had been called."""
    account = quickly(sample("connected"), ConnectedAccount)
    assert type(account) is ConnectedAccount
    assert pickle.loads(pickle.dumps(account)) == copy.deepcopy(account) == attrs.evolve(account)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        account.type = "x"  # type: ignore[misc]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        del account.type


def test_no_day_has_a_24th_hour() -> None:
    """Python 3.14 takes 24:00 for the next day's 00:00; RFC 3339 does not know it."""
    assert date_without_24("2021-01-27T12:00:00Z") == datetime(2021, 1, 27, 12, tzinfo=UTC)
    with pytest.raises(ValueError):
        date_without_24("2021-01-27T24:00:00Z")


def test_only_so_many_origins_are_remembered() -> None:
    """Every link is checked against them, and a reply full of hosts must not make that longer and longer."""
    links = _Links()
    for number in range(100):
        links.check(f"https://{number}.example/connect", Budget())
    assert links.origins == tuple(f"https://{number}.example/" for number in range(8))


def seller_of(item: Json) -> Seller:
    seller = from_jsonld({"imin:item": [item]}).item[0].seller
    assert seller is not None
    return seller


def test_equal_sellers_are_one_object() -> None:
    """The replies of different customers share a seller that was met before, if the documents are equal."""
    seller_of(sample("connected"))
    assert seller_of(sample("connected")) is seller_of(sample("unconnected"))


@pytest.mark.parametrize(
    "change",
    [
        {"name": "another"},
        {"telephone": None},
        {"x": 1},
        {"x": True},
        {"logo": {"url": "l"}},
        {"sameAs": ["s"]},
    ],
    ids=str,
)
def test_different_sellers_are_not(change: Json) -> None:
    """Any difference in the document makes a seller of its own, also under the same id."""
    item = sample("connected")
    first = seller_of(item)
    item["seller"] |= change
    assert seller_of(item) == seller_of(item)
    assert seller_of(item) is not first
    assert seller_of(item) != first


def test_sellers_are_remembered_within_limits() -> None:
    """After so many others a seller is read anew, into an equal object."""
    first = seller_of(sample("connected"))
    others = [
        {"seller": {"@id": str(number)}, "customer": {"@type": "Person"}} for number in range(MAX_SHARED)
    ]
    from_jsonld({"imin:item": others})
    second = seller_of(sample("connected"))
    assert second == first
    assert second is not first


def test_a_seller_that_was_met_once_is_not_kept() -> None:
    """The memory is for sellers that come again: of the others nothing stays but the id."""
    item = {"seller": {"@id": "once, then twice"}, "customer": {"@type": "Person"}}
    first = weakref.ref(seller_of(item))
    assert first() is None
    second = weakref.ref(seller_of(item))
    assert second() is seller_of(item)
