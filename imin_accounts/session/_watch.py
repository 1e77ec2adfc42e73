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
    """What is under way, each with its time; one timer is set for the earliest, and then for the next.

    Nearly all of them are over long before they are due. A timer of the event loop's for each would be
    set and cancelled in vain, and sorted among the others: without this class a call over a socket was
    measured to cost 4 % more (1.525 of a bare one instead of 1.465, 64 at once).

    Attributes:
        limits: Those under way.
        alarm_at: When the timer goes off, on the event loop's clock.
    """

    def __init__(self) -> None:
        self.limits = set[Limit]()
        self._alarm: asyncio.TimerHandle | None = None
        self.alarm_at = math.inf

    def end_all(self) -> None:
        """End all that are under way; those who wait for them go on in the event loop's next passes."""
        self._end(asyncio.get_running_loop(), math.inf)

    def set_alarm(self, loop: asyncio.AbstractEventLoop, at: float) -> None:
        """Look at ``at`` who is due."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = loop.call_at(at, self._end, loop, at)
        self.alarm_at = at

    def _end(self, loop: asyncio.AbstractEventLoop, up_to: float) -> None:
        """End what is due by ``up_to``, and set the alarm for the rest."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm, self.alarm_at = None, math.inf
        for limit in self.limits:
            if limit.due <= up_to:
                limit.end()
            else:
                self.alarm_at = min(self.alarm_at, limit.due)
        if self.alarm_at < math.inf:
            self.set_alarm(loop, self.alarm_at)


class Limit:
    """Ends the work inside ``with`` after ``seconds`` by a ``TimeoutError``, as ``asyncio.timeout`` does.

    That one takes 12,000 instructions more, a thirtieth of a bare request: to enter and to leave it takes a
    coroutine each.

    Attributes:
        due: On the event loop's clock.
        is_over: The work was ended.
    """

    __slots__ = ("_cancelling", "_task", "_watch", "due", "is_over")

    def __init__(self, watch: Watch, seconds: float) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._watch = watch
        self._cancelling = task.cancelling()
        self.due = task.get_loop().time() + seconds
        self.is_over = False

    def __enter__(self) -> None:
        self._watch.limits.add(self)
        if self.due < self._watch.alarm_at:
            self._watch.set_alarm(self._task.get_loop(), self.due)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._watch.limits.discard(self)
        # Others may have cancelled the task as well: then it is theirs.
        is_ours = self.is_over and self._task.uncancel() <= self._cancelling
        if is_ours and kind is not None and issubclass(kind, asyncio.CancelledError):
            raise TimeoutError

    def end(self) -> None:
        """Cancel the work, once."""
        if not self.is_over:
            self.is_over = True
            self._task.cancel()
