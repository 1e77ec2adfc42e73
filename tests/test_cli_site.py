"""The broker's site of ``imin-accounts demo --serve``, as HTTP: who gets what, and what it never does."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from imin_accounts.cli._site.tokens import Tokens
from imin_accounts.fake import (
    Drift,
    Drifted,
    Drop,
    Malformed,
    OtherCustomer,
    Rule,
    Stall,
    Status,
)
from imin_accounts.models import ActionStatus, Entitlement, EntitlementUpdateError, EvidenceRequest
from tests.browser.scene import ACME, BROOK, CASTLE, NOW, Broker, brokers
from tests.cli import run


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    """A broker's site, and the imin behind it."""
    async with brokers() as broker:
        yield broker


@pytest.fixture
async def browser(broker: Broker) -> AsyncIterator[httpx.AsyncClient]:
    """Something that keeps cookies and follows nothing."""
    async with httpx.AsyncClient(base_url=broker.site) as browser:
        yield browser


def text(reply: httpx.Response) -> str:
    """The page as a person reads it: with nothing escaped."""
    return unescape(reply.text)


async def csrf(browser: httpx.AsyncClient) -> str:
    """The token of the forms that this browser is shown."""
    token = re.search('name="csrf" value="([^"]+)"', (await browser.get("/")).text)
    assert token is not None
    return token[1]


async def press(browser: httpx.AsyncClient, button: str, seller: str, **more: str) -> httpx.Response:
    """Send the form of a button: ``connect`` or ``disconnect``."""
    return await browser.post(f"/{button}", data={"csrf": await csrf(browser), "seller": seller, **more})


# --- Connecting -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seller", "action", "page"),
    [
        pytest.param(BROOK, "register", "Log in to Brook Street Pool", id="log in"),
        pytest.param(CASTLE, "create", "Join Castle Climbing", id="join"),
    ],
)
async def test_a_click_leads_to_the_page_for_it(
    browser: httpx.AsyncClient, seller: str, action: str, page: str
) -> None:
    """303 to imin's own link, from where the seller's page is found."""
    reply = await press(browser, "connect", seller, action=action)
    assert reply.status_code == 303
    assert page in (await browser.get(reply.headers["Location"], follow_redirects=True)).text


async def test_links_are_fetched_at_the_click(browser: httpx.AsyncClient, broker: Broker) -> None:
    """No page holds one, and a second click gets another."""
    assert "jwt" not in (await browser.get("/")).text
    first, second = [(await press(browser, "connect", BROOK)).headers["Location"] for _ in range(2)]
    assert first != second
    assert first.startswith(broker.imin + "/auth/connect-account?jwt=")


async def test_the_way_back_is_the_sites_own(browser: httpx.AsyncClient, broker: Broker) -> None:
    """Whatever host a request names, and wherever its form would like to go."""
    stranger = {"Host": "evil.example"}
    reply = await browser.get("/", headers=stranger)
    assert (reply.status_code, reply.headers["Location"]) == (303, broker.site)
    reply = await press(browser, "connect", BROOK, redirect_uri="https://evil.example/")
    assert broker.fake.complete(reply.headers["Location"]).startswith(broker.site + "/return?token=")


async def test_connected_meanwhile(browser: httpx.AsyncClient, broker: Broker) -> None:
    """A click on a page that is behind the times leads to one that is not."""
    broker.fake.connect("rosie", BROOK)
    reply = await press(browser, "connect", BROOK)
    assert (reply.status_code, reply.headers["Location"]) == (303, "/")


async def test_a_seller_that_is_not_listed(browser: httpx.AsyncClient) -> None:
    """There is no link to fetch, and a page says so."""
    reply = await press(browser, "connect", "https://nobody.example/")
    assert (reply.status_code, "can't be connected now" in text(reply)) == (502, True)


# --- Who may do what ------------------------------------------------------------------------------


