"""Bulk that is throttled: nobody fails of it, few requests are refused, and little time is lost."""

import asyncio
import os
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from imin_accounts.errors import RateLimited, SessionStateError
from imin_accounts.results import Deleted, Failed, Fetched
from imin_accounts.session import AccountsSession, RetryPolicy
from imin_accounts.session._pace import Rate
from imin_accounts.transports.base import Request, Response
from tests.scripted import NO_CONTENT, SELLER, accounts_of, reply
from tests.session.bulk_transport import collect, make_session
from tests.session.limited_imin import FixedWindow, LimitedImin, ServerLimiter, SlidingWindow, TokenBucket
from tests.virtual_time import run, virtual_runtime

LONG = os.environ.get("CI_LONG") == "1"


def refused(retry_after: float | None, status: int = 429) -> Response:
    return reply(status, headers={} if retry_after is None else {"retry-after": f"{retry_after:.0f}"})


def now() -> float:
    return asyncio.get_running_loop().time()


class Answers:
    """A transport that answers in the order of requests with ``first``, then rightly, each after 0.1 s."""

    def __init__(self, *first: Response) -> None:
        self._first = list(first)
        self.methods = ""
        self.sent_at: list[float] = []

    async def send(self, request: Request, *, timeout: float) -> Response:
        self.methods += request.method[0]
        self.sent_at.append(now())
        answer = self._first.pop(0) if self._first else None
        await asyncio.sleep(0.1)
        customer = request.url.split("/customers/")[1].partition("/")[0]
        right = NO_CONTENT if request.method == "DELETE" else accounts_of(customer, seller=False)
        return right if answer is None else answer


class Shut:
    """A transport to an imin that lets nobody through between two times, and says so with ``retry_after``."""

    def __init__(self, until: float, retry_after: float | None) -> None:
        self._until = until
        self._retry_after = retry_after
        self.requests = 0

    async def send(self, request: Request, *, timeout: float) -> Response:
        self.requests += 1
        await asyncio.sleep(0.1)
        return refused(self._retry_after) if now() < self._until else accounts_of("1", seller=True)


async def read_many(imin: Any, customers: int, *, concurrency: int = 64, **options: Any) -> list[Any]:
    async with (
        make_session(imin, runtime=virtual_runtime(), **options) as session,
        session.get_many(map(str, range(customers)), concurrency=concurrency) as outcomes,
    ):
        return await collect(outcomes)


# --- The rate that is let through -----------------------------------------------------------------

LIMITERS: dict[str, Callable[[float], ServerLimiter]] = {
    "token bucket": lambda rate: TokenBucket(rate, rate),
    "small token bucket": lambda rate: TokenBucket(rate, rate / 5 + 1),
    "fixed window": FixedWindow,
    "sliding window": SlidingWindow,
    "a minute's window": lambda rate: FixedWindow(60 * rate, 60.0),
}
CASES = [
    (limiter, rate, concurrency, latency, says)
    for limiter, rate, concurrency, latency, says in product(
        LIMITERS, (5, 25, 100), (16, 64), (0.02, 0.3), (True, False)
    )
    if says or limiter != "a minute's window"
    if LONG or (rate == 25 and latency == 0.02) or (concurrency == 64 and latency == 0.3 and rate == 5)
]


@pytest.mark.parametrize(("limiter", "rate", "concurrency", "latency", "says"), CASES)
def test_few_are_refused_and_little_time_is_lost(
    limiter: str, rate: int, concurrency: int, latency: float, says: bool
) -> None:
    """Everybody is read, with 1.15 requests each at most, in 1.5 times the ideal time at most."""
    customers = max(1_000, 40 * rate)
    imin = LimitedImin(LIMITERS[limiter](rate), latency=latency, retry_after=says)
    outcomes = run(read_many(imin, customers, concurrency=concurrency))
    assert [type(outcome) for outcome in outcomes] == [Fetched] * customers
    ideal = max(customers / rate, customers * latency / concurrency)
    assert imin.requests / customers <= 1.15
    assert imin.ended / ideal <= 1.5


