"""What is read out of URLs, and which of them a browser may be sent to. Pure."""

import ipaddress
import re
import unicodedata
from functools import lru_cache
from urllib.parse import quote, unquote_plus, unquote_to_bytes

from yarl import URL

from imin_accounts.errors import InvalidRequest

MAX_URL = 2048
"""Characters that a URL for imin may have, as its pages say: "should be at most 2,048 characters"."""
MAX_HOST = 253
"""Characters that a name in the DNS may have."""

_LINK = re.compile(
    r"https?://(?:[^/?#\\@]*@)?(?P<host>\[[^\]/?#@]*\]|[^:/?#\\@\[\]]+)(?::(?P<port>[0-9]{0,5}))?(?:[/?#].*)?",
    re.I,
)
_DOMAIN = re.compile(r"[A-Za-z0-9._-]*[A-Za-z0-9_-]\.?")
_ORIGIN = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^/?#]*")
_COLLECTION = re.compile(r"/customer(?:s|-accounts)/([^/]+)/accounts/?\Z")
_PLAIN_COLLECTION = re.compile(r"https?://[a-z0-9.-]+(?::[0-9]+)?/api/v2/customers/([A-Za-z0-9_-]+)/accounts")
_CUSTOMER = re.compile(r"/customer(?:s|-accounts)/([^/]+)/?\Z")


def parsed(text: str, *, encoded: bool = False) -> URL | None:
    """``text`` as a URL; None where that can't be done, whatever the URL library raises at it.

    yarl raises a ValueError that quotes the text, and, for ``https://[a]@``, an IndexError.
    """
    try:
        return URL(text, encoded=encoded)
    except Exception:  # noqa: BLE001 - any text can come from outside, and any error here says no more than "no"
        return None


def is_link(text: str) -> bool:
    """Whether a browser may be sent there: absolute http(s), a host that browsers take, nothing invisible.

    See https://url.spec.whatwg.org/#host-parsing.
    """
    if not text.isprintable() or text != text.strip():
        return False
    found = _LINK.fullmatch(text)
    if found is None or not is_host(found["host"]) or int(found["port"] or 0) > 65535:
        return False
    url = parsed(text, encoded=True)
    return url is not None and bool(url.raw_host)


@lru_cache(maxsize=1024)
def is_host(host: str) -> bool:
    """Whether browsers take it for a host: a name, an IPv4 address, or an IPv6 address in brackets."""
    if len(host) > MAX_HOST or max(map(len, host.split("."))) > 63:  # encoding takes the square of the length
        return False
    try:
        if host.startswith("["):
            return ipaddress.ip_address(host[1:-1]).version == 6 and "%" not in host
        if not host.isascii() and not _is_international(host):
            return False
        ascii_host = host.encode("idna").decode()
        ascii_host.encode().decode("idna")  # refuses a label such as "xn--a", which decodes to nothing
        # Browsers take a name whose last label is a number for an IPv4 address.
        last = ascii_host.rstrip(".").rpartition(".")[2]
        if last.isdigit() or last[:2].lower() == "0x":
            return ipaddress.ip_address(ascii_host).version == 4
        return bool(_DOMAIN.fullmatch(ascii_host))
    except ValueError:
        return False


def _is_international(host: str) -> bool:
    """Whether browsers take a name of other letters: none begins with a mark, and directions are not mixed.

    See RFC 5891, section 4.2.3.2, and the rule for right-to-left text of RFC 5893, section 2.
    """
    leftwards = {"R", "AL", "AN"}
    is_bidirectional = not leftwards.isdisjoint(map(unicodedata.bidirectional, host))
    for label in filter(None, re.split("[.\u3002\uff0e\uff61]", host)):
        if unicodedata.category(label[0])[0] == "M" or "." in unicodedata.normalize("NFKC", label):
            return False
        first, *others = map(unicodedata.bidirectional, label)
        wrong = {"L": leftwards, "R": {"L"}, "AL": {"L"}}.get(first)
        if is_bidirectional and (wrong is None or not wrong.isdisjoint(others)):
            return False
    return True


def customer_in(collection: str) -> str | None:
    """The customer whose accounts have this URL: the decoded segment, exact; None where it names nobody.

    The path ends with ``/customers/<customer>/accounts``, or with ``customer-accounts`` as on imin's newer
    pages; gateways and versions change what stands before. A query may say anything, so it is not looked at.
    """
    if plain := _PLAIN_COLLECTION.fullmatch(collection):  # as imin sends it: a fifth of the time
        return plain[1]
    return _customer(_COLLECTION, collection)


def customer_of(url: str) -> str | None:
    """The customer who has this URL, ``/customer-accounts/<customer>``, likewise."""
    return _customer(_CUSTOMER, url)


def _customer(pattern: re.Pattern[str], url: str) -> str | None:
    origin = _ORIGIN.match(url)
    if origin and not {"[", "]"}.isdisjoint(origin[0]) and parsed(origin[0]) is None:
        return None
    path = re.split("[?#]", url[origin.end() if origin else 0 :], maxsplit=1)[0]
    found = pattern.search(path)
    if found is None:
        return None
    try:
        customer = unquote_to_bytes(found[1]).decode()
    except UnicodeDecodeError:
        return None
    return None if customer in (".", "..") else customer


def with_query_member(url: str | URL, name: str, value: str | None) -> URL:
    """``url`` with a query member in place of those of its name, all else byte for byte.

    Args:
        value: What it is to be; where it is None or empty the URL stays as it is.

    Raises:
        InvalidRequest: Not an absolute, percent-encoded http(s) URL, or too long for imin.
    """
    text = str(url)
    if not text.isascii() or " " in text or not is_link(text):
        raise InvalidRequest("the URL must be absolute, http(s) and percent-encoded")
    if value:
        rest, hash_sign, fragment = text.partition("#")
        path, _, query = rest.partition("?")
        pairs = [pair for pair in query.split("&") if unquote_plus(pair.partition("=")[0]) != name]
        pairs = [*filter(None, pairs)] if pairs == [""] else pairs
        pairs.append(f"{name}={quote(value, safe='')}")
        text = f"{path}?{'&'.join(pairs)}{hash_sign}{fragment}"
    if len(text) > MAX_URL:
        raise InvalidRequest(f"the URL has {len(text)} characters; imin takes {MAX_URL}")
    return URL(text, encoded=True)
