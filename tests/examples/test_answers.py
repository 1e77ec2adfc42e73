"""Which answer a web service gives to each error."""

import pytest

import imin_accounts
from examples.web.answers import answer_to
from imin_accounts import (
    AuthenticationError,
    DeadlineExceeded,
    DecodeError,
    IminError,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    ResponseError,
    SessionStateError,
    TransportError,
    UnexpectedResponse,
    WrongCustomer,
)

ANSWERS = [
    (InvalidRequest("seller must be a str"), 400),
    (NotFound(404), 404),
    (AuthenticationError(401), 500),
    (AuthenticationError(403), 500),
    (RateLimited(429), 503),
    (ResponseError(503), 503),
    (ResponseError(500), 502),
    (ResponseError(409), 502),
    (DeadlineExceeded(10.0, maybe_sent=True), 504),
    (TransportError("refused", maybe_sent=False), 502),
    (OutcomeUnknown("TransportError"), 502),
    (UnexpectedResponse("imin answered 302", status=302), 502),
    (DecodeError("not JSON", status=200), 502),
    (WrongCustomer("the reply is not about the customer asked for", status=200), 502),
    (SessionStateError("the session is closed"), 500),
]


@pytest.mark.parametrize(("error", "status"), ANSWERS)
def test_the_status_says_whose_turn_it_is(error: IminError, status: int) -> None:
    """Each error has one status, and only a disconnection that nobody can vouch for is unsettled."""
    answer = answer_to(error)
    assert (answer.status, answer.body["settled"]) == (status, not isinstance(error, OutcomeUnknown))


def test_no_error_is_forgotten() -> None:
    """The table above has every error that the package exports, but for the root."""
    exported = {value for name in imin_accounts.__all__ if _is_error(value := getattr(imin_accounts, name))}
    assert exported - {type(error) for error, _ in ANSWERS} == {IminError}


@pytest.mark.parametrize("error", [RateLimited(429, retry_after=1.2), ResponseError(503, retry_after=1.2)])
def test_a_wait_is_passed_on(error: IminError) -> None:
    """Retry-After holds whole seconds, rounded up: earlier would be in vain."""
    assert answer_to(error).headers == {"Retry-After": "2"}


def _is_error(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, IminError)
