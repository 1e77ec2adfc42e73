"""The three endpoints: who gets in, what is refused, and what imin's pages leave open."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from imin_accounts.fake import ErrorBody, FakeImin, Undocumented
from imin_accounts.fake._api import ApiRequest
from imin_accounts.transports import Request
from tests.fake.requests import BACK, OTHER, SELLER, ask, items, request, state, target, with_rosie


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize(
    ("key", "body"),
    [
        pytest.param(None, {"message": "No API key found in request"}, id="none"),
        pytest.param("wrong", {"error": "Unauthorized"}, id="wrong"),
        pytest.param("", {"error": "Unauthorized"}, id="empty"),
        pytest.param("test-kéy", {"error": "Unauthorized"}, id="not ASCII"),
    ],
)
async def test_no_one_gets_in_without_the_key(method: str, key: str | None, body: Any) -> None:
    """401, in the words of the gateway or of imin, and nothing is done."""
    fake = with_rosie()
    fake.connect("rosie", SELLER)
    response = await ask(fake, method, key=key, seller=SELLER)
    assert (response.status, json.loads(response.body)) == (401, body)
    assert await state(fake) == "connected"


async def test_the_key_s_header_may_be_spelled_in_any_case() -> None:
    """Field names are case-insensitive."""
    sent = Request(method="GET", url=request().url, headers={"x-API-key": "test-key"})
    assert (await with_rosie().send(sent, timeout=1)).status == 200


async def test_disconnecting() -> None:
    """204 without a body, once; then the account is not connected any more."""
    fake = with_rosie()
    fake.connect("rosie", SELLER)
    first, second = [await ask(fake, "DELETE", seller=SELLER) for _ in range(2)]
    assert (first.status, first.body, second.status) == (204, b"", 404)
    assert await state(fake) == "unconnected"


@pytest.mark.parametrize("query", [{}, {"seller": ""}, {"Seller": SELLER}])
async def test_a_delete_without_a_seller_is_a_bad_request(query: dict[str, str]) -> None:
    """400, and nothing is disconnected."""
    fake = with_rosie()
    fake.connect("rosie", SELLER)
    assert (await ask(fake, "DELETE", **query)).status == 400
    assert await state(fake) == "connected"


async def test_of_a_repeated_parameter_the_first_counts() -> None:
    """A second seller in the query is disconnected from nobody."""
    fake = with_rosie()
    for seller in (SELLER, OTHER):
        fake.connect("rosie", seller)
    url = f"{request(seller=SELLER).url}&{urlencode({'seller': OTHER})}"
    sent = Request(method="DELETE", url=url, headers={"X-Api-Key": "test-key"})
    assert (await fake.send(sent, timeout=1)).status == 204
    assert (await state(fake, SELLER), await state(fake, OTHER)) == ("unconnected", "connected")


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "",
        "/back",
        "broker.example",
        "https://",
        "https://[",
        "https://a\nb",
        "javascript:alert(1)",
        "javascript://broker.example/%0aalert(1)",
    ],
)
async def test_a_redirect_uri_must_be_a_web_address(redirect_uri: str) -> None:
    """400: a browser is going to be sent there."""
    assert (await ask(with_rosie(), redirectUri=redirect_uri)).status == 400


@pytest.mark.parametrize("customer", ["nobody", "Rosie", "rosie ", "../rosie", "ro%73ie", "é\u202e/?#"])
async def test_an_unknown_customer_is_not_found(customer: str) -> None:
    """404 with an OpenActive error; identifiers are compared exactly."""
    response = await ask(with_rosie(), customer=customer)
    assert (response.status, json.loads(response.body)["@type"]) == (404, "NotFoundError")
    assert response.headers["content-type"].startswith("application/vnd.openactive.booking+json")


@pytest.mark.parametrize("customer", ["a/b", "..", "%2F", "é ü", "a+b", "\U0001d4b3", "x" * 900])
async def test_any_identifier_names_its_customer(customer: str) -> None:
    """However odd, it is found under its percent-encoded form, which its reply's ``@id`` repeats."""
    fake = with_rosie()
    fake.add_customer(customer)
    response = await ask(fake, customer=customer)
    assert json.loads(response.body)["@id"] == request(customer=customer).url


async def test_a_gateway_s_prefix_shows_in_the_links() -> None:
    """``@id`` and connect links start with whatever came before the API's own path."""
    fake, base = with_rosie(), "https://gateway.example/imin"
    document = json.loads((await ask(fake, base=base, redirectUri=BACK)).body)
    link = document["imin:item"][0]["potentialAction"][0]["target"]
    assert document["@id"].startswith(f"{base}/api/v2/")
    assert link.startswith(f"{base}/auth/connect-account?jwt=")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/api/v2/customers/rosie", 404),
        ("GET", "/api/v2/customers//accounts", 404),
        ("GET", "/api/v2/customers/rosie/x/accounts", 404),
        ("POST", "/api/v2/customers/rosie/accounts", 405),
        ("POST", "/auth/connect-account", 405),
    ],
)
async def test_other_routes_and_methods(method: str, path: str, status: int) -> None:
    """404 for what is no route, 405 for a method that a route does not have."""
    sent = Request(method=method, url="https://book.imin.co" + path, headers={"X-Api-Key": "test-key"})
    response = await with_rosie().send(sent, timeout=1)
    assert (response.status, "allow" in response.headers) == (status, status == 405)


