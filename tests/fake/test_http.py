"""Over HTTP: Rosie's journey as any client may take it, and what the seller's pages must not do."""

import asyncio
import http.client
import json
import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx
import pytest

from imin_accounts.fake import FakeImin, Rule, Stall, Undocumented
from tests.fake.requests import BACK, SELLER, request, state, target, with_rosie

FORM = "application/x-www-form-urlencoded"


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


async def test_a_browser_is_sent_to_the_form_again(fake: FakeImin) -> None:
    """Whatever was wrong: what it shows then is no answer to a POST, and says what was wrong."""
    fake.add_member(SELLER, "rosie@example.com", password="right")
    link = await target(fake)
    async with (
        fake.serve() as base,
        httpx.AsyncClient(headers={"Accept": "text/html"}, timeout=60) as browser,
    ):
        visit = (await browser.get(link.replace("https://book.imin.co", base), follow_redirects=True)).url
        for email, said in (("ada@example.com", "password is wrong"), ("", "give an email address")):
            form = {"email": email, "password": "right", "decision": "consent"}
            sent = await browser.post(visit, data=form)
            assert (sent.status_code, sent.next_request and sent.next_request.url) == (303, visit)
            page = await browser.get(visit)
            assert (page.status_code, said in page.text, Form(page.text).fields["email"]) == (
                200,
                True,
                email,
            )


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
    """404, with a page."""
    reply, page = await asyncio.to_thread(browser.open, "GET", browser.base + path)
    assert (reply.status, "not valid" in page) == (404, True)


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


async def test_who_hangs_up_is_not_waited_for() -> None:
    """A request that is never answered ends with its connection: a long session keeps none of them."""
    fake = with_rosie()
    fake.faults.add(Rule(Stall()))
    async with fake.serve() as base, asyncio.timeout(30):
        before, asked = asyncio.all_tasks(), urlsplit(request(base=base).url)
        _, writer = await asyncio.open_connection(asked.hostname, asked.port)
        head = f"GET {asked.path} HTTP/1.1\r\nHost: {asked.netloc}\r\nX-Api-Key: test-key\r\n\r\n"
        writer.write(head.encode())
        while not fake.requests:
            await asyncio.sleep(0)
        answering = asyncio.all_tasks() - before
        writer.close()
        _, waiting = await asyncio.wait(answering, timeout=20)
        assert waiting == set()


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
    answer = await raw(browser, f"GET {target} HTTP/1.1\r\n{headers}\r\n".encode("latin-1"))
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert status != 200 or b'"@id":"http://x/api/v2/customers/rosie/accounts"' in answer


async def raw(browser: Browser, head: bytes, body: bytes = b"") -> bytes:
    """What is answered to these bytes: a request line, header lines and a body."""
    reader, writer = await asyncio.open_connection(*browser.base.removeprefix("http://").split(":"))
    length = b"Content-Length: %d\r\n" % len(body) if body else b""
    writer.write(head + length + b"Connection: close\r\n\r\n" + body)
    answer = await reader.read()
    writer.close()
    return answer


def visit_of(browser: Browser) -> str:
    """The handle of a visit that has just begun."""
    link = browser.accounts()[0]["potentialAction"][0]["target"]
    return browser.follow(link).action.rpartition("/")[2]


@pytest.mark.parametrize(
    "before",
    [
        *("//evil.example", "///evil.example", "/\\evil.example", "/\\/evil.example", "//evil.example//"),
        *("/%2Fevil.example", "/%5Cevil.example", "/%09/evil.example", "/%ff"),
        *("http://evil.example", "https://evil.example", "http://evil.example//evil.example", "/a/..//evil"),
        *("/javascript:alert(1)", "/.//evil.example", "/%2e/%2fevil.example"),
    ],
)
async def test_a_form_goes_back_to_where_it_came_from(browser: Browser, before: str) -> None:
    """Whatever path or site was asked for: the password goes to no other site."""
    visit = await asyncio.to_thread(visit_of, browser)
    page = await raw(browser, f"GET {before}/seller/{visit} HTTP/1.1\r\nHost: x\r\n".encode())
    assert page.startswith(b"HTTP/1.1 200 ")
    action = Form(page.decode()).action
    assert re.fullmatch(r"/([\w.~%-]+/)*seller/" + visit, action)
    posted = await raw(
        browser,
        f"POST {action} HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\n".encode(),
        b"decision=decline",
    )
    assert posted.startswith(b"HTTP/1.1 303 "), "it is the same page"


