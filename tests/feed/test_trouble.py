"""What a feed does where the place that keeps its snapshots fails, or where a session checks nothing."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import attrs
import pytest

from imin_accounts import (
    AccountsSession,
    InvalidRequest,
    RetryPolicy,
    SessionStateError,
    SnapshotsError,
)
from imin_accounts.fake import FakeImin, Rule, Status
from imin_accounts.feed import ChangeFeed, Claim, SqliteSnapshots
from imin_accounts.transports import Request, Response
from tests.feed.imin import SELLER, HeldImin, feeding, impatient, session, told
from tests.scripted import ManualClock

NEW = ["SellerAdded"]


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


async def test_what_can_not_be_finished_is_told_at_once(imin: HeldImin) -> None:
    """Though nothing else happens, and the next look for notes is far away."""
    async with (
        AccountsSession("test-key", transport=imin) as opened,
        ChangeFeed(opened, snapshots := Troubled(), poll=600.0) as feed,
    ):
        await feed.note_all(["abc"], baseline=True)
        snapshots.trouble = SnapshotsError("full")
        async with asyncio.timeout(20):
            with pytest.raises(SnapshotsError):
                await told(feed)


async def test_who_is_to_be_read_again_soon_is_not_kept_waiting(imin: HeldImin) -> None:
    """Though the feed had begun to wait, until the next look for notes, when the read failed."""
    imin.fake.faults.add(Rule(Status(500), nth=1))
    imin.open.clear()
    soon = RetryPolicy(attempts=2, base=0.01, maximum=0.01)
    async with (
        session(imin) as opened,
        ChangeFeed(opened, SqliteSnapshots(":memory:"), poll=600.0, retry=soon) as feed,
    ):
        await feed.note("abc")
        reading = asyncio.ensure_future(told(feed))
        for _ in range(2000):  # a thread has to come in between
            await asyncio.sleep(0)
        imin.open.set()
        async with asyncio.timeout(20):
            assert await reading == [("abc", NEW)]


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


METHODS = ("claim", "keep", "finish", "note", "load", "forget")


class Raising(SqliteSnapshots):
    """Its subclasses raise something once, where ``is_on`` is set."""

    is_on = False


def raising(method: str, error: BaseException, *, after: bool) -> Raising:
    """Snapshots one of whose methods raises, after it has done its work or before."""

    async def raise_once(self: Raising, *args: Any, **options: Any) -> Any:
        is_on, self.is_on = self.is_on, False
        result = None if is_on and not after else await getattr(super(made, self), method)(*args, **options)
        if is_on:
            raise error
        return result

    made: type[Raising] = type("Made", (Raising,), {method: raise_once})
    return made(":memory:")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("error", [asyncio.CancelledError(), StopAsyncIteration()], ids=repr)
@pytest.mark.parametrize("method", METHODS)
async def test_what_would_end_a_task_or_an_iteration_is_an_error(
    method: str, error: BaseException, after: bool, imin: HeldImin
) -> None:
    """Snapshots of somebody's own may raise it though nobody cancelled, and nothing has ended."""

    async def use(feed: ChangeFeed) -> None:
        await feed.snapshot("abc")
        await feed.note("xyz")
        await told(feed)
        await feed.forget("abc")

    async with feeding(imin, snapshots := raising(method, error, after=after)) as feed:
        await feed.note("abc")
        snapshots.is_on = True
        with pytest.raises(SnapshotsError, match=type(error).__name__):
            await use(feed)
        if not (method == "claim" and after):  # the claim is held for good, as far as these snapshots know
            await feed.note_all(["abc", "xyz"])
            assert {customer for customer, _ in await told(feed)} <= {"abc", "xyz"}
            assert await feed.snapshot("xyz") is not None


async def test_a_feed_that_can_not_put_back_what_it_has_is_closed_all_the_same(imin: HeldImin) -> None:
    """Whatever its snapshots raise: nothing goes on in the background, and others can have the customers."""

    class Unable(SqliteSnapshots):
        released = 0

        async def postpone(self, claims: Sequence[Claim]) -> None:
            raise ZeroDivisionError

        async def release(self, claims: Sequence[Claim]) -> None:
            await super().release(claims)
            self.released += len(claims)

    before, snapshots = asyncio.all_tasks(), Unable(":memory:")
    async with session(imin) as opened:
        feed = await ChangeFeed(opened, snapshots).__aenter__()
        await feed.note_all(["abc", "xyz"])
        await anext(feed.until_idle())
        with pytest.raises(ZeroDivisionError):
            await feed.__aexit__(None, None, None)
    assert (asyncio.all_tasks(), snapshots.released) == (before, 2)


async def test_few_of_those_who_pause_are_held(imin: HeldImin) -> None:
    """However many could not be worked on: what is kept of them is not all in memory at once."""
    everybody = [f"c{n}" for n in range(60)]
    imin.add(*everybody)

    class Counting(SqliteSnapshots):
        most = 0

        async def claim(self, limit: int) -> Sequence[Claim]:
            claims = await super().claim(limit)
            self.most = max(self.most, len(self._claimed))
            return claims

    async with feeding(imin, snapshots := Counting(":memory:"), concurrency=2) as feed:
        await feed.note_all(everybody)
        for _ in everybody:
            async for _update in feed.until_idle():
                break
        assert sorted(await told(feed)) == [(each, NEW) for each in sorted(everybody)]
        assert snapshots.most < 20


async def test_a_closing_session_ends_the_feed(imin: HeldImin) -> None:
    """At once, though it waits for the next note."""
    async with (
        AccountsSession("test-key", transport=imin) as opened,
        ChangeFeed(opened, SqliteSnapshots(":memory:"), poll=600.0) as feed,
    ):
        waiting = asyncio.ensure_future(anext(aiter(feed)))
        for _ in range(2000):  # a thread has to come in between
            await asyncio.sleep(0)
        await opened.aclose()
        async with asyncio.timeout(20):
            with pytest.raises(SessionStateError, match="closed"):
                await waiting


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
