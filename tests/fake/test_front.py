"""``/``: a page for browsers, the same as JSON for anybody else, for those who may see everybody's data."""

from collections.abc import AsyncIterator
from html.parser import HTMLParser
from typing import Any

import aiohttp
import attrs
import pytest
from yarl import URL

from imin_accounts.fake import Drop, FakeImin, Rule, Status, add_people, add_rosie
from imin_accounts.fake._front import prefers_html
from tests.fake.requests import ask
from tests.fake.test_admin import own_address

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@attrs.frozen
class Visitor:
    """Somebody who asks for a path."""

    fake: FakeImin
    base: str
    client: aiohttp.ClientSession

    async def asks(self, path: str = "/", method: str = "GET", **headers: str) -> tuple[int, Any, Any]:
        """The status, the headers, and the JSON or the text."""
        async with self.client.request(
            method, self.base + path, headers=headers, allow_redirects=False
        ) as reply:
            is_json = reply.content_type == "application/json" and method != "HEAD"
            return reply.status, reply.headers, await (reply.json() if is_json else reply.text())


@pytest.fixture
async def visitor() -> AsyncIterator[Visitor]:
    """An emulator with Rosie and a town."""
    fake = FakeImin(seed=1)
    add_rosie(fake)
    add_people(fake, sellers=4, customers=30)
    async with fake.serve() as base, aiohttp.ClientSession() as client:
        yield Visitor(fake, base, client)


class Text(HTMLParser):
    """What a page says, and where it leads."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.said, self.links, self.tags = "", list[str](), set[str]()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)
        self.links += [value for name, value in attrs if tag == "a" and name == "href"]

    def handle_data(self, data: str) -> None:
        self.said += data


async def test_a_browser_gets_a_page(visitor: Visitor) -> None:
    """With the key, who there is, what to try, what goes wrong, what came in; nothing is fetched."""
    visitor.fake.faults.add(Rule(Status(503), nth=7))
    await ask(visitor.fake, customer="customer-9")
    status, headers, page = await visitor.asks(Accept=BROWSER)
    text = Text(page)
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert (headers["Cache-Control"], headers["Vary"]) == ("no-store", "Accept")
    for said in (
        "X-Api-Key: test-key",
        "rosie@example.com",
        "Brook Street Pool",
        '"status": 503',
        "customer-9",
    ):
        assert said in text.said
    assert not {"script", "img", "form"} & text.tags


async def test_curl_gets_the_same_as_json(visitor: Visitor) -> None:
    """Bounded however many there are: 20 customers, 50 requests, newest first."""
    for n in range(60):
        await ask(visitor.fake, customer=f"customer-{n}")
    status, headers, seen = await visitor.asks(Accept="*/*")
    assert (status, headers["Content-Type"]) == (200, "application/json; charset=utf-8")
    assert (len(seen["customers"]), seen["customers_in_all"]) == (20, 31)
    assert [each["customer"] for each in seen["requests"]] == [f"customer-{n}" for n in range(59, 9, -1)]
    assert [each["state"] for each in seen["accounts"]["sellers"][:3]] == [
        "connected",
        "unconnected",
        "no account",
    ]
    _, _, more = await visitor.asks(seen["next_customers"].removeprefix(visitor.base))
    assert [len(more["customers"]), more["next_customers"]] == [11, None]


@pytest.mark.parametrize(
    "query", ["after=x", "after=-1", "after=99999999999999999999", "after=", "customer=nobody"]
)
@pytest.mark.parametrize("accept", [BROWSER, "*/*"])
async def test_an_odd_query_is_no_error(visitor: Visitor, query: str, accept: str) -> None:
    """It shows what there is."""
    assert (await visitor.asks(f"/?{query}", Accept=accept))[0] == 200


@pytest.mark.parametrize("after", ["x", "-1", "99999999999999999999", "", "\u0661"])
async def test_after_no_number_of_customers_come_the_first(visitor: Visitor, after: str) -> None:
    """Nobody is left out by what is no number, or too great to be one of customers."""
    _, _, seen = await visitor.asks(f"/?after={after}")
    assert seen["customers"][0]["id"] == "rosie"


async def test_a_link_on_the_page_leads_to_the_seller(visitor: Visitor) -> None:
    """A click makes the connect link, which ends at the seller's page; the way back is to the page."""
    _, _, page = await visitor.asks(Accept=BROWSER)
    link = next(link for link in Text(page).links if "RegisterAction" in link)
    status, headers, _ = await visitor.asks(link.removeprefix(visitor.base))
    assert status == 302
    assert visitor.fake.complete(headers["Location"]) == f"{visitor.base}/?customer=rosie"


