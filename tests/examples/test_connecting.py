"""To a seller and back with the FastAPI example, over the emulator: every way in which it can go."""

import html
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import attrs
import httpx
import pytest

from examples.web.broker import Broker
from examples.web.state import Signed
from imin_accounts import AccountsSession, RetryPolicy
from imin_accounts.fake import Drift, Drifted, Drop, FakeImin, Latency, Malformed, Rule, Status, add_rosie
from imin_accounts.models import AccessPass, Entitlement, EntitlementType
from imin_accounts.session import Runtime
from tests.examples.web_service import SECRET, skip_if_missing
from tests.scripted import ManualClock

ORIGIN = "https://broker.example"
SELLERS = "https://id.bookingsystem.example.com/organizers/"
ACME, BROOK, CASTLE = (SELLERS + number for number in "123")
PAGE = {"Accept": "text/html"}


@attrs.frozen
class Site:
    """The example, the emulated imin behind it, and a clock that both go by."""

    fake: FakeImin
    clock: ManualClock
    asgi: httpx.ASGITransport

    def browser(self, customer: str | None = "rosie", **headers: str) -> httpx.AsyncClient:
        """A browser in which somebody is logged in, or nobody."""
        login = {} if customer is None else {"login": Signed(SECRET, now=self.clock).login(customer)}
        return httpx.AsyncClient(base_url=ORIGIN, transport=self.asgi, cookies=login, headers=headers)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """The example with a session on a manual clock."""
    skip_if_missing("fastapi")
    from examples.web.fastapi_app import app

    clock = ManualClock()
    fake = FakeImin(sleep=clock.sleep)
    add_rosie(fake)
    run = Runtime(clock=clock, sleep=clock.sleep, random=lambda: 0.5)
    retry = RetryPolicy(attempts=2, attempt_timeout=60)
    async with AccountsSession("test-key", transport=fake, runtime=run, timeout=5, retry=retry) as session:
        broker = Broker(session, origin=ORIGIN, secret=SECRET, now=clock)

        async def served(scope: Any, receive: Any, send: Any) -> None:
            await app({**scope, "state": {"broker": broker}}, receive, send)

        yield Site(fake, clock, httpx.ASGITransport(served))


async def clicked(browser: httpx.AsyncClient, seller: str = BROOK) -> str:
    """The link that a click leads to."""
    click = await browser.post("/connections/connect", data={"seller": seller})
    assert click.status_code == 303
    return click.headers["location"]


async def connected(site: Site, browser: httpx.AsyncClient) -> str:
    """The way back of one who has connected Brook Street Pool."""
    return site.fake.complete(await clicked(browser))


# --- The way back ---------------------------------------------------------------------------------


async def test_connecting(site: Site) -> None:
    """Said by name, once imin's reply shows it."""
    async with site.browser() as rosie:
        back = await rosie.get(await connected(site, rosie))
    assert (back.status_code, back.json()) == (200, {"state": "connected", "seller": BROOK})


async def test_declining(site: Site) -> None:
    """The way back looks the same; the re-read tells."""
    async with site.browser() as rosie:
        back = await rosie.get(site.fake.decline(await clicked(rosie)) or "")
    assert (back.status_code, back.json()) == (200, {"state": "not connected", "seller": BROOK})


async def test_replay(site: Site) -> None:
    """Followed again, it says what is so now: connected still, then not any more."""
    async with site.browser() as rosie:
        way_back = await connected(site, rosie)
        states = [(await rosie.get(way_back)).json()["state"] for _ in range(2)]
        site.fake.disconnect("rosie", BROOK)
        states.append((await rosie.get(way_back)).json()["state"])
    assert states == ["connected", "connected", "not connected"]


def forgeries(state: str) -> list[str]:
    """Ways to make one up."""
    payload, time, signature = state.split(".")
    elsewhere = Signed("another service's secret, just as long").way_back("rosie", ACME)
    longest = "." + "A" * 4000
    return [
        *("", "guess", "a.b.c", payload, f"{payload}.{time}.", f"{payload}.{time}.{signature[::-1]}"),
        *(f"x{state}", f"{state}x", elsewhere, Signed(SECRET).login("rosie"), longest, "\x00", "%ff", "é"),
    ]


async def test_forged(site: Site) -> None:
    """Cut short, altered, signed by another, or a token of another kind: refused, and imin is not asked."""
    async with site.browser() as rosie:
        state = dict(parse_qsl(urlsplit(await connected(site, rosie)).query))["state"]
        asked = len(site.fake.requests)
        for forged in forgeries(state):
            answer = await rosie.get("/connections/return", params={"state": forged})
            assert (answer.status_code, BROOK in answer.text) == (400, False), forged
    assert len(site.fake.requests) == asked


