"""Numbers that JSON has and not every parser holds: read exactly, or a problem of the item that has them."""

import json
import math
from typing import Any

import pytest

from imin_accounts import DecodeError, UnconnectedAccount, from_jsonld, to_jsonld
from imin_accounts.models import Seller

HEAD = b'{"seller": {"@id": "s"}, "imin:matchingEmailExists": true'
REPLY = b'{"@type": "imin:Collection", "imin:item": [%b, %b, "x": %b}, %b]}'


def reply(number: bytes) -> bytes:
    """Three items of one seller's, a number in the one in the middle."""
    return REPLY.replace(b"%b}, %b]", b"%b}, %b]") % (HEAD + b"}", HEAD, number, HEAD + b"}")


EXACT = [2**63, 2**64 - 1, 2**64, 2**64 + 1, -(2**63), -(2**63) - 1, 10**25, 10**4300 - 1, -(10**4300) + 1]


@pytest.mark.parametrize("number", EXACT, ids=lambda number: f"{len(str(number))} digits, {number % 1000}")
def test_an_integer_is_exact(number: int) -> None:
    """However long it is, from bytes, from text and from a dict; and so it is written."""
    data = reply(str(number).encode())
    for document in (data, data.decode(), json.loads(data)):
        assert from_jsonld(document)[1].extra == {"x": number}
        assert to_jsonld(from_jsonld(document))["imin:item"][1]["x"] == number


@pytest.mark.parametrize("place", ['{"y": %s}', "[[%s]]", "[1, {}, %s]"])
def test_an_integer_is_exact_inside_too(place: str) -> None:
    """An integer anywhere in a member that is kept is not rounded."""
    data = reply((place % (2**64 + 1)).encode())
    assert to_jsonld(from_jsonld(data))["imin:item"][1]["x"] == json.loads(place % (2**64 + 1))


def test_a_shared_seller_is_exact() -> None:
    """Not even a seller that was met before hands out a rounded number."""
    data = b'{"imin:item": [{"seller": {"@id": "s", "x": 18446744073709551617}, "hiddenEntitlements": true}]}'
    sellers = [from_jsonld(data)[0].seller for _ in range(4)]
    assert [seller.extra["x"] for seller in sellers if seller] == [2**64 + 1] * 4


UNHELD = [b"1e400", b"-1e400", b"[0, 1e999]", b'{"y": 1e400}', b"9" * 4301, b"-" + b"9" * 5000]


@pytest.mark.parametrize("number", UNHELD, ids=lambda number: f"{number[:6].decode()}, {len(number)}")
def test_a_number_that_nothing_holds(number: bytes) -> None:
    """It is left out and named as that item's problem; the others are unharmed."""
    accounts = from_jsonld(reply(number))
    assert [type(account) for account in accounts] == [UnconnectedAccount] * 3
    assert [bool(account.problems) for account in accounts] == [False, True, False]
    assert accounts[1].problems[0].startswith("$['imin:item'][1].x")
    assert "expected a number that Python holds" in accounts[1].problems[0]


@pytest.mark.parametrize("number", [math.inf, 10**4300, -(10**4300)], ids=["infinite", "long", "below zero"])
def test_a_number_that_nothing_holds_in_a_dict(number: float) -> None:
    """The same where another parser made it: Python could not write an integer of 4,301 digits."""
    document = json.loads(reply(b"[null]"))
    document["imin:item"][1]["x"][0] = number
    assert [len(account.problems) for account in from_jsonld(document)] == [0, 1, 0]


@pytest.mark.parametrize("key", ["dateLinked", "accessPass", "imin:matchingEmailExists"])
def test_such_a_number_where_the_state_is_told(key: str) -> None:
    """Nobody knows the state then: it is neither guessed nor taken from the other members."""
    item = b'{"seller": {"@id": "s"}, "imin:matchingEmailExists": false, "%b": 1e400}' % key.encode()
    accounts = from_jsonld(b'{"@id": "/customers/1/accounts", "imin:item": [%b]}' % item)
    assert accounts.is_connected("s") is None
    assert [account.seller.id for account in accounts.unrecognised if account.seller] == ["s"]


@pytest.mark.parametrize("text", [b'"x": 1e400', b'"@id": 1e400', b'"imin:entitlementFilter": 1e400'])
def test_such_a_number_in_the_envelope(text: bytes) -> None:
    """It is the envelope's problem."""
    accounts = from_jsonld(b'{"@type": "imin:Collection", %b}' % text)
    assert len(accounts.problems) == 1
    with pytest.raises(DecodeError):
        from_jsonld(b'{"@type": "imin:Collection", %b}' % text, strict=True)


def test_such_a_number_in_a_single_item_and_a_part() -> None:
    """One item in place of the array, or an account or a seller alone, has it as its problem."""
    item = HEAD + b', "x": 1e400}'
    assert len(from_jsonld(b'{"imin:item": %b}' % item)[0].problems) == 1
    assert len(from_jsonld(item, UnconnectedAccount).problems) == 1
    with pytest.raises(DecodeError):
        from_jsonld(b'{"@id": "s", "x": 1e400}', Seller, strict=True)


def test_minus_zero() -> None:
    """As an integer it is 0, as a fraction it keeps its sign: nobody's data here has one."""
    accounts = from_jsonld(reply(b"[-0, -0.0]"))
    assert str(accounts[1].extra["x"]) == "[0, -0.0]"


@pytest.mark.parametrize("form", [bytes, lambda data: data.decode(), bytearray, memoryview])
def test_a_byte_order_mark(form: Any) -> None:
    """A mark at the beginning is no part of the text."""
    assert len(from_jsonld(form(b"\xef\xbb\xbf" + reply(b"1")))) == 3
    with pytest.raises(DecodeError):
        from_jsonld(form(b"\xef\xbb\xbf\xef\xbb\xbf" + reply(b"1")))


def test_repeated_keys() -> None:
    """The last one counts, for the customer as for everything else."""
    accounts = from_jsonld(
        b'{"@id": "/customers/1/accounts", "imin:item": [], "@id": "/customers/2/accounts"}'
    )
    assert accounts.customer == "2"
