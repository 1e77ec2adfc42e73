"""One emulator for several threads, event loops and sessions."""

import asyncio
import sys
import threading
from collections.abc import Iterator

import pytest

from imin_accounts import AccountsSession
from imin_accounts.fake import FakeImin
from tests.fake.requests import SELLER, ask, request, with_rosie


@pytest.fixture
def restless_threads() -> Iterator[None]:
    """Threads change places as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("restless_threads")
def test_one_thread_may_change_what_another_is_asking() -> None:
    """Every reply is whole while sellers come, accounts are connected, and all is forgotten."""
    fake = with_rosie()
    done = threading.Event()

    def change() -> None:
        for n in range(1000):
            fake.add_seller(f"urn:{n}")
            fake.connect("rosie", f"urn:{n}")
        fake.reset()
        done.set()

    changing = threading.Thread(target=change)
    changing.start()
    while not done.is_set():
        response = fake.exchange(request()).response
        assert response is not None
        assert response.status in (200, 404)
    changing.join()


def test_event_loops_may_share_it() -> None:
    """Nothing in it belongs to a loop."""
    fake = with_rosie()
    for _ in range(2):
        assert asyncio.run(ask(fake)).status == 200


async def test_sessions_may_share_it() -> None:
    """Each has its own key to say, and all the same state to see."""
    fake = with_rosie()
    async with (
        AccountsSession("test-key", transport=fake) as one,
        AccountsSession("test-key", transport=fake) as two,
    ):
        fake.connect("rosie", SELLER)
        await one.delete_seller_account("rosie", SELLER)
        assert (await two.get_seller_accounts("rosie")).connected == ()


def test_the_record_ends_somewhere() -> None:
    """The last 10,000 requests are kept, so that an emulator may run for long."""
    fake = FakeImin()
    fake.exchange(request("DELETE"))
    for _ in range(10_000):
        fake.exchange(request(key=None))
    assert len(fake.requests) == 10_000
    assert {received.method for received in fake.requests} == {"GET"}
