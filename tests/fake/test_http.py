"""Over HTTP: Rosie's journey as any client may take it, and what the seller's pages must not do."""

import asyncio
import http.client
import json
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest

from imin_accounts.fake import FakeImin, Undocumented
from tests.fake.requests import BACK, SELLER, state, with_rosie


class Form(HTMLParser):
    """The one form of a page, as a browser would send it if nothing were typed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action, self.fields, self.labels, self.scripts = "", dict[str, str](), set[str](), 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        found = dict(attrs)
        match tag:
            case "form":
                self.action = found["action"]
            case "input":
                assert found["id"] in self.labels
                self.fields[found["name"]] = found.get("value", "")
            case "label":
                self.labels.add(found["for"])
            case "script":
                self.scripts += 1


class Browser:
    """A plain HTTP client: it knows URLs, forms and redirects, and nothing of this package."""

    def __init__(self, base: str) -> None:
        self.base = base

    def open(
        self, method: str, url: str, form: dict[str, str] | None = None, *, key: str | None = None
    ) -> tuple[Any, str]:
        """One request. Returns the reply, and its text."""
        host = urlsplit(url).netloc or urlsplit(self.base).netloc
        path = url.rpartition(f"http://{host}")[2]
        headers = {} if key is None else {"X-Api-Key": key}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection(host)
        connection.request(method, path, None if form is None else urlencode(form), headers)
        reply = connection.getresponse()
        text = reply.read().decode()
        connection.close()
        return reply, text

    def accounts(self) -> Any:
        """What the API says of Rosie."""
        url = f"{self.base}/api/v2/customers/rosie/accounts?redirectUri={quote(BACK, safe='')}"
        reply, text = self.open("GET", url, key="test-key")
        assert reply.status == 200
        return json.loads(text)["imin:item"]

    def follow(self, link: str) -> Form:
        """From a link to the form that it leads to."""
        reply, _ = self.open("GET", link)
        assert reply.status == 302
        reply, page = self.open("GET", reply.headers["Location"])
        assert reply.status == 200
        return Form(page)


@pytest.fixture
async def fake() -> FakeImin:
    """An emulator."""
    return with_rosie()


@pytest.fixture
async def browser(fake: FakeImin) -> AsyncIterator[Browser]:
    """A browser, and the emulator over HTTP."""
    async with fake.serve() as base:
        yield Browser(base)


def connect(browser: Browser, action: int, **typed: str) -> tuple[Any, str]:
    """From Rosie's page to the end of a form. Returns the last reply, and its text."""
    link = browser.accounts()[0]["potentialAction"][action]["target"]
    form = browser.follow(link)
    return browser.open("POST", form.action, {**form.fields, "decision": "consent", **typed})


async def test_rosies_journey(browser: Browser) -> None:
    """List, connect, listed as connected, disconnect, listed as unconnected: without this package."""

    def journey() -> None:
        first = browser.accounts()[0]
        assert first["imin:matchingEmailExists"] is False
        reply, _ = connect(browser, 1, password="secret")
        assert (reply.status, reply.headers["Location"]) == (303, BACK)
        assert browser.accounts()[0]["customer"]["email"] == "rosie@example.com"
        url = f"{browser.base}/api/v2/customers/rosie/accounts?seller={quote(SELLER, safe='')}"
        reply, text = browser.open("DELETE", url, key="test-key")
        assert (reply.status, text, reply.headers["Content-Length"]) == (204, "", None)
        assert browser.accounts()[0]["imin:matchingEmailExists"] is True

    await asyncio.to_thread(journey)


async def test_logging_in(fake: FakeImin, browser: Browser) -> None:
    """A wrong password brings the form again, with the reason; the right one connects."""
    fake.add_member(SELLER, "rosie@example.com", password="right")
    link = (await asyncio.to_thread(browser.accounts))[0]["potentialAction"][0]["target"]
    form = await asyncio.to_thread(browser.follow, link)
    wrong = {**form.fields, "password": "guess", "decision": "consent"}
    reply, page = await asyncio.to_thread(browser.open, "POST", form.action, wrong)
    assert (reply.status, "password is wrong" in page, await state(fake)) == (403, True, "unconnected")
    again = {**Form(page).fields, "password": "right", "decision": "consent"}
    reply, _ = await asyncio.to_thread(browser.open, "POST", Form(page).action, again)
    assert (reply.headers["Location"], await state(fake)) == (BACK, "connected")


async def test_declining(fake: FakeImin, browser: Browser) -> None:
    """Back to the broker, not connected; the visit is over."""
    reply, _ = await asyncio.to_thread(connect, browser, 1, decision="decline")
    assert (reply.status, reply.headers["Location"]) == (303, BACK)
    assert await state(fake) == "no account"


async def test_declining_may_end_here(fake: FakeImin, browser: Browser) -> None:
    """Switched so, a page says that nothing was changed."""
    fake.undocumented = Undocumented(decline_returns=False)
    reply, page = await asyncio.to_thread(connect, browser, 1, decision="decline")
    assert (reply.status, "Nothing was changed" in page) == (200, True)


async def test_a_used_link_and_a_finished_visit_end_clearly(fake: FakeImin, browser: Browser) -> None:
    """Replaying either shows 410 and changes nothing."""

    def replay() -> list[int]:
        link = browser.accounts()[0]["potentialAction"][1]["target"]
        form = browser.follow(link)
        sent = {**form.fields, "password": "p", "decision": "consent"}
        browser.open("POST", form.action, sent)
        fake.disconnect("rosie", SELLER)
        return [
            browser.open("GET", link)[0].status,
            browser.open("GET", form.action)[0].status,
            browser.open("POST", form.action, sent)[0].status,
        ]

    assert await asyncio.to_thread(replay) == [410, 410, 410]
    assert await state(fake) == "unconnected"