async def test_a_way_back_without_a_state(site: Site) -> None:
    """Whoever lands there by chance gets a page, and no JSON, as for every state that is none."""
    async with site.browser() as rosie:
        answer = await rosie.get("/connections/return", headers=PAGE)
    assert (answer.status_code, "<h1>This link is not ours</h1>" in answer.text) == (400, True)


async def test_expired(site: Site) -> None:
    """After an hour it leads nowhere but to the connections."""
    async with site.browser() as rosie:
        way_back = await connected(site, rosie)
        for seconds, status in ((3600, 200), (1, 410)):
            site.clock.now += seconds
            assert (await rosie.get(way_back)).status_code == status


async def test_another_customer(site: Site) -> None:
    """Is told what may have happened, and learns nothing of whose it is."""
    site.fake.add_customer("mallory")
    async with site.browser() as rosie, site.browser("mallory") as mallory:
        way_back = await connected(site, rosie)
        asked = len(site.fake.requests)
        answer = await mallory.get(way_back, headers=PAGE)
    assert (answer.status_code, len(site.fake.requests)) == (403, asked)
    assert "your account there may be connected to theirs" in answer.text
    assert not re.search("rosie|Brook|organizers", answer.text)


async def test_another_browser(site: Site) -> None:
    """One without a login is asked to log in, and shown nothing; once Rosie has, it shows what is so."""
    async with site.browser() as rosie, site.browser(None) as other:
        way_back = await connected(site, rosie)
        answer = await other.get(way_back, headers=PAGE)
        assert (answer.status_code, "Log in to see" in answer.text) == (401, True)
        assert not re.search("rosie@|Brook|connected", answer.text)
        await other.post("/login", data={"customer": "rosie"})
        assert (await other.get(way_back)).json()["state"] == "connected"


def fields(page: httpx.Response) -> dict[str, str]:
    """What the form on a page would send."""
    inputs = re.findall(r'<input[^>]* name="([^"]*)" value="([^"]*)"', page.text)
    return {name: html.unescape(value) for name, value in inputs}


@pytest.mark.parametrize(("customer", "status"), [("rosie", 200), ("mallory", 403)])
async def test_the_login_leads_on_to_the_way_back(site: Site, customer: str, status: int) -> None:
    """To its result for whom it is, and to the warning for everybody else, without another click."""
    site.fake.add_customer("mallory")
    async with site.browser() as rosie, site.browser(None, **PAGE) as other:
        form = fields(await other.get(await connected(site, rosie)))
        answer = await other.post("/login", data={**form, "customer": customer}, follow_redirects=True)
    assert (answer.status_code, answer.url.path) == (status, "/connections/return")
    assert ("Brook Street Pool is connected" in answer.text) is (status == 200)
    assert ("This is somebody else" in answer.text) is (status == 403)


async def test_a_way_back_without_a_login_warns(site: Site) -> None:
    """Whoever was talked into it may have no login here at all: the login page itself has to tell them."""
    async with site.browser() as rosie, site.browser(None, **PAGE) as stranger:
        back = await stranger.get(await connected(site, rosie))
        other = await stranger.get("/connections")
    assert ["somebody else" in html.unescape(page.text) for page in (back, other)] == [True, False]


FOREIGN_STATES = [
    "",
    "guess",
    "//evil.example",
    "https://evil.example/",
    "/\\evil.example",
    "x\r\nSet-Cookie: a=b",
]


@pytest.mark.parametrize("state", FOREIGN_STATES)
async def test_the_login_leads_nowhere_else(site: Site, state: str) -> None:
    """Only a state of ours leads on; whatever else a form brings ends at the connections."""
    async with site.browser(None) as other:
        answer = await other.post("/login", data={"customer": "rosie", "state": state, "next": state})
    assert (answer.status_code, answer.headers["location"]) == (303, "/connections")


async def test_a_login_of_nobody(site: Site) -> None:
    """Asks again, and still knows where to go on to."""
    async with site.browser() as rosie, site.browser(None, **PAGE) as other:
        form = fields(await other.get(await connected(site, rosie)))
        answer = await other.post("/login", data={**form, "customer": ""})
    assert (answer.status_code, fields(answer)["state"]) == (401, form["state"])
    assert "set-cookie" not in answer.headers


async def test_a_login_that_ended(site: Site) -> None:
    """As another browser: the state alone shows nothing."""
    async with site.browser() as rosie:
        site.clock.now += 12 * 3600 - 60
        way_back = await connected(site, rosie)
        site.clock.now += 120
        assert (await rosie.get(way_back)).status_code == 401


