"""Which answer a web service gives to each error."""

import re

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
    NotificationRefused,
    OutcomeUnknown,
    RateLimited,
    ResponseError,
    SessionStateError,
    SnapshotsError,
    TransportError,
    UnexpectedResponse,
    WrongCustomer,
)
from imin_accounts.cli._site.words import in_words
from tests.paths import DOCS

PAGE = DOCS / "howto" / "answers.rst"
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
OF_THE_WEBHOOK = [(NotificationRefused("the key is another"), 401), (SnapshotsError("full"), 503)]
"""No customer's call ends with these."""


@pytest.mark.parametrize(("error", "status"), ANSWERS + OF_THE_WEBHOOK)
def test_the_status_says_whose_turn_it_is(error: IminError, status: int) -> None:
    """Each error has one status, and only a disconnection that nobody can vouch for is unsettled."""
    answer = answer_to(error)
    assert (answer.status, answer.body["settled"]) == (status, not isinstance(error, OutcomeUnknown))


def test_no_error_is_forgotten() -> None:
    """The tables above have every error that the package exports, but for the root."""
    exported = {value for name in imin_accounts.__all__ if _is_error(value := getattr(imin_accounts, name))}
    assert exported - {type(error) for error, _ in ANSWERS + OF_THE_WEBHOOK} == {IminError}


@pytest.mark.parametrize("error", [RateLimited(429, retry_after=1.2), ResponseError(503, retry_after=1.2)])
def test_a_wait_is_passed_on(error: IminError) -> None:
    """Retry-After holds whole seconds, rounded up: earlier would be in vain."""
    assert answer_to(error).headers == {"Retry-After": "2"}
    assert in_words(error).retry_after == 2


@pytest.mark.parametrize(("error", "status"), ANSWERS)
def test_the_demonstration_agrees(error: IminError, status: int) -> None:
    """The broker's site shows a page of the same status, and is as certain that nothing was changed."""
    failure = in_words(error)
    assert (failure.status, failure.settled) == (status, answer_to(error).body["settled"])


@pytest.mark.parametrize(("error", "status"), ANSWERS + OF_THE_WEBHOOK)
def test_the_documentation_agrees(error: IminError, status: int) -> None:
    """The page has one row for each error, and the row has the status."""
    rows = re.findall(r"^   \* - (``.+)\n     - ([0-9]{3})", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    own = [row for row in rows if f"``{type(error).__name__}``" in row[0]]
    if type(error) is ResponseError:
        own = [row for row in own if row[0].endswith(f"status {error.status}")] or own[-1:]
    assert [row[1] for row in own] == [str(status)]


def _is_error(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, IminError)