@pytest.mark.parametrize(
    "query", ["", "customer=rosie", "customer=rosie&seller=x", "customer=x&seller=y&action=z"]
)
async def test_a_visit_of_nobody_is_refused(visitor: Visitor, query: str) -> None:
    """400, with the reason."""
    status, _, answer = await visitor.asks(f"/_emulator/visit?{query}")
    assert (status, "customer" in answer["error"]) == (400, True)


@pytest.mark.parametrize("path", ["/", "/_emulator/", "/_emulator", "/_emulator/nothing", "/_emulator/visit"])
@pytest.mark.parametrize(
    "headers",
    [{"Host": "rebound.example"}, {"Origin": "https://evil.example"}, {"Origin": "null"}],
    ids=["a name that was pointed here", "a page of another site", "a page of nowhere"],
)
@pytest.mark.parametrize("accept", [BROWSER, "*/*"])
async def test_who_may_not(visitor: Visitor, path: str, headers: dict[str, str], accept: str) -> None:
    """As with the rest of the admin endpoint; the answer says what to do, and holds nobody's data."""
    status, _, answer = await visitor.asks(path, Accept=accept, **headers)
    assert (status, [*answer]) == (403, ["error"])


async def test_another_machine_may_not() -> None:
    """Unless told otherwise; the API's description is for everybody."""
    address = own_address()
    if address is None:
        pytest.skip("this machine has no address but loopback")
    async with FakeImin().serve(host=address) as base, aiohttp.ClientSession() as client:
        visitor = Visitor(FakeImin(), base, client)
        assert (await visitor.asks(Host="localhost"))[0] == 403
        assert (await visitor.asks("/openapi.json"))[0] == 200
    async with FakeImin().serve(host=address, admin="anywhere") as base, aiohttp.ClientSession() as client:
        assert (await Visitor(FakeImin(), base, client).asks(Host="emulator"))[0] == 200


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/", "GET, HEAD"),
        ("/openapi.json", "GET, HEAD"),
        ("/_emulator/", "GET, HEAD"),
        ("/_emulator/faults", "DELETE, GET, HEAD, POST, PUT"),
        ("/_emulator/reset", "POST"),
        ("/seller/guess", "GET, HEAD, POST"),
        ("/imin/seller/guess", "GET, HEAD, POST"),
        ("/api/v2/customers/rosie/accounts", "GET, DELETE"),
    ],
)
async def test_a_wrong_method(visitor: Visitor, path: str, allowed: str) -> None:
    """405, and ``Allow`` says which are right."""
    for method in ("PATCH", "OPTIONS", "TRACE"):
        status, headers, _ = await visitor.asks(path, method, **{"X-Api-Key": "test-key"})
        assert (status, headers["Allow"]) == (405, allowed)


async def test_a_browsers_icon_is_no_request_to_imin(visitor: Visitor) -> None:
    """It asks for one wherever it shows JSON: nothing is wrong with its key, and the record has none."""
    assert (await visitor.asks("/favicon.ico"))[0] == 204
    assert visitor.fake.requests == ()


async def test_head_is_get_without_the_body(visitor: Visitor) -> None:
    """For whoever looks whether it is there."""
    for path in ("/", "/openapi.json", "/_emulator/", "/_emulator/state"):
        status, _, text = await visitor.asks(path, "HEAD")
        assert (status, text) == (200, "")


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        (BROWSER, True),
        ("text/html", True),
        ("text/*;q=0.9, application/json;q=0.5", True),
        ("TEXT/HTML ; Q=0.5", True),
        ("*/*", False),
        ("application/json", False),
        ("application/json, text/html", False),
        ("application/json, text/html;q=0.9", False),
        ("text/html;q=0, */*", False),
        ("text/html;q=much", False),
        ("image/png", False),
        ("", False),
    ],
)
def test_who_is_a_browser(accept: str, html: bool) -> None:
    """Whoever would rather have HTML than JSON; nobody else gets markup."""
    assert prefers_html(accept) is html


