"""``PyreqwestTransport`` on real sockets: what it shares with the other one, and what its thread means."""

import asyncio
import gc
import gzip
import os
import socket
import ssl
import subprocess
import sys
import traceback
import weakref
import zlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import anyio
import attrs
import pytest
import trustme

from imin_accounts.errors import InvalidRequest, SessionStateError, TransportError
from imin_accounts.testing._playback import DROP, OK, Connection, LoopbackServer, Playback, Reply
from imin_accounts.transports import Request, Response, Transport
from tests.proofs.faults.catalogue.connections import bomb
from tests.transports.deaf_peer import DeafPeer
from tests.transports.every import needs_pyreqwest

pytestmark = needs_pyreqwest
with suppress(ImportError):
    import imin_accounts.transports.pyreqwest as module
    from imin_accounts.transports import PyreqwestTransport

SECRET = "canary-key-5ca1ab1e"


def ask(origin: str, target: str = "/a%2Fb?c=%20", *, method: str = "GET", fresh: bool = False) -> Request:
    return Request(method=method, url=origin + target, headers={"X-Api-Key": SECRET}, fresh=fresh)


async def failure(sending: Awaitable[Response]) -> tuple[str, bool]:
    """Why no reply came, and whether the request may have been sent."""
    with pytest.raises(TransportError) as caught:
        await sending
    return caught.value.reason, caught.value.maybe_sent


# --- What goes out ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        *(
            "/a/..",
            "/a/../b",
            "/./a",
            "/a/.",
            "/%2e%2E/b",
            "/a/.%2e/b",
            "/%2E",
            "/a\\b",
            "/a b",
            "/é",
            "/a\tb",
        ),
        *("/a?b='", "/a#b", "/a?b#", "/a`b", "/{a}", '/"', "/a?b= c", "/a\n", " ", "\\@elsewhere.invalid/"),
    ],
)
async def test_a_url_that_would_be_written_anew_is_refused(target: str) -> None:
    """Byte for byte or not at all: ``/a/..`` is not to become another request."""
    async with Playback() as server, PyreqwestTransport() as transport:
        assert await failure(transport.send(ask(server.origin, target), timeout=20)) == ("url", False)
    assert server.received == []


@pytest.mark.parametrize(
    "target",
    [
        *("/a%2Fb%2f", "//a//", "/a;b=c,d", "/~'()*!$&+:@", "/%zz%", "/..a/...", "/a|b^c[]", "/a?"),
        *("/a?b=%20&%2e%2e/", "/" + "a" * 2000, "/%5C", "/a?b=|^[]\\`"),
    ],
)
async def test_any_other_url_goes_out_byte_for_byte(target: str) -> None:
    """Nothing is decoded, encoded again or left out."""
    async with Playback() as server, PyreqwestTransport() as transport:
        await transport.send(ask(server.origin, target), timeout=20)
    assert server.received[0].line == f"GET {target} HTTP/1.1"


async def test_a_host_may_be_written_in_capitals_and_a_usual_port_be_there() -> None:
    """Neither is sent in the request's first line, and both name the same place."""
    async with PyreqwestTransport() as transport:
        for url in ("HTTP://LOCALHOST.invalid:80/a", "https://imin.invalid:443/", "http://imin.invalid"):
            assert (await failure(transport.send(ask(url, ""), timeout=20)))[0] != "url"


@pytest.mark.parametrize(
    "url", ["http://127.1/", "http://[::1/", "//a", "http:/a", "", "ftp://x/", "http://a:99999/"]
)
async def test_a_url_of_another_place_or_of_none_is_refused(url: str) -> None:
    """An address is not to be read as another one."""
    async with PyreqwestTransport() as transport:
        assert not (await failure(transport.send(ask(url, ""), timeout=20)))[1]


async def test_fields_that_are_none_are_refused() -> None:
    """A line break in a value can't be sent, and nothing of it is shown."""
    async with Playback() as server, PyreqwestTransport() as transport:
        request = Request(method="GET", url=server.origin, headers={"X-Api-Key": f"a\r\n{SECRET}: b"})
        assert await failure(transport.send(request, timeout=20)) == ("headers", False)
    assert server.received == []