def test_disconnecting_many_is_paced_too() -> None:
    """A DELETE that was refused was not processed: it is sent again, and confirmed."""
    imin = LimitedImin(TokenBucket(25, 25))

    async def main() -> list[Deleted | Failed]:
        pairs = [(str(n), SELLER) for n in range(1_000)]
        async with (
            make_session(imin, runtime=virtual_runtime()) as session,
            session.delete_many(pairs, concurrency=64) as outcomes,
        ):
            return [outcome async for outcome in outcomes]

    outcomes = run(main())
    assert {outcome.deletion.outcome for outcome in outcomes if isinstance(outcome, Deleted)} == {"confirmed"}
    assert (len(outcomes), imin.requests <= 1_150, imin.ended <= 60) == (1_000, True, True)


def test_the_next_bulk_knows_the_rate() -> None:
    """What was learnt is the session's: a loop over small bulks is not refused at each one's beginning."""
    imin = LimitedImin(TokenBucket(25, 25))

    async def main() -> list[int]:
        counts = []
        async with make_session(imin, runtime=virtual_runtime()) as session:
            for _ in range(10):
                async with session.get_many(map(str, range(100)), concurrency=64) as outcomes:
                    await collect(outcomes)
                counts.append(imin.requests)
        return counts

    counts = run(main())
    assert counts[0] > 130
    assert counts[-1] - counts[0] <= 900 * 1.05


def test_a_rate_that_is_raised_is_found() -> None:
    """Where imin lets ten times as many through after a while, the pace follows within two minutes."""
    bucket = TokenBucket(10, 10)
    imin = LimitedImin(bucket)

    async def main() -> float:
        asyncio.get_running_loop().call_later(30, setattr, bucket, "rate", 100.0)
        asyncio.get_running_loop().call_later(30, setattr, bucket, "burst", 100.0)
        await read_many(imin, 6_000)
        return now()

    assert run(main()) < 30 + 120 + 60


def test_a_rate_that_is_lowered_is_kept_to() -> None:
    """Where imin lets only a twentieth through from now on, few requests are refused before that is known."""
    bucket = TokenBucket(100, 100)
    imin = LimitedImin(bucket)

    async def main() -> None:
        asyncio.get_running_loop().call_later(20, setattr, bucket, "rate", 5.0)
        asyncio.get_running_loop().call_later(20, setattr, bucket, "burst", 5.0)
        await read_many(imin, 3_000)

    run(main())
    assert imin.requests <= 3_000 * 1.15


def test_without_a_refusal_nobody_waits() -> None:
    """Bulk goes as fast as its concurrency lets it."""

    async def main() -> float:
        await read_many(Answers(), 640)
        return now()

    assert run(main()) == pytest.approx(1.0)


def test_old_refusals_say_nothing_of_the_new_rate() -> None:
    """Replies to requests from before the hold may come after it; they do not lower the rate again."""
    rate = Rate()
    for second in range(10):
        rate.count(second)
    rate.pass_time(11.0)
    rate.adapt(11.0, held=1.0)
    assert (rate.is_shown_by(10.9), rate.is_shown_by(11.0)) == (False, True)


@pytest.mark.parametrize(
    ("through", "seconds", "held", "per_second"),
    [
        pytest.param(25, 1.05, 1.0, 22.5, id="a burst: by the hold"),
        pytest.param(1500, 60.0, 57.0, 1500 / 57 * 0.9, id="a minute's window used up at once: by the hold"),
        pytest.param(200, 11.0, 1.0, 18.0, id="paced: by the time of sending"),
        pytest.param(0, 57.0, 57.0, 9.0, id="nothing to go by"),
        pytest.param(30, 0.0, 0.0, 27_000.0, id="no time has passed"),
    ],
)
def test_what_a_refusal_shows(through: int, seconds: float, held: float, per_second: float) -> None:
    """0.9 of what was let through just before; unlimited until then."""
    rate = Rate()
    assert rate.is_unlimited
    for nth in range(through):
        rate.count(nth * (seconds - held) / through)
    rate.pass_time(seconds)
    rate.adapt(seconds, held)
    assert rate(seconds) == pytest.approx(per_second)
    assert per_second < rate(seconds + 1) < rate(seconds + 3)


