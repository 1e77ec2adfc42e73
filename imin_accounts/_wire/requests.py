"""Calls become requests. Pure: no I/O, no time, no key.

API page: "Seller Accounts [BETA]", sections "Get Seller Accounts" and "Delete Seller Account".
"""

import ipaddress
import re
import unicodedata
from typing import NamedTuple
from urllib.parse import quote, unquote

from yarl import URL

from imin_accounts._models.urls import MAX_URL, is_host, parsed
from imin_accounts._version import __version__
from imin_accounts.errors import InvalidRequest

BASE_URL = "https://book.imin.co"
ROUTE = "/api/v2/customers/{customerIdentifier}/accounts"

HEADERS = {
    "Accept": "application/json, application/ld+json, application/vnd.openactive.booking+json",
    "User-Agent": f"imin-accounts/{__version__}",
}


class Unkeyed(NamedTuple):
    """A request without its header fields, of which the key is one: each attempt of a call starts from it."""

    method: str
    url: str
    fresh: bool = False

    def __repr__(self) -> str:
        return f"<{self.method}>"  # the URL names the customer


def check_base_url(base_url: str | URL, *, insecure_http: bool = False) -> str:
    """``base_url`` without a trailing slash; it may carry a path, such as a gateway's prefix.

    Args:
        insecure_http: Take http to any host but imin's own, and not to this machine alone.

    Raises:
        InvalidRequest: Not an absolute https URL, nor one of http that is let through; or one with userinfo,
            a query, a fragment or a malformed host.
    """
    if not isinstance(insecure_http, bool):  # "0" would be true
        raise InvalidRequest("insecure_http must be True or False")
    text = str(base_url)
    _parse_url("base_url", text, insecure_http=insecure_http)
    # In the text itself, since yarl drops an empty user and resolves "..".
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
) -> Unkeyed:
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
    return Unkeyed("GET", _short_enough(url), fresh)


def disconnect_request(base_url: str, customer: str, seller: str) -> Unkeyed:
    """The DELETE that disconnects one seller's account, on a connection of its own.

    A reply left over on a pooled connection must never be taken for this one's.

    Raises:
        InvalidRequest: An argument that can't be sent as it is.
    """
    url = f"{_accounts_url(base_url, customer)}?seller={quote_identifier('seller', seller)}"
    return Unkeyed("DELETE", _short_enough(url), fresh=True)


def check_redirect_uri(base_url: str, redirect_uri: str | URL) -> None:
    """Return if there are customers whose request could carry ``redirect_uri``.

    Raises:
        InvalidRequest: It is unusable, or too long for even the shortest identifier.
    """
    accounts_request(base_url, "1", redirect_uri)


def _accounts_url(base_url: str, customer: str) -> str:
    segment = quote_identifier("customer", customer)
    return base_url + ROUTE.replace("{customerIdentifier}", segment)


def quote_identifier(name: str, identifier: object) -> str:
    """``identifier`` as one segment of a path, or one value of a query.

    Raises:
        InvalidRequest: It can't be sent as it is.
    """
    # URL libraries resolve "." and "..": the id ".." would turn a DELETE into one for another path.
    if not isinstance(identifier, str):
        raise InvalidRequest(f"{name} must be a str")
    if identifier.isalnum() and identifier.isascii():
        return identifier  # most are so, and quoting takes longer than the rest of the URL
    if identifier in ("", ".", ".."):
        raise InvalidRequest(f"{name} must not be empty, '.' or '..'")
    _refuse_unsendable(name, identifier)
    return quote(identifier, safe="")


def _refuse_unsendable(name: str, text: str) -> None:
    if not text.isprintable() and not {"Cc", "Cs"}.isdisjoint(map(unicodedata.category, text)):
        raise InvalidRequest(f"{name} must not hold control characters or lone surrogates")


def _short_enough(url: str) -> str:
    if len(url) > MAX_URL:
        raise InvalidRequest(f"the URL would be {len(url)} characters long; imin's limit is {MAX_URL}")
    return url


def _parse_url(name: str, text: str, *, insecure_http: bool = False) -> URL:
    """``text`` as an absolute https URL, or an http one to this machine, or to any but imin's."""
    _refuse_unsendable(name, text)
    url = parsed(text)
    host = (url and url.raw_host) or ""
    address = f"[{host.partition('%')[0]}]" if ":" in host else host
    if url is None or text != text.strip() or not _HOST.fullmatch(host) or not is_host(address):
        raise InvalidRequest(f"{name} must be an absolute URL with a well-formed host")
    if url.scheme == "https" or (url.scheme == "http" and _is_loopback(host)):
        return url
    if url.scheme == "http" and insecure_http:
        if _is_imins(host):
            raise InvalidRequest(f"{name} must be https for imin's own host, insecure_http or not")
        return url
    more = ", or with insecure_http=True" if name == "base_url" else ""
    raise InvalidRequest(f"{name} must be https (http is accepted for loopback only{more})")


# Labels of 1 to 63 letters, digits, "-" or "_" that neither begin nor end with "-" (RFC 1123; "_" is
# seen in private names), or an IPv6 address.
_LABEL = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*\.?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%\w+)?")


def _is_imins(host: str) -> bool:
    return f".{host.lower().rstrip('.')}".endswith(".imin.co")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
