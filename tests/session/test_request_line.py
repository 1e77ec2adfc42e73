"""What goes over the wire, byte for byte, as a server made of sockets reads it."""

from collections.abc import AsyncIterator

import pytest
from yarl import URL

from imin_accounts import AccountsSession, InvalidRequest
from tests.proofs.faults.server import FaultServer

SEGMENTS = {
    # An identifier, and the one path segment or query value that it becomes.
    "1234": "1234",
    "-._~": "-._~",
    "...": "...",
    ".a": ".a",
    "a b": "a%20b",
    " ": "%20",
    "a/b": "a%2Fb",
    "/": "%2F",
    "//": "%2F%2F",
    "../accounts": "..%2Faccounts",
    "a/../b": "a%2F..%2Fb",
    "..\\..": "..%5C..",
    "a?b=c": "a%3Fb%3Dc",
    "a#b": "a%23b",
    "a%b": "a%25b",
    "100%": "100%25",
    "%2F": "%252F",
    "%2e%2e": "%252e%252e",
    "%00": "%2500",
    "a+b": "a%2Bb",
    "a&seller=b": "a%26seller%3Db",
    "a;b=c": "a%3Bb%3Dc",
    "a:b": "a%3Ab",
    "rosie@example.com": "rosie%40example.com",
    "a,b": "a%2Cb",
    "$1": "%241",
    "hi!": "hi%21",
    "*": "%2A",
    "o'hara": "o%27hara",
    "(a)": "%28a%29",
    "[::1]": "%5B%3A%3A1%5D",
    "{a}": "%7Ba%7D",
    "<a>": "%3Ca%3E",
    '"a"': "%22a%22",
    "a|b": "a%7Cb",
    "a^b`c": "a%5Eb%60c",
    "é": "%C3%A9",
    "e\u0301": "e%CC%81",  # not composed
    "日本": "%E6%97%A5%E6%9C%AC",
    "\U0001d49c🙂": "%F0%9D%92%9C%F0%9F%99%82",
    "\u00a0": "%C2%A0",
    "\u200b": "%E2%80%8B",
    "\u202e": "%E2%80%AE",
    "\ufeff": "%EF%BB%BF",
    "https://id.example.com/organizers/1?a=b&c=d#e": (
        "https%3A%2F%2Fid.example.com%2Forganizers%2F1%3Fa%3Db%26c%3Dd%23e"
    ),
    "HTTP/1.1 200 OK": "HTTP%2F1.1%20200%20OK",
    "a" * 1900: "a" * 1900,
}

REDIRECTS: dict[str | URL, str] = {
    "https://broker.example/back": "https%3A%2F%2Fbroker.example%2Fback",
    "https://broker.example/back?a=1&b=x+y%20z#top": (
        "https%3A%2F%2Fbroker.example%2Fback%3Fa%3D1%26b%3Dx%2By%2520z%23top"
    ),
    "https://broker.example/a b/é": "https%3A%2F%2Fbroker.example%2Fa%20b%2F%C3%A9",
    "https://BROKER.example:443/../x": "https%3A%2F%2FBROKER.example%3A443%2F..%2Fx",
    "http://localhost:8000/back": "http%3A%2F%2Flocalhost%3A8000%2Fback",
    "http://127.0.0.1/": "http%3A%2F%2F127.0.0.1%2F",
    "https://broker.example": "https%3A%2F%2Fbroker.example",
    URL("https://broker.example/a%2Fb?c=%26", encoded=True): (
        "https%3A%2F%2Fbroker.example%2Fa%252Fb%3Fc%3D%2526"
    ),
}

REFUSED = ["", ".", "..", "a\nb", "a\r\nX-Evil: 1", "\0", "\x7f", "\x85", "\ud800", "a" * 2048, "🙂" * 200]


@pytest.fixture
async def server() -> AsyncIterator[FaultServer]:
    async with FaultServer() as server:
        yield server


@pytest.fixture
async def session(server: FaultServer) -> AsyncIterator[AccountsSession]:
    async with AccountsSession("key", base_url=server.url()) as session:
        yield session


def test_at_least_30_nasty_identifiers() -> None:
    """The table is as long as it should be."""
    assert len(SEGMENTS) >= 30


@pytest.mark.parametrize(("customer", "segment"), SEGMENTS.items(), ids=map(ascii, range(len(SEGMENTS))))
async def test_customer(server: FaultServer, session: AccountsSession, customer: str, segment: str) -> None:
    """A customer's identifier is one segment of the path, and decodes to itself."""
    await session.get_seller_accounts(customer)
    [seen] = server.seen
    assert seen.line == f"GET /well/api/v2/customers/{segment}/accounts HTTP/1.1"
    assert seen.customer == customer


@pytest.mark.parametrize(("seller", "value"), SEGMENTS.items(), ids=map(ascii, range(len(SEGMENTS))))
async def test_seller(server: FaultServer, session: AccountsSession, seller: str, value: str) -> None:
    """A seller's identifier is the one value of the one query parameter, and decodes to itself."""
    server.customers["1"] = {seller: True}
    await session.delete_seller_account("1", seller)
    [seen] = server.seen
    assert seen.line == f"DELETE /well/api/v2/customers/1/accounts?seller={value} HTTP/1.1"
    assert server.customers["1"] == {seller: False}


@pytest.mark.parametrize(("redirect_uri", "value"), REDIRECTS.items(), ids=map(str, REDIRECTS))
async def test_redirect_uri(
    server: FaultServer, session: AccountsSession, redirect_uri: str | URL, value: str
) -> None:
    """``redirectUri`` decodes to exactly what the caller gave."""
    await session.get_seller_accounts("1", redirect_uri=redirect_uri)
    [seen] = server.seen
    assert seen.line == f"GET /well/api/v2/customers/1/accounts?redirectUri={value} HTTP/1.1"


@pytest.mark.parametrize("identifier", REFUSED, ids=ascii)
async def test_refused_unsent(server: FaultServer, session: AccountsSession, identifier: str) -> None:
    """What can't be one segment, or makes the URL too long, is refused before a connection is made."""
    with pytest.raises(InvalidRequest) as refusal:
        await session.get_seller_accounts(identifier)
    with pytest.raises(InvalidRequest):
        await session.delete_seller_account("1", identifier)
    assert server.connections == 0
    assert not identifier.strip(".") or identifier not in str(refusal.value)


@pytest.mark.parametrize("prefix", ["/gateway", "/gateway/v1/", "/a%2Fb", "/a+b;c=d"])
async def test_base_url_with_a_path(server: FaultServer, prefix: str) -> None:
    """A gateway's prefix goes out as it was given, and the API's own path follows it."""
    async with AccountsSession("key", base_url=server.url(prefix.removeprefix("/"))) as session:
        await session.get_seller_accounts("1")
    [seen] = server.seen
    assert seen.line == f"GET {prefix.rstrip('/')}/api/v2/customers/1/accounts HTTP/1.1"


async def test_the_fields_that_go_out(server: FaultServer, session: AccountsSession) -> None:
    """Only what belongs there: the key, what is accepted, who asks, and the connection's own fields."""
    await session.get_seller_accounts("1")
    [seen] = server.seen
    fields = dict(seen.fields)
    assert fields["X-Api-Key"] == "key"
    assert fields["User-Agent"].startswith("imin-accounts/")
    assert sorted(name for name, _ in seen.fields) == [
        "Accept",
        "Accept-Encoding",
        "Host",
        "User-Agent",
        "X-Api-Key",
    ]
