"""Two doors to one emulator."""

from collections.abc import AsyncIterator

import attrs
import pytest

from imin_accounts.fake import FakeImin
from imin_accounts.transports import AiohttpTransport, Response, Transport
from tests.fake.requests import Clock, request, rosies


@attrs.frozen
class Door:
    """A way to an emulator: a transport, and where that finds it.

    Attributes:
        waits: Seconds that the emulator was asked to let pass; none really pass.
    """

    fake: FakeImin
    transport: Transport
    base: str
    waits: list[float]

    async def ask(self, method: str = "GET", customer: str = "rosie", **query: str) -> Response:
        """The reply to a request for a customer's accounts."""
        return await self.transport.send(request(method, customer, base=self.base, **query), timeout=30.0)


@pytest.fixture(params=["memory", "served"])
async def door(request: pytest.FixtureRequest) -> AsyncIterator[Door]:
    """The emulator in memory, and the emulator over HTTP."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    fake = rosies(FakeImin(seed=1, clock=Clock(), sleep=sleep))
    if request.param == "memory":
        yield Door(fake, fake, "https://book.imin.co", waits)
    else:
        async with fake.serve() as base, AiohttpTransport() as transport:
            yield Door(fake, transport, base, waits)