async def test_environment_proxy_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable of the machine does not decide where the key goes."""
    async with Playback() as proxy, Playback() as server, PyreqwestTransport() as transport:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.origin)
        monkeypatch.setenv("no_proxy", "")
        for fresh in (False, True):
            await transport.send(ask(server.origin, fresh=fresh), timeout=20)
    assert (len(server.received), proxy.received) == (2, [])


@pytest.mark.parametrize("fresh", [False, True])
async def test_proxy_is_used_where_asked_for(fresh: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that is passed gets the request, whatever the environment excepts."""
    monkeypatch.setenv("NO_PROXY", "*")
    async with Playback() as proxy, PyreqwestTransport(proxy=proxy.origin) as transport:
        await transport.send(ask("http://imin.invalid", fresh=fresh), timeout=20)
    assert proxy.received[0].line.startswith("GET http://imin.invalid/a%2Fb?c=%20 ")


async def test_a_proxy_that_is_gone_was_not_sent_anything() -> None:
    """Not to imin either: the tunnel was never there."""
    async with Playback() as proxy:
        pass
    async with PyreqwestTransport(proxy=proxy.origin) as transport:
        assert await failure(transport.send(ask("https://imin.invalid"), timeout=20)) == ("refused", False)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("ends", ["before the request", "after the request"])
async def test_hyper_sends_again_only_what_it_never_wrote(method: str, ends: str) -> None:
    """A pooled connection that was closed costs a new one; a request that went out is never sent twice."""

    class ClosesIdle(Playback):
        async def converse(self, connection: Connection) -> None:
            self.received.append(await connection.receive())
            if connection.number == 1:
                await connection.send(OK.data)
                if ends == "after the request":
                    self.received.append(await connection.receive())
                return  # which closes it
            await connection.send(OK.data)

    async with ClosesIdle() as server, PyreqwestTransport() as transport:
        await transport.send(ask(server.origin), timeout=20)
        sending = transport.send(ask(server.origin, method=method), timeout=20)
        if ends == "after the request":
            assert await failure(sending) == ("dropped", True)
            assert (len(server.received), server.connections) == (2, 1)
        else:
            assert (await sending).status == 200
            assert (len(server.received), server.connections) == (2, 2)


# --- Connections ------------------------------------------------------------------------------------


async def test_connections_are_pooled_but_for_fresh_requests() -> None:
    """Requests in turn share one; a fresh one neither takes it nor leaves one behind."""
    async with Playback() as server, PyreqwestTransport() as transport:
        for fresh in (False, False, True, True, False):
            await transport.send(ask(server.origin, fresh=fresh), timeout=20)
        assert [request.connection for request in server.received] == [1, 1, 2, 3, 1]
        for own in (2, 3):
            await server.ended[own].wait()
        assert not server.ended[1].is_set()


async def test_an_idle_connection_is_closed_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """After 15 s, like the other's: whoever waits for longer meets one that a balancer is just closing."""
    assert module._IDLE == 15.0
    monkeypatch.setattr(module, "_IDLE", 0.05)
    async with Playback() as server, PyreqwestTransport() as transport:
        await transport.send(ask(server.origin), timeout=20)
        async with asyncio.timeout(20):
            await server.ended[1].wait()


async def test_discard_idle_drops_the_pool() -> None:
    """After a stray reply no pooled connection is used again; it is closed."""
    async with Playback() as server, PyreqwestTransport() as transport:
        await transport.discard_idle()
        await transport.send(ask(server.origin), timeout=20)
        await transport.discard_idle()
        await server.ended[1].wait()
        await transport.send(ask(server.origin), timeout=20)
    assert server.connections == 2


async def test_discard_idle_drops_what_a_given_up_request_leaves_behind() -> None:
    """Its reply comes though nobody waits for it, and its connection is idle from then on."""
    async with Playback() as server, PyreqwestTransport() as transport:
        server.gate.clear()
        sending = asyncio.create_task(transport.send(ask(server.origin), timeout=60))
        await server.arrived.wait()
        sending.cancel()
        await asyncio.wait([sending])
        del sending  # its frames hold the pool
        await transport.discard_idle()
        server.gate.set()
        async with asyncio.timeout(10):  # it would be closed after 15 anyway
            assert await server.ended[1].wait()


async def test_discard_idle_spares_requests_under_way() -> None:
    """A request on another connection of the pool ends as it would have."""
    async with Playback() as server, PyreqwestTransport() as transport:
        await transport.send(ask(server.origin), timeout=20)
        server.gate.clear()
        under_way = asyncio.create_task(transport.send(ask(server.origin), timeout=20))
        while len(server.received) < 2:
            await asyncio.sleep(0)
        await transport.discard_idle()
        server.gate.set()
        assert (await under_way).status == 200


