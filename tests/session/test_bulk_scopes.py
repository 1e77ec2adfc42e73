"""A bulk within timeouts, groups and scopes of asyncio and anyio: only what was cancelled ends."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from imin_accounts.results import Fetched
from imin_accounts.session import AccountsSession
from tests.session.bulk_transport import (
    BulkTransport,
    CustomerIds,
    ReadIds,
    collect,
    make_session,
    other_tasks,
    settle,
    sync_and_async,
)


@pytest.fixture
def transport() -> BulkTransport:
    """The customers 1 to 3 wait."""
    return BulkTransport("1", "2", "3")


@pytest.fixture
async def session(transport: BulkTransport) -> AsyncIterator[AccountsSession]:
    """Open; and when the test is over nothing of it is left, and nobody is cancelled any more."""
    before = other_tasks()
    async with make_session(transport) as session:
        yield session
    assert (other_tasks() - before, transport.under_way) == (set(), 0)


def uncancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() == 0


async def read(session: AccountsSession, taken: list[Any] | None = None) -> list[Any]:
    async with session.get_many(CustomerIds(50).asynchronous(), concurrency=4) as outcomes:
        return await collect(outcomes, taken)


@sync_and_async
async def test_a_scope_cancelled_in_the_body(read: ReadIds, session: AccountsSession) -> None:
    """``scope.cancel(); break``: the scope takes the cancellation, and what follows goes on."""
    with anyio.CancelScope() as scope:
        async with session.get_many(read(CustomerIds(50))) as outcomes:
            async for _ in outcomes:
                scope.cancel()
                break
    assert scope.cancelled_caught
    await anyio.lowlevel.checkpoint()
    assert uncancelled()


async def test_a_scope_cancelled_in_the_body_that_goes_on(session: AccountsSession) -> None:
    """The next wait ends it."""
    with anyio.CancelScope() as scope:
        async with session.get_many(CustomerIds(50).asynchronous(), concurrency=4) as outcomes:
            async for _ in outcomes:
                scope.cancel()
    assert scope.cancelled_caught
    assert uncancelled()


@pytest.mark.parametrize("seconds", [0, 0.001])
async def test_move_on_after(session: AccountsSession, seconds: float) -> None:
    """What was taken is there; the block is over."""
    taken: list[Any] = []
    with anyio.move_on_after(seconds) as scope:
        await read(session, taken)
    assert scope.cancelled_caught
    assert {type(outcome) for outcome in taken} <= {Fetched}
    await anyio.lowlevel.checkpoint()


async def test_fail_after(session: AccountsSession) -> None:
    """Its TimeoutError comes out."""
    with pytest.raises(TimeoutError):
        with anyio.fail_after(0.001):
            await read(session)
    assert uncancelled()


async def test_asyncio_timeout(session: AccountsSession) -> None:
    """As does asyncio's."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await read(session)
    assert uncancelled()


async def test_timeouts_within(session: AccountsSession, transport: BulkTransport) -> None:
    """A timeout or a scope for each outcome costs no outcome."""
    taken = []
    async with session.get_many(["0", "1", "2"]) as outcomes:
        taken.append(await anext(outcomes))
        for scope in (anyio.move_on_after(0), anyio.move_on_after(0.001)):
            with scope:
                await anext(outcomes)
            assert scope.cancelled_caught
        for seconds in (0, 0.001):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(outcomes), seconds)
        transport.release("1")
        transport.release("2")
        taken += await collect(outcomes)
    assert sorted(outcome.customer for outcome in taken) == ["0", "1", "2"]


async def test_nested_scopes(session: AccountsSession) -> None:
    """The scope that was cancelled catches, not the one within or around it."""
    with anyio.CancelScope() as outer:
        with anyio.CancelScope() as middle:
            with anyio.CancelScope() as inner:
                async with session.get_many(CustomerIds(50).sync()) as outcomes:
                    async for _ in outcomes:
                        middle.cancel()
                        break
        await anyio.lowlevel.checkpoint()
    assert (outer.cancelled_caught, middle.cancelled_caught, inner.cancelled_caught) == (False, True, False)


async def test_a_shield_within_a_cancelled_scope(session: AccountsSession, transport: BulkTransport) -> None:
    """What is shielded runs to its end; the cancellation waits outside."""
    for customer in "123":
        transport.release(customer)
    with anyio.CancelScope() as outer:
        outer.cancel()
        with anyio.CancelScope(shield=True):
            taken = await read(session)
        await anyio.lowlevel.checkpoint()
    assert (len(taken), outer.cancelled_caught) == (50, True)


async def test_a_cancelled_task_group(session: AccountsSession) -> None:
    """Consumers in anyio's group end with its cancellation, without an error."""
    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(read, session)
        await settle()
        group.cancel_scope.cancel()
    assert uncancelled()


