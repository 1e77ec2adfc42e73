"""A served emulator posts its notifications, and a receiver in trouble is no trouble to it."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from imin_accounts.fake import FakeImin, Late, Notify, Rule
from imin_accounts.transports import AiohttpTransport
from tests.fake.requests import SELLER, Clock, request
from tests.fake.webhook_receiver import Posted, WebhookReceiver


class Sleeper:
    """Sleeps until it is told that the time has passed."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[float] = asyncio.Queue()
        self.passed = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.asked.put_nowait(seconds)
        await self.passed.wait()


class LogOf(logging.Handler):
    """What a logger says, until this is closed."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.lines: asyncio.Queue[str] = asyncio.Queue()
        self._log = logging.getLogger(name)
        self._log.addHandler(self)
        self._log.setLevel(logging.INFO)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.put_nowait(f"{record.levelname} {record.getMessage()}")

    def close(self) -> None:
        self._log.removeHandler(self)
        self._log.setLevel(logging.NOTSET)
        super().close()


def crowd(**options: Any) -> FakeImin:
    """An emulator in which the customers a to e are connected."""
    fake = FakeImin(seed=1, clock=Clock(), **options)
    fake.add_seller(SELLER)
    for customer in "abcde":
        fake.connect(customer, SELLER)
    return fake


@asynccontextmanager
async def notifying(fake: FakeImin, *statuses: int, timeout: float = 10.0) -> AsyncIterator[WebhookReceiver]:
    """The emulator served, and a receiver that answers with these."""
    async with (
        WebhookReceiver(*statuses).serve() as receiver,
        fake.serve(notify=Notify(receiver.url, "agreed", timeout=timeout)),
    ):
        yield receiver


def customer(posted: Posted) -> str:
    """Whom it was about."""
    return str(json.loads(posted.body)["identifier"])


async def test_it_is_posted_with_the_key() -> None:
    """JSON, to the URL, with the agreed key; ``@id`` leads to the emulator."""
    fake = crowd()
    async with (
        WebhookReceiver().serve() as receiver,
        fake.serve(notify=Notify(receiver.url, "agreed")) as base,
    ):
        fake.disconnect("a", SELLER)
        posted = await receiver.posted.get()
    assert (posted.method, posted.headers["X-Api-Key"]) == ("POST", "agreed")
    assert posted.headers["Content-Type"] == "application/json"
    assert json.loads(posted.body)["@id"] == f"{base}/api/v2/customer-accounts/a"


@pytest.mark.parametrize(
    "statuses",
    [(), (500, 500, 503, 404), (307, 302)],
    ids=["well", "errors", "redirects"],
)
async def test_each_is_posted_once_in_order_whatever_the_answer(statuses: tuple[int, ...]) -> None:
    """A redirect is not followed, which would carry the key elsewhere."""
    fake = crowd()
    async with notifying(fake, *statuses) as receiver:
        for each in "abcde":
            fake.disconnect(each, SELLER)
        posted = [await receiver.posted.get() for _ in "abcde"]
    assert "".join(map(customer, posted)) == "abcde"
    assert {each.method for each in posted} == {"POST"}
    assert receiver.posted.empty()


async def test_no_answer_ends_with_the_timeout() -> None:
    """Then the next one is posted."""
    fake, log = crowd(), LogOf("imin_accounts.fake._notifier")
    async with notifying(fake, 0, timeout=0.05) as receiver:
        for n in range(50):  # on a busy machine some may not even arrive in time
            fake.change_account("a", SELLER, access_pass=str(n))
        for _ in range(2):
            await receiver.posted.get()
    log.close()
    assert await log.lines.get() == "WARNING notifications are not taken: no answer within 0.05 s"


async def test_a_receiver_that_never_answers_delays_nobody_else() -> None:
    """The API answers meanwhile, and serving ends at once."""
    fake = crowd()
    async with (
        WebhookReceiver(0).serve() as receiver,
        AiohttpTransport() as transport,
        fake.serve(notify=Notify(receiver.url, "agreed", timeout=1e6)) as base,
    ):
        fake.disconnect("a", SELLER)
        await receiver.posted.get()
        reply = await transport.send(request("GET", "b", base=base), timeout=30)
    assert reply.status == 200


async def test_a_receiver_in_trouble_is_told_once_in_the_log() -> None:
    """When it begins and when it ends, without the address or the customer."""
    fake, log = crowd(), LogOf("imin_accounts.fake._notifier")
    async with notifying(fake, 500, 500, 404, 200):
        for each in "abcde":
            fake.disconnect(each, SELLER)
        said = [await log.lines.get() for _ in range(3)]
    log.close()
    trouble = "WARNING notifications are not taken: the answer was"
    assert said == [f"{trouble} 500", f"{trouble} 404", "INFO notifications are taken again"]
    assert log.lines.empty()


async def test_a_receiver_that_is_not_there_is_told_in_the_log() -> None:
    """The emulator serves on."""
    fake, log = crowd(), LogOf("imin_accounts.fake._notifier")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/secret"
    async with fake.serve(notify=Notify(url, "agreed")) as base, AiohttpTransport() as transport:
        fake.disconnect("a", SELLER)
        said = await log.lines.get()
        assert (await transport.send(request("GET", "b", base=base), timeout=30)).status == 200
    log.close()
    assert said == "WARNING notifications are not taken: no answer (ClientConnectorError)"


async def test_a_late_one_is_posted_once_it_was_slept_for() -> None:
    """By the emulator's own sleep, which a test may give; others are not held up."""
    sleeper = Sleeper()
    fake = crowd(sleep=sleeper)
    fake.faults.add(Rule(Late(60), nth=1))
    async with notifying(fake) as receiver:
        fake.disconnect("a", SELLER)
        assert await sleeper.asked.get() == 60
        fake.disconnect("b", SELLER)
        assert customer(await receiver.posted.get()) == "b"
        sleeper.passed.set()
        assert customer(await receiver.posted.get()) == "a"


async def test_a_late_one_is_posted_when_time_is_moved_on() -> None:
    """Nobody has to wait for it."""
    sleeper = Sleeper()
    fake = crowd(sleep=sleeper)
    fake.faults.add(Rule(Late(60), nth=2))
    async with notifying(fake) as receiver:
        fake.disconnect("b", SELLER)
        await receiver.posted.get()
        fake.disconnect("a", SELLER)
        await sleeper.asked.get()
        fake.advance(60)
        assert customer(await receiver.posted.get()) == "a"


async def test_it_is_told_from_another_thread() -> None:
    """The emulator may be changed from one thread while another serves it."""
    fake = crowd()
    async with notifying(fake) as receiver:
        await asyncio.to_thread(fake.disconnect, "a", SELLER)
        assert customer(await receiver.posted.get()) == "a"


async def test_what_was_before_serving_is_not_posted() -> None:
    """It may be taken all the same; so may whatever is posted."""
    fake = crowd()
    fake.disconnect("a", SELLER)
    async with notifying(fake) as receiver:
        fake.disconnect("b", SELLER)
        assert customer(await receiver.posted.get()) == "b"
    fake.disconnect("c", SELLER)
    assert [json.loads(call.body)["identifier"] for call in fake.take_notifications()] == ["a", "b", "c"]
    assert receiver.posted.empty()
