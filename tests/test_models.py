"""What models do for their callers: print safely, compare exactly, answer questions, report drift."""

import copy
import pickle
import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import attrs
import pytest
from yarl import URL

from imin_accounts import (
    ConnectedAccount,
    InvalidRequest,
    NoAccount,
    SellerAccounts,
    UnconnectedAccount,
    UnrecognisedAccount,
    from_jsonld,
    to_jsonld,
)
from imin_accounts.models import ActionStatus, ConnectAction, Entitlement, EvidenceRequest, Extra, Seller
from tests import canaries

SELLER = Seller(id="https://id.example.com/1")
NOON = datetime(2021, 1, 27, 12, tzinfo=UTC)

PRIVATE: dict[str, Any] = {
    "@id": f"https://book.imin.co/api/v2/customers/{canaries.CUSTOMER}/accounts",
    "imin:entitlementFilter": canaries.FILTER,
    canaries.EMAIL: canaries.EMAIL,
    "imin:item": [
        {
            "@id": canaries.CUSTOMER,
            "seller": {"@id": "s", "email": canaries.EMAIL, "telephone": canaries.CUSTOMER},
            "customer": {"@id": canaries.CUSTOMER, "email": canaries.EMAIL, "x": canaries.EMAIL},
            "accessPass": {"@id": canaries.BARCODE, "text": canaries.BARCODE},
            "imin:entitlementUpdateErrors": [{"description": canaries.CUSTOMER}],
            "imin:evidenceRequests": [
                {
                    "evidenceRequest": {
                        "@id": canaries.JWT,
                        "url": f"https://legend.example.com/{canaries.JWT}",
                    }
                }
            ],
        },
        {
            "seller": {"@id": "s"},
            "imin:matchingEmailExists": True,
            "potentialAction": [
                {"target": f"https://book.imin.co/?jwt={canaries.JWT}"},
                {"target": canaries.JWT},
            ],
        },
        canaries.ALL,
    ],
}


def test_no_secret_is_printed() -> None:
    """Representations of whole replies and of every part of them hide what is private."""
    accounts = from_jsonld(PRIVATE)
    parts: list[object] = [accounts, *accounts, accounts.drift()]
    for account in accounts.connected:
        parts += [account.customer, account.access_pass, account.extra, account.evidence_requests]
    assert canaries.leaks(*parts) == []
    assert "'***'" in repr(accounts)


def test_none_is_no_secret() -> None:
    """That a private member is absent may be seen."""
    assert "email=None" in repr(SELLER)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (1, 1.0),
        (0, False),
        ([1], [True]),
        ({"a": 1}, {"a": True}),
        ([], {}),
        ("1", 1),
        (None, False),
    ],
)
def test_extra_compares_exactly(one: Any, other: Any) -> None:
    """JSON values of different types are never equal, in extra and in unrecognised documents."""
    assert Extra({"x": one}) == Extra({"x": one})
    assert Extra({"x": one}) != Extra({"x": other})
    assert UnrecognisedAccount(document=one) == UnrecognisedAccount(document=copy.copy(one))
    assert UnrecognisedAccount(document=one) != UnrecognisedAccount(document=other)


def test_extra_is_read_only() -> None:
    """It can't be assigned to, and what it hands out is a copy."""
    extra = Extra({"x": [1]})
    with pytest.raises(TypeError):
        extra["x"] = 2  # type: ignore[index]
    extra["x"].append(2)
    assert extra == {"x": [1]}
    assert "x" in extra
    assert "y" not in extra
    assert pickle.loads(pickle.dumps(extra)) == extra


def test_the_empty_extra_is_shared() -> None:
    """A model without extra members has the one instance, also after a pickle and a copy."""
    for seller in (pickle.loads(pickle.dumps(SELLER)), copy.deepcopy(SELLER)):
        assert seller.extra is SELLER.extra


def test_models_are_values() -> None:
    """They are frozen, equal by their fields, and hash alike; problems and extra do not matter for that."""
    one = UnconnectedAccount(seller=SELLER, problems=("a problem",))
    other = UnconnectedAccount(seller=Seller(id=SELLER.id))
    assert one == other
    assert hash(one) == hash(other)
    assert hash(attrs.evolve(one, extra=Extra({"x": []}))) == hash(one)
    assert len({one, other, NoAccount(seller=SELLER)}) == 2
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        one.seller = SELLER  # type: ignore[misc]


