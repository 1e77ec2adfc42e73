"""The transport of the bulk tests does what they rely on."""

import asyncio

import pytest

from imin_accounts.errors import TransportError
from imin_accounts.transports.base import Request
from tests.scripted import NO_CONTENT, accounts_of, reply
from tests.session.bulk_transport import BulkTransport, settle


def about(customer: str, method: str = "GET") -> Request:
    return Request(
        method=method, url=f"https://book.imin.co/api/v2/customers/{customer}/accounts", headers={}
    )


async def test_it_answers_for_every_customer() -> None:
    """As told for some; else a GET shows a connected account, and a DELETE is confirmed."""
    refused = TransportError("refused", maybe_sent=False)
    transport = BulkTransport(answers={"2": reply(404), "3": refused})
    assert await transport.send(about("1"), timeout=1) == accounts_of("1", seller=True)
    assert await transport.send(about("1", "DELETE"), timeout=1) == NO_CONTENT
    assert await transport.send(about("2"), timeout=1) == reply(404)
    with pytest.raises(TransportError) as caught:
        await transport.send(about("3"), timeout=1)
    assert caught.value is refused
    assert transport.asked == ["1", "1", "2", "3"]


async def test_it_holds_replies_and_counts() -> None:
    """Until they are released; a request that is cancelled meanwhile is noted."""
    transport = BulkTransport("1", "2")
    first, second, third = [asyncio.create_task(transport.send(about(c), timeout=1)) for c in "123"]
    await settle()
    assert (first.done(), second.done(), third.done()) == (False, False, True)
    assert (transport.under_way, transport.most_under_way) == (2, 3)
    transport.release("1")
    second.cancel()
    await asyncio.wait([first, second])
    assert (first.done(), second.cancelled(), transport.cancelled) == (True, True, ["2"])
    assert (transport.under_way, transport.most_under_way) == (0, 3)
