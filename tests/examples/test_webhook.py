"""The webhook of the FastAPI example and the consumer behind it, over the emulator in memory."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest

from examples.web.broker import Broker, whole
from examples.web.consumer import consume, consuming
from imin_accounts import AccountsSession, Failed, RetryPolicy, SnapshotsError
from imin_accounts.fake import FakeImin, Rule, Status, add_rosie
from imin_accounts.feed import ChangeFeed, SqliteSnapshots, Update
from imin_accounts.session import Runtime
from tests.examples.web_service import SECRET, skip_if_missing

ACME = "https://id.bookingsystem.example.com/organizers/1"
KEYS = ("next", "agreed")
ROSIE = {"identifier": "rosie"}


class HeldSnapshots(SqliteSnapshots):
    """Snapshots whose notes wait to be let go, or fail."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.begun, self.let_go = asyncio.Event(), asyncio.Event()
        self.let_go.set()
        self.reason: str | None = None

    async def note(self, customers: Sequence[str], *, urgent: bool, baseline: bool) -> None:
        self.begun.set()
        await self.let_go.wait()
        if self.reason is not None:
            raise SnapshotsError(self.reason)
        await super().note(customers, urgent=urgent, baseline=baseline)


@attrs.frozen
class Site:
    """The example, the emulated imin behind it, and the feed between them, which nobody consumes yet.

    Attributes:
        end: Ends all of it.
    """

    fake: FakeImin
    feed: ChangeFeed
    snapshots: HeldSnapshots
    http: httpx.AsyncClient
    end: Callable[[], Awaitable[None]]

    async def call(self, body: bytes | dict[str, Any] = ROSIE, key: str | None = "agreed") -> httpx.Response:
        """Call the webhook as imin would."""
        headers = {} if key is None else {"X-Api-Key": key}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.http.post("/imin-webhook", content=content, headers=headers)

    async def noted(self) -> list[str]:
        """Who waits to be read, in the file."""
        claims = await self.snapshots.claim(10)
        await self.snapshots.release(claims)
        return [claim.customer for claim in claims]


def client(app: Any, broker: Broker) -> httpx.AsyncClient:
    """A client of the example that has this broker."""

    async def served(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "state": {"broker": broker}}, receive, send)

    return httpx.AsyncClient(base_url="https://broker.example", transport=httpx.ASGITransport(served))


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """Rosie is connected with Acme, which is known."""
    skip_if_missing("fastapi")
    from examples.web.fastapi_app import app

    fake = FakeImin(notification_key="agreed")
    add_rosie(fake)
    snapshots = HeldSnapshots(tmp_path / "accounts.db")
    async with AsyncExitStack() as opened:
        no_pause = Runtime(random=lambda: 0.0)  # before an update whose body has raised comes again
        session = AccountsSession("test-key", transport=fake, retry=RetryPolicy(attempts=1))
        await opened.enter_async_context(session)
        feed = await opened.enter_async_context(ChangeFeed(session, snapshots, runtime=no_pause))
        await feed.note_all(["rosie"], baseline=True)
        assert [update async for update in feed.until_idle()] == []
        broker = Broker(session, origin="https://b.example", secret=SECRET, feed=feed, webhook_keys=KEYS)
        http = await opened.enter_async_context(client(app, broker))
        yield Site(fake, feed, snapshots, http, opened.aclose)


# --- The webhook ----------------------------------------------------------------------------------

PADDED = json.dumps(ROSIE).encode()
CALLS = [
    pytest.param(ROSIE, "agreed", 204, id="of imin"),
    pytest.param(ROSIE, "next", 204, id="the other key, while they rotate"),
    pytest.param(PADDED.ljust(65_536), "agreed", 204, id="as large as may be"),
    pytest.param(ROSIE, None, 401, id="no key"),
    pytest.param(ROSIE, "", 401, id="an empty key"),
    pytest.param(ROSIE, "Agreed", 401, id="another key"),
    pytest.param(b"", None, 401, id="no key, and nothing else"),
    pytest.param(b"", "agreed", 400, id="no body"),
    pytest.param(b"{", "agreed", 400, id="no JSON"),
    pytest.param({"identifier": 7}, "agreed", 400, id="no identifier"),
    pytest.param({**ROSIE, "@id": "https://book.imin.co/customers/zoe"}, "agreed", 400, id="two customers"),
    pytest.param({"identifier": ".."}, "agreed", 400, id="an identifier that leads elsewhere"),
    pytest.param(PADDED.ljust(65_537), "agreed", 413, id="too large"),
]


