"""Requests are exact, and checked before they are sent."""

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest
from yarl import URL

from imin_accounts._models.urls import MAX_URL
from imin_accounts._wire.requests import accounts_request, check_base_url, disconnect_request
from imin_accounts.errors import InvalidRequest
from imin_accounts.models import SellerAccounts
from tests.scripted import SELLER

BASE = "https://book.imin.co"
IDENTIFIERS = ["", ".", "..", "a\x00b", "a\nb", "\x7f", "\x85", "\ud800", 1234, None, b"1234"]


def test_accounts_request_is_exact() -> None:
    """Path and method are what the API page says, on any connection."""
    request = accounts_request(BASE, "1234")
    assert (request.method, request.url) == ("GET", f"{BASE}/api/v2/customers/1234/accounts")
    assert request.fresh is False


def test_disconnect_request_is_exact() -> None:
    """The seller goes percent-encoded into the query, on a connection of its own."""
    request = disconnect_request(BASE, "1234", SELLER)
    seller = "https%3A%2F%2Fid.bookingsystem.example.com%2Forganizers%2F1"
    assert (request.method, request.fresh) == ("DELETE", True)
    assert request.url == f"{BASE}/api/v2/customers/1234/accounts?seller={seller}"


@pytest.mark.parametrize(
    "customer", ["1234", "a-b_c.d~e", "a/b c", "ünïcödé", "٣٤", "100%", "...", "a+b&c=d?e#f;g"]
)
def test_identifier_survives(customer: str) -> None:
    """Whatever it holds, it is one segment of the path, in ASCII, and decodes to what was passed."""
    url = accounts_request(BASE, customer).url
    assert url.isascii()
    assert unquote(url.removeprefix(f"{BASE}/api/v2/customers/").removesuffix("/accounts")) == customer
    assert url.count("/") == f"{BASE}/api/v2/customers/1234/accounts".count("/")


@pytest.mark.parametrize(
    "redirect",
    [
        "https://broker.example/back",
        "https://broker.example/back?a=1+2&b=3%204#part",
        "https://broker.example/a b/ü?ö=%C3%BC&x=%",
        "http://localhost:8000/back",
        "http://127.0.0.2/back",
        "http://[::1]:8000/",
        URL("https://broker.example/back?a=1"),
    ],
    ids=str,
)
def test_redirect_uri_survives(redirect: str | URL) -> None:
    """A server that decodes the query once gets back exactly what was passed."""
    url = URL(accounts_request(BASE, "1234", redirect).url, encoded=True)
    assert dict(url.query) == {"redirectUri": str(redirect)}


@pytest.mark.parametrize(
    "redirect",
    [
        "",
        "/back",
        "//broker.example/back",
        "http://broker.example/back",
        "javascript:alert(1)",
        "https://",
        "https:///back",
        "https://a..b/",
        "https://b ad/",
        " https://broker.example/",
        "https://broker.example/\r\nX: y",
        "https://broker.example/\ud800",
        "https://broker.example:99999/",
        "ftp://broker.example/",
        b"https://broker.example/",
        7,
    ],
    ids=repr,
)
def test_redirect_uri_refused(redirect: str) -> None:
    """Where no browser could be sent back safely is refused; the text does not quote it."""
    with pytest.raises(InvalidRequest, match="redirect_uri") as caught:
        accounts_request(BASE, "1234", redirect)
    assert "broker" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("identifier", IDENTIFIERS, ids=repr)
def test_customer_refused(identifier: str) -> None:
    """An identifier that can't be one path segment is refused."""
    with pytest.raises(InvalidRequest, match="customer"):
        accounts_request(BASE, identifier)


@pytest.mark.parametrize("identifier", IDENTIFIERS, ids=repr)
def test_seller_refused(identifier: str) -> None:
    """A seller that can't have been read from a reply is refused."""
    with pytest.raises(InvalidRequest, match="seller"):
        disconnect_request(BASE, "1234", identifier)


def test_url_length_is_limited() -> None:
    """imin's limit counts the whole URL: one character more is refused."""
    room = MAX_URL - len(accounts_request(BASE, "1").url) + 1
    assert len(accounts_request(BASE, "x" * room).url) == MAX_URL
    with pytest.raises(InvalidRequest, match="2049"):
        accounts_request(BASE, "x" * (room + 1))


