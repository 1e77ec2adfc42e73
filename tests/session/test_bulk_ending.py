"""How many calls end: with the input, for a reason that is everybody's, or because somebody leaves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Self

import pytest

from imin_accounts.errors import AuthenticationError, InvalidRequest, OutcomeUnknown, SessionStateError
from imin_accounts.results import Deleted, Failed, Fetched
from imin_accounts.session import AccountsSession
from imin_accounts.transports.base import Request, Response
from tests.scripted import SELLER, ScriptedTransport, accounts_of, reply
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

# --- What ends the iteration ----------------------------------------------------------------------


@sync_and_async
async def test_error_of_the_input_comes_last(read: ReadIds) -> None:
    """What was read before has its outcome; then the input's own exception, unchanged."""
    error = LookupError("database")
    collected: list[Fetched | Failed] = []
    async with (
        make_session(BulkTransport()) as session,
        session.get_many(read(CustomerIds(5, error))) as outcomes,
    ):
        with pytest.raises(LookupError) as caught:
            await collect(outcomes, collected)
    assert caught.value is error
    assert len(collected) == 5


async def test_input_that_failed_is_read_no_further() -> None:
    """Of an iterator that could go on after its error, nobody asks for more."""

    class Cursor:
        reads = 0

        def __aiter__(self) -> Self:
            return self

        async def __anext__(self) -> str:
            self.reads += 1
            await asyncio.sleep(0)
            raise LookupError("database")

    cursor = Cursor()
    async with make_session(BulkTransport()) as session, session.get_many(cursor) as outcomes:
        with pytest.raises(LookupError):
            await anext(outcomes)
    assert cursor.reads == 1


async def test_401_ends_the_iteration() -> None:
    """A wrong key fails once, not a million times: what is finished comes out, nothing more is sent."""
    transport = BulkTransport("1", "2", answers={"2": reply(401)})
    ids = CustomerIds(1000)
    collected: list[Fetched | Failed] = []
    async with make_session(transport) as session, session.get_many(ids.sync(), concurrency=3) as outcomes:
        await settle()  # "1" and "2" are under way, the outcome of "0" waits
        transport.release("2")
        await settle()
        asked = len(transport.asked)
        assert transport.cancelled == ["1"]
        with pytest.raises(AuthenticationError):
            await collect(outcomes, collected)
    assert [outcome.customer for outcome in collected] == ["0"]
    assert len(transport.asked) == asked == ids.read


@pytest.mark.parametrize("error", [LookupError("vault"), asyncio.CancelledError()], ids=repr)
@pytest.mark.parametrize("late", [False, True], ids=["at once", "later"])
async def test_foreign_exception_ends_the_iteration(error: BaseException, late: bool) -> None:
    """What the key callable raises is no customer's, and comes out unchanged."""

    async def vault() -> str:
        if late:
            await asyncio.sleep(0)
        raise error

    async with (
        AccountsSession(vault, transport=BulkTransport()) as session,
        session.get_many(CustomerIds(1000).sync()) as outcomes,
    ):
        with pytest.raises(type(error)) as caught:
            await anext(outcomes)
    assert caught.value is error


async def test_keys_that_come_to_an_end() -> None:
    """What they raise would pass for the end of the iteration: nobody would be told that nothing was done."""

    async def one_key() -> AsyncIterator[str]:
        yield "test-key"

    keys = one_key()
    async with AccountsSession(lambda: anext(keys), transport=BulkTransport()) as session:
        for _ in range(2):
            async with session.get_many(map(str, range(3)), concurrency=1) as outcomes:
                with pytest.raises(RuntimeError) as caught:
                    await collect(outcomes, [])
        assert isinstance(caught.value.__cause__, StopAsyncIteration)


