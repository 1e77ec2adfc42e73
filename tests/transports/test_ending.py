"""No connection outlives what it was made for, whatever the other side does: real TLS, real sockets."""

import asyncio
import sys

import aiohttp
import pytest

from imin_accounts.errors import SessionStateError
from imin_accounts.transports import AiohttpTransport, Request
from imin_accounts.transports.aiohttp import _Connector
from tests.transports.deaf_peer import DeafPeer, descriptors

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in /proc")

CLOSE = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
KEEP = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}"
ROUNDS = 20


def ask(peer: DeafPeer, *, fresh: bool) -> Request:
    return Request(method="DELETE" if fresh else "GET", url=peer.origin + "/", headers={}, fresh=fresh)


async def settle() -> None:
    """Let whatever is due happen, at both ends of a connection."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("reply", "fresh"), [(b"HTTP/1.1 204 X\r\n\r\n", True), (KEEP, True), (CLOSE, False)], ids=repr
)
async def test_a_connection_ends_with_its_request(reply: bytes, fresh: bool) -> None:
    """Nobody waits for an answer to close_notify: with 256 descriptors 155 of 400 calls failed."""
    async with DeafPeer(reply) as peer, AiohttpTransport(ssl=peer.trusting) as transport:
        before = descriptors()
        for _ in range(ROUNDS):
            await transport.send(ask(peer, fresh=fresh), timeout=20)
            await settle()
        assert descriptors() - before < ROUNDS


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize("reply", [b"", CUT], ids=["unanswered", "cut"])
async def test_a_connection_ends_with_a_request_that_is_given_up(reply: bytes, fresh: bool) -> None:
    """A caller that does not wait any longer leaves no socket behind."""
    async with DeafPeer(reply) as peer, AiohttpTransport(ssl=peer.trusting) as transport:
        before = descriptors()
        for _ in range(ROUNDS):
            peer.asked.clear()
            task = asyncio.create_task(transport.send(ask(peer, fresh=fresh), timeout=20))
            await peer.asked.wait()
            task.cancel()
            await asyncio.wait([task])
            await settle()
        assert descriptors() - before < ROUNDS


async def test_closing_ends_what_is_being_closed() -> None:
    """A connection that was idle for too long says goodbye to a deaf peer: closing does not wait for that."""
    async with DeafPeer(KEEP) as peer:
        before = descriptors()
        connector = _Connector(ssl=peer.trusting, keepalive_timeout=0.05)
        async with aiohttp.ClientSession(connector=connector) as client:
            async with client.get(peer.origin):
                pass
            while connector._conns:  # until its time is over
                await asyncio.sleep(0.01)
            assert descriptors() > before
        await settle()
        assert descriptors() == before


async def test_a_new_connection_ends_those_that_are_being_closed() -> None:
    """One that was idle for too long says goodbye to a deaf peer, until another one is needed."""
    async with DeafPeer(KEEP) as peer:
        before = descriptors()
        connector = _Connector(ssl=peer.trusting, keepalive_timeout=0.05)
        async with aiohttp.ClientSession(connector=connector) as client:
            for _ in range(ROUNDS // 2):
                async with client.get(peer.origin):
                    pass
                while connector._conns:  # until its time is over
                    await asyncio.sleep(0.01)
            await settle()
            assert descriptors() - before < ROUNDS // 2


async def test_closing_ends_what_is_being_opened() -> None:
    """A transport that was closed during a handshake has no use for the connection, and leaves none."""
    async with DeafPeer() as peer:
        before = descriptors()
        peer.gate.clear()
        transport = AiohttpTransport(ssl=peer.trusting)
        sending = asyncio.create_task(transport.send(ask(peer, fresh=False), timeout=20))
        await peer.reached.wait()
        await transport.aclose()
        peer.gate.set()
        with pytest.raises(SessionStateError):
            await sending
        await settle()
        assert descriptors() == before


async def test_closing_leaves_no_connection() -> None:
    """Idle ones, those under way and those just given up: all are gone with the transport."""
    async with DeafPeer(KEEP) as peer:
        before = descriptors()
        async with AiohttpTransport(ssl=peer.trusting) as transport:
            for fresh in (False, True):
                await asyncio.gather(
                    *(transport.send(ask(peer, fresh=fresh), timeout=20) for _ in range(ROUNDS))
                )
            assert descriptors() - before >= ROUNDS
        await settle()
        assert descriptors() - before < ROUNDS
