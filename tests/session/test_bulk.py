"""``get_many`` and ``delete_many``: one outcome for each input, in little memory."""

import asyncio
import os
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import pytest

from imin_accounts.errors import (
    AuthenticationError,
    IminError,
    InvalidRequest,
    NotFound,
    ResponseError,
    TransportError,
)
from imin_accounts.fake import FakeImin, add_crowd
from imin_accounts.results import Deleted, Failed, Fetched
from imin_accounts.session import AccountsSession
from imin_accounts.transports.base import Request, Response
from tests.scripted import NO_CONTENT, SELLER, ManualClock, ScriptedTransport, reply, runtime
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

LONG = os.environ.get("CI_LONG") == "1"


# --- One outcome each -----------------------------------------------------------------------------


@sync_and_async
async def test_each_input_has_one_outcome(read: ReadIds) -> None:
    """However many customers, and however they are given: each comes out once, as read."""
    async with (
        make_session(BulkTransport()) as session,
        session.get_many(read(CustomerIds(100)), concurrency=7) as outcomes,
    ):
        collected = await collect(outcomes)
    assert sorted(int(outcome.customer) for outcome in collected) == list(range(100))
    for outcome in collected:
        assert isinstance(outcome, Fetched)
        assert f"/customers/{outcome.customer}/" in str(outcome.accounts.id)


@pytest.mark.parametrize("customers", [[], ["1"], ["1", "1", "2", "1"]], ids=repr)
async def test_few_and_repeated_customers(customers: list[str]) -> None:
    """None, fewer than there are workers, and the same one again: each input counts."""
    async with make_session(BulkTransport()) as session, session.get_many(customers) as outcomes:
        collected = await collect(outcomes)
    assert sorted(outcome.customer for outcome in collected) == sorted(customers)


async def test_outcomes_come_as_the_calls_end() -> None:
    """A slow customer holds nobody up."""
    transport = BulkTransport("1", "2")
    async with make_session(transport) as session, session.get_many(["1", "2", "3"]) as outcomes:
        order = [(await anext(outcomes)).customer]
        for customer in ("2", "1"):
            transport.release(customer)
            order.append((await anext(outcomes)).customer)
    assert order == ["3", "2", "1"]


@pytest.mark.parametrize(
    ("customer", "answer", "kind"),
    [
        pytest.param("2", reply(403), AuthenticationError, id="403 may be one customer's"),
        pytest.param("2", reply(404), NotFound, id="404"),
        pytest.param("2", reply(500), ResponseError, id="500"),
        pytest.param("2", TransportError("tls", maybe_sent=False), TransportError, id="no reply"),
        pytest.param("", None, InvalidRequest, id="empty"),
        pytest.param(None, None, InvalidRequest, id="None"),
        pytest.param(b"2", None, InvalidRequest, id="bytes"),
    ],
)
async def test_an_error_is_one_customers(customer: Any, answer: Any, kind: type[IminError]) -> None:
    """What goes wrong for one is a ``Failed`` that says so; the rest are fetched."""
    clock = ManualClock()
    transport = BulkTransport(answers={customer: answer})
    async with (
        make_session(transport, runtime=runtime(clock)) as session,
        session.get_many(["1", customer, "3"], concurrency=1) as outcomes,
    ):
        first, failed, last = await collect(outcomes)
    assert isinstance(first, Fetched)
    assert isinstance(last, Fetched)
    assert isinstance(failed, Failed)
    assert (failed.customer, failed.seller, type(failed.error)) == (customer, None, kind)
    assert bool(failed.error.attempts) == (answer is not None)


async def test_failures_keep_nothing_alive() -> None:
    """An error in an outcome has no traceback: its frames would hold requests and replies."""
    async with (
        make_session(BulkTransport(answers={"1": reply(404)})) as session,
        session.get_many(["1"]) as outcomes,
    ):
        failed = await anext(outcomes)
    assert isinstance(failed, Failed)
    assert failed.error.__traceback__ is None


async def test_redirect_uri_reaches_each_call() -> None:
    """Whoever asks for connect URLs gets them for every customer."""
    transport = ScriptedTransport([reply(404)] * 2)
    async with (
        make_session(transport) as session,
        session.get_many(["1", "2"], redirect_uri="https://broker.example/back") as outcomes,
    ):
        await collect(outcomes)
    queries = [request.url.partition("?")[2] for request in transport.requests]
    assert queries == ["redirectUri=https%3A%2F%2Fbroker.example%2Fback"] * 2


@pytest.mark.parametrize(("method", "seconds"), [("get_many", 5.0), ("delete_many", 2.5)])
async def test_timeout_reaches_each_call(method: str, seconds: float) -> None:
    """No attempt may take longer than the call; a DELETE leaves half of the time for a re-read."""
    timeouts = []

    class Timed(BulkTransport):
        async def send(self, request: Request, *, timeout: float) -> Response:
            timeouts.append(timeout)
            return await super().send(request, timeout=timeout)

    inputs = ["1"] if method == "get_many" else [("1", SELLER)]
    async with (
        make_session(Timed(), runtime=runtime(ManualClock())) as session,
        getattr(session, method)(inputs, timeout=5) as outcomes,
    ):
        await anext(outcomes)
    assert timeouts == [seconds]