@pytest.mark.skipif(sys.version_info < (3, 13), reason="copy.replace came with 3.13")
def test_copy_replace() -> None:
    """The standard library's replace works as evolve does."""
    replace: Any = getattr(copy, "replace", None)
    assert replace(SELLER, name="n") == attrs.evolve(SELLER, name="n")


EXPIRY = [
    pytest.param(timedelta(days=1), timedelta(days=2), True, id="inside"),
    pytest.param(timedelta(days=1), timedelta(days=1), True, id="at the end"),
    pytest.param(timedelta(), timedelta(), True, id="now"),
    pytest.param(timedelta(days=3), timedelta(days=2), False, id="later"),
    pytest.param(timedelta(seconds=-1), timedelta(days=2), False, id="ended"),
    pytest.param(timedelta(days=1), timedelta.max, True, id="ever"),
    pytest.param(None, timedelta.max, False, id="not said"),
]


@pytest.mark.parametrize(("ends", "within", "answer"), EXPIRY)
def test_expires_within(ends: timedelta | None, within: timedelta, answer: bool) -> None:
    """An entitlement ends within a time if it ends between now and then, both included."""
    expires = None if ends is None else (NOON + ends).astimezone(timezone(timedelta(hours=1)))
    assert Entitlement(expires=expires).expires_within(within, now=NOON) is answer


def test_expires_within_from_the_present() -> None:
    """Without a time given it is the present that counts."""
    entitlement = Entitlement(expires=datetime.now(UTC) + timedelta(hours=1))
    assert entitlement.expires_within(timedelta(days=1))
    assert not entitlement.expires_within(timedelta(minutes=1))


def test_expires_within_needs_an_aware_time() -> None:
    """A time without an offset could be anywhere, so it is refused."""
    with pytest.raises(InvalidRequest):
        Entitlement(expires=NOON).expires_within(timedelta(days=1), now=datetime(2021, 1, 27))


@pytest.mark.parametrize("status", [*ActionStatus, None])
def test_evidence_is_outstanding(status: ActionStatus | None) -> None:
    """Every request but a completed one is outstanding."""
    assert EvidenceRequest(action_status=status).is_outstanding is (status != ActionStatus.COMPLETED)


def test_connect_urls() -> None:
    """The one usable link of each kind, not re-encoded; none where there is none."""
    link = "https://book.imin.co/connect?jwt=%41.b"
    actions = [
        ConnectAction(type="RegisterAction"),
        ConnectAction(type="RegisterAction", target=link),
        ConnectAction(type="CreateAction", target="javascript:alert(1)"),
    ]
    account = NoAccount(seller=SELLER, potential_action=tuple(actions))
    assert str(account.register_url) == link
    assert account.create_url is None


@pytest.mark.parametrize("kind", ["RegisterAction", "CreateAction"])
def test_two_links_for_one_action_are_none(kind: str) -> None:
    """Nobody knows which one is meant; the same one twice is one, and one of another kind is another's."""
    one, two = (f"https://book.imin.co/connect?jwt={each}" for each in "ab")

    def link(*targets: str) -> URL | None:
        other = "CreateAction" if kind == "RegisterAction" else "RegisterAction"
        actions = [ConnectAction(type=kind, target=each) for each in targets]
        account = UnconnectedAccount(
            seller=SELLER, potential_action=(ConnectAction(type=other, target="https://x.example/"), *actions)
        )
        return account.register_url if kind == "RegisterAction" else account.create_url

    assert link(one, two) is None
    assert link(one, one, two) is None
    assert link(one, one) == URL(one, encoded=True)


def test_for_seller() -> None:
    """The account of exactly that seller; where there are several, the connected one."""
    other = UnconnectedAccount(seller=Seller(id="other"))
    first, linked = UnconnectedAccount(seller=SELLER), ConnectedAccount(seller=SELLER)
    accounts = SellerAccounts(item=(UnrecognisedAccount(document=None), other, first, linked))
    assert accounts.for_seller(SELLER.id) is linked
    assert accounts.for_seller("other") is other
    assert accounts.for_seller(SELLER.id + "/") is None
    assert accounts.connected == (linked,)
    assert accounts.unrecognised == (accounts.item[0],)


