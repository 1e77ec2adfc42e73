"""Fixtures for tests of code that uses this package; pytest finds them by itself.

``fake_imin`` is an emulated imin in memory, ``imin_server`` the same one over HTTP. Neither is an async
fixture, so that tests of any kind can use them: pytest-asyncio, anyio, unittest, or no event loop at
all. What they need is imported when they are first asked for.
"""

import asyncio
import threading
from collections.abc import Iterator
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
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="imin_server", daemon=True)
    thread.start()
    try:
        server = fake_imin.serve()
        yield asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result()
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
