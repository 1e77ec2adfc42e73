"""Everything that ``FakeImin`` can do, over HTTP, by a client that reads the index and knows nothing else."""

import json
import shlex
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import attrs
import pytest

from imin_accounts.fake import FakeImin, Rule, Status, Undocumented, add_people, add_rosie
from tests.paths import SAMPLES

SELLER = "https://id.bookingsystem.example.com/organizers/"
ACME, BROOK, CASTLE = (SELLER + n for n in "123")
POOL = "https://pool.example/1"
PROOF = "https://id.example.com/entitlements/1234"


@attrs.frozen
class Client:
    """Somebody who uses the emulator over HTTP."""

    fake: FakeImin
    base: str
    http: aiohttp.ClientSession

    async def do(self, method: str, name: str, body: Any = None) -> tuple[int, Any]:
        """Something at ``/_emulator/``."""
        data = None if body is None else json.dumps(body)
        async with self.http.request(method, f"{self.base}/_emulator/{name}", data=data) as reply:
            text = await reply.text()
            return reply.status, json.loads(text) if text else None

    async def accounts(self, customer: str = "rosie") -> dict[str, Any]:
        """What the API says, by seller."""
        url = f"{self.base}/api/v2/customers/{customer}/accounts?redirectUri=http://localhost/back"
        async with self.http.get(url, headers={"X-Api-Key": "test-key"}) as reply:
            return {item["seller"]["@id"]: item for item in (await reply.json())["imin:item"]}

    async def link(self, seller: str, action: int) -> str:
        """A connect link."""
        return str((await self.accounts())[seller]["potentialAction"][action]["target"])


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """An emulator with Rosie in it."""
    fake = FakeImin(seed=1)
    add_rosie(fake)
    async with fake.serve() as base, aiohttp.ClientSession() as http:
        yield Client(fake, base, http)


async def test_the_index_has_examples_that_work(client: Client) -> None:
    """Every operation is described, with a command of curl's; what needs no link does as it says."""
    _, index = await client.do("GET", "")
    for each in index["operations"]:
        name = each["url"].removeprefix(f"{client.base}/_emulator/")
        _, _, data = each["curl"].partition(" -d ")
        body = json.loads(shlex.split(data)[0]) if data else None
        status, answer = await client.do(each["method"], name, body)
        wanted = {"complete": 409, "decline": 409, "evidence": 400}.get(name, 204 if answer is None else 200)
        assert (each["does"][-1], status) == (".", wanted), (each, answer)
        assert (f" -X {each['method']} " in f"{each['curl']} ") is (each["method"] != "GET")


@pytest.mark.parametrize("id", ["", "a"])
async def test_what_an_operation_is_said_to_take_it_takes(client: Client, id: str) -> None:
    """An identifier has one character at least."""
    jsonschema = pytest.importorskip("jsonschema", reason="needs jsonschema")
    _, index = await client.do("GET", "")
    [takes] = [each["takes"] for each in index["operations"] if each["url"].endswith("/customers")]
    body = {"id": id, "email": "ada@example.com"}
    status, answer = await client.do("POST", "customers", body)
    assert status == (204 if jsonschema.Draft202012Validator(takes).is_valid(body) else 400), answer


async def test_people_are_added(client: Client) -> None:
    """A seller, a customer and a member, as ``FakeImin`` adds them."""
    assert await client.do("POST", "sellers", {"id": POOL, "name": "Pool", "same_as": ["https://x"]}) == (
        204,
        None,
    )
    assert await client.do("POST", "customers", {"id": "ada/1", "email": "ada@example.com"}) == (204, None)
    member = {"seller": POOL, "email": "ADA@example.com"}
    assert (await client.accounts("ada%2F1"))[POOL]["imin:matchingEmailExists"] is False
    assert await client.do("POST", "members", member) == (204, None)
    found = (await client.accounts("ada%2F1"))[POOL]
    assert (found["imin:matchingEmailExists"], found["seller"]["sameAs"]) == (True, ["https://x"])
    assert await client.do("DELETE", "members", member) == (204, None)
    assert (await client.accounts("ada%2F1"))[POOL]["imin:matchingEmailExists"] is False