@pytest.mark.parametrize(("body", "key", "status"), CALLS)
async def test_a_call(site: Site, body: Any, key: str | None, status: int) -> None:
    """What is answered, and that nobody is noted but with 204."""
    answer = await site.call(body, key)
    assert answer.status_code == status
    assert await site.noted() == (["rosie"] if status == 204 else [])


async def test_what_the_emulator_posts(site: Site) -> None:
    """Its calls are taken as they are, and what changed comes out."""
    site.fake.disconnect("rosie", ACME)
    for headers, body in site.fake.take_notifications():
        answer = await site.http.post("/imin-webhook", content=body, headers=headers)
        assert (answer.status_code, answer.content) == (204, b"")
    updates = [update async for update in site.feed.until_idle()]
    assert [type(each).__name__ for update in updates for each in getattr(update, "changes", ())] == [
        "AccountDisconnected"
    ]


async def test_the_answer_waits_for_the_note(site: Site) -> None:
    """As long as it is not committed there is none: imin might never call again."""
    site.snapshots.let_go.clear()
    answer = asyncio.create_task(site.call())
    await site.snapshots.begun.wait()
    assert (answer.done(), await site.noted()) == (False, [])
    site.snapshots.let_go.set()
    assert (await answer).status_code == 204
    assert await site.noted() == ["rosie"]


@pytest.mark.parametrize("reason", ["full", "in use", "failed"])
async def test_a_note_that_can_not_be_committed(site: Site, reason: str) -> None:
    """503: so that imin may call again. The pages do not suffer."""
    site.snapshots.reason = reason
    assert (await site.call()).status_code == 503
    assert (await site.http.post("/login", data={"customer": "rosie"})).status_code == 303


async def test_a_large_body_is_not_read_to_its_end() -> None:
    """No more is taken than what makes it certain, and no more kept than a notification may have."""
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1000
            yield bytes(1000)

    assert await whole(endless()) is None
    assert taken == 66_000


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the example has logged; its test's client may log too."""
    return [record.getMessage() for record in caplog.records if record.name.startswith("examples")]


