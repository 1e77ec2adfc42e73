"""What is told of a call's attempts: to whoever catches its error, and to the hook."""

import pytest

from imin_accounts.errors import Attempt, SessionStateError
from imin_accounts.session import AccountsSession
from tests.scripted import ScriptedTransport


async def test_what_a_closed_transport_refused_was_not_sent() -> None:
    """No reply and no ``TransportError`` either: the request went nowhere, and that is what is told."""
    told: list[Attempt] = []
    transport = ScriptedTransport([SessionStateError("the transport is closed")])
    async with AccountsSession("test-key", transport=transport, on_attempt=told.append) as session:
        with pytest.raises(SessionStateError, match="transport") as caught:
            await session.get_seller_accounts("1234")
    assert [(each.maybe_sent, each.error_type) for each in told] == [(False, "SessionStateError")]
    assert caught.value.attempts == tuple(told)
