"""Where a bulk's inputs come from: read and closed in one task and context, as by a plain ``async for``."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from typing import Any, Self

import anyio
import anyio.lowlevel
import pytest

from imin_accounts.results import Fetched
from tests.session.bulk_transport import BulkTransport, collect, make_session, other_tasks, settle

CURSOR: ContextVar[str] = ContextVar("CURSOR", default="none")


class Where:
    """Notes the tasks, and the values of a context's variable, in which it is asked."""

    def __init__(self) -> None:
        self.tasks: set[Any] = set()
        self.values: list[str] = []

    def note(self) -> None:
        self.tasks.add(asyncio.current_task())
        self.values.append(CURSOR.get())


async def read(source: Any, concurrency: int = 8) -> list[Any]:
    taken: list[Any] = []
    async with (
        make_session(BulkTransport()) as session,
        session.get_many(source, concurrency=concurrency) as outcomes,
    ):
        return await collect(outcomes, taken)


async def with_a_token(where: Where) -> AsyncIterator[str]:
    token = CURSOR.set("open")
    try:
        for n in range(30):
            where.note()
            await asyncio.sleep(0)
            yield str(n)
    finally:
        where.note()
        CURSOR.reset(token)  # ValueError in another context


def sync_with_a_token(where: Where) -> Iterator[str]:
    token = CURSOR.set("open")
    try:
        for n in range(30):
            where.note()
            yield str(n)
    finally:
        where.note()
        CURSOR.reset(token)


@pytest.mark.parametrize("source", [with_a_token, sync_with_a_token])
@pytest.mark.parametrize("taken", [0, 5, 30], ids=["left at once", "left early", "to the end"])
async def test_one_task_and_context_reads_and_closes(source: Any, taken: int) -> None:
    """However the iteration ends."""
    where = Where()
    async with (
        make_session(BulkTransport()) as session,
        session.get_many(source(where), concurrency=4) as outcomes,
    ):
        await settle()
        for _ in range(taken):
            await anext(outcomes)
    assert len(where.tasks) == 1
    assert set(where.values) == {"open"}
    assert CURSOR.get() == "none"


async def test_a_cancelled_consumer_closes_in_the_same_task() -> None:
    """The source's own clean-up is not cut short, and runs where it was read."""
    where = Where()

    async def consume() -> None:
        async with (
            make_session(BulkTransport("0", "1")) as session,
            session.get_many(with_a_token(where), concurrency=2) as outcomes,
        ):
            await collect(outcomes)

    consumer = asyncio.create_task(consume())
    await settle()
    consumer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await consumer
    assert (len(where.tasks), set(where.values)) == (1, {"open"})


async def in_a_timeout() -> AsyncIterator[str]:
    async with asyncio.timeout(60):
        for n in range(30):
            async with asyncio.timeout(60):
                await asyncio.sleep(0)
            yield str(n)


async def in_a_task_group() -> AsyncIterator[str]:
    queue = asyncio.Queue[str](2)

    async def produce(first: int) -> None:
        for n in range(first, first + 15):
            await queue.put(str(n))

    async with asyncio.TaskGroup() as group:
        for first in (0, 15):
            group.create_task(produce(first))
        for _ in range(30):
            yield await queue.get()


async def in_scopes() -> AsyncIterator[str]:
    with anyio.fail_after(60), anyio.CancelScope(shield=True):
        for n in range(30):
            with anyio.move_on_after(60):
                await anyio.lowlevel.checkpoint()
            yield str(n)


async def in_an_anyio_task_group() -> AsyncIterator[str]:
    send, receive = anyio.create_memory_object_stream[str](2)

    async def produce() -> None:
        async with send:
            for n in range(30):
                await send.send(str(n))

    async with anyio.create_task_group() as group, receive:
        group.start_soon(produce)
        async for customer in receive:
            yield customer


SOURCES = [in_a_timeout, in_a_task_group, in_scopes, in_an_anyio_task_group]


