"""To a seller and back, and away from one: what is done, and what is told of it."""

import re

import httpx
import pytest

from imin_accounts.fake import Drift, Drifted, Rule, Status
from tests.browser.broker import ACME, BROOK, CASTLE, Broker
from tests.cli.site.forms import page_text, press


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
    assert (reply.status_code, "can't be connected now" in page_text(reply)) == (502, True)


async def way_back(browser: httpx.AsyncClient, broker: Broker) -> str:
    """Where the seller sends the browser once Castle Climbing is connected."""
    link = (await press(browser, "connect", CASTLE, action="create")).headers["Location"]
    return broker.fake.complete(link)


async def test_back_connected(browser: httpx.AsyncClient, broker: Broker) -> None:
    """The seller is named, and it is so."""
    assert "Castle Climbing is connected." in page_text(await browser.get(await way_back(browser, broker)))


async def test_back_after_declining(browser: httpx.AsyncClient, broker: Broker) -> None:
    """The way back looks the same as after connecting; the accounts tell."""
    address = broker.fake.decline((await press(browser, "connect", BROOK)).headers["Location"])
    assert address is not None
    assert "Brook Street Pool was not connected." in page_text(await browser.get(address))


@pytest.mark.parametrize(
    "fault", [Status(503), Drifted(Drift.BAD_VALUES)], ids=["imin fails", "the seller can't be read"]
)
async def test_back_in_doubt(browser: httpx.AsyncClient, broker: Broker, fault: Status | Drifted) -> None:
    """Nothing is claimed: neither that it worked nor that it did not."""
    address = await way_back(browser, broker)
    broker.fake.faults.add(Rule(fault))
    page = page_text(await browser.get(address))
    assert "We can't tell yet whether you are connected." in page
    assert not re.search("(is|was not) connected[.]", page)


async def test_disconnected_while_imin_fails(browser: httpx.AsyncClient, broker: Broker) -> None:
    """What is certain stays said, though the connections can't be shown."""
    address = (await press(browser, "disconnect", ACME)).headers["Location"]
    broker.fake.faults.add(Rule(Status(503)))
    reply = await browser.get(address)
    said = "Disconnected from the seller. Your account there is still yours." in reply.text
    assert (reply.status_code, said) == (503, True)


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


async def test_a_disconnection_asks_first(browser: httpx.AsyncClient, broker: Broker) -> None:
    """The button on the card leads to a question that names what will be lost; nothing is done yet."""
    page = page_text(await browser.get("/disconnect", params={"seller": ACME}))
    assert "Disconnect from Acme Leisure Centre?" in page
    for lost in ("9826000123456", "MEM-20-4417", "“City resident”", "“Swim club member”", "“Student”"):
        assert lost in page
    assert broker.is_connected(ACME)


@pytest.mark.parametrize("seller", [BROOK, "https://nobody.example/", ""])
async def test_no_question_where_nothing_is_connected(browser: httpx.AsyncClient, seller: str) -> None:
    """Whoever comes from an old page sees how things stand."""
    reply = await browser.get("/disconnect", params={"seller": seller})
    assert (reply.status_code, reply.headers["Location"]) == (303, "/")


async def test_nothing_to_lose(browser: httpx.AsyncClient, broker: Broker) -> None:
    """A connection that holds nothing is asked about in fewer words."""
    broker.fake.connect("rosie", CASTLE, hidden_entitlements=None)
    page = page_text(await browser.get("/disconnect", params={"seller": CASTLE}))
    assert "Disconnect from Castle Climbing?" in page
    assert "no longer have" not in page
    assert "comes back" not in page


async def test_connecting_again_brings_back_what_was_there(
    browser: httpx.AsyncClient, broker: Broker
) -> None:
    """The seller still has it, and shows it again."""
    await press(browser, "disconnect", ACME)
    broker.fake.complete((await press(browser, "connect", ACME)).headers["Location"])
    page = page_text(await browser.get("/"))
    assert all(text in page for text in ("9826000123456", "MEM-20-4417", "City resident"))
