"""``AiohttpTransport`` on real sockets: once per attempt, nothing followed, nothing kept."""

import asyncio
import multiprocessing
import os
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import TraceConfig
from aiohttp.abc import AbstractResolver, ResolveResult

from imin_accounts.errors import SessionStateError, TransportError
from imin_accounts.testing._playback import DROP, OK, Connection, LoopbackServer, Playback, Reply
from imin_accounts.transports import AiohttpTransport, Request


def ask(url: str, *, method: str = "GET", fresh: bool = False) -> Request:
    return Request(method=method, url=url + "/a%2Fb?c=%20", headers={"X-Api-Key": "secret"}, fresh=fresh)


async def test_url_and_headers_go_out_byte_for_byte() -> None:
    """Nothing is decoded, encoded again or left out."""
    async with Playback() as server, AiohttpTransport() as transport:
        response = await transport.send(ask(server.origin), timeout=5)
    assert server.received[0].head.startswith("GET /a%2Fb?c=%20 HTTP/1.1\r\n")
    assert "X-Api-Key: secret\r\n" in server.received[0].head
    assert (response.status, response.body, response.headers["content-length"]) == (200, b"{}", "2")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("fresh", [False, True])
async def test_dropped_connection_is_not_resent(method: str, fresh: bool) -> None:
    """aiohttp would silently send a second time; the session has to decide that."""
    async with Playback(OK, DROP, OK) as server, AiohttpTransport() as transport:
        await transport.send(ask(server.origin, method=method), timeout=5)
        with pytest.raises(TransportError) as caught:
            await transport.send(ask(server.origin, method=method, fresh=fresh), timeout=5)
    assert (len(server.received), caught.value.reason, caught.value.maybe_sent) == (2, "dropped", True)


async def test_redirect_is_not_followed() -> None:
    """The key must not follow a redirect to another origin, or to this one."""
    async with Playback() as target:
        moved = f"HTTP/1.1 307 Moved\r\nLocation: {target.origin}/\r\nContent-Length: 0\r\n\r\n".encode()
        async with Playback(Reply(moved)) as server, AiohttpTransport() as transport:
            response = await transport.send(ask(server.origin), timeout=5)
    assert (response.status, target.received) == (307, [])


async def test_cookies_are_not_kept() -> None:
    """One customer's cookie must not go out with another's request."""
    answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nContent-Length: 2\r\n\r\n{}"
    async with Playback(Reply(answer)) as server, AiohttpTransport() as transport:
        for _ in range(2):
            await transport.send(ask(server.origin), timeout=5)
    assert "cookie" not in server.received[1].head.lower()


async def test_environment_proxy_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable of the machine does not decide where the key goes."""
    async with Playback() as proxy, Playback() as server, AiohttpTransport() as transport:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.origin)
        monkeypatch.setenv("no_proxy", "")
        await transport.send(ask(server.origin), timeout=5)
    assert (len(server.received), proxy.received) == (1, [])


async def test_proxy_is_used_where_asked_for() -> None:
    """A proxy that is passed gets the request."""
    async with Playback() as proxy, AiohttpTransport(proxy=proxy.origin) as transport:
        await transport.send(ask("http://imin.invalid"), timeout=5)
    assert proxy.received[0].head.startswith("GET http://imin.invalid/a%2Fb?c=%20 ")


async def test_connections_are_pooled() -> None:
    """Requests in turn share a connection."""
    async with Playback() as server, AiohttpTransport() as transport:
        for _ in range(3):
            await transport.send(ask(server.origin), timeout=5)
    assert server.connections == 1


async def test_fresh_request_has_a_connection_of_its_own() -> None:
    """It neither takes a pooled connection nor leaves one behind."""
    async with Playback() as server, AiohttpTransport() as transport:
        for fresh in (False, True, True, False):
            await transport.send(ask(server.origin, fresh=fresh), timeout=5)
    assert server.connections == 3


async def test_discard_idle_drops_the_pool() -> None:
    """After a stray reply no pooled connection is used again."""
    async with Playback() as server, AiohttpTransport() as transport:
        await transport.send(ask(server.origin), timeout=5)
        await transport.discard_idle()
        await transport.discard_idle()
        await transport.send(ask(server.origin), timeout=5)
    assert server.connections == 2


async def test_discard_idle_spares_requests_under_way() -> None:
    """A request on another connection of the pool ends as it would have."""
    async with Playback() as server, AiohttpTransport() as transport:
        server.gate.clear()
        under_way = asyncio.create_task(transport.send(ask(server.origin), timeout=5))
        await server.arrived.wait()
        await transport.discard_idle()
        server.gate.set()
        assert (await under_way).status == 200
        assert transport._retired == set()


async def test_a_body_as_long_as_may_be_comes_in_pieces() -> None:
    """It is taken to its last byte."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (size := 2**20)
    async with (
        Playback(Reply(head + bytes(size))) as server,
        AiohttpTransport(max_body=size) as transport,
    ):
        assert len((await transport.send(ask(server.origin), timeout=20)).body) == size


