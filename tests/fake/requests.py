"""Requests to the emulator as any HTTP client would make them: a URL, a key, a JSON body."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from imin_accounts.fake import FakeImin
from imin_accounts.transports import Request, Response

SELLER = "https://id.bookingsystem.example.com/organizers/1"
OTHER = "https://id.bookingsystem.example.com/organizers/2"
BACK = "https://broker.example/back?a=b%2Fc&d"
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def with_rosie(fake: FakeImin | None = None) -> FakeImin:
    """An emulator with one customer and two sellers, unless it has them already."""
    fake = fake or FakeImin(seed=1, clock=Clock())
    fake.add_customer("rosie", email="rosie@example.com", entitlement_filter="Zm9v+w==")
    fake.add_seller(SELLER, name="Acme Leisure Centre")
    fake.add_seller(OTHER, name="Brook Street Pool")
    return fake


def request(
    method: str = "GET",
    customer: str = "rosie",
    *,
    key: str | None = "test-key",
    base: str = "https://book.imin.co",
    **query: str,
) -> Request:
    """A request for a customer's accounts."""
    url = f"{base}/api/v2/customers/{quote(customer, safe='')}/accounts"
    headers = {} if key is None else {"X-Api-Key": key}
    return Request(method=method, url=f"{url}?{urlencode(query)}" if query else url, headers=headers)


async def ask(fake: FakeImin, method: str = "GET", customer: str = "rosie", **options: Any) -> Response:
    """The reply to such a request, in memory."""
    return await fake.send(request(method, customer, **options), timeout=30.0)


async def items(fake: FakeImin, customer: str = "rosie", **options: Any) -> list[dict[str, Any]]:
    """The accounts of a customer, as JSON."""
    response = await ask(fake, customer=customer, **options)
    assert response.status == 200
    found: list[dict[str, Any]] = json.loads(response.body).get("imin:item", [])
    return found


async def target(fake: FakeImin, action: str = "RegisterAction", seller: str = SELLER, **options: Any) -> str:
    """A connect link out of a reply."""
    for item in await items(fake, redirectUri=BACK, **options):
        if item["seller"]["@id"] == seller:
            return str({a["@type"]: a["target"] for a in item["potentialAction"]}[action])
    raise AssertionError("no such seller")


async def state(fake: FakeImin, seller: str = SELLER) -> str:
    """Which of the three states Rosie's account with a seller is in, as the documentation tells them."""
    (item,) = [item for item in await items(fake) if item["seller"]["@id"] == seller]
    if "dateLinked" in item:
        return "connected"
    return "unconnected" if item["imin:matchingEmailExists"] else "no account"