@pytest.mark.parametrize(
    ("through", "held", "doubled_after"),
    [
        pytest.param(25, 3.0, 30.0, id="shown by the hold"),
        pytest.param(25, 1.0, 4.0, id="a hold of whole seconds that is short"),
        pytest.param(4, 3.0, 4.0, id="too few came through"),
    ],
)
def test_where_little_is_known_the_rate_is_soon_raised(
    through: int, held: float, doubled_after: float
) -> None:
    """After 4 seconds it is doubled rather than after 30."""
    rate = Rate()
    for _ in range(through):
        rate.count(0.0)
    rate.pass_time(held)
    rate.adapt(held, held)
    assert rate(held + doubled_after) == pytest.approx(2 * rate(held))


# --- Waiting --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "first", [refused(60), refused(60, status=503), refused(None)], ids=["429", "503", "no time"]
)
def test_a_hold_takes_of_nobodys_time(first: Response) -> None:
    """It is no failure either: neither of who was refused, even without retries, nor of who waits."""

    async def main() -> list[Fetched | Failed]:
        return await read_many(Answers(*[first] * 5), 20, timeout=0.2, retry=RetryPolicy(attempts=1))

    assert [type(outcome) for outcome in run(main())] == [Fetched] * 20


def test_refusals_cost_no_quota() -> None:
    """However many there are, what the session may spend on retries stays for other troubles."""
    answers = [refused(1)] * 500 + [reply(500)] * 3

    async def main() -> list[Fetched | Failed]:
        return await read_many(Answers(*answers), 20, concurrency=16)

    assert [type(outcome) for outcome in run(main())] == [Fetched] * 20


def test_who_waits_at_the_gate_waits_on_for_their_turn() -> None:
    """With room for few connections most calls are between their turn and their request when a hold comes."""
    imin = LimitedImin(TokenBucket(25, 25))
    outcomes = run(read_many(imin, 1_000, concurrency=500, max_connections=10, timeout=5.0))
    assert [type(outcome) for outcome in outcomes] == [Fetched] * 1_000
    assert imin.requests <= 1_150


class SlowKey:
    """A key that takes half a second to get, but for the first time."""

    def __init__(self) -> None:
        self._asked = 0

    async def __call__(self) -> str:
        self._asked += 1
        await asyncio.sleep(0.5 if self._asked > 1 else 0.0)
        return "test-key"


def test_a_hold_that_begins_between_turn_and_request_is_no_loss_of_time() -> None:
    """Who meets it at the gate goes back to wait for a turn."""
    imin = Answers(refused(3))

    async def main() -> list[Any]:
        async with (
            AccountsSession(SlowKey(), transport=imin, runtime=virtual_runtime(), timeout=3.15) as session,
            session.get_many(["1", "2"]) as outcomes,
        ):
            return await collect(outcomes)

    assert [type(outcome) for outcome in run(main())] == [Fetched] * 2


def test_a_hold_that_is_met_at_the_gate_is_no_refusal() -> None:
    """A single call's: nothing of the bulk's was refused, so nothing is known of a rate."""
    imin = Answers(refused(3))

    async def main() -> None:
        async with AccountsSession(SlowKey(), transport=imin, runtime=virtual_runtime()) as session:
            single = asyncio.create_task(session.get_seller_accounts("1", timeout=1))
            await asyncio.sleep(0)
            async with session.get_many(map(str, range(20))) as outcomes:
                await collect(outcomes)
            assert isinstance(single.exception(), RateLimited)

    run(main())
    assert len({round(at, 3) for at in imin.sent_at[1:]}) == 1


def test_late_refusals_change_nothing_and_turns_are_even() -> None:
    """Of a request from before the hold, answered when others had been let through for long."""

    class Late(Answers):
        async def send(self, request: Request, *, timeout: float) -> Response:
            if len(self.sent_at) == 11:
                self.sent_at.append(now())
                await asyncio.sleep(3)
                return refused(1)
            return await super().send(request, timeout=timeout)

    imin = Late(*[accounts_of(str(n), seller=True) for n in range(10)], refused(1))
    run(read_many(imin, 200, concurrency=12))
    after = [at for at in imin.sent_at if at > 1]
    assert after[0] == pytest.approx(1.1)
    assert after[1] - after[0] == pytest.approx(1 / 9, rel=0.01)
    assert sum(4 < at <= 5 for at in imin.sent_at) >= 13