ELEVEN = b"x" * 11
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\nb\r\n" + ELEVEN + b"\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    "head", [b"Content-Length: 11\r\n\r\n" + ELEVEN, CHUNKED], ids=["announced", "chunked"]
)
async def test_body_is_capped(head: bytes) -> None:
    """A reply longer than the cap is refused, announced or not."""
    async with Playback(Reply(b"HTTP/1.1 200 OK\r\n" + head)) as server:
        async with AiohttpTransport(max_body=11) as transport:
            assert len((await transport.send(ask(server.origin), timeout=5)).body) == 11
        async with AiohttpTransport(max_body=10) as transport:
            with pytest.raises(TransportError, match="too large") as caught:
                await transport.send(ask(server.origin), timeout=5)
            assert caught.value.maybe_sent


@pytest.mark.parametrize("status", [201, 302, 401, 404, 500])
async def test_other_status_outlives_its_body(status: int) -> None:
    """Where only 200 needs its body, a body that breaks off does not hide the status."""
    answer = f"HTTP/1.1 {status} X\r\nContent-Length: 99\r\nConnection: close\r\n\r\nshort".encode()
    async with Playback(Reply(answer), DROP) as server, AiohttpTransport(max_body=50) as transport:
        response = await transport.send(ask(server.origin), timeout=5)
    assert (response.status, response.body) == (status, b"")


async def test_other_status_outlives_a_stalled_body() -> None:
    """An explanation that never ends is waited for in a fraction of the attempt's time."""
    stalled = b"HTTP/1.1 503 X\r\nContent-Length: 99\r\n\r\nshort"
    async with Playback(Reply(stalled)) as server, AiohttpTransport() as transport, asyncio.timeout(20):
        assert (await transport.send(ask(server.origin), timeout=2)).status == 503


def hooked(at_head: Callable[[], Awaitable[None]]) -> AiohttpTransport:
    """A transport that calls ``at_head`` when a reply's head has come and nobody reads its body yet."""
    hooks = TraceConfig()

    async def call(*_: object) -> None:
        await at_head()

    hooks.on_request_end.append(call)
    return AiohttpTransport(trace_configs=[hooks])


async def note(event: asyncio.Event) -> None:
    event.set()


UNFINISHED = [b"Content-Length: 99\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", b"\r\n{}"]


@pytest.mark.parametrize("rest", UNFINISHED, ids=["announced", "chunked", "until it is closed"])
@pytest.mark.parametrize("fresh", [False, True], ids=["pooled", "fresh"])
async def test_closing_ends_a_reply_that_is_being_read(rest: bytes, fresh: bool) -> None:
    """It ends at once, and what had come of it is no reply: aiohttp would wait on, or take it for one."""
    reached = asyncio.Event()
    async with Playback(Reply(b"HTTP/1.1 200 OK\r\n" + rest)) as server, asyncio.timeout(20):
        transport = hooked(lambda: note(reached))
        sending = asyncio.create_task(transport.send(ask(server.origin, fresh=fresh), timeout=60))
        await reached.wait()
        for _ in range(3):
            await asyncio.sleep(0)
        await transport.aclose()
        with pytest.raises(TransportError) as caught:
            await sending
    assert (caught.value.reason, caught.value.maybe_sent) == ("dropped", True)


@pytest.mark.parametrize("rest", UNFINISHED, ids=["announced", "chunked", "until it is closed"])
async def test_closing_between_a_head_and_its_body(rest: bytes) -> None:
    """The same where nobody has begun to read the body."""
    async with Playback(Reply(b"HTTP/1.1 200 OK\r\n" + rest)) as server, asyncio.timeout(20):
        transport = hooked(lambda: transport.aclose())
        with pytest.raises(TransportError) as caught:
            await transport.send(ask(server.origin), timeout=60)
    assert (caught.value.reason, caught.value.maybe_sent) == ("dropped", True)