@pytest.mark.parametrize("button", ["connect", "disconnect"])
async def test_a_form_of_another_browser(browser: httpx.AsyncClient, broker: Broker, button: str) -> None:
    """Neither without a token nor with somebody else's does a form do anything."""
    async with httpx.AsyncClient(base_url=broker.site) as somebody:
        others = await csrf(somebody)
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


# --- What is shown --------------------------------------------------------------------------------


async def test_nothing_that_a_seller_sends_is_markup(browser: httpx.AsyncClient, broker: Broker) -> None:
    """Names are text, and only web addresses become links or pictures."""
    evil = '"><script>alert(1)</script>'
    broker.fake.add_seller(BROOK, name=evil, url="javascript:alert(1)", logo="data:image/png;base64,AAAA")
    broker.fake.add_seller(CASTLE, url="https://castle.example/", logo="http://castle.example/logo.png")
    broker.fake.add_seller("urn:odd", url="http://[odd", logo="https:")
    broker.fake.connect("rosie", BROOK, update_errors=[EntitlementUpdateError(name=evil, description=evil)])
    page = (await browser.get("/")).text
    assert "<script" not in page
    assert not re.search('(href|src)="(?!https?:|/)', page)
    assert 'href="https://castle.example/"' in page
    assert 'src="http://castle.example/logo.png"' in page


@pytest.mark.parametrize(
    ("days", "text"),
    [
        pytest.param(-1.0, "ended on 1 March 2026", id="over"),
        pytest.param(0.0, "less than a day left", id="now"),
        pytest.param(0.9, "less than a day left", id="today"),
        pytest.param(1.0, "1 day left", id="a day"),
        pytest.param(2.5, "2 days left", id="days"),
        pytest.param(None, "no end given", id="endless"),
    ],
)
async def test_days_left(browser: httpx.AsyncClient, broker: Broker, days: float | None, text: str) -> None:
    """Of a discount, in whole days that are certain."""
    broker.fake.advance(-3 * 86400)  # the emulator no longer lists what has ended by its own clock
    ends = None if days is None else NOW + timedelta(days=days)
    broker.fake.connect("rosie", BROOK, entitlements=[Entitlement(expires=ends)])
    broker.fake.disconnect("rosie", ACME)
    page = (await browser.get("/")).text
    assert re.search(f'a discount without a name</span>\\s*<span class="soft">{text}<', page)


FORM = "https://proof.example/1"
LATER, EARLIER = NOW + timedelta(days=1), NOW - timedelta(days=1)


@pytest.mark.parametrize(
    ("proof", "text"),
    [
        pytest.param(EvidenceRequest(url=FORM), "Send your proof", id="asked for"),
        pytest.param(EvidenceRequest(url=FORM, expiry=LATER), "Send your proof", id="asked for in time"),
        pytest.param(EvidenceRequest(url=FORM, expiry=EARLIER), "the form has ended", id="too late"),
        pytest.param(EvidenceRequest(url="javascript:1"), "wanted: ask Brook", id="no usable form"),
        pytest.param(
            EvidenceRequest(url=FORM, action_status=ActionStatus.ACTIVE), "being checked", id="sent"
        ),
        pytest.param(
            EvidenceRequest(url=FORM, action_status=ActionStatus.FAILED), "Send your proof", id="refused"
        ),
        pytest.param(
            EvidenceRequest(url=FORM, action_status=ActionStatus.COMPLETED), ">accepted<", id="done"
        ),
        pytest.param(None, "nothing asked for", id="none"),
    ],
)
async def test_proof(
    browser: httpx.AsyncClient, broker: Broker, proof: EvidenceRequest | None, text: str
) -> None:
    """The form is offered while sending something there may help."""
    broker.fake.disconnect("rosie", ACME)
    broker.fake.connect("rosie", BROOK, evidence=[Entitlement(evidence_request=proof)])
    page = (await browser.get("/")).text
    assert text in page
    assert (FORM in page) is (text == "Send your proof")


