"""An emulator, in memory and over HTTP."""

from collections.abc import AsyncIterator

import attrs
import pytest

from imin_accounts.fake import FakeImin
from imin_accounts.transports import AiohttpTransport, Response, Transport
from tests.fake.requests import Clock, request, with_rosie


@attrs.frozen
class Emulator:
    """An emulator, a transport to it, and where that finds it.

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
async def emulator(request: pytest.FixtureRequest) -> AsyncIterator[Emulator]:
    """The emulator in memory, and the emulator over HTTP."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    fake = with_rosie(FakeImin(seed=1, clock=Clock(), sleep=sleep))
    if request.param == "memory":
        yield Emulator(fake, fake, "https://book.imin.co", waits)
    else:
        async with fake.serve() as base, AiohttpTransport() as transport:
            yield Emulator(fake, transport, base, waits)
