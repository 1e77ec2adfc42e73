"""What changes for a customer at a seller, over HTTP."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from imin_accounts.fake import FakeImin
from tests.fake.requests import OTHER, SELLER, items, with_rosie

ROSIE = {"customer": "rosie", "seller": SELLER}
REQUEST = {"@type": "EvidenceRequestAction", "actionStatus": "https://schema.org/ActiveActionStatus"}
FAILED = "https://schema.org/FailedActionStatus"


class Causes:
    """The causes of an emulator in which Rosie is connected."""

    def __init__(self, fake: FakeImin, base: str, client: aiohttp.ClientSession) -> None:
        self.fake = fake
        self._base = base
        self._client = client

    async def post(self, name: str, body: Any = None) -> tuple[int, Any]:
        """The status of a request, and the JSON of the reply."""
        async with self._client.post(f"{self._base}/_emulator/{name}", json=body) as reply:
            return reply.status, await reply.json() if reply.status != 204 else None


@pytest.fixture
async def causes() -> AsyncIterator[Causes]:
    fake = with_rosie()
    fake.connect(
        "rosie", SELLER, entitlements=[{"@id": "e"}], evidence=[{"@id": "e", "evidenceRequest": REQUEST}]
    )
    async with fake.serve() as base, aiohttp.ClientSession() as client:
        yield Causes(fake, base, client)


@pytest.mark.parametrize(
    ("name", "more", "left"),
    [
        ("disconnect", {}, ["imin:matchingEmailExists"]),
        ("change-account", {"access_pass": "77"}, ["accessPass", "entitlement"]),
        ("change-account", {"entitlements": [], "hidden_entitlements": True}, ["imin:evidenceRequests"]),
        ("evidence", {"entitlement": "e", "status": FAILED}, ["imin:evidenceRequests"]),
    ],
)
async def test_a_cause_is_told(causes: Causes, name: str, more: Any, left: list[str]) -> None:
    """It shows in the next reply, and in the notifications that are taken."""
    assert (await causes.post(name, {**ROSIE, **more}))[0] in (200, 204)
    account = (await items(causes.fake))[0]
    assert account.keys() >= set(left)
    status, [call] = await causes.post("take-notifications")
    assert (status, call["body"]["identifier"]) == (200, "rosie")
    assert call["headers"]["X-Api-Key"] == "test-notification-key"
    assert await causes.post("take-notifications") == (200, [])


@pytest.mark.parametrize("name", ["disconnect", "change-account", "evidence"])
@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"customer": "rosie"},
        {"customer": 7, "seller": SELLER},
        {"customer": "rosie", "seller": OTHER, "entitlement": "e", "status": FAILED},
        {**ROSIE, "colour": "red"},
        {**ROSIE, "entitlement": "e", "status": "done"},
        {**ROSIE, "entitlement": "x", "status": FAILED},
        {**ROSIE, "access_pass": 7},
        {**ROSIE, "entitlements": 7},
        {**ROSIE, "evidence": [7]},
        {**ROSIE, "update_errors": None},
        {**ROSIE, "date_linked": "2021-01-27T12:00:00Z"},
    ],
)
async def test_what_can_not_be_is_a_bad_request(causes: Causes, name: str, body: Any) -> None:
    """400 with the reason; nothing changes and nobody is told."""
    before = causes.fake.snapshot()
    status, answer = await causes.post(name, body)
    assert (status, bool(answer["error"])) == (400, True)
    assert (causes.fake.snapshot(), causes.fake.take_notifications()) == (before, ())
