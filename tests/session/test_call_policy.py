"""``retry=`` of a single call: its own policy in place of the session's, for that call alone."""

import asyncio
from typing import Any

import pytest

from imin_accounts import AccountsSession, RetryPolicy
from imin_accounts.errors import InvalidRequest, OutcomeUnknown, ResponseError, TransportError
from imin_accounts.transports import Request, Response
from tests.scripted import (
    CONNECTED,
    GONE,
    NO_CONTENT,
    SELLER,
    ManualClock,
    ScriptedTransport,
    Step,
    reply,
    runtime,
)

ONCE = RetryPolicy(attempts=1)
FAILED = reply(500)


def session(
    transport: ScriptedTransport, clock: ManualClock | None = None, **options: Any
) -> AccountsSession:
    """A session on a manual clock, with three attempts unless told otherwise."""
    return AccountsSession(
        "test-key", transport=transport, runtime=runtime(clock or ManualClock()), **options
    )


async def test_one_quick_try() -> None:
    """A page's read fails at the first failure; the session's next call tries three times again."""
    transport = ScriptedTransport([FAILED] * 4)
    async with session(transport) as imin:
        for retry, sends in ((ONCE, 1), (None, 4)):
            with pytest.raises(ResponseError):
                await imin.get_seller_accounts("1234", retry=retry)
            assert len(transport.requests) == sends


async def test_patience() -> None:
    """A batch's read goes on for longer than the session's own."""
    transport = ScriptedTransport([*[FAILED] * 5, CONNECTED])
    async with session(transport, retry=ONCE) as imin:
        assert len(await imin.get_seller_accounts("1234", retry=RetryPolicy(attempts=6))) == 1


async def test_the_waits_are_the_calls_own() -> None:
    """With random numbers of 0.5 half of each bound."""
    clock = ManualClock()
    policy = RetryPolicy(base=4.0, throttled_base=8.0, maximum=6.0)
    async with session(ScriptedTransport([FAILED, reply(429), CONNECTED]), clock) as imin:
        await imin.get_seller_accounts("1234", retry=policy)
    assert clock.slept == [2.0, 3.0]


@pytest.mark.parametrize("method", ["get", "delete"])
async def test_the_time_of_an_attempt_is_the_calls_own(method: str) -> None:
    """A reply that does not come ends the attempt after so long, not after the session's ten seconds."""
    given: list[float] = []

    class Silent:
        async def send(self, request: Request, *, timeout: float) -> Response:
            given.append(timeout)
            raise TransportError("timeout", maybe_sent=False)

    policy = RetryPolicy(attempts=1, attempt_timeout=0.25)
    async with AccountsSession("test-key", transport=Silent()) as imin:
        get, delete = imin.get_seller_accounts, imin.delete_seller_account
        call = get("1234", retry=policy) if method == "get" else delete("1234", SELLER, retry=policy)
        with pytest.raises(TransportError):
            await call
    assert given == [0.25]


@pytest.mark.parametrize(
    ("attempts", "steps", "methods"),
    [
        pytest.param(1, [FAILED, CONNECTED], "DG", id="one"),
        pytest.param(2, [FAILED, CONNECTED, NO_CONTENT], "DGD", id="two"),
        pytest.param(1, [FAILED, GONE], "DG", id="one, and it worked"),
    ],
)
async def test_a_disconnection_looks_all_the_same(attempts: int, steps: list[Step], methods: str) -> None:
    """However few attempts: what is in doubt is read again, and stays in doubt if that shows no end."""
    transport = ScriptedTransport(steps)
    async with session(transport) as imin:
        deleting = imin.delete_seller_account("1234", SELLER, retry=RetryPolicy(attempts=attempts))
        if steps[-1] is CONNECTED:
            with pytest.raises(OutcomeUnknown):
                await deleting
        else:
            await deleting
    assert transport.methods == methods


@pytest.mark.parametrize("wrong", [3, "once", {"attempts": 1}, RetryPolicy], ids=str)
async def test_what_is_no_policy_is_refused(wrong: Any) -> None:
    """Before anything is sent, by both calls."""
    async with session(ScriptedTransport([])) as imin:
        with pytest.raises(InvalidRequest, match="retry"):
            await imin.get_seller_accounts("1234", retry=wrong)
        with pytest.raises(InvalidRequest, match="retry"):
            await imin.delete_seller_account("1234", SELLER, retry=wrong)


async def test_calls_at_the_same_time_keep_their_own() -> None:
    """One's single try takes nothing from another's three."""
    transport = ScriptedTransport([FAILED] * 4)
    async with session(transport) as imin:
        quick = imin.get_seller_accounts("1234", retry=ONCE)
        errors = await asyncio.gather(quick, imin.get_seller_accounts("1234"), return_exceptions=True)
    assert [len(error.attempts) for error in errors if isinstance(error, ResponseError)] == [1, 3]
