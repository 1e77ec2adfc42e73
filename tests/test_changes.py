"""What two replies differ in, as typed changes: exactly that, and nothing that nobody can know."""

import pickle
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from imin_accounts import InvalidRequest, from_jsonld
from imin_accounts.changes import (
    AccessPassesChanged,
    AccountConnected,
    AccountDisconnected,
    Change,
    CustomerDetailsChanged,
    EntitlementAdded,
    EntitlementChanged,
    EntitlementFilterChanged,
    EntitlementRemoved,
    EvidenceChanged,
    EvidenceRequested,
    EvidenceWithdrawn,
    HiddenEntitlementsChanged,
    MatchingEmailChanged,
    MembersChanged,
    SellerAdded,
    SellerChanged,
    SellerRemoved,
    SellerUnreadable,
    UpdateErrorAdded,
    UpdateErrorRemoved,
    changes,
    last_readable,
)
from imin_accounts.models import SellerAccounts
from tests.changed import applied, the_same
from tests.length import LONG
from tests.strategies import documents

Json = dict[str, Any]
LINKED = "2021-01-27T12:00:00Z"
ACTION = "EvidenceRequestAction"


def seller(number: int = 1, /, **members: Any) -> Json:
    return {"@id": f"https://id.example.com/{number}", "name": f"Seller {number}", **members}


def linked(number: int = 1, /, **members: Any) -> Json:
    return {"seller": seller(number), "dateLinked": LINKED, "hiddenEntitlements": False, **members}


def unlinked(number: int = 1, /, *, known: bool = True, **members: Any) -> Json:
    return {"seller": seller(number), "imin:matchingEmailExists": known, **members}


def entitlement(name: str, **members: Any) -> Json:
    return {"@id": f"urn:{name}", "expires": "2030-01-01T00:00:00Z", **members}


def reply(*items: Json, customer: str | None = "1234", filter: Any = None) -> SellerAccounts:
    id = {} if customer is None else {"@id": f"https://book.imin.co/api/v2/customers/{customer}/accounts"}
    return from_jsonld(
        {**id, "@type": "imin:Collection", "imin:item": [*items], "imin:entitlementFilter": filter}
    )


def kinds(before: SellerAccounts | None, after: SellerAccounts) -> list[type]:
    return [type(each) for each in changes(before, after)]