async def test_a_connection_that_shows_late(site: Site) -> None:
    """The page waits a moment for it."""
    async with site.browser() as rosie:
        way_back = await connected(site, rosie)
        site.fake.disconnect("rosie", BROOK)

        async def shows(_: float) -> None:
            site.clock.now += 1
            site.fake.connect("rosie", BROOK)

        site.fake.sleep = shows
        site.fake.faults.add(Rule(Latency(0.5), nth=1))
        assert (await rosie.get(way_back)).json()["state"] == "connected"


TROUBLE = [
    *(Drop(), Status(500), Status(503), Status(429, retry_after=30), Status(302), Malformed()),
    *(Latency(4), Latency(600)),
]


@pytest.mark.parametrize("effect", TROUBLE, ids=str)
async def test_imin_fails_on_the_way_back(site: Site, effect: Any) -> None:
    """Slow or down: “not yet”, with a time to look again; neither that it worked nor that it did not."""
    async with site.browser() as rosie:
        way_back = await connected(site, rosie)
        site.fake.faults.add(Rule(effect))
        answer = await rosie.get(way_back)
    assert (answer.status_code, answer.json()) == (503, {"state": "not yet"})
    assert answer.headers["retry-after"] == ("30" if effect == Status(429, retry_after=30) else "5")


async def test_a_seller_that_can_not_be_read(site: Site) -> None:
    """imin answers, but does not tell: “not yet”."""
    async with site.browser() as rosie:
        way_back = await connected(site, rosie)
        site.fake.disconnect("rosie", BROOK)
        site.fake.faults.add(Rule(Drifted(Drift.BAD_VALUES)))
        answer = await rosie.get(way_back)
    assert (answer.status_code, answer.json()["state"]) == (200, "not yet")


MISTAKES = [(401, 500), (403, 500), (404, 404)]


@pytest.mark.parametrize(("status", "told"), MISTAKES)
async def test_our_own_mistake_is_none_of_those(site: Site, status: int, told: int) -> None:
    """A wrong key or an unknown customer is not mended by waiting; nor is it known how things stand."""
    async with site.browser() as rosie:
        way_back = await connected(site, rosie)
        site.fake.faults.add(Rule(Status(status)))
        answer, page = await rosie.get(way_back), await rosie.get(way_back, headers=PAGE)
    assert (answer.status_code, answer.json()["state"], page.status_code) == (told, "not yet", told)
    assert "settled" not in answer.json()
    assert "<h1>Not yet</h1>" in page.text


@pytest.mark.parametrize(
    "effect", [*map(Status, (400, 401, 403, 404, 500, 503)), Drop(), Malformed()], ids=str
)
async def test_no_look_says_that_nothing_was_changed(site: Site, effect: Any) -> None:
    """It can't know: she may have consented at a seller a second ago. A form can, and says so."""
    async with site.browser(**PAGE) as rosie:
        looks = [await connected(site, rosie), "/connections", "/connections/disconnect?seller=x"]
        site.fake.faults.add(Rule(effect, endpoint="get_seller_accounts"))
        pages = [await rosie.get(look) for look in looks]
        form = await rosie.post("/connections/connect", data={"seller": BROOK})
    assert not any("Nothing was changed" in page.text for page in pages)
    assert "Nothing was changed" in form.text


# --- Away from a seller ---------------------------------------------------------------------------


async def test_disconnecting_asks_first(site: Site) -> None:
    """A page says what will be lost, and nothing is done yet."""
    passes = [AccessPass(type="Barcode", text="9826000123456")]
    discount = Entitlement(entitlement_type=EntitlementType(pref_label="City <resident>"))
    site.fake.connect("rosie", ACME, access_pass=passes[0].text, entitlements=[discount])
    async with site.browser() as rosie:
        page = await rosie.get("/connections/disconnect", params={"seller": ACME}, headers=PAGE)
    assert "Disconnect from Acme Leisure Centre?" in page.text
    assert "<li>Access pass 9826000123456</li><li>City &lt;resident&gt;</li>" in page.text
    assert {request.method for request in site.fake.requests} == {"GET"}


ENDS = [
    pytest.param(None, ACME, 200, {"outcome": "confirmed"}, False, id="done"),
    pytest.param(Drop(processed=True), ACME, 200, {"outcome": "verified"}, False, id="done, answer lost"),
    pytest.param(None, BROOK, 404, {"outcome": "absent"}, True, id="nothing there"),
    pytest.param(
        Status(500), ACME, 502, {"error": "OutcomeUnknown", "settled": False}, True, id="nobody can tell"
    ),
]


@pytest.mark.parametrize(("effect", "seller", "status", "told", "stands"), ENDS)
async def test_the_ends_of_a_disconnection(
    site: Site, effect: Any, seller: str, status: int, told: dict[str, Any], stands: bool
) -> None:
    """Certainly done, nothing there, or unknown: never one for another."""
    if effect is not None:
        site.fake.faults.add(Rule(effect, endpoint="delete_seller_account"))
    async with site.browser() as rosie:
        answer = await rosie.post("/connections/disconnect", data={"seller": seller})
    assert (answer.status_code, answer.json()) == (status, told)
    assert (("rosie", ACME) in site.fake.population.connections) is stands


