"""Time that passes when a test says so: real sockets, no waiting."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from imin_accounts.testing._playback import Playback
from imin_accounts.transports import Request, Transport

T = TypeVar("T")


class ElasticLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock can be put forward. Timers that are due then fire at once."""

    def __init__(self) -> None:
        self._skipped = 0.0
        self.meanwhile: Callable[[], Awaitable[object]] | None = None
        """What to await so that threads, too, have done what was ready to be done."""
        super().__init__()
        self.slow_callback_duration = math.inf  # whoever puts the clock forward is not slow

    def time(self) -> float:
        return super().time() + self._skipped

    def skip(self, seconds: float) -> None:
        """Put the clock forward by ``seconds``."""
        self._skipped += seconds

    async def sleep(self, seconds: float) -> None:
        """Sleep by putting the clock forward."""
        self.skip(max(seconds, 0.0))
        await asyncio.sleep(0)


def elastic(main: Coroutine[Any, Any, T]) -> T:
    """Run ``main`` in an event loop with an elastic clock."""
    with asyncio.Runner(loop_factory=ElasticLoop) as runner:
        return runner.run(main)


def the_loop() -> ElasticLoop:
    """The running loop, which has to be an elastic one."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, ElasticLoop)
    return loop


async def settle(turns: int = 50) -> None:
    """Let everything that is ready to run do so."""
    for _ in range(turns):
        await asyncio.sleep(0)
    loop = asyncio.get_running_loop()
    if isinstance(loop, ElasticLoop) and loop.meanwhile is not None:
        for _ in range(max(1, turns // 10)):  # a step there and one here, as often as a whole request takes
            await loop.meanwhile()
            await asyncio.sleep(0)


@asynccontextmanager
async def settling_with(another: Transport) -> AsyncIterator[None]:
    """Let ``settle`` wait for a transport's thread too: a reply has come through it, so all before it has."""
    async with Playback() as server:
        request = Request(method="GET", url=server.origin + "/", headers={})

        async def ask() -> None:
            await another.send(request, timeout=60)
            server.received.clear()  # of 100,000 calls they would be what memory grows by

        the_loop().meanwhile = ask
        try:
            yield
        finally:
            the_loop().meanwhile = None
