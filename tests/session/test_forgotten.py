"""Idle connections of which a balancer has forgotten: it resets or ignores them, while new ones work."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from imin_accounts.errors import DeadlineExceeded
from imin_accounts.session import AccountsSession, RetryPolicy
from imin_accounts.testing._playback import Connection, LoopbackServer
from tests.scripted import CONNECTED, GONE, SELLER

OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"


class Balancer(LoopbackServer):
    """Answers on connections that it knows.

    Attributes:
        known_from: The number of the first connection that it has not forgotten.
        is_silent: Whether it ignores what comes on the others, instead of resetting them.
        body: What a GET is answered with.
    """

    known_from = 1
    is_silent = False
    body = CONNECTED.body

    async def converse(self, connection: Connection) -> None:
        while True:
            seen = await connection.receive()
            if connection.number < self.known_from:
                if self.is_silent:
                    await connection.reader.read()
                connection.writer.transport.abort()
            if seen.line.startswith("DELETE"):
                self.body = GONE.body
                return
            await connection.send(OK % (len(self.body), self.body))


class Idle:
    """A session with ``idle`` connections, of all of which the balancer has forgotten."""

    def __init__(self, idle: int, **options: Any) -> None:
        self._idle = idle
        self._options = options
        self._stack = AsyncExitStack()
        self.balancer = Balancer()

    async def __aenter__(self) -> AccountsSession:
        await self._stack.enter_async_context(self.balancer)
        session = AccountsSession("test-key", base_url=self.balancer.origin, **self._options)
        await self._stack.enter_async_context(session)
        await asyncio.gather(*(session.get_seller_accounts("1234") for _ in range(self._idle)))
        assert self.balancer.connections == self._idle
        self.balancer.known_from = self._idle + 1
        return session

    async def __aexit__(self, *exit: Any) -> None:
        await self._stack.aclose()


async def test_one_loss_discredits_the_pool() -> None:
    """The first call is tried twice, on a new connection; the next ones know."""
    idle = Idle(8)
    async with idle as session:
        for _ in range(8):
            assert len(await session.get_seller_accounts("1234")) == 1
        assert idle.balancer.connections == 8 + 2  # one for the second attempt, one to keep


async def test_many_at_once_get_their_answers() -> None:
    """However many a session may have under way, each finds a dead connection, and then a new one."""
    idle = Idle(100)
    async with idle as session:
        calls = [session.get_seller_accounts("1234") for _ in range(100)]
        assert [len(accounts) for accounts in await asyncio.gather(*calls)] == [1] * 100


async def test_a_disconnection_takes_none_of_them() -> None:
    """A DELETE whose answer is lost and the re-read that settles it have connections of their own."""
    async with Idle(8) as session:
        deletion = await session.delete_seller_account("1234", SELLER)
    assert [(each.method, each.error_type) for each in deletion.attempts] == [
        ("DELETE", "dropped"),
        ("GET", None),
    ]


async def test_a_silent_one_costs_one_attempt() -> None:
    """One that is ignored is given up in time for another."""
    idle = Idle(8, retry=RetryPolicy(attempt_timeout=0.5), timeout=20)
    idle.balancer.is_silent = True
    async with idle as session:
        for _ in range(8):
            assert len(await session.get_seller_accounts("1234")) == 1
        assert idle.balancer.connections < 8 + 8


async def test_a_silent_one_costs_one_call_at_most() -> None:
    """A call without time for another attempt fails, and the next one takes a new connection."""
    idle = Idle(8)
    idle.balancer.is_silent = True
    async with idle as session:
        with pytest.raises(DeadlineExceeded):
            await session.get_seller_accounts("1234", timeout=0.2)
        for _ in range(8):
            assert len(await session.get_seller_accounts("1234", timeout=5)) == 1


async def test_the_last_attempt_discredits_the_pool_too() -> None:
    """Whoever tries but once pays for the loss; the next call does not."""
    async with Idle(8, retry=RetryPolicy(attempts=1)) as session:
        calls = [session.get_seller_accounts("1234") for _ in range(8)]
        outcomes = [(await asyncio.gather(call, return_exceptions=True))[0] for call in calls]
    assert [isinstance(outcome, Exception) for outcome in outcomes] == [True, *[False] * 7]