async def test_closing_leaves_a_status_that_says_it_all() -> None:
    """A 503 that came is a 503, though the transport was closed before its explanation had come."""
    reached = asyncio.Event()
    stalled = Reply(b"HTTP/1.1 503 X\r\nContent-Length: 99\r\n\r\nshort")
    async with Playback(stalled) as server, asyncio.timeout(20):
        transport = hooked(lambda: note(reached))
        sending = asyncio.create_task(transport.send(ask(server.origin), timeout=120))
        await reached.wait()
        await transport.aclose()
        response = await sending
    assert (response.status, response.body) == (503, b"")


async def test_unasked_reply_is_not_taken_for_ours() -> None:
    """What a server says on an idle connection is no answer to the next request."""
    stray = b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n"
    async with Playback() as server, AiohttpTransport() as transport:
        await transport.send(ask(server.origin), timeout=5)
        await server.say(stray)
        response = await transport.send(ask(server.origin), timeout=5)
    assert (response.status, server.connections) == (200, 2)


class SilentResolver(AbstractResolver):
    """Knows no address for any name, and says so in its own way."""

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        return []

    async def close(self) -> None:
        pass


async def test_name_without_address_was_not_sent() -> None:
    """Whatever fails before there is a connection is known not to have been sent."""
    async with AiohttpTransport(resolver=SilentResolver()) as transport:
        with pytest.raises(TransportError) as caught:
            await transport.send(ask("http://imin.invalid"), timeout=5)
    assert not caught.value.maybe_sent


async def test_refused_connection_was_not_sent() -> None:
    """Nobody listens: that much is certain."""
    async with Playback() as server:
        pass
    async with AiohttpTransport() as transport:
        with pytest.raises(TransportError) as caught:
            await transport.send(ask(server.origin), timeout=5)
    assert (caught.value.reason, caught.value.maybe_sent) == ("refused", False)


async def test_stays_with_its_event_loop() -> None:
    """Sockets belong to the loop that opened them; the error says so."""
    async with Playback() as server, AiohttpTransport() as transport:
        await transport.send(ask(server.origin), timeout=5)

        for call in (transport.send(ask(server.origin), timeout=5), transport.discard_idle()):
            with pytest.raises(SessionStateError, match="loop"):
                await asyncio.to_thread(asyncio.run, call)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_closing_ends_what_is_being_connected(method: str) -> None:
    """To a server that never answers TLS's greeting: at once, and nothing was sent."""
    async with Silent() as server:
        transport = AiohttpTransport()
        request = ask(server.origin.replace("http:", "https:"), method=method)
        sending = asyncio.create_task(transport.send(request, timeout=1000))
        await server.arrived.wait()
        await transport.aclose()
        async with asyncio.timeout(20):
            with pytest.raises(SessionStateError, match="closed"):
                await sending


class Silent(LoopbackServer):
    """Reads, and never says anything."""

    def __init__(self) -> None:
        super().__init__()
        self.arrived = asyncio.Event()

    async def converse(self, connection: Connection) -> None:
        await connection.reader.read(1)
        self.arrived.set()
        while await connection.reader.read(65536):
            pass


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
async def test_a_childs_closing_leaves_the_parents_connections() -> None:
    """They share what watches the sockets: the parent would never hear from its own again."""
    async with Playback() as server, AiohttpTransport() as transport:
        await transport.send(ask(server.origin), timeout=5)
        child = multiprocessing.get_context("fork").Process(target=_close, args=(transport,))
        child.start()
        await asyncio.to_thread(child.join)
        async with asyncio.timeout(20):
            await transport.send(ask(server.origin), timeout=20)
        assert (child.exitcode, server.connections) == (0, 1)


def _close(transport: AiohttpTransport) -> None:
    asyncio.run(transport.aclose())


async def test_closed_transport_sends_nothing() -> None:
    """After ``aclose`` the transport says so instead of opening connections again."""
    async with Playback() as server:
        transport = AiohttpTransport()
        await transport.send(ask(server.origin), timeout=5)
        await transport.aclose()
        await transport.aclose()
        with pytest.raises(SessionStateError, match="closed"):
            await transport.send(ask(server.origin), timeout=5)
