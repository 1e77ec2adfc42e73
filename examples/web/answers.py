"""What the examples share: the accounts as JSON, the link for a click, an answer for each error."""

import logging
import math
from typing import Any

import attrs

from imin_accounts import (
    AuthenticationError,
    ConnectedAccount,
    DeadlineExceeded,
    IminError,
    InvalidRequest,
    NoAccount,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    ResponseError,
    SellerAccounts,
    TransportError,
    UnconnectedAccount,
    UnexpectedResponse,
)

CUSTOMER = "rosie"  # in your service: whoever is signed in, never what a request says
PAGE = "https://broker.example/connections"  # your own page, to which imin sends the browser back
STATES = {ConnectedAccount: "connected", UnconnectedAccount: "unconnected", NoAccount: "no account"}

log = logging.getLogger(__name__)


def rows(accounts: SellerAccounts) -> list[dict[str, Any]]:
    """One row for each seller that could be read, in imin's order."""
    return [
        {"seller": account.seller.id, "name": account.seller.name, "state": STATES[type(account)]}
        for account in accounts
        if account.seller is not None and type(account) in STATES
    ]


def link(accounts: SellerAccounts, seller: str) -> str:
    """Where to send the browser to connect; our own page where there is nothing to connect."""
    match accounts.for_seller(seller):
        case UnconnectedAccount() | NoAccount() as account if account.register_url is not None:
            return str(account.register_url)
        case _:
            return PAGE


@attrs.frozen
class Answer:
    """What to send in place of what was asked for."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str]


def answer_to(error: IminError) -> Answer:
    """The answer to a request that ended in ``error``: its status says whose turn it is."""
    log.warning("%s", error)  # safe: errors hold no key, no identifier and no word of a reply
    headers = {}
    if isinstance(error, ResponseError) and error.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    settled = not isinstance(error, OutcomeUnknown)  # whether it is certain that nothing was changed
    return Answer(_status(error), {"error": type(error).__name__, "settled": settled}, headers)


def _status(error: IminError) -> int:
    match error:
        case InvalidRequest():
            return 400  # an identifier that can't be sent
        case NotFound():
            return 404
        case RateLimited() | ResponseError(status=503):
            return 503  # with Retry-After where imin gave one
        case DeadlineExceeded():
            return 504
        case AuthenticationError():
            return 500  # our key, so our fault
        case OutcomeUnknown() | TransportError() | ResponseError() | UnexpectedResponse():
            return 502
        case _:
            return 500
