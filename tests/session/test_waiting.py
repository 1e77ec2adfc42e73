"""``wait_until_connected``: how often it reads, when it gives up, and what it never claims."""

import asyncio
import itertools
from collections.abc import Iterable
from typing import Any

import pytest

from imin_accounts import AccountsSession, ConnectedAccount, IminError, RetryPolicy
from imin_accounts.errors import (
    AuthenticationError,
    DeadlineExceeded,
    InvalidRequest,
    NotFound,
    RateLimited,
    ResponseError,
    SessionStateError,
)
from imin_accounts.fake import Drop, FakeImin, Latency, Rule, Status
from imin_accounts.session import Runtime
from imin_accounts.transports import Request, Response
from tests import virtual_time
from tests.scripted import CONNECTED, GONE, SELLER, ManualClock, ScriptedTransport, Step, reply, runtime

OTHER = "https://id.bookingsystem.example.com/organizers/2"


class ReadTimes:
    """A transport that notes when each request came, and with how much time."""

    def __init__(self, clock: ManualClock, steps: Iterable[Step]) -> None:
        self.clock = clock
        self._inner = ScriptedTransport(steps)
        self.at: list[float] = []
        self.timeouts: list[float] = []

    async def send(self, request: Request, *, timeout: float) -> Response:
        self.at.append(self.clock.now - 1000.0)
        self.timeouts.append(timeout)
        return await self._inner.send(request, timeout=timeout)


async def waited(
    steps: Iterable[Step], *, timeout: float = 20.0, dice: float = 0.5, own: Any = None, **options: Any
) -> tuple[ConnectedAccount | None, ReadTimes]:
    """What waiting comes to on a manual clock, and when was read; ``own`` is the call's ``retry``."""
    clock = ManualClock()
    times = ReadTimes(clock, steps)
    run = Runtime(clock=clock, sleep=clock.sleep, random=lambda: dice)
    async with AccountsSession("test-key", transport=times, runtime=run, **options) as session:
        return await session.wait_until_connected("1234", SELLER, timeout=timeout, retry=own), times


async def test_a_connected_account_is_returned_at_once() -> None:
    """One read, no sleep."""
    account, times = await waited([CONNECTED])
    assert isinstance(account, ConnectedAccount)
    assert (account.seller.id, times.at) == (SELLER, [0.0])


@pytest.mark.parametrize(
    ("dice", "at"), [(0.0, [0, 1, 2, 3, 4]), (0.5, [0, 1.5, 4, 7, 10]), (0.999, [0, 2, 6, 11, 16])]
)
async def test_the_time_between_reads_grows(dice: float, at: list[float]) -> None:
    """From the first to the next 1 to 2 seconds, then 1 to 4, then 1 to 5, by chance."""
    account, times = await waited([GONE, GONE, GONE, GONE, CONNECTED], dice=dice)
    assert account is not None
    assert times.at == pytest.approx(at, abs=0.02)


@pytest.mark.parametrize("dice", [0.0, 0.3, 0.999])
@pytest.mark.parametrize("timeout", [0.2, 1.0, 1.5, 2.0, 7.3, 20.0, 61.0])
async def test_none_when_the_time_is_up(timeout: float, dice: float) -> None:
    """Never more than a read a second, none after the end, and none with more time than is left."""
    account, times = await waited(itertools.repeat(GONE), timeout=timeout, dice=dice)
    assert account is None
    assert all(later - earlier >= 1.0 for earlier, later in itertools.pairwise(times.at))
    assert all(at + given <= timeout + 1e-9 for at, given in zip(times.at, times.timeouts, strict=True))
    assert timeout - times.at[-1] <= 2.0
    assert times.clock.now - 1000.0 == times.at[-1]  # nobody sleeps where no read follows


async def test_another_sellers_connection_is_none() -> None:
    """Only the seller asked for counts, byte for byte."""
    fake = FakeImin()
    fake.add_seller(SELLER)
    fake.add_seller(OTHER)
    fake.connect("1234", OTHER)
    clock = ManualClock()
    async with AccountsSession("test-key", transport=fake, runtime=runtime(clock)) as session:
        assert await session.wait_until_connected("1234", SELLER, timeout=5) is None
        assert await session.wait_until_connected("1234", OTHER + "/", timeout=5) is None
        assert await session.wait_until_connected("1234", OTHER, timeout=5) is not None


