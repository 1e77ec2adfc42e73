"""The watch, in an event loop whose time is moved by hand: who ends when, and how many timers that takes."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from imin_accounts.session._watch import Limit, Watch


class ManualLoop(asyncio.SelectorEventLoop):
    """Its time is ``now``; counts the timers that were set."""

    now = 0.0
    timers = 0

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, *args: Any, **options: Any) -> asyncio.TimerHandle:  # type: ignore[override]
        self.timers += 1
        return super().call_at(when, *args, **options)

    def move_to(self, now: float) -> None:
        """Let the time be ``now``, and whatever is due happen."""
        self.now = now
        self.run_until_complete(passes())


async def passes() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
def loop() -> Iterator[ManualLoop]:
    loop = ManualLoop()
    yield loop
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(passes())
    loop.close()


def begin(loop: ManualLoop, watch: Watch, seconds: float) -> "asyncio.Task[float]":
    """A task that waits for ever but for the watch, and then tells the time."""

    async def work() -> float:
        with suppress(TimeoutError), Limit(watch, seconds):
            await loop.create_future()
        return loop.now

    task = loop.create_task(work())
    loop.run_until_complete(passes())
    return task


def test_each_ends_when_it_is_due(loop: ManualLoop) -> None:
    """Whatever the order in which they began, nobody ends early, and nobody late."""
    watch = Watch()
    tasks = [begin(loop, watch, seconds) for seconds in (5.0, 2.0, 9.0, 2.0)]
    for now in (1.0, 2.0, 4.9, 5.0, 8.0, 9.0):
        loop.move_to(now)
    assert [task.result() for task in tasks] == [5.0, 2.0, 9.0, 2.0]
    assert not watch.limits


def test_those_that_end_in_time_share_a_timer(loop: ManualLoop) -> None:
    """Most never time out: they take no timer of the event loop's each."""
    watch = Watch()
    tasks = [begin(loop, watch, 5.0) for _ in range(50)]
    for task in tasks:
        task.cancel()
    loop.move_to(1.0)
    assert (len(watch.limits), loop.timers) == (0, 1)


def test_one_that_begins_after_a_quiet_time_ends(loop: ManualLoop) -> None:
    """A timer that went off for nobody is no reason not to set another."""
    watch = Watch()
    begin(loop, watch, 5.0).cancel()
    loop.move_to(6.0)
    task = begin(loop, watch, 5.0)
    loop.move_to(11.0)
    assert task.result() == 11.0


def test_all_end_at_once(loop: ManualLoop) -> None:
    """However much time they had left."""
    watch = Watch()
    tasks = [begin(loop, watch, seconds) for seconds in (5.0, 30.0)]
    loop.call_soon(watch.end_all)
    loop.move_to(1.0)
    assert [task.result() for task in tasks] == [1.0, 1.0]


def test_one_that_is_stopped_ends_nobody(loop: ManualLoop) -> None:
    """Work that was done in time may go on with something else."""
    watch = Watch()

    async def work() -> str:
        with Limit(watch, 5.0):
            pass
        await loop.create_future()
        return "never"

    task = loop.create_task(work())
    loop.move_to(0.0)
    loop.move_to(6.0)
    assert not task.done()


def test_one_that_is_slow_to_end_holds_up_nobody(loop: ManualLoop) -> None:
    """Work that ended, and still puts things in order when the next is due, is not ended a second time."""
    watch = Watch()

    async def slow() -> None:
        with Limit(watch, 2.0):
            try:
                await loop.create_future()
            finally:
                await loop.create_future()

    slow_one = loop.create_task(slow())
    loop.move_to(0.0)
    other = begin(loop, watch, 5.0)
    loop.move_to(2.0)
    loop.move_to(5.0)
    assert (slow_one.done(), other.result()) == (False, 5.0)


def test_who_was_cancelled_as_well_stays_cancelled(loop: ManualLoop) -> None:
    """Somebody's cancellation is no timeout, even where the time ends in the same pass of the event loop."""
    watch = Watch()
    seen: list[type[BaseException]] = []

    async def work() -> None:
        try:
            with Limit(watch, 5.0):
                await loop.create_future()
        except BaseException as error:
            seen.append(type(error))
            raise

    task = loop.create_task(work())
    loop.move_to(0.0)
    loop.call_soon(task.cancel)
    loop.move_to(5.0)
    assert (seen, task.cancelled()) == ([asyncio.CancelledError], True)


def test_what_ended_leaves_no_cancellation_behind(loop: ManualLoop) -> None:
    """Whoever asks afterwards whether the task was cancelled hears no, be it that the work swallowed it."""
    watch = Watch()

    async def work() -> int:
        with Limit(watch, 5.0), suppress(asyncio.CancelledError):
            await loop.create_future()
        task = asyncio.current_task()
        assert task is not None
        return task.cancelling()

    task = loop.create_task(work())
    loop.move_to(0.0)
    loop.move_to(5.0)
    assert task.result() == 0


def test_limits_nest(loop: ManualLoop) -> None:
    """An outer one that is due with an inner one ends the work too, and each says so of itself."""
    watch = Watch()

    async def work() -> tuple[bool, bool]:
        outer, inner = Limit(watch, 5.0), Limit(watch, 5.0)
        with suppress(TimeoutError), outer:
            with suppress(TimeoutError), inner:
                await loop.create_future()
            await loop.create_future()
        return outer.is_over, inner.is_over

    task = loop.create_task(work())
    loop.move_to(0.0)
    loop.move_to(5.0)
    assert task.result() == (True, True)