@pytest.mark.parametrize("group", [asyncio.TaskGroup, anyio.create_task_group])
async def test_a_sibling_that_fails(session: AccountsSession, group: Any) -> None:
    """Its error comes out of the group, and no other."""

    async def fail() -> None:
        await settle()
        raise LookupError("sibling")

    async def run() -> None:
        async with group() as opened:
            getattr(opened, "start_soon", lambda work: opened.create_task(work()))(fail)
            await read(session)

    with pytest.raises(ExceptionGroup) as caught:
        await run()
    assert [type(error) for error in caught.value.exceptions] == [LookupError]
    assert uncancelled()


async def test_cancelled_twice(session: AccountsSession) -> None:
    """Somebody impatient cancels again while it cleans up: it finishes that, and is cancelled."""
    consumer = asyncio.create_task(read(session))
    await settle()
    for _ in range(5):
        consumer.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await consumer


async def test_the_bodys_error_comes_out_of_a_living_scope(session: AccountsSession) -> None:
    """Nothing of the clean-up takes its place."""

    async def fail() -> None:
        async with session.get_many(CustomerIds(50).sync(), concurrency=4) as outcomes:
            async for _ in outcomes:
                raise LookupError("mine")

    with anyio.CancelScope() as scope, pytest.raises(LookupError, match="mine"):
        await fail()
    assert not scope.cancelled_caught


async def test_within_an_async_generator(session: AccountsSession) -> None:
    """trio's advice for generators: closed by ``aclosing``, it is over at once."""

    async def numbers() -> AsyncGenerator[str, None]:
        async with session.get_many(CustomerIds(50).asynchronous(), concurrency=4) as outcomes:
            async for outcome in outcomes:
                yield outcome.customer

    with anyio.CancelScope() as scope:
        async with aclosing(numbers()) as opened:
            async for _ in opened:
                scope.cancel()
                break
    assert uncancelled()


async def test_a_bulk_as_another_ones_source(session: AccountsSession) -> None:
    """Leaving the outer one leaves the inner one too."""

    async def again() -> AsyncIterator[str]:
        async with session.get_many(CustomerIds(50).asynchronous(), concurrency=4) as outcomes:
            async for outcome in outcomes:
                yield outcome.customer

    with anyio.move_on_after(60) as scope:
        async with session.get_many(again(), concurrency=4) as outcomes:
            async for _ in outcomes:
                scope.cancel()
                break
    assert uncancelled()


# --- Eager tasks ----------------------------------------------------------------------------------

EAGER: Any = getattr(asyncio, "eager_task_factory", None)
needs_eager = pytest.mark.skipif(EAGER is None, reason="from Python 3.12")


@pytest.fixture
async def eager() -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    loop.set_task_factory(EAGER)
    yield
    loop.set_task_factory(None)


class Refusing:
    """A limiter that refuses at once, all but the first ``well`` requests."""

    def __init__(self, well: int) -> None:
        self.well = well

    async def acquire(self) -> None:
        self.well -= 1
        if self.well < 0:
            raise LookupError("at once")


class RefusingKey:
    """The same as a key."""

    def __init__(self, well: int) -> None:
        self.well = well

    def __call__(self) -> str:
        self.well -= 1
        if self.well < 0:
            raise LookupError("at once")
        return "test-key"


@needs_eager
@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("refuses", ["limiter", "key"])
@pytest.mark.parametrize("well", [0, 3], ids=["all", "all but those that hang"])
@pytest.mark.parametrize("concurrency", [4, 64])
async def test_an_eager_call_that_fails_at_once(refuses: str, well: int, concurrency: int) -> None:
    """A call's task may be over before its making returns: the iteration ends at once all the same."""
    key: Any = RefusingKey(well) if refuses == "key" else "test-key"
    limiter = Refusing(well) if refuses == "limiter" else None
    async with (
        asyncio.timeout(1),
        AccountsSession(key, transport=BulkTransport("0", "1", "2"), rate_limit=limiter) as session,
        session.get_many(CustomerIds(100).sync(), concurrency=concurrency) as outcomes,
    ):
        with pytest.raises(LookupError, match="at once"):
            await anext(outcomes)


@needs_eager
@pytest.mark.usefixtures("eager")
async def test_eager_calls_come_to_the_same() -> None:
    """Everybody once, an early end, an input that fails at once, and nothing left."""
    before = other_tasks()
    async with make_session(BulkTransport()) as session:
        assert len(await read(session)) == 50
        inputs: list[Any] = [None, *map(str, range(20))]
        async with session.get_many(inputs, concurrency=3) as outcomes:
            async for _ in outcomes:
                break
    assert other_tasks() == before