async def test_an_expired_link_and_visit_end_clearly(fake: FakeImin, browser: Browser) -> None:
    """A link lasts ten minutes, the visit that it opens ten more."""

    def expire() -> list[int]:
        late, used = [browser.accounts()[0]["potentialAction"][1]["target"] for _ in range(2)]
        fake.advance(599)
        form = browser.follow(used)
        fake.advance(599)
        statuses = [browser.open("GET", url)[0].status for url in (late, form.action)]
        fake.advance(1)
        return [*statuses, browser.open("POST", form.action, form.fields)[0].status]

    assert await asyncio.to_thread(expire) == [410, 200, 410]


@pytest.mark.parametrize(
    "path", ["/auth/connect-account", "/auth/connect-account?jwt=guess", "/seller/guess"]
)
async def test_a_forged_link_ends_clearly(browser: Browser, path: str) -> None:
    """400, with a page."""
    reply, page = await asyncio.to_thread(browser.open, "GET", browser.base + path)
    assert (reply.status, "not valid" in page) == (400, True)


async def test_nothing_of_a_name_is_markup(browser: Browser, fake: FakeImin) -> None:
    """Sellers' names and customers' emails are escaped, and there is no script."""
    fake.add_seller(SELLER, name='"><script>alert(1)</script>')
    fake.add_customer("rosie", email='"><script>@example.com')
    link = (await asyncio.to_thread(browser.accounts))[0]["potentialAction"][0]["target"]
    form = await asyncio.to_thread(browser.follow, link)
    assert (form.scripts, form.fields["email"]) == (0, '"><script>@example.com')


async def test_where_to_go_is_not_the_browsers_to_say(browser: Browser) -> None:
    """redirectUri comes from the link's own record, whatever else is sent."""
    evil = {"redirectUri": "https://evil.example/", "redirect_uri": "https://evil.example/"}
    reply, _ = await asyncio.to_thread(connect, browser, 1, password="p", **evil)
    assert reply.headers["Location"] == BACK


async def test_pages_are_not_stored_framed_or_told_of(browser: Browser) -> None:
    """Their address is a secret, and their button connects an account."""
    link = (await asyncio.to_thread(browser.accounts))[0]["potentialAction"][1]["target"]
    form = await asyncio.to_thread(browser.follow, link)
    reply, _ = await asyncio.to_thread(browser.open, "GET", form.action)
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.headers["Referrer-Policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in reply.headers["Content-Security-Policy"]


async def test_the_journey_works_behind_a_prefix(browser: Browser) -> None:
    """A gateway's path before the API's own stays in every link."""
    browser.base += "/imin"

    def journey() -> str:
        link = browser.accounts()[0]["potentialAction"][1]["target"]
        assert link.startswith(browser.base)
        form = browser.follow(link)
        reply, _ = browser.open("POST", form.action, {**form.fields, "password": "p", "decision": "consent"})
        return str(reply.headers["Location"])

    assert await asyncio.to_thread(journey) == BACK


async def test_it_listens_on_loopback_alone() -> None:
    """Unless told otherwise."""
    async with with_rosie().serve() as base:
        assert urlsplit(base).hostname == "127.0.0.1"
    async with with_rosie().serve(host="::1") as base:
        assert urlsplit(base).hostname == "::1"


async def test_it_can_be_served_again() -> None:
    """The state stays when a server ends, and two may serve it at once."""
    fake = with_rosie()
    async with fake.serve():
        fake.connect("rosie", SELLER)
    async with fake.serve() as one, fake.serve() as two:
        found = [(await asyncio.to_thread(Browser(base).accounts))[0] for base in (one, two)]
    assert all("dateLinked" in item for item in found)


@pytest.mark.parametrize(
    ("target", "headers", "status"),
    [
        pytest.param(
            "/api/v2/customers/rosie/accounts", "Host: x\r\nX-Api-Key: test-key", 200, id="well formed"
        ),
        pytest.param("/api/v2/customers/%ff/accounts", "Host: x\r\nX-Api-Key: test-key", 404, id="not UTF-8"),
        pytest.param(
            "/api/v2/customers/rosie/accounts", "Host: x\r\nX-Api-Key: \xff", 401, id="key not UTF-8"
        ),
        pytest.param(
            "/api/v2/customers/rosie/accounts", "Host: [\r\nX-Api-Key: test-key", 400, id="bad Host"
        ),
        pytest.param("/_emulator/state", "Host: [", 400, id="bad Host of the admin endpoint"),
        pytest.param(
            "http://x/api/v2/customers/rosie/accounts",
            "Host: x\r\nX-Api-Key: test-key",
            200,
            id="absolute form",
        ),
    ],
)
async def test_whatever_is_sent_is_answered(browser: Browser, target: str, headers: str, status: int) -> None:
    """Odd bytes get a status that says so, never 500."""
    reader, writer = await asyncio.open_connection(*browser.base.removeprefix("http://").split(":"))
    writer.write(f"GET {target} HTTP/1.1\r\n{headers}\r\nConnection: close\r\n\r\n".encode("latin-1"))
    answer = await reader.read()
    writer.close()
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert status != 200 or b'"@id":"http://x/api/v2/customers/rosie/accounts"' in answer
