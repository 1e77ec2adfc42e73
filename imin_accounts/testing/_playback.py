"""A small HTTP server on loopback: it reads requests, and gives the replies that it was given."""

import asyncio
import ssl
from contextlib import suppress
from types import TracebackType
from typing import Self

import attrs

__all__ = ["DROP", "OK", "Connection", "LoopbackServer", "Playback", "RawRequest", "Reply"]

_HEAD_LIMIT = 1 << 16
"""Bytes that a request's head may have; a connection that sends more is closed."""


@attrs.frozen
class RawRequest:
    """One request as it was received. None that is sent here has a body.

    Attributes:
        connection: On which connection it came, counted from 1.
        head: Its first line and its header fields as they came, with the empty line after them; empty
            where nothing has been received yet.
    """

    connection: int
    head: str

    @property
    def line(self) -> str:
        """The first line, without its end."""
        return self.head.partition("\r\n")[0]

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The header fields in the order received, names as they were written."""
        parts = (field.partition(":") for field in self.head.split("\r\n")[1:] if field)
        return [(name, value.strip()) for name, _, value in parts]

    def values(self, name: str) -> list[str]:
        """Every value of a header field; ``name`` in lower case."""
        return [value for found, value in self.fields if found.lower() == name]


@attrs.frozen(eq=False)
class Connection:
    """One accepted connection.

    Attributes:
        number: Counted from 1, in the order accepted.
    """

    number: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def receive(self) -> RawRequest:
        """The next request.

        Raises:
            asyncio.IncompleteReadError: The client closed the connection.
            asyncio.LimitOverrunError: The head is longer than 64 kB.
        """
        head = await self.reader.readuntil(b"\r\n\r\n")
        return RawRequest(self.number, head.decode("latin-1"))

    async def send(self, data: bytes) -> None:
        """Write ``data``."""
        self.writer.write(data)
        await self.writer.drain()


class LoopbackServer:
    """Listens on loopback while it is open; a subclass says what happens on a connection.

    Args:
        tls: What makes it an HTTPS server; None for plain HTTP.

    Attributes:
        port: Where it listens, and after its end did; 0 before it has begun.
        connections: How many it has accepted.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._open: dict[asyncio.Task[None], Connection] = {}
        self.port = 0
        self.connections = 0

    @property
    def origin(self) -> str:
        """The scheme, host and port that requests go to."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def open(self) -> tuple[Connection, ...]:
        """The connections that are open, in the order accepted."""
        return tuple(self._open.values())

    async def __aenter__(self) -> Self:
        self._listening = await asyncio.start_server(
            self._accept, "127.0.0.1", 0, limit=_HEAD_LIMIT, ssl=self._tls, backlog=1024
        )
        self.port = self._listening.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listening.close()
        for task, connection in self._open.items():
            connection.writer.transport.abort()
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def converse(self, connection: Connection) -> None:
        """Receive and send on ``connection``, which is closed afterwards."""
        raise NotImplementedError

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection = Connection(self.connections, reader, writer)
        task = asyncio.create_task(self._serve(connection))
        self._open[task] = connection
        task.add_done_callback(self._open.pop)

    async def _serve(self, connection: Connection) -> None:
        try:
            # The client went away, or its request has no end.
            with suppress(asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
                await self.converse(connection)
        finally:
            connection.writer.close()
        with suppress(OSError):
            await connection.writer.wait_closed()


@attrs.frozen
class Reply:
    """What is written in answer to one request.

    Attributes:
        data: The bytes, in which ``{target}`` stands for the request's target; empty: the connection
            is closed without an answer.
        ends: Whether the connection is closed after them.
    """

    data: bytes
    ends: bool = False


OK = Reply(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
DROP = Reply(b"")


class Playback(LoopbackServer):
    """Gives replies in turn, whichever connection asks; the last one again and again.

    Args:
        replies: The replies; ``OK`` where there are none.

    Attributes:
        received: The requests, in order.
        arrived: Set when the first request has come.
        gate: Replies are held back until this is set; it is from the start.
        ended: For each connection that has been accepted, by number, an event: it is over.
    """

    def __init__(self, *replies: Reply) -> None:
        super().__init__()
        self._replies = list(replies or (OK,))
        self.received: list[RawRequest] = []
        self.arrived = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.ended: dict[int, asyncio.Event] = {}

    async def say(self, data: bytes) -> None:
        """Send ``data`` on every open connection, unasked, and let it arrive."""
        for connection in self.open:
            await connection.send(data)
        for _ in range(20):
            await asyncio.sleep(0)

    async def converse(self, connection: Connection) -> None:
        """Answer each request with the next reply."""
        ended = self.ended[connection.number] = asyncio.Event()
        try:
            while await self._answer(connection, await connection.receive()):
                pass
        finally:
            ended.set()

    async def _answer(self, connection: Connection, request: RawRequest) -> bool:
        """Whether the connection stays open after it."""
        self.received.append(request)
        reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        self.arrived.set()
        await self.gate.wait()
        await connection.send(reply.data.replace(b"{target}", request.line.split(" ")[1].encode()))
        return bool(reply.data) and not reply.ends