@pytest.mark.parametrize(
    "host",
    [
        *("", "a b", "a/b", "a@b", "a\\b", "a?b", "a#b", '"><script>', "a:x", "a:99999", "[zz]", "[::1"),
        *("//evil.example", "evil.example/", "\xff", "a\r\nHost: b", "a,b"),
    ],
)
@pytest.mark.parametrize("path", ["/seller/x", "/_emulator/state", "/auth/connect-account?jwt=x"])
async def test_a_host_that_is_none_is_refused(browser: Browser, path: str, host: str) -> None:
    """Every link and redirect begins with it."""
    answer = await raw(browser, f"GET {path} HTTP/1.1\r\nHost: {host}\r\n".encode("latin-1"))
    assert re.match(rb"HTTP/1\.[01] 400 ", answer)
    assert answer.startswith(b"HTTP/1.0") or b'{\n  "error": ' in answer, "1.0 is what is no HTTP at all"


MALFORMED = [
    pytest.param(f"{FORM}; charset=nope", b"a=b", 415, id="no such charset"),
    pytest.param(f"{FORM}; charset=base64", b"a=b", 415, id="a charset of no text"),
    pytest.param(f"{FORM}; charset=utf-16", b"a=b", 415, id="another charset"),
    pytest.param(FORM, b"email=\xff", 400, id="not UTF-8"),
    pytest.param(FORM, b"a=b&" * 3000, 413, id="too many fields"),
    pytest.param("multipart/form-data", b"--x", 415, id="no boundary"),
    pytest.param("multipart/form-data; boundary=x", b"--y\r\n\r\nabc", 415, id="another boundary"),
    pytest.param("multipart/form-data; boundary=x", b"--x\r\n\r\nabc\r\n--x--", 415, id="no name"),
    pytest.param("application/json", b"[" * 100_000, 415, id="deep JSON"),
    pytest.param("\xff", b"a=b", 415, id="no media type"),
    pytest.param(f"{FORM}\r\nContent-Encoding: gzip", b"no gzip", 400, id="not compressed"),
    pytest.param(f'{FORM}\r\nCookie: browser=\xff; =;;"', b"decision=x&email=%00", 303, id="odd cookies"),
]


@pytest.mark.parametrize(("media", "body", "status"), MALFORMED)
async def test_a_malformed_form_is_refused(
    browser: Browser, media: str, body: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """With a status that says so, and no traceback in the log."""
    visit = await asyncio.to_thread(visit_of, browser)
    head = f"POST /seller/{visit} HTTP/1.1\r\nHost: x\r\nContent-Type: {media}\r\n"
    answer = await raw(browser, head.encode("latin-1"), body)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert [record for record in caplog.records if record.exc_info] == []


@pytest.mark.parametrize(
    "head",
    [
        "GET /\t HTTP/1.1\r\nHost: x\r\n",
        "GET /\xff HTTP/1.1\r\nHost: x\r\n",
        "GET http://[ HTTP/1.1\r\nHost: x\r\n",
        "GET javascript:1 HTTP/1.1\r\nHost: x\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n",
        f"GET /{'a' * 9000} HTTP/1.1\r\nHost: x\r\n",
        "DELETE /api/v2/customers/rosie/accounts HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\n"
        "Content-Length: 1\r\n\r\nx",
    ],
)
async def test_what_is_no_http_is_refused_quietly(
    browser: Browser, head: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A client's fault is no traceback in the log."""
    answer = await raw(browser, head.encode("latin-1"))
    assert re.match(rb"HTTP/1\.[01] 4\d\d ", answer)
    assert [record for record in caplog.records if record.exc_info] == []


@pytest.mark.parametrize(
    ("fake", "shown"),
    [(FakeImin(), "Example Broker"), (FakeImin(broker="Go <Play>"), "Go &lt;Play&gt;")],
)
async def test_the_sellers_page_names_the_broker(fake: FakeImin, shown: str) -> None:
    """As imin knows whoever has the key, and not by the address that the customer goes back to."""
    with_rosie(fake)
    async with fake.serve() as base, httpx.AsyncClient(follow_redirects=True, timeout=60) as browser:
        back = "http://127.0.0.1:8101/back"
        reply = fake.exchange(request("GET", "rosie", base=base, redirectUri=back)).response
        assert reply is not None
        link = json.loads(reply.body)["imin:item"][0]["potentialAction"][0]["target"]
        page = (await browser.get(link)).text
    assert f"<strong>{shown}</strong>" in page
    assert "8101" not in page
