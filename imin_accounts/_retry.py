"""Whether to try again, and when: a policy, a verdict on an error, a quota. Pure: no I/O, no sleep.

The loop that obeys these is the session's own and short. tenacity and stamina were measured to
overshoot a deadline (0.3 s became 1.0 s, since they look at the clock only between attempts), and
neither has a quota that all calls share.
"""

import math
from enum import Enum, auto
from typing import Any, ClassVar

import attrs

from imin_accounts.errors import (
    DecodeError,
    IminError,
    InvalidRequest,
    RateLimited,
    ResponseError,
    TransportError,
    UnexpectedResponse,
    WrongCustomer,
)


def check_seconds(name: str, value: object) -> float:
    """``value`` as a positive, finite number of seconds.

    Raises:
        InvalidRequest: It is not one.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise InvalidRequest(f"{name} must be a positive, finite number of seconds")
    return float(value)


def _seconds(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    check_seconds(attribute.name, value)


def _count(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidRequest(f"{attribute.name} must be an int of at least 1")


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """How often a call tries, and how long it waits in between. All times in seconds.

    Attributes:
        attempts: Requests per call at most, from 1 (no retry). A disconnect counts its DELETEs and,
            for each time it has to look, its re-reads.
        attempt_timeout: What one attempt may take, from sending to the end of the body. A DELETE gets
            half of the call's remaining time if that is less, so that a re-read still fits.
        base: Upper bound of the wait before the second attempt; it doubles with each further one.
        throttled_base: The same after a 429.
        maximum: Upper bound of any wait of our own choosing; imin's ``Retry-After`` may be longer.

    Raises:
        InvalidRequest: A number is out of its range.
    """

    attempts: int = attrs.field(default=3, validator=_count)
    attempt_timeout: float = attrs.field(default=10.0, validator=_seconds)
    base: float = attrs.field(default=0.05, validator=_seconds)
    throttled_base: float = attrs.field(default=1.0, validator=_seconds)
    maximum: float = attrs.field(default=5.0, validator=_seconds)


def next_delay(policy: RetryPolicy, attempt: int, error: IminError, random: float) -> float:
    """Seconds to wait after ``attempt`` ended in ``error``.

    What imin asked for, else full jitter: ``random`` times a bound that doubles with each attempt.
    (Full jitter spreads the callers of one outage best; see
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/.)

    Args:
        attempt: From 1.
        random: From 0 to below 1.
    """
    if isinstance(error, ResponseError) and error.retry_after is not None:
        return error.retry_after
    base = policy.throttled_base if isinstance(error, RateLimited) else policy.base
    return random * min(policy.maximum, base * 2.0 ** min(attempt - 1, 64))


class Verdict(Enum):
    """What an attempt's error means for the call."""

    FINAL = auto()
    """Trying again can't help, or is not ours to decide."""
    TRANSIENT = auto()
    """The same request may well succeed soon."""
    THROTTLED = auto()
    """imin asks everybody to wait."""


def verdict_on(error: IminError) -> Verdict:
    """What a read may do after ``error``."""
    match error:
        case RateLimited() | ResponseError(status=503, retry_after=float()):
            return Verdict.THROTTLED
        case ResponseError(status=status):
            return Verdict.TRANSIENT if status == 408 or not 400 <= status <= 499 else Verdict.FINAL
        case TransportError(reason=reason):
            # A certificate that is wrong now is wrong in a second, and no request should go there.
            return Verdict.FINAL if reason == "tls" else Verdict.TRANSIENT
        case DecodeError() | WrongCustomer():
            return Verdict.TRANSIENT
        case _:
            return Verdict.FINAL


def may_have_acted(error: IminError) -> bool:
    """Whether a DELETE that ended in ``error`` may have disconnected the account all the same."""
    match error:
        case TransportError(maybe_sent=maybe_sent):
            return maybe_sent
        case ResponseError():
            return verdict_on(error) is Verdict.TRANSIENT
        case UnexpectedResponse(status=int(status)):
            return not 300 <= status <= 399
        case _:
            return False


class RetryQuota:
    """What a session may spend on retries, so that an outage is not answered with a storm.

    The numbers are those of botocore's newest retry mode (``botocore/retries/standard.py``). With
    them 500 // 14 = 35 retries go out in a full outage, however many calls fail.
    """

    CAPACITY = 500
    COST: ClassVar = {Verdict.TRANSIENT: 14, Verdict.THROTTLED: 5}
    REFUND = 1
    """Given back by a call that needed no retry."""

    def __init__(self) -> None:
        self.available = self.CAPACITY

    def take(self, verdict: Verdict) -> int | None:
        """Pay for a retry; None where the quota does not allow it."""
        cost = self.COST[verdict]
        if cost > self.available:
            return None
        self.available -= cost
        return cost

    def give(self, amount: int) -> None:
        """A call succeeded: its last retry's cost comes back, or ``REFUND`` where it had none."""
        self.available = min(self.CAPACITY, self.available + amount)