async def test_the_log_has_a_line_each_and_no_secret(
    visitor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    """What was asked and answered, but for the key, the token of a link, and the page that it leads to."""
    caplog.set_level("INFO", "imin_accounts.fake")
    path, key = "/api/v2/customers/rosie/accounts", {"X-Api-Key": "test-key"}
    _, _, reply = await visitor.asks(f"{path}?redirectUri=http://localhost/", **key)
    link = reply["imin:item"][1]["potentialAction"][0]["target"].removeprefix(visitor.base)
    _, headers, _ = await visitor.asks(link)
    await visitor.asks(headers["Location"].removeprefix(visitor.base))
    visitor.fake.faults.add(Rule(Drop()))
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await visitor.asks(path, "DELETE", **key)
    assert [*dict.fromkeys(caplog.messages)] == [  # a client may ask again where nothing came
        f"GET {path}?redirectUri=http://localhost/ 200",
        "GET /auth/connect-account 302",
        "GET /seller/*** 200",
        f"DELETE {path} connection dropped",
    ]


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("https://b.example/back", "https://b.example/back"),
        ("https://b.example/back?state=signed", "https://b.example/back?***"),
        ("https%3A%2F%2Fb.example%2Fback%3Fstate%3Dsigned%26a", "https%3A%2F%2Fb.example%2Fback?***"),
        ("https%3a%2f%2fb.example%2fback%3fstate%3dsigned", "https%3a%2f%2fb.example%2fback?***"),
        ("https%253A%252F%252Fb.example%252F%253Fstate%253Dsigned", "https%253A%252F%252Fb.example%252F?***"),
        ("https://b.example/%23signed", "https://b.example/?***"),
        ("https%3A%2F%2Fme%3Asigned%40b.example%2F", "https%3A%2F%2F***@b.example%2F"),
        ("?signed", "?***"),
    ],
)
async def test_the_log_has_no_query_of_a_way_back(
    visitor: Visitor, caplog: pytest.LogCaptureFixture, sent: str, shown: str
) -> None:
    """A broker signs there who comes back, however the address is encoded."""
    caplog.set_level("INFO", "imin_accounts.fake")
    url = f"{visitor.base}/api/v2/customers/rosie/accounts?seller=s&redirectUri={sent}"
    async with visitor.client.get(URL(url, encoded=True)):
        pass
    assert caplog.messages[0].endswith(f"?seller=s&redirectUri={shown} 401")


@pytest.mark.parametrize("public", ["http://localhost:8080", "https://emulator.example/imin/"])
async def test_a_public_url(public: str) -> None:
    """Every link that a browser follows begins with it, whatever name the emulator was asked under."""
    fake = FakeImin(seed=1)
    add_rosie(fake)
    async with fake.serve(admin="anywhere", public_url=public) as base, aiohttp.ClientSession() as client:
        visitor, public = Visitor(fake, base, client), public.rstrip("/")
        _, _, seen = await visitor.asks(Host="emulator:8080")
        assert seen["accounts"]["sellers"][1]["connect"]["RegisterAction"].startswith(
            f"{public}/_emulator/visit?"
        )
        path = "/api/v2/customers/rosie/accounts?redirectUri=http://localhost/"
        _, _, reply = await visitor.asks(path, Host="emulator:8080", **{"X-Api-Key": "test-key"})
        link = reply["imin:item"][1]["potentialAction"][0]["target"]
        assert link.startswith(f"{public}/auth/connect-account?jwt=")
        _, headers, _ = await visitor.asks(link.removeprefix(public), Host="localhost:8080")
        assert headers["Location"].startswith(f"{public}/seller/")


@pytest.mark.parametrize(
    "public_url", ["", "localhost:8080", "ftp://x", "http://", "http://x?a", "http://x/#a"]
)
def test_a_public_url_that_is_none(public_url: str) -> None:
    """Refused before anything is served."""
    with pytest.raises(ValueError, match="public_url"):
        FakeImin().serve(public_url=public_url)