async def test_an_account_is_connected_with_all_that_it_can_hold(client: Client) -> None:
    """What is sent is what the API shows."""
    entitlement = {"@type": "Entitlement", "@id": "urn:1", "expires": "2999-01-01T00:00:00Z"}
    picture = {"@type": "ImageObject", "url": "https://passes.example/1.png"}
    body = {
        "customer": "rosie",
        "seller": CASTLE,
        "email": "r@example.com",
        "date_linked": "2026-01-02T03:04:05+01:00",
        "hidden_entitlements": True,
        "access_pass": "123",
        "access_passes": [picture],
        "entitlements": [entitlement],
        "evidence": [entitlement],
        "update_errors": [{"@type": "EntitlementConflict"}],
    }
    assert await client.do("POST", "connect", body) == (204, None)
    found = (await client.accounts())[CASTLE]
    assert (found["dateLinked"], found["customer"]["email"]) == ("2026-01-02T02:04:05Z", "r@example.com")
    assert [card.get("text") for card in found["accessPass"]] == ["123", None]
    assert found["entitlement"] == found["imin:evidenceRequests"] == [entitlement]
    assert await client.do("POST", "disconnect", {"customer": "rosie", "seller": CASTLE}) == (
        200,
        {"disconnected": True},
    )
    assert "dateLinked" not in (await client.accounts())[CASTLE]


async def test_a_link_is_completed_or_declined(client: Client) -> None:
    """Without a browser; what the seller's page would refuse is a 409 with the reason."""
    login, join = await client.link(BROOK, 0), await client.link(CASTLE, 1)
    status, refused = await client.do("POST", "complete", {"target": login, "password": "wrong"})
    assert (status, "wrong password" in refused["error"]) == (409, True)
    assert (await client.do("POST", "complete", {"target": login}))[0] == 409
    back = {"location": "http://localhost/back"}
    assert await client.do("POST", "complete", {"target": join, "password": "new"}) == (200, back)
    assert await client.do("POST", "decline", {"target": await client.link(BROOK, 0)}) == (200, back)
    found = await client.accounts()
    assert ("dateLinked" in found[CASTLE], "dateLinked" in found[BROOK]) == (True, False)


async def test_a_link_to_where_nobody_has_an_account(client: Client) -> None:
    """The 409 says so, and does not blame the password."""
    entered = {"target": await client.link(BROOK, 0), "email": "x@y.example"}
    status, refused = await client.do("POST", "complete", entered)
    assert (status, "no account under that email" in refused["error"]) == (409, True)


@pytest.mark.parametrize("prefix", ["", "https://schema.org/"])
async def test_evidence_moves_on(client: Client, prefix: str) -> None:
    """Step by step; a step that can't be is refused."""
    evidence = [{"@type": "Entitlement", "@id": PROOF, "evidenceRequest": {"@type": "EvidenceRequestAction"}}]
    account = {"customer": "rosie", "seller": CASTLE}
    await client.do("POST", "connect", {**account, "evidence": evidence})
    step = {**account, "entitlement": PROOF}
    wrong = {**step, "status": f"{prefix}CompletedActionStatus"}
    assert (await client.do("POST", "evidence", wrong))[0] == 400
    for status in ("Active", "Completed"):
        step["status"] = f"{prefix}{status}ActionStatus"
        assert await client.do("POST", "evidence", step) == (204, None)
    [found] = (await client.accounts())[CASTLE]["imin:evidenceRequests"]
    assert found["evidenceRequest"]["actionStatus"] == "https://schema.org/CompletedActionStatus"


async def test_faults_are_added_and_taken_away(client: Client) -> None:
    """One after those in force; then all of them."""
    client.fake.faults.add(Rule(Status(500), customer="ada"))
    await client.do("POST", "faults", {"nth": 1, "effect": {"status": {"status": 503}}})
    assert client.fake.faults.rules[1] == Rule(Status(503), nth=1)
    assert await client.do("DELETE", "faults") == (204, None)
    assert client.fake.faults.rules == ()


