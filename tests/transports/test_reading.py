"""Reading a body: a large one that has arrived already lets others run meanwhile."""

import asyncio
from typing import Any, cast

from imin_accounts.transports.aiohttp import _read


class Arrived:
    """A reply whose body never has to be waited for, as that of a gzip bomb; also its own ``content``."""

    content_length = None

    def __init__(self, chunks: int) -> None:
        self.content = self
        self._chunks = chunks

    async def readany(self) -> bytes:
        self._chunks -= 1
        return bytes(64 * 1024) if self._chunks >= 0 else b""

    def at_eof(self) -> bool:
        return self._chunks <= 0


async def test_a_large_body_lets_others_run() -> None:
    """Past the first 256 kB every chunk is a chance for the other tasks of the event loop."""
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    body = await _read(cast(Any, Arrived(chunks=40)), 4 * 1024 * 1024)
    task.cancel()
    assert (len(body), turns) == (40 * 64 * 1024, 36)
