"""``examples/redis_limiter.py`` on a Redis of its own: one rate for all, in order, and nothing without it."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as NoRedis

from examples.redis_limiter import RedisLimiter
from imin_accounts import AccountsSession, DeadlineExceeded, Fetched, OutcomeUnknown
from imin_accounts.fake import FakeImin, add_crowd
from imin_accounts.transports import Request, Response
from tests.scripted import CONNECTED, ScriptedTransport

pytestmark = pytest.mark.skipif(shutil.which("redis-server") is None, reason="not on the PATH: redis-server")
HOURLY = 1 / 3600
"""A rate: after one turn at it, the next ones are an hour ahead, however slow the machine."""


class RedisServer:
    """A Redis for a test: where it listens, and its process."""

    def __init__(self, socket: str, process: "asyncio.subprocess.Process") -> None:
        self.socket = socket
        self.process = process

    async def end(self) -> None:
        """Nobody listens any more."""
        if self.process.returncode is None:
            self.process.terminate()
            await self.process.wait()


def client(socket: str) -> Redis:
    """One that tries once."""
    return Redis(unix_socket_path=socket, retry=Retry(NoBackoff(), 0))


@pytest.fixture
async def server() -> AsyncIterator[RedisServer]:
    """It listens on a socket of its own, and keeps nothing."""
    with TemporaryDirectory() as folder:  # shorter than pytest's, as a socket's name must be
        socket = str(Path(folder, "redis"))
        options = ("--port", "0", "--unixsocket", socket, "--save", "", "--daemonize", "no")
        process = await asyncio.create_subprocess_exec(
            "redis-server", *options, cwd=folder, stdout=asyncio.subprocess.DEVNULL
        )
        there = RedisServer(socket, process)
        try:
            while not await listens(socket):
                assert process.returncode is None
                await asyncio.sleep(0.01)
            yield there
        finally:
            await there.end()


async def listens(socket: str) -> bool:
    try:
        async with client(socket) as redis:
            return bool(await redis.ping())
    except NoRedis:
        return False


@pytest.fixture
async def redis(server: RedisServer) -> AsyncIterator[Redis]:
    """A client of that server."""
    async with client(server.socket) as there:
        yield there


class RecordedSleep:
    """Takes no time, and lists how long it should have taken."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def busiest_second(turns: list[float]) -> int:
    """The most turns that any window of one second holds, its ends included."""
    return max(sum(start <= turn <= start + 1 for turn in turns) for start in turns)


async def test_turns_are_even_whoever_takes_them(redis: Redis) -> None:
    """Of two limiters at 50 a second, each turn is 20 ms after the last one; 51 in a second at most."""
    await RedisLimiter(redis, "us", rate=HOURLY).acquire()
    limiters = [RedisLimiter(redis, "us", rate=50, sleep=RecordedSleep()) for _ in range(2)]
    turns = sorted(await asyncio.gather(*(limiter.acquire() for limiter in limiters * 100)))
    gaps = [later - earlier for earlier, later in pairwise(turns)]
    assert gaps == pytest.approx([0.02] * 199, abs=1e-6)
    assert busiest_second(turns) <= 51


async def test_callers_are_served_in_order(redis: Redis) -> None:
    """Who asks a limiter first has the earlier turn."""
    limiter = RedisLimiter(redis, "us", rate=50, sleep=RecordedSleep())
    turns = await asyncio.gather(*(limiter.acquire() for _ in range(50)))
    assert turns == sorted(turns)


async def test_a_turn_is_waited_for(redis: Redis) -> None:
    """As long as Redis says: one hour's turn is taken, so the next caller waits for the rest of that hour."""
    slept = RecordedSleep()
    limiter = RedisLimiter(redis, "us", rate=HOURLY, sleep=slept)
    first, second = [await limiter.acquire() for _ in range(2)]
    assert second - first == pytest.approx(3600)
    assert slept.seconds[0] == 0
    assert 0 < slept.seconds[1] <= 3600


async def test_brokers_do_not_wait_for_each_other(redis: Redis) -> None:
    """Each has a rate of its own."""
    slept = RecordedSleep()
    for broker in ("us", "them"):
        await RedisLimiter(redis, broker, rate=HOURLY, sleep=slept).acquire()
    assert slept.seconds == [0, 0]


