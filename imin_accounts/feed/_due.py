"""Who is read next: those who are claimed, and those who come again, once they have waited."""

import asyncio
import heapq
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from itertools import count

import attrs

from imin_accounts.feed._snapshots import Claim, Snapshots
from imin_accounts.feed._whole import answered, to_its_end
from imin_accounts.session import Runtime


@attrs.define(eq=False)
class Read:
    """A customer who is claimed, from the claim to its end.

    Attributes:
        tries: Reads that have failed.
        is_forgotten: Whether nothing is to come of it any more.
    """

    claim: Claim
    tries: int = 0
    is_forgotten: bool = False


class Due:
    """The customers to read, each once at a time: what ``get_many`` of a session is given.

    Args:
        pause: Seconds to wait before a read of whom was delivered in vain so many times.

    Attributes:
        reads: Everybody who is claimed, by identifier.
        ends: Whether the iteration ends as soon as nobody waits or is claimed.
        error: What ends it at once.
    """

    def __init__(
        self,
        snapshots: Snapshots,
        runtime: Runtime,
        *,
        batch: int,
        poll: float,
        pause: Callable[[int], float],
    ) -> None:
        self._snapshots = snapshots
        self._clock, self._sleep = runtime.clock, runtime.sleep
        self._batch = batch
        self._poll = poll
        self._pause = pause
        self.reads: dict[str, Read] = {}
        self.ends = False
        self.error: Exception | None = None
        self._ready = deque[Read]()
        self._again: list[tuple[float, int, Read]] = []  # a heap, by when they have waited long enough
        self._order = count()
        self._may_be_more = True
        self._forgotten: set[str] | None = None  # during a claim, which may yet bring them
        self._nap: asyncio.Timeout | None = None

    def holds(self, read: Read) -> bool:
        """Whether it has not come to its end yet."""
        return self.reads.get(read.claim.customer) is read

    def look_again(self) -> None:
        """There may be somebody to claim, or an end."""
        self._may_be_more = True
        self._wake()

    def _wake(self) -> None:
        if self._nap is not None and not self._nap.expired():
            self._nap.reschedule(asyncio.get_running_loop().time())

    def put_off(self, read: Read, seconds: float) -> None:
        """Read somebody once more, after so many seconds."""
        heapq.heappush(self._again, (self._clock() + seconds, next(self._order), read))
        self._wake()

    def forget(self, customer: str) -> Read | None:
        """Let nothing come of a customer who is claimed, or is just being so. Returns who only pauses."""
        if self._forgotten is not None:
            self._forgotten.add(customer)
        read = self.reads.get(customer)
        if read is None:
            return None
        read.is_forgotten = True
        for place, (_, _, each) in enumerate(self._again):
            if each is read:
                del self._again[place]
                heapq.heapify(self._again)
                return read
        return None

    def end(self, claims: Iterable[Claim]) -> None:
        """These are given back; who was claimed anew meanwhile is not meant."""
        for claim in claims:
            if (read := self.reads.get(claim.customer)) is not None and read.claim is claim:
                del self.reads[claim.customer]
        self.look_again()

    def clear(self) -> list[Claim]:
        """Forget everybody; returns what was claimed."""
        claims = [read.claim for read in self.reads.values()]
        self.reads.clear()
        self._ready.clear()
        self._again.clear()
        self._may_be_more = True
        self.error = None
        return claims

    async def customers(self) -> AsyncIterator[str]:
        """Everybody to read, in turn."""
        while self.error is None:
            while self._again and self._again[0][0] <= self._clock():
                self._ready.append(heapq.heappop(self._again)[-1])
            if self._ready:
                yield self._ready.popleft().claim.customer
            elif self._may_be_more and self._failing() < 4 * self._batch:
                self._may_be_more = False
                await to_its_end(self._claim())
            elif self.ends and not self.reads and not self._may_be_more:
                return
            else:
                await self._rest()
        raise self.error

    def _failing(self) -> int:
        return sum(read.tries > 0 for _, _, read in self._again)

    async def _claim(self) -> None:
        self._forgotten = forgotten = set[str]()
        try:
            claims = await answered(self._snapshots.claim(self._batch))
        finally:
            self._forgotten = None
        back = []
        for claim in claims:
            # Forgotten since, or claimed before that and still being read: whatever was noted waits again.
            # Nor is it of use to have more and more of those who only pause.
            if (
                claim.customer in forgotten
                or claim.customer in self.reads
                or (claim.deliveries and len(self._again) >= 4 * self._batch)
            ):
                back.append(claim)
                continue
            read = self.reads[claim.customer] = Read(claim)
            if claim.deliveries:
                self.put_off(read, self._pause(claim.deliveries))
            else:
                self._ready.append(read)
        if len(back) < len(claims) or not forgotten.isdisjoint(each.customer for each in back):
            self._may_be_more = True
        if back:
            await answered(self._snapshots.release(back))

    async def _rest(self) -> None:
        """Until somebody has waited long enough, ``look_again`` is called, or it is time to look anyway."""
        seconds = self._poll
        if self._again:
            seconds = min(seconds, max(0.0, self._again[0][0] - self._clock()))
        self._nap = nap = asyncio.timeout(None)
        try:
            async with nap:
                await self._sleep(seconds)
        except TimeoutError:
            if not nap.expired():
                raise
        finally:
            self._nap = None
        self._may_be_more = True
