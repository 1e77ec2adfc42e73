"""What an error means to the customer in front of the page: honest, and without a word of the reply."""

import math

import attrs

from imin_accounts import (
    AuthenticationError,
    DeadlineExceeded,
    IminError,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    ResponseError,
    TransportError,
    UnexpectedResponse,
)


@attrs.frozen
class Failure:
    """A page in place of the one asked for.

    Attributes:
        status: Of the page itself.
        settled: Whether it is certain that nothing was changed.
        retry_after: Seconds after which asking again may help; None where nobody knows.
    """

    status: int
    heading: str
    text: str
    settled: bool = True
    retry_after: int | None = None


def in_words(error: IminError) -> Failure:
    """``error`` as a page. Its own text is for the log."""
    asked = error.retry_after if isinstance(error, ResponseError) else None
    wait = None if asked is None else math.ceil(asked)
    match error:
        case InvalidRequest():
            return Failure(400, "This did not work", "Please start again from your connections.")
        case OutcomeUnknown():
            return Failure(
                502,
                "We can't tell yet whether it is disconnected",
                "The answer was lost on the way, and looking again did not settle it. Wait a few minutes, "
                "then open your connections: they show how it is. You can disconnect again from there.",
                settled=False,
            )
        case RateLimited():
            when = "in a minute" if wait is None else "in a second" if wait <= 1 else f"in {wait} seconds"
            return Failure(
                503,
                "Too many people are asking at once",
                f"We have to slow down a little. Please try again {when}.",
                retry_after=wait,
            )
        case DeadlineExceeded():
            return Failure(504, "This takes too long just now", "No answer came in time. Please try again.")
        case TransportError():
            return Failure(
                502, "We can't see your connections just now", "Please try again in a few minutes."
            )
        case AuthenticationError():
            return Failure(500, "We can't see your connections", "This is our mistake, and ours to mend.")
        case NotFound():
            return Failure(404, "We can't find your connections", "This is our mistake, and ours to mend.")
        case ResponseError():
            return Failure(
                503 if error.status == 503 else 502,
                "Something is broken just now",
                "Please try again in a few minutes.",
                retry_after=wait,
            )
        case UnexpectedResponse():
            return Failure(502, "We got an answer that makes no sense", "Please try again in a few minutes.")
        case _:
            return Failure(500, "This did not work", "This is our mistake, and ours to mend.")
