"""What an error means to whoever typed the command: an exit code and a text."""

from imin_accounts import (
    AuthenticationError,
    DeadlineExceeded,
    IminError,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    TransportError,
)

FAILED, USAGE, PARTLY_DONE, NOT_AUTHORISED, UNREACHABLE = 1, 2, 3, 4, 5


def explain(error: IminError) -> tuple[int, str]:
    """The exit code and the text for ``error``; the text says what to do where that is known."""
    match error:
        case InvalidRequest():
            return USAGE, f"{error}."
        case OutcomeUnknown():
            return PARTLY_DONE, f"{error}. List the accounts later: only that can tell."
        case AuthenticationError():
            return NOT_AUTHORISED, f"{error}. Check the API key."
        case NotFound():
            return FAILED, f"{error}: no such customer, or no such account."
        case TransportError():
            return UNREACHABLE, f"{error}."
        case DeadlineExceeded() if all(attempt.status is None for attempt in error.attempts):
            return UNREACHABLE, f"{error}."
        case _:
            return FAILED, f"{error}."
