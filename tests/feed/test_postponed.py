"""An update whose body raised comes again after a pause that doubles, behind everybody else."""

from itertools import pairwise
from pathlib import Path

import pytest

from imin_accounts import RetryPolicy, SnapshotsError
from imin_accounts.feed import ChangeFeed, SqliteSnapshots
from tests.feed.imin import SELLER, HeldImin, feeding, impatient, kinds, told
from tests.scripted import ManualClock

NEW, LINKED = ["SellerAdded"], ["AccountConnected"]


@pytest.fixture
def imin() -> HeldImin:
    """With a customer whose updates nobody can be done with, and two others."""
    held = HeldImin()
    held.add("bad", "good", "late")
    return held


async def consume(feed: ChangeFeed, seen: list[str]) -> None:
    """One iteration of a consumer that raises for whoever is called bad."""
    async for update in feed.until_idle():
        seen.append(update.customer)
        if update.customer.startswith("bad"):
            raise ValueError("body")


def gaps(times: list[float]) -> list[float]:
    return [after - before for before, after in pairwise(times)]


async def raises(feed: ChangeFeed, seen: list[str]) -> None:
    with pytest.raises(ValueError, match="body"):
        await consume(feed, seen)


@pytest.mark.parametrize("concurrency", [1, 64])
async def test_others_are_told_of_meanwhile(concurrency: int, imin: HeldImin) -> None:
    """Those who waited, and those who were noted later, urgently or not."""
    seen: list[str] = []
    async with feeding(imin, concurrency=concurrency) as feed:
        await feed.note("bad")
        await feed.note_all(["good"])
        await raises(feed, seen)
        await raises(feed, seen)
        assert seen == ["bad", "good", "bad"]
        await feed.note_all(["late"])
        await raises(feed, seen)
    assert seen == ["bad", "good", "bad", "late", "bad"]


async def test_the_pause_doubles(imin: HeldImin) -> None:
    """By the feed's own policy, with jitter, which here is a half of each bound."""
    clock, times = ManualClock(), list[float]()
    async with feeding(imin, runtime=impatient(clock)) as feed:
        await feed.note("bad")
        for _ in range(9):
            await raises(feed, [])
            times.append(clock.now)
    for pause, least in zip(gaps(times), [0.5, 1, 2, 4, 8, 16, 30, 30], strict=True):
        assert pause >= least - 1e-9


async def test_the_pause_has_a_maximum(imin: HeldImin) -> None:
    """The policy's: after a hundred times nobody waits for years."""
    clock, retry = ManualClock(), RetryPolicy(base=1, maximum=2)
    async with feeding(imin, runtime=impatient(clock), retry=retry) as feed:
        await feed.note("bad")
        for _ in range(100):
            await raises(feed, [])
    assert clock.now < 1_000_000


async def test_after_a_restart_too(imin: HeldImin, tmp_path: Path) -> None:
    """Whoever fails in each process is behind the others in each, and pauses for longer each time."""
    seen: list[str] = []
    pauses: list[float] = []
    for _ in range(5):
        clock = ManualClock()
        async with feeding(imin, tmp_path / "a.db", runtime=impatient(clock)) as feed:
            await feed.note("bad")
            await feed.note_all(["good", "late"])
            await raises(feed, seen)
            pauses.append(clock.now - 1000)
    assert (seen[0], sorted(seen[1:3]), seen[3:]) == ("bad", ["good", "late"], ["bad"] * 4)
    for pause, least in zip(pauses, [0, 0.5, 1, 2, 4], strict=True):
        assert pause >= least - 1e-9


async def test_many_who_pause_hold_up_nobody(imin: HeldImin) -> None:
    """However many more they are than are read at once."""
    many = [f"bad{number}" for number in range(20)]
    imin.add(*many)
    seen: list[str] = []
    async with feeding(imin, concurrency=1) as feed:
        await feed.note_all(many)
        for _ in many:
            await raises(feed, seen)
        await feed.note_all(["good"])
        await raises(feed, seen)
    assert seen[:20] == many
    assert seen[20] == "good"


async def test_one_customers_order_stays(imin: HeldImin) -> None:
    """First what was to be delivered, as it was read; then what has changed since."""
    async with feeding(imin) as feed:
        await feed.note("bad")
        await raises(feed, [])
        imin.fake.connect("bad", SELLER)
        await feed.note("bad")
        assert await told(feed) == [("bad", NEW), ("bad", LINKED)]


async def test_what_is_finished_begins_anew() -> None:
    """Further notes don't shorten the pause; a body that is done ends it, though the customer waits again."""
    async with SqliteSnapshots(":memory:") as snapshots:
        counts = []
        await snapshots.note(["bad"], urgent=True, baseline=False)
        for step in (snapshots.postpone, snapshots.postpone, snapshots.release):
            claims = await snapshots.claim(1)
            await step(claims)
            await snapshots.note(["bad"], urgent=True, baseline=False)
            counts.append(claims[0].deliveries)
        (claim,) = await snapshots.claim(1)
        await snapshots.note(["bad"], urgent=True, baseline=False)
        await snapshots.finish([(claim, None)])
        counts += [claim.deliveries, *(each.deliveries for each in await snapshots.claim(1))]
    assert counts == [0, 1, 2, 2, 0]


async def test_a_failure_whose_body_raises(imin: HeldImin) -> None:
    """It is told again, as an update is."""
    seen: list[str] = []
    async with feeding(imin) as feed:
        await feed.note_all(["bad-unknown", "good"])
        await raises(feed, seen)
        assert await told(feed) == [("good", NEW), ("bad-unknown", ["NotFound"])]
        assert await told(feed) == []


async def test_whoever_pauses_can_be_forgotten(imin: HeldImin) -> None:
    """Nothing is told of them any more."""
    async with feeding(imin) as feed:
        await feed.note_all(["bad", "good"])
        await raises(feed, [])
        await feed.forget("bad")
        assert await told(feed) == [("good", NEW)]


async def test_a_full_disk_acknowledges_nothing(imin: HeldImin, tmp_path: Path) -> None:
    """Where the pause can't be committed the iteration says so; the update still comes again."""

    class Full(SqliteSnapshots):
        is_full = True

        async def postpone(self, *_: object) -> None:
            if self.is_full:
                raise SnapshotsError("full")

    async with feeding(imin, snapshots := Full(tmp_path / "a.db")) as feed:
        await feed.note("bad")
        await raises(feed, [])
        updates = feed.until_idle()
        for _ in range(2):
            with pytest.raises(SnapshotsError):
                await anext(updates)
    async with feeding(imin, snapshots) as feed:
        assert [kinds(each) async for each in feed.until_idle()] == [NEW]