async def test_closing_closes_idle_connections() -> None:
    """Those that the server sees end; closing twice is fine."""
    async with Playback() as server:
        transport = PyreqwestTransport()
        await transport.send(ask(server.origin), timeout=20)
        await transport.aclose()
        await transport.aclose()
        await server.ended[1].wait()
        with pytest.raises(SessionStateError, match="closed"):
            await transport.send(ask(server.origin), timeout=20)


HALF = Reply(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}")


@pytest.mark.parametrize("reply", [None, HALF], ids=["no head yet", "inside the body"])
async def test_closing_ends_requests_that_are_under_way(reply: Reply | None) -> None:
    """They may have been sent: they end at once, though their reply never comes."""
    async with Playback(reply or OK) as server:
        transport = PyreqwestTransport()
        if reply is None:
            server.gate.clear()
        sending = asyncio.create_task(transport.send(ask(server.origin), timeout=60))
        await server.arrived.wait()
        await transport.aclose()
        async with asyncio.timeout(20):
            assert await failure(sending) == ("closed", True)


async def test_a_request_that_is_given_up_has_its_own_time() -> None:
    """pyreqwest does not call it back: its connection ends when the attempt's time is over."""
    async with Playback() as server, PyreqwestTransport() as transport:
        server.gate.clear()
        sending = asyncio.create_task(transport.send(ask(server.origin, fresh=True), timeout=0.2))
        await server.arrived.wait()
        sending.cancel()
        await asyncio.wait([sending])
        closed = asyncio.create_task(_closed(server))
        async with asyncio.timeout(20):
            await closed


async def _closed(server: Playback) -> None:
    [connection] = server.open
    assert await connection.reader.read() == b""


class Tells(LoopbackServer):
    """Answers with the version of TLS and the protocol that were agreed on."""

    async def converse(self, connection: Connection) -> None:
        await connection.receive()
        agreed = connection.writer.get_extra_info("ssl_object")
        spoken = f"{agreed.version()} {agreed.selected_alpn_protocol()}"
        await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n" + spoken.encode())


@pytest.mark.parametrize(
    ("least", "most", "version"),
    [
        (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.MAXIMUM_SUPPORTED, b"TLSv1.3"),
        (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2, b"TLSv1.2"),
        (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3, b"TLSv1.3"),
    ],
)
async def test_what_is_spoken(least: ssl.TLSVersion, most: ssl.TLSVersion, version: bytes) -> None:
    """TLS of a version that the context allows, the newest; and never HTTP/2, where a server would rather.

    Many requests on one connection would share its end.
    """
    authority, serving = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    serving.set_alpn_protocols(["h2", "http/1.1"])
    trusting = ssl.create_default_context()
    trusting.minimum_version, trusting.maximum_version = least, most
    authority.configure_trust(trusting)
    async with Tells(serving) as server, PyreqwestTransport(ssl=trusting) as transport:
        assert (await transport.send(ask(server.origin), timeout=20)).body == version + b" http/1.1"


# --- What comes back --------------------------------------------------------------------------------

JSON = b'{"a": "' + b"x" * 300_000 + b'"}'


def encoded(body: bytes, encoding: str) -> Reply:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n"
    return Reply(head.encode() + body)


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(JSON), "gzip"),
        (gzip.compress(JSON), "X-GZip"),
        (gzip.compress(JSON[:1000]) + gzip.compress(JSON[1000:]), "gzip"),
        (zlib.compress(JSON), "deflate"),
        (zlib.compress(JSON)[2:-4], "deflate"),
        (JSON, "identity"),
        (JSON, "rot13"),
    ],
)
async def test_a_body_is_decoded(body: bytes, encoding: str) -> None:
    """In each encoding that is asked for; what is not known is left as it is."""
    async with Playback(encoded(body, encoding)) as server, PyreqwestTransport() as transport:
        assert (await transport.send(ask(server.origin), timeout=20)).body == JSON
    assert server.received[0].values("accept-encoding") == ["gzip, deflate"]


@pytest.mark.parametrize("size", [64 * 1024 * n + d for n in (1, 4) for d in (-1, 0, 1)])
async def test_a_body_of_any_size_is_decoded_whole(size: int) -> None:
    """The last piece too, where the one before it was full."""
    reply = encoded(gzip.compress(bytes(size)), "gzip")
    async with Playback(reply) as server, PyreqwestTransport(max_body=size) as transport:
        assert (await transport.send(ask(server.origin), timeout=20)).body == bytes(size)


