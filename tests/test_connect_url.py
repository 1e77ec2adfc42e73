"""``SellerAccounts.connect_url``: the link for this seller and this action, or none."""

from typing import Any

import pytest

from imin_accounts import from_jsonld

BROOK, CASTLE = "https://sellers.example/brook", "https://sellers.example/castle"
LINK = "https://book.imin.co/auth/connect-account?jwt="


def item(seller: Any, name: str, **more: Any) -> dict[str, Any]:
    """An account with a link for each action; ``more`` replaces members, where None takes one away."""
    actions = [
        {"@type": "RegisterAction", "target": f"{LINK}{name}-register"},
        {"@type": "CreateAction", "target": f"{LINK}{name}-create"},
    ]
    members = {"@type": "Account", "seller": seller, "potentialAction": actions, **more}
    members.setdefault("imin:matchingEmailExists", True)
    return {key: value for key, value in members.items() if value is not None}


def link(*items: Any, seller: str = BROOK, create: bool = False) -> str | None:
    """The link for a seller in a reply of these items."""
    accounts = from_jsonld({"@type": "imin:Collection", "imin:item": list(items)})
    url = accounts.connect_url(seller, create=create)
    return None if url is None else str(url)


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize(("create", "name"), [(False, "register"), (True, "create")])
def test_the_action_decides(exists: bool, create: bool, name: str) -> None:
    """To log in or to create an account, in both states that are not connected."""
    items = [
        item({"@id": id}, id.rpartition("/")[2], **{"imin:matchingEmailExists": exists})
        for id in (CASTLE, BROOK)
    ]
    assert link(*items, create=create) == f"{LINK}brook-{name}"


def test_the_link_is_imins_own_text() -> None:
    """Nobody decodes it, encodes it or quotes it anew."""
    odd = LINK + "a%7Eb%2fc%2B!'=="
    action = {"@type": "RegisterAction", "target": odd}
    assert link(item({"@id": BROOK}, "", potentialAction=[action])) == odd


REGISTER = {"@type": "RegisterAction", "target": f"{LINK}a"}
ONE = item({"@id": BROOK}, "one")
NONE: dict[str, list[Any]] = {
    "nobody listed": [],
    "another seller": [item({"@id": CASTLE}, "other")],
    "connected": [item({"@id": BROOK}, "one", dateLinked="2021-01-27T12:00:00Z")],
    "connected, and not": [item({"@id": BROOK}, "one", hiddenEntitlements=False)],
    "unreadable": [item({"@id": BROOK}, "one", **{"imin:matchingEmailExists": "yes"})],
    "no action": [item({"@id": BROOK}, "one", potentialAction=None)],
    "no target": [item({"@id": BROOK}, "one", potentialAction=[{"@type": "RegisterAction"}])],
    "no web address": [
        item({"@id": BROOK}, "", potentialAction=[{"@type": "RegisterAction", "target": "javascript:1"}])
    ],
    "the other action only": [
        item({"@id": BROOK}, "", potentialAction=[{"@type": "CreateAction", "target": LINK}])
    ],
    "twice": [ONE, item({"@id": BROOK}, "two")],
    "twice the same": [ONE, ONE],
    "twice, once connected": [ONE, item({"@id": BROOK}, "two", dateLinked="2021-01-27T12:00:00Z")],
    "twice, once unreadable": [ONE, {"seller": {"@id": BROOK}}],
    "under two identifiers": [item({"@id": BROOK, "id": CASTLE}, "one")],
    "under two spellings": [item({"@id": BROOK}, "one", **{"schema:seller": {"@id": CASTLE}})],
    "two links": [item({"@id": BROOK}, "", potentialAction=[REGISTER, REGISTER | {"target": f"{LINK}b"}])],
    "two links, one in an EntryPoint": [
        item(
            {"@id": BROOK},
            "",
            potentialAction=[REGISTER, {"@type": "schema:RegisterAction", "target": {"url": f"{LINK}b"}}],
        )
    ],
    "connected in another vocabulary": [item({"@id": BROOK}, "one", **{"imin:accessPass": "1"})],
    "also another's second identifier": [ONE, item({"@id": CASTLE, "id": BROOK}, "two")],
}


@pytest.mark.parametrize("items", NONE.values(), ids=NONE)
def test_no_link_where_there_is_none_to_be_sure_of(items: list[Any]) -> None:
    """Connected, unlisted, unreadable, without a target, or said in two ways: nothing is guessed."""
    assert link(*items) is None


@pytest.mark.parametrize("seller", ["", BROOK + "/", BROOK.upper(), "brook", CASTLE[:-1]])
def test_another_spelling_is_another_seller(seller: str) -> None:
    """Byte for byte, as everywhere."""
    assert link(ONE, item({"@id": CASTLE}, "two"), seller=seller) is None


def test_a_seller_said_twice_costs_no_other_its_link() -> None:
    """The doubt is about that one only."""
    assert link(ONE, ONE, item({"@id": CASTLE}, "castle"), seller=CASTLE) == f"{LINK}castle-register"
