"""An emulated imin that a test can hold up, and a feed on it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from imin_accounts import AccountsSession, Failed, RetryPolicy
from imin_accounts.fake import FakeImin
from imin_accounts.feed import ChangeFeed, Snapshots, SqliteSnapshots, Update
from imin_accounts.session import Runtime
from imin_accounts.transports import Request, Response
from tests.scripted import ManualClock

SELLER = "https://id.example.com/seller"


class HeldImin:
    """A transport: the emulator, whose replies wait while ``open`` is clear.

    Attributes:
        fake: The emulator, with one seller.
        reads: How often each customer was asked for.
        most: How many requests for one customer were under way at once, at most.
        open: Clear it to keep replies back; what they say was decided before.
    """

    def __init__(self) -> None:
        self.fake = FakeImin(seed=1)
        self.fake.add_seller(SELLER)
        self.reads = Counter[str]()
        self.most = 0
        self.open = asyncio.Event()
        self.open.set()
        self._under_way = Counter[str]()

    def add(self, *customers: str) -> None:
        """Add customers who are not connected."""
        for customer in customers:
            self.fake.add_customer(customer, f"{customer}@example.com", entitlement_filter="token")

    async def send(self, request: Request, *, timeout: float) -> Response:
        customer = request.url.split("/")[-2]
        self.reads[customer] += 1
        self._under_way[customer] += 1
        self.most = max(self.most, self._under_way[customer])
        try:
            response = await self.fake.send(request, timeout=timeout)
            await self.open.wait()
            return response
        finally:
            self._under_way[customer] -= 1


def session(imin: Any) -> AccountsSession:
    """One that tries once."""
    return AccountsSession("test-key", transport=imin, retry=RetryPolicy(attempts=1))


def impatient(clock: ManualClock) -> Runtime:
    """No wait takes any time; ``clock.slept`` has them."""
    return Runtime(clock=clock, sleep=clock.sleep, random=lambda: 0.5)


@asynccontextmanager
async def feeding(
    imin: Any, snapshots: Snapshots | Path | str = ":memory:", **options: Any
) -> AsyncIterator[ChangeFeed]:
    """A feed on an emulated imin, in which no wait takes any time."""
    if isinstance(snapshots, str | Path):
        snapshots = SqliteSnapshots(snapshots)
    options.setdefault("runtime", impatient(ManualClock()))
    async with session(imin) as opened, ChangeFeed(opened, snapshots, **options) as feed:
        yield feed


async def told(feed: ChangeFeed) -> list[tuple[str, list[str]]]:
    """All updates there are: each customer, and the kinds of changes or of the error."""
    return [(each.customer, kinds(each)) async for each in feed.until_idle()]


def kinds(update: Update | Failed) -> list[str]:
    """The names of an update's changes, or of a failure's error."""
    if isinstance(update, Failed):
        return [type(update.error).__name__]
    return [type(change).__name__ for change in update.changes]