BOMB = 256 << 20
CUT_GZIP = encoded(gzip.compress(JSON)[:-8] + bytes(8), "gzip")


async def test_a_broken_encoding_is_no_reply() -> None:
    """A sum that does not fit."""
    async with Playback(CUT_GZIP) as server, PyreqwestTransport() as transport:
        assert await failure(transport.send(ask(server.origin), timeout=20)) == ("malformed", True)


async def test_a_gzip_bomb_is_capped_and_lets_others_run() -> None:
    """256 MB out of 260 kB: it ends at the cap, and the event loop goes on meanwhile."""
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with Playback(encoded(bomb(), "gzip")) as server, PyreqwestTransport() as transport:
        task = asyncio.create_task(other())
        assert await failure(transport.send(ask(server.origin), timeout=20)) == ("too large", True)
        task.cancel()
    assert turns > (4 << 20) / (64 << 10) - 5


ELEVEN = b"x" * 11
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\nb\r\n" + ELEVEN + b"\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    "head", [b"Content-Length: 11\r\n\r\n" + ELEVEN, CHUNKED], ids=["announced", "chunked"]
)
async def test_body_is_capped(head: bytes) -> None:
    """A reply longer than the cap is refused, announced or not."""
    async with Playback(Reply(b"HTTP/1.1 200 OK\r\n" + head)) as server:
        async with PyreqwestTransport(max_body=11) as transport:
            assert len((await transport.send(ask(server.origin), timeout=20)).body) == 11
        async with PyreqwestTransport(max_body=10) as transport:
            assert await failure(transport.send(ask(server.origin), timeout=20)) == ("too large", True)


@pytest.mark.parametrize("status", [201, 302, 401, 404, 500])
async def test_other_status_outlives_its_body(status: int) -> None:
    """Where only 200 needs its body, a body that breaks off or stalls does not hide the status."""
    head = f"HTTP/1.1 {status} X\r\nContent-Length: 99\r\n\r\nshort".encode()
    replies = Reply(head, ends=True), Reply(head)
    async with Playback(*replies) as server, PyreqwestTransport() as transport:
        for _ in replies:
            assert (await transport.send(ask(server.origin), timeout=1)).status == status


@pytest.mark.parametrize("field", [b"Content-Length: 5", b"Transfer-Encoding: chunked"])
@pytest.mark.parametrize("encoding", [b"", b"Content-Encoding: gzip\r\n"], ids=["plain", "encoded"])
async def test_a_204_shows_its_body(field: bytes, encoding: bytes) -> None:
    """What announced it is there: such a reply proves no disconnection."""
    reply = Reply(b"HTTP/1.1 204 X\r\n" + encoding + field + b"\r\n\r\n")
    async with Playback(reply) as server, PyreqwestTransport() as transport:
        response = await transport.send(ask(server.origin, method="DELETE", fresh=True), timeout=20)
    name, _, value = field.decode().lower().partition(": ")
    assert (response.status, response.headers[name], response.body) == (204, value, b"")


async def test_repeated_and_odd_fields() -> None:
    """One value after the other; one that is not ASCII is there, and says nothing."""
    head = b"X-Odd: a\r\nX-Latin: \xe9\xff\r\nX-ODD: b\r\nx-odd: c\r\nContent-Length: 2\r\n\r\n{}"
    async with Playback(Reply(b"HTTP/1.1 200 OK\r\n" + head)) as server, PyreqwestTransport() as transport:
        headers = (await transport.send(ask(server.origin), timeout=20)).headers
    assert (headers["x-odd"], headers["x-latin"]) == ("a, b, c", "\N{REPLACEMENT CHARACTER}")


