"""Models built by hand: what can be built can be written and read as equal; what never can is refused."""

from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imin_accounts import (
    ConnectedAccount,
    InvalidRequest,
    NoAccount,
    SellerAccount,
    SellerAccounts,
    UnconnectedAccount,
    UnrecognisedAccount,
    from_jsonld,
    to_jsonld,
)
from imin_accounts.errors import Problem
from imin_accounts.models import (
    AccessPass,
    ActionStatus,
    ConnectAction,
    Customer,
    Entitlement,
    EntitlementType,
    EntitlementUpdateError,
    EvidenceRequest,
    Image,
    Seller,
)
from tests.strategies import links, texts, values

SELLER = Seller(id="https://id.example.com/1")
NOON = datetime(2021, 1, 27, 12, tzinfo=UTC)

offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
whens = st.none() | st.datetimes(
    min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29), timezones=offsets
)
maybe = st.none() | texts
extras = st.dictionaries(texts.map("x:{}".format), values, max_size=2)


def nodes(cls: Any, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects of a class with any of its fields."""
    common = {"id": maybe, "type": maybe, "extra": extras}
    return st.fixed_dictionaries({}, optional={**common, **fields}).map(lambda given: cls(**given))


def many(each: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(each, max_size=3).map(tuple)


images = nodes(Image, url=maybe)
sellers = st.builds(
    lambda id, node: attrs.evolve(node, id=id),
    texts,
    nodes(
        lambda **given: Seller(**{"id": "s"} | given),
        id=texts,
        name=maybe,
        logo=images,
        email=maybe,
        same_as=many(texts),
    ),
)
requests = nodes(EvidenceRequest, url=maybe, expiry=whens, action_status=st.sampled_from(ActionStatus))
kinds = nodes(EntitlementType, pref_label=maybe, in_scheme=maybe)
entitlements = nodes(
    Entitlement, context=many(texts), expires=whens, evidence_request=requests, entitlement_type=kinds
)
connected = st.builds(
    lambda seller, node: attrs.evolve(node, seller=seller),
    sellers,
    nodes(
        lambda **given: ConnectedAccount(seller=SELLER, **given),
        date_linked=whens,
        hidden_entitlements=st.none() | st.booleans(),
        customer=nodes(Customer, email=maybe, date_modified=whens),
        access_passes=many(nodes(AccessPass, text=maybe, url=maybe, code_type=maybe, date_modified=whens)),
        entitlement_update_errors=many(nodes(EntitlementUpdateError, name=maybe, description=maybe)),
        evidence_requests=many(entitlements),
        entitlements=many(entitlements),
    ),
)
actions = nodes(ConnectAction, type=st.sampled_from(["RegisterAction", "CreateAction"]), target=links)
unconnected = st.builds(
    lambda cls, seller, action: cls(seller=seller, potential_action=action),
    st.sampled_from([UnconnectedAccount, NoAccount]),
    sellers,
    many(actions),
)
unrecognised = values.map(lambda document: UnrecognisedAccount(document=document))
replies = nodes(SellerAccounts, entitlement_filter=maybe, item=many(connected | unconnected | unrecognised))


@given(replies)
def test_what_can_be_built_can_be_read_again(accounts: SellerAccounts) -> None:
    """Written and read it is equal, as a parsed object, as text, and each account alone."""
    written = to_jsonld(accounts)
    assert from_jsonld(written) == accounts
    assert from_jsonld(orjson.dumps(written)) == accounts
    for account in accounts:
        assert from_jsonld(orjson.dumps(to_jsonld(account)), type(account)) == account


@pytest.mark.parametrize(
    "account",
    [
        ConnectedAccount(seller=SELLER),
        ConnectedAccount(seller=SELLER, extra={"x": 1}),
        UnconnectedAccount(seller=SELLER),
        NoAccount(seller=SELLER),
        NoAccount(seller=SELLER, extra={"imin:matchingEmailExists": "x"}),
        UnrecognisedAccount(document=None),
    ],
    ids=lambda account: type(account).__name__,
)
def test_an_account_with_nothing_to_tell(account: Any) -> None:
    """Its state survives being written, though no member of it would tell."""
    assert from_jsonld(to_jsonld(SellerAccounts(item=(account,)))).item == (account,)


def test_a_state_whose_last_member_is_taken_away() -> None:
    """What would then read as not connected is refused, and never written."""
    item = {"seller": {"@id": "s"}, "dateLinked": "2030-01-01T00:00:00Z", "imin:matchingEmailExists": False}
    (account,) = from_jsonld({"imin:item": [item]})
    with pytest.raises(InvalidRequest, match="nothing else tells"):
        attrs.evolve(account, date_linked=None)  # type: ignore[arg-type]


@pytest.mark.parametrize("cls", [int, dict, None, list[Seller], ConnectedAccount | NoAccount], ids=str)
def test_no_class_of_the_models(cls: Any) -> None:
    """What is no model can't be read, and the error is the library's own."""
    with pytest.raises(InvalidRequest, match="cls"):
        from_jsonld(b'{"@id": "s"}', cls)


def test_an_empty_reply() -> None:
    """That there are no sellers can be said without a type."""
    assert to_jsonld(SellerAccounts()) == {"imin:item": []}
    assert from_jsonld(to_jsonld(SellerAccounts())) == SellerAccounts()


class Words(StrEnum):
    ACME = "Acme"


class Mine(str):
    __slots__ = ()


REFUSED: dict[str, Any] = {
    "a naive time": lambda: Entitlement(expires=datetime(2021, 1, 27)),
    "a date": lambda: Entitlement(expires=NOON.date()),  # type: ignore[arg-type]
    "an offset with seconds": lambda: Customer(
        date_modified=NOON.replace(tzinfo=timezone(timedelta(seconds=1)))
    ),
    "a str for a status": lambda: EvidenceRequest(action_status="CompletedActionStatus"),  # type: ignore[arg-type]
    "a list for a tuple": lambda: Seller(id="s", same_as=["s"]),  # type: ignore[arg-type]
    "a str for a tuple": lambda: Seller(id="s", same_as="s"),  # type: ignore[arg-type]
    "a number in a tuple": lambda: Seller(id="s", same_as=(5,)),  # type: ignore[arg-type]
    "no seller": lambda: NoAccount(seller=None),  # type: ignore[arg-type]
    "a str for a seller": lambda: NoAccount(seller="s"),  # type: ignore[arg-type]
    "no id": lambda: Seller(id=None),  # type: ignore[arg-type]
    "a number for a text": lambda: AccessPass(text=5),  # type: ignore[arg-type]
    "bytes for a text": lambda: AccessPass(text=b"5"),  # type: ignore[arg-type]
    "a lone surrogate": lambda: Seller(id="\ud800"),
    "1 for true": lambda: ConnectedAccount(seller=SELLER, hidden_entitlements=1),  # type: ignore[arg-type]
    "the other state's flag": lambda: NoAccount(seller=SELLER, matching_email_exists=True),
    "another state's member": lambda: NoAccount(seller=SELLER, extra={"dateLinked": "2021"}),
    "a state that nothing tells but the other": lambda: ConnectedAccount(
        seller=SELLER, extra={"imin:matchingEmailExists": False}
    ),
    "a node in the wrong place": lambda: Seller(id="s", logo=SELLER),  # type: ignore[arg-type]
    "an account as an entitlement": lambda: SellerAccounts(item=(SELLER,)),  # type: ignore[arg-type]
    "no JSON in extra": lambda: Seller(id="s", extra={"x": NOON}),
    "no number in extra": lambda: Seller(id="s", extra={"x": float("nan")}),
    "no key in extra": lambda: Seller(id="s", extra={1: 2}),  # type: ignore[dict-item]
    "no mapping for extra": lambda: Seller(id="s", extra=[1]),  # type: ignore[arg-type]
    "no JSON as a document": lambda: UnrecognisedAccount(document={NOON}),
    "a seller without a place": lambda: UnrecognisedAccount(document=5, seller=SELLER),
}


@pytest.mark.parametrize("build", REFUSED.values(), ids=REFUSED)
def test_what_never_can_be_read_is_refused(build: Any) -> None:
    """A constructor raises at once, and its text shows no value."""
    with pytest.raises(InvalidRequest, match=r"must|expected|needs") as caught:
        build()
    assert caught.value.__context__ is None


@pytest.mark.parametrize("value", [Words.ACME, Mine("Acme")], ids=["StrEnum", "subclass"])
def test_a_kind_of_str_becomes_one(value: str) -> None:
    """So that it is written as JSON and compares as what is read."""
    assert type(Seller(id="s", name=value).name) is str
    assert Seller(id="s", name=value).name == "Acme"


def test_a_time_gets_a_fixed_offset() -> None:
    """A zone's rules can't be written: equal instants in a doubled hour would compare unequal."""
    twice = datetime(2021, 10, 31, 1, 30, fold=1, tzinfo=ZoneInfo("Europe/London"))
    entitlement = Entitlement(expires=twice)
    assert entitlement.expires == datetime(2021, 10, 31, 1, 30, tzinfo=UTC)
    assert from_jsonld(to_jsonld(entitlement), Entitlement) == entitlement


@pytest.mark.parametrize(
    "spelled", ["schema:Barcode", "https://schema.org/Barcode", "http://schema.org/Barcode"]
)
def test_a_type_is_a_plain_term(spelled: str) -> None:
    """However a type is spelled, by hand or by imin, the field holds the term."""
    assert AccessPass(type=spelled) == AccessPass(type="Barcode")


def test_extra_is_copied() -> None:
    """What a caller does to a dict given as extra, or to what it handed out, reaches no model."""
    members: dict[str, Any] = {"x": [1], "nothing": None, "none": []}
    seller = Seller(id="s", extra=members)
    members["x"].append(2)
    seller.extra["x"].append(3)
    assert dict(seller.extra) == {"x": [1]}


def test_a_document_can_not_be_changed_from_outside() -> None:
    """Neither what was given nor what is handed out is the account's own."""
    given: dict[str, Any] = {"x": [1]}
    account = UnrecognisedAccount(document=given)
    given["x"].append(2)
    account.document["x"].append(3)
    assert account.document == {"x": [1]}


@pytest.mark.parametrize("text", ["x", "", "-0", "null", '{"@id": 1}', "\u2028é"])
def test_an_item_that_is_a_text(text: str) -> None:
    """Within its reply, or written as JSON, it is read again as equal: a str alone is JSON text."""
    item = UnrecognisedAccount(document=text)
    whole = SellerAccounts(item=(item,))
    assert from_jsonld(to_jsonld(whole)) == whole
    written: object = to_jsonld(item)
    assert written == text
    assert from_jsonld(orjson.dumps(written), SellerAccount) == item


def test_a_seller_set_on_an_unrecognised_account_is_written() -> None:
    """``evolve`` is honoured: the item is then about that seller."""
    (account,) = from_jsonld({"imin:item": [{"seller": 5, "x": 1}]})
    changed = attrs.evolve(account, seller=SELLER)
    assert to_jsonld(changed) == {"seller": {"@id": SELLER.id}, "x": 1}


def test_a_changed_field_leaves_the_others_as_received() -> None:
    """Siblings that were spelled otherwise keep their spelling; only what was changed is written anew."""
    document = {"id": "s", "type": "schema:Organization", "name": "Acme", "image": ["i", "j"], "x": 1}
    seller = from_jsonld(document, Seller)
    assert to_jsonld(attrs.evolve(seller, name="Better")) == document | {"name": "Better"}
    assert to_jsonld(attrs.evolve(seller, logo=Image(url="l"))) == document | {"logo": {"url": "l"}}
    both = {"@id": "s", "logo": {"url": "i"}, "image": [{"url": "i"}, {"url": "j"}]}
    assert to_jsonld(from_jsonld(both, Seller)) == both
    assert from_jsonld(to_jsonld(attrs.evolve(seller, logo=None)), Seller).logo is None


@pytest.mark.parametrize("other", [None, 5, {"@id": "s"}, Seller, Problem()])
def test_what_is_no_node_is_not_written(other: Any) -> None:
    """A class is none either, nor what an error says."""
    with pytest.raises(InvalidRequest, match="expected a node"):
        to_jsonld(other)


def test_one_pass_is_an_object_and_one_entitlement_a_list() -> None:
    """As imin writes them; several passes are a list."""
    one, two = AccessPass(text="b"), AccessPass(url="https://p.example/")
    account = ConnectedAccount(seller=SELLER, access_passes=(one,), entitlements=(Entitlement(id="urn:e"),))
    written = to_jsonld(account)
    assert (written["accessPass"], written["entitlement"]) == ({"text": "b"}, [{"@id": "urn:e"}])
    written = to_jsonld(attrs.evolve(account, access_passes=(one, two)))
    assert written["accessPass"] == [{"text": "b"}, {"url": "https://p.example/"}]


def test_a_changed_target_is_written() -> None:
    """Though targets do not count in equality, a new one is not taken for the one received."""
    item = {
        "seller": {"@id": "s"},
        "imin:matchingEmailExists": True,
        "potentialAction": {"target": "https://a.example/1"},
    }
    (account,) = from_jsonld({"imin:item": [item]})
    assert isinstance(account, UnconnectedAccount)
    other = ConnectAction(target="https://a.example/2")
    written = to_jsonld(attrs.evolve(account, potential_action=(other,)))
    assert written["potentialAction"] == [{"target": "https://a.example/2"}]
