"""One rate for every session that asks the same Redis: for workers that come and go.

``rate_limit=50`` is one session's own. Where nobody knows how many workers there will be, hand each of their
sessions this::

    async with Redis.from_url("rediss://redis.example", socket_timeout=2.0) as redis:
        limiter = RedisLimiter(redis, "our-broker", rate=50)
        async with AccountsSession.from_env(timeout=60.0, rate_limit=limiter) as session:
            ...
"""

import asyncio
import math
from collections.abc import Awaitable, Callable

from redis.asyncio import Redis

# The key holds when the next turn may be, in microseconds of Redis's own clock, and goes once that is past.
_TAKE_A_TURN = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local turn = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0))
local free = turn + ARGV[1]
redis.call('SET', KEYS[1], string.format('%.0f', free), 'PX', math.ceil((free - now) / 1000) + 1)
return {now, turn}
"""


class RedisLimiter:
    """Lets ``rate`` requests a second through, evenly, of all sessions whose limiters name one broker.

    Turns are at least ``1 / rate`` seconds apart by Redis's clock, whatever the workers' clocks say: at most
    ``rate + 1`` are in any one second. A limiter asks for its next turn when the last one has come. So its
    callers are served in order, and limiters in the order in which they ask; and whoever gives up while
    waiting costs the others one turn at most.

    What Redis's client raises reaches whoever called the session, unchanged, and ends a ``get_many``: without
    a turn no request goes out. After a DELETE that may have worked it becomes ``OutcomeUnknown``.

    Waiting for Redis and for a turn counts for the call's deadline: keep the concurrency of all workers
    together well below ``rate`` times ``timeout``.

    Args:
        redis: Where the turns are taken, by all of them.
        broker: Whose rate it is. It stands in Redis as it is, so it must not be the API key.
        rate: Requests per second, above 0; the same in every worker.
        sleep: Waits for some seconds.
    """

    def __init__(
        self,
        redis: Redis,
        broker: str,
        *,
        rate: float,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._take_a_turn = redis.register_script(_TAKE_A_TURN)
        self._key = f"imin-accounts:turn:{broker}"
        self._interval = math.ceil(1_000_000 / rate)
        self._sleep = sleep
        self._asking = asyncio.Lock()

    async def acquire(self) -> float:
        """Return when one more request may go out: the moment of its turn, in seconds of Redis's clock."""
        async with self._asking:
            now, turn = await self._take_a_turn(keys=[self._key], args=[self._interval])
            await self._sleep((turn - now) / 1_000_000)
        return float(turn) / 1_000_000