@pytest.mark.parametrize("source", SOURCES)
async def test_a_source_may_hold_what_is_bound_to_its_task(source: Any) -> None:
    """Timeouts, groups and scopes that stay open while it yields: everybody comes out."""
    outcomes = await read(source())
    assert sorted(int(outcome.customer) for outcome in outcomes) == list(range(30))
    assert {type(outcome) for outcome in outcomes} == {Fetched}


@pytest.mark.parametrize("source", SOURCES)
async def test_leaving_closes_it_all(source: Any) -> None:
    """No task of the source's own stays behind."""
    before = other_tasks()
    async with (
        make_session(BulkTransport()) as session,
        session.get_many(source(), concurrency=4) as outcomes,
    ):
        async for _ in outcomes:
            break
    assert other_tasks() == before


# --- What goes wrong in a source --------------------------------------------------------------------


async def whose_group_fails() -> AsyncIterator[str]:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise LookupError("database")

    async with asyncio.TaskGroup() as group:
        for n in range(30):
            yield str(n)
            if n == 5:
                group.create_task(fail())


async def whose_anyio_group_fails() -> AsyncIterator[str]:
    async def fail() -> None:
        raise LookupError("database")

    async with anyio.create_task_group() as group:
        for n in range(30):
            yield str(n)
            if n == 5:
                group.start_soon(fail)


async def whose_time_is_over() -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as timeout:
        for n in range(30):
            if n == 6:
                timeout.reschedule(loop.time())
            yield str(n)


async def whose_scope_is_over() -> AsyncIterator[str]:
    with anyio.fail_after(60) as scope:
        for n in range(30):
            if n == 6:
                scope.deadline = anyio.current_time()
            yield str(n)


async def that_is_cancelled_inside() -> AsyncIterator[str]:
    for n in range(30):
        yield str(n)
        if n == 5:
            raise asyncio.CancelledError("mine")


def sync_that_raises() -> Iterator[str]:
    yield from map(str, range(6))
    raise LookupError("database")


def that_exits() -> Iterator[str]:
    yield from map(str, range(6))
    raise SystemExit(7)


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        (whose_group_fails, ExceptionGroup),
        (whose_anyio_group_fails, ExceptionGroup),
        (whose_time_is_over, TimeoutError),
        (whose_scope_is_over, TimeoutError),
        (that_is_cancelled_inside, asyncio.CancelledError),
        (sync_that_raises, LookupError),
        (that_exits, SystemExit),
    ],
)
@pytest.mark.parametrize("concurrency", [1, 4])
async def test_its_own_error_comes_out_as_it_is(
    source: Any, kind: type[BaseException], concurrency: int
) -> None:
    """After the outcomes of what it gave; be it found while the source was not being read."""
    taken: list[Any] = []
    async with (
        make_session(BulkTransport()) as session,
        session.get_many(source(), concurrency=concurrency) as outcomes,
    ):
        with pytest.raises(kind) as caught:
            await collect(outcomes, taken)
    assert type(caught.value) is kind
    assert sorted(int(outcome.customer) for outcome in taken)[:6] == list(range(6))
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


class SaysTheWrongEnd:
    """A plain iterator that asks an asynchronous one which has come to its end."""

    def __init__(self) -> None:
        self._ids = map(str, range(6))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        for each in self._ids:
            return each
        raise StopAsyncIteration


async def test_the_end_of_another_iterator_is_no_end() -> None:
    """Neither for the inputs of ``get_many`` nor for whom it was done: it would look as if all were done."""
    taken: list[Any] = []
    async with make_session(BulkTransport()) as session, session.get_many(SaysTheWrongEnd()) as outcomes:
        with pytest.raises(RuntimeError) as caught:
            await collect(outcomes, taken)
    assert isinstance(caught.value.__cause__, StopAsyncIteration)
    assert len(taken) == 6


