"""What an interrupted call leaves behind: no key in any frame, and the interruption as it was."""

import asyncio
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from types import FrameType

import anyio
import anyio.lowlevel
import pytest

from imin_accounts.errors import (
    DeadlineExceeded,
    IminError,
    OutcomeUnknown,
    SessionStateError,
    TransportError,
)
from imin_accounts.session import AccountsSession, RetryPolicy
from imin_accounts.testing._playback import Playback
from imin_accounts.transports import AiohttpTransport, Request, Response
from tests.scripted import SELLER, ScriptedTransport
from tests.transports.every import EVERY_TRANSPORT, make_transport

SECRET = "canary-key-5ca1ab1e"
Call = Callable[[AccountsSession], Awaitable[object]]


def frames(error: BaseException | None) -> Iterator[FrameType]:
    """Every frame that ``error`` or what it hangs on holds."""
    if error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            yield frame
        yield from frames(error.__cause__)
        yield from frames(error.__context__)
        for one in getattr(error, "exceptions", ()):
            yield from frames(one)


def shown(error: BaseException) -> str:
    """What a crash reporter finds: each local's repr, and what is in whatever is like a dict."""
    found = []
    for frame in frames(error):
        for name, value in frame.f_locals.items():
            found.append(f"{name}={value!r}")
            if isinstance(value, Mapping):
                found.append(repr({**value}))
    return "\n".join(found)


@pytest.fixture
async def stalled() -> AsyncIterator[Playback]:
    """A server that reads requests and answers none."""
    async with Playback() as server:
        server.gate.clear()
        yield server


async def by_timeout(call: Awaitable[object], server: Playback) -> None:
    async with asyncio.timeout(0.1):
        await call


async def by_wait_for(call: Awaitable[object], server: Playback) -> None:
    await asyncio.wait_for(call, 0.1)


async def by_cancel(call: Awaitable[object], server: Playback) -> None:
    task = asyncio.ensure_future(call)
    await server.arrived.wait()
    task.cancel("enough")
    await task


async def by_task_group(call: Awaitable[object], server: Playback) -> None:
    async def fail() -> None:
        await server.arrived.wait()
        raise LookupError

    async with asyncio.TaskGroup() as group:
        group.create_task(fail())
        await call


async def by_fail_after(call: Awaitable[object], server: Playback) -> None:
    with anyio.fail_after(0.1):
        await call


async def by_anyio_group(call: Awaitable[object], server: Playback) -> None:
    async def fail() -> None:
        await server.arrived.wait()
        raise LookupError

    async with anyio.create_task_group() as group:
        group.start_soon(fail)
        await call


def get(session: AccountsSession) -> Awaitable[object]:
    return session.get_seller_accounts("1234")


def delete(session: AccountsSession) -> Awaitable[object]:
    return session.delete_seller_account("1234", SELLER)


WAYS = [by_timeout, by_wait_for, by_cancel, by_task_group, by_fail_after, by_anyio_group]


@pytest.mark.parametrize("over", EVERY_TRANSPORT)
@pytest.mark.parametrize("call", [get, delete])
@pytest.mark.parametrize("way", WAYS)
async def test_the_key_is_in_no_frame(
    way: Callable[..., Awaitable[None]], call: Call, over: str, stalled: Playback
) -> None:
    """Crash reporters capture locals, and aiohttp's hold the header: whoever catches it sees none of them."""
    async with (
        make_transport(over) as transport,
        AccountsSession(SECRET, base_url=stalled.origin, transport=transport) as session,
    ):
        with pytest.raises((TimeoutError, asyncio.CancelledError, ExceptionGroup)) as caught:
            await way(call(session), stalled)
    assert "get_seller_accounts" in str([*frames(caught.value)]) or call is delete
    assert SECRET not in shown(caught.value)


async def test_the_key_is_found_where_it_is(stalled: Playback) -> None:
    """The search of these tests finds it in frames that hold it: a transport's, without a session around."""
    request = Request(method="GET", url=stalled.origin, headers={"X-Api-Key": SECRET})
    async with AiohttpTransport() as transport:
        with pytest.raises(TimeoutError) as caught:
            await by_timeout(transport.send(request, timeout=5), stalled)
    assert SECRET in shown(caught.value)