async def test_hidden_discounts(browser: httpx.AsyncClient, broker: Broker) -> None:
    """A seller that keeps some to itself is said to."""
    broker.fake.connect("rosie", BROOK, hidden_entitlements=True)
    assert "Brook Street Pool has discounts that are not shown here." in (await browser.get("/")).text


# --- When it goes wrong ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("effect", "status", "heading"),
    [
        pytest.param(Drop(), 502, "We can't reach imin", id="dropped"),
        pytest.param(Status(500), 502, "imin has a problem just now", id="500"),
        pytest.param(Status(400), 502, "imin has a problem just now", id="400"),
        pytest.param(Status(401), 500, "imin does not let us in", id="401"),
        pytest.param(Status(404), 500, "imin does not know you yet", id="404"),
        pytest.param(Status(302), 502, "We can't read imin's answer", id="302"),
        pytest.param(Malformed(), 502, "We can't read imin's answer", id="not JSON"),
        pytest.param(OtherCustomer(), 502, "We can't read imin's answer", id="somebody else's"),
    ],
)
async def test_failure(
    browser: httpx.AsyncClient,
    broker: Broker,
    effect: Drop | Status | Malformed | OtherCustomer,
    status: int,
    heading: str,
) -> None:
    """Each kind has a status and a heading of its own, and no word of the reply is shown."""
    broker.fake.faults.add(Rule(effect))
    reply = await browser.get("/")
    assert (reply.status_code, f"<h1>{heading}</h1>" in text(reply)) == (status, True)
    assert "emulator was asked" not in reply.text


async def test_slow() -> None:
    """504 once the site's own time for imin is over."""
    async with brokers(timeout=0.1) as broker, httpx.AsyncClient(base_url=broker.site) as browser:
        broker.fake.faults.add(Rule(Stall()))
        reply = await browser.get("/")
        assert (reply.status_code, "imin is slow just now" in reply.text) == (504, True)


@pytest.mark.parametrize(
    ("asked", "told", "words"),
    [
        pytest.param(30, "30", "try again in 30 seconds", id="in a while"),
        pytest.param(0, "0", "try again in a second", id="at once"),
        pytest.param(None, None, "try again in a minute", id="not said"),
    ],
)
async def test_rate_limited(
    browser: httpx.AsyncClient, broker: Broker, asked: int | None, told: str | None, words: str
) -> None:
    """503, and imin's own wait passed on to browser and customer."""
    broker.fake.faults.add(Rule(Status(429, retry_after=asked)))
    reply = await browser.get("/")
    assert (reply.status_code, reply.headers.get("Retry-After"), words in reply.text) == (503, told, True)


@pytest.mark.parametrize("button", ["connect", "disconnect"])
async def test_a_button_that_fails(browser: httpx.AsyncClient, broker: Broker, button: str) -> None:
    """Where it is certain that nothing was changed, the page says so."""
    token = await csrf(browser)
    broker.fake.faults.add(Rule(Status(403)))
    reply = await browser.post(f"/{button}", data={"csrf": token, "seller": ACME})
    assert (reply.status_code, "Nothing was changed." in reply.text) == (500, True)
    assert broker.is_connected(ACME)


async def test_a_button_without_a_seller(browser: httpx.AsyncClient) -> None:
    """What the library refuses to send is the site's own mistake."""
    reply = await press(browser, "disconnect", "")
    assert (reply.status_code, "This did not work" in reply.text) == (500, True)


async def test_disconnection_in_doubt(browser: httpx.AsyncClient, broker: Broker) -> None:
    """Nobody could tell: the page says neither that it is done nor that nothing was changed."""
    token = await csrf(browser)
    broker.fake.faults.add(
        Rule(Drop(), endpoint="delete_seller_account"), Rule(Status(503), endpoint="get_seller_accounts")
    )
    reply = await browser.post("/disconnect", data={"csrf": token, "seller": ACME})
    assert (reply.status_code, "We can't tell yet" in text(reply)) == (502, True)
    assert "Nothing was changed" not in reply.text


