"""The table of events, the waits and the quota: pure functions of what is passed in."""

import re

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
    SessionStateError,
    TransportError,
    UnexpectedResponse,
    WrongCustomer,
)
from imin_accounts.session._retry import (
    Event,
    RetryPolicy,
    RetryQuota,
    Step,
    check_seconds,
    event_of,
    next_delay,
)
from tests.paths import DOCS

RAISE, AGAIN, FRESH, DISCARD, HOLD, REKEY, VERIFY = Step

ERRORS: list[tuple[IminError, Event, Step, Step]] = [
    # error, event, what a GET does, what a DELETE does
    (TransportError("refused", maybe_sent=False), Event.NOT_SENT, AGAIN, AGAIN),
    (TransportError("dns", maybe_sent=False), Event.NOT_SENT, AGAIN, AGAIN),
    (TransportError("tls", maybe_sent=False), Event.NOT_TRUSTED, RAISE, RAISE),
    (TransportError("tls", maybe_sent=True), Event.LOST, DISCARD, VERIFY),
    (TransportError("timeout", maybe_sent=True), Event.LOST, DISCARD, VERIFY),
    (TransportError("dropped", maybe_sent=True), Event.LOST, DISCARD, VERIFY),
    (AuthenticationError(401), Event.NOT_KNOWN, REKEY, REKEY),
    (AuthenticationError(403), Event.NOT_ALLOWED, RAISE, RAISE),
    (NotFound(404), Event.NOT_FOUND, RAISE, RAISE),
    (ResponseError(400), Event.REFUSED, RAISE, RAISE),
    (ResponseError(408), Event.FAILED, AGAIN, VERIFY),
    (ResponseError(408, retry_after=1.0), Event.FAILED, AGAIN, VERIFY),
    (ResponseError(425), Event.REFUSED, RAISE, RAISE),
    (ResponseError(499), Event.REFUSED, RAISE, RAISE),
    (RateLimited(429), Event.THROTTLED, HOLD, HOLD),
    (ResponseError(500), Event.FAILED, AGAIN, VERIFY),
    (ResponseError(503), Event.FAILED, AGAIN, VERIFY),
    (ResponseError(503, retry_after=0.0), Event.THROTTLED, HOLD, HOLD),
    (ResponseError(520), Event.FAILED, AGAIN, VERIFY),
    (ResponseError(999), Event.FAILED, AGAIN, VERIFY),
    (UnexpectedResponse("", status=101), Event.UNDOCUMENTED, RAISE, VERIFY),
    (UnexpectedResponse("", status=202), Event.UNDOCUMENTED, RAISE, VERIFY),
    (UnexpectedResponse("", status=204), Event.UNDOCUMENTED, RAISE, VERIFY),
    (UnexpectedResponse("", status=299), Event.UNDOCUMENTED, RAISE, VERIFY),
    (UnexpectedResponse("", status=300), Event.REDIRECTED, RAISE, RAISE),
    (UnexpectedResponse("", status=399), Event.REDIRECTED, RAISE, RAISE),
    (DecodeError("", status=200), Event.UNREADABLE, FRESH, VERIFY),
    (WrongCustomer("", status=200), Event.SOMEBODY_ELSES, DISCARD, VERIFY),
    (SessionStateError(), Event.ENDED, RAISE, RAISE),
    (DeadlineExceeded(1.0, maybe_sent=True), Event.ENDED, RAISE, RAISE),
]
CASES = [pytest.param(*case, id=f"{type(case[0]).__name__} {case[0]}") for case in ERRORS]


@pytest.mark.parametrize(("error", "event", "get", "delete"), CASES)
def test_what_an_event_becomes(error: IminError, event: Event, get: Step, delete: Step) -> None:
    """Each error is one event, and each event has one step for a GET and one for a DELETE."""
    assert event_of(error) is event
    assert (event.get, event.delete) == (get, delete)


def test_the_documentation_has_the_table() -> None:
    """Row by row, in the same words: neither has an event, or says of one, what the other does not."""
    page = DOCS / "explanation" / "events.rst"
    rows = re.findall(r"   \* - (.+)\n     - (.+)\n     - (.+)\n", page.read_text(encoding="utf-8"))
    told = [tuple(cell.replace("``", "") for cell in row) for row in rows[1:]]
    assert told == [(event.label, event.get.value, event.delete.value) for event in Event]


@pytest.mark.parametrize(
    ("attempt", "error", "random", "seconds"),
    [
        pytest.param(1, ResponseError(500), 1.0, 0.05, id="first"),
        pytest.param(2, ResponseError(500), 1.0, 0.1, id="doubles"),
        pytest.param(2, ResponseError(500), 0.5, 0.05, id="full jitter scales with the random number"),
        pytest.param(2, ResponseError(500), 0.0, 0.0, id="full jitter starts at nothing"),
        pytest.param(8, ResponseError(500), 1.0, 5.0, id="at most the maximum"),
        pytest.param(10_000, ResponseError(500), 1.0, 5.0, id="no overflow"),
        pytest.param(1, RateLimited(429), 1.0, 1.0, id="first after 429"),
        pytest.param(2, RateLimited(429), 1.0, 2.0, id="second after 429"),
        pytest.param(1, RateLimited(429, retry_after=7.0), 0.5, 7.0, id="Retry-After as it is"),
        pytest.param(1, RateLimited(429, retry_after=0.0), 0.5, 0.0, id="Retry-After at once"),
        pytest.param(1, ResponseError(503, retry_after=60.0), 0.5, 60.0, id="Retry-After over the maximum"),
        pytest.param(1, RateLimited(429, retry_after=7200.0), 0.5, 3600.0, id="Retry-After over an hour"),
    ],
)
def test_next_delay(attempt: int, error: IminError, random: float, seconds: float) -> None:
    """The wait is a pure function of policy, attempt, error and one random number."""
    assert next_delay(RetryPolicy(), attempt, error, random) == seconds


@pytest.mark.parametrize(
    "wrong",
    [
        {"attempts": 0},
        {"attempts": True},
        {"attempts": 2.0},
        {"attempt_timeout": 0},
        {"base": -1.0},
        {"maximum": float("nan")},
        {"throttled_base": float("inf")},
        {"base": "1"},
    ],
    ids=str,
)
def test_policy_refuses(wrong: dict[str, object]) -> None:
    """A policy that could never be meant is refused when it is made."""
    with pytest.raises(InvalidRequest, match=next(iter(wrong))):
        RetryPolicy(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0, -1, True, "5", None, float("nan"), float("inf")], ids=repr)
def test_check_seconds_refuses(value: object) -> None:
    """A time is a positive, finite number; a bool is not one."""
    with pytest.raises(InvalidRequest, match="timeout"):
        check_seconds("timeout", value)


def test_quota_allows_35_retries() -> None:
    """In a full outage a session sends 35 retries, then none."""
    quota = RetryQuota()
    taken = [quota.take(likely=False) for _ in range(40)]
    assert taken == [14] * 35 + [None] * 5


def test_likely_retries_are_cheaper() -> None:
    """A retry that is likely to succeed costs 5, so that 100 of them fit."""
    quota = RetryQuota()
    assert [quota.take(likely=True) for _ in range(101)] == [5] * 100 + [None]


def test_quota_never_exceeds_its_capacity() -> None:
    """Successes fill the quota up to where it began and no further."""
    quota = RetryQuota()
    cost = quota.take(likely=False)
    assert cost is not None
    quota.give(cost + RetryQuota.REFUND)
    assert quota.available == RetryQuota.CAPACITY
