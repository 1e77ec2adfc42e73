"""Replies become models or errors. Pure: no I/O, no time of its own, no second try.

API page: "Seller Accounts [BETA]", sections "Get Seller Accounts" and "Delete Seller Account".
"""

from imin_accounts._wire.converter import from_jsonld
from imin_accounts._wire.problem import read_problem, request_id, retry_after, safe_headers
from imin_accounts.errors import (
    AuthenticationError,
    DecodeError,
    IminError,
    NotFound,
    RateLimited,
    ResponseError,
    UnexpectedResponse,
    WrongCustomer,
)
from imin_accounts.models import SellerAccounts
from imin_accounts.transports.base import Response


def read_accounts(response: Response, customer: str | None, *, now: float) -> SellerAccounts:
    """The accounts in the reply to a GET.

    Args:
        customer: Whom the reply must be about; None to take it unchecked.
        now: Seconds since the epoch, for a ``Retry-After`` that is a date.

    Raises:
        ResponseError: A status of 400 or more.
        UnexpectedResponse: Any other status but 200.
        DecodeError: The body is not the documented JSON-LD.
        WrongCustomer: The reply's ``@id`` names another customer, or nobody that could be told.
    """
    if response.status != 200:
        raise _status_error(response, now)
    try:
        accounts = from_jsonld(response.body)
    except DecodeError as error:
        unreadable = error.problems
    else:
        # A reply without @id can't be checked and passes.
        unnamed = accounts.id is None and not {"@id", "id"} & accounts.extra.keys()
        if customer is not None and not unnamed and accounts.customer != customer:
            raise WrongCustomer("the reply is not about the customer asked for", status=200)
        return accounts
    raise DecodeError(*unreadable, status=200)


def check_disconnected(response: Response, *, now: float) -> None:
    """Return if the reply to a DELETE is the documented 204 and nothing else.

    A body announced on a 204 makes it suspect (it may be part of another reply). Transports drop
    such a body, so the headers have to tell.

    Raises:
        ResponseError: A status of 400 or more.
        UnexpectedResponse: Any other status but 204, or a 204 with a body.
    """
    if response.status != 204:
        raise _status_error(response, now)
    length = response.headers.get("content-length", "0")
    if set(length) != {"0"} or "transfer-encoding" in response.headers or response.body:
        raise UnexpectedResponse("imin answered 204 with a body", status=204)


def _status_error(response: Response, now: float) -> IminError:
    status = response.status
    if 100 <= status <= 399:  # one out of range counts as a 5xx (RFC 9110, section 15)
        return UnexpectedResponse(f"imin answered {status}, which the API does not document", status=status)
    kind = _ERRORS.get(status, ResponseError)
    return kind(
        status,
        problem=read_problem(response.body),
        headers=safe_headers(response.headers),
        retry_after=retry_after(response.headers, now),
        request_id=request_id(response),
    )


_ERRORS = {401: AuthenticationError, 403: AuthenticationError, 404: NotFound, 429: RateLimited}
