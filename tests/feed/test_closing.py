"""A feed that is closed while somebody waits for it, and one in another process or event loop."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from imin_accounts import Failed, SessionStateError, SnapshotsError
from imin_accounts.feed import ChangeFeed, Claim, SqliteSnapshots, Update
from tests.feed.imin import HeldImin, feeding, session, told
from tests.paths import ROOT


@pytest.fixture
def imin() -> HeldImin:
    held = HeldImin()
    held.add("abc")
    return held


@pytest.mark.parametrize("updates", [aiter, ChangeFeed.until_idle], ids=["endless", "until idle"])
@pytest.mark.parametrize("turns", [*range(12), 1000])
async def test_closed_under_a_waiting_consumer(
    updates: Callable[[ChangeFeed], AsyncIterator[Update | Failed]],
    turns: int,
    imin: HeldImin,
    tmp_path: Path,
) -> None:
    """However far it has come: it learns that the feed is closed, and what it noted is told by the next."""
    imin.open.clear()
    async with feeding(imin, tmp_path / "accounts.db") as feed:
        await feed.note("abc")
        consumer = asyncio.ensure_future(anext(updates(feed)))
        for _ in range(turns):
            await asyncio.sleep(0)
    with pytest.raises(SessionStateError):
        await consumer
    imin.open.set()
    async with feeding(imin, tmp_path / "accounts.db") as feed:
        assert await told(feed) == [("abc", ["SellerAdded"])]


class SlowToKeep(SqliteSnapshots):
    """Keeps a reply only once ``go`` is set; ``did`` tells what came after what."""

    def __init__(self) -> None:
        super().__init__(":memory:")
        self.begun, self.go = asyncio.Event(), asyncio.Event()
        self.did: list[str] = []

    async def keep(self, read: Sequence[tuple[Claim, bytes]]) -> None:
        self.begun.set()
        await self.go.wait()
        await super().keep(read)
        self.did.append("kept")

    async def release(self, claims: Sequence[Claim]) -> None:
        await super().release(claims)
        self.did.append("released")


@pytest.mark.parametrize("earlier", [[], ["xyz"]], ids=["the first step", "a later one"])
async def test_what_is_being_kept_is_kept_before_the_feed_closes(earlier: list[str], imin: HeldImin) -> None:
    """Closing waits for the step that it ends: the customer is given back once nothing is done for them."""
    imin.add(*earlier)
    snapshots = SlowToKeep()
    async with session(imin) as opened:
        feed = ChangeFeed(opened, snapshots)
        await feed.__aenter__()
        updates = aiter(feed)
        for customer in earlier:
            snapshots.go.set()
            await feed.note(customer)
            await anext(updates)
            snapshots.go.clear()
            snapshots.begun.clear()
        await feed.note("abc")
        consumer = asyncio.ensure_future(anext(updates))
        await snapshots.begun.wait()
        closing = asyncio.ensure_future(feed.__aexit__(None, None, None))
        for _ in range(3000):  # a thread has to come in between
            await asyncio.sleep(0)
        snapshots.go.set()
        await closing
    with pytest.raises(SessionStateError, match="closed"):
        await consumer
    assert snapshots.did == ["kept"] * (len(earlier) + 1) + ["released"]


async def test_closed_under_an_idle_consumer(imin: HeldImin) -> None:
    """Whose task outlives the feed's block: it gets an error of ours."""
    seen = []

    async def consume(feed: ChangeFeed) -> None:
        async for update in feed:
            seen.append(update)

    async with feeding(imin) as feed:
        consumer = asyncio.create_task(consume(feed))
        await feed.note("abc")
        while not seen:
            await asyncio.sleep(0)
    with pytest.raises(SessionStateError, match="closed"):
        await consumer


async def test_cancelled_and_closed_at_once(imin: HeldImin) -> None:
    """Who cancels the consumer sees that it is cancelled."""
    async with feeding(imin) as feed:
        consumer = asyncio.ensure_future(anext(aiter(feed)))
        await asyncio.sleep(0)
        consumer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await consumer


async def test_a_feed_that_could_not_be_opened(imin: HeldImin, tmp_path: Path) -> None:
    """Since its snapshots could not: it is not open, and says so."""
    feed = ChangeFeed(session(imin), SqliteSnapshots(tmp_path / "no such folder" / "accounts.db"))
    with pytest.raises(SnapshotsError):
        await feed.__aenter__()
    with pytest.raises(SessionStateError, match="not open"):
        await feed.note("abc")


def test_another_event_loop(imin: HeldImin) -> None:
    """A feed is its event loop's, as a session is."""
    first, second = asyncio.new_event_loop(), asyncio.new_event_loop()
    feed = ChangeFeed(session(imin), SqliteSnapshots(":memory:"))
    first.run_until_complete(feed.__aenter__())
    with pytest.raises(SessionStateError, match="another event loop's"):
        second.run_until_complete(feed.note("abc"))
    first.run_until_complete(feed.__aexit__(None, None, None))
    first.close()
    second.close()


FORKED = """
import asyncio, faulthandler, os, sys
from imin_accounts import SnapshotsError, SessionStateError
from imin_accounts.feed import ChangeFeed, SqliteSnapshots
from tests.feed.imin import HeldImin, session

async def in_child(feed, snapshots):
    calls = feed.note("abc"), feed.note_all(["abc"]), feed.forget("abc"), feed.snapshot("abc")
    for call in (*calls, anext(aiter(feed)), snapshots.load("abc")):
        try:
            print("returned", await call)
        except (SessionStateError, SnapshotsError) as error:
            print(type(error).__name__)
    await feed.__aexit__(None, None, None)

async def main():
    snapshots = SqliteSnapshots(sys.argv[1])
    async with session(HeldImin()) as opened, ChangeFeed(opened, snapshots) as feed:
        await feed.note("abc")
        child = os.fork()
        if not child:
            faulthandler.dump_traceback_later(20, exit=True)
            if sys.argv[2] == "new":
                asyncio._set_running_loop(None)
                asyncio.new_event_loop().run_until_complete(in_child(feed, snapshots))
            else:
                await in_child(feed, snapshots)
            sys.stdout.flush()
            os._exit(0)
        os.waitpid(child, 0)
        await feed.note("xyz")
        print("parent", len(await snapshots.claim(9)))
asyncio.run(main())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("loop", ["new", "the same"])
def test_a_forked_child(loop: str, tmp_path: Path) -> None:
    """Every call is refused at once, none hangs; the parent goes on."""
    ran = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKED, tmp_path / "accounts.db", loop],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    refused = ["SessionStateError"] * 5 + ["SnapshotsError"]
    assert (ran.stdout.split("\n")[:-1], ran.stderr) == ([*refused, "parent 2"], "")