class Interrupting:
    """A transport that raises what it was made with, from a frame that holds the key."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    async def send(self, request: Request, *, timeout: float) -> Response:
        headers = {**request.headers}
        raise self._error from ValueError(headers)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), GeneratorExit()], ids=repr)
@pytest.mark.parametrize("call", [get, delete])
def test_any_interruption_comes_out_bare(error: BaseException, call: Call) -> None:
    """The very same one, without the frames that it came through."""

    async def use() -> BaseException:
        async with AccountsSession(SECRET, transport=Interrupting(error)) as session:
            try:
                await call(session)
            except BaseException as caught:  # noqa: BLE001 - it would end the event loop
                return caught
        raise AssertionError

    assert asyncio.run(use()) is error
    assert SECRET not in shown(error)
    assert (error.__cause__, error.__context__) == (None, None)


@pytest.mark.parametrize("error", [SessionStateError("closed"), TransportError("tls", maybe_sent=False)])
async def test_a_transports_own_error_comes_out_without_its_frames(error: IminError) -> None:
    """One of our types is no reason to hand on what hangs on it."""
    async with AccountsSession(SECRET, transport=Interrupting(error)) as session:
        with pytest.raises(type(error)) as caught:
            await get(session)
    assert SECRET not in shown(caught.value)
    assert str(caught.value) == str(error)


async def test_a_vaults_frames_are_left_out_where_it_is_interrupted() -> None:
    """The key callable holds the key too: its own errors are its own, the caller's cancellation is not."""

    async def vault() -> str:
        key = SECRET
        await asyncio.Event().wait()
        return key

    async with AccountsSession(vault, transport=ScriptedTransport([])) as session:
        task = asyncio.create_task(session.get_seller_accounts("1234"))
        await asyncio.sleep(0)
        task.cancel("enough")
        with pytest.raises(asyncio.CancelledError, match="enough") as caught:
            await task
    assert SECRET not in shown(caught.value)
    assert "code vault" not in str([*traceback.walk_tb(caught.value.__traceback__)])


# --- The interruption is still what it was ----------------------------------------------------------


async def test_a_cancelled_call_keeps_the_message_and_the_count(stalled: Playback) -> None:
    """``asyncio.timeout`` and task groups go by the count, others by the message."""
    counts: list[int] = []

    async def use() -> None:
        try:
            await session.get_seller_accounts("1234")
        finally:
            task = asyncio.current_task()
            assert task is not None
            counts.append(task.cancelling())

    async with AccountsSession(SECRET, base_url=stalled.origin) as session:
        task = asyncio.create_task(use())
        await stalled.arrived.wait()
        task.cancel("enough")
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
    assert (counts, caught.value.args, task.cancelled()) == ([1], ("enough",), True)


async def test_a_timeout_is_taken_back_where_it_was_set(stalled: Playback) -> None:
    """After a timeout of the caller's the task is cancelled no longer, and makes its next call."""
    async with AccountsSession(SECRET, base_url=stalled.origin) as session:
        with pytest.raises(TimeoutError):
            await by_timeout(get(session), stalled)
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        with pytest.raises(DeadlineExceeded):
            await session.get_seller_accounts("1234", timeout=0.1)


async def test_an_outer_timeout_is_not_taken_for_an_inner_one(stalled: Playback) -> None:
    """Each of two timeouts around a call ends what is in it, and no more."""
    async with AccountsSession(SECRET, base_url=stalled.origin) as session, asyncio.timeout(20) as outer:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await session.get_seller_accounts("1234")
    assert not outer.expired()


@pytest.mark.parametrize("over", EVERY_TRANSPORT)
@pytest.mark.parametrize("call", [get, delete])
async def test_anyio_knows_its_cancellation_again(call: Call, over: str, stalled: Playback) -> None:
    """A scope that is cancelled takes in what it began, in a task that was itself not cancelled."""
    async with (
        make_transport(over) as transport,
        AccountsSession(SECRET, base_url=stalled.origin, transport=transport) as session,
    ):
        with anyio.move_on_after(0.1) as scope:
            await call(session)
        assert scope.cancelled_caught
        await anyio.lowlevel.checkpoint()


async def test_anyio_knows_it_where_a_transport_raises_its_own() -> None:
    """Anyio looks for its message along the chain, of which cancellations are kept."""

    async def send(request: Request) -> Response:
        try:
            await anyio.sleep_forever()
        except asyncio.CancelledError:
            raise asyncio.CancelledError from ValueError(SECRET)
        raise AssertionError

    async with AccountsSession(SECRET, transport=ScriptedTransport([send])) as session:
        with anyio.move_on_after(0.01) as scope:
            await session.get_seller_accounts("1234")
    assert scope.cancelled_caught


# --- Nobody cancelled -------------------------------------------------------------------------------


@pytest.mark.parametrize(("call", "kind"), [(get, TransportError), (delete, OutcomeUnknown)])
async def test_a_transport_that_cancels_itself_cancels_nobody(call: Call, kind: type[IminError]) -> None:
    """Its ``CancelledError`` is a lost reply: the caller's task was not cancelled, and goes on."""
    transport = Interrupting(asyncio.CancelledError("its own"))
    async with AccountsSession(SECRET, transport=transport, retry=RetryPolicy(attempts=1)) as session:
        with pytest.raises(kind) as caught:
            await call(session)
    assert caught.value.attempts[0].error_type == "cancelled"
    assert caught.value.attempts[0].maybe_sent


async def test_a_callers_cancellation_before_the_call_is_the_callers() -> None:
    """A task that was cancelled before it came to the call ends there."""

    async def send(request: Request) -> Response:
        await asyncio.sleep(0)
        raise AssertionError

    async with AccountsSession(SECRET, transport=ScriptedTransport([send])) as session:
        task = asyncio.current_task()
        assert task is not None
        task.cancel("enough")
        with pytest.raises(asyncio.CancelledError, match="enough"):
            await session.get_seller_accounts("1234")
        task.uncancel()
