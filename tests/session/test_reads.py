"""``get_seller_accounts`` on a scripted transport: what each event becomes, and how often is sent."""

import asyncio
from collections.abc import Callable, Iterable

import pytest

from imin_accounts.errors import (
    AuthenticationError,
    DeadlineExceeded,
    DecodeError,
    IminError,
    InvalidRequest,
    NotFound,
    RateLimited,
    ResponseError,
    TransportError,
    UnexpectedResponse,
    WrongCustomer,
)
from imin_accounts.models import ConnectedAccount, SellerAccounts
from imin_accounts.session import AccountsSession
from imin_accounts.session._retry import RetryPolicy
from imin_accounts.transports.base import Request, Response
from tests.scripted import CONNECTED, ManualClock, ScriptedTransport, Step, accounts_of, reply, runtime

REFUSED = TransportError("refused", maybe_sent=False)
DROPPED = TransportError("dropped", maybe_sent=True)
OTHERS = accounts_of("9999", seller=True)
GARBLED = reply(200, b"<html>")


class ScriptedSession:
    """A session on a scripted transport and a manual clock; random numbers are all 0.5."""

    def __init__(self, steps: Iterable[Step], **options: object) -> None:
        self.clock = ManualClock()
        self.transport = ScriptedTransport(steps)
        self.session = AccountsSession(
            "test-key",
            transport=self.transport,
            runtime=runtime(self.clock),
            **options,  # type: ignore[arg-type]
        )

    async def get(self) -> SellerAccounts:
        async with self.session:
            return await self.session.get_seller_accounts("1234")

    async def fails(self, kind: type[IminError]) -> IminError:
        with pytest.raises(kind) as caught:
            await self.get()
        assert type(caught.value) is kind
        return caught.value


@pytest.mark.parametrize(
    ("step", "kind", "sends"),
    [
        pytest.param(REFUSED, TransportError, 3, id="refused"),
        pytest.param(TransportError("dns", maybe_sent=False), TransportError, 3, id="dns"),
        pytest.param(TransportError("tls", maybe_sent=False), TransportError, 1, id="tls"),
        pytest.param(DROPPED, TransportError, 3, id="dropped"),
        pytest.param(OSError("a transport's own"), TransportError, 3, id="foreign error"),
        pytest.param(TimeoutError(), TransportError, 3, id="transport's own timeout"),
        pytest.param(reply(401), AuthenticationError, 1, id="401"),
        pytest.param(reply(403), AuthenticationError, 1, id="403"),
        pytest.param(reply(404), NotFound, 1, id="404"),
        pytest.param(reply(429), RateLimited, 3, id="429"),
        pytest.param(reply(408), ResponseError, 3, id="408"),
        pytest.param(reply(500), ResponseError, 3, id="500"),
        pytest.param(reply(503, headers={"retry-after": "1"}), ResponseError, 3, id="503 with Retry-After"),
        pytest.param(reply(418), ResponseError, 1, id="418"),
        pytest.param(reply(302), UnexpectedResponse, 1, id="302"),
        pytest.param(reply(204), UnexpectedResponse, 1, id="204"),
        pytest.param(reply(101), UnexpectedResponse, 1, id="101"),
        pytest.param(GARBLED, DecodeError, 3, id="garbled"),
        pytest.param(OTHERS, WrongCustomer, 3, id="another customer's"),
    ],
)
async def test_event(step: Step, kind: type[IminError], sends: int) -> None:
    """Each event ends as its row in the table says, after that many requests."""
    scripted = ScriptedSession([step] * sends)
    error = await scripted.fails(kind)
    assert len(scripted.transport.requests) == len(error.attempts) == sends


@pytest.mark.parametrize("step", [REFUSED, DROPPED, reply(500), reply(429), GARBLED, OTHERS], ids=repr)
async def test_second_attempt_succeeds(step: Step) -> None:
    """One passing fault costs a retry, and the caller sees the accounts."""
    scripted = ScriptedSession([step, CONNECTED])
    accounts = await scripted.get()
    assert [type(account) for account in accounts] == [ConnectedAccount]


@pytest.mark.parametrize("asked", ["7200", "9" * 20, "9" * 400, "9" * 30 + "h"], ids=len)
@pytest.mark.parametrize(("status", "kind"), [(429, RateLimited), (503, ResponseError)])
async def test_a_wait_of_any_length_is_obeyed(status: int, kind: type[ResponseError], asked: str) -> None:
    """It is a hold of an hour, however many digits it has: no second request comes before."""
    scripted = ScriptedSession([reply(status, headers={"retry-after": asked})])
    error = await scripted.fails(kind)
    assert isinstance(error, ResponseError)
    assert error.retry_after is not None
    assert error.retry_after >= 7200
    assert len(scripted.transport.requests) == 1


