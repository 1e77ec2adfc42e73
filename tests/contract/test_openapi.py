"""The API's description: valid, as the samples are, and as strict as it says."""

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest

from imin_accounts.fake import FakeImin, add_people, add_rosie
from tests.cli.commands import run
from tests.fake.requests import ask
from tests.paths import ROOT

jsonschema = pytest.importorskip("jsonschema", reason="the contract's tests need jsonschema")

TEXT = files("imin_accounts").joinpath("openapi.json").read_text(encoding="utf-8")
OPENAPI: Any = json.loads(TEXT)
SAMPLES = ROOT / "tests" / "samples"
STATES = ["connected", "unconnected", "no_account", "no_sellers"]
EXAMPLES = OPENAPI["paths"]["/api/v2/customers/{customerIdentifier}/accounts"]["get"]["responses"]["200"][
    "content"
]["application/json"]["examples"]
OTHERS: list[Any] = [None, True, 7, 1.5, "text", [], [7], {}, {"a": 7}]
"""Values of every JSON type."""


def schema(name: str) -> Any:
    """A schema of the description, with all that it refers to."""
    return {"$ref": f"#/components/schemas/{name}", "components": OPENAPI["components"]}


def accepts(name: str, document: Any) -> bool:
    """Whether a document is as a schema says."""
    return bool(jsonschema.Draft202012Validator(schema(name)).is_valid(document))


def sample(name: str) -> Any:
    """A sample reply."""
    return json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the members and items of a document are."""
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in pairs:
        yield (*path, key)
        yield from places(value, (*path, key))


def kind(value: Any) -> str:
    """The JSON type."""
    names = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return "null" if value is None else names[type(value)]


def changed(document: Any, path: tuple[Any, ...], *value: Any) -> Any:
    """A copy with another value at a place, or without that place."""
    copy = json.loads(json.dumps(document))
    node = copy
    for key in path[:-1]:
        node = node[key]
    if value:
        node[path[-1]] = value[0]
    else:
        del node[path[-1]]
    return copy


def test_it_is_an_openapi_description() -> None:
    """As the standard has it."""
    validator = pytest.importorskip("openapi_spec_validator", reason="needs openapi-spec-validator")
    validator.validate(OPENAPI)


def test_the_command_and_the_emulator_give_the_same() -> None:
    """The file in the package, byte for byte."""
    assert run("openapi").out == TEXT


async def test_the_emulator_serves_it() -> None:
    """To anybody: nobody's data is in it."""
    httpx = pytest.importorskip("httpx")
    async with FakeImin().serve() as base, httpx.AsyncClient(timeout=60, trust_env=False) as client:
        reply = await client.get(f"{base}/openapi.json", headers={"Host": "emulator:8080"})
        assert (reply.status_code, reply.text) == (200, TEXT)
        assert (await client.post(f"{base}/openapi.json")).headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize("state", STATES)
def test_the_samples_are_as_described(state: str) -> None:
    """In each state; an emulator made by hand can be held to it."""
    assert accepts("SellerAccounts", sample(state))


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_are_as_described(name: str) -> None:
    """One of each state."""
    assert accepts("SellerAccounts", EXAMPLES[name]["value"])


@pytest.mark.parametrize("state", STATES)
def test_no_member_may_have_another_type(state: str) -> None:
    """Each member and item that the samples show, with a value of every other JSON type."""
    document = sample(state)
    for path in places(document):
        there = document
        for key in path:
            there = there[key]
        for other in OTHERS:
            if kind(other) != kind(there):
                assert not accepts("SellerAccounts", changed(document, path, other)), (path, other)


def required_places(node: Any, of: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the description requires a member of a document."""
    of = OPENAPI["components"]["schemas"][of["$ref"].rpartition("/")[2]] if "$ref" in of else of
    for branch in [*of.get("oneOf", ()), *of.get("allOf", ())]:
        if jsonschema.Draft202012Validator({**branch, "components": OPENAPI["components"]}).is_valid(node):
            yield from required_places(node, branch, path)
    if isinstance(node, dict):
        yield from ((*path, name) for name in of.get("required", ()))
        for name, member in of.get("properties", {}).items():
            if name in node:
                yield from required_places(node[name], member, (*path, name))
    if isinstance(node, list) and "items" in of:
        for i, item in enumerate(node):
            yield from required_places(item, of["items"], (*path, i))


@pytest.mark.parametrize(("state", "count"), [("connected", 18), ("unconnected", 13), ("no_sellers", 2)])
def test_no_required_member_may_be_missing(state: str, count: int) -> None:
    """Each that is required, wherever it is."""
    document = sample(state)
    required = {*required_places(document, schema("SellerAccounts"))}
    assert len(required) == count
    for path in required:
        assert not accepts("SellerAccounts", changed(document, path)), path


def test_a_contradiction_is_not_as_described() -> None:
    """Members of connected and of other accounts never stand in one item."""
    both = {**sample("unconnected")["imin:item"][0], **sample("connected")["imin:item"][0]}
    assert not accepts("Account", both)


def test_the_notification_is_as_described() -> None:
    """The webhook's example; without a member that is required, or with another type, it is not."""
    [content] = OPENAPI["webhooks"]["customerDetailChange"]["post"]["requestBody"]["content"].values()
    assert accepts("CustomerAccount", content["example"])
    for name in ("@type", "@id", "identifier"):
        assert not accepts("CustomerAccount", changed(content["example"], (name,)))
        assert not accepts("CustomerAccount", changed(content["example"], (name,), 7))


async def test_whatever_the_emulator_answers_is_as_described() -> None:
    """For a town of people, with and without links, and for every shape of an error."""
    fake = FakeImin(seed=1)
    add_rosie(fake)
    add_people(fake, sellers=9, customers=8)
    for customer in fake.population.people:
        reply = await ask(fake, customer=customer, redirectUri="https://broker.example/")
        assert accepts("SellerAccounts", json.loads(reply.body)), customer


@pytest.mark.parametrize(
    "error",
    [
        {"@type": "NotFoundError", "name": "Not Found", "description": "…", "statusCode": 404},
        {"error": {"type": "BadRequestError", "details": ["…"]}},
        {"error": "Unauthorized"},
        {"message": "No API key found in request"},
        {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "…"},
    ],
)
def test_every_shape_of_an_error_is_described(error: Any) -> None:
    """Each as seen somewhere, and marked as undocumented."""
    assert accepts("Error", error)
    assert OPENAPI["components"]["schemas"]["Error"]["x-undocumented"] is True
    assert not accepts("Error", {**error, **dict.fromkeys(error, 7)})


def test_what_is_described_is_what_the_models_know() -> None:
    """Every member of an account that the library reads has a schema, and the other way round."""
    shown = set(OPENAPI["components"]["schemas"]["ConnectedAccount"]["properties"])
    document = sample("connected")["imin:item"][0]
    assert {*document} | {"entitlement"} == shown