@pytest.mark.parametrize(
    ("base_url", "checked"),
    [
        ("https://book.imin.co", "https://book.imin.co"),
        ("https://book.imin.co/", "https://book.imin.co"),
        ("https://gateway.example/imin/", "https://gateway.example/imin"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.0.0.1:1/x", "http://127.0.0.1:1/x"),
        ("http://[::1]:1", "http://[::1]:1"),
        (URL("https://book.imin.co"), "https://book.imin.co"),
    ],
)
def test_base_url(base_url: str | URL, checked: str) -> None:
    """https, or http to this machine, with or without a path."""
    assert check_base_url(base_url) == checked


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "book.imin.co",
        "http://book.imin.co",
        "ftp://book.imin.co",
        "https://user@book.imin.co",
        "https://user:password@book.imin.co",
        "https://@book.imin.co",
        "https://book.imin.co?a=1",
        "https://book.imin.co?",
        "https://book.imin.co/#a",
        "https://a..b",
        "https://.b",
        "https://-b.example",
        "https://" + "a" * 64 + ".example",
        "https://b_ook imin.co",
        "https://book.imin.co\\@evil.example",
        "https://book.imin.co:99999",
        "https://book.imin.co/a/../b",
        "https://book.imin.co/a/%2e%2e/b",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "https://book.imin.co\n",
    ],
    ids=repr,
)
def test_base_url_refused(base_url: str) -> None:
    """Anything else would send the key where it must not go."""
    with pytest.raises(InvalidRequest, match="base_url"):
        check_base_url(base_url)


@pytest.mark.parametrize(
    "base_url", ["http://emulator:8080", "http://10.0.0.7/imin", "http://imin.co.example"]
)
def test_http_to_another_machine_is_for_those_who_ask_for_it(base_url: str) -> None:
    """As in a compose file, where an emulator has a name and no certificate."""
    assert check_base_url(base_url, insecure_http=True) == base_url
    with pytest.raises(InvalidRequest, match="insecure_http=True"):
        check_base_url(base_url)


@pytest.mark.parametrize(
    "host",
    [
        *(
            "book.imin.co",
            "BOOK.imin.CO",
            "book.imin.co.",
            "book.imin.co:80",
            "book.imin.co.:8080",
            "imin.co",
        ),
        *("search.imin.co", "a.b.imin.co", "book\u3002imin\uff0eco", "\uff42ook.imin.co", "bo%6fk.imin.co"),
    ],
)
def test_http_to_imin_is_refused_however_its_host_is_spelled(host: str) -> None:
    """There the key is the real one."""
    with pytest.raises(InvalidRequest, match="base_url"):
        check_base_url(f"http://{host}/", insecure_http=True)


@pytest.mark.parametrize("value", [1, 0, None, "0", "1", "true"])
def test_insecure_http_is_true_or_false(value: Any) -> None:
    """Not what Python takes for either: ``"0"`` would be true."""
    with pytest.raises(InvalidRequest, match="insecure_http"):
        check_base_url("http://emulator:8080", insecure_http=value)


@pytest.mark.parametrize("redirect_uri", ["http://broker:8000/back", "http://10.0.0.7/"])
def test_insecure_http_is_about_imin_alone(redirect_uri: str) -> None:
    """A customer comes back over https, or to this machine."""
    base_url = check_base_url("http://emulator:8080", insecure_http=True)
    with pytest.raises(InvalidRequest, match="loopback only\\)"):
        accounts_request(base_url, "1", redirect_uri)


@pytest.mark.parametrize(
    "text",
    [
        "https://[a]@",
        "https://[",
        "https://]/",
        "https://[::1",
        "https://a:b:c/",
        "https://x y/",
        "https://<",
    ],
)
@pytest.mark.parametrize(
    "use",
    [
        check_base_url,
        lambda text: accounts_request(BASE, "1", text),
        SellerAccounts(entitlement_filter="t").with_entitlement_filter,
    ],
    ids=["base_url", "redirect_uri", "search"],
)
def test_whatever_a_url_library_raises(text: str, use: Callable[[str], object]) -> None:
    """Of a text at which yarl raises, an IndexError too, an argument is invalid, and nothing is chained."""
    with pytest.raises(InvalidRequest) as caught:
        use(text)
    assert caught.value.__context__ is None
