"""One attempt of a call: what is added to the request, and who ends it."""

from typing import Any, cast

import pytest

from imin_accounts import __version__
from imin_accounts._wire.requests import accounts_request
from imin_accounts.errors import OutcomeUnknown, TransportError
from imin_accounts.session import AccountsSession, RetryPolicy
from imin_accounts.session._attempt import with_key
from imin_accounts.session._key import ApiKey
from imin_accounts.transports import Request, Response
from tests.scripted import CONNECTED, NO_CONTENT, SELLER, ManualClock, runtime


def test_every_request_has_header_fields_of_its_own() -> None:
    """A transport that changes them changes nobody else's, and a new key leaves nothing of the old one."""
    request = accounts_request("https://book.imin.co", "1234", fresh=True)
    sent = with_key(request, ApiKey("secret"))
    dict.clear(cast(Any, sent.headers))
    again = with_key(request, ApiKey("other"))
    assert again.headers["X-Api-Key"] == "other"
    assert again.headers["User-Agent"] == f"imin-accounts/{__version__}"
    assert "application/json" in again.headers["Accept"]
    assert (again.method, again.url, again.fresh) == (request.method, request.url, request.fresh)


def test_a_request_without_its_key_shows_no_url() -> None:
    """The URL names the customer, and whoever prints locals would show it."""
    assert repr(accounts_request("https://book.imin.co", "1234")) == "<GET>"


class Timed:
    """A transport that notes how long each request may take."""

    def __init__(self) -> None:
        self.timeouts: list[tuple[str, float]] = []

    async def send(self, request: Request, *, timeout: float) -> Response:
        self.timeouts.append((request.method, timeout))
        return CONNECTED if request.method == "GET" else NO_CONTENT


@pytest.mark.parametrize(("timeout", "get", "delete"), [(30, 10, 10), (16, 10, 8), (5, 5, 2.5)])
async def test_what_one_attempt_may_take(timeout: float, get: float, delete: float) -> None:
    """Ten seconds unless the call has less; a DELETE leaves half of the call for a look at what it did."""
    transport = Timed()
    time = runtime(ManualClock())
    async with AccountsSession("test-key", transport=transport, timeout=timeout, runtime=time) as session:
        await session.get_seller_accounts("1234")
        await session.delete_seller_account("1234", SELLER)
    assert transport.timeouts == [("GET", get), ("DELETE", delete)]


class Answering:
    """A transport that returns what it was made with, be it no ``Response``."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    async def send(self, request: Request, *, timeout: float) -> Response:
        return cast(Response, self._answer)


@pytest.mark.parametrize(
    "answer", [None, {"status": 204}, Response(status=cast(int, "204"), headers={}, body=b"")]
)
async def test_what_is_no_reply_leaves_a_disconnection_in_doubt(answer: Any) -> None:
    """A transport that breaks its contract may have sent the DELETE all the same."""
    retry = RetryPolicy(attempts=1)
    async with AccountsSession("test-key", transport=Answering(answer), retry=retry) as session:
        with pytest.raises(OutcomeUnknown):
            await session.delete_seller_account("1234", SELLER)
        with pytest.raises(TransportError, match="malformed"):
            await session.get_seller_accounts("1234")
