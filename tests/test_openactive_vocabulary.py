"""The list of OpenActive's members: made of made-up models as it should be, and shipped as it is made."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from tests.openactive_vocabulary import text, vocabulary

Json = dict[str, Any]


def field(*types: str) -> Json:
    """A field of a model, whose value has one of these types."""
    return {"model": types[0], "alternativeModels": [*types[1:]]} if types else {"requiredType": "Text"}


MODELS: dict[str, Json] = {
    "MediaObject": {"fields": {"type": field(), "url": field(), "width": field()}},
    "ImageObject": {"subClassOf": "#MediaObject", "fields": {"url": field(), "caption": field()}},
    "Barcode": {"subClassOf": "#ImageObject", "fields": {"text": field()}},
    "Icon": {"subClassOf": "#ImageObject", "fields": {}},
    "Photograph": {"subClassOf": "#ImageObject", "fields": {"camera": field()}},
    "Organization": {
        "derivedFrom": "https://schema.org/Organization",
        "inSpec": ["id", "type", "legalName"],
        "fields": {"logo": field("#ImageObject"), "parent": field("ArrayOf#Organization", "#Person")},
    },
    "Person": {"fields": {"name": field()}},
    "Event": {"subClassOf": "https://schema.org/Thing", "fields": {"logo": field("#Person")}},
}


@pytest.fixture
def made(tmp_path: Path) -> Json:
    """What the script makes of these models."""
    folder = tmp_path / "versions" / "2.x" / "models"
    folder.mkdir(parents=True)
    for name, model in MODELS.items():
        (folder / f"{name}.json").write_text(json.dumps(model), encoding="utf-8")
    (tmp_path / "package.json").write_text('{"version": "9.8.7"}', encoding="utf-8")
    (tmp_path / "LICENSE").write_text("Do as you like.\n", encoding="utf-8")
    return vocabulary(tmp_path, "c0ffee")


def members(data: Json, type: str) -> set[str]:
    """What is known of a type, looked up as a reader does."""
    [group] = [each for each in data["types"] if type in each["names"] + each["also"]]
    return {*group["members"], *group["shown"]}


def test_the_source_is_named(made: Json) -> None:
    """Version, commit and licence are the checkout's."""
    assert (made["version"], made["commit"], made["licence"]) == ("9.8.7", "c0ffee", "Do as you like.\n")
    assert made["source"] == "https://github.com/openactive/data-models"


def test_members_are_inherited(made: Json) -> None:
    """Those of every class above count, and those named in the specification only; id and type do not."""
    assert members(made, "ImageObject") == {"url", "width", "caption"}
    assert members(made, "Barcode") == {"url", "width", "caption", "text", "beta:codeType", "dateModified"}
    assert members(made, "Organization") == {"logo", "parent", "legalName", "image"}


def test_types_with_the_same_members_share_them(made: Json) -> None:
    """A derived type that adds none is in its parent's group, one that adds some has its own."""
    assert ["ImageObject", "Icon"] in [group["names"] for group in made["types"]]
    assert members(made, "Photograph") == {"url", "width", "caption", "camera"}


def test_other_types_are_left_out(made: Json) -> None:
    """What can't stand in a reply is not shipped, nor a parent that is only derived from."""
    names = [name for group in made["types"] for name in group["names"]]
    assert {"MediaObject", "Event"}.isdisjoint(names)
    assert len(names) == len({*names})


def test_values(made: Json) -> None:
    """A member's value may have every type that any model gives it, or one derived from that."""
    assert made["values"]["logo"] == ["Barcode", "ImageObject", "Photograph", "Person"]
    assert made["values"]["parent"] == ["Organization", "Person"]
    assert made["values"]["target"] == ["EntryPoint"]
    assert "legalName" not in made["values"]


def test_types_that_only_imin_has(made: Json) -> None:
    """They stand beside OpenActive's, told apart from them."""
    [group] = [each for each in made["types"] if "imin:Collection" in each["also"]]
    assert (group["names"], group["members"]) == ([], [])
    assert "imin:item" in group["shown"]


def test_the_text_is_json(made: Json) -> None:
    """What is printed reads as what was made."""
    assert json.loads(text(made)) == made


def test_the_shipped_list_is_the_script_s() -> None:
    """It is laid out as the script prints it, names a commit, and is small."""
    shipped = files("imin_accounts._models").joinpath("openactive.json").read_text(encoding="utf-8")
    data = json.loads(shipped)
    assert shipped == text(data)
    assert len(data["commit"]) == 40
    assert data["licence"].startswith("MIT License")
    assert len(shipped) < 12_000


@pytest.mark.parametrize(
    ("type", "some"),
    [
        ("Organization", "identifier taxMode legalName vatID address termsOfService logo image"),
        (
            "Person",
            "givenName familyName telephone birthDate gender address emergencyContact imin:is13OrOver",
        ),
        ("Barcode", "text url beta:codeType"),
        ("CustomerAccount", "identifier customer accessPass entitlement"),
        ("Account", "identifier accountNumber outstandingAction"),
        ("Entitlement", "validFrom validUntil evidenceRequestAction"),
        ("Concept", "notation broader"),
        ("Action", "object target actionStatus"),
        ("EntryPoint", "urlTemplate url"),
        ("EntitlementConflict", "requestId instance statusCode seller"),
        ("UnknownOrderError", "name statusCode"),
        ("PrivacyPolicy", "requiresExplicitConsent"),
    ],
)
def test_what_pages_show_is_shipped(type: str, some: str) -> None:
    """Members that the vendor's other pages and OpenActive's examples show for a type."""
    data = json.loads(files("imin_accounts._models").joinpath("openactive.json").read_bytes())
    assert {*some.split()} - members(data, type) == set()
