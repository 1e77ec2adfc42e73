"""Fixtures for tests of code that uses this package; pytest finds them by itself.

``fake_imin`` is an emulated imin in memory, ``imin_server`` the same one over HTTP. Neither is an async
fixture, so that tests of any kind can use them: pytest-asyncio, anyio, unittest, or no event loop at
all. What they need is imported when they are first asked for.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
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
    started = Future[tuple[str, Callable[[], object]]]()

    async def serve() -> None:
        ended = asyncio.Event()
        async with fake_imin.serve() as base_url:
            end = partial(asyncio.get_running_loop().call_soon_threadsafe, ended.set)
            started.set_result((base_url, end))
            await ended.wait()

    def run() -> None:
        try:
            asyncio.run(serve())  # which also ends connections that came while the server was closed
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    thread = threading.Thread(target=run, name="imin_server", daemon=True)
    thread.start()
    base_url, end = started.result()
    yield base_url
    end()
    thread.join()