PASS, OTHER_PASS = {"@type": "Barcode", "text": "1"}, {"@type": "Barcode", "text": "2"}
ERROR = {"@type": "EntitlementConflict", "name": "Conflict"}
OUR, THEIR = entitlement("a"), entitlement("b")
ASKED = entitlement("a", evidenceRequest={"@type": ACTION, "actionStatus": "PotentialActionStatus"})
PROVED = entitlement("a", evidenceRequest={"@type": ACTION, "actionStatus": "CompletedActionStatus"})
ONE: dict[str, tuple[Json, Json, type]] = {
    "connected": (unlinked(), linked(), AccountConnected),
    "connected without an account before": (
        unlinked(known=False),
        linked(entitlement=[OUR]),
        AccountConnected,
    ),
    "connected again": (linked(), linked(dateLinked="2022-01-01T00:00:00Z"), AccountConnected),
    "disconnected": (linked(entitlement=[OUR], accessPass=PASS), unlinked(), AccountDisconnected),
    "disconnected, the member gone": (linked(), unlinked(known=False), AccountDisconnected),
    "an email": (
        linked(customer={"email": "a@b.c"}),
        linked(customer={"email": "d@b.c"}),
        CustomerDetailsChanged,
    ),
    "details that are not shown": (
        linked(customer={"dateModified": LINKED}),
        linked(customer={"dateModified": "2023-01-01T00:00:00Z"}),
        CustomerDetailsChanged,
    ),
    "no details any more": (linked(customer={"email": "a@b.c"}), linked(), CustomerDetailsChanged),
    "a pass": (linked(accessPass=PASS), linked(accessPass=OTHER_PASS), AccessPassesChanged),
    "a pass more": (linked(accessPass=PASS), linked(accessPass=[PASS, OTHER_PASS]), AccessPassesChanged),
    "the same pass twice": (linked(accessPass=PASS), linked(accessPass=[PASS, PASS]), AccessPassesChanged),
    "hidden ones": (linked(), linked(hiddenEntitlements=True), HiddenEntitlementsChanged),
    "an entitlement": (linked(entitlement=[OUR]), linked(entitlement=[OUR, THEIR]), EntitlementAdded),
    "an entitlement less": (
        linked(entitlement=[OUR, THEIR]),
        linked(entitlement=[THEIR]),
        EntitlementRemoved,
    ),
    "an entitlement's end": (
        linked(entitlement=[OUR, THEIR]),
        linked(entitlement=[THEIR, entitlement("a", expires="2031-01-01T00:00:00Z")]),
        EntitlementChanged,
    ),
    "one known by its type alone": (
        linked(entitlement=[{"expires": LINKED, "entitlementType": {"@id": "urn:t"}}]),
        linked(entitlement=[{"entitlementType": {"@id": "urn:t"}}]),
        EntitlementChanged,
    ),
    "evidence": (linked(), linked(**{"imin:evidenceRequests": [ASKED]}), EvidenceRequested),
    "evidence accepted": (
        linked(**{"imin:evidenceRequests": [ASKED]}),
        linked(**{"imin:evidenceRequests": [PROVED]}),
        EvidenceChanged,
    ),
    "evidence no longer asked for": (
        linked(**{"imin:evidenceRequests": [ASKED]}),
        linked(),
        EvidenceWithdrawn,
    ),
    "an error": (linked(), linked(**{"imin:entitlementUpdateErrors": [ERROR]}), UpdateErrorAdded),
    "an error less": (linked(**{"imin:entitlementUpdateErrors": [ERROR]}), linked(), UpdateErrorRemoved),
    "a member": (unlinked(known=False), unlinked(), MatchingEmailChanged),
    "a seller's name": (unlinked(), unlinked(seller=seller(name="New")), SellerChanged),
    "a seller's unknown member": (linked(), linked(seller=seller(x=1)), SellerChanged),
    "an unknown member": (linked(x=1), linked(x=True), MembersChanged),
    "an unknown member of one not connected": (unlinked(), unlinked(x=1), MembersChanged),
    "no dateLinked any more": (linked(), {"seller": seller(), "hiddenEntitlements": False}, MembersChanged),
    "an item that can't be read": (linked(), {"seller": seller()}, SellerUnreadable),
}
NONE: dict[str, tuple[Json, Json]] = {
    "tokens": (
        unlinked(potentialAction=[{"@type": "CreateAction", "target": "https://book.imin.co/?jwt=1"}]),
        unlinked(potentialAction=[{"@type": "CreateAction", "target": "https://book.imin.co/?jwt=2"}]),
    ),
    "no links asked for": (
        unlinked(potentialAction=[{"@type": "CreateAction", "target": "https://book.imin.co/?jwt=1"}]),
        unlinked(),
    ),
    "tokens of the unreadable": (
        {"seller": seller(), "potentialAction": [{"target": "https://book.imin.co/?jwt=1"}]},
        {"seller": seller(), "potentialAction": [{"target": "https://book.imin.co/?jwt=2"}]},
    ),
    "equal instants": (linked(), linked(dateLinked="2021-01-27T13:00:00.000+01:00")),
    "spellings": (linked(accessPass=PASS), linked(accessPass=[PASS], hasHiddenEntitlements=False)),
    "order of passes": (linked(accessPass=[PASS, OTHER_PASS]), linked(accessPass=[OTHER_PASS, PASS])),
    "order of entitlements": (linked(entitlement=[OUR, THEIR]), linked(entitlement=[THEIR, OUR])),
    "order in a seller": (
        unlinked(seller=seller(sameAs=["urn:1", "urn:2"])),
        unlinked(seller=seller(sameAs=["urn:2", "urn:1"])),
    ),
    "order in an unknown member": (linked(x=[1, {"y": 2}]), linked(x=[{"y": 2}, 1])),
    "nulls": (linked(), linked(customer=None, entitlement=[], x=None)),
}


@pytest.mark.parametrize(("was", "now", "kind"), ONE.values(), ids=ONE)
def test_one_change(was: Json, now: Json, kind: type) -> None:
    """One thing that changed is one change, of its kind, with the seller and what it was and is."""
    (change,) = changes(reply(was, unlinked(2)), reply(unlinked(2), now))
    assert type(change) is kind
    assert change.seller is not None
    assert change.seller.id == "https://id.example.com/1"
    assert change.was != change.now