COLLECTION = "https://book.imin.co/api/v2/customers/1234/accounts"
LINKED: dict[str, Any] = {"dateLinked": "2021-01-27T12:00:00Z"}
KNOWN, UNKNOWN = ({"imin:matchingEmailExists": known} for known in (True, False))
ACTION: dict[str, Any] = {"potentialAction": [{"@type": "RegisterAction"}]}


def reply_about(*items: dict[str, Any], **members: Any) -> SellerAccounts:
    """A reply with items of these members about one seller, beside a connected one about another."""
    others = {"seller": {"@id": "other"}, **LINKED}
    about = [{"seller": {"@id": SELLER.id}, **item} for item in items]
    return from_jsonld({"@type": "imin:Collection", "imin:item": [others, *about], **members})


@pytest.mark.parametrize(
    ("items", "told"),
    [
        pytest.param([LINKED], True, id="connected"),
        pytest.param([KNOWN], False, id="unconnected"),
        pytest.param([UNKNOWN], False, id="no account"),
        pytest.param([KNOWN | ACTION], False, id="unconnected, with a way to connect"),
        pytest.param([], None, id="not listed"),
        pytest.param([{}], None, id="not recognised"),
        pytest.param([LINKED | KNOWN], None, id="connected and unconnected at once"),
        pytest.param([LINKED | UNKNOWN], None, id="connected and without an account at once"),
        pytest.param([LINKED | ACTION], None, id="connected, with a way to connect"),
        pytest.param([LINKED, LINKED], None, id="twice connected"),
        pytest.param([KNOWN, KNOWN], None, id="twice unconnected"),
        pytest.param([LINKED, KNOWN], None, id="twice, and not alike"),
    ],
)
def test_is_connected(items: list[dict[str, Any]], told: bool | None) -> None:
    """One item about the seller that contradicts neither itself nor another tells; nothing else does."""
    assert reply_about(*items, **{"@id": COLLECTION}).is_connected(SELLER.id) is told
    assert reply_about(*items, id=COLLECTION).is_connected(SELLER.id) is told


@pytest.mark.parametrize("asked_for", [SELLER.id, "another"])
def test_a_seller_of_two_identifiers_tells_of_neither(asked_for: str) -> None:
    """Whose account it is nobody knows, so it is no evidence about either seller."""
    seller = {"@id": SELLER.id, "id": "another"}
    accounts = reply_about(KNOWN | {"seller": seller}, **{"@id": COLLECTION})
    assert accounts.is_connected(asked_for) is None


VOCABULARIES = ["", "imin:", "schema:", "beta:", "oa:", "https://openactive.io/", "https://x.example/ns#"]
OF_CONNECTED: dict[str, Any] = {
    "dateLinked": "2021-01-27T12:00:00+00:00",
    "hiddenEntitlements": False,
    "hasHiddenEntitlements": True,
    "customer": {"@type": "Person"},
    "accessPass": [{"@type": "Barcode", "text": "1"}],
    "entitlementUpdateErrors": [{"@type": "EntitlementConflict"}],
    "evidenceRequests": "https://x.example/1",
    "entitlement": 5,
}


@pytest.mark.parametrize("flag", [KNOWN, UNKNOWN], ids=str)
@pytest.mark.parametrize("vocabulary", VOCABULARIES)
@pytest.mark.parametrize("name", OF_CONNECTED)
def test_what_only_connected_accounts_have_is_a_contradiction(
    name: str, vocabulary: str, flag: dict[str, Any]
) -> None:
    """In whatever vocabulary it is spelled: nobody is told that such an account is not connected."""
    item = flag | {vocabulary + name: OF_CONNECTED[name]}
    accounts = reply_about(item, **{"@id": COLLECTION})
    assert accounts.is_connected(SELLER.id) is None
    assert accounts.connect_url(SELLER.id) is None
    assert not isinstance(accounts[1], UnconnectedAccount | NoAccount)
    assert accounts[1].problems
    assert to_jsonld(accounts[1])[vocabulary + name] == OF_CONNECTED[name]


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
@pytest.mark.parametrize("name", ["matchingEmailExists", "potentialAction"])
def test_what_only_others_have_contradicts_a_connected_account(name: str, vocabulary: str) -> None:
    """It stays connected, with a problem, and is no evidence of it."""
    accounts = reply_about(LINKED | {vocabulary + name: False}, **{"@id": COLLECTION})
    assert accounts.is_connected(SELLER.id) is None
    assert isinstance(accounts[1], ConnectedAccount)
    assert accounts[1].problems