async def test_a_reply_with_two_ends_is_refused() -> None:
    """A length and chunks: whoever takes the other one finds a stray reply on the connection."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + CHUNKED
    async with Playback(Reply(head)) as server, PyreqwestTransport() as transport:
        assert await failure(transport.send(ask(server.origin), timeout=20)) == ("malformed", True)


async def test_interim_replies_are_passed_over() -> None:
    """100 and 103 are no answer yet; 101 is one, and nobody asked for it."""
    first = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX-Odd: a\r\n\r\n"
    last = Reply(b"HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", ends=True)
    async with Playback(Reply(first + OK.data), last) as server, PyreqwestTransport() as transport:
        assert [(await transport.send(ask(server.origin), timeout=20)).status for _ in "ab"] == [200, 101]


# --- What was sent ----------------------------------------------------------------------------------


async def test_what_fails_before_there_is_a_connection_was_not_sent() -> None:
    """A port where nobody listens, a name that nobody has."""
    async with Playback() as server:
        pass
    async with PyreqwestTransport() as transport:
        for url, reason in ((server.origin, "refused"), ("http://x.invalid", "dns")):
            assert await failure(transport.send(ask(url), timeout=60)) == (reason, False)


@contextmanager
def full_backlog() -> Iterator[str]:
    """A port whose queue of connections is full, so that Linux drops every further SYN."""
    with ExitStack() as sockets:
        listening = sockets.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.skipif(sys.platform != "linux", reason="fills a queue as Linux has it")
@pytest.mark.parametrize("fresh", [False, True])
async def test_a_host_that_does_not_answer_was_not_sent_anything(fresh: bool) -> None:
    """At half of the attempt's time at the latest it is known, for a port and for TLS's first words."""
    async with DeafPeer() as peer, PyreqwestTransport(ssl=peer.trusting) as transport:
        peer.gate.clear()
        with full_backlog() as origin:
            for url in (origin, peer.origin):
                _, maybe_sent = await failure(transport.send(ask(url, fresh=fresh), timeout=1))
                assert maybe_sent is False


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (DROP, "dropped"),
        (attrs.evolve(HALF, ends=True), "dropped"),
        (Reply(b"what?\r\n\r\n"), "malformed"),
        (Reply(b"HTTP/1.1 999999 OK\r\n\r\n"), "malformed"),
    ],
    ids=["nothing", "half", "no HTTP", "no status"],
)
async def test_why_there_is_no_reply(reply: Reply, reason: str) -> None:
    """The connection was closed, or something else than HTTP came."""
    async with Playback(reply) as server, PyreqwestTransport() as transport:
        assert await failure(transport.send(ask(server.origin), timeout=20)) == (reason, True)


async def test_an_attempt_ends_by_itself() -> None:
    """When its time is over, with nobody to cancel it; it may have been sent."""
    async with Playback(HALF) as server, PyreqwestTransport() as transport:
        assert await failure(transport.send(ask(server.origin), timeout=0.2)) == ("timeout", True)
        server.gate.clear()
        assert await failure(transport.send(ask(server.origin), timeout=0.2)) == ("timeout", True)


# --- Trust ------------------------------------------------------------------------------------------


async def test_whom_it_trusts() -> None:
    """The system's authorities, and those of a context beside them; nobody in particular without checks."""
    async with DeafPeer(OK.data) as peer:
        async with PyreqwestTransport() as transport:
            assert await failure(transport.send(ask(peer.origin), timeout=20)) == ("tls", False)
        unchecked = ssl.create_default_context()
        unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
        for trust in (peer.trusting, False, unchecked):
            async with PyreqwestTransport(ssl=trust) as transport:
                assert (await transport.send(ask(peer.origin), timeout=20)).status == 200


def without_names() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    return context


def revoking() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    return context


@pytest.mark.parametrize("made", [without_names, revoking, lambda: "usual"])
def test_what_a_context_asks_for_and_can_t_have_is_refused(made: Callable[[], ssl.SSLContext]) -> None:
    """Rather than trusting more than was asked for."""
    with pytest.raises(InvalidRequest):
        PyreqwestTransport(ssl=made())