def test_without_a_time_to_wait_the_pauses_grow() -> None:
    """As long as nobody gets through, by the policy: up to 5 s, here half of it by lot."""
    imin = Shut(600.0, None)
    run(read_many(imin, 16, concurrency=16))
    assert 600 / 2.5 < imin.requests < 600 / 2.5 + 60


def test_a_re_read_waits_too() -> None:
    """A disconnection in doubt is no less patient: the hold ends, and the accounts tell."""
    imin = Answers(reply(500), refused(60))

    async def main() -> list[Deleted | Failed]:
        async with (
            make_session(imin, runtime=virtual_runtime(), timeout=10) as session,
            session.delete_many([("1", SELLER)]) as outcomes,
        ):
            return [outcome async for outcome in outcomes]

    [outcome] = run(main())
    assert isinstance(outcome, Deleted)
    assert (outcome.deletion.outcome, imin.methods) == ("verified", "DGG")


def test_single_calls_are_not_so_patient() -> None:
    """During a bulk's hold one that has too little time is told so at once, and one that has enough waits."""

    async def main() -> None:
        async with (
            make_session(Answers(refused(60)), runtime=virtual_runtime()) as session,
            session.get_many(["1"]) as outcomes,
        ):
            await asyncio.sleep(0.2)
            with pytest.raises(RateLimited) as caught:
                await session.get_seller_accounts("2", timeout=30)
            assert now() == pytest.approx(0.2)
            assert caught.value.retry_after == pytest.approx(59.9)
            await session.get_seller_accounts("2", timeout=100)
            assert now() == pytest.approx(60.2)
            await collect(outcomes)

    run(main())


def test_a_single_calls_hold_makes_a_bulk_wait() -> None:
    """The hold is the session's."""
    imin = Answers(refused(60))

    async def main() -> None:
        async with make_session(imin, runtime=virtual_runtime(), timeout=10) as session:
            with pytest.raises(RateLimited):
                await session.get_seller_accounts("1")
            async with session.get_many(["2", "3"]) as outcomes:
                assert [type(outcome) for outcome in await collect(outcomes)] == [Fetched] * 2

    run(main())
    assert imin.sent_at[1] == pytest.approx(60.1)


