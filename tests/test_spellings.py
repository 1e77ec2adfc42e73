"""Other spellings of the same: no change, equal, hashed alike, and written back as they were."""

from itertools import product
from typing import Any

import attrs
import pytest

from imin_accounts import from_jsonld, models, to_jsonld
from imin_accounts.changes import changes
from imin_accounts.models import Image, Seller

Json = dict[str, Any]
URL, OTHER = "https://l.example/1", "https://l.example/2"
PICTURE = {"@type": "ImageObject", "url": URL}
DONE = "https://schema.org/CompletedActionStatus"


def reply(**members: Any) -> Json:
    seller = {"@type": "Organization", "@id": "https://s.example/1"}
    item = {"@type": "Account", "seller": seller, "dateLinked": "2021-01-27T12:00:00+00:00", **members}
    return {"@type": "imin:Collection", "imin:item": [item]}


def sold(**members: Any) -> Json:
    return reply(seller={"@type": "Organization", "@id": "https://s.example/1", **members})


def evidence(key: str = "evidenceRequest", **members: Any) -> Json:
    action = {"@type": "EvidenceRequestAction", "@id": "urn:1", **members}
    return reply(**{"imin:evidenceRequests": [{"@type": "Entitlement", "@id": "urn:2", key: action}]})


def entitled(**members: Any) -> Json:
    return reply(entitlement=[{"@type": "Entitlement", "@id": "urn:1", **members}])


def unlinked(target: Any) -> Json:
    action = {"@type": "RegisterAction", "target": target}
    return {"imin:item": [{"seller": "s:1", "imin:matchingEmailExists": True, "potentialAction": [action]}]}


