"""What is sent back: the accounts as rows, an answer for each error, each as JSON or as a page."""

import json
import logging
import math
from collections.abc import Mapping
from typing import Any

import attrs

from examples.web.pages import render
from imin_accounts import (
    AuthenticationError,
    ConnectedAccount,
    DeadlineExceeded,
    IminError,
    InvalidRequest,
    NoAccount,
    NotFound,
    NotificationRefused,
    OutcomeUnknown,
    RateLimited,
    ResponseError,
    SellerAccounts,
    SessionStateError,
    SnapshotsError,
    TransportError,
    UnconnectedAccount,
    UnexpectedResponse,
)

STATES = {ConnectedAccount: "connected", UnconnectedAccount: "unconnected", NoAccount: "no account"}

log = logging.getLogger(__name__)


def rows(accounts: SellerAccounts) -> list[dict[str, Any]]:
    """One row for each seller that could be read, in imin's order."""
    return [
        {"seller": account.seller.id, "name": account.seller.name, "state": STATES[type(account)]}
        for account in accounts
        if account.seller is not None and type(account) in STATES
    ]


HEADERS = {
    "Cache-Control": "no-store",  # personal data, and a link that is good once
    "Referrer-Policy": "same-origin",  # the address of the way back is nobody else's business
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Vary": "Accept, Cookie",
}


@attrs.frozen
class Answer:
    """What to send.

    Attributes:
        body: What a program gets, as JSON.
        headers: Beside those that every answer has.
        page: What a person gets, filled in with the body, a heading and a text.
    """

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str] = attrs.field(factory=dict)
    page: str = "message"
    heading: str = "This did not work"
    text: str = ""

    def fields(self, *, as_page: bool) -> dict[str, str]:
        """All headers."""
        media = "text/html; charset=utf-8" if as_page else "application/json"
        return {**HEADERS, "Content-Type": media, **self.headers}

    def content(self, *, as_page: bool) -> str:
        """The body as text."""
        if self.status == 204 or 300 <= self.status < 400:
            return ""
        if not as_page:
            return json.dumps(self.body)
        return render(self.page, **{**self.body, "heading": self.heading, "text": self.text})


UNSETTLED = "We can't tell yet whether you are disconnected. Your connections will show it in a few minutes."


def answer_to(error: IminError) -> Answer:
    """The answer to a request that ended in ``error``: its status says whose turn it is."""
    log.warning("%s", error)  # safe: errors hold no key, no identifier and no word of a reply
    headers = {}
    if isinstance(error, ResponseError) and error.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    settled = not isinstance(error, OutcomeUnknown)  # whether it is certain that this request changed nothing
    body = {"error": type(error).__name__, "settled": settled}
    return Answer(_status(error), body, headers, text=_advice(error))


def _advice(error: IminError) -> str:
    match error:
        case OutcomeUnknown():
            return UNSETTLED
        case InvalidRequest():
            return "Please start again from your connections."
        case AuthenticationError() | NotFound() | SessionStateError():
            return "This is our mistake, and ours to mend."
        case _:
            return "Please try again in a minute."


def _status(error: IminError) -> int:
    match error:
        case InvalidRequest():
            return 400  # an identifier that can't be sent
        case NotificationRefused():
            return 401
        case NotFound():
            return 404
        case RateLimited() | ResponseError(status=503):
            return 503  # with Retry-After where imin gave one
        case SnapshotsError():
            return 503  # our disk: imin may tell us again
        case DeadlineExceeded():
            return 504
        case AuthenticationError():
            return 500  # our key, so our fault
        case OutcomeUnknown() | TransportError() | ResponseError() | UnexpectedResponse():
            return 502
        case _:
            return 500
