"""An HTTP server made of sockets alone: the path of a request decides what happens to it.

It keeps the truth (who is connected to which seller), counts what reaches it, and answers rightly
unless its plan has a script for the request.
"""

import asyncio
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, MutableSequence
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, unquote

import attrs

from tests.proofs.faults import replies

HEAD_LIMIT = 1 << 16


@attrs.frozen
class Seen:
    """One request that reached the server, with the request line as it came.

    ``nth`` counts from 1 within label and method; ``at`` is a time of the event loop's clock.
    """

    connection: int
    label: str
    method: str
    customer: str
    seller: str | None
    nth: int
    at: float
    line: str
    fields: Mapping[str, str]


@attrs.define
class Exchange:
    """A request on its connection, while it is being answered."""

    server: "FaultServer"
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    seen: Seen
    found: bool = True

    def process(self) -> None:
        """Do what the request asks for. Later answers to it say whether there was anything to do."""
        if self.seen.method == "DELETE":
            sellers = self.server.truth(self.seen.customer)
            self.found = sellers.get(self.seen.seller or "", False)
            if self.found:
                sellers[self.seen.seller or ""] = False

    def right(self, *fields: str | bytes) -> bytes:
        """The reply that imin would give, with ``fields`` added."""
        if self.seen.method == "DELETE":
            return replies.reply(204, b"", *fields, length=False) if self.found else replies.reply(404)
        return replies.reply(200, self.document, replies.JSON, *fields)

    @property
    def document(self) -> bytes:
        return replies.document(self.seen.customer, self.server.truth(self.seen.customer))


Step = Callable[[Exchange], Awaitable[None]]
Script = tuple[Step, ...]


@attrs.frozen
class Turn:
    """What one request meets: whether it is processed, then the steps; none means the right reply."""

    processed: bool = True
    script: Script = ()


RIGHT = Turn()
Plan = Callable[[Seen], Turn]


@attrs.define
class FaultServer:
    """The server, listening on loopback while it is open.

    Attributes:
        plan: Decides what each request meets.
        greeting: Steps for a connection that said nothing yet. They see no request.
        skip: Puts the clock forward, for steps that let time pass.
        customers: The truth: each customer's sellers and whether they are connected.
        seen: The requests, in order: every one, unless a bounded sequence is passed.
        connections: How many were accepted.
    """

    plan: Plan = lambda seen: RIGHT
    greeting: Script = ()
    skip: Callable[[float], None] = lambda seconds: None
    tls: ssl.SSLContext | None = None
    customers: dict[str, dict[str, bool]] = attrs.Factory(dict)
    seen: MutableSequence[Seen] = attrs.Factory(list)
    connections: int = 0
    _counts: Counter[tuple[str, str]] = attrs.Factory(Counter)
    _serving: dict[asyncio.Task[None], asyncio.StreamWriter] = attrs.Factory(dict)
    _listening: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._listening = await asyncio.start_server(
            self._accept, "127.0.0.1", 0, limit=HEAD_LIMIT, ssl=self.tls, backlog=1024
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        assert self._listening is not None
        self._listening.close()
        for task, writer in self._serving.items():
            writer.transport.abort()
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    @property
    def port(self) -> int:
        assert self._listening is not None
        port: int = self._listening.sockets[0].getsockname()[1]
        return port

    def url(self, label: str = "well") -> str:
        """The base URL under which requests meet what ``label`` stands for in the plan."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/{label}"

    def truth(self, customer: str) -> dict[str, bool]:
        """``customer``'s sellers; one connected seller for a customer who is new here."""
        return self.customers.setdefault(customer, {replies.SELLER: True})

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.create_task(self._serve(self.connections, reader, writer))
        self._serving[task] = writer
        task.add_done_callback(self._serving.pop)

    async def _serve(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, OSError):  # the client went
            await self._converse(number, reader, writer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    async def _converse(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        nothing = Seen(number, "", "", "", None, 0, 0.0, "", {})
        for step in self.greeting:
            await step(Exchange(self, reader, writer, nothing))
        while not writer.is_closing():
            seen = self._note(number, await reader.readuntil(b"\r\n\r\n"))
            exchange = Exchange(self, reader, writer, seen)
            turn = self.plan(seen)
            if turn.processed:
                exchange.process()
            for step in turn.script or (_answer,):
                await step(exchange)

    def _note(self, connection: int, head: bytes) -> Seen:
        line, *rest = head.decode("latin-1").split("\r\n")
        method, target, _ = line.split(" ")
        path, _, query = target.partition("?")
        label, _, route = path.removeprefix("/").rpartition("/api/v2/customers/")
        fields = dict(field.partition(": ")[::2] for field in rest if field)
        self._counts[label, method] += 1
        seen = Seen(
            connection,
            label,
            method,
            unquote(route.removesuffix("/accounts")),
            parse_qs(query).get("seller", [None])[0],
            self._counts[label, method],
            asyncio.get_running_loop().time(),
            line,
            fields,
        )
        self.seen.append(seen)
        return seen


async def _answer(exchange: Exchange) -> None:
    exchange.writer.write(exchange.right())
    await exchange.writer.drain()
