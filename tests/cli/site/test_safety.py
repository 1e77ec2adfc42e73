"""Who may do what: forms, tokens, cookie, headers."""

import re
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from aiohttp.test_utils import TestClient, TestServer
from itsdangerous import TimestampSigner

from imin_accounts import AccountsSession
from imin_accounts.cli._site.app import Broker as Site
from imin_accounts.cli._site.demo import add_rosie_of_today
from imin_accounts.cli._site.tokens import Tokens
from imin_accounts.fake import FakeImin
from tests.browser.broker import ACME, BROOK, NOW, Broker
from tests.cli.site.forms import csrf_token, press
from tests.fake.test_http import MALFORMED


def site(origin: str) -> Site:
    """A broker's site that browsers find at ``origin``; nobody serves it yet."""
    fake = FakeImin()
    add_rosie_of_today(fake, NOW)
    session = AccountsSession("test-key", transport=fake)
    return Site(session, customer="rosie", name="Rosie", origin=origin, now=lambda: NOW)


@pytest.mark.parametrize("button", ["connect", "disconnect"])
async def test_a_form_of_another_browser(browser: httpx.AsyncClient, broker: Broker, button: str) -> None:
    """Neither without a token nor with somebody else's does a form do anything."""
    async with httpx.AsyncClient(base_url=broker.site) as somebody:
        others = await csrf_token(somebody)
    await browser.get("/")
    asked = len(broker.fake.requests)
    for token in ({}, {"csrf": ""}, {"csrf": others}):
        assert (await browser.post(f"/{button}", data={"seller": ACME, **token})).status_code == 403
    assert len(broker.fake.requests) == asked


async def test_one_kind_of_token_is_no_other(browser: httpx.AsyncClient) -> None:
    """The token of the way back, which travels through the seller's hands, is good for no form."""
    link = (await press(browser, "connect", BROOK)).headers["Location"]
    page = (await browser.get(link)).headers["Location"]
    assert "token" not in page
    way_back = urlsplit((await browser.post(page, data={"decision": "decline"})).headers["Location"])
    token = parse_qs(way_back.query)["token"][0]
    reply = await browser.post("/disconnect", data={"seller": ACME, "csrf": token})
    assert reply.status_code == 403


@pytest.mark.parametrize(
    ("secret", "purpose", "browser", "max_age"),
    [
        pytest.param(b"other", "form", "mine", 60, id="another secret"),
        pytest.param(b"secret", "return", "mine", 60, id="another purpose"),
        pytest.param(b"secret", "form", "yours", 60, id="another browser"),
        pytest.param(b"secret", "form", "mine", -1, id="too old"),
    ],
)
def test_a_token_is_good_for_one_use_in_one_browser(
    secret: bytes, purpose: str, browser: str, max_age: int
) -> None:
    """Change anything about it, and it can't be read."""
    token = Tokens(b"secret").give("form", "mine", "a", "ü")
    assert Tokens(b"secret").read("form", "mine", token, max_age=60) == ["a", "ü"]
    assert Tokens(secret).read(purpose, browser, token, max_age=max_age) is None


async def test_the_cookie(browser: httpx.AsyncClient) -> None:
    """Out of scripts' reach, sent along from other sites with links alone, and the same ever after."""
    first = await browser.get("/")
    assert {"HttpOnly", "SameSite=Lax"} < set(first.headers["Set-Cookie"].split("; "))
    assert (await browser.get("/")).cookies["browser"] == first.cookies["browser"]


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_the_cookie_of_a_secure_site_goes_over_https_only(scheme: str) -> None:
    """And of no other: over http a browser would not keep it."""
    async with TestClient(TestServer(site(f"{scheme}://broker.example").application())) as client:
        reply = await client.get("/", headers={"Host": "broker.example"})
    assert ("Secure" in reply.headers["Set-Cookie"].split("; ")) is (scheme == "https")


@pytest.mark.parametrize(("hours", "status"), [(11, 303), (13, 403)])
async def test_a_form_is_good_for_half_a_day(hours: int, status: int) -> None:
    """A page that was left open for longer has to be opened again."""

    class Earlier(TimestampSigner):
        def get_timestamp(self) -> int:
            return super().get_timestamp() - hours * 3600

    broker = site("https://broker.example")
    earlier = broker._tokens._serializer("form", "mine")
    earlier.signer = Earlier
    sent = {"seller": ACME, "csrf": str(earlier.dumps([]))}
    headers = {"Host": "broker.example", "Cookie": "browser=mine"}
    async with TestClient(TestServer(broker.application())) as client:
        reply = await client.post("/disconnect", data=sent, headers=headers, allow_redirects=False)
    assert reply.status == status


@pytest.mark.parametrize("path", ["/", "/return", "/nowhere", "/static/site.css"])
async def test_headers(browser: httpx.AsyncClient, path: str) -> None:
    """Every reply forbids scripts, frames and guesses, and neither stays in a cache nor tells where from."""
    headers = (await browser.get(path)).headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'self';")
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize(
    "cookie", ["browser=\xff", 'browser="', "browser=" + "a" * 5000, "=;;=", "browser=%ff"]
)
async def test_a_cookie_that_is_not_ours_is_none(broker: Broker, cookie: str) -> None:
    """A new browser, which gets a cookie of its own."""
    async with httpx.AsyncClient(base_url=broker.site) as browser:
        reply = await browser.get("/", headers=[(b"Cookie", cookie.encode("latin-1"))])
    assert reply.status_code == 200
    assert re.fullmatch("[0-9A-Za-z_-]{43}", reply.cookies["browser"])


@pytest.mark.parametrize(("media", "body", "status"), MALFORMED[:-1])
async def test_a_malformed_form_is_refused(
    broker: Broker, media: str, body: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """With a status that says so, a page, and no traceback in the log."""
    async with httpx.AsyncClient(base_url=broker.site) as browser:
        name, _, more = media.partition("\r\n")
        headers = dict(line.split(": ") for line in more.splitlines()) | {"Content-Type": name}
        encoded = [(key.encode(), value.encode("latin-1")) for key, value in headers.items()]
        reply = await browser.post("/disconnect", headers=encoded, content=body)
    assert (reply.status_code, "Example Broker" in reply.text) == (status, True)
    assert [record for record in caplog.records if record.exc_info] == []


@pytest.mark.parametrize("name", ["%00", "a" * 300, "%2e%2e/app.py", "../app.py", "", "site.css/", "%ff"])
async def test_only_the_sites_own_files_are_served(browser: httpx.AsyncClient, name: str) -> None:
    """Whatever path a browser makes up."""
    url = browser.base_url.copy_with(raw_path=f"/static/{name}".encode())
    reply = await browser.send(httpx.Request("GET", url))
    assert reply.status_code == 404
