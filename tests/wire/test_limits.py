"""No body may block the event loop: what is in another form than the API's own is read up to a limit."""

from typing import Any

import orjson
import pytest

from imin_accounts import DecodeError, from_jsonld
from imin_accounts._models.values import MAX_VALUES
from imin_accounts._wire.limits import MAX_ODD

SELLER = {"@id": "s"}
LINKED = {"seller": SELLER, "hiddenEntitlements": True}
UNLINKED = {"seller": SELLER, "imin:matchingEmailExists": True}


def reply(*items: Any, **members: Any) -> bytes:
    return orjson.dumps({"@type": "imin:Collection", "imin:item": items, **members})


def many(value: Any, count: int) -> list[Any]:
    return [value] * count


def links(host: str, count: int) -> bytes:
    """A reply with so many links, each to another host."""
    actions = [{"target": f"https://{host.replace('#', str(n))}/"} for n in range(count)]
    return reply({**UNLINKED, "potentialAction": actions})


TOO_MANY_LINKS: dict[str, Any] = {
    "names": lambda: links("a#.example", MAX_ODD // 2 + 1),
    "what is no host": lambda: links("1.2.3.#999", MAX_ODD // 2 + 1),
    "names that have to be encoded": lambda: links("é#.example", MAX_ODD // 6),
    "longer ones": lambda: links("éü." * 20 + "#.example", MAX_ODD // 32),
    "names that have to be decoded": lambda: links("Xn--9ca." * 20 + "#.example", MAX_ODD // 82),
    "names with a user before them": lambda: links("user@é#.example", MAX_ODD // 9 + 1),
}
TOO_ODD: dict[str, Any] = {
    "contexts": lambda: reply({**LINKED, "entitlement": many({"@context": ["c"]}, MAX_ODD + 1)}),
    "days": lambda: reply({**LINKED, "entitlement": many({"expires": "2030-01-01"}, MAX_ODD + 1)}),
    "items": lambda: reply(*many(0, MAX_ODD + 1)),
    "empty items": lambda: reply(*many({}, MAX_ODD + 1)),
    "evidence": lambda: reply({**LINKED, "imin:evidenceRequests": many({}, MAX_ODD + 1)}),
    "unknown evidence": lambda: reply({**LINKED, "imin:evidenceRequests": many({"x": 1}, MAX_ODD + 1)}),
    "passes": lambda: reply({**LINKED, "accessPass": many(0, MAX_ODD + 1)}),
    "sameAs": lambda: reply({**UNLINKED, "seller": {**SELLER, "sameAs": many(0, MAX_ODD + 1)}}),
    "unknown values": lambda: reply({**LINKED, "x": many(None, MAX_VALUES + 1)}),
    "unknown values of the envelope": lambda: reply(x=many([], MAX_VALUES + 1)),
    "huge numbers": lambda: b'{"imin:item": [], "x": [%b]}' % b",".join([b"1e400"] * (MAX_ODD + 1)),
    "integers": lambda: b'{"imin:item": [], "x": [%b]}' % b",".join([b"18446744073709551616"] * MAX_VALUES),
}


@pytest.mark.parametrize("body", TOO_ODD.values(), ids=TOO_ODD)
def test_too_much_in_another_form(body: Any) -> None:
    """It is refused as a whole, and the sentence says what there is too much of."""
    with pytest.raises(DecodeError, match=r"expected at most (50,000 nodes|500,000 values)"):
        from_jsonld(body())


@pytest.mark.parametrize("body", TOO_MANY_LINKS.values(), ids=TOO_MANY_LINKS)
def test_too_many_hosts_in_links(body: Any) -> None:
    """Each costs a check, an international one by its length: the sentence says that it is about them."""
    with pytest.raises(DecodeError, match=r"^\$: expected links to fewer different hosts, international"):
        from_jsonld(body())


@pytest.mark.parametrize("host", ["a#.example", "bücher-#.example", "xn--9ca.a#.example"])
def test_many_hosts_in_links(host: str) -> None:
    """Each of 3,000 sellers may have its own, in whatever letters, with two links and a path in any."""
    ways = [{"target": f"https://{host.replace('#', str(n // 2))}/é{n}"} for n in range(6_000)]
    (account,) = from_jsonld(reply({**UNLINKED, "potentialAction": ways}))
    assert account.problems == ()


def test_the_own_form_has_no_limit() -> None:
    """Any number of items as the API documents them is read."""
    assert len(from_jsonld(reply(*many(UNLINKED, MAX_ODD + 1)))) == MAX_ODD + 1


def test_a_dict_that_shares_its_parts_is_refused() -> None:
    """As text it would never end: every level holds the one below ten times."""
    value: Any = 0
    for _ in range(50):
        value = [value] * 10
    with pytest.raises(DecodeError, match="500,000 values"):
        from_jsonld({"imin:item": [], "x": value})


def test_a_large_reply_shares_no_sellers() -> None:
    """To compare sellers they are written as bytes, which took 260 MB for a seller of 4 MB."""
    seller = {"@id": "shared or not", "sameAs": many("", 400_000)}
    first, second, third = (from_jsonld(reply({**LINKED, "seller": seller}))[0].seller for _ in range(3))
    assert first == second == third
    assert second is not third