async def test_a_link_leads_to_the_sellers_page_without_a_key() -> None:
    """302: it is the customer's browser that asks, and it has none."""
    fake = with_rosie()
    sent = Request(method="GET", url=await target(fake), headers={})
    response = await fake.send(sent, timeout=1)
    assert response.status == 302
    assert response.headers["location"].startswith("https://book.imin.co/seller/")


async def test_an_unknown_customer_may_have_accounts_nowhere() -> None:
    """Switched to 200: every seller is listed without an account, and one can be connected."""
    fake = with_rosie(FakeImin(undocumented=Undocumented(unknown_customer=200)))
    link = await target(fake, "CreateAction", customer="new")
    assert [item["imin:matchingEmailExists"] for item in await items(fake, "new")] == [False, False]
    fake.complete(link, email="new@example.com")
    assert "dateLinked" in (await items(fake, "new"))[0]


async def test_disconnecting_what_is_not_connected_may_succeed() -> None:
    """Switched to 204: DELETE is idempotent."""
    fake = with_rosie(FakeImin(undocumented=Undocumented(unconnected_delete=204)))
    assert (await ask(fake, "DELETE", seller=SELLER)).status == 204


@pytest.mark.parametrize("body", list(ErrorBody))
async def test_errors_may_have_any_body(body: ErrorBody) -> None:
    """Each refusal takes the body that it is told to have."""
    fake = with_rosie()
    fake.undocumented = Undocumented(not_found=body, bad_request=body, unauthorized=body)
    for response in (
        await ask(fake, customer="nobody"),
        await ask(fake, "DELETE"),
        await ask(fake, key="wrong"),
    ):
        assert response.status in (400, 401, 404)
        assert (response.body == b"") is (body is ErrorBody.EMPTY)


@pytest.mark.parametrize(
    "mistake",
    [
        {"unknown_customer": 500},
        {"unconnected_delete": 200},
        {"not_found": "poem"},
        {"link_lifetime": -1},
        {"completed_query": None},
        {"decline_returns": "no"},
        {"own_delete_notifies": None},
        {"rejected_evidence": None},
    ],
)
def test_a_switch_takes_only_what_it_knows(mistake: Any) -> None:
    """Anything else is a ValueError."""
    with pytest.raises(ValueError):
        Undocumented(**mistake)


async def test_the_record_says_what_came_in_and_shows_nobody() -> None:
    """Method, route and status in order; identifiers are there for a test to read, not in the repr."""
    fake = with_rosie()
    await ask(fake, key="secret-key")
    await ask(fake, "DELETE", seller=SELLER)
    assert [(r.method, r.status, r.customer, r.seller) for r in fake.requests] == [
        ("GET", 401, "rosie", None),
        ("DELETE", 404, "rosie", SELLER),
    ]
    assert {r.route for r in fake.requests} == {"/api/v2/customers/{customerIdentifier}/accounts"}
    assert not any(secret in repr(fake.requests) for secret in ("rosie", SELLER, "secret-key"))


def test_a_request_shows_nobody_and_no_key() -> None:
    """Nor what it asks for: its repr may end in a log."""
    url = f"https://book.imin.co/api/v2/customers/rosie/accounts?seller={SELLER}"
    request = ApiRequest.read(Request(method="GET", url=url, headers={"X-Api-Key": "secret-key"}))
    assert (request.customer, request.key) == ("rosie", "secret-key")
    assert not any(secret in repr(request) for secret in ("rosie", SELLER, "secret-key", "book.imin.co"))


@pytest.mark.parametrize("seconds", [1.5, 1e300])
def test_time_passes_up_to_the_year_9900(seconds: float) -> None:
    """So that what expires after that has an end in the calendar."""
    fake = FakeImin(clock=lambda: datetime(9899, 12, 31, 23, 59, 59, tzinfo=UTC))
    with pytest.raises(ValueError, match="the latest time is 9900-01-01"):
        fake.advance(seconds)
    fake.advance(1)
    assert fake.now() == datetime(9900, 1, 1, tzinfo=UTC)


async def test_reset_is_a_fresh_start() -> None:
    """People, links, faults, record, time and switches are gone."""
    fake = with_rosie()
    start, link = fake.now(), await target(fake)
    fake.undocumented = Undocumented(unknown_customer=200)
    fake.advance(60)
    fake.faults.load({"rules": [{"effect": {"drop": {}}}], "rate_limit": {"per_second": 1}})
    fake.reset()
    assert (fake.requests, fake.now(), fake.undocumented) == ((), start, Undocumented())
    assert (fake.faults.rules, fake.faults.rate_limit) == ((), None)
    assert (await ask(fake)).status == 404
    assert (await fake.send(Request(method="GET", url=link, headers={}), timeout=1)).status == 404
