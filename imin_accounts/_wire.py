"""Calls become requests, replies become models or errors. Pure functions: no I/O, no time, no retries.

API page: "Seller Accounts [BETA]", sections "Get Seller Accounts" and "Delete Seller Account".
"""

import ipaddress
import re
import unicodedata
from contextlib import suppress
from urllib.parse import quote, unquote, unquote_to_bytes

from yarl import URL

from imin_accounts._apikey import ApiKey
from imin_accounts._converter import from_jsonld
from imin_accounts._problem import read_problem, retry_after, safe_headers
from imin_accounts._version import __version__
from imin_accounts.errors import (
    AuthenticationError,
    DecodeError,
    IminError,
    InvalidRequest,
    NotFound,
    RateLimited,
    ResponseError,
    UnexpectedResponse,
    WrongCustomer,
)
from imin_accounts.models import ConnectedAccount, NoAccount, SellerAccounts, UnconnectedAccount
from imin_accounts.transports.base import Headers, Request, Response

BASE_URL = "https://book.imin.co"
ROUTE = "/api/v2/customers/{customerIdentifier}/accounts"
MAX_URL = 2048  # characters: "A call's URL should be at most 2,048 characters", imin's API notes

_HEADERS = Headers(
    {
        "Accept": "application/json, application/ld+json, application/vnd.openactive.booking+json",
        "User-Agent": f"imin-accounts/{__version__}",
    }
)


# --- Requests -------------------------------------------------------------------------------------


def check_base_url(base_url: str | URL) -> str:
    """``base_url`` without a trailing slash; it may carry a path, such as a gateway's prefix.

    Raises:
        InvalidRequest: Not an absolute https URL (http for loopback alone), or one with userinfo, a
            query, a fragment or a malformed host.
    """
    text = str(base_url)
    _parse_url("base_url", text)
    # The text itself: yarl has already dropped an empty user and resolved "..".
    authority, _, path = text.partition("//")[2].partition("/")
    if "@" in authority:
        raise InvalidRequest("base_url must not hold a user or password")
    if "?" in text or "#" in text:
        raise InvalidRequest("base_url must not have a query or a fragment")
    if not {".", ".."}.isdisjoint(unquote(path).split("/")):
        raise InvalidRequest("base_url must not have '.' or '..' in its path")
    return str(URL(text)).rstrip("/")


def accounts_request(
    base_url: str, customer: str, redirect_uri: str | URL | None = None, *, fresh: bool = False
) -> Request:
    """The GET for a customer's accounts; without ``redirect_uri`` imin leaves the connect URLs out.

    Raises:
        InvalidRequest: An argument that can't be sent as it is.
    """
    url = _accounts_url(base_url, customer)
    if redirect_uri is not None:
        if not isinstance(redirect_uri, str | URL):
            raise InvalidRequest("redirect_uri must be a str or a yarl.URL")
        _parse_url("redirect_uri", str(redirect_uri))
        url += f"?redirectUri={quote(str(redirect_uri), safe='')}"
    return Request(method="GET", url=_short_enough(url), headers=_HEADERS, fresh=fresh)


def disconnect_request(base_url: str, customer: str, seller: str) -> Request:
    """The DELETE that disconnects one seller's account, on a connection of its own.

    A reply left over on a pooled connection must never be taken for this one's.

    Raises:
        InvalidRequest: An argument that can't be sent as it is.
    """
    url = f"{_accounts_url(base_url, customer)}?seller={_quote_identifier('seller', seller)}"
    return Request(method="DELETE", url=_short_enough(url), headers=_HEADERS, fresh=True)


def with_key(request: Request, key: ApiKey) -> Request:
    """``request`` with the API key on it: the last step before sending."""
    return Request(
        method=request.method,
        url=request.url,
        headers=Headers({"X-Api-Key": key.reveal(), **request.headers}),
        fresh=request.fresh,
    )