@pytest.mark.parametrize(
    ("first", "told"),
    [
        pytest.param([refused(10)] * 16, [], id="not long"),
        pytest.param([refused(n) for n in (60, 58, 61, 60)] * 4, [60], id="told to many at once"),
        pytest.param([*[refused(60)] * 16, refused(300)], [60, 300], id="one after the other"),
    ],
)
def test_a_long_wait_is_logged(
    first: list[Response], told: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    """One warning for each, however many wait; it says for how long, and of nobody."""
    run(read_many(Answers(*first), 100, concurrency=16))
    assert {record.levelname for record in caplog.records} <= {"WARNING"}
    assert {record.name for record in caplog.records} <= {"imin_accounts"}
    assert caplog.messages == [f"imin holds this session back for {seconds} s" for seconds in told]


# --- Waiting in vain ------------------------------------------------------------------------------


async def ends(imin: Any, customers: int = 200) -> tuple[list[Any], RateLimited]:
    taken: list[Any] = []
    async with (
        make_session(imin, runtime=virtual_runtime()) as session,
        session.get_many(map(str, range(customers)), concurrency=16) as outcomes,
    ):
        with pytest.raises(RateLimited) as caught:
            await collect(outcomes, taken)
    return taken, caught.value


@pytest.mark.parametrize("retry_after", [0, 1, 60, None])
def test_a_quarter_of_an_hour_with_nobody_through_ends_the_iteration(retry_after: float | None) -> None:
    """With ``RateLimited``, once for all."""

    async def main() -> float:
        taken, error = await ends(Shut(2_000.0, retry_after))
        assert (taken, error.status) == ([], 429)
        return now()

    assert run(main()) == pytest.approx(900, abs=1.5)


def test_who_got_through_before_has_their_outcome() -> None:
    """The error comes after what was finished, be the hold even longer."""

    async def main() -> None:
        well = [accounts_of(str(n), seller=True) for n in range(10)]
        taken, error = await ends(Answers(*well, *[refused(3600)] * 6))
        assert len(taken) == 10
        assert error.retry_after == pytest.approx(2700, abs=1)
        assert now() == pytest.approx(900, abs=1)

    run(main())


def test_who_gets_through_gives_everybody_more_time() -> None:
    """It is only in vain while nobody at all gets through."""
    answers = [refused(800), accounts_of("0", seller=True), refused(800)]

    async def main() -> list[Fetched | Failed]:
        return await read_many(Answers(*answers), 2, concurrency=1)

    assert [type(outcome) for outcome in run(main())] == [Fetched] * 2


def test_the_next_bulk_is_patient_again() -> None:
    """After one that waited in vain."""
    imin = Shut(1_500.0, 60)

    async def main() -> None:
        async with make_session(imin, runtime=virtual_runtime()) as session:
            async with session.get_many(["1"]) as outcomes:
                with pytest.raises(RateLimited):
                    await collect(outcomes)
            async with session.get_many(["1"]) as outcomes:
                assert isinstance(await anext(outcomes), Fetched)

    run(main())


def test_closing_the_session_ends_a_wait() -> None:
    """At once."""

    async def main() -> float:
        session = make_session(Answers(refused(60)), runtime=virtual_runtime())
        async with session, session.get_many(map(str, range(100))) as outcomes:
            for _ in range(63):
                await anext(outcomes)
            await session.aclose()
            with pytest.raises(SessionStateError, match="closed"):
                await collect(outcomes)
        return now()

    assert run(main()) < 1


def test_leaving_ends_a_wait() -> None:
    """At once, too."""

    async def main() -> float:
        async with make_session(Answers(*[refused(60)] * 64), runtime=virtual_runtime()) as session:
            async with session.get_many(map(str, range(100))):
                await asyncio.sleep(10)
            assert len(asyncio.all_tasks()) == 1
        return now()

    assert run(main()) == pytest.approx(10)


def test_nobody_waits_any_longer_once_told_so() -> None:
    """What is under way is finished, then the iteration ends with ``RateLimited``."""

    async def main() -> float:
        imin = Answers(*[refused(60)] * 3)
        async with (
            make_session(imin, runtime=virtual_runtime()) as session,
            session.get_many(map(str, range(100)), concurrency=4) as outcomes,
        ):
            assert isinstance(await anext(outcomes), Fetched)
            await asyncio.sleep(10)
            session.stop_waiting()
            with pytest.raises(RateLimited):
                await collect(outcomes)
        return now()

    assert run(main()) == pytest.approx(10.1)


def test_told_so_beforehand_nobody_waits_at_all() -> None:
    """But who need not wait is read."""

    async def main() -> list[Any]:
        taken: list[Any] = []
        imin = Answers(*[accounts_of(str(n), seller=True) for n in range(5)], *[refused(60)] * 99)
        async with make_session(imin, runtime=virtual_runtime()) as session:
            session.stop_waiting()
            async with session.get_many(map(str, range(100)), concurrency=1) as outcomes:
                with pytest.raises(RateLimited):
                    await collect(outcomes, taken)
        assert now() < 1
        return taken

    assert len(run(main())) == 5


# --- The application's own limiter ----------------------------------------------------------------


@pytest.mark.parametrize("after", [0, 3], ids=["at once", "later"])
def test_a_limiter_that_refuses_ends_the_iteration(after: int) -> None:
    """Whatever it raises, an error of ours too: nobody asks it again, for the same customer or another."""

    class Spent:
        asked = 0

        async def acquire(self) -> None:
            self.asked += 1
            if self.asked > after:
                raise RateLimited(429)

    limiter = Spent()

    async def main() -> list[Any]:
        taken: list[Any] = []
        async with (
            make_session(Answers(), runtime=virtual_runtime(), rate_limit=limiter) as session,
            session.get_many(map(str, range(100)), concurrency=4) as outcomes,
        ):
            with pytest.raises(RateLimited):
                await collect(outcomes, taken)
        return taken

    assert len(run(main())) == after
    assert limiter.asked <= after + 4