async def test_session_closed_in_the_middle() -> None:
    """The rest were not tried, so they are no failures: the iteration ends with the reason."""
    transport = BulkTransport("1", "2")
    collected: list[Fetched | Failed] = []
    session = make_session(transport)
    async with session, session.get_many(["0", "1", "2", "3"], concurrency=2) as outcomes:
        await settle()
        await session.aclose()
        with pytest.raises(SessionStateError, match="closed"):
            await collect(outcomes, collected)
    assert [outcome.customer for outcome in collected] == ["0"]
    assert "3" not in transport.asked


async def test_session_that_is_not_open() -> None:
    """An unopened session is said to be so once, for all customers."""
    async with make_session(BulkTransport()).get_many(["1", "2"]) as outcomes:
        with pytest.raises(SessionStateError, match="not open"):
            await anext(outcomes)


async def test_closed_while_disconnecting() -> None:
    """DELETEs that were out when the session closed have their outcome, unknown; then comes the reason."""
    transport = BulkTransport("1", "2")
    session = make_session(transport)
    pairs = [(customer, SELLER) for customer in ("0", "1", "2", "3", "4")]
    async with session, session.delete_many(pairs, concurrency=2) as outcomes:
        assert isinstance(await anext(outcomes), Deleted)
        await settle()
        await session.aclose()
        unknown = [await anext(outcomes), await anext(outcomes)]
        with pytest.raises(SessionStateError, match="closed"):
            await anext(outcomes)
    assert [type(each.error) for each in unknown if isinstance(each, Failed)] == [OutcomeUnknown] * 2


async def test_transport_closed_while_disconnecting() -> None:
    """A DELETE that is out may yet be confirmed: it has its outcome, and only then comes the reason."""
    imin = BulkTransport("1", answers={"2": SessionStateError("the transport is closed")})
    pairs = [(customer, SELLER) for customer in ("1", "2", "3")]
    async with make_session(imin) as session, session.delete_many(pairs, concurrency=2) as outcomes:
        await settle()
        imin.release("1")
        assert isinstance(await anext(outcomes), Deleted)
        with pytest.raises(SessionStateError, match="transport"):
            await anext(outcomes)
    assert imin.asked == ["1", "2"]


# --- Leaving --------------------------------------------------------------------------------------


@sync_and_async
async def test_leaving_early_leaves_nothing_behind(read: ReadIds) -> None:
    """On ``break`` calls under way are cancelled and waited for, and the input is closed."""
    transport = BulkTransport("1", "2")
    ids = CustomerIds(100)
    before = other_tasks()
    async with make_session(transport) as session:
        async with session.get_many(read(ids), concurrency=3) as outcomes:
            async for _ in outcomes:
                break
            await settle()
        assert sorted(transport.cancelled) == ["1", "2"]
        assert ids.closed
        assert other_tasks() == before
        assert transport.under_way == 0


@sync_and_async
async def test_cancelled_consumer_leaves_nothing_behind(read: ReadIds) -> None:
    """Cancelling who iterates cancels the calls, and is not over before they are."""
    transport = BulkTransport("0", "1", "2")
    ids = CustomerIds(3)
    before = other_tasks()

    async def consume(session: AccountsSession) -> None:
        async with session.get_many(read(ids)) as outcomes:
            await collect(outcomes)

    async with make_session(transport) as session:
        consumer = asyncio.create_task(consume(session))
        await settle()
        consumer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await consumer
    assert sorted(transport.cancelled) == ["0", "1", "2"]
    assert ids.closed
    assert other_tasks() == before


async def test_cancelled_while_leaving() -> None:
    """A cancellation that arrives during the clean-up comes out after it, not instead of it."""
    transport = BulkTransport("0", "1")
    left = asyncio.Event()

    async def consume(session: AccountsSession) -> None:
        async with session.get_many(["0", "1"]):
            await settle()
            left.set()

    async with make_session(transport) as session:
        consumer = asyncio.create_task(consume(session))
        await left.wait()
        consumer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await consumer
    assert transport.under_way == 0