async def test_a_scope_that_ends_within_the_source_ends_nothing_else() -> None:
    """``move_on_after`` around some of its inputs: it goes on with the others, and everybody comes out."""

    async def ids() -> AsyncIterator[str]:
        for first in (0, 10, 20):
            with anyio.move_on_after(60) as scope:
                for n in range(first, first + 10):
                    if n == first + 5:
                        scope.cancel()
                    yield str(n)
        yield "30"

    outcomes = await read(ids(), concurrency=1)
    assert [int(outcome.customer) for outcome in outcomes] == [*range(6), *range(10, 16), *range(20, 26), 30]


async def test_an_error_of_closing_comes_out_on_leaving() -> None:
    """As with ``aclosing``: nothing that the source has to say is lost."""

    async def ids() -> AsyncIterator[str]:
        try:
            while True:
                yield "1"
        finally:
            await asyncio.sleep(0)
            raise LookupError("can't close")

    async with make_session(BulkTransport()) as session:
        with pytest.raises(LookupError, match="close"):
            async with session.get_many(ids()) as outcomes:
                await anext(outcomes)


async def test_being_closed_is_no_error_of_a_task_group() -> None:
    """Of what a group around a ``yield`` raises only its own tasks' errors come out, not GeneratorExit."""

    async def fails_when_cancelled() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise LookupError("connection lost")

    async def customers() -> AsyncIterator[str]:
        async with asyncio.TaskGroup() as group:
            group.create_task(fails_when_cancelled())
            await asyncio.sleep(0)
            while True:
                yield "1"

    async with make_session(BulkTransport()) as session:
        with pytest.raises(BaseExceptionGroup) as caught:
            async with session.get_many(customers(), concurrency=1) as outcomes:
                await anext(outcomes)
    assert caught.group_contains(LookupError)
    assert not caught.group_contains(GeneratorExit)


async def test_what_comes_of_breaking_a_read_off_comes_out_on_leaving() -> None:
    """The source was waiting for its next input, and says what became of that."""

    async def ids() -> AsyncIterator[str]:
        yield "1"
        try:
            await asyncio.Event().wait()
        finally:
            raise LookupError("connection lost")

    async with make_session(BulkTransport()) as session:
        with pytest.raises(LookupError, match="lost"):
            async with session.get_many(ids()) as outcomes:
                await anext(outcomes)


async def test_tasks_that_somebody_else_cancels() -> None:
    """Before they began even: the iteration does not look as if it had come to its end."""
    async with make_session(BulkTransport()) as session, session.get_many(["1", "2"]) as outcomes:
        for task in other_tasks():
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await anext(outcomes)


async def test_a_source_that_waits_for_ever_keeps_nobody() -> None:
    """Where calls end everything, a source that has nothing to give is not waited for."""
    closed = []

    async def ids() -> AsyncIterator[str]:
        try:
            yield "1"
            await asyncio.Event().wait()
        finally:
            closed.append(True)

    session = make_session(BulkTransport("1"))
    async with session, session.get_many(ids()) as outcomes:
        await settle()
        await session.aclose()
        with pytest.raises(Exception, match="closed"):
            await anext(outcomes)
    assert closed == [True]


async def test_a_source_that_will_not_be_cancelled_is_read_no_further() -> None:
    """It may swallow a cancellation and go on: leaving takes no more from it, and closes it."""
    closed = []

    async def ids() -> AsyncIterator[str]:
        try:
            while True:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    yield "1"
        finally:
            closed.append(True)

    transport = BulkTransport()
    async with make_session(transport) as session, session.get_many(ids()):
        await settle()
    assert (closed, transport.asked) == ([True], [])


async def test_an_iterable_that_can_not_begin() -> None:
    """What its ``__iter__`` raises is an error of the source like any other."""

    class Broken:
        def __iter__(self) -> Iterator[str]:
            raise LookupError("database")

    with pytest.raises(LookupError):
        await read(Broken())
