"""A server of bytes: each request, on whichever connection, gets the next of the prepared answers."""

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Self

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class RawServer:
    """Answers with ``answers`` in order, the last one for ever; an empty answer drops the connection.

    Attributes:
        heads: Every request head received, in order.
        connections: How many connections were accepted.
        received: Set when the first head has come.
        gate: Answers wait until this is set; it is from the start.
    """

    def __init__(self, answers: Sequence[bytes] = (OK,)) -> None:
        self._answers = list(answers)
        self._writers: list[asyncio.StreamWriter] = []
        self.heads: list[str] = []
        self.connections = 0
        self.received = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = "http://127.0.0.1:{1}".format(*self._server.sockets[0].getsockname())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()
        await self._server.wait_closed()

    async def say(self, text: bytes) -> None:
        """Send ``text`` on every connection unasked, and let it arrive."""
        for writer in self._writers:
            writer.write(text)
            await writer.drain()
        for _ in range(20):
            await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        try:
            while True:
                self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
                self.received.set()
                await self.gate.wait()
                answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                if not answer:
                    break
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