# --- Who may do what ------------------------------------------------------------------------------

FOREIGN = [
    {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    {"Sec-Fetch-Site": "same-site", "Origin": "https://other.broker.example"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": ORIGIN.replace("https", "http")},
    {"Origin": ORIGIN + ".evil.example"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.parametrize("path", ["connect", "disconnect"])
async def test_a_form_of_another_site(site: Site, path: str, headers: dict[str, str]) -> None:
    """Whoever is logged in, it does nothing, and imin is not asked."""
    async with site.browser(**headers) as rosie:
        answer = await rosie.post(f"/connections/{path}", data={"seller": ACME})
    assert (answer.status_code, site.fake.requests) == (403, ())


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
async def test_a_login_from_another_site(site: Site, headers: dict[str, str]) -> None:
    """Would make her somebody else, who then sees what she connects."""
    async with site.browser(None, **headers) as browser:
        answer = await browser.post("/login", data={"customer": "mallory"})
    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)


OWN = [
    {},
    {"Origin": ORIGIN},
    {"Sec-Fetch-Site": "same-origin", "Origin": ORIGIN},
    {"Sec-Fetch-Site": "same-origin", "Origin": "null"},  # of a page whose proxy set no-referrer
    {"Sec-Fetch-Site": "none"},
]


@pytest.mark.parametrize("headers", OWN, ids=str)
async def test_a_form_of_our_own(site: Site, headers: dict[str, str]) -> None:
    """As browsers send it, new and old ones, and programs."""
    async with site.browser(**headers) as rosie:
        assert (await clicked(rosie)).startswith("https://book.imin.co/")


async def test_the_way_back_is_our_own(site: Site) -> None:
    """Whatever the request says of where it went, and of where it wants to go."""
    async with site.browser(Host="evil.example", **{"X-Forwarded-Host": "evil.example"}) as rosie:
        data = {"seller": BROOK, "redirect_uri": "https://evil.example/", "next": "//evil.example"}
        link = (await rosie.post("/connections/connect", data=data)).headers["location"]
    assert site.fake.complete(link).startswith(ORIGIN + "/connections/return?state=")


@pytest.mark.parametrize("seller", [ACME, "https://evil.example/", "//evil.example", "javascript:1", ""])
async def test_a_click_that_leads_nowhere(site: Site, seller: str) -> None:
    """Connected meanwhile, or never listed: back to the connections, never to what was sent."""
    async with site.browser() as rosie:
        click = await rosie.post("/connections/connect", data={"seller": seller})
    assert (click.status_code, click.headers["location"]) == (303, "/connections")


async def test_the_state_tells_nobody_who_it_is(site: Site) -> None:
    """It passes through imin's and the seller's hands, and through logs: no identifier is in it."""
    async with site.browser() as rosie:
        state = dict(parse_qsl(urlsplit(await connected(site, rosie)).query))["state"]
    read = Signed(SECRET, now=site.clock).read(state)
    assert not isinstance(read, str)
    assert (read.seller, "rosie" in read.is_for, len(read.is_for) > 20) == (BROOK, False, True)


@pytest.mark.parametrize("path", ["", "/return", "/return?state=x", "/disconnect?seller=x", "/connect"])
async def test_every_answer_is_for_its_reader_alone(site: Site, path: str) -> None:
    """Never stored, never framed, without scripts, and its address told to no other site."""
    async with site.browser() as rosie:
        call = rosie.post if path == "/connect" else rosie.get
        answer = await call(f"/connections{path}", headers=PAGE)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


async def test_the_login_cookie(site: Site) -> None:
    """Out of scripts' reach, over https only, and sent along by links alone from other sites."""
    async with site.browser(None) as browser:
        cookie = (await browser.post("/login", data={"customer": "rosie"})).headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Lax", "Secure", "Path=/"} < set(cookie.split("; "))


async def test_nothing_that_a_seller_sends_is_markup(site: Site) -> None:
    """Names and identifiers are text on every page."""
    evil = '"><script>alert(1)</script>'
    site.fake.add_seller(evil, name=evil)
    site.fake.connect("rosie", evil, access_pass=evil, entitlements=[])
    async with site.browser() as rosie:
        pages = [
            await rosie.get("/connections", headers=PAGE),
            await rosie.get("/connections/disconnect", params={"seller": evil}, headers=PAGE),
        ]
    assert [page.status_code for page in pages] == [200, 200]
    assert not any("<script" in page.text for page in pages)
