"""The models in pydantic: as fields, as one of several, as results, in a schema."""

import json

import pytest

from imin_accounts import (
    ConnectedAccount,
    NoAccount,
    SellerAccount,
    SellerAccounts,
    UnconnectedAccount,
    UnrecognisedAccount,
    from_jsonld,
    to_jsonld,
)
from imin_accounts.models import Seller
from tests.paths import SAMPLES

pydantic = pytest.importorskip("pydantic")

STATES = {
    "connected": ConnectedAccount,
    "unconnected": UnconnectedAccount,
    "no_account": NoAccount,
}


def reply(state: str) -> bytes:
    return (SAMPLES / f"{state}.json").read_bytes()


class Page(pydantic.BaseModel):  # type: ignore[misc, name-defined]
    accounts: SellerAccounts


@pytest.mark.parametrize("state", STATES)
def test_a_field(state: str) -> None:
    """A field takes a model or its JSON-LD, and is written as JSON-LD."""
    accounts = from_jsonld(reply(state))
    document = json.loads(reply(state))
    assert Page(accounts=document) == Page(accounts=accounts)
    assert json.loads(Page(accounts=accounts).model_dump_json()) == {"accounts": to_jsonld(accounts)}


@pytest.mark.parametrize(("state", "cls"), STATES.items())
def test_an_account_of_any_state(state: str, cls: type) -> None:
    """Of the four classes an account becomes the one that its keys tell."""
    adapter = pydantic.TypeAdapter(SellerAccount)
    assert type(adapter.validate_python(json.loads(reply(state))["imin:item"][0])) is cls
    for document in ({"x": 1}, None, 5, "Acme"):
        assert adapter.validate_python(document) == UnrecognisedAccount(document=document)


@pytest.mark.parametrize(
    "value", [{"name": "Rosie Secret"}, "Rosie Secret", '{"@id": "Secret"}', 5, None], ids=repr
)
def test_what_is_no_model(value: object) -> None:
    """It is a validation error, whose sentence shows no value."""
    with pytest.raises(pydantic.ValidationError) as caught:
        pydantic.TypeAdapter(Seller).validate_python(value)
    assert "expected" in caught.value.errors()[0]["msg"]
    assert "Secret" not in caught.value.errors()[0]["msg"]


@pytest.mark.parametrize("mode", ["validation", "serialization"])
def test_a_schema(mode: str) -> None:
    """OpenAPI pages show an object of the class's name."""
    schema = Page.model_json_schema(mode=mode)
    assert schema["properties"]["accounts"]["title"] == "SellerAccounts"
