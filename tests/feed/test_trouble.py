"""What a feed does where the place that keeps its snapshots fails, or where a session checks nothing."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import attrs
import pytest

from imin_accounts import AccountsSession, InvalidRequest, SnapshotsError
from imin_accounts.fake import FakeImin
from imin_accounts.feed import ChangeFeed, Claim, SqliteSnapshots
from imin_accounts.transports import Request, Response
from tests.feed.imin import SELLER, HeldImin, feeding, impatient, session, told
from tests.scripted import ManualClock

NEW = ["SellerAdded"]


@pytest.fixture
def imin() -> HeldImin:
    """With two customers, of whom nobody is connected."""
    held = HeldImin()
    held.add("abc", "xyz")
    return held


class Troubled(SqliteSnapshots):
    """Raises ``trouble`` where something is to be finished, or ``hiccup`` where somebody is to be claimed."""

    trouble: Exception | None = None
    hiccup: Exception | None = None

    def __init__(self) -> None:
        super().__init__(":memory:")
        self.may_finish = asyncio.Event()
        self.may_finish.set()
        self.finished: list[int] = []

    async def claim(self, limit: int) -> Sequence[Claim]:
        if self.hiccup is not None:
            raise self.hiccup
        return await super().claim(limit)

    async def finish(self, done: Sequence[tuple[Claim, bytes | None]]) -> None:
        await self.may_finish.wait()
        if self.trouble is not None:
            raise self.trouble
        await super().finish(done)
        self.finished.append(len(done))


async def test_an_update_that_could_not_be_finished_comes_again(imin: HeldImin) -> None:
    """Its consumer learns it before anything else is delivered, and gets it once more after that."""
    async with feeding(imin, snapshots := Troubled(), concurrency=1) as feed:
        await feed.note_all(["abc", "xyz"])
        updates = feed.until_idle()
        assert (await anext(updates)).customer == "abc"
        snapshots.trouble = SnapshotsError("full")
        with pytest.raises(SnapshotsError, match="room"):
            await anext(updates)
        snapshots.trouble = None
        assert sorted(await told(feed)) == [("abc", NEW), ("xyz", NEW)]
        assert await told(feed) == []


async def test_what_has_not_changed_must_be_finished_too(imin: HeldImin) -> None:
    """Nothing is delivered of it; the iteration ends with the error, and then goes on."""
    async with feeding(imin, snapshots := Troubled()) as feed:
        await feed.note("abc")
        await told(feed)
        await feed.note("abc")
        snapshots.trouble = SnapshotsError("full")
        with pytest.raises(SnapshotsError):
            await told(feed)
        snapshots.trouble = None
        imin.fake.connect("abc", SELLER)
        assert await told(feed) == [("abc", ["AccountConnected"])]


async def test_a_timeout_of_the_snapshots_is_theirs(imin: HeldImin) -> None:
    """It is not taken for the feed's closing."""
    async with feeding(imin, snapshots := Troubled()) as feed:
        await feed.note("abc")
        snapshots.hiccup = TimeoutError("the database")
        with pytest.raises(TimeoutError, match="the database"):
            await told(feed)
        snapshots.hiccup = None
        assert await told(feed) == [("abc", NEW)]


async def test_who_is_forgotten_before_their_turn_is_not_told_of(imin: HeldImin) -> None:
    """Though their reply is there already, and kept."""
    async with feeding(imin) as feed:
        await feed.note_all(["abc", "xyz"])
        updates = feed.until_idle()
        first = (await anext(updates)).customer
        [other] = {"abc", "xyz"} - {first}
        assert dict(imin.reads) == {"abc": 1, "xyz": 1}
        await feed.forget(other)
        assert [each async for each in updates] == []
        assert await feed.snapshot(other) is None


async def test_slow_finishing_holds_up_reading(imin: HeldImin) -> None:
    """What is read and not finished is bounded, however many have not changed; leaving waits for it."""
    everybody = [f"c{n}" for n in range(40)]
    imin.add(*everybody)
    async with feeding(imin, snapshots := Troubled(), concurrency=2) as feed:
        await feed.note_all(everybody, baseline=True)
        snapshots.may_finish.clear()
        telling = asyncio.ensure_future(told(feed))
        for _ in range(5000):  # a thread has to come in between
            await asyncio.sleep(0)
        read = len(imin.reads)
        snapshots.may_finish.set()
        assert await telling == []
    assert (read < 20, sum(snapshots.finished)) == (True, 40)


class SomebodyElses:
    """An imin that answers with another customer's accounts once ``is_wrong`` is set."""

    def __init__(self, fake: FakeImin) -> None:
        self._fake = fake
        self.is_wrong = False

    async def send(self, request: Request, *, timeout: float) -> Response:
        url = request.url.replace("abc", "xyz") if self.is_wrong else request.url
        return await self._fake.send(attrs.evolve(request, url=url), timeout=timeout)


async def test_somebody_elses_accounts_are_compared_with_nothing(imin: HeldImin) -> None:
    """A session may be told not to look whose they are: a feed looks."""
    transport = SomebodyElses(imin.fake)
    async with (
        AccountsSession("test-key", transport=transport, verify_customer=False) as opened,
        ChangeFeed(opened, SqliteSnapshots(":memory:"), runtime=impatient(ManualClock())) as feed,
    ):
        await feed.note("abc")
        assert await told(feed) == [("abc", NEW)]
        transport.is_wrong = True
        await feed.note("abc")
        assert await told(feed) == [("abc", ["WrongCustomer"])]


class Plain:
    """An asynchronous iterator that has no ``aclose``."""

    def __init__(self, *customers: str) -> None:
        self._left = list(customers)

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop(0)


@pytest.mark.parametrize("customers", [[], ["abc"]])
async def test_customers_from_an_iterator_that_closes_nothing(customers: list[str], imin: HeldImin) -> None:
    """Any asynchronous iterator will do, an empty one too."""
    async with feeding(imin) as feed:
        await feed.note_all(Plain(*customers))
        assert await told(feed) == [(each, NEW) for each in customers]


@pytest.mark.parametrize(
    ("opened", "snapshots"), [(5, SqliteSnapshots(":memory:")), (session(FakeImin()), ":memory:")]
)
def test_what_is_no_session_and_what_are_no_snapshots(opened: Any, snapshots: Any) -> None:
    """They are refused when the feed is made."""
    with pytest.raises(InvalidRequest, match="must be"):
        ChangeFeed(opened, snapshots)
