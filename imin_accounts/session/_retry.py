"""What each event becomes, and when to try again: a table, a policy, a quota. Pure: no I/O, no sleep.

The loop that obeys these is the session's own and short. tenacity and stamina were measured to
overshoot a deadline (0.3 s became 1.0 s, since they look at the clock only between attempts), and
neither has a quota that all calls share.
"""

import sys
from enum import Enum
from typing import Any

import attrs

from imin_accounts.errors import (
    AuthenticationError,
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

# --- What each event becomes ----------------------------------------------------------------------


class Step(Enum):
    """What the session does next about a request. The value says it in the documentation's words."""

    RAISE = "raise"
    AGAIN = "try again"
    FRESH = "try again on a connection of its own"
    DISCARD = "drop the idle connections, try again on a new one"
    HOLD = "hold the session back, try again"
    REKEY = "ask for the key once more, try again with another one"
    VERIFY = "verify"
    """Read the accounts again: only they tell what became of a DELETE."""


class Event(Enum):
    """What an attempt may end in, but for what was asked for: the table that the session carries out.

    Two things are not in it, since they are no single event's. After a DELETE that may have had an effect
    every later event of that call is verified, a 404 too: it may be our own doing. And a step that would
    take more attempts, time or quota than there are left becomes ``RAISE``.

    Attributes:
        label: The event in the documentation's words.
        get: What a GET does next, a re-read included.
        delete: What a DELETE does next, as long as none of its call's may have had an effect.
    """

    NOT_SENT = "not sent: refused, unknown host, no connection in time", Step.AGAIN, Step.AGAIN
    NOT_TRUSTED = "not sent: the certificate does not fit", Step.RAISE, Step.RAISE
    LOST = "lost after it may have been sent; attempt timed out", Step.DISCARD, Step.VERIFY
    NOT_KNOWN = "401", Step.REKEY, Step.REKEY
    NOT_ALLOWED = "403", Step.RAISE, Step.RAISE
    NOT_FOUND = "404", Step.RAISE, Step.RAISE
    THROTTLED = "429; 503 with Retry-After", Step.HOLD, Step.HOLD
    FAILED = "408, any other 5xx", Step.AGAIN, Step.VERIFY
    REFUSED = "any other 4xx", Step.RAISE, Step.RAISE
    REDIRECTED = "3xx", Step.RAISE, Step.RAISE
    UNDOCUMENTED = "any other 2xx, a final 1xx, 204 with a body", Step.RAISE, Step.VERIFY
    UNREADABLE = "200 that can't be read", Step.FRESH, Step.VERIFY
    SOMEBODY_ELSES = "200 about another customer", Step.DISCARD, Step.VERIFY
    ENDED = "out of time, or the session was closed", Step.RAISE, Step.RAISE

    def __init__(self, label: str, get: Step, delete: Step) -> None:
        self.label = label
        self.get = get
        self.delete = delete


def event_of(error: IminError) -> Event:
    """Which event an attempt ended in that came to ``error``."""
    match error:
        case TransportError(maybe_sent=True):
            return Event.LOST
        case TransportError(reason="tls"):  # trying again can't mend a certificate
            return Event.NOT_TRUSTED
        case TransportError():
            return Event.NOT_SENT
        case AuthenticationError(status=status):
            return Event.NOT_KNOWN if status == 401 else Event.NOT_ALLOWED
        case NotFound():
            return Event.NOT_FOUND
        case RateLimited() | ResponseError(status=503, retry_after=float()):
            return Event.THROTTLED
        case ResponseError(status=status):  # one out of range counts as a 5xx (RFC 9110, section 15)
            return Event.REFUSED if 400 <= status <= 499 and status != 408 else Event.FAILED
        case WrongCustomer():
            return Event.SOMEBODY_ELSES
        case DecodeError():
            return Event.UNREADABLE
        case UnexpectedResponse(status=int(status)) if 300 <= status <= 399:
            return Event.REDIRECTED
        case UnexpectedResponse():
            return Event.UNDOCUMENTED
        case _:  # DeadlineExceeded, SessionStateError
            return Event.ENDED


# --- When to try again ----------------------------------------------------------------------------

MAX_HOLD = 3600.0
"""Seconds that a session is held back at most, whatever ``Retry-After`` says: not for days by one reply."""


def check_seconds(name: str, value: object) -> float:
    """``value`` as a positive, finite number of seconds.

    Raises:
        InvalidRequest: It is not one.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _LARGEST:
        raise InvalidRequest(f"{name} must be a positive, finite number of seconds")
    return float(value)


_LARGEST = sys.float_info.max  # an int may be larger: 10**400 is below infinity, and no float


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
        maximum: Upper bound of any wait of our own choosing; imin's ``Retry-After`` may be longer, and is
            obeyed up to an hour.

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

    What imin asked for, up to ``MAX_HOLD``; else full jitter: ``random`` times a bound that doubles with
    each attempt.
    (Full jitter spreads the callers of one outage best; see
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/.)

    Args:
        attempt: From 1.
        random: From 0 to below 1.
    """
    if isinstance(error, ResponseError) and error.retry_after is not None:
        return min(error.retry_after, MAX_HOLD)
    base = policy.throttled_base if isinstance(error, RateLimited) else policy.base
    return random * min(policy.maximum, base * 2.0 ** min(attempt - 1, 64))


class RetryQuota:
    """What a session may spend on retries, so that an outage is not answered with a storm.

    The numbers are those of botocore's newest retry mode (``botocore/retries/standard.py``). With
    them 500 // 14 = 35 retries go out in a full outage, however many calls fail.
    """

    CAPACITY = 500
    COST = 14
    COST_LIKELY = 5
    """Of a retry that is likely to succeed: imin said when to come back, or a pooled connection was lost, of
    which a balancer may have forgotten all at once. A hundred fit, which is how many a session has."""
    REFUND = 1
    """Given back by a call that needed no retry."""

    def __init__(self) -> None:
        self.available = self.CAPACITY

    def take(self, *, likely: bool) -> int | None:
        """Pay for a retry; None where the quota does not allow it."""
        cost = self.COST_LIKELY if likely else self.COST
        if cost > self.available:
            return None
        self.available -= cost
        return cost

    def give(self, amount: int) -> None:
        """A call succeeded: its last retry's cost comes back, or ``REFUND`` where it had none."""
        self.available = min(self.CAPACITY, self.available + amount)
