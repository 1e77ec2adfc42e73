"""The gate: holds, places and pace, on a clock that only sleeping moves."""

import asyncio

import pytest

from imin_accounts.errors import InvalidRequest, RateLimited
from imin_accounts.session import Runtime
from imin_accounts.session._gate import Gate, Limiter, Pacer
from tests.scripted import ManualClock, runtime


def make_gate(clock: ManualClock, *, places: int = 10, limiter: Limiter | None = None) -> Gate:
    return Gate(runtime(clock), places=places, limiter=limiter)


async def test_open_gate_makes_nobody_wait() -> None:
    """Without hold, limiter or queue a request goes straight through."""
    clock = ManualClock()
    await make_gate(clock).enter(clock.now + 1)
    assert clock.slept == []


async def test_hold_keeps_everybody_back() -> None:
    """Who arrives during a hold waits for its end, once."""
    clock = ManualClock()
    gate = make_gate(clock)
    gate.hold(7.0, 429)
    await gate.enter(clock.now + 30)
    assert clock.slept == [7.0]


async def test_shorter_hold_never_reopens() -> None:
    """A later, shorter hold does not shorten the one in force."""
    clock = ManualClock()
    gate = make_gate(clock)
    gate.hold(7.0, 429)
    gate.hold(1.0, 429)
    await gate.enter(clock.now + 30)
    assert clock.now == 1007.0


async def test_hold_extended_while_waiting() -> None:
    """Who wakes up into a longer hold goes on waiting."""
    clock = ManualClock()

    async def sleep(seconds: float) -> None:
        await clock.sleep(seconds)
        if len(clock.slept) == 1:
            gate.hold(3.0, 429)

    gate = Gate(Runtime(clock=clock, sleep=sleep), places=1, limiter=None)
    gate.hold(7.0, 429)
    await gate.enter(clock.now + 30)
    assert clock.slept == [7.0, 3.0]


async def test_hold_beyond_the_deadline_fails_at_once() -> None:
    """A call that can't outlast the hold is told how long it lasts, without waiting."""
    clock = ManualClock()
    gate = make_gate(clock)
    gate.hold(7.0, 429)
    refusal = await gate.enter(clock.now + 5)
    assert isinstance(refusal, RateLimited)
    assert (refusal.retry_after, clock.slept) == (7.0, [])


async def test_who_is_refused_is_told_what_the_hold_came_from() -> None:
    """The status is the one with which imin asked for the hold in force, be it a 503."""
    clock = ManualClock()
    gate = make_gate(clock)
    gate.hold(7.0, 503)
    gate.hold(1.0, 429)
    refusal = await gate.enter(clock.now + 5)
    assert refusal is not None
    assert refusal.status == 503


async def test_hold_that_begins_in_the_queue_counts() -> None:
    """A hold set while a request waits for its pace is obeyed before it goes out."""
    clock = ManualClock()

    class Holding:
        async def acquire(self) -> None:
            if not clock.slept:
                gate.hold(7.0, 503)

    gate = make_gate(clock, limiter=Holding())
    await gate.enter(clock.now + 30)
    assert clock.slept == [7.0]


async def test_places_are_given_back_when_a_limiter_fails() -> None:
    """An error of the limiter, or a cancellation there, costs no place."""
    clock = ManualClock()

    class Failing:
        failed = False

        async def acquire(self) -> None:
            if not self.failed:
                self.failed = True
                raise RuntimeError("limiter")

    gate = make_gate(clock, places=1, limiter=Failing())
    with pytest.raises(RuntimeError):
        await gate.enter(clock.now + 1)
    await gate.enter(clock.now + 1)


@pytest.mark.parametrize("reason", ["taken", "held", "limited"])
async def test_entering_at_once_waits_for_nothing(reason: str) -> None:
    """Nobody watches the deadline of who enters at once: a place taken, a hold, a pace are for ``enter``."""
    clock = ManualClock()
    limiter = Pacer(50, runtime(clock)) if reason == "limited" else None
    gate = make_gate(clock, places=1, limiter=limiter)
    if reason == "taken":
        assert gate.enter_at_once()
    if reason == "held":
        gate.hold(7.0, 429)
    assert not gate.enter_at_once()
    assert clock.slept == []


async def test_places_bound_what_is_under_way() -> None:
    """The one place is free again only after ``leave``."""
    clock = ManualClock()
    gate = make_gate(clock, places=1)
    await gate.enter(clock.now + 1)
    second = asyncio.create_task(gate.enter(clock.now + 1))
    await asyncio.sleep(0)
    assert not second.done()
    gate.leave()
    await second


async def test_places_are_given_in_order() -> None:
    """Who has waited longest is next, and nobody who comes along now is before them."""
    clock = ManualClock()
    gate = make_gate(clock, places=1)
    assert gate.enter_at_once()
    entered: list[int] = []

    async def enter(number: int) -> None:
        await gate.enter(clock.now + 1)
        entered.append(number)

    waiting = [asyncio.create_task(enter(number)) for number in range(3)]
    await asyncio.sleep(0)
    for _ in waiting:
        gate.leave()
        assert not gate.enter_at_once()
        await asyncio.sleep(0)
    assert entered == [0, 1, 2]


@pytest.mark.parametrize("given", [False, True], ids=["while it waits", "when it was just given a place"])
async def test_who_is_cancelled_in_the_queue_costs_no_place(given: bool) -> None:
    """The place is the next one's, also where it was already given to who is cancelled."""
    clock = ManualClock()
    gate = make_gate(clock, places=1)
    assert gate.enter_at_once()
    first, second = (asyncio.create_task(gate.enter(clock.now + 1)) for _ in range(2))
    await asyncio.sleep(0)
    if given:
        gate.leave()
    first.cancel()
    if not given:
        gate.leave()
    await asyncio.wait_for(second, 5)
    gate.leave()
    assert gate.enter_at_once()


@pytest.mark.parametrize("lag", [0.0, 0.004, 0.019, 0.4], ids=lambda lag: f"wakes {lag} s late")
async def test_pacer_never_exceeds_its_rate_by_more_than_one(lag: float) -> None:
    """At 50 a second no window of one second holds more than 51, however late sleeps end."""
    clock = ManualClock()

    async def oversleep(seconds: float) -> None:
        await clock.sleep(seconds + lag)

    pacer = Pacer(50, Runtime(clock=clock, sleep=oversleep))
    sent = []
    for _ in range(300):
        await pacer.acquire()
        sent.append(clock.now)
    busiest = max(sum(start <= time <= start + 1 for time in sent) for start in sent)
    assert busiest <= 51


async def test_pacer_makes_up_for_small_lateness() -> None:
    """Sleeps that end a little late do not lower the rate."""
    clock = ManualClock()

    async def oversleep(seconds: float) -> None:
        await clock.sleep(seconds + 0.001)

    pacer = Pacer(50, Runtime(clock=clock, sleep=oversleep))
    start = clock.now
    for _ in range(501):
        await pacer.acquire()
    assert clock.now - start == pytest.approx(10.0, abs=0.1)


@pytest.mark.parametrize("rate", [0, -1, True, float("nan"), float("inf"), "5"], ids=repr)
def test_pacer_refuses(rate: float) -> None:
    """A rate is a positive number."""
    with pytest.raises(InvalidRequest, match="rate_limit"):
        Pacer(rate, Runtime())


@pytest.mark.parametrize("places", [0, True, 1.5], ids=repr)
def test_gate_refuses(places: int) -> None:
    """At least one request must be able to go out."""
    with pytest.raises(InvalidRequest, match="max_connections"):
        Gate(Runtime(), places=places, limiter=None)