# --- Coming back ----------------------------------------------------------------------------------


async def way_back(browser: httpx.AsyncClient, broker: Broker) -> str:
    """Where the seller sends the browser once Castle Climbing is connected."""
    link = (await press(browser, "connect", CASTLE, action="create")).headers["Location"]
    return broker.fake.complete(link)


async def test_back_connected(browser: httpx.AsyncClient, broker: Broker) -> None:
    """The seller is named, and it is so."""
    assert "Castle Climbing is connected." in text(await browser.get(await way_back(browser, broker)))


async def test_back_after_declining(browser: httpx.AsyncClient, broker: Broker) -> None:
    """The way back looks the same as after connecting; the accounts tell."""
    address = broker.fake.decline((await press(browser, "connect", BROOK)).headers["Location"])
    assert address is not None
    assert "Brook Street Pool was not connected." in text(await browser.get(address))


@pytest.mark.parametrize(
    "fault", [Status(503), Drifted(Drift.BAD_VALUES)], ids=["imin fails", "the seller can't be read"]
)
async def test_back_in_doubt(browser: httpx.AsyncClient, broker: Broker, fault: Status | Drifted) -> None:
    """Nothing is claimed: neither that it worked nor that it did not."""
    address = await way_back(browser, broker)
    broker.fake.faults.add(Rule(fault))
    page = text(await browser.get(address))
    assert "We can't tell yet whether you are connected." in page
    assert not re.search("(is|was not) connected[.]", page)


async def test_disconnected_while_imin_fails(browser: httpx.AsyncClient, broker: Broker) -> None:
    """What is certain stays said, though the connections can't be shown."""
    address = (await press(browser, "disconnect", ACME)).headers["Location"]
    broker.fake.faults.add(Rule(Status(503)))
    reply = await browser.get(address)
    assert (reply.status_code, "Disconnected from the seller. imin confirmed it." in reply.text) == (
        502,
        True,
    )


async def test_nothing_to_disconnect(browser: httpx.AsyncClient, broker: Broker) -> None:
    """Somebody was quicker: the page does not claim to have done it."""
    reply = await press(browser, "disconnect", BROOK)
    page = (await browser.get(reply.headers["Location"])).text
    assert "There was nothing to disconnect" in page
    assert "Disconnected from" not in page


async def test_connected_again(browser: httpx.AsyncClient, broker: Broker) -> None:
    """An old “disconnected” is not repeated over a connection that stands."""
    address = (await press(browser, "disconnect", ACME)).headers["Location"]
    broker.fake.connect("rosie", ACME)
    reply = await browser.get(address)
    assert (reply.status_code, reply.headers["Location"]) == (303, "/")


async def test_disconnected_says_nothing_to_strangers(browser: httpx.AsyncClient, broker: Broker) -> None:
    """Its address can't be made up, nor passed on."""
    address = (await press(browser, "disconnect", ACME)).headers["Location"]
    browser.cookies.clear()
    reply = await browser.get(address)
    assert (reply.status_code, reply.headers["Location"]) == (303, "/")


# --- The command ----------------------------------------------------------------------------------


def test_the_command_serves_until_interrupted() -> None:
    """It prints the address, and ends well with the interrupt."""
    command = [sys.executable, "-m", "imin_accounts.cli", "demo", "--serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split(" at ")[1].split()[0]
        page = httpx.get(address).text
        process.send_signal(signal.SIGINT)
        process.stdout.read()
    assert process.returncode == 0
    assert "Rosie's connections" in page


def test_the_command_says_that_a_port_is_taken() -> None:
    """Exit code 1, and which port it is."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = run("demo", "--serve", "--port", str(port))
    assert (ran.code, f"can't listen on 127.0.0.1:{port}" in ran.err) == (1, True)