@pytest.mark.parametrize("step", [GARBLED, OTHERS], ids=["garbled", "another customer's"])
async def test_untrusted_connection_is_left(step: Step) -> None:
    """After a reply that can't be ours the retry asks for a connection of its own."""
    scripted = ScriptedSession([step, CONNECTED])
    await scripted.get()
    assert [request.fresh for request in scripted.transport.requests] == [False, True]


async def test_wrong_customer_drops_the_idle_pool() -> None:
    """One stray reply shifts all that follow on its connection, so none of the pool is kept."""
    scripted = ScriptedSession([OTHERS] * 3)
    await scripted.fails(WrongCustomer)
    assert scripted.transport.discarded == 3


async def test_verify_customer_switched_off() -> None:
    """A broker whose gateway rewrites ids can do without the check."""
    scripted = ScriptedSession([OTHERS], verify_customer=False)
    assert len(await scripted.get()) == 1


async def test_backoff_doubles() -> None:
    """The waits are the policy's: half of 0.05 s, then half of 0.1 s."""
    scripted = ScriptedSession([reply(500)] * 3)
    await scripted.fails(ResponseError)
    assert scripted.clock.slept == [0.025, 0.05]


async def test_retry_after_is_obeyed() -> None:
    """The retry goes out when imin said, not earlier."""
    scripted = ScriptedSession([reply(429, headers={"retry-after": "7"}), CONNECTED])
    await scripted.get()
    assert scripted.clock.slept == [7.0]


async def test_retry_after_beyond_the_deadline_fails_at_once() -> None:
    """A wait that can't fit is not begun; the error carries its length."""
    scripted = ScriptedSession([reply(429, headers={"retry-after": "31"})])
    error = await scripted.fails(RateLimited)
    assert isinstance(error, RateLimited)
    assert (error.retry_after, scripted.clock.slept) == (31.0, [])


async def test_hold_holds_back_other_calls() -> None:
    """After one caller's last 429 the next caller waits too, though it did nothing wrong."""
    scripted = ScriptedSession(
        [reply(429, headers={"retry-after": "7"}), CONNECTED], retry=RetryPolicy(attempts=1)
    )
    async with scripted.session as session:
        with pytest.raises(RateLimited):
            await session.get_seller_accounts("1234")
        await session.get_seller_accounts("1234")
    assert scripted.clock.slept == [7.0]


async def test_call_too_short_for_the_hold_sends_nothing() -> None:
    """A call that would end before the hold does is refused at once."""
    scripted = ScriptedSession([reply(429, headers={"retry-after": "20"})], retry=RetryPolicy(attempts=1))
    async with scripted.session as session:
        with pytest.raises(RateLimited):
            await session.get_seller_accounts("1234")
        with pytest.raises(RateLimited) as caught:
            await session.get_seller_accounts("1234", timeout=5)
    assert (caught.value.attempts, len(scripted.transport.requests)) == ((), 1)


async def test_a_hold_lasts_an_hour_at_most() -> None:
    """One absurd header must not stop a session for days; the error says what was asked."""
    scripted = ScriptedSession([reply(429, headers={"retry-after": "86400"}), CONNECTED])
    async with scripted.session as session:
        with pytest.raises(RateLimited) as caught:
            await session.get_seller_accounts("1234")
        await session.get_seller_accounts("1234", timeout=3601)
    assert (caught.value.retry_after, scripted.clock.slept) == (86_400.0, [3600.0])


async def test_outage_sends_few_retries() -> None:
    """Of 1,000 calls into a full outage at most 35 are retried; 10,000 send no more."""
    sent = {}
    for calls in (1_000, 10_000):
        scripted = ScriptedSession([reply(500)] * 20_000)
        async with scripted.session as session:
            for _ in range(calls):
                with pytest.raises(ResponseError):
                    await session.get_seller_accounts("1234")
        sent[calls] = len(scripted.transport.requests)
    assert sent[1_000] <= 1_050
    assert sent[10_000] <= 10_100


async def test_retries_that_help_may_go_on_for_ever() -> None:
    """A call that its retry saved pays for the next one's: faults that pass don't use the quota up."""
    scripted = ScriptedSession([reply(500), CONNECTED] * 100)
    async with scripted.session as session:
        for _ in range(100):
            await session.get_seller_accounts("1234")
    assert len(scripted.transport.requests) == 200


