"""What tests of many calls share: a transport that knows every customer, and customers to ask about."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import pytest

from imin_accounts.errors import IminError
from imin_accounts.results import Failed, Fetched
from imin_accounts.session import AccountsSession
from imin_accounts.transports.base import Request, Response, Transport
from tests.scripted import NO_CONTENT, accounts_of


class BulkTransport:
    """A transport that answers for every customer, connected with one seller.

    Args:
        held: Customers whose replies wait for ``release``.
        answers: Replies or errors for some customers instead.

    Attributes:
        asked: The customers of all requests, in order.
        cancelled: Those whose request was cancelled while it was held.
        under_way: How many requests there are at the moment.
        most_under_way: How many there were at most.
    """

    def __init__(self, *held: str, answers: dict[str, Response | IminError] | None = None) -> None:
        self._held = {customer: asyncio.Event() for customer in held}
        self._answers = answers or {}
        self.asked: list[str] = []
        self.cancelled: list[str] = []
        self.under_way = self.most_under_way = 0

    async def send(self, request: Request, *, timeout: float) -> Response:
        customer = request.url.split("/customers/")[1].partition("/")[0]
        self.asked.append(customer)
        self.under_way += 1
        self.most_under_way = max(self.under_way, self.most_under_way)
        try:
            await asyncio.sleep(0)
            if customer in self._held:
                await self._held[customer].wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)  # cancelling takes a moment, which somebody has to wait for
            self.cancelled.append(customer)
            raise
        finally:
            self.under_way -= 1
        answer = self._answers.get(customer) or (NO_CONTENT if request.method == "DELETE" else None)
        if isinstance(answer, IminError):
            raise answer
        return answer or accounts_of(customer, seller=True)

    def release(self, customer: str) -> None:
        self._held[customer].set()


class CustomerIds:
    """The numbers below ``count`` as customers, as an iterable or an async one.

    Args:
        error: What is raised after the last one; None: nothing.

    Attributes:
        read: How many were read.
        closed: Whether the iterator has ended or was closed.
    """

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


ReadIds = Callable[[CustomerIds], Iterable[str] | AsyncIterable[str]]
sync_and_async = pytest.mark.parametrize(
    "read", [CustomerIds.sync, CustomerIds.asynchronous], ids=["iterable", "async iterable"]
)


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
    """Let every task run that can."""
    for _ in range(200):
        await asyncio.sleep(0)


def other_tasks() -> set[asyncio.Task[Any]]:
    """The loop's tasks but for the current one."""
    current = asyncio.current_task()
    assert current is not None
    return asyncio.all_tasks() - {current}