async def test_what_is_undocumented_can_be_changed(client: Client) -> None:
    """What is left out has its default."""
    client.fake.undocumented = Undocumented(unknown_customer=200)
    assert await client.do("PUT", "undocumented", {"unconnected_delete": 204}) == (204, None)
    assert client.fake.undocumented == Undocumented(unconnected_delete=204)
    assert (await client.do("GET", "undocumented"))[1]["unconnected_delete"] == 204


@pytest.mark.parametrize(
    ("method", "name", "body", "reason"),
    [
        ("POST", "sellers", {"name": "Pool"}, "id is required"),
        ("POST", "sellers", {"id": ""}, "id must be a string that is not empty"),
        ("POST", "sellers", {"id": 7}, "id must be a string"),
        ("POST", "sellers", {"id": "x", "nam": "Pool"}, "no member 'nam'; there may be id, name, url, logo"),
        ("POST", "sellers", {"id": "x", "same_as": "y"}, "same_as must be an array of strings"),
        ("POST", "customers", [], "its members may be id, email, entitlement_filter"),
        ("POST", "members", {"seller": "x", "email": "y"}, "no such seller"),
        ("DELETE", "members", {"seller": ACME, "email": "y"}, "no such member"),
        ("POST", "connect", {"customer": "rosie", "seller": "x"}, "no such seller"),
        ("POST", "connect", {"customer": "x", "seller": ACME, "date_linked": "today"}, "date_linked must be"),
        (
            "POST",
            "connect",
            {"customer": "x", "seller": ACME, "date_linked": "2026-01-01"},
            "date_linked must",
        ),
        (
            "POST",
            "connect",
            {"customer": "x", "seller": ACME, "evidence": [7]},
            "an array of JSON-LD objects",
        ),
        ("POST", "connect", {"customer": "x", "seller": ACME, "hidden_entitlements": "no"}, "true or false"),
        ("POST", "disconnect", {"customer": "rosie"}, "seller is required"),
        (
            "POST",
            "evidence",
            {"customer": "rosie", "seller": ACME, "entitlement": "x", "status": "done"},
            "Failed",
        ),
        ("POST", "evidence", {"customer": "rosie", "seller": ACME, "entitlement": "x"}, "status is required"),
        ("POST", "advance", {"seconds": True}, "seconds must be a number from 0"),
        ("POST", "faults", {"effect": {"statu": {}}}, "of status, latency, stall, drop, other_customer"),
        ("POST", "faults", {"effect": {"malformed": {"flaw": "x"}}}, '"not json", "truncated", "empty"'),
        ("POST", "faults", {"effect": {"drifted": {"drift": "x"}}}, '"sibling spellings", "unknown members"'),
        (
            "POST",
            "faults",
            {"effect": {"status": {"status": 503, "body": 1}}},
            '"openactive", "nested", "bare"',
        ),
        (
            "POST",
            "faults",
            {"effect": {"status": {"code": 503}}},
            "may be status, body, retry_after, processed",
        ),
        ("POST", "faults", {"efect": {}}, "may be effect, endpoint, customer, nth, probability"),
        ("POST", "faults", {"endpoint": "get", "effect": {"drop": {}}}, '"get_seller_accounts"'),
        ("POST", "faults", {"nth": [[1]], "effect": {"drop": {}}}, "nth must be a whole number from 1"),
        ("PUT", "undocumented", {"unknown_customer": 500}, "unknown_customer must be one of 404, 200"),
        (
            "PUT",
            "state",
            {"version": 1, "people": []},
            "there may be version, undocumented, sellers, customers",
        ),
    ],
)
async def test_what_is_wrong_says_what_would_be_right(
    client: Client, method: str, name: str, body: Any, reason: str
) -> None:
    """400, the place, and what is valid there; nothing changes."""
    before = client.fake.snapshot(), client.fake.faults.script()
    status, answer = await client.do(method, name, body)
    assert (status, reason in answer["error"]) == (400, True), answer
    assert (client.fake.snapshot(), client.fake.faults.script()) == before