async def test_calls_that_need_no_retry_pay_for_others() -> None:
    """After a full outage (35 retries, 10 left) four of them make up the 14 that one retry costs."""
    steps = [*[reply(500)] * 70, *[CONNECTED] * 3, reply(500), CONNECTED, reply(500), CONNECTED]
    scripted = ScriptedSession(steps, retry=RetryPolicy(attempts=2))
    succeeded = ""
    async with scripted.session as session:
        for _ in range(35 + 3 + 3):
            try:
                await session.get_seller_accounts("1234")
                succeeded += "y"
            except ResponseError:
                succeeded += "n"
    assert succeeded == 35 * "n" + "yyy" + "n" + "y" + "y"  # the last one with a retry


async def test_retries_that_imin_asked_for_are_cheaper() -> None:
    """Of calls that are throttled again and again a hundred are retried, not 35: imin said when to come."""
    throttled = reply(429, headers={"retry-after": "0"})
    scripted = ScriptedSession([throttled] * 220, retry=RetryPolicy(attempts=2))
    async with scripted.session as session:
        for _ in range(120):
            with pytest.raises(RateLimited):
                await session.get_seller_accounts("1234")
    assert len(scripted.transport.requests) == 120 + 100


async def test_no_time_at_all_is_refused() -> None:
    """A timeout of 0 is a mistake, not the session's own: nothing is sent."""
    scripted = ScriptedSession([])
    async with scripted.session as session:
        with pytest.raises(InvalidRequest, match="timeout"):
            await session.get_seller_accounts("1234", timeout=0)
        with pytest.raises(InvalidRequest, match="timeout"):
            await session.delete_seller_account("1234", "urn:seller", timeout=0)


async def test_a_transport_need_not_have_idle_connections() -> None:
    """One that can't drop any is simply asked for a new one."""

    class Plain:
        def __init__(self) -> None:
            self.send = ScriptedTransport([OTHERS, CONNECTED]).send

    async with AccountsSession("test-key", transport=Plain()) as session:
        assert len(await session.get_seller_accounts("1234")) == 1


async def test_deadline_covers_backoff() -> None:
    """A wait that would end after the deadline is not begun; the error lists the attempts."""
    scripted = ScriptedSession([reply(500)] * 9, retry=RetryPolicy(attempts=99, base=4.0), timeout=6.0)
    error = await scripted.fails(DeadlineExceeded)
    assert [attempt.status for attempt in error.attempts] == [500] * len(scripted.transport.requests)
    assert scripted.clock.now <= 1006.0


async def hang(request: Request) -> Response:
    await asyncio.Event().wait()
    raise AssertionError


async def trickle(request: Request) -> Response:
    for _ in range(10_000):
        await asyncio.sleep(0.001)
    raise AssertionError


@pytest.mark.parametrize("step", [hang, trickle])
async def test_deadline_is_enforced_from_outside(step: Step) -> None:
    """A transport that ignores its timeout is cut off, whether it stands still or trickles."""
    async with AccountsSession("test-key", transport=ScriptedTransport([step]), timeout=0.02) as session:
        with pytest.raises(DeadlineExceeded) as caught:
            await session.get_seller_accounts("1234")
    assert [attempt.error_type for attempt in caught.value.attempts] == ["timeout"]
    assert caught.value.maybe_sent


async def test_attempt_timeout_leaves_time_for_another() -> None:
    """One attempt that stands still does not use up the call."""
    transport = ScriptedTransport([hang, CONNECTED])
    retry = RetryPolicy(attempt_timeout=0.01)
    async with AccountsSession("test-key", transport=transport, retry=retry) as session:
        assert await session.get_seller_accounts("1234")


@pytest.mark.parametrize("where", ["key", "rate limit", "connection"])
async def test_deadline_covers_what_comes_before_sending(where: str) -> None:
    """Key, rate limit and the queue for a connection count, and nothing is sent after the deadline."""

    async def slow_key() -> str:
        await asyncio.Event().wait()
        raise AssertionError

    class SlowLimiter:
        acquire = staticmethod(slow_key)

    options: dict[str, Callable[[], object]] = {
        "key": lambda: AccountsSession(slow_key, transport=transport),
        "rate limit": lambda: AccountsSession("test-key", transport=transport, rate_limit=SlowLimiter()),
        "connection": lambda: AccountsSession("test-key", transport=transport, max_connections=1),
    }
    transport = ScriptedTransport([hang])
    session = options[where]()
    assert isinstance(session, AccountsSession)
    async with session:
        occupant = asyncio.create_task(session.get_seller_accounts("1234"))
        await asyncio.sleep(0)
        with pytest.raises(DeadlineExceeded) as caught:
            await session.get_seller_accounts("1234", timeout=0.01)
        occupant.cancel()
        await asyncio.wait([occupant])
    assert not caught.value.maybe_sent
    assert caught.value.attempts == ()