@pytest.mark.parametrize(("was", "now"), NONE.values(), ids=NONE)
def test_no_change(was: Json, now: Json) -> None:
    """What is volatile, and another way to say the same, is no change."""
    assert changes(reply(was, unlinked(2)), reply(unlinked(2), now)) == ()


def test_elements_are_paired_by_what_they_are_about() -> None:
    """Not by their place: one that is gone does not make another one's change look like two."""
    kept, gone = ({"entitlementType": {"@id": f"urn:{each}"}, "expires": LINKED} for each in ("kept", "gone"))
    changed = kept | {"expires": "2031-01-01T00:00:00Z"}
    found = changes(reply(linked(entitlement=[gone, kept])), reply(linked(entitlement=[changed])))
    assert [type(each) for each in found] == [EntitlementChanged, EntitlementRemoved]


def test_the_filter() -> None:
    """It belongs to no seller, and is a secret."""
    before, after = (reply(linked(), filter=text) for text in ("one", "two"))
    (change,) = changes(before, after)
    assert change == EntitlementFilterChanged(was="one", now="two")
    assert change.seller is None
    assert "two" not in repr(change)


def test_a_seller_more_and_a_seller_less() -> None:
    """A new seller whose account is connected is told as both; a missing one never as a disconnection."""
    assert kinds(reply(linked(1)), reply(linked(1), linked(2), unlinked(3))) == [
        SellerAdded,
        AccountConnected,
        SellerAdded,
    ]
    assert kinds(reply(linked(1), linked(2)), reply(linked(2))) == [SellerRemoved]


def test_the_account_that_a_change_stands_for() -> None:
    """A connection carries the account as it is, a disconnection as it was."""
    (connected,) = changes(reply(unlinked()), reply(linked(accessPass=PASS)))
    (gone,) = changes(reply(linked(accessPass=PASS)), reply(unlinked()))
    assert isinstance(connected, AccountConnected)
    assert isinstance(gone, AccountDisconnected)
    assert connected.account == gone.account == reply(linked(accessPass=PASS))[0]


def test_two_customers() -> None:
    """Two customers' replies are not compared; that text names neither."""
    with pytest.raises(InvalidRequest) as caught:
        changes(reply(linked()), reply(unlinked(), customer="5678"))
    assert "5678" not in str(caught.value)


# --- What nobody can know ---------------------------------------------------------------------------

UNCLEAR: dict[str, list[Json]] = {
    "no state": [{"seller": seller()}],
    "a flag of another type": [{"seller": seller(), "imin:matchingEmailExists": "false"}],
    "no object": [5],  # type: ignore[list-item]
    "a seller without identifier": [{"seller": {"name": "x"}, "imin:matchingEmailExists": True}],
    "an unreadable identifier": [{"seller": {"@id": 5}, "imin:matchingEmailExists": True}],
    "a seller of two identifiers": [unlinked(seller=seller(1) | {"id": "https://id.example.com/9"})],
    "a second seller in another vocabulary": [unlinked() | {"schema:seller": "https://id.example.com/9"}],
    "a seller in another vocabulary only": [unlinked(seller=None) | {"schema:seller": seller()}],
    "a date of linking in another vocabulary": [unlinked() | {"imin:dateLinked": "2021-01-27"}],
    "passes in no vocabulary that we know": [unlinked() | {"oa:accessPass": PASS}],
    "listed twice": [unlinked(known=True), unlinked(known=False)],
    "listed twice, and connected once": [unlinked(), linked(hiddenEntitlements=True)],
    "both": [linked() | unlinked()],
    "missing": [],
}


@pytest.mark.parametrize("items", UNCLEAR.values(), ids=UNCLEAR)
def test_never_a_disconnection(items: list[Json]) -> None:
    """An item that can't be read, a missing seller, a contradiction: nobody can tell; and nothing is lost."""
    before, after = reply(linked(), unlinked(2)), reply(unlinked(2), *items)
    found = kinds(before, after)
    assert found in ([SellerUnreadable], [SellerRemoved], [MembersChanged])
    if found == [SellerUnreadable]:
        known = last_readable(before, after)
        assert known.for_seller("https://id.example.com/1") == before[0]
        assert AccountDisconnected in kinds(known, reply(unlinked(), unlinked(2)))


