"""What a call that failed leaves behind: nothing, and at once."""

import gc
import weakref
from collections.abc import Awaitable

import pytest

from imin_accounts.errors import IminError
from imin_accounts.session import AccountsSession, RetryPolicy
from imin_accounts.transports.base import Response
from tests.scripted import SELLER, ScriptedTransport, accounts_of, reply

REPLIES = {
    "not found": reply(404),
    "unreadable": reply(200, b"{"),
    "somebody else's": accounts_of("other", seller=False),
    "refused": reply(401),
}


class Local:
    """Something that a caller's frame holds."""


async def failing(session: AccountsSession, method: str, held: weakref.WeakSet[Local]) -> None:
    held.add(local := Local())
    call: Awaitable[object] = (
        session.get_seller_accounts("1234")
        if method == "GET"
        else session.delete_seller_account("1234", SELLER)
    )
    with pytest.raises(IminError):
        await call
    assert local in held


@pytest.mark.parametrize("answer", REPLIES.values(), ids=REPLIES)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_an_error_keeps_no_frame_of_its_caller(method: str, answer: Response) -> None:
    """Not even until the garbage collector comes: an error that holds its own frames would."""
    held = weakref.WeakSet[Local]()
    transport = ScriptedTransport([answer] * 50)
    async with AccountsSession("k", transport=transport, retry=RetryPolicy(attempts=1)) as session:
        gc.disable()
        try:
            for _ in range(5):
                await failing(session, method, held)
            assert len(held) == 0
        finally:
            gc.enable()
