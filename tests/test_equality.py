"""What makes two replies equal: what they say, not how it is spelled, nor the tokens in their links."""

from typing import Any

import pytest

from imin_accounts import UnrecognisedAccount, from_jsonld
from imin_accounts.models import ConnectAction, SellerAccounts

SELLER = {"@id": "https://id.example.com/1"}
LINKED = "2021-01-27T12:00:00Z"


def linked(**members: Any) -> dict[str, Any]:
    return {"seller": SELLER, "dateLinked": LINKED, **members}


def unlinked(*targets: Any) -> dict[str, Any]:
    actions = [{"@type": "RegisterAction", "target": target} for target in targets]
    return {"seller": SELLER, "imin:matchingEmailExists": True, "potentialAction": actions}


def reply(item: Any) -> SellerAccounts:
    return from_jsonld({"imin:item": [item]})


TARGET, OTHER = "https://book.imin.co/?jwt=1", "https://book.imin.co/?jwt=2"
EQUAL = {
    "instants": (linked(), linked(dateLinked="2021-01-27T13:00:00.000+01:00")),
    "a day": (linked(dateLinked="2021-01-27"), linked(dateLinked="2021-01-27T00:00:00Z")),
    "keys": (linked(hiddenEntitlements=True), linked(hasHiddenEntitlements=True)),
    "nulls": (linked(), linked(customer=None, entitlement=[], x=None)),
    "types": (linked(**{"@type": "schema:Account"}), linked(type=["Account"])),
    "tokens": (unlinked(TARGET), unlinked(OTHER)),
    "tokens in an EntryPoint": (unlinked({"urlTemplate": TARGET}), unlinked({"urlTemplate": OTHER})),
    "one spelled as an EntryPoint": (unlinked({"url": TARGET}), unlinked(OTHER)),
    "tokens of a contradiction": (linked() | unlinked(TARGET), linked() | unlinked(OTHER)),
    "tokens of the unreadable": (unlinked(TARGET) | {"seller": 5}, unlinked(OTHER) | {"seller": 5}),
    "order of members": (linked(x=1, y=2), linked(y=2, x=1)),
}
DIFFERENT = {
    "an unknown member": (linked(), linked(x=1)),
    "its type": (linked(x=1), linked(x=True)),
    "a contradiction": (linked(), linked() | {"imin:matchingEmailExists": True}),
    "the other state": (unlinked(), unlinked() | {"imin:matchingEmailExists": False}),
    "a number of actions": (unlinked(TARGET), unlinked(TARGET, OTHER)),
    "order of passes": (
        linked(accessPass=[{"text": "1"}, {"text": "2"}]),
        linked(accessPass=[{"text": "2"}, {"text": "1"}]),
    ),
    "what can't be read": ({"x": 1}, {"x": 2}),
}


@pytest.mark.parametrize(("one", "other"), EQUAL.values(), ids=EQUAL)
def test_the_same_said(one: Any, other: Any) -> None:
    """Replies that say the same are equal and hash alike."""
    assert reply(one) == reply(other)
    assert hash(reply(one)) == hash(reply(other))


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_something_else_said(one: Any, other: Any) -> None:
    """Replies that say different things are not equal."""
    assert reply(one) != reply(other)


def test_order_of_items_counts() -> None:
    """imin's order is a part of what a page shows."""
    items = [linked(), unlinked()]
    assert from_jsonld({"imin:item": items}) != from_jsonld({"imin:item": items[::-1]})


def test_the_link_of_an_action_does_not_count() -> None:
    """Neither does whether there is one: it depends on how imin was asked."""
    assert ConnectAction(type="CreateAction", target=TARGET) == ConnectAction(type="CreateAction")


def test_documents_are_equal_by_value() -> None:
    """Of an unreadable item every member counts, a target elsewhere than in an action too."""
    assert UnrecognisedAccount(document={"target": 1}) != UnrecognisedAccount(document={"target": 2})
