"""What a page says when something goes wrong."""

import httpx
import pytest

from imin_accounts.fake import Drop, Malformed, OtherCustomer, Rule, Stall, Status
from tests.browser.broker import ACME, Broker, serve_broker
from tests.cli.site.forms import csrf_token, page_text, press


@pytest.mark.parametrize(
    ("effect", "status", "heading"),
    [
        pytest.param(Drop(), 502, "We can't see your connections just now", id="dropped"),
        pytest.param(Status(500), 502, "Something is broken just now", id="500"),
        pytest.param(Status(400), 502, "Something is broken just now", id="400"),
        pytest.param(Status(401), 500, "We can't see your connections", id="401"),
        pytest.param(Status(404), 404, "We can't find your connections", id="404"),
        pytest.param(Status(503), 503, "Something is broken just now", id="503"),
        pytest.param(Status(302), 502, "We got an answer that makes no sense", id="302"),
        pytest.param(Malformed(), 502, "We got an answer that makes no sense", id="not JSON"),
        pytest.param(OtherCustomer(), 502, "We got an answer that makes no sense", id="somebody else's"),
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
    assert (reply.status_code, f"<h1>{heading}</h1>" in page_text(reply)) == (status, True)
    assert "emulator was asked" not in reply.text


async def test_slow() -> None:
    """504 once the site's own time for imin is over."""
    async with serve_broker(timeout=0.1) as broker, httpx.AsyncClient(base_url=broker.site) as browser:
        broker.fake.faults.add(Rule(Stall()))
        reply = await browser.get("/")
        assert (reply.status_code, "This takes too long just now" in reply.text) == (504, True)


@pytest.mark.parametrize(
    ("asked", "told", "words"),
    [
        pytest.param(30, "30", "try again in 30 seconds", id="in a while"),
        pytest.param(0, "0", "try again in a second", id="at once"),
        pytest.param(1, "1", "try again in a second", id="in a second"),
        pytest.param(2, "2", "try again in 2 seconds", id="in two"),
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
    token = await csrf_token(browser)
    broker.fake.faults.add(Rule(Status(403)))
    reply = await browser.post(f"/{button}", data={"csrf": token, "seller": ACME})
    assert (reply.status_code, "Nothing was changed." in reply.text) == (500, True)
    assert broker.is_connected(ACME)


async def test_a_page_that_fails_says_nothing_of_changes(browser: httpx.AsyncClient, broker: Broker) -> None:
    """It only shows: after a disconnection that worked, “nothing was changed” would be a lie."""
    address = (await press(browser, "disconnect", ACME)).headers["Location"]
    broker.fake.faults.add(Rule(Status(403)))
    for path in ("/", address):
        reply = await browser.get(path)
        assert (reply.status_code, "Nothing was changed" in reply.text) == (500, False)


async def test_a_button_without_a_seller(browser: httpx.AsyncClient) -> None:
    """What the library refuses to send is refused by the site too: nothing was changed."""
    reply = await press(browser, "disconnect", "")
    assert (reply.status_code, "Nothing was changed." in reply.text) == (400, True)


async def test_disconnection_in_doubt(browser: httpx.AsyncClient, broker: Broker) -> None:
    """Nobody could tell: the page says neither that it is done nor that nothing was changed."""
    token = await csrf_token(browser)
    broker.fake.faults.add(
        Rule(Drop(), endpoint="delete_seller_account"), Rule(Status(503), endpoint="get_seller_accounts")
    )
    reply = await browser.post("/disconnect", data={"csrf": token, "seller": ACME})
    assert (reply.status_code, "We can't tell yet" in page_text(reply)) == (502, True)
    assert "Nothing was changed" not in reply.text
