"""An imin that lets so many requests through, by any of the usual limiters, in virtual time."""

import asyncio
import math
from collections import deque
from typing import Protocol

import attrs

from imin_accounts.transports.base import Request, Response
from tests.scripted import NO_CONTENT, accounts_of, reply


class ServerLimiter(Protocol):
    """Lets requests through, or not."""

    def wait(self, now: float) -> float:
        """0.0 for a request that is let through, else in how many seconds one may be."""
        ...


@attrs.define
class TokenBucket:
    """``rate`` tokens a second, ``burst`` of them at most."""

    rate: float
    burst: float
    _tokens: float = attrs.field(init=False)
    _at: float = 0.0

    def __attrs_post_init__(self) -> None:
        self._tokens = self.burst

    def wait(self, now: float) -> float:
        self._tokens = min(self.burst, self._tokens + (now - self._at) * self.rate)
        self._at = now
        if self._tokens < 1 - 1e-9:
            return (1 - self._tokens) / self.rate
        self._tokens -= 1
        return 0.0


@attrs.define
class FixedWindow:
    """``count`` requests in each window; the first of them begins before the first request."""

    count: float
    seconds: float = 1.0
    _window: int = -1
    _used: int = 0

    def wait(self, now: float) -> float:
        shifted = now + 0.3 * self.seconds
        window = math.floor(shifted / self.seconds)
        if window != self._window:
            self._window, self._used = window, 0
        if self._used >= self.count:
            return (window + 1) * self.seconds - shifted
        self._used += 1
        return 0.0


@attrs.define
class SlidingWindow:
    """``count`` requests in any ``seconds``."""

    count: float
    seconds: float = 1.0
    _let_through: deque[float] = attrs.Factory(deque)

    def wait(self, now: float) -> float:
        while self._let_through and self._let_through[0] <= now - self.seconds:
            self._let_through.popleft()
        if len(self._let_through) >= self.count:
            return self._let_through[0] + self.seconds - now
        self._let_through.append(now)
        return 0.0


class LimitedImin:
    """A transport to an imin that answers 429 to whom its limiter does not let through.

    Args:
        latency: Seconds from request to reply; the limiter decides halfway.
        retry_after: Whether a 429 says in how many whole seconds to come back.

    Attributes:
        requests: How many there were.
        ended: When the last one was let through.
    """

    def __init__(self, limiter: ServerLimiter, *, latency: float = 0.05, retry_after: bool = True) -> None:
        self._limiter = limiter
        self._latency = latency
        self._retry_after = retry_after
        self.requests = 0
        self.ended = 0.0

    async def send(self, request: Request, *, timeout: float) -> Response:
        self.requests += 1
        await asyncio.sleep(self._latency / 2)
        wait = self._limiter.wait(asyncio.get_running_loop().time())
        await asyncio.sleep(self._latency / 2)
        if wait:
            seconds = {"retry-after": str(math.ceil(wait))}
            return reply(429, headers=seconds if self._retry_after else {})
        self.ended = asyncio.get_running_loop().time()
        customer = request.url.split("/customers/")[1].partition("/")[0]
        return NO_CONTENT if request.method == "DELETE" else accounts_of(customer, seller=True)