def _accounts_url(base_url: str, customer: str) -> str:
    segment = _quote_identifier("customer", customer)
    return base_url + ROUTE.replace("{customerIdentifier}", segment)


def _quote_identifier(name: str, identifier: object) -> str:
    # URL libraries resolve "." and "..": the id ".." would turn a DELETE into one for another path.
    if not isinstance(identifier, str):
        raise InvalidRequest(f"{name} must be a str")
    if identifier in ("", ".", ".."):
        raise InvalidRequest(f"{name} must not be empty, '.' or '..'")
    _refuse_unsendable(name, identifier)
    if identifier.isalnum() and identifier.isascii():
        return identifier  # as most are
    return quote(identifier, safe="")


def _refuse_unsendable(name: str, text: str) -> None:
    if not text.isprintable() and not {"Cc", "Cs"}.isdisjoint(map(unicodedata.category, text)):
        raise InvalidRequest(f"{name} must not hold control characters or lone surrogates")


def _short_enough(url: str) -> str:
    if len(url) > MAX_URL:
        raise InvalidRequest(f"the URL would be {len(url)} characters long; imin's limit is {MAX_URL}")
    return url


def _parse_url(name: str, text: str) -> URL:
    """``text`` as an absolute https URL, or an http one to this machine itself."""
    _refuse_unsendable(name, text)
    url = URL()
    with suppress(
        ValueError
    ):  # and raise outside, so that yarl's error, which quotes the text, is not chained
        url = URL(text)
    if text != text.strip() or not url.raw_host or not _HOST.fullmatch(url.raw_host):
        raise InvalidRequest(f"{name} must be an absolute URL with a well-formed host")
    if url.scheme != "https" and not (url.scheme == "http" and _is_loopback(url.raw_host)):
        raise InvalidRequest(f"{name} must be https (http is accepted for loopback only)")
    return url


# Labels of 1 to 63 letters, digits, "-" or "_" that neither begin nor end with "-" (RFC 1123; "_" is
# seen in private names), or an IPv6 address.
_LABEL = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*\.?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%\w+)?")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


# --- Replies --------------------------------------------------------------------------------------


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
        if customer is not None and not _is_about(accounts, customer):
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
    if length.strip("0") or "transfer-encoding" in response.headers or response.body:
        raise UnexpectedResponse("imin answered 204 with a body", status=204)


def is_connected(accounts: SellerAccounts, seller: str) -> bool | None:
    """What a re-read says of one seller's account: connected, not connected, or None for no answer.

    None unless exactly one item is about that seller and reads without contradiction, in a reply
    that says whom it is about.
    """
    about = [account for account in accounts if account.seller is not None and account.seller.id == seller]
    if accounts.id is None or len(about) != 1:
        return None
    match about[0]:
        case ConnectedAccount(extra=extra) if extra.keys().isdisjoint(_UNCONNECTED_ONLY):
            return True
        case UnconnectedAccount() | NoAccount():
            return False
        case _:
            return None


_UNCONNECTED_ONLY = {"imin:matchingEmailExists", "potentialAction"}


def _is_about(accounts: SellerAccounts, customer: str) -> bool:
    # All spellings received have to agree; a reply without any can't be checked and passes.
    spellings = [accounts.id]
    if accounts.extra:
        spellings += [accounts.extra.get("@id"), accounts.extra.get("id")]
    return all(_customer_of(spelling) == customer for spelling in spellings if spelling is not None)


def _customer_of(collection: object) -> str | None:
    # Only the path is looked at: gateways and versions change what stands before it.
    found = isinstance(collection, str) and _COLLECTION.search(collection)
    if not found:
        return None
    try:
        return unquote_to_bytes(found[1]).decode()
    except UnicodeDecodeError:
        return None


_COLLECTION = re.compile(r"/customers/([^/?#]+)/accounts/?(?:[?#].*)?\Z", re.DOTALL)


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
    )


_ERRORS = {401: AuthenticationError, 403: AuthenticationError, 404: NotFound, 429: RateLimited}
