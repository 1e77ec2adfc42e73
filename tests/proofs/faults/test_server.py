"""The fault server itself: what it answers, keeps and counts, asked over a plain socket."""

import asyncio

import pytest

from tests import canaries
from tests.proofs.faults import steps
from tests.proofs.faults.replies import JSON, SELLER, document, reply
from tests.proofs.faults.server import RIGHT, FaultServer, Turn

GET = "GET /{}/api/v2/customers/a%2Fb/accounts HTTP/1.1\r\nX-Any: 1\r\n\r\n"
DELETE = f"DELETE /well/api/v2/customers/a%2Fb/accounts?seller={SELLER} HTTP/1.1\r\n\r\n"
CONNECTED = reply(200, document("a/b", {SELLER: True}), JSON)
UNCONNECTED = reply(200, document("a/b", {SELLER: False}), JSON)


async def ask(server: FaultServer, *requests: str) -> bytes:
    """All that is said on a connection that makes these requests and is then closed for writing."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write("".join(requests).encode())
    writer.write_eof()
    said = await reader.read()
    writer.close()
    await writer.wait_closed()
    return said


async def test_it_answers_rightly() -> None:
    """A DELETE changes the truth; one more finds nothing to do."""
    async with FaultServer() as server:
        said = await ask(server, GET.format("well"), DELETE, DELETE, GET.format("well"))
    assert said == CONNECTED + reply(204, b"", length=False) + reply(404) + UNCONNECTED
    assert server.customers == {"a/b": {SELLER: False}}


async def test_the_plan_decides() -> None:
    """By what it knows of the request: label, method, which of its kind it is."""

    async with FaultServer(
        lambda seen: Turn(script=(steps.send(b"odd"),)) if (seen.label, seen.nth) == ("odd", 2) else RIGHT
    ) as server:
        said = await ask(server, *[GET.format(label) for label in ("odd", "well", "odd", "odd")])
    assert said == CONNECTED * 2 + b"odd" + CONNECTED
    assert [(seen.label, seen.nth) for seen in server.seen] == [
        ("odd", 1),
        ("well", 1),
        ("odd", 2),
        ("odd", 3),
    ]
    assert {(seen.connection, seen.method, seen.customer, seen.seller) for seen in server.seen} == {
        (1, "GET", "a/b", None)
    }
    assert server.seen[0].line == GET.format("odd").partition("\r\n")[0]
    assert server.seen[0].fields == [("X-Any", "1")]


@pytest.mark.parametrize(("processed", "connected"), [(True, False), (False, True)])
async def test_a_fault_strikes_before_or_after_the_work(processed: bool, connected: bool) -> None:
    """Whether the DELETE counts is the plan's to say, apart from what is answered."""
    async with FaultServer(lambda seen: Turn(processed, (steps.close,))) as server:
        assert await ask(server, DELETE) == b""
    assert server.truth("a/b") == {SELLER: connected}


async def test_it_can_greet() -> None:
    """Something is said before the first request; that one is answered as ever."""
    async with FaultServer(greeting=(steps.send(b"hello"),)) as server:
        assert await ask(server) == b"hello"
        assert await ask(server, GET.format("well")) == b"hello" + CONNECTED
    assert (server.connections, len(server.seen)) == (2, 1)


async def test_its_replies_hold_canaries() -> None:
    """Else no test could tell whether they get out."""
    async with FaultServer() as server:
        said = (await ask(server, GET.format("well"))).decode()
    assert [word for word in (canaries.EMAIL, canaries.BARCODE, canaries.FILTER) if word not in said] == []
