"""Reading a body: a large one that has arrived already lets others run meanwhile."""

import asyncio
from typing import Any, cast

import pytest

from imin_accounts.errors import TransportError
from imin_accounts.transports.aiohttp import _read


class Arrived:
    """A reply whose body never has to be waited for, as that of a gzip bomb; also its own ``content``."""

    content_length = None

    def __init__(self, chunks: int) -> None:
        self.content = self
        self.closed = False
        self._chunks = chunks

    @property
    def unread(self) -> int:
        return self._chunks

    async def readany(self) -> bytes:
        self._chunks -= 1
        return bytes(64 * 1024) if self._chunks >= 0 else b""

    def at_eof(self) -> bool:
        return self._chunks <= 0

    def close(self) -> None:
        self.closed = True


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


async def test_reading_stops_at_the_limit() -> None:
    """Of a body that never ends a chunk more is read than may be, and its connection is given up."""
    endless = Arrived(chunks=1000)
    with pytest.raises(TransportError, match="too large"):
        await _read(cast(Any, endless), 128 * 1024)
    assert (endless.unread, endless.closed) == (997, True)


async def test_a_body_that_arrived_whole_is_read_once() -> None:
    """It is not copied, and nobody asks for more: most replies are so."""
    arrived = Arrived(chunks=1)
    assert len(await _read(cast(Any, arrived), 64 * 1024)) == 64 * 1024
    assert arrived.unread == 0
