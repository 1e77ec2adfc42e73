"""Nodes as the vendor's other pages and OpenActive's examples show them, inside an otherwise good reply."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from imin_accounts import ConnectedAccount, DecodeError, UnrecognisedAccount, from_jsonld, to_jsonld
from imin_accounts.models import ActionStatus, Image
from tests.strategies import Json, normal

SELLER = {"@type": "Organization", "@id": "https://id.example.com/organizers/1"}
OPENACTIVE_SELLER: Json = {
    "@type": "Organization",
    "@id": "https://example.com/api/organisations/123",
    "identifier": "CRUOZWJ1",
    "name": "Better",
    "taxMode": "https://openactive.io/TaxGross",
    "legalName": "Greenwich Leisure Limited",
    "description": "A charitable social enterprise for all the community",
    "url": "https://www.better.org.uk",
    "logo": {"@type": "ImageObject", "url": "http://data.better.org.uk/images/logo.png"},
    "telephone": "020 3457 8700",
    "email": "customerservices@gll.org",
    "vatID": "GB 789 1234 56",
    "address": {"@type": "PostalAddress", "addressRegion": "Middlesbrough", "addressCountry": "GB"},
    "termsOfService": [{"@type": "PrivacyPolicy", "requiresExplicitConsent": False}],
}
CUSTOMER: Json = {
    "@type": "Person",
    "email": "geoffcapes@example.com",
    "telephone": "020 811 8055",
    "givenName": "Geoff",
    "familyName": "Capes",
    "birthDate": "1970-01-01",
    "gender": "https://schema.org/Female",
    "imin:is13OrOver": True,
    "address": {"@type": "PostalAddress", "addressLocality": "New Malden", "addressCountry": "GB"},
    "emergencyContact": {"@type": "Person", "name": "Ralph Capes", "telephone": "020 811 8055"},
}
NEW_CUSTOMER: Json = {
    "type": "Person",
    "email": "louis@imin.co",
    "givenName": "Louis",
    "familyName": "Wu",
    "imin:is13OrOver": False,
    "identifier": "MAlnTNiZut",
    "id": "https://book.imin.co/api/v2/customer-accounts/MAlnTNiZut",
}
PICTURE = {"@type": "ImageObject", "url": "https://x.example/25x25.png"}
CODE = {
    "@type": "Barcode",
    "text": "9970980608",
    "url": "https://x.example/25x25.png",
    "beta:codeType": "code128",
}
CONCEPT = {
    "id": "https://meta.imin.co/v2/globex-broker/entitlements#8dfb",
    "type": "Concept",
    "prefLabel": "Adult",
}
ACCOUNT: Json = {
    "@context": "https://openactive.io/",
    "@type": "CustomerAccount",
    "@id": "https://book.imin.co/api/v2/customer-accounts/abc",
    "identifier": "abc",
}
UNKNOWN_ORDER = {
    "@context": "https://openactive.io/",
    "@type": "UnknownOrderError",
    "name": "The Booking System has no 'Order' matching the one requested.",
    "statusCode": 404,
}
BARCODE_INVALID = {
    "@context": "https://openactive.io/",
    "@type": "BarcodeInvalidError",
    "name": "The barcode value specified is not permitted within this booking system.",
    "seller": SELLER,
}
UPDATE_FAILED = {
    "@context": "https://openactive.io/",
    "@type": "UpdateFailedError",
    "description": "Barcode did not include the expected prefix",
}
SEARCH: Json = {
    "id": "https://search.imin.co/events-api/v2/event-series?mode=upcoming-sessions",
    "type": "imin:RestrictedCollection",
    "imin:totalItems": 39,
    "imin:item": [
        {"type": "EventSeries", "name": "Fun Climbing Session", "imin:aggregateOffer": {"price": 6.8}}
    ],
}


def reply(item: Any) -> Json:
    """A reply about one account."""
    return {
        "@id": "https://book.imin.co/api/v2/customers/1/accounts",
        "@type": "imin:Collection",
        "imin:item": [item],
    }


def connected(**members: Any) -> Json:
    """An item as the API writes it, but for ``members``."""
    return {"@type": "Account", "seller": SELLER, "dateLinked": "2021-01-27T12:00:00Z", **members}


def read(item: Json) -> Any:
    """Its account: nobody's word is missing or new to us, and it is written as it came."""
    accounts = from_jsonld(orjson.dumps(reply(item)), strict=True)
    assert accounts.drift() == {}
    assert normal(to_jsonld(accounts)) == normal(reply(item))
    assert isinstance(accounts.item[0], ConnectedAccount)
    return accounts.item[0]


