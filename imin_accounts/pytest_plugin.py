"""Fixtures for tests of code that uses this package; pytest finds them by itself.

``fake_imin`` is an emulated imin in memory, ``imin_server`` the same one over HTTP. Neither is an async
fixture, so that tests of any kind can use them: pytest-asyncio, anyio, unittest, or no event loop at
all. What they need is imported when they are first asked for.
"""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from imin_accounts.fake import FakeImin

__all__ = ["fake_imin", "imin_server"]


@pytest.fixture
def fake_imin() -> "FakeImin":
    """A new, empty ``FakeImin`` with the key ``"test-key"``; its replies are the same in every run."""
    from imin_accounts.fake import FakeImin

    return FakeImin(seed=0)


@pytest.fixture
def imin_server(fake_imin: "FakeImin") -> Iterator[str]:
    """Base URL at which ``fake_imin`` is served, from a thread, for as long as the test runs."""
    serving: Future[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        stop = asyncio.Event()
        async with fake_imin.serve() as base_url:
            serving.set_result((base_url, asyncio.get_running_loop(), stop))
            await stop.wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:  # for the test to raise
            if serving.done():
                raise
            serving.set_exception(error)

    thread = threading.Thread(target=run, name="imin_server", daemon=True)
    thread.start()
    base_url, loop, stop = serving.result()
    yield base_url
    loop.call_soon_threadsafe(stop.set)
    thread.join()
