"""What a session is made of: an unusable part is refused when the session is made, by name."""

import asyncio
import copy
import functools
import pickle
import sys
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from imin_accounts.errors import DeadlineExceeded, InvalidRequest, SessionStateError
from imin_accounts.session import AccountsSession, RetryPolicy, Runtime
from imin_accounts.testing import check_transport
from imin_accounts.transports import AiohttpTransport
from tests.scripted import CONNECTED, SELLER, ScriptedTransport


@pytest.mark.parametrize(
    "wrong",
    [
        {"transport": 3},
        {"transport": object()},
        {"retry": None},
        {"retry": 3},
        {"on_attempt": "print"},
        {"runtime": None},
        {"verify_customer": None},
        {"verify_customer": ""},
        {"runtime": {"clock": float}},
        {"timeout": 0},
        {"max_connections": 0},
        {"rate_limit": 0},
        {"base_url": None},
    ],
    ids=str,
)
def test_an_unusable_part_is_refused(wrong: dict[str, Any]) -> None:
    """Not at the first call, and not with somebody else's error."""
    with pytest.raises(InvalidRequest, match=next(iter(wrong))):
        AccountsSession("test-key", **wrong)


@pytest.mark.parametrize("name", ["clock", "sleep", "random", "wall_clock"])
def test_time_and_dice_must_be_callable(name: str) -> None:
    """A number in place of a clock is refused where it was written down."""
    with pytest.raises(InvalidRequest, match=name):
        Runtime(**{name: 1.0})  # type: ignore[arg-type]


NO_NUMBERS = [
    *(0, -1, True, False, 10**400, -(10**400), 5e-325, float("nan"), float("inf"), -float("inf")),
    *(Decimal(1), Decimal("NaN"), Fraction(1), "1", b"1", 1j, [1], object()),
]
NO_COUNTS = [*(n for n in NO_NUMBERS if n != 10**400), 1.0, 1e308]


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize("name", ["attempt_timeout", "base", "throttled_base", "maximum"])
def test_a_policy_takes_numbers(name: str, value: Any) -> None:
    """Positive and finite ones: whatever else is a number somewhere is refused by name."""
    with pytest.raises(InvalidRequest, match=name):
        RetryPolicy(**{name: value})


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize("name", ["timeout", "rate_limit"])
def test_a_session_takes_numbers(name: str, value: Any) -> None:
    """As a policy does; what has no ``acquire`` is no limiter."""
    with pytest.raises(InvalidRequest, match=name):
        AccountsSession("test-key", **{name: value})


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: repr(value)[:20])
async def test_a_call_takes_a_number(value: Any) -> None:
    """Nothing is sent with a time that is none."""
    async with AccountsSession("test-key", transport=ScriptedTransport([])) as session:
        with pytest.raises(InvalidRequest, match="timeout"):
            await session.get_seller_accounts("1234", timeout=value)
        with pytest.raises(InvalidRequest, match="timeout"):
            await session.delete_seller_account("1234", SELLER, timeout=value)
        with pytest.raises(InvalidRequest, match="timeout"):
            session.get_many([], timeout=value)
        with pytest.raises(InvalidRequest, match="timeout"):
            session.delete_many([], timeout=value)


@pytest.mark.parametrize("value", [*NO_COUNTS, None], ids=lambda value: repr(value)[:20])
def test_a_count_is_an_int(value: Any) -> None:
    """Of attempts, of connections, of bytes: at least one."""
    with pytest.raises(InvalidRequest, match="attempts"):
        RetryPolicy(attempts=value)
    with pytest.raises(InvalidRequest, match="max_connections"):
        AccountsSession("test-key", max_connections=value)
    with pytest.raises(InvalidRequest, match="max_body"):
        AiohttpTransport(max_body=value)


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: repr(value)[:20])
async def test_the_conformance_kit_takes_a_number(value: Any) -> None:
    """Its patience is checked before anything is tried."""
    with pytest.raises(InvalidRequest, match="patience"):
        await check_transport(AiohttpTransport, patience=value)


def test_a_pace_has_an_interval() -> None:
    """One that is too slow for a number is refused: it would wait for no time at all."""
    with pytest.raises(InvalidRequest, match="rate_limit"):
        AccountsSession("test-key", rate_limit=5e-324)


async def test_the_largest_and_the_smallest_numbers_work() -> None:
    """Time is then as good as endless, or over at once; a pace so slow lets the first one through."""
    largest, smallest = sys.float_info.max, sys.float_info.min
    policy = RetryPolicy(
        attempts=10**400, attempt_timeout=largest, base=10**308, throttled_base=largest, maximum=largest
    )
    options: dict[str, Any] = {"retry": policy, "timeout": largest, "max_connections": 10**400}
    for rate in (largest, smallest):
        async with AccountsSession(
            "test-key", transport=ScriptedTransport([CONNECTED]), rate_limit=rate, **options
        ) as session:
            assert len(await session.get_seller_accounts("1234")) == 1
            with pytest.raises(DeadlineExceeded):
                await session.get_seller_accounts("1234", timeout=smallest)


@pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy, pickle.dumps])
async def test_a_session_has_no_twin(twin: Callable[[object], object]) -> None:
    """Made or open: a copy would share a gate with it, or have none, and no key. It is refused at once."""
    session = AccountsSession("test-key", transport=ScriptedTransport([]))
    with pytest.raises(SessionStateError, match="copied or pickled"):
        twin(session)
    async with session:
        with pytest.raises(SessionStateError, match="copied or pickled"):
            twin(session)


class AsyncHook:
    """A hook that nobody awaits."""

    async def __call__(self, attempt: object) -> None:
        raise AssertionError

    async def method(self, attempt: object) -> None:
        raise AssertionError

    async def stream(self, attempt: object) -> AsyncIterator[object]:
        yield attempt


@pytest.mark.parametrize(
    "hook",
    [
        AsyncHook(),
        AsyncHook().method,
        AsyncHook().stream,
        functools.partial(AsyncHook()),
        functools.partial(functools.partial(AsyncHook.method, AsyncHook())),
    ],
)
def test_a_hook_that_is_async_is_refused(hook: Any) -> None:
    """It would never run, and Python would warn of it when nobody looks."""
    with pytest.raises(InvalidRequest, match="on_attempt"):
        AccountsSession("test-key", on_attempt=hook)


async def test_a_hook_that_turns_out_to_be_async_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    """What can't be seen beforehand is logged like any other mistake of a hook's; the call goes on."""
    hook = AsyncHook()
    transport = ScriptedTransport([CONNECTED])
    async with AccountsSession("test-key", transport=transport, on_attempt=lambda a: hook(a)) as session:
        assert len(await session.get_seller_accounts("1234")) == 1
    assert "must not be async" in caplog.text


async def test_a_hook_may_begin_something() -> None:
    """A task that it starts is its own affair."""
    told: list[object] = []

    async def tell(attempt: object) -> None:
        told.append(attempt)

    transport = ScriptedTransport([CONNECTED])
    async with AccountsSession(
        "test-key", transport=transport, on_attempt=lambda a: asyncio.create_task(tell(a))
    ) as session:
        await session.get_seller_accounts("1234")
        await asyncio.sleep(0)
    assert len(told) == 1