@pytest.mark.parametrize("nothing", [None, []], ids=repr)
@pytest.mark.parametrize("key", ["imin:dateLinked", "schema:accessPass", "schema:seller"])
def test_nothing_contradicts_nothing(key: str, nothing: Any) -> None:
    """A null or an empty array is not there, under another spelling too."""
    accounts = reply_about(KNOWN | {key: nothing}, **{"@id": COLLECTION})
    assert accounts.is_connected(SELLER.id) is False
    assert accounts[1].problems == ()


def test_no_contradiction_can_be_made() -> None:
    """What could not be read as that class is not made by hand either."""
    with pytest.raises(InvalidRequest, match="only a connected account has"):
        NoAccount(seller=SELLER, extra={"imin:dateLinked": "2021-01-27T12:00:00Z"})


ANOTHER: list[Any] = ["another", {"@id": "another"}, [{"id": "another"}], {"name": "?"}, 5, {"@id": 5}, [[]]]


@pytest.mark.parametrize("state", [LINKED, KNOWN, UNKNOWN, {}], ids=str)
@pytest.mark.parametrize("vocabulary", VOCABULARIES[1:])
@pytest.mark.parametrize("value", ANOTHER, ids=str)
def test_a_second_seller_tells_of_neither(value: Any, vocabulary: str, state: dict[str, Any]) -> None:
    """Under another spelling too nobody knows whose account it is, and a problem says so."""
    item = state | {f"{vocabulary}seller": value}
    accounts = reply_about(item, **{"@id": COLLECTION})
    assert accounts[1].problems
    for seller in (SELLER.id, "another"):
        assert accounts.is_connected(seller) is None
        assert accounts.connect_url(seller) is None


@pytest.mark.parametrize("value", [SELLER.id, {"@id": SELLER.id, "name": "x"}, [{"id": SELLER.id}]], ids=str)
def test_the_same_seller_twice_is_one(value: Any) -> None:
    """Said again in another spelling it contradicts nothing."""
    accounts = reply_about(KNOWN | {"schema:seller": value}, **{"@id": COLLECTION})
    assert accounts.is_connected(SELLER.id) is False
    assert accounts[1].problems == ()


def test_another_items_second_seller_is_one_too() -> None:
    """Two items are about that seller then, so neither is evidence."""
    accounts = reply_about(KNOWN, {"seller": None, "schema:seller": SELLER.id}, **{"@id": COLLECTION})
    assert accounts.is_connected(SELLER.id) is None


@pytest.mark.parametrize("key", ["imin:dateLinked", "schema:seller", "accessPass"])
def test_a_number_that_nobody_holds_can_contradict(key: str) -> None:
    """It is left out of what is read, but it was there."""
    text = f'{{"@id": "{COLLECTION}", "imin:item": [{{"seller": {{"@id": "s"}}, "{key}": 1e999, '
    accounts = from_jsonld(text + '"imin:matchingEmailExists": false}]}')
    assert accounts.is_connected("s") is None


@pytest.mark.parametrize("item", [LINKED, KNOWN, UNKNOWN], ids=str)
def test_a_reply_about_nobody_tells_nothing(item: dict[str, Any]) -> None:
    """Without the collection's ``@id`` nobody knows whose accounts these are, however clear they read."""
    assert reply_about(item).is_connected(SELLER.id) is None


@pytest.mark.parametrize("about", ["", "x", "https://x.example/other", "/customers/1/accounts?x"])
def test_a_reply_about_nobody_in_particular(about: str) -> None:
    """An ``@id`` that names no customer is as good as none, and so are two that name different ones."""
    accounts = reply_about(KNOWN, **{"@id": COLLECTION, "id": about})
    assert accounts.is_connected(SELLER.id) is None
    assert reply_about(KNOWN, id=about).is_connected(SELLER.id) is (False if "customers" in about else None)


@pytest.mark.parametrize("seller", [f"{SELLER.id}/", SELLER.id.upper(), ""], ids=repr)
def test_a_seller_is_told_byte_for_byte(seller: str) -> None:
    """Of a seller whose identifier is spelled differently the reply says nothing."""
    assert reply_about(KNOWN, **{"@id": COLLECTION}).is_connected(seller) is None