async def test_call_that_will_not_be_cancelled_is_waited_for() -> None:
    """A transport may swallow a cancellation; leaving waits for it, and asks it for nothing more."""
    asked = []

    async def stubborn(request: Request) -> Response:
        asked.append(request)
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return accounts_of("1")

    async with (
        make_session(ScriptedTransport([stubborn] * 3)) as session,
        session.get_many(["1"] * 3, concurrency=1),
    ):
        await settle()
    assert len(asked) == 1


async def test_own_error_comes_out_as_it_is() -> None:
    """What the body raises is not wrapped in a group."""
    async with make_session(BulkTransport("1")) as session:
        with pytest.raises(LookupError, match="mine"):
            async with session.get_many(["1"]):
                raise LookupError("mine")


async def test_giving_up_on_one_outcome_loses_none() -> None:
    """``anext`` that is cancelled takes nothing with it."""
    transport = BulkTransport("1")
    async with make_session(transport) as session, session.get_many(["1"]) as outcomes:
        waiting = asyncio.ensure_future(anext(outcomes))
        await settle()
        waiting.cancel()
        await settle()
        transport.release("1")
        assert (await anext(outcomes)).customer == "1"


async def test_several_consumers_share_the_outcomes() -> None:
    """Two may iterate at once: together they get each outcome once, and both end."""
    async with (
        make_session(BulkTransport()) as session,
        session.get_many(CustomerIds(50).sync(), concurrency=3) as outcomes,
    ):
        first, second = await asyncio.gather(collect(outcomes), collect(outcomes))
    assert sorted(int(outcome.customer) for outcome in [*first, *second]) == list(range(50))


# --- Misuse ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        pytest.param({"concurrency": 0}, "concurrency", id="no worker"),
        pytest.param({"concurrency": True}, "concurrency", id="bool"),
        pytest.param({"concurrency": 1.5}, "concurrency", id="float"),
        pytest.param({"customers": "1234"}, "one text", id="one customer"),
        pytest.param({"customers": b"1234"}, "one text", id="one customer as bytes"),
        pytest.param({"customers": 1234}, "iterable", id="a number"),
        pytest.param({"timeout": 0}, "timeout", id="no time"),
        pytest.param({"redirect_uri": "broker.example"}, "redirect_uri", id="no URL"),
    ],
)
async def test_unusable_arguments(arguments: dict[str, Any], text: str) -> None:
    """A mistake that would fail every customer is refused at once."""
    async with make_session(BulkTransport()) as session:
        with pytest.raises(InvalidRequest, match=text):
            session.get_many(**{"customers": ["1"], **arguments})


async def test_unusable_arguments_of_delete_many() -> None:
    """The same holds for disconnecting."""
    session = make_session(BulkTransport())
    with pytest.raises(InvalidRequest, match="timeout"):
        session.delete_many([], timeout=-1)
    with pytest.raises(InvalidRequest, match="concurrency"):
        session.delete_many([], concurrency=0)


async def test_iterating_without_entering() -> None:
    """Only inside ``async with`` are there outcomes: before and after it an error says so."""
    async with make_session(BulkTransport()) as session:
        many: Any = session.get_many(["1", "2"])
        with pytest.raises(SessionStateError, match="async with"):
            await anext(many)
        async with many:
            await settle()  # two outcomes are there, and not taken
        with pytest.raises(SessionStateError, match="new outcomes"):
            await anext(many)
        with pytest.raises(SessionStateError, match="new outcomes"):
            await many.__aenter__()


async def test_a_closing_session_ends_a_bulk_whose_source_waits() -> None:
    """At once, whatever the source waits for; it is closed."""
    closed = asyncio.Event()

    async def source() -> AsyncIterator[str]:
        try:
            yield "1"
            await asyncio.Event().wait()
        finally:
            closed.set()

    async with make_session(BulkTransport()) as session, session.get_many(source()) as outcomes:
        await anext(outcomes)
        waiting = asyncio.ensure_future(anext(outcomes))
        await asyncio.sleep(0)
        await session.aclose()
        async with asyncio.timeout(20):
            with pytest.raises(SessionStateError, match="closed"):
                await waiting
    assert closed.is_set()
