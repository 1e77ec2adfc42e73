"""What the session reads of those who are due, as it comes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

from imin_accounts.feed._due import Due
from imin_accounts.results import Failed, Fetched
from imin_accounts.session import AccountsSession


class Replies:
    """The outcomes of one ``get_many`` after the other."""

    def __init__(
        self, session: AccountsSession, due: Due, *, concurrency: int, timeout: float | None
    ) -> None:
        self._session = session
        self._due = due
        self._concurrency = concurrency
        self._timeout = timeout
        self._reading: AbstractAsyncContextManager[AsyncIterator[Fetched | Failed]] | None = None
        self._outcomes: AsyncIterator[Fetched | Failed] | None = None
        self._coming: asyncio.Task[Fetched | Failed | None] | None = None

    async def next(self, *, wait: bool) -> Fetched | Failed | None:
        """The next outcome. None where there is none yet, and nobody is to wait for it.

        Raises:
            StopAsyncIteration: There is none, nor will be.
            IminError: As from ``get_many``, or ``Due.error``. Only where one is to wait: else the next call
                raises it.
        """
        if self._outcomes is None:
            self._reading = self._session.get_many(
                self._due.customers(), concurrency=self._concurrency, timeout=self._timeout
            )
            self._outcomes = await self._reading.__aenter__()
        if self._coming is None:
            self._coming = asyncio.create_task(_next_of(self._outcomes))
        if wait:
            await asyncio.wait({self._coming})
        else:
            await asyncio.sleep(0)
        if not self._coming.done() or not (wait or self._coming.exception() is None):
            return None
        coming, self._coming = self._coming, None
        outcome = coming.result()
        if outcome is None and wait:
            raise StopAsyncIteration
        return outcome

    async def stop(self) -> None:
        """Read no further. The next call of ``next`` begins anew."""
        reading, self._reading, self._outcomes = self._reading, None, None
        coming, self._coming = self._coming, None
        if coming is not None:
            coming.cancel()
            await asyncio.wait({coming})
            if not coming.cancelled():
                coming.exception()  # looked at
        if reading is not None:
            await reading.__aexit__(None, None, None)


async def _next_of(outcomes: AsyncIterator[Fetched | Failed]) -> Fetched | Failed | None:
    return await anext(outcomes, None)