SEARCH = "https://search.imin.co/events-api/v2/event-series"
FILTERED = [
    ("", "?entitlementFilter=a%2B%2F%3D"),
    ("?", "?entitlementFilter=a%2B%2F%3D"),
    (
        "?mode=up&geo[radial]=51.5,-0.1,1&q=%20+",
        "?mode=up&geo[radial]=51.5,-0.1,1&q=%20+&entitlementFilter=a%2B%2F%3D",
    ),
    ("?entitlementFilter=old&x=1&entitlementFilter", "?x=1&entitlementFilter=a%2B%2F%3D"),
    ("?entitlement%46ilter=old", "?entitlementFilter=a%2B%2F%3D"),
    ("?a=1&&b=2&", "?a=1&&b=2&&entitlementFilter=a%2B%2F%3D"),
    (
        "?xentitlementFilter=1#part?entitlementFilter=2",
        "?xentitlementFilter=1&entitlementFilter=a%2B%2F%3D#part?entitlementFilter=2",
    ),
]


@pytest.mark.parametrize(("given", "made"), FILTERED)
@pytest.mark.parametrize("form", [str, lambda url: URL(url, encoded=True)], ids=["text", "URL"])
def test_with_entitlement_filter(given: str, made: str, form: Any) -> None:
    """The token is added percent-encoded or replaces another; nothing else of the URL changes."""
    accounts = SellerAccounts(entitlement_filter="a+/=")
    assert str(accounts.with_entitlement_filter(form(SEARCH + given))) == SEARCH + made


@pytest.mark.parametrize("token", [None, ""])
def test_without_an_entitlement_filter(token: str | None) -> None:
    """The URL comes back unchanged where the customer has no token."""
    url = f"{SEARCH}?entitlementFilter=old&geo[radial]=%20"
    assert str(SellerAccounts(entitlement_filter=token).with_entitlement_filter(url)) == url


def test_a_url_for_search_may_have_2048_characters() -> None:
    """One more is refused, token included; the text says how many there are."""
    fixed = len(f"{SEARCH}?entitlementFilter=")
    url = SellerAccounts(entitlement_filter="t" * (2048 - fixed)).with_entitlement_filter(SEARCH)
    assert len(str(url)) == 2048
    with pytest.raises(InvalidRequest, match="2049 characters"):
        SellerAccounts(entitlement_filter="t" * (2049 - fixed)).with_entitlement_filter(SEARCH)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/search",
        "search.imin.co",
        "ftp://x.example/",
        "https://",
        "https://x.example/ a",
        "https://é.example/",
    ],
)
def test_no_url_for_search(url: str) -> None:
    """Only an absolute http(s) URL in its encoded form can take a token."""
    with pytest.raises(InvalidRequest):
        SellerAccounts(entitlement_filter="t").with_entitlement_filter(url)


def test_drift() -> None:
    """Unknown members, types and items are counted by path; spellings, problems and values do not show."""
    item = {
        "type": "Account",
        "seller": {"id": "s", "@type": "Shop", "colour": "red", "logo": {"x:size": 1}},
        "dateLinked": "yesterday",
        "potentialAction": [],
        "entitlement": [{"@type": "rosie@example.com"}, {"validUntil": "2021-01-27T12:00:00Z"}],
        "imin:matchingEmailExists": True,
        **{"rosie@example.com": 1, "customer-1234": 1, "https://id.example.com/rosie": 1, "members/rosie": 1},
        "https://openactive.io/ns-beta#colour": "red",
    }
    accounts = from_jsonld({"@type": "imin:Collection", "@context": {"a": "b"}, "imin:item": [item, item, 5]})
    assert accounts.drift() == {
        "missing member $['@id']": 1,
        "unrecognised item $['imin:item'][*]": 1,
        "unknown member $['imin:item'][*]['…']": 8,
        "unknown member $['imin:item'][*]['https://openactive.io/ns-beta#colour']": 2,
        "unknown member $['imin:item'][*].seller.colour": 2,
        "unknown member $['imin:item'][*].seller.logo['x:size']": 2,
        "unknown type $['imin:item'][*].seller['@type']: Shop": 2,
        "unknown type $['imin:item'][*].entitlement[*]['@type']: …": 2,
    }