def test_a_reply_that_names_nobody_any_more() -> None:
    """It may be another customer's: no disconnection."""
    before, after = reply(linked()), reply(unlinked(), customer=None)
    assert kinds(before, after) == [SellerUnreadable, MembersChanged]
    assert last_readable(before, after).connected == before.connected


MEMBERS: dict[str, tuple[Json, Json, Json]] = {
    "passes": ({"accessPass": PASS}, {"accessPass": 5}, {}),
    "a pass's text": ({"accessPass": PASS}, {"accessPass": PASS | {"text": 5}}, {"accessPass": OTHER_PASS}),
    "one of two passes": (
        {"accessPass": [PASS, OTHER_PASS]},
        {"accessPass": [PASS, 5]},
        {"accessPass": PASS},
    ),
    "a customer": ({"customer": {"email": "a@b.c"}}, {"customer": 5}, {}),
    "an email": ({"customer": {"email": "a@b.c"}}, {"customer": {"email": 5}}, {"customer": {}}),
    "entitlements": ({"entitlement": [OUR]}, {"entitlement": [5]}, {"entitlement": [THEIR]}),
    "an end": ({"entitlement": [OUR]}, {"entitlement": [OUR | {"expires": "soon"}]}, {}),
    "a status": (
        {"imin:evidenceRequests": [PROVED]},
        {"imin:evidenceRequests": [PROVED | {"evidenceRequest": {"@type": ACTION, "actionStatus": 5}}]},
        {"imin:evidenceRequests": [ASKED]},
    ),
    "a date linked": ({}, {"dateLinked": "soon"}, {"dateLinked": "2022-02-02T00:00:00Z"}),
    "a flag": ({}, {"hiddenEntitlements": "no"}, {"hiddenEntitlements": True}),
}


@pytest.mark.parametrize(("was", "odd", "then"), MEMBERS.values(), ids=MEMBERS)
def test_a_member_that_cant_be_read_has_not_changed(was: Json, odd: Json, then: Json) -> None:
    """Nothing is claimed of it; compared with what was last read of it, the next change is told."""
    before, unreadable = reply(linked(**was)), reply(linked(**odd))
    assert unreadable[0].problems
    assert changes(before, unreadable) == ()
    known = last_readable(before, unreadable)
    assert known == before
    assert changes(known, reply(linked(**then))) == changes(before, reply(linked(**then))) != ()


def test_an_unreadable_filter_has_not_changed() -> None:
    """Nor is it lost."""
    before, after = (reply(linked(), filter=each) for each in ("one", 5))
    assert changes(before, after) == ()
    assert last_readable(before, after).entitlement_filter == "one"


def test_readable_for_the_first_time() -> None:
    """A connection is told, since nobody had told of it; a disconnection never happened."""
    before = reply({"seller": seller()})
    assert kinds(before, reply(linked())) == [AccountConnected]
    (change,) = changes(before, reply(unlinked()))
    assert isinstance(change, MatchingEmailChanged)
    assert (change.was, change.now) == (None, True)


def test_a_seller_that_is_missing_beside_an_item_without_a_name() -> None:
    """It may be that item: neither gone nor silently kept, whether or not that item was there before."""
    before, after = reply(5, linked()), reply(5)  # type: ignore[arg-type]
    (change,) = changes(before, after)
    assert change == SellerUnreadable(seller=None, was=(*before.item,), now=(*after.item,))
    known = last_readable(before, after)
    assert known.for_seller("https://id.example.com/1") == before[1]
    assert kinds(known, reply(unlinked())) == [AccountDisconnected, SellerUnreadable]


def test_an_item_of_two_sellers_says_the_same_again() -> None:
    """It leaves both in doubt, but nothing is told of what has not changed."""
    two = unlinked(seller=seller(1) | {"id": "https://id.example.com/2"})
    accounts = reply(linked(1), unlinked(2), two)
    assert changes(accounts, accounts) == changes(accounts, reply(two, unlinked(2), linked(1))) == ()
    assert last_readable(accounts, accounts) is accounts
    assert kinds(accounts, reply(unlinked(1), unlinked(2), two)) == [SellerUnreadable]


# --- Laws -------------------------------------------------------------------------------------------

replies = documents(varied=True).map(from_jsonld)
FEWER = settings() if LONG else settings(max_examples=20)


