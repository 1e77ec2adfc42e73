"""For tests of many calls: a service that knows everybody, and inputs that tell how far they were read."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import pytest

from imin_accounts.errors import IminError
from imin_accounts.results import Failed, Fetched
from imin_accounts.session import AccountsSession
from imin_accounts.transports.base import Request, Response, Transport
from tests.scripted import NO_CONTENT, accounts_of


class Imin:
    """Knows every customer. Those ``held`` wait for ``release``; ``answers`` are for some only."""

    def __init__(self, *held: str, answers: dict[str, Response | IminError] | None = None) -> None:
        self._held = {customer: asyncio.Event() for customer in held}
        self._answers = answers or {}
        self.asked: list[str] = []
        self.let_go: list[str] = []
        self.busy = self.busiest = 0

    async def send(self, request: Request, *, timeout: float) -> Response:
        customer = request.url.split("/customers/")[1].partition("/")[0]
        self.asked.append(customer)
        self.busy += 1
        self.busiest = max(self.busy, self.busiest)
        try:
            await asyncio.sleep(0)
            if customer in self._held:
                await self._held[customer].wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)  # letting go takes a moment, which somebody has to wait for
            self.let_go.append(customer)
            raise
        finally:
            self.busy -= 1
        answer = self._answers.get(customer) or (NO_CONTENT if request.method == "DELETE" else None)
        if isinstance(answer, IminError):
            raise answer
        return answer or accounts_of(customer, seller=True)

    def release(self, customer: str) -> None:
        self._held[customer].set()


class Ids:
    """The numbers below ``count`` as customers, readable both ways: how far it was read, and closed."""

    def __init__(self, count: int, error: Exception | None = None) -> None:
        self.count = count
        self.error = error
        self.read = 0
        self.closed = False

    def sync(self) -> Iterator[str]:
        try:
            while self.read < self.count:
                self.read += 1
                yield str(self.read - 1)
            if self.error is not None:
                raise self.error
        finally:
            self.closed = True

    async def asynchronous(self) -> AsyncIterator[str]:
        try:
            for customer in self.sync():
                await asyncio.sleep(0)
                yield customer
        finally:
            await asyncio.sleep(0)
            self.closed = True


Read = Callable[[Ids], Iterable[str] | AsyncIterable[str]]
both_ways = pytest.mark.parametrize("read", [Ids.sync, Ids.asynchronous], ids=["iterable", "async iterable"])


def make_session(transport: Transport, **options: Any) -> AccountsSession:
    return AccountsSession("test-key", transport=transport, **options)


async def collect(
    outcomes: AsyncIterator[Fetched | Failed], into: list[Fetched | Failed] | None = None
) -> list[Fetched | Failed]:
    into = [] if into is None else into
    async for outcome in outcomes:
        into.append(outcome)
    return into


async def settle() -> None:
    """Let everybody run who can."""
    for _ in range(200):
        await asyncio.sleep(0)


def others() -> set[asyncio.Task[Any]]:
    current = asyncio.current_task()
    assert current is not None
    return asyncio.all_tasks() - {current}