# --- Bounds ---------------------------------------------------------------------------------------


@sync_and_async
@pytest.mark.parametrize("concurrency", [1, 5])
async def test_reads_only_as_fast_as_outcomes_are_taken(read: ReadIds, concurrency: int) -> None:
    """Nothing is read before entering; then at most ``concurrency`` more than was taken."""
    ids = CustomerIds(100)
    async with make_session(BulkTransport()) as session:
        many = session.get_many(read(ids), concurrency=concurrency)
        await settle()
        assert ids.read == 0
        async with many as outcomes:
            for taken in range(50):
                await settle()
                assert 0 < ids.read - taken <= concurrency
                await anext(outcomes)


async def test_at_most_so_many_calls_at_once() -> None:
    """``concurrency`` bounds the calls under way, and is made use of."""
    transport = BulkTransport()
    async with (
        make_session(transport) as session,
        session.get_many(map(str, range(50)), concurrency=4) as outcomes,
    ):
        await collect(outcomes)
    assert transport.most_under_way == 4


@pytest.mark.parametrize(("method", "at_once"), [("get_many", 64), ("delete_many", 16)])
async def test_how_many_calls_at_once_unless_told(method: str, at_once: int) -> None:
    """Fewer that disconnect than that read."""
    imin = BulkTransport()
    inputs: list[Any] = [str(n) if method == "get_many" else (str(n), SELLER) for n in range(100)]
    async with make_session(imin) as session, getattr(session, method)(inputs) as outcomes:
        await collect(outcomes)
    assert imin.most_under_way == at_once


async def test_no_more_tasks_than_there_is_work_for() -> None:
    """Room for a million calls is no reason to make a million tasks."""
    before = len(other_tasks())
    async with (
        make_session(BulkTransport("1", "2", "3")) as session,
        session.get_many(["1", "2", "3"], concurrency=1_000_000),
    ):
        await settle()
        assert len(other_tasks()) - before == 3


async def test_reading_ahead_does_not_stall_the_event_loop() -> None:
    """With room for a million and a source that never waits, others have their turn."""
    ids = CustomerIds(1_000_000)
    async with (
        make_session(BulkTransport()) as session,
        session.get_many(ids.sync(), concurrency=1_000_000),
    ):
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert 0 < ids.read < 1_000


async def test_memory_does_not_grow_with_the_input() -> None:
    """A hundred times the customers at the same peak: workers, not a task for each."""
    few, many = 500, 100_000 if LONG else 3_000

    async def peak(count: int) -> int:
        transport = BulkTransport()
        tracemalloc.start()
        async with make_session(transport) as session, session.get_many(map(str, range(count))) as outcomes:
            async for _ in outcomes:
                transport.asked.clear()  # what the fake remembers is not what is measured
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    await peak(few)  # caches fill once
    assert await peak(many) - await peak(few) < 2_000_000


# --- Disconnecting --------------------------------------------------------------------------------


async def test_delete_many() -> None:
    """Each pair comes to ``Deleted`` or ``Failed``, with its customer and seller."""
    transport = BulkTransport(answers={"2": reply(404)})
    pairs = [("1", SELLER), ("2", SELLER), ["3", SELLER]]
    async with (
        make_session(transport) as session,
        session.delete_many(pairs, concurrency=1) as outcomes,  # type: ignore[arg-type]
    ):
        first, failed, last = [outcome async for outcome in outcomes]
    assert isinstance(first, Deleted)
    assert (first.customer, first.seller, first.deletion.outcome) == ("1", SELLER, "confirmed")
    assert isinstance(failed, Failed)
    assert (failed.customer, failed.seller, type(failed.error)) == ("2", SELLER, NotFound)
    assert isinstance(last, Deleted)


@pytest.mark.parametrize("pair", ["ab", ("1",), ("1", SELLER, 3), None, ("1", None), (1, SELLER)], ids=repr)
async def test_what_is_no_pair_fails_alone(pair: Any) -> None:
    """An input of another shape is refused as one customer's error; two letters are no pair."""
    transport = ScriptedTransport([NO_CONTENT])
    async with (
        make_session(transport) as session,
        session.delete_many([pair, ("1", SELLER)], concurrency=1) as outcomes,
    ):
        failed, deleted = [outcome async for outcome in outcomes]
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, InvalidRequest)
    assert isinstance(deleted, Deleted)


async def test_erasing_a_crowd_from_the_emulated_service() -> None:
    """All connected accounts of some customers, found by one and disconnected by the other."""
    fake = FakeImin(seed=1)
    add_crowd(fake, sellers=5, customers=40, seed=1)
    customers = [f"customer-{number}" for number in range(1, 41)]

    async def connected(session: AccountsSession) -> AsyncIterator[tuple[str, str]]:
        async with session.get_many(customers) as outcomes:
            async for outcome in outcomes:
                assert isinstance(outcome, Fetched)
                for account in outcome.accounts.connected:
                    yield outcome.customer, account.seller.id

    async with make_session(fake) as session:
        found = [pair async for pair in connected(session)]
        async with session.delete_many(found) as outcomes:
            deleted = [outcome async for outcome in outcomes]
        left = [pair async for pair in connected(session)]
    assert found
    assert sorted((each.customer, each.seller or "") for each in deleted) == sorted(found)
    assert left == []