@pytest.mark.skipif(not ssl.create_default_context().get_ca_certs(), reason="the system trusts nobody")
def test_a_context_that_trusts_fewer_than_the_system_is_refused() -> None:
    """reqwest only ever adds authorities."""
    with pytest.raises(InvalidRequest, match="AiohttpTransport"):
        PyreqwestTransport(ssl=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


# --- Cancelling, and the key ------------------------------------------------------------------------


async def test_a_cancellation_comes_out_as_it_went_in() -> None:
    """With its message, by which anyio knows its own again."""
    async with Playback() as server, PyreqwestTransport() as transport:
        server.gate.clear()
        sending = asyncio.create_task(transport.send(ask(server.origin), timeout=20))
        await server.arrived.wait()
        sending.cancel("enough")
        with pytest.raises(asyncio.CancelledError, match="enough"):
            await sending
        with anyio.move_on_after(0.05) as scope:
            await transport.send(ask(server.origin), timeout=20)
        assert scope.cancelled_caught
        await anyio.lowlevel.checkpoint()


async def test_a_cancellation_is_not_lost_where_the_reply_has_just_come() -> None:
    """The task ends, whether or not there is something to return."""
    async with Playback() as server, PyreqwestTransport() as transport:
        for turns in range(40):
            server.arrived.clear()
            sending = asyncio.create_task(transport.send(ask(server.origin), timeout=20))
            await server.arrived.wait()
            for _ in range(turns):
                await asyncio.sleep(0)
            if sending.cancel():
                await asyncio.wait([sending])
                assert sending.cancelled()


class Local:
    """Something that a caller's frame holds."""


async def asking(transport: Transport, origin: str, held: Local) -> None:
    await transport.send(ask(origin), timeout=20)


@pytest.mark.parametrize("reply", [OK, HALF], ids=["whole", "stalled"])
async def test_a_cancellation_is_not_kept(reply: Reply) -> None:
    """Nor the frames that it came through, wherever in a request it came: they hold the connections."""
    left = weakref.WeakSet[Local]()
    async with Playback(reply) as server, PyreqwestTransport() as transport:
        for turns in range(40):
            left.add(held := Local())
            server.arrived.clear()
            sending = asyncio.create_task(asking(transport, server.origin, held))
            await server.arrived.wait()
            for _ in range(turns):
                await asyncio.sleep(0)
            sending.cancel()
            await asyncio.wait([sending])
        del sending, held
        gc.collect()
        assert len(left) == 0


@pytest.mark.parametrize("reply", [DROP, HALF, Reply(b"what?\r\n\r\n"), None])
async def test_the_key_is_in_no_error(reply: Reply | None) -> None:
    """Not in its text, what hangs on it, or what the frames that it holds show of themselves."""
    async with Playback(reply or OK) as server, PyreqwestTransport() as transport:
        if reply is None:
            server.gate.clear()
        with pytest.raises(TransportError) as caught:
            await transport.send(ask(server.origin), timeout=0.2)
    error = caught.value
    frames = [repr(frame.f_locals) for frame, _ in traceback.walk_tb(error.__traceback__)]
    assert (error.__cause__, error.__context__) == (None, None)
    assert SECRET not in "".join([str(error), repr(error), *frames[1:]])


# --- Where it may be used ---------------------------------------------------------------------------


async def test_stays_with_its_event_loop() -> None:
    """Its clients wake the loop that made them; the error says so."""
    async with Playback() as server, PyreqwestTransport() as transport:
        await transport.send(ask(server.origin), timeout=20)

        def elsewhere() -> None:
            asyncio.run(transport.send(ask(server.origin), timeout=20))

        with pytest.raises(SessionStateError, match="loop"):
            await asyncio.to_thread(elsewhere)


FORKED = """
import asyncio, os, sys, warnings
warnings.simplefilter("ignore")
from imin_accounts import SessionStateError
from imin_accounts.transports import PyreqwestTransport, Request

async def use(transport):
    try:
        await transport.send(Request(method="GET", url="http://127.0.0.1:9/", headers={}), timeout=20)
    except Exception as error:
        return f"{type(error).__name__}: {error}"

loop, used, unused = asyncio.new_event_loop(), PyreqwestTransport(), PyreqwestTransport()
if sys.argv[1] == "after":
    loop.run_until_complete(use(used))
if os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
print(loop.run_until_complete(use(used)), loop.run_until_complete(use(unused)), sep="\\n")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(
    ("when", "says"),
    [("before", ["TransportError", "TransportError"]), ("after", ["SessionStateError", "SessionStateError"])],
)
def test_a_forked_child_has_no_thread_of_its_own(when: str, says: list[str]) -> None:
    """Forked before the first request it works; else it says what to do, whoever made the transport."""
    run = subprocess.run(
        [sys.executable, "-c", FORKED, when], capture_output=True, text=True, timeout=60, check=True
    )
    assert [line.partition(":")[0] for line in run.stdout.splitlines()] == says
    assert run.stdout.count("after the fork") == (2 if when == "after" else 0)


def test_it_is_a_transport() -> None:
    """For a type checker too."""
    transport: Transport = PyreqwestTransport()
    assert transport
