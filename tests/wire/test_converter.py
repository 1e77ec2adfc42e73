"""Reading and writing, case by case. A case is a row: what was received, and what it comes to."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from imin_accounts import (
    ConnectedAccount,
    NoAccount,
    SellerAccount,
    UnconnectedAccount,
    UnrecognisedAccount,
    from_jsonld,
    to_jsonld,
)
from imin_accounts.models import (
    ActionStatus,
    EntitlementType,
    Image,
    Seller,
)
from tests.paths import SAMPLES
from tests.strategies import Json, normal

ID = "https://id.example.com/1"
FLAG = "imin:matchingEmailExists"
LINK = "https://book.imin.co/auth/connect-account?jwt=a.b-c_d"
STATUS = "https://schema.org/CompletedActionStatus"


def collection(*items: Any) -> Json:
    return {"@type": "imin:Collection", "@id": ID, "imin:item": list(items)}


def connected(**members: Any) -> Json:
    return {"seller": {"@id": ID}, "dateLinked": "2021-01-27T12:00:00Z", **members}


def unconnected(**members: Any) -> Json:
    return {"seller": {"@id": ID}, FLAG: True, **members}


def entitled(**members: Any) -> Json:
    return connected(entitlement=[members])


def linked(target: Any) -> Json:
    return unconnected(potentialAction=[{"target": target}])


def read_one(item: Any) -> Any:
    """The only account of a reply, after seeing that it is written as it was received."""
    accounts = from_jsonld(orjson.dumps(collection(item)))
    assert normal(to_jsonld(accounts)) == normal(collection(item))
    return accounts.item[0]


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("connected", [ConnectedAccount]),
        ("unconnected", [UnconnectedAccount]),
        ("no_account", [NoAccount]),
        ("no_sellers", []),
    ],
)
def test_the_documented_reply(name: str, kinds: list[type[SellerAccount]]) -> None:
    """Each state of the documented reply reads without a problem and is written as it was."""
    data = (SAMPLES / f"{name}.json").read_bytes()
    accounts = from_jsonld(data, strict=True)
    assert [type(account) for account in accounts] == kinds
    assert normal(to_jsonld(accounts)) == normal(orjson.loads(data))
    assert accounts.drift() == {}


def test_the_reply_as_printed_contradicts_itself() -> None:
    """It shows every member at once: a connected account, and a problem for each member too many."""
    accounts = from_jsonld((SAMPLES / "documented.json").read_bytes())
    (account,) = accounts.connected
    assert account.problems == (
        "$['imin:item'][0]['imin:matchingEmailExists']: expected nothing in a connected account, got boolean",
        "$['imin:item'][0].potentialAction: expected nothing in a connected account, got array",
    )
    assert set(account.extra) == {"potentialAction", FLAG}
    assert accounts.drift() == {}


def test_fields_of_the_documented_connected_account() -> None:
    """Every member gets into the field that is named after it."""
    (account,) = from_jsonld((SAMPLES / "connected.json").read_bytes()).connected
    assert account.seller.logo == Image(type="ImageObject", url="https://acmeleisurecentre.com/logo.jpg")
    assert account.date_linked == datetime(2021, 1, 27, 12, tzinfo=UTC)
    assert account.hidden_entitlements is True
    assert account.customer is not None
    assert account.customer.email == "<email address>"
    assert account.access_pass is not None
    assert account.access_pass.text == "<barcode number>"
    assert account.entitlement_update_errors[0].context == ("https://openactive.io/",)
    (entitlement,) = account.evidence_requests
    assert entitlement.expires == datetime(2021, 5, 10, 10, 45, 33, tzinfo=UTC)
    assert entitlement.evidence_request is not None
    assert entitlement.evidence_request.action_status is ActionStatus.COMPLETED
    assert entitlement.entitlement_type is not None
    assert entitlement.entitlement_type.pref_label == "MCRactive Adult Resident"


STATES = [
    *[
        pytest.param({key: value}, ConnectedAccount, id=key)
        for key, value in {
            "dateLinked": "2021-01-27T12:00:00Z",
            "hiddenEntitlements": False,
            "hasHiddenEntitlements": "false",
            "customer": {},
            "accessPass": {},
            "imin:entitlementUpdateErrors": [{}],
            "imin:evidenceRequests": [{}],
            "entitlement": [{}],
        }.items()
    ],
    pytest.param({FLAG: True}, UnconnectedAccount, id="true"),
    pytest.param({FLAG: False}, NoAccount, id="false"),
    pytest.param({FLAG: True, "customer": None}, UnconnectedAccount, id="null is absent"),
    pytest.param({FLAG: True, "entitlement": []}, UnconnectedAccount, id="[] is absent"),
    pytest.param({FLAG: True, "customer": {}}, ConnectedAccount, id="connected wins"),
    pytest.param({FLAG: "true", "customer": {}}, ConnectedAccount, id="it wins over text"),
    pytest.param({"dateLinked": "once"}, ConnectedAccount, id="unreadable but there"),
    pytest.param({FLAG: "false"}, UnrecognisedAccount, id="text is no boolean"),
    pytest.param({FLAG: 0}, UnrecognisedAccount, id="0 is no boolean"),
    pytest.param({FLAG: 1}, UnrecognisedAccount, id="1 is no boolean"),
    pytest.param({FLAG: None}, UnrecognisedAccount, id="null"),
    pytest.param({"potentialAction": [{}]}, UnrecognisedAccount, id="actions do not decide"),
    pytest.param({"entitlement": []}, ConnectedAccount, id="[] where nothing else tells"),
    pytest.param({FLAG: None, "entitlement": []}, UnrecognisedAccount, id="[] beside the other state's key"),
    pytest.param({"entitlement": None}, UnrecognisedAccount, id="null tells nothing"),
    pytest.param({}, UnrecognisedAccount, id="nothing"),
]


@pytest.mark.parametrize(("members", "kind"), STATES)
def test_state(members: Json, kind: type[SellerAccount]) -> None:
    """The keys of an item tell its state; its seller is there in every state."""
    account = read_one({"@type": "Account", "seller": {"@id": ID}, **members})
    assert type(account) is kind
    assert account.seller == Seller(id=ID)


@pytest.mark.parametrize(
    ("seller", "problem"),
    [
        pytest.param({"@id": 5}, ".seller['@id']: expected string, got number", id="number"),
        pytest.param({"@id": None}, ".seller['@id']: expected string, got nothing", id="null"),
        pytest.param({}, ".seller['@id']: expected string, got nothing", id="no @id"),
        pytest.param(None, ".seller: expected object, got nothing", id="no seller"),
        pytest.param(True, ".seller: expected object, got boolean", id="boolean"),
        pytest.param("Acme", ".seller: expected object, got string", id="a name"),
        pytest.param([{"@id": ID}, {"@id": ID}], ".seller: expected object, got array", id="two sellers"),
    ],
)
@pytest.mark.parametrize("state", [{"customer": {}}, {FLAG: True}], ids=["linked", "not"])
def test_an_account_needs_its_seller(seller: Any, problem: str, state: Json) -> None:
    """Without a readable seller the item is unrecognised and says why."""
    account = read_one({"seller": seller, **state})
    assert account == UnrecognisedAccount(document={"seller": seller, **state})
    assert account.problems == (f"$['imin:item'][0]{problem}",)


@pytest.mark.parametrize(
    ("item", "got"),
    [(None, "null"), ("x", "string"), (5, "number"), (1.5, "number"), (True, "boolean"), ([{}], "array")],
)
def test_an_item_that_is_no_object(item: Any, got: str) -> None:
    """It is kept whole, with its own path."""
    account = read_one(item)
    assert account == UnrecognisedAccount(document=item)
    assert account.problems == (f"$['imin:item'][0]: expected object, got {got}",)


BARCODE, TYPED = {"@type": "Barcode", "text": "b"}, {"type": "Barcode", "text": "t"}
OTHER, PICTURE = {"@type": "QRCode", "text": "q"}, {"@type": "ImageObject", "url": "p"}
CODE = BARCODE | {"url": "p", "beta:codeType": "code128"}
SPELLINGS = [
    pytest.param(connected(id=ID), "id", ID, id="id"),
    pytest.param(connected(type="Account"), "type", "Account", id="type"),
    pytest.param(connected(hasHiddenEntitlements=True), "hidden_entitlements", True, id="hasHidden"),
    pytest.param(connected(accessPass=[BARCODE]), "access_pass.text", "b", id="one pass in an array"),
    pytest.param(connected(accessPass=[PICTURE, BARCODE]), "access_pass.text", "b", id="the one with a text"),
    pytest.param(connected(accessPass=[PICTURE, BARCODE]), "access_passes.0.url", "p", id="all in order"),
    pytest.param(connected(accessPass=[PICTURE, {}]), "access_pass.url", "p", id="else the first"),
    pytest.param(connected(accessPass=TYPED), "access_pass.type", "Barcode", id="barcode by type"),
    pytest.param(connected(accessPass=CODE), "access_pass.code_type", "code128", id="beta:codeType"),
    pytest.param(connected(accessPass=CODE), "access_pass.url", "p", id="a barcode's picture"),
    pytest.param(connected(accessPass=OTHER), "access_pass.type", "QRCode", id="an unknown pass"),
    pytest.param(connected(customer=[{"email": "e"}]), "customer.email", "e", id="any object in an array"),
    pytest.param(connected(entitlement={"@id": ID}), "entitlements.0.id", ID, id="one for many"),
    pytest.param(connected(entitlement=[ID]), "entitlements.0.id", ID, id="an id for an entitlement"),
    pytest.param(connected(seller=ID), "seller.id", ID, id="seller's id alone"),
    pytest.param(connected(seller={"id": ID}), "seller.id", ID, id="the seller's id"),
    pytest.param(connected(seller={"@id": ID, "logo": "l"}), "seller.logo", Image(url="l"), id="logo"),
    pytest.param(connected(seller={"@id": ID, "sameAs": "s"}), "seller.same_as", ("s",), id="sameAs"),
    *[
        pytest.param(connected(entitlement=[entitlement]), f"entitlements.0.{path}", value, id=name)
        for name, entitlement, path, value in [
            ("validUntil", {"validUntil": "2021-01-27T12:00:00Z"}, "expires.year", 2021),
            (
                "null and fraction",
                {"expires": None, "validUntil": "2021-01-27T12:00:00.000Z"},
                "expires.year",
                2021,
            ),
            ("requestAction", {"evidenceRequestAction": {"url": "u"}}, "evidence_request.url", "u"),
            ("a type's id", {"entitlementType": ID}, "entitlement_type", EntitlementType(id=ID)),
            ("context", {"@context": "c"}, "context", ("c",)),
            ("context beside a news", {"@context": "c", "x": 1}, "context", ("c",)),
            ("one context in an array", {"@context": ["c"]}, "context", ("c",)),
            ("contexts", {"@context": ["c", {"x": "y"}, "d"]}, "context", ("c", "d")),
            ("a context's object", {"@context": {"x": "y"}}, "context", ()),
            *[
                (text, {"evidenceRequest": {"actionStatus": text}}, "evidence_request.action_status", status)
                for text, status in [
                    (STATUS, ActionStatus.COMPLETED),
                    ("http://schema.org/FailedActionStatus", ActionStatus.FAILED),
                    ("ActiveActionStatus", ActionStatus.ACTIVE),
                    ("PotentialActionStatus", ActionStatus.POTENTIAL),
                ]
            ],
        ]
    ],
    *[
        pytest.param(unconnected(potentialAction=action), "potential_action.0.target", LINK, id=name)
        for name, action in [
            ("one action", {"target": LINK}),
            ("urlTemplate", [{"target": {"@type": "EntryPoint", "urlTemplate": LINK}}]),
            ("url", [{"target": {"type": "EntryPoint", "url": LINK}}]),
            ("url beside a template", [{"target": {"urlTemplate": f"{LINK}{{x}}", "url": LINK}}]),
        ]
    ],
]


@pytest.mark.parametrize(("item", "path", "value"), SPELLINGS)
def test_spelling(item: Json, path: str, value: Any) -> None:
    """Another spelling reads into the same field without a problem, and is written as it came."""
    account = read_one(item)
    assert not account.problems
    for step in path.split("."):
        account = account[int(step)] if step.isdigit() else getattr(account, step)
    assert account == value
    assert type(account) is type(value)


ERRORS = "imin:entitlementUpdateErrors"
STATUS_OF = ".entitlement[0].evidenceRequest.actionStatus"
TARGET = ".potentialAction[0].target"
PROBLEMS = [
    (connected(dateLinked=5), ".dateLinked", "RFC 3339 date-time", "number"),
    (connected(hiddenEntitlements="true"), ".hiddenEntitlements", "boolean", "string"),
    (connected(hiddenEntitlements=1), ".hiddenEntitlements", "boolean", "number"),
    (connected(hasHiddenEntitlements="false"), ".hasHiddenEntitlements", "boolean", "string"),
    (connected(customer=5), ".customer", "object", "number"),
    (connected(customer=[{}, {}]), ".customer", "object", "array"),
    (connected(customer={"email": ["e"]}), ".customer.email", "string", "array"),
    (connected(accessPass="b"), ".accessPass", "object", "string"),
    (connected(accessPass=[5]), ".accessPass[0]", "object", "number"),
    (connected(accessPass=[BARCODE, 5]), ".accessPass[1]", "object", "number"),
    (connected(accessPass=[None, BARCODE]), ".accessPass[0]", "object", "null"),
    (connected(accessPass=[[BARCODE]]), ".accessPass[0]", "object", "array"),
    (connected(entitlement=5), ".entitlement", "array", "number"),
    (connected(entitlement=[{}, None]), ".entitlement[1]", "object", "null"),
    (connected(**{ERRORS: ["no"]}), f"['{ERRORS}'][0]", "object", "string"),
    (entitled(**{"@context": 5}), ".entitlement[0]['@context']", "string, array or object", "number"),
    (entitled(**{"@context": ["c", 5]}), ".entitlement[0]['@context']", "string, array or object", "number"),
    (entitled(evidenceRequest="u"), ".entitlement[0].evidenceRequest", "object", "string"),
    (entitled(evidenceRequest={"actionStatus": "Done"}), STATUS_OF, "known action status", "string"),
    (connected(seller={"@id": ID, "name": 5}), ".seller.name", "string", "number"),
    (connected(seller={"@id": ID, "sameAs": [5]}), ".seller.sameAs[0]", "string", "number"),
    (unconnected(potentialAction="a"), ".potentialAction", "array", "string"),
    (linked(5), TARGET, "http(s) URL", "number"),
    (linked({"urlTemplate": "https://x.example/{y}"}), TARGET, "http(s) URL", "object"),
    (linked({}), TARGET, "http(s) URL", "object"),
]


@pytest.mark.parametrize(("item", "path", "expected", "got"), PROBLEMS)
def test_problem(item: Json, path: str, expected: str, got: str) -> None:
    """A member that can't be read costs the account nothing but that member, which is kept and named."""
    account = read_one(item)
    assert not isinstance(account, UnrecognisedAccount)
    assert account.problems == (f"$['imin:item'][0]{path}: expected {expected}, got {got}",)


def test_two_spellings_of_one_value() -> None:
    """Both are kept and written; it is no problem that a member was there twice."""
    account = read_one(connected(type="Account", **{"@type": "Account"}))
    assert account.type == "Account"
    assert account.extra == {"@type": "Account", "type": "Account"}
    assert account.problems == ()


def test_two_spellings_of_two_values() -> None:
    """The documented one wins, and a problem says that the other differs."""
    account = read_one(connected(hiddenEntitlements=False, hasHiddenEntitlements=True))
    assert account.hidden_entitlements is False
    assert account.problems == (
        "$['imin:item'][0].hasHiddenEntitlements: expected the value of .hiddenEntitlements, got another",
    )


def test_a_readable_spelling_beside_an_unreadable_one() -> None:
    """What can be read is read, and the problem names the other."""
    account = read_one(connected(hiddenEntitlements="no", hasHiddenEntitlements=True))
    assert account.hidden_entitlements is True
    assert account.problems == ("$['imin:item'][0].hiddenEntitlements: expected boolean, got string",)