@pytest.mark.parametrize(
    ("status", "kind"), [(401, AuthenticationError), (403, AuthenticationError), (404, NotFound)]
)
async def test_what_no_read_can_mend_is_raised_at_once(status: int, kind: type[IminError]) -> None:
    """One request, and the read's own error."""
    with pytest.raises(kind) as raised:
        await waited([reply(status)])
    assert len(raised.value.attempts) == 1


async def test_a_passing_failure_is_the_reads_own_to_mend() -> None:
    """A 503 in between is tried again as in every read; the wait goes on."""
    account, times = await waited([GONE, reply(503), CONNECTED])
    assert account is not None
    assert len(times.at) == 3


async def test_a_wait_may_have_retries_of_its_own() -> None:
    """For each of its reads: one try where the session has three, and three where that has one."""
    one, three = RetryPolicy(attempts=1), RetryPolicy(attempts=3)
    with pytest.raises(ResponseError) as raised:
        await waited([GONE, reply(503), CONNECTED], retry=three, own=one)
    assert len(raised.value.attempts) == 1
    account, times = await waited([GONE, reply(503), CONNECTED], retry=one, own=three)
    assert (account is not None, len(times.at)) == (True, 3)


async def test_a_retry_that_is_none_is_refused() -> None:
    """Before anything is sent, as by the other calls."""
    with pytest.raises(InvalidRequest, match="retry"):
        await waited([], own=3)


async def test_a_lasting_failure_is_raised() -> None:
    """Once the read's attempts are over, as ``get_seller_accounts`` does."""
    with pytest.raises(ResponseError) as raised:
        await waited([GONE, *[reply(503)] * 3])
    assert len(raised.value.attempts) == 3


async def test_a_hold_longer_than_the_wait_is_raised() -> None:
    """imin said when to come back, and that is too late."""
    with pytest.raises(RateLimited) as raised:
        await waited([reply(429, headers={"retry-after": "60"})])
    assert raised.value.retry_after == 60


def test_a_read_that_hangs_until_the_end_is_none() -> None:
    """The time is up; nothing is known."""

    async def wait() -> ConnectedAccount | None:
        fake = FakeImin()
        fake.add_seller(SELLER)
        fake.add_customer("1234")
        fake.faults.add(Rule(Latency(600)))
        run = virtual_time.virtual_runtime()
        async with AccountsSession("test-key", transport=fake, runtime=run) as session:
            found = await session.wait_until_connected("1234", SELLER, timeout=5)
            assert run.clock() == pytest.approx(5)
            return found

    assert virtual_time.run(wait()) is None


def test_a_read_that_outlasts_the_sessions_timeout_is_an_error() -> None:
    """As of a read: time for the wait would be left, but imin does not answer."""

    async def wait() -> None:
        fake = FakeImin()
        fake.faults.add(Rule(Latency(600)))
        run = virtual_time.virtual_runtime()
        async with AccountsSession("test-key", transport=fake, runtime=run, timeout=3) as session:
            with pytest.raises(DeadlineExceeded, match="3 s"):
                await session.wait_until_connected("1234", SELLER, timeout=60)

    virtual_time.run(wait())


@pytest.mark.parametrize(
    ("customer", "seller", "timeout", "name"),
    [
        ("", SELLER, 5, "customer"),
        ("..", SELLER, 5, "customer"),
        (1234, SELLER, 5, "customer"),
        ("1234", "", 5, "seller"),
        ("1234", None, 5, "seller"),
        ("1234", "a\nb", 5, "seller"),
        ("1234", SELLER, 0, "timeout"),
        ("1234", SELLER, None, "timeout"),
        ("1234", SELLER, float("nan"), "timeout"),
    ],
)
async def test_arguments_are_refused_before_anything_is_sent(
    customer: Any, seller: Any, timeout: Any, name: str
) -> None:
    """By name, and without the value."""
    async with AccountsSession("test-key", transport=ScriptedTransport([])) as session:
        with pytest.raises(InvalidRequest, match=name):
            await session.wait_until_connected(customer, seller, timeout=timeout)


async def test_a_sleep_that_returns_at_once_counts() -> None:
    """Under a test's own ``sleep`` a wait of a minute is over in moments, with a read a second at most."""

    async def at_once(seconds: float) -> None:
        pass

    run = Runtime(sleep=at_once, random=lambda: 0.0)
    transport = ScriptedTransport(itertools.repeat(GONE))
    async with AccountsSession("test-key", transport=transport, runtime=run) as session:
        async with asyncio.timeout(30):
            assert await session.wait_until_connected("1234", SELLER, timeout=60) is None
    assert 2 < len(transport.requests) <= 61


