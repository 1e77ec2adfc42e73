"""A session that keeps what a feed, which tells of changes alone, does not tell of its reads."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from typing import Any

from imin_accounts import AccountsSession, Failed, Fetched
from imin_accounts.cli._failures import Failure


class Watched:
    """As much of the session as a feed needs.

    Attributes:
        asked: Who was asked for, until somebody discards them.
        under_way: Those of them who have no outcome yet.
        in_part: Whose reply could be read in part only, and what not.
    """

    def __init__(self, imin: AccountsSession) -> None:
        self._imin = imin
        self.asked = set[str]()
        self.under_way = set[str]()
        self.in_part: dict[str, Failure] = {}

    def get_many(
        self, customers: Iterable[str] | AsyncIterable[str], **options: Any
    ) -> AbstractAsyncContextManager[AsyncIterator[Fetched | Failed]]:
        """As the session's."""
        asked = self._asked(customers) if isinstance(customers, AsyncGenerator) else customers
        return self._watching(self._imin.get_many(asked, **options))

    async def _asked(self, customers: AsyncGenerator[str, None]) -> AsyncIterator[str]:
        async with aclosing(customers):
            async for customer in customers:
                self.asked.add(customer)
                self.under_way.add(customer)
                yield customer

    @asynccontextmanager
    async def _watching(
        self, reading: AbstractAsyncContextManager[AsyncIterator[Fetched | Failed]]
    ) -> AsyncIterator[AsyncIterator[Fetched | Failed]]:
        async with reading as outcomes, aclosing(self._kept(outcomes)) as watched:
            yield watched

    async def _kept(
        self, outcomes: AsyncIterator[Fetched | Failed]
    ) -> AsyncGenerator[Fetched | Failed, None]:
        async for outcome in outcomes:
            customer = outcome.customer
            self.under_way.discard(customer)
            if isinstance(outcome, Fetched) and (failure := Failure.in_accounts(customer, outcome.accounts)):
                self.in_part[customer] = failure
            yield outcome
