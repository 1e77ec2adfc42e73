"""The verdicts, the waits and the quota: pure functions of what is passed in."""

import pytest

from imin_accounts._retry import (
    RetryPolicy,
    RetryQuota,
    Verdict,
    check_seconds,
    may_have_acted,
    next_delay,
    verdict_on,
)
from imin_accounts.errors import (
    AuthenticationError,
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

FINAL, TRANSIENT, THROTTLED = Verdict.FINAL, Verdict.TRANSIENT, Verdict.THROTTLED

ERRORS: list[tuple[IminError, Verdict, bool]] = [
    # error, what a read may do, whether a DELETE may have acted
    (TransportError("refused", maybe_sent=False), TRANSIENT, False),
    (TransportError("dns", maybe_sent=False), TRANSIENT, False),
    (TransportError("tls", maybe_sent=False), FINAL, False),
    (TransportError("timeout", maybe_sent=True), TRANSIENT, True),
    (TransportError("dropped", maybe_sent=True), TRANSIENT, True),
    (AuthenticationError(401), FINAL, False),
    (AuthenticationError(403), FINAL, False),
    (NotFound(404), FINAL, False),
    (ResponseError(400), FINAL, False),
    (ResponseError(408), TRANSIENT, True),
    (ResponseError(408, retry_after=1.0), TRANSIENT, True),
    (ResponseError(425), FINAL, False),
    (RateLimited(429), THROTTLED, False),
    (ResponseError(500), TRANSIENT, True),
    (ResponseError(503), TRANSIENT, True),
    (ResponseError(503, retry_after=0.0), THROTTLED, False),
    (ResponseError(520), TRANSIENT, True),
    (ResponseError(999), TRANSIENT, True),
    (UnexpectedResponse("", status=101), FINAL, True),
    (UnexpectedResponse("", status=202), FINAL, True),
    (UnexpectedResponse("", status=204), FINAL, True),
    (UnexpectedResponse("", status=302), FINAL, False),
    (DecodeError("", status=200), TRANSIENT, True),
    (WrongCustomer("", status=200), TRANSIENT, True),
    (SessionStateError(), FINAL, False),
]
CASES = [pytest.param(*case, id=f"{type(case[0]).__name__} {case[0]}") for case in ERRORS]


@pytest.mark.parametrize(("error", "verdict", "acted"), CASES)
def test_verdict(error: IminError, verdict: Verdict, acted: bool) -> None:
    """Each error has one meaning for a read and one for a DELETE."""
    assert verdict_on(error) is verdict
    assert may_have_acted(error) is acted


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
        pytest.param(1, ResponseError(503, retry_after=60.0), 0.5, 60.0, id="Retry-After over the maximum"),
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


def test_quota_allows_35_transient_retries() -> None:
    """In a full outage a session sends 35 retries, then none."""
    quota = RetryQuota()
    taken = [quota.take(TRANSIENT) for _ in range(40)]
    assert taken == [14] * 35 + [None] * 5


def test_throttled_retries_are_cheaper() -> None:
    """A retry after throttling costs 5, so that 100 of them fit."""
    quota = RetryQuota()
    assert [quota.take(THROTTLED) for _ in range(101)] == [5] * 100 + [None]


def test_quota_never_exceeds_its_capacity() -> None:
    """Successes fill the quota up to where it began and no further."""
    quota = RetryQuota()
    cost = quota.take(TRANSIENT)
    assert cost is not None
    quota.give(cost + RetryQuota.REFUND)
    assert quota.available == RetryQuota.CAPACITY
