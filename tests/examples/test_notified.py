"""The FastAPI example in a process of its own, notified by the emulator over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from imin_accounts.fake import Duplicated, Notify, Rule, Status, WrongKey
from tests.examples.web_service import COMPLAINTS, EXAMPLES, ServedImin, WebService, serve_example
from tests.ports import free_port

SELLERS = "https://id.bookingsystem.example.com/organizers/"
ACME, BROOK = SELLERS + "1", SELLERS + "2"
TAKEN = '"POST /imin-webhook HTTP/1.1" 204'

Served = Callable[[], AbstractAsyncContextManager[WebService]]


@pytest.fixture
async def notifying() -> AsyncIterator[tuple[ServedImin, int]]:
    """An emulator that notifies a service, and the service's port."""
    port = free_port()
    async with ServedImin(Notify(f"http://127.0.0.1:{port}/imin-webhook", "agreed")) as imin:
        imin.as_new()
        yield imin, port


@pytest.fixture
def imin(notifying: tuple[ServedImin, int]) -> ServedImin:
    """The emulator."""
    return notifying[0]


@pytest.fixture
def served(notifying: tuple[ServedImin, int], tmp_path: Path) -> Served:
    """How to start the service, any number of times: it keeps what it knows."""
    there = {"BROKER_WEBHOOK_KEY": "next agreed", "BROKER_SNAPSHOTS": str(tmp_path / "accounts.db")}
    imin, port = notifying
    return lambda: serve_example(EXAMPLES["fastapi"], imin, port, **there)


async def log_in(service: WebService, imin: ServedImin) -> None:
    """Log in, and wait until the service has taken its first picture."""
    asked = len(imin.fake.requests)
    await service.http.post("/login", data={"customer": "rosie"})
    while len(imin.fake.requests) == asked:
        await service.http.get("/nothing")  # its loop has turned meanwhile


def complaints(printed: str) -> list[str]:
    """Lines that no healthy service prints, but for those of a feed that says why it waits."""
    return [line for line in printed.splitlines() if any(word in line for word in COMPLAINTS)]


async def test_a_seller_disconnects(served: Served, imin: ServedImin) -> None:
    """From the seller to the printed change: told once, though the notification comes twice."""
    imin.fake.faults.add(Rule(Duplicated()))
    async with served() as service:
        await log_in(service, imin)
        imin.fake.disconnect("rosie", ACME)
        await service.wait_for("changed: AccountDisconnected")
        imin.fake.connect("rosie", BROOK)
        imin.fake.change_account("rosie", BROOK, access_pass="1")
        await service.wait_for("changed: AccountConnected")
        printed = await service.stop()
    assert printed.count("changed:") == 2
    assert "rosie" not in printed
    assert complaints(printed) == []


async def test_connecting_here_is_known(served: Served, imin: ServedImin) -> None:
    """imin notifies of no connection: the way back has it read, so that its end is news later."""
    async with served() as service:
        await log_in(service, imin)
        click = await service.http.post("/connections/connect", data={"seller": BROOK})
        await service.http.get(imin.fake.complete(click.headers["location"]))
        await service.wait_for("changed: AccountConnected")
        imin.fake.disconnect("rosie", BROOK)
        await service.wait_for("changed: AccountDisconnected")


async def test_what_was_noted_survives_the_service(served: Served, imin: ServedImin) -> None:
    """While imin fails a notification is taken; the service ends cleanly, the next one tells the change."""
    async with served() as service:
        await log_in(service, imin)
        imin.fake.faults.add(Rule(Status(500), endpoint="get_seller_accounts"))
        imin.fake.disconnect("rosie", ACME)
        await service.wait_for(TAKEN)
        printed = await service.stop()
    assert ("changed" in printed, complaints(printed)) == (False, [])
    imin.fake.faults.clear()
    async with served() as service:
        await service.wait_for("changed: AccountDisconnected")


async def test_a_wrong_key_of_ours(served: Served, imin: ServedImin) -> None:
    """Is said, names nobody, and ends nothing: notifications are taken, and applied once it is mended."""
    async with served() as service:
        await log_in(service, imin)
        imin.fake.faults.add(Rule(Status(401), endpoint="get_seller_accounts"))
        imin.fake.disconnect("rosie", ACME)
        await service.wait_for("the feed stopped, and goes on in 1 s: imin answered 401")
        imin.fake.faults.clear()
        await service.wait_for("changed: AccountDisconnected")
        assert "rosie" not in await service.stop()


async def test_somebody_else_calls(served: Served, imin: ServedImin) -> None:
    """Without the agreed key the answer is 401, and nobody is read."""
    imin.fake.faults.add(Rule(WrongKey()))
    async with served() as service:
        await log_in(service, imin)
        imin.fake.disconnect("rosie", ACME)
        await service.wait_for('"POST /imin-webhook HTTP/1.1" 401')
        assert len(imin.fake.requests) == 1
        assert "rosie" not in await service.stop()


async def call(service: WebService, body: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Begin a call to the webhook, of which much is to come."""
    address = service.http.base_url
    reader, writer = await asyncio.open_connection(address.host, address.port)
    head = "POST /imin-webhook HTTP/1.1\r\nHost: x\r\nX-Api-Key: agreed\r\nContent-Length: 1000000000\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()
    return reader, writer


async def test_a_body_that_is_too_large(served: Served) -> None:
    """Is answered as soon as that is certain; the rest of it is not waited for."""
    async with served() as service:
        reader, writer = await call(service, b" " * 65_537)
        answer = await reader.read()  # to the end: the service has closed
        writer.close()
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert complaints(await service.stop()) == []


async def test_a_caller_who_leaves(served: Served) -> None:
    """In the middle of the body: nothing is noted, and the log has no traceback."""
    async with served() as service:
        _, writer = await call(service, b"{")
        await service.http.get("/connections")  # by now it waits for the rest
        writer.close()
        await writer.wait_closed()
        await service.http.get("/connections")
        assert complaints(await service.stop()) == []