def read_entitlement(**members: Any) -> Any:
    return read(connected(entitlement={"@type": "Entitlement", **members})).entitlements[0]


def test_openactive_s_seller() -> None:
    """Members that OpenActive defines for an organization and we have no field for are kept, and no drift."""
    seller = read(connected(seller=OPENACTIVE_SELLER)).seller
    assert (seller.id, seller.name, seller.logo.url) == (
        "https://example.com/api/organisations/123",
        "Better",
        "http://data.better.org.uk/images/logo.png",
    )
    fields = {"@id", "@type", "name", "url", "logo", "telephone", "email"}
    assert seller.extra == {key: value for key, value in OPENACTIVE_SELLER.items() if key not in fields}


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(PICTURE, id="object"),
        pytest.param([PICTURE], id="one in an array"),
        pytest.param(PICTURE["url"], id="address"),
    ],
)
def test_an_image_is_a_logo(image: Any) -> None:
    """Where a seller has no logo, its image is shown."""
    seller = read(connected(seller={**SELLER, "image": image})).seller
    assert seller.logo.url == PICTURE["url"]


def test_an_unreadable_logo_hides_no_image() -> None:
    """The image stands in for it, and a problem names the logo."""
    (account,) = from_jsonld(orjson.dumps(reply(connected(seller={**SELLER, "logo": 5, "image": PICTURE}))))
    assert account.seller is not None
    assert account.seller.logo == Image(type="ImageObject", url=PICTURE["url"])
    assert account.problems == ("$['imin:item'][0].seller.logo: expected object, got number",)


def test_a_logo_comes_before_an_image() -> None:
    """The image is kept beside it."""
    logo = {"@type": "ImageObject", "url": "https://x.example/logo.png"}
    seller = read(connected(seller={**SELLER, "image": PICTURE, "logo": logo})).seller
    assert seller.logo.url == logo["url"]
    assert seller.extra == {"image": PICTURE}


def test_a_person_may_be_a_seller() -> None:
    """OpenActive lets a person sell, with a person's members."""
    seller = read(
        connected(seller={**SELLER, "@type": "Person", "givenName": "Ada", "jobTitle": "Coach"})
    ).seller
    assert (seller.type, seller.extra) == ("Person", {"givenName": "Ada", "jobTitle": "Coach"})


@pytest.mark.parametrize("person", [CUSTOMER, NEW_CUSTOMER], ids=["get", "create"])
def test_imin_s_customer(person: Json) -> None:
    """The members that imin's pages show for a person are kept, and no drift."""
    customer = read(connected(customer=person)).customer
    assert (customer.id, customer.type, customer.email) == (person.get("id"), "Person", person["email"])
    assert customer.extra["givenName"] == person["givenName"]
    assert customer.extra["imin:is13OrOver"] is person["imin:is13OrOver"]


def test_two_passes() -> None:
    """A picture and a barcode are two passes, in their order; the one with a text comes first to hand."""
    account = read(connected(accessPass=[PICTURE, CODE]))
    assert [(each.type, each.text, each.url, each.code_type) for each in account.access_passes] == [
        ("ImageObject", None, PICTURE["url"], None),
        ("Barcode", "9970980608", CODE["url"], "code128"),
    ]
    assert account.access_pass is account.access_passes[1]


def test_a_picture_alone_is_a_pass() -> None:
    """Where no pass has a text the first is at hand."""
    account = read(connected(accessPass=PICTURE))
    assert account.access_passes == (account.access_pass,)
    assert account.access_pass.url == PICTURE["url"]


@pytest.mark.parametrize(
    ("neighbour", "got"), [(None, "null"), (5, "number"), ("9970980608", "string"), ([CODE], "array")]
)
def test_an_unreadable_pass_costs_no_other(neighbour: Any, got: str) -> None:
    """It is a problem with a path, and is written back with the others."""
    document = reply(connected(accessPass=[CODE, neighbour, PICTURE]))
    (account,) = from_jsonld(orjson.dumps(document)).connected
    passes: Any = getattr(account, "access_passes", ())
    assert [each.type for each in passes] == ["Barcode", "ImageObject"]
    assert account.problems == (f"$['imin:item'][0].accessPass[1]: expected object, got {got}",)
    assert normal(to_jsonld(from_jsonld(document))) == normal(document)


