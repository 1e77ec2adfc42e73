"""The fault server: the path of a request decides what happens to it.

It keeps the truth (who is connected to which seller), counts what reaches it, and answers rightly
unless its plan has a script for the request.
"""

import asyncio
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, MutableSequence
from urllib.parse import parse_qs, unquote

import attrs

from imin_accounts.testing._playback import Connection, LoopbackServer, RawRequest
from tests.proofs.faults import replies


@attrs.frozen
class AccountsRequest(RawRequest):
    """A request for a customer's accounts, and what it asks for.

    Attributes:
        label: What the path begins with; the plan decides by it.
        method: ``"GET"`` or ``"DELETE"``.
        customer: Whose accounts, decoded.
        seller: The seller in the query, decoded; None without one.
        nth: Counts from 1 within label and method.
        at: Seconds by the event loop's clock.
    """

    label: str = ""
    method: str = ""
    customer: str = ""
    seller: str | None = None
    nth: int = 0
    at: float = 0.0


@attrs.define
class Exchange:
    """A request on its connection, while it is being answered.

    Attributes:
        seen: The request; an empty one where the connection has sent nothing yet.
        found: Whether there was anything to do.
    """

    server: "FaultServer"
    connection: Connection
    seen: AccountsRequest
    found: bool = True

    def process(self) -> None:
        """Do what the request asks for, and note in ``found`` whether there was anything to do."""
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
Plan = Callable[[AccountsRequest], Turn]


class FaultServer(LoopbackServer):
    """The server, listening on loopback while it is open.

    Args:
        plan: Decides what each request meets.
        greeting: Steps for a connection that has sent nothing yet. They see no request.
        skip: Puts the clock forward by so many seconds, for steps that let time pass.
        tls: Its TLS context; None for plain HTTP.
        seen: Where the requests are kept: every one, unless a bounded sequence is passed.

    Attributes:
        customers: The truth: each customer's sellers and whether they are connected.
        seen: The requests, in order.
    """

    def __init__(
        self,
        plan: Plan = lambda seen: RIGHT,
        greeting: Script = (),
        skip: Callable[[float], None] = lambda seconds: None,
        tls: ssl.SSLContext | None = None,
        seen: MutableSequence[AccountsRequest] | None = None,
    ) -> None:
        super().__init__(tls)
        self.plan = plan
        self.greeting = greeting
        self.skip = skip
        self.customers: dict[str, dict[str, bool]] = {}
        self.seen: MutableSequence[AccountsRequest] = [] if seen is None else seen
        self._counts = Counter[tuple[str, str]]()

    def url(self, label: str = "well") -> str:
        """The base URL under which requests meet what ``label`` stands for in the plan."""
        return f"{self.origin}/{label}"

    def truth(self, customer: str) -> dict[str, bool]:
        """``customer``'s sellers; one connected seller for a customer who is new here."""
        return self.customers.setdefault(customer, {replies.SELLER: True})

    async def converse(self, connection: Connection) -> None:
        """Go through the greeting, then answer each request as the plan says."""
        nothing = AccountsRequest(connection.number, head="")
        for step in self.greeting:
            await step(Exchange(self, connection, nothing))
        while not connection.writer.is_closing():
            seen = self._note(await connection.receive())
            exchange = Exchange(self, connection, seen)
            turn = self.plan(seen)
            if turn.processed:
                exchange.process()
            for step in turn.script or (_answer,):
                await step(exchange)

    def _note(self, request: RawRequest) -> AccountsRequest:
        method, target, _ = request.line.split(" ")
        path, _, query = target.partition("?")
        label, _, route = path.removeprefix("/").rpartition("/api/v2/customers/")
        self._counts[label, method] += 1
        seen = AccountsRequest(
            request.connection,
            request.head,
            label,
            method,
            unquote(route.removesuffix("/accounts")),
            parse_qs(query).get("seller", [None])[0],
            self._counts[label, method],
            asyncio.get_running_loop().time(),
        )
        self.seen.append(seen)
        return seen


async def _answer(exchange: Exchange) -> None:
    await exchange.connection.send(exchange.right())
