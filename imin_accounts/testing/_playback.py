"""A minimal HTTP server for the conformance kit: it plays replies back and records requests."""

import asyncio
from types import TracebackType
from typing import Self

import attrs

__all__ = ["NEVER", "OK", "Playback", "RawRequest", "Reply"]


@attrs.frozen
class Reply:
    """What is written in answer to one request.

    Attributes:
        data: The bytes; none where the connection just ends.
        ends: Whether the connection is closed after them.
        never: Nothing is written and nothing closed.
    """

    data: bytes
    ends: bool = False
    never: bool = False


OK = Reply(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
NEVER = Reply(b"", never=True)


@attrs.frozen
class RawRequest:
    """One request.

    Attributes:
        connection: On which connection it came, counted from 1.
        line: Its first line.
        headers: Names in lower case, with values, in the order received.
    """

    connection: int
    line: str
    headers: tuple[tuple[str, str], ...]

    def values(self, name: str) -> list[str]:
        """Every value of a header field."""
        return [value for found, value in self.headers if found == name]


class Playback:
    """Gives ``replies`` in turn, whichever connection asks; the last one again and again.

    Attributes:
        received: What came in.
        ended: For each connection, by number, an event: the client has closed it.
    """

    def __init__(self, *replies: Reply) -> None:
        self._replies = list(replies)
        self._tasks: set[asyncio.Task[None]] = set()
        self.received: list[RawRequest] = []
        self.ended: dict[int, asyncio.Event] = {}
        self.arrived = asyncio.Event()
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        number = len(self.ended) + 1
        self.ended[number] = asyncio.Event()
        try:
            await self._converse(number, reader, writer)
        except (asyncio.CancelledError, ConnectionError):
            pass  # the trial is over, or the client went away
        finally:
            self.ended[number].set()
            self._tasks.discard(task)
            writer.transport.abort()

    async def _converse(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while request := await _read(number, reader):
            self.received.append(request)
            self.arrived.set()
            reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
            if reply.never:
                await reader.read()  # until the client goes away
                return
            writer.write(reply.data.replace(b"{target}", request.line.split(" ")[1].encode()))
            await writer.drain()
            if reply.ends:
                writer.close()
                await writer.wait_closed()
                return


async def _read(number: int, reader: asyncio.StreamReader) -> RawRequest | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    line, *fields = head.rstrip("\r\n").split("\r\n")
    named = [field.partition(":") for field in fields]
    return RawRequest(number, line, tuple((name.lower(), value.strip()) for name, _, value in named))