@st.composite
def later(draw: Any) -> tuple[SellerAccounts, SellerAccounts]:
    """Two replies with some sellers and members in common."""
    one, other = draw(documents(varied=True)), draw(documents(varied=True))
    for was, now in zip(items_of(one), items_of(other), strict=False):
        if draw(st.booleans()):
            now["seller"] = was["seller"] if draw(st.booleans()) else now["seller"] | names_of(was["seller"])
        if ("imin:matchingEmailExists" in was) == ("imin:matchingEmailExists" in now):
            now |= {key: was[key] for key in was if key != "seller" and draw(st.booleans())}
    return from_jsonld(one), from_jsonld(other)


def items_of(document: Json) -> list[Json]:
    items = document["imin:item"]
    return items if isinstance(items, list) else [items]


def names_of(seller: Json) -> Json:
    return {"@id": None, "id": None} | {key: seller[key] for key in ("@id", "id") if key in seller}


@given(replies)
def test_nothing_has_changed(accounts: SellerAccounts) -> None:
    """Between a reply and itself, and another reading of it."""
    assert changes(accounts, accounts) == ()
    assert last_readable(accounts, accounts) is accounts


@given(documents(varied=True), st.randoms())
def test_order_is_no_change(document: Json, dice: Any) -> None:
    """Of any array, wherever it stands."""
    assert changes(from_jsonld(document), from_jsonld(shuffled(document, dice))) == ()


def shuffled(value: Any, dice: Any) -> Any:
    if isinstance(value, dict):
        return {key: shuffled(each, dice) for key, each in value.items()}
    if isinstance(value, list):
        return dice.sample([shuffled(each, dice) for each in value], len(value))
    return value


@FEWER
@given(later())
def test_empty_exactly_if_the_two_say_the_same(pair: tuple[SellerAccounts, SellerAccounts]) -> None:
    """The other way round too."""
    one, other = pair
    assert (changes(one, other) == ()) is (changes(other, one) == ()) is the_same(one, other)


@FEWER
@given(later())
def test_applied_the_changes_give_the_later_reply(pair: tuple[SellerAccounts, SellerAccounts]) -> None:
    """They hold all that is needed to go from the one to the other, if no seller was in it twice.

    Of such a seller nothing was known, and a change that says so tells no more of them than it is about.
    """
    one, other = pair
    sellers = [account.seller and account.seller.id for account in one]
    assume(len(sellers) == len(set(sellers)))
    assert the_same(applied(one, changes(one, other)), other)


ODD: list[Any] = [
    *(linked(1), unlinked(1), {"seller": seller(1)}, linked(1, x=1), unlinked(2), linked(3)),
    *(5, {"x": 1}, unlinked(seller={"name": "x"})),
]
TWO_NAMES = [unlinked(seller=seller(1) | {"id": f"https://id.example.com/{n}"}) for n in (2, 9)]
odd_items = st.lists(st.sampled_from(ODD), max_size=5)


@given(odd_items, odd_items)
def test_empty_exactly_if_what_leaves_doubt_is_the_same(one: list[Any], other: list[Any]) -> None:
    """Whatever stands beside what: empty exactly if the two say the same."""
    before, after = reply(*one), reply(*other)
    assert (changes(before, after) == ()) is the_same(before, after)


@given(st.lists(st.sampled_from([*ODD, *TWO_NAMES]), max_size=5))
def test_what_leaves_doubt_has_not_changed_either(items: list[Any]) -> None:
    """Between a reply and itself, in another order too."""
    accounts = reply(*items)
    assert changes(accounts, accounts) == changes(accounts, reply(*items[::-1])) == ()
    assert last_readable(accounts, accounts) is accounts


@FEWER
@given(replies)
def test_nothing_before_gives_additions_only(accounts: SellerAccounts) -> None:
    """Each item once, those of one seller together, and each connection."""
    found = changes(None, accounts)
    assert {type(each) for each in found} <= {SellerAdded, AccountConnected}
    added = [each.now for each in found if isinstance(each, SellerAdded)]
    for item in accounts:
        added.remove(item)
    assert added == []


@pytest.mark.parametrize(("was", "now", "kind"), ONE.values(), ids=ONE)
def test_changes_are_plain_data(was: Json, now: Json, kind: type) -> None:
    """They can be pickled; what they print holds no email and no text of a pass."""
    found: tuple[Change, ...] = changes(reply(was), reply(now))
    assert pickle.loads(pickle.dumps(found)) == found
    assert "@b.c" not in repr(found)
    assert "text='" not in repr(found).replace("text='***'", "")
