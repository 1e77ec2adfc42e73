"""Who is forgotten is not delivered, whenever that was; and whoever is noted afterwards is."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from imin_accounts import RetryPolicy, SnapshotsError
from imin_accounts.fake import Rule, Status
from imin_accounts.feed import ChangeFeed, Claim, SqliteSnapshots
from tests.feed.imin import HeldImin, feeding, impatient, told
from tests.scripted import ManualClock

NEW = ["SellerAdded"]


class Forgetful(SqliteSnapshots):
    """What is claimed is handed over once ``go`` is set; a claim is free again as soon as it is forgotten.

    Attributes:
        is_busy: Whether nothing can be forgotten.
    """

    def __init__(self) -> None:
        super().__init__(":memory:")
        self.claiming, self.go = asyncio.Event(), asyncio.Event()
        self.go.set()
        self.is_busy = False

    async def claim(self, limit: int) -> Sequence[Claim]:
        claims = await super().claim(limit)
        if claims:
            self.claiming.set()
            await self.go.wait()
        return claims

    async def forget(self, customer: str) -> None:
        if self.is_busy:
            raise SnapshotsError("busy")
        await super().forget(customer)
        self._claimed.discard(customer)


async def forget_who_is_being_claimed(feed: ChangeFeed, snapshots: Forgetful) -> asyncio.Task[Any]:
    """Forget somebody while a claim brings them; returns what the feed will have told."""
    await feed.note("abc")
    snapshots.go.clear()
    telling = asyncio.create_task(told(feed))
    await snapshots.claiming.wait()
    await feed.forget("abc")
    return telling


async def test_who_is_just_being_claimed(imin: HeldImin) -> None:
    """What comes of a claim that began before is of no use; a note from after that counts."""
    async with feeding(imin, snapshots := Forgetful()) as feed:
        telling = await forget_who_is_being_claimed(feed, snapshots)
        snapshots.go.set()
        assert await telling == []
        assert imin.reads["abc"] == 0
        await feed.note("abc")
        assert await told(feed) == [("abc", NEW)]


async def test_who_is_noted_by_another_process_meanwhile(imin: HeldImin) -> None:
    """Nobody tells this one: it looks by itself before it says that nobody waits."""
    async with feeding(imin, snapshots := Forgetful()) as feed:
        telling = await forget_who_is_being_claimed(feed, snapshots)
        await snapshots.note(["abc"], urgent=True, baseline=False)
        snapshots.go.set()
        assert await telling == [("abc", NEW)]


async def test_who_is_noted_anew_while_being_read(imin: HeldImin) -> None:
    """They are read once more, after the first read has ended, and told of once."""
    imin.open.clear()
    async with feeding(imin, Forgetful()) as feed:
        await feed.note("abc")
        telling = asyncio.ensure_future(told(feed))
        while not imin.reads:
            await asyncio.sleep(0)
        await feed.forget("abc")
        await feed.note("abc")
        for _ in range(2000):  # a thread has to come in between
            await asyncio.sleep(0)
        assert imin.reads["abc"] == 1
        imin.open.set()
        assert await telling == [("abc", NEW)]
    assert (imin.reads["abc"], imin.most) == (2, 1)


async def test_a_failed_forgetting_forgets_nothing(imin: HeldImin) -> None:
    """Nobody's update is lost by it."""
    async with feeding(imin, snapshots := Forgetful()) as feed:
        await feed.note_all(["abc", "xyz"])
        updates = feed.until_idle()
        first = (await anext(updates)).customer
        [other] = {"abc", "xyz"} - {first}
        snapshots.is_busy = True
        with pytest.raises(SnapshotsError):
            await feed.forget(other)
        assert [each.customer async for each in updates] == [other]


async def test_whoever_waits_to_be_read_again(imin: HeldImin) -> None:
    """Nobody asks imin for them any more, and nobody waits for their pause."""
    imin.fake.faults.add(Rule(Status(500), customer="abc", nth=range(1, 99)))
    clock, retry = ManualClock(), RetryPolicy(attempts=9, base=1000.0, maximum=1000.0)
    async with feeding(imin, runtime=impatient(clock), retry=retry) as feed:
        await feed.note_all(["abc", "xyz"])
        updates = feed.until_idle()
        assert (await anext(updates)).customer == "xyz"
        while not feed._due._again:  # until abc's first read has failed
            await asyncio.sleep(0)
        began = clock.now
        await feed.forget("abc")
        assert [each async for each in updates] == []
    assert (imin.reads["abc"], clock.now - began < 100) == (1, True)