async def test_nothing_of_a_call_is_logged(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """Neither who it is about nor with which key: of no call, good or bad."""
    caplog.set_level(logging.DEBUG, "examples")
    secret = {"identifier": "s3cret", "@id": "https://book.imin.co/customers/s3cret-too"}
    for body, key in ((ROSIE, "s3cret"), (secret, "agreed"), (b'{"s3cret', "agreed"), (ROSIE, "agreed")):
        assert "s3cret" not in (await site.call(body, key)).text
    assert len(told(caplog)) == 3
    assert not any(word in line for line in told(caplog) for word in ("s3cret", "rosie"))


async def test_a_service_that_is_not_notified(site: Site) -> None:
    """Where no key was agreed there is no webhook."""
    from examples.web.fastapi_app import app

    session = AccountsSession("test-key", transport=site.fake)
    async with client(app, Broker(session, origin="https://b.example", secret=SECRET)) as http:
        assert (await http.post("/imin-webhook", json=ROSIE)).status_code == 404


# --- The consumer ---------------------------------------------------------------------------------


class Consumer:
    """Applies updates, the first of them badly; sleeps no time.

    Args:
        failures: What is raised, one after the other; None for an update that is applied.
        between: What happens while it sleeps.

    Attributes:
        applied: The kinds of what came, each time that it came.
        slept: Seconds.
    """

    def __init__(
        self, *failures: Exception | None, between: Callable[[], Awaitable[object]] | None = None
    ) -> None:
        self._failures = [*failures]
        self._between = between
        self.applied: list[str] = []
        self.slept: list[float] = []
        self.done = asyncio.Event()

    async def apply(self, update: Update | Failed) -> None:
        self.applied += [type(each).__name__ for each in getattr(update, "changes", ())]
        if not self._failures:
            self.done.set()
        elif (failure := self._failures.pop(0)) is not None:
            raise failure

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if self._between is not None:
            await self._between()


async def consumed(feed: ChangeFeed, consumer: Consumer) -> None:
    """Let it consume until it has applied something."""
    task = asyncio.create_task(consume(feed, consumer.apply, sleep=consumer.sleep))
    await consumer.done.wait()
    task.cancel()
    await asyncio.wait({task})


async def test_an_update_that_fails_comes_again(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """After waits that double, until it is applied; the log names the kind of error and nobody."""
    site.fake.disconnect("rosie", ACME)
    await site.call()
    consumer = Consumer(ValueError("rosie"), OSError("rosie"))
    await consumed(site.feed, consumer)
    assert (consumer.applied, consumer.slept) == (["AccountDisconnected"] * 3, [1.0, 2.0])
    assert told(caplog) == [
        "the feed stopped, and goes on in 1 s: ValueError",
        "the feed stopped, and goes on in 2 s: OSError",
    ]


async def test_a_wrong_key_ends_nothing(site: Site) -> None:
    """Notes are taken meanwhile, and applied once imin takes the key again."""

    async def mended() -> None:
        assert (await site.call()).status_code == 204
        site.fake.faults.clear()

    site.fake.faults.add(Rule(Status(401), endpoint="get_seller_accounts"))
    site.fake.disconnect("rosie", ACME)
    await site.call()
    consumer = Consumer(between=mended)
    await consumed(site.feed, consumer)
    assert (consumer.applied, consumer.slept) == (["AccountDisconnected"], [1.0])


async def test_the_waits_have_an_end(site: Site) -> None:
    """Each is a minute at most."""
    site.fake.disconnect("rosie", ACME)
    await site.call()
    consumer = Consumer(*[ValueError()] * 9)
    await consumed(site.feed, consumer)
    assert consumer.slept == [1, 2, 4, 8, 16, 32, 60, 60, 60]


async def test_what_was_applied_shortens_the_waits(site: Site) -> None:
    """A second again, once one update was applied."""
    site.fake.add_customer("zoe")
    site.fake.disconnect("rosie", ACME)
    await site.call()
    await site.call({"identifier": "zoe"})
    consumer = Consumer(ValueError(), ValueError(), None, ValueError())
    await consumed(site.feed, consumer)
    assert consumer.slept == [1, 2, 1]


async def test_another_worker_stands_by(site: Site, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """Of several workers with one file one consumes, whoever noted; the other takes over when it ends."""
    caplog.set_level(logging.INFO, "examples")
    site.fake.disconnect("rosie", ACME)
    await site.call()
    consumer, session = Consumer(between=site.end), AccountsSession("test-key", transport=site.fake)
    async with session, ChangeFeed(session, SqliteSnapshots(tmp_path / "accounts.db")) as standby:
        await consumed(standby, consumer)
    assert (consumer.applied, consumer.slept) == (["AccountDisconnected"], [1.0])
    assert told(caplog) == ["another worker applies the changes; this one takes over when that one ends"]


async def test_the_end_of_the_service_cuts_off_an_update(site: Site) -> None:
    """It ends at once, and the update comes again at the next start."""
    begun = asyncio.Event()

    async def never_done(_: Update | Failed) -> None:
        begun.set()
        await asyncio.Event().wait()

    site.fake.disconnect("rosie", ACME)
    await site.call()
    async with consuming(site.feed, never_done):
        await begun.wait()
    consumer = Consumer()
    await consumed(site.feed, consumer)
    assert consumer.applied == ["AccountDisconnected"]