LOGO, FORM, CUSTOMER = sold(logo=PICTURE), evidence(url=URL), reply(customer={"@type": "Person", "@id": "c"})
SAME: dict[str, tuple[Json, Json]] = {
    "id": (sold(name="x"), reply(seller={"@type": "Organization", "id": "https://s.example/1", "name": "x"})),
    "type": (sold(), reply(seller={"type": "Organization", "@id": "https://s.example/1"})),
    "validUntil": (entitled(expires="2030-01-01T00:00:00Z"), entitled(validUntil="2030-01-01T00:00:00Z")),
    "hasHiddenEntitlements": (reply(hiddenEntitlements=True), reply(hasHiddenEntitlements=True)),
    "evidenceRequestAction": (evidence(url=URL), evidence("evidenceRequestAction", url=URL)),
    "a type's prefix": (LOGO, sold(logo={**PICTURE, "@type": "schema:ImageObject"})),
    "a type's URL": (LOGO, sold(logo={**PICTURE, "@type": "http://schema.org/ImageObject"})),
    "a type in an array": (LOGO, sold(logo={**PICTURE, "@type": ["ImageObject"]})),
    "a status": (evidence(actionStatus=DONE), evidence(actionStatus="CompletedActionStatus")),
    "a prefixed status": (evidence(actionStatus=DONE), evidence(actionStatus="schema:CompletedActionStatus")),
    "one where an array is": (entitled(), reply(entitlement={"@type": "Entitlement", "@id": "urn:1"})),
    "one text where an array is": (sold(sameAs=["u:1"]), sold(sameAs="u:1")),
    "an array where one is": (CUSTOMER, reply(customer=[{"@type": "Person", "@id": "c"}])),
    "an array of a pass": (reply(accessPass={"text": "1"}), reply(accessPass=[{"text": "1"}])),
    "a text for a seller": (sold(), reply(seller="https://s.example/1")),
    "a text for a customer": (CUSTOMER, reply(customer="c")),
    "a text for an entitlement": (entitled(), reply(entitlement=["urn:1"])),
    "a text for its type": (
        entitled(entitlementType={"@type": "Concept", "@id": "u"}),
        entitled(entitlementType="u"),
    ),
    "a URL for a logo": (LOGO, sold(logo=URL)),
    "an EntryPoint for a link": (unlinked(URL), unlinked({"@type": "EntryPoint", "urlTemplate": URL})),
    "a fraction": (entitled(expires="2030-01-01T00:00:00Z"), entitled(expires="2030-01-01t00:00:00.000z")),
    "a day": (evidence(expiry="2030-01-01T00:00:00Z"), evidence(expiry="2030-01-01")),
    "a last day": (entitled(expires="2030-01-01T23:59:59.999999Z"), entitled(expires="2030-01-01")),
    "image": (LOGO, sold(image=PICTURE)),
    "image in an array": (LOGO, sold(image=[PICTURE])),
    "image in other words": (LOGO, sold(image={"type": ["schema:ImageObject"], "url": URL, "id": None})),
    "image as a URL": (LOGO, sold(image=URL)),
    "image as a URL in an array": (LOGO, sold(image=[URL])),
    "image + more": (sold(logo={**PICTURE, "@id": "i", "x": 1}), sold(image={"id": "i", "url": URL, "x": 1})),
    "image beside the same": (LOGO, sold(logo=PICTURE, image=URL)),
    "target": (FORM, evidence(target=URL)),
    "target as an EntryPoint": (FORM, evidence(target={"@type": "EntryPoint", "urlTemplate": URL})),
    "target in other words": (FORM, evidence(target={"type": ["schema:EntryPoint"], "url": URL})),
    "target beside the same": (FORM, evidence(url=URL, target={"urlTemplate": URL})),
}  # fmt: skip
OTHERWISE: dict[str, tuple[Json, Json]] = {
    "another logo": (LOGO, sold(logo=OTHER)),
    "another image": (LOGO, sold(image=OTHER)),
    "an image beside it": (LOGO, sold(logo=PICTURE, image=OTHER)),
    "several images": (LOGO, sold(image=[PICTURE, OTHER])),
    "the second of several": (sold(image=[URL, OTHER]), sold(image=[URL, URL])),
    "what else an image says": (LOGO, sold(image={**PICTURE, "x": 1})),
    "an image of another type": (LOGO, sold(image={**PICTURE, "@type": "Barcode"})),
    "another target": (FORM, evidence(target=OTHER)),
    "a target beside it": (FORM, evidence(url=URL, target=OTHER)),
    "another URL in it": (FORM, evidence(target={"urlTemplate": URL, "url": OTHER})),
    "what else a target says": (FORM, evidence(target={"urlTemplate": URL, "httpMethod": "POST"})),
    "a target of another type": (FORM, evidence(target={"@type": "Place", "url": URL})),
    "a target without a URL": (evidence(), evidence(target={"@type": "EntryPoint"})),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_another_spelling_is_no_change(one: Json, other: Json) -> None:
    """Whatever the page on models lists as another spelling says the same, and is written as it came."""
    read, spelled = from_jsonld(one), from_jsonld(other)
    assert changes(read, spelled) == changes(spelled, read) == ()
    assert read == spelled
    assert hash(read) == hash(spelled)
    assert from_jsonld(to_jsonld(spelled)) == spelled
    assert attrs.evolve(spelled, id="u:1") != spelled


@pytest.mark.parametrize(("one", "other"), OTHERWISE.values(), ids=OTHERWISE)
def test_what_is_said_besides_is_a_change(one: Json, other: Json) -> None:
    """A member that a field might be read from counts as soon as it says more, or something else."""
    read, more = from_jsonld(one), from_jsonld(other)
    assert len(changes(read, more)) == len(changes(more, read)) == 1
    assert read != more
    assert to_jsonld(more) == other


def test_every_field_with_several_spellings_is_here() -> None:
    """A field that is read from another member, too, has its pair above."""
    several = {
        key
        for cls in (getattr(models, name) for name in models.__all__)
        for field in (attrs.fields(cls) if attrs.has(cls) else ())
        for key in (*field.metadata.get("keys", ())[1:], field.metadata.get("instead"))
    }
    assert several - {None} == {"id", "type", *(each for each in SAME if each.isidentifier())}


@pytest.mark.parametrize("image", [None, URL, OTHER, PICTURE, [URL, OTHER], {"x": 1}])
def test_a_seller_with_both_is_written_and_read_as_equal(image: Any) -> None:
    """Whatever stands beside a logo that was set, and however the logo was spelled."""
    for type, raw in product((None, "ImageObject"), (None, URL, PICTURE)):
        extra = {key: each for key, each in {"image": image, "logo": raw}.items() if each is not None}
        seller = Seller(id="s:1", logo=Image(type=type, url=URL), extra=extra)
        assert from_jsonld(to_jsonld(seller), Seller) == seller
