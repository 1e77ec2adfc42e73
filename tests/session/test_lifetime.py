"""Where and when a session works, what closing does, and where its key comes from."""

import asyncio
import inspect
import multiprocessing
import os
import warnings
from pathlib import Path

import pytest

from imin_accounts.errors import InvalidRequest, SessionStateError, TransportError
from imin_accounts.session import AccountsSession, RetryPolicy
from imin_accounts.session._session import Options
from imin_accounts.testing._playback import Playback, Reply
from imin_accounts.transports.aiohttp import AiohttpTransport
from imin_accounts.transports.base import Request, Response
from tests.scripted import CONNECTED, NO_CONTENT, SELLER, ScriptedTransport, accounts_of, reply


class HangingTransport:
    """A transport that never answers; ``closed`` says whether anybody closed it."""

    closed = False

    async def send(self, request: Request, *, timeout: float) -> Response:
        await asyncio.Event().wait()
        raise AssertionError

    async def aclose(self) -> None:
        self.closed = True


def make_session(*steps: Response) -> AccountsSession:
    return AccountsSession("test-key", transport=ScriptedTransport(steps))


def test_making_one_needs_no_event_loop() -> None:
    """A session can be a module's constant; ``asyncio.run`` opens it later."""
    session = make_session(CONNECTED)

    async def use() -> int:
        async with session:
            return len(await session.get_seller_accounts("1234"))

    assert asyncio.run(use()) == 1


async def test_unopened() -> None:
    """Used without ``async with``: the error says what to do."""
    with pytest.raises(SessionStateError, match="async with"):
        await make_session().get_seller_accounts("1234")


async def test_closed() -> None:
    """A closed session sends nothing more."""
    async with make_session() as session:
        pass
    with pytest.raises(SessionStateError, match="closed"):
        await session.delete_seller_account("1234", SELLER)


async def test_opens_once() -> None:
    """Opening twice is a mistake in the caller's lifecycle, and said so."""
    async with make_session() as session:
        with pytest.raises(SessionStateError, match="once"):
            await session.__aenter__()


async def test_closing_twice_is_fine() -> None:
    """Cleanup code may run more than once, on a session that was never opened too; closed it stays."""
    for session in (make_session(), await make_session().__aenter__()):
        await session.aclose()
        await session.aclose()
        with pytest.raises(SessionStateError):
            await session.get_seller_accounts("1234")


async def test_another_event_loop() -> None:
    """A session stays with the loop that opened it."""
    async with make_session() as session:

        def elsewhere() -> None:
            asyncio.run(session.get_seller_accounts("1234"))

        with pytest.raises(SessionStateError, match="loop"):
            await asyncio.to_thread(elsewhere)


def _use_in_child(results: "multiprocessing.Queue[str]", session: AccountsSession) -> None:
    try:
        session.get_seller_accounts("1234").send(None)
    except SessionStateError as error:
        results.put(str(error))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
async def test_forked_child() -> None:
    """A child process would share the parent's sockets, so it is refused."""
    context = multiprocessing.get_context("fork")
    results: multiprocessing.Queue[str] = context.Queue()
    async with make_session() as session:
        child = context.Process(target=_use_in_child, args=(results, session))
        child.start()
        message = await asyncio.to_thread(results.get, timeout=30)
        await asyncio.to_thread(child.join)
    results.close()
    assert "fork" in message


async def test_borrowed_transport_stays_open() -> None:
    """Whoever opens a transport closes it: two sessions may share one."""
    transport = HangingTransport()
    async with AccountsSession("test-key", transport=transport):
        pass
    assert not transport.closed


async def test_own_transport_is_closed() -> None:
    """The session closes the transport that it made itself."""
    async with AccountsSession("test-key") as session:
        transport = session._owned
        assert isinstance(transport, AiohttpTransport)
    with pytest.raises(SessionStateError, match="closed"):
        await transport.send(Request(method="GET", url="http://127.0.0.1:1", headers={}), timeout=1)


async def test_closing_ends_queued_and_running_calls() -> None:
    """Neither who waits for a place nor who waits for a reply hangs for ever."""
    patient = RetryPolicy(attempt_timeout=3600)
    session = AccountsSession(
        "test-key", transport=HangingTransport(), max_connections=1, retry=patient, timeout=3600
    )
    async with session:
        calls = [asyncio.create_task(session.get_seller_accounts("1234")) for _ in range(3)]
        await asyncio.sleep(0)
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [SessionStateError] * 3


async def test_closing_ends_a_last_attempt_too() -> None:
    """A call that would not have been tried again says the same: the session was closed."""
    session = AccountsSession("test-key", transport=HangingTransport(), retry=RetryPolicy(attempts=1))
    async with session:
        call = asyncio.create_task(session.get_seller_accounts("1234"))
        await asyncio.sleep(0)
    with pytest.raises(SessionStateError, match="closed during the call") as caught:
        await call
    assert [attempt.error_type for attempt in caught.value.attempts] == ["closed"]


async def test_closing_waits_until_the_transport_is_let_go_of() -> None:
    """Whoever closes a session may close the transport next: no call is in there any more."""
    inside = []

    async def send(request: Request) -> Response:
        inside.append(request)
        try:
            return await HangingTransport().send(request, timeout=1)
        finally:
            await asyncio.sleep(0)  # letting go may take a moment
            inside.remove(request)

    async with AccountsSession("test-key", transport=ScriptedTransport([send] * 2)) as session:
        calls = [asyncio.create_task(session.get_seller_accounts("1234")) for _ in range(2)]
        await asyncio.sleep(0)
        assert len(inside) == 2
        await session.aclose()
        assert inside == []
    await asyncio.wait(calls)