def test_a_customer_account_is_an_account() -> None:
    """What Get Customer Account shows reads as a connected account, once there is a seller."""
    entitlement = {
        "@type": "Entitlement",
        "expires": "2021-05-10T10:45:33+00:00",
        "entitlementType": CONCEPT,
    }
    account = read(
        {**ACCOUNT, "seller": SELLER, "customer": CUSTOMER, "accessPass": CODE, "entitlement": entitlement}
    )
    assert (account.type, account.extra["identifier"]) == ("CustomerAccount", "abc")
    assert account.entitlements[0].entitlement_type.id == CONCEPT["id"]
    assert account.access_pass.text == "9970980608"


@pytest.mark.parametrize(
    "error", [UNKNOWN_ORDER, BARCODE_INVALID, UPDATE_FAILED], ids=lambda error: error["@type"]
)
def test_errors_of_other_pages(error: Json) -> None:
    """They are update errors, with members that OpenActive's errors have and with imin's seller."""
    (found,) = read(connected(**{"imin:entitlementUpdateErrors": [error]})).entitlement_update_errors
    assert (found.type, found.name, found.description) == (
        error["@type"],
        error.get("name"),
        error.get("description"),
    )
    assert found.extra == {key: error[key] for key in error.keys() & {"statusCode", "seller"}}


def test_an_error_for_the_vendor_s_support() -> None:
    """``requestId`` and ``instance`` are OpenActive's own members."""
    more = {"requestId": "4f1c", "instance": "https://book.imin.co/errors/4f1c", "statusCode": 400}
    (found,) = read(
        connected(**{"imin:entitlementUpdateErrors": {**UPDATE_FAILED, **more}})
    ).entitlement_update_errors
    assert found.extra == more


def test_an_entitlement_as_openactive_types_it() -> None:
    """Its dates are dates; it ends with its last day."""
    found = read_entitlement(validFrom="2020-05-10", validUntil="2030-05-10", entitlementType=CONCEPT)
    assert found.expires == datetime(2030, 5, 10, 23, 59, 59, 999999, tzinfo=UTC)
    assert found.extra == {"validFrom": "2020-05-10", "validUntil": "2030-05-10"}


@pytest.mark.parametrize("key", ["urlTemplate", "url"])
def test_evidence_as_an_action(key: str) -> None:
    """An action's target is where the evidence is asked for."""
    target = {"@type": "EntryPoint", key: "https://legend.example.com/upload-form/1234"}
    action = {"@type": "Action", "target": target, "actionStatus": "schema:CompletedActionStatus"}
    request = read_entitlement(evidenceRequestAction=action).evidence_request
    assert request.url == "https://legend.example.com/upload-form/1234"
    assert request.action_status is ActionStatus.COMPLETED
    assert not request.is_outstanding


def test_a_result_of_search_is_no_account() -> None:
    """Its items are in the same member: each is kept as unrecognised, and said to be."""
    accounts = from_jsonld(orjson.dumps(SEARCH))
    assert [type(account) for account in accounts] == [UnrecognisedAccount]
    assert accounts.drift()["unrecognised item $['imin:item'][*]"] == 1
    assert to_jsonld(accounts) == SEARCH


def test_a_result_of_search_in_an_item() -> None:
    """As a member that nobody documents there it is kept whole and counted once."""
    accounts = from_jsonld(orjson.dumps(reply(connected(search=SEARCH))))
    assert accounts.item[0].extra["search"] == SEARCH
    assert accounts.drift() == {"unknown member $['imin:item'][*].search": 1}


@pytest.mark.parametrize(
    "body", [ACCOUNT, UNKNOWN_ORDER, UPDATE_FAILED, CUSTOMER], ids=lambda body: body["@type"]
)
def test_other_documents_are_no_reply(body: Json) -> None:
    """A notification, an error or a customer alone is no collection of accounts."""
    with pytest.raises(DecodeError, match="expected array, got nothing"):
        from_jsonld(orjson.dumps(body))


def test_a_notification_as_an_item() -> None:
    """It says neither whose seller nor in which state: unrecognised, and nothing is lost."""
    accounts = from_jsonld(orjson.dumps(reply(ACCOUNT)))
    assert accounts.item == (UnrecognisedAccount(document=ACCOUNT),)
    assert to_jsonld(accounts) == reply(ACCOUNT)