@pytest.mark.parametrize("of", ["faults", "state"])
async def test_the_schema_is_what_is_accepted(client: Client, of: str) -> None:
    """What does not validate is refused, for values of every JSON type; what there is validates."""
    jsonschema = pytest.importorskip("jsonschema", reason="needs jsonschema")
    add_people(client.fake, sellers=3, customers=3)
    gone = client.fake.snapshot()["connections"][0]
    client.fake.disconnect(gone["customer"], gone["seller"])
    client.fake.load((SAMPLES / "connected.json").read_bytes())
    client.fake.faults.load(
        {"rules": [{"effect": {"status": {"status": 503}}}], "rate_limit": {"per_second": 5}}
    )
    _, schema = await client.do("GET", f"{of}/schema")
    _, document = await client.do("GET", of)
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid(document)
    for path in scalars(document):
        for other in (None, True, 7.5, "text", [7], {"a": 7}):
            wrong = json.loads(json.dumps(document))
            node = wrong
            for key in path[:-1]:
                node = node[key]
            node[path[-1]] = other
            status, answer = await client.do("PUT", of, wrong)
            assert status == 400 or validator.is_valid(wrong), (path, other, answer)


LOST: dict[str, Any] = {"effect": {"lost": {}}}
DROP: dict[str, Any] = {"effect": {"drop": {}}}
MOMENT = "2026-01-01T00:00:00Z"
CONNECTED = {"seller": ACME, "email": "a@b", "date_linked": MOMENT, "date_modified": MOMENT}


@pytest.mark.parametrize(
    ("of", "part", "item"),
    [
        pytest.param("faults", "rules", {**DROP, "nth": 1.0}, id="a float that is whole"),
        pytest.param("faults", "rules", {**DROP, "nth": [1e9, 2]}, id="such floats"),
        pytest.param("faults", "rules", {**DROP, "nth": 1.5}, id="a float that is not"),
        pytest.param("faults", "rules", {"effect": {"status": {"status": 503.0}}}, id="a status as a float"),
        pytest.param(
            "faults",
            "rules",
            {"effect": {"status": {"status": 503, "retry_after": "a\nb"}}},
            id="a line break in a header",
        ),
        pytest.param("faults", "rules", {**LOST, "endpoint": None}, id="a notification of any endpoint"),
        pytest.param(
            "faults", "rules", {**LOST, "endpoint": "get_seller_accounts"}, id="a notification of an endpoint"
        ),
        pytest.param("faults", "rules", {**DROP, "endpoint": "get_seller_accounts"}, id="an endpoint"),
        pytest.param("state", "connections", {**CONNECTED, "customer": "c"}, id="a pass without a date"),
        pytest.param("state", "connections", CONNECTED, id="nobody's connection"),
        pytest.param("state", "former", {**CONNECTED, "customer": "c"}, id="too much of an account"),
        pytest.param("state", "former", CONNECTED, id="a former account"),
        pytest.param("state", "former", {**CONNECTED, "email": None}, id="a former account of nobody"),
        pytest.param("state", "members", {"seller": ACME, "email": "e", "password": "p"}, id="a member"),
        pytest.param(
            "state", "members", {"seller": ACME, "email": "e", "password": "p", "age": 7}, id="too much"
        ),
        pytest.param(
            "state", "replies", {"customer": "c", "reply": "{}", "age": 7}, id="too much of a reply"
        ),
    ],
)
async def test_the_schema_accepts_what_is_accepted(client: Client, of: str, part: str, item: Any) -> None:
    """And nothing else, where no value depends on another of the same file."""
    jsonschema = pytest.importorskip("jsonschema", reason="needs jsonschema")
    _, schema = await client.do("GET", f"{of}/schema")
    document = {"rules": []} if of == "faults" else {"version": 1.0, "sellers": [{"@id": ACME}]}
    document[part] = [item]
    status, answer = await client.do("PUT", of, document)
    valid = jsonschema.Draft202012Validator(schema).is_valid(document)
    assert status == (204 if valid else 400), answer


def scalars(document: Any) -> list[tuple[Any, ...]]:
    """Where the first item of each array, and whatever is no JSON-LD, has a value that is no object."""
    found = []
    for name, value in document.items():
        if not isinstance(value, dict | list):
            found.append((name,))
        node, path = (value[0], (name, 0)) if isinstance(value, list) else (value, (name,))
        for key, member in node.items() if isinstance(node, dict) and "@id" not in node else ():
            found.append((*path, key))
            if key == "effect":
                found += [(*path, key, "status", inner) for inner in member["status"]]
    return found