def test_those_who_wait_for_one_customer_share_their_reads() -> None:
    """Ten at once cost what one does, and nobody gets a read that began before they asked."""

    async def wait() -> tuple[list[bool], int]:
        fake = FakeImin()
        fake.add_seller(SELLER)
        fake.add_customer("1234")
        run = virtual_time.virtual_runtime()
        async with AccountsSession("test-key", transport=fake, runtime=run) as session:
            asking = [
                asyncio.ensure_future(session.wait_until_connected("1234", SELLER, timeout=20))
                for _ in range(10)
            ]
            await asyncio.sleep(5)
            fake.connect("1234", SELLER)
            found = await asyncio.gather(*asking)
        return [account is not None for account in found], len(fake.requests)

    found, reads = virtual_time.run(wait())
    assert (all(found), reads <= 8) == (True, True)


def test_a_read_of_before_is_no_answer() -> None:
    """Who asks while another's read is under way gets one of their own, a second after it began."""

    async def wait() -> float:
        fake = FakeImin()
        fake.add_seller(SELLER)
        fake.connect("1234", SELLER)
        fake.faults.add(Rule(Latency(3)))
        run = virtual_time.virtual_runtime()
        async with AccountsSession("test-key", transport=fake, runtime=run) as session:
            first = asyncio.ensure_future(session.wait_until_connected("1234", SELLER, timeout=20))
            await asyncio.sleep(1)
            fake.disconnect("1234", SELLER)
            assert await session.wait_until_connected("1234", SELLER, timeout=8) is None
            assert await first is not None
        return run.clock()

    virtual_time.run(wait())


def test_one_who_leaves_takes_nothing_from_the_others() -> None:
    """Cancelled in its read, it is out at once; whoever waits behind it reads itself."""

    async def wait() -> ConnectedAccount | None:
        fake = FakeImin()
        fake.add_seller(SELLER)
        fake.connect("1234", SELLER)
        fake.faults.add(Rule(Latency(9), nth=1))
        run = virtual_time.virtual_runtime()
        async with AccountsSession("test-key", transport=fake, runtime=run) as session:
            first, second = (
                asyncio.ensure_future(session.wait_until_connected("1234", SELLER, timeout=20))
                for _ in range(2)
            )
            await asyncio.sleep(1)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            assert run.clock() == pytest.approx(1)
            return await second

    assert virtual_time.run(wait()) is not None


@pytest.mark.parametrize("when", [0.5, 2.0], ids=["in a read", "between reads"])
def test_closing_the_session_ends_the_wait(when: float) -> None:
    """At once, in a read and between two."""

    async def wait() -> None:
        fake = FakeImin()
        fake.add_seller(SELLER)
        fake.add_customer("1234")
        fake.faults.add(Rule(Latency(1)))
        run = virtual_time.virtual_runtime()
        session = AccountsSession("test-key", transport=fake, runtime=run)
        async with session:
            waiting = asyncio.ensure_future(session.wait_until_connected("1234", SELLER, timeout=60))
            await asyncio.sleep(when)
        with pytest.raises(SessionStateError, match="closed"):
            await waiting
        assert run.clock() == pytest.approx(when)

    virtual_time.run(wait())


async def test_a_session_that_is_not_open_says_so() -> None:
    """As every call does."""
    with pytest.raises(SessionStateError, match="not open"):
        await AccountsSession("test-key").wait_until_connected("1234", SELLER, timeout=1)


async def test_losing_replies_is_no_connection() -> None:
    """Where imin drops every connection the read's own error comes out."""
    fake = FakeImin()
    fake.faults.add(Rule(Drop()), Rule(Status(500)))
    async with AccountsSession("test-key", transport=fake, runtime=runtime(ManualClock())) as session:
        with pytest.raises(IminError):
            await session.wait_until_connected("1234", SELLER, timeout=5)


def test_a_read_that_failed_is_nobodys_answer() -> None:
    """Its error is for who made it; who waited behind it reads again, for all others too."""

    async def wait() -> tuple[list[object], int]:
        fake = FakeImin()
        fake.add_seller(SELLER)
        fake.connect("1234", SELLER)
        fake.faults.add(Rule(Status(403), nth=1), Rule(Latency(2)))
        run = virtual_time.virtual_runtime()
        async with AccountsSession("test-key", transport=fake, runtime=run) as session:
            asking = (session.wait_until_connected("1234", SELLER, timeout=20) for _ in range(3))
            found = await asyncio.gather(*asking, return_exceptions=True)
        return list(map(type, found)), len(fake.requests)

    assert virtual_time.run(wait()) == ([AuthenticationError, ConnectedAccount, ConnectedAccount], 2)
