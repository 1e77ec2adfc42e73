"""Ends what takes too long, with one timer of the event loop's for all that is under way."""

import asyncio
import math


def was_cancelled() -> bool:
    """Whether somebody cancelled the running task: a ``CancelledError`` may be somebody else's.

    Such as that of a look-up that several requests wait for.
    """
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


class Watch:
    """Hands out timeouts that share one timer.

    Nearly all of them are over long before they are due. A timer of the event loop's for each would be
    set and cancelled in vain, and sorted among the others: without this class a call over a socket was
    measured to cost 4 % more (1.525 of a bare one instead of 1.465, 64 at once). Its one timer is set for
    the earliest, and when that goes off, for the next.
    """

    def __init__(self) -> None:
        self._ends: dict[asyncio.Timeout, float] = {}  # which of them is due when, on the event loop's clock
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = math.inf

    def start(self, seconds: float) -> asyncio.Timeout:
        """A timeout to enter at once with ``async with``, and to ``stop`` in any case."""
        loop = asyncio.get_running_loop()
        timeout = asyncio.timeout(None)
        self._ends[timeout] = end = loop.time() + seconds
        if end < self._alarm_at:
            self._set_alarm(loop, end)
        return timeout

    def stop(self, timeout: asyncio.Timeout) -> None:
        """Forget ``timeout``."""
        del self._ends[timeout]

    def end_all(self) -> None:
        """End all that are under way; those who wait for them go on in the event loop's next passes."""
        self._end(asyncio.get_running_loop(), math.inf)

    def __len__(self) -> int:
        return len(self._ends)

    def _set_alarm(self, loop: asyncio.AbstractEventLoop, at: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = loop.call_at(at, self._end, loop, at)
        self._alarm_at = at

    def _end(self, loop: asyncio.AbstractEventLoop, up_to: float) -> None:
        """End what is due by ``up_to``, and set the alarm for the rest."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm, self._alarm_at = None, math.inf
        now = loop.time()
        for timeout, end in self._ends.items():
            if end > up_to:
                self._alarm_at = min(self._alarm_at, end)
            elif not timeout.expired():  # asyncio refuses to reschedule one that is
                timeout.reschedule(now)
        if self._alarm_at < math.inf:
            self._set_alarm(loop, self._alarm_at)