async def test_cancelled_call_gives_its_place_back() -> None:
    """Cancellation comes out as such, and the next call is served."""
    transport = ScriptedTransport([HangingTransport().send, CONNECTED])  # type: ignore[list-item]
    async with AccountsSession("test-key", transport=transport, max_connections=1) as session:
        call = asyncio.create_task(session.get_seller_accounts("1234"))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert len(await session.get_seller_accounts("1234")) == 1


async def test_key_callable_is_asked_for_every_attempt() -> None:
    """A key that rotates is new on the retry."""
    keys = iter(["first", "second"])
    transport = ScriptedTransport([reply(500), CONNECTED])
    async with AccountsSession(lambda: next(keys), transport=transport) as session:
        await session.get_seller_accounts("1234")
    assert [request.headers["X-Api-Key"] for request in transport.requests] == ["first", "second"]


async def test_async_key_callable() -> None:
    """A key may come from a vault that has to be awaited."""

    async def vault() -> str:
        await asyncio.sleep(0)
        return "from the vault"[:4]

    transport = ScriptedTransport([NO_CONTENT])
    async with AccountsSession(vault, transport=transport) as session:
        await session.delete_seller_account("1234", SELLER)
    assert transport.requests[0].headers["X-Api-Key"] == "from"


@pytest.mark.parametrize("error", [LookupError("vault"), TimeoutError("vault")], ids=repr)
async def test_key_callables_exception_is_the_callers(error: Exception) -> None:
    """What the key callable raises reaches the caller unchanged."""

    def vault() -> str:
        raise error

    async with AccountsSession(vault, transport=ScriptedTransport([])) as session:
        with pytest.raises(type(error)) as caught:
            await session.get_seller_accounts("1234")
    assert caught.value is error


def test_from_env_takes_what_a_session_takes() -> None:
    """Its options are those of the class, so that a type checker knows every one of them."""
    parameters = inspect.signature(AccountsSession).parameters.keys()
    assert Options.__annotations__.keys() == parameters


def test_from_env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key may be the variable's text or a file's; the base URL may be set too."""
    file = tmp_path / "key"
    file.write_text("secret\n")
    monkeypatch.setenv("IMIN_API_KEY_FILE", str(file))
    monkeypatch.setenv("IMIN_BASE_URL", "https://gateway.example/imin")
    assert AccountsSession.from_env()._base_url == "https://gateway.example/imin"
    monkeypatch.setenv("IMIN_API_KEY", "secret")
    with pytest.raises(InvalidRequest, match="one of"):
        AccountsSession.from_env()
    monkeypatch.delenv("IMIN_API_KEY_FILE")
    assert AccountsSession.from_env(base_url="https://b.example")._base_url == "https://b.example"


@pytest.mark.parametrize("content", [None, b"", b"\xff", b"two words"], ids=repr)
def test_from_env_with_an_unusable_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    """A missing, empty or garbled key file is an error before anything is sent."""
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("IMIN_API_KEY_FILE", str(file))
    with pytest.raises(InvalidRequest):
        AccountsSession.from_env()


async def test_one_failing_call_leaves_the_others_alone() -> None:
    """Calls share a session, not their fate."""
    refused = TransportError("tls", maybe_sent=False)
    transport = ScriptedTransport([refused, CONNECTED])
    async with AccountsSession("test-key", transport=transport) as session:
        calls = [session.get_seller_accounts("1234") for _ in range(2)]
        failed, accounts = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(failed, TransportError)
    assert not isinstance(accounts, BaseException)


async def test_a_session_that_is_never_closed_warns() -> None:
    """Its connections would stay open unnoticed; one that was never opened has none."""
    sessions = [make_session(), make_session()]
    await sessions[0].__aenter__()
    with pytest.warns(ResourceWarning, match="unclosed session") as warned:
        sessions.clear()
    assert len(warned) == 1


def _drop_in_child(results: "multiprocessing.Queue[int]", sessions: list[AccountsSession]) -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        sessions.clear()
    results.put(len(warned))


def _close_in_child(session: AccountsSession) -> None:
    asyncio.run(session.aclose())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
async def test_a_child_that_closes_its_parents_session() -> None:
    """Closes nothing of the parent's, and that is no error."""
    body = accounts_of("1234").body
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with (
        Playback(Reply(head + body)) as server,
        AccountsSession("k", base_url=server.origin) as session,
    ):
        await session.get_seller_accounts("1234")
        child = multiprocessing.get_context("fork").Process(target=_close_in_child, args=(session,))
        child.start()
        await asyncio.to_thread(child.join)
        await session.get_seller_accounts("1234", timeout=20)
        assert (child.exitcode, server.connections) == (0, 1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
async def test_a_child_need_not_close_its_parents_session() -> None:
    """What a forked process got a copy of is the parent's to close, so dropping it warns of nothing."""
    context = multiprocessing.get_context("fork")
    results: multiprocessing.Queue[int] = context.Queue()
    sessions = [make_session()]
    await sessions[0].__aenter__()
    child = context.Process(target=_drop_in_child, args=(results, sessions))
    child.start()
    warned = await asyncio.to_thread(results.get, timeout=30)
    await asyncio.to_thread(child.join)
    results.close()
    await sessions[0].aclose()
    assert warned == 0