async def test_nothing_is_left_in_redis_once_it_is_past(redis: Redis) -> None:
    """The key lasts until its turn: an hour, to a few milliseconds."""
    await RedisLimiter(redis, "us", rate=HOURLY).acquire()
    assert await redis.keys() == [b"imin-accounts:turn:us"]
    assert 0 < await redis.pttl("imin-accounts:turn:us") <= 3_600_001


# --- Sessions ------------------------------------------------------------------------------------------


class RecordingLimiter(RedisLimiter):
    """Lists the turns that were taken."""

    def __init__(self, redis: Redis, *, rate: float) -> None:
        super().__init__(redis, "us", rate=rate)
        self.turns: list[float] = []

    async def acquire(self) -> float:
        self.turns.append(await super().acquire())
        return self.turns[-1]


def read(base_url: str, socket: str, customers: list[str], rate: float) -> list[float]:
    """Read customers, in a process of its own; returns its turns."""
    return asyncio.run(_read(base_url, socket, customers, rate))


async def _read(base_url: str, socket: str, customers: list[str], rate: float) -> list[float]:
    async with client(socket) as redis:
        limiter = RecordingLimiter(redis, rate=rate)
        session = AccountsSession("test-key", base_url=base_url, rate_limit=limiter)
        async with session, session.get_many(customers, concurrency=8) as outcomes:
            assert all([isinstance(outcome, Fetched) async for outcome in outcomes])
        return limiter.turns


async def test_processes_share_a_rate(server: RedisServer, fake_imin: FakeImin, imin_server: str) -> None:
    """Of two processes' requests, no second of Redis's clock has more than one over the rate."""
    add_crowd(fake_imin, customers=200)
    customers = [f"customer-{n}" for n in range(1, 201)]
    loop, spawn = asyncio.get_running_loop(), get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        parts = (customers[:100], customers[100:])
        reads = [loop.run_in_executor(pool, read, imin_server, server.socket, part, 80.0) for part in parts]
        turns = [turn for part in await asyncio.gather(*reads) for turn in part]
    assert len(turns) == len(set(turns)) == len(fake_imin.requests) == 200
    assert busiest_second(turns) <= 81


async def test_without_redis_nothing_is_sent(server: RedisServer, redis: Redis, fake_imin: FakeImin) -> None:
    """The caller gets what Redis's client raises, as it is; for many customers it ends everything."""
    add_crowd(fake_imin, customers=2)
    limiter = RedisLimiter(redis, "us", rate=1000)
    async with AccountsSession("test-key", transport=fake_imin, rate_limit=limiter) as session:
        await session.get_seller_accounts("customer-1")
        await server.end()
        with pytest.raises(NoRedis):
            await session.get_seller_accounts("customer-1")
        with pytest.raises(NoRedis):
            async with session.get_many(["customer-1", "customer-2"]) as outcomes:
                assert [outcome async for outcome in outcomes] == []
    assert len(fake_imin.requests) == 1


async def test_without_redis_a_disconnect_may_have_worked(server: RedisServer, redis: Redis) -> None:
    """If it goes after the DELETE and its answer is lost, nobody can look: the outcome is unknown."""

    async def lost(request: Request) -> Response:
        await server.end()
        raise ConnectionResetError

    transport = ScriptedTransport([lost, CONNECTED])
    limiter = RedisLimiter(redis, "us", rate=1000)
    async with AccountsSession("test-key", transport=transport, rate_limit=limiter) as session:
        with pytest.raises(OutcomeUnknown, match="ConnectionError"):
            await session.delete_seller_account("1234", "urn:seller")
    assert transport.methods == "D"


async def test_waiting_for_a_turn_counts_for_the_deadline(redis: Redis) -> None:
    """A call whose turn comes too late ends in time, with nothing sent."""
    limiter = RedisLimiter(redis, "us", rate=HOURLY)
    await limiter.acquire()
    transport = ScriptedTransport([])
    async with AccountsSession("test-key", transport=transport, rate_limit=limiter) as session:
        with pytest.raises(DeadlineExceeded):
            await session.get_seller_accounts("1234", timeout=0.05)
    assert transport.requests == []
