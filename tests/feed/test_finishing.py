"""What is done with is committed once, in order, together with what else waits."""

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest

from imin_accounts import SnapshotsError
from imin_accounts.feed._due import Due, Read
from imin_accounts.feed._finishing import Finisher
from imin_accounts.feed._snapshots import Claim, Snapshots
from imin_accounts.session import Runtime


class Slow:
    """Snapshots that finish once they ``may``, and keep what they were told in ``commits``."""

    def __init__(self) -> None:
        self.may = asyncio.Event()
        self.commits: list[str] = []
        self.trouble: Exception | None = None

    async def finish(self, done: Sequence[tuple[Claim, bytes | None]]) -> None:
        await self._commit("finish", [claim for claim, _ in done])

    async def release(self, claims: Sequence[Claim]) -> None:
        await self._commit("release", claims)

    async def _commit(self, what: str, claims: Sequence[Claim]) -> None:
        await self.may.wait()
        if self.trouble is not None:
            raise self.trouble
        self.commits.append(f"{what} {''.join(claim.customer for claim in claims)}")


class Desk:
    """A finisher with the reads of some customers, each named by a letter."""

    def __init__(self, customers: str) -> None:
        self.snapshots = Slow()
        kept = cast(Snapshots, self.snapshots)  # of which a finisher needs no more
        self.due = Due(kept, Runtime(), batch=64, poll=1.0, pause=lambda times: 0.0)
        self.due.reads.update((each, Read(Claim(each, 1))) for each in customers)
        self.finisher = Finisher(kept, self.due)

    def finish(self, customer: str) -> None:
        """Nothing more is to come of them."""
        self.finisher.finish(self.due.reads[customer], b"{}")


@pytest.fixture
def desk() -> Desk:
    """With reads of a to d."""
    return Desk("abcd")


async def test_what_waits_meanwhile_is_committed_at_once(desk: Desk) -> None:
    """One commit goes after the other, and those who were forgotten go first."""
    desk.finish("a")
    await asyncio.sleep(0)
    desk.finish("b")
    desk.finish("c")
    desk.finisher.give_back(desk.due.reads["d"])
    assert (desk.finisher.waiting, [*desk.due.reads]) == (2, ["a", "b", "c", "d"])
    desk.snapshots.may.set()
    await desk.finisher.has_committed()
    assert desk.snapshots.commits == ["finish a", "release d", "finish bc"]
    assert (desk.finisher.waiting, desk.due.reads) == (0, {})


async def test_who_does_not_wait_any_longer_ends_no_commit(desk: Desk) -> None:
    """It goes on, and another one may wait for it."""
    desk.finish("a")
    waiting = asyncio.ensure_future(desk.finisher.has_committed())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    desk.snapshots.may.set()
    await desk.finisher.has_committed()
    assert desk.snapshots.commits == ["finish a"]


async def test_what_goes_wrong_ends_the_reading(desk: Desk) -> None:
    """Nobody was finished, and what was left out is not committed with what comes later."""
    desk.snapshots.trouble = trouble = SnapshotsError("full")
    desk.finish("a")
    await asyncio.sleep(0)
    desk.finish("b")
    desk.finisher.give_back(desk.due.reads["c"])
    desk.snapshots.may.set()
    await desk.finisher.has_committed()
    assert (desk.due.error, [*desk.due.reads]) == (trouble, ["a", "b", "c", "d"])
    desk.finisher.clear()
    desk.snapshots.trouble = None
    desk.finish("d")
    await desk.finisher.has_committed()
    assert desk.snapshots.commits == ["finish d"]
