"""What every request of a session passes before it goes out: the hold, a free place, the pace."""

import asyncio
import math
import sys
from collections import deque
from typing import Protocol

from imin_accounts.errors import InvalidRequest, RateLimited
from imin_accounts.session._runtime import Runtime

_MIN, _MAX = sys.float_info.min, sys.float_info.max  # 1 / 5e-324 is infinite, and 10**400 no float


class Limiter(Protocol):
    """What ``rate_limit`` takes besides a number: whatever makes requests wait for their turn."""

    async def acquire(self) -> object:
        """Return when one more request may go out."""
        ...


class Pacer:
    """Lets ``rate`` requests a second through, evenly: at most ``rate + 1`` in any one second.

    One caller at a time sleeps until its turn. A turn that comes late (the event loop was busy) is
    made up by at most half an interval: without that the rate would sag by every sleep's overshoot,
    with more of it a stalled loop would be followed by a burst.
    """

    def __init__(self, rate: float, runtime: Runtime) -> None:
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not _MIN <= rate <= _MAX:
            raise InvalidRequest("rate_limit must be a positive number or have `async acquire()`")
        self._interval = 1.0 / rate
        self._clock = runtime.clock
        self._sleep = runtime.sleep
        self._turn = asyncio.Lock()
        self._due = -math.inf

    async def acquire(self) -> None:
        """Return when one more request may go out; callers are served in order."""
        async with self._turn:
            if (wait := self._due - self._clock()) > 0:
                await self._sleep(wait)
            self._due = max(self._due, self._clock() - self._interval / 2) + self._interval


class Gate:
    """Admits a session's requests one by one.

    Attributes:
        held_until: Nobody is let in before that, on the session's clock.
    """

    def __init__(self, runtime: Runtime, *, places: int, limiter: Limiter | None) -> None:
        if isinstance(places, bool) or not isinstance(places, int) or places < 1:
            raise InvalidRequest("max_connections must be an int of at least 1")
        self._free = places
        self._waiting = deque[asyncio.Future[None]]()
        self._limiter = limiter
        self._clock = runtime.clock
        self._sleep = runtime.sleep
        self.held_until = -math.inf
        self._held_by = 429

    def hold(self, seconds: float, status: int) -> None:
        """Let nobody in for ``seconds``, because imin answered ``status``. Never shortens a hold."""
        until = self._clock() + seconds
        if until > self.held_until:
            self.held_until = until
            self._held_by = status

    def refusal(self, note: str = "the session is held back") -> RateLimited:
        """The error of a caller whom the hold keeps out."""
        wait = max(0.0, self.held_until - self._clock())
        return RateLimited(self._held_by, retry_after=wait, note=note)

    def enter_at_once(self) -> bool:
        """Take a place, without waiting for anything; False where that can't be. ``leave`` gives it back."""
        if self._limiter is not None or not self._free or self.held_until > self._clock():
            return False
        self._free -= 1
        return True

    async def enter(self, deadline: float) -> RateLimited | None:
        """Wait for the hold, a free place and the pace; ``leave`` gives the place back.

        Returns:
            None, or the error of a caller who did not get in: the hold lasts until after ``deadline``.
        """
        entered = False
        while not entered:
            outwaited = await self._outwait_hold(deadline)
            if outwaited is None:
                return self.refusal()
            await self._take_place()
            try:
                if self._limiter is not None:
                    await self._limiter.acquire()
                entered = self.held_until == outwaited
            finally:
                if not entered:
                    self.leave()
        return None

    def leave(self) -> None:
        """Give the place back that ``enter`` took: to whoever has waited longest for one."""
        while self._waiting:
            if not (place := self._waiting.popleft()).done():  # else its task was cancelled
                return place.set_result(None)
        self._free += 1

    async def _take_place(self) -> None:
        if self._free:
            self._free -= 1
            return
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if not place.cancelled():  # it was given to a task that will not use it
                self.leave()
            raise

    async def _outwait_hold(self, deadline: float) -> float | None:
        """Sleep until nobody is held back any more; returns the end of the last hold, or None: too late."""
        outwaited = -math.inf
        while (until := self.held_until) != outwaited:  # it may be extended while we sleep
            if (wait := until - self._clock()) > 0:
                if until > deadline:
                    return None
                await self._sleep(wait)
            outwaited = until
        return outwaited
