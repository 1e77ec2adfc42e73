"""The little server that the conformance kit and these tests play replies with."""

import asyncio
from contextlib import suppress

import pytest

from imin_accounts.testing._playback import DROP, OK, Playback, RawRequest, Reply

REQUEST = b"GET /a%2Fb HTTP/1.1\r\nHost: x\r\nX-Odd:  1 \r\nx-odd: 2\r\n\r\n"
SHORT = Reply(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", ends=True)


class Client:
    """A connection to a server, and the bytes on it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def of(cls, server: Playback) -> "Client":
        return cls(*await asyncio.open_connection("127.0.0.1", server.port))

    async def gets(self, reply: Reply, request: bytes = REQUEST) -> None:
        """Send a request, and read exactly this reply."""
        self.writer.write(request)
        assert await self.reader.readexactly(len(reply.data)) == reply.data

    async def is_closed(self) -> bool:
        """Whether the server closes the connection and says nothing more; waits until it does."""
        try:
            return await self.reader.read() == b""
        except ConnectionResetError:
            return True
        finally:
            await self.close()

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionResetError):
            await self.writer.wait_closed()


async def test_replies_are_given_in_turn() -> None:
    """Whichever connection asks; the last one again and again."""
    first, last = Reply(b"HTTP/1.1 204 X\r\n\r\n"), OK
    async with Playback(first, last) as server:
        one, other = await Client.of(server), await Client.of(server)
        await one.gets(first)
        await other.gets(last)
        await one.gets(last)
    assert [request.connection for request in server.received] == [1, 2, 1]
    assert server.connections == 2
    assert await one.is_closed()
    assert await other.is_closed()


async def test_a_request_is_kept_as_it_came() -> None:
    """The head byte for byte; its fields in order, with every value of a name."""
    async with Playback() as server:
        await (client := await Client.of(server)).gets(OK)
    [request] = server.received
    assert request == RawRequest(1, REQUEST.decode())
    assert request.line == "GET /a%2Fb HTTP/1.1"
    assert request.fields == [("Host", "x"), ("X-Odd", "1"), ("x-odd", "2")]
    assert request.values("x-odd") == ["1", "2"]
    assert await client.is_closed()


async def test_a_reply_can_hold_the_target() -> None:
    """So that each of many requests is told apart by its reply."""
    async with Playback(Reply(b"<{target}>")) as server:
        client = await Client.of(server)
        await client.gets(Reply(b"</a%2Fb>"))
    assert await client.is_closed()


@pytest.mark.parametrize("reply", [DROP, SHORT])
async def test_a_connection_is_closed_where_its_reply_says_so(reply: Reply) -> None:
    """After the bytes there are; the next connection is served as ever."""
    async with Playback(reply, OK) as server:
        client = await Client.of(server)
        await client.gets(reply)
        assert await client.is_closed()
        await server.ended[1].wait()
        await (other := await Client.of(server)).gets(OK)
        assert not server.ended[2].is_set()
    assert server.ended[2].is_set()
    assert await other.is_closed()


async def test_the_gate_holds_replies_back() -> None:
    """A request has been received, and is answered once the gate is open."""
    async with Playback() as server:
        server.gate.clear()
        client = await Client.of(server)
        asking = asyncio.create_task(client.gets(OK))
        await server.arrived.wait()
        for _ in range(20):
            await asyncio.sleep(0)
        assert not asking.done()
        server.gate.set()
        await asking
    assert await client.is_closed()


async def test_it_can_speak_unasked() -> None:
    """Every open connection gets the bytes; a closed one does no harm."""
    async with Playback(OK, DROP) as server:
        client, dropped = await Client.of(server), await Client.of(server)
        await client.gets(OK)
        await dropped.gets(DROP)
        assert await dropped.is_closed()
        await server.say(b"unasked")
        assert await client.reader.readexactly(7) == b"unasked"
    assert await client.is_closed()


@pytest.mark.parametrize(("spare", "served"), [(0, True), (-1, False)])
async def test_a_head_of_64_kb_is_read(spare: int, served: bool) -> None:
    """One byte more, and the connection is closed."""
    start, end = b"GET / HTTP/1.1\r\nX-Long: ", b"\r\n\r\n"
    head = start + b"a" * ((1 << 16) - len(start) - spare) + end
    async with Playback() as server:
        client = await Client.of(server)
        if served:
            await client.gets(OK, head)
        else:
            client.writer.write(head)
            assert await client.is_closed()
    assert len(server.received) == served
    await client.close()


async def test_nobody_is_served_once_it_is_left() -> None:
    """Its address stays known, for whoever wants to be refused."""
    async with Playback() as server:
        pass
    assert server.origin == f"http://127.0.0.1:{server.port}"
    with pytest.raises(ConnectionRefusedError):
        await Client.of(server)
