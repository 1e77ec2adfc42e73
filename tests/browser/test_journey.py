"""Rosie's journey: what she does, what she is told, and what is true."""

from typing import TYPE_CHECKING

import pytest

from imin_accounts.fake import Drop, Rule, Stall, Status
from tests.browser.broker import ACME, BROOK, CASTLE, DISCONNECT, JOIN, LOG_IN, Broker, Rosie, serve_broker
from tests.browser.pages import disconnection_in_doubt, log_in, unreadable_sellers

if TYPE_CHECKING:
    from playwright.async_api import Browser

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_three_states(rosie: Rosie) -> None:
    """Each seller has a card that says how Rosie stands with it, and offers what can be done."""
    await rosie.opens()
    await rosie.reads("Acme Leisure Centre", "Connected since 14 August 2025", "Disconnect")
    await rosie.reads("Brook Street Pool", "Not connected", "Log in and connect", "Create another account")
    await rosie.reads("Castle Climbing", "No account yet", "Create an account", "Log in with another address")
    assert await rosie.cards() == ["Acme Leisure Centre", "Brook Street Pool", "Castle Climbing"]


async def test_what_a_connection_holds(rosie: Rosie) -> None:
    """Access pass, discounts with the days left, the proof asked for, a discount in conflict."""
    await rosie.opens()
    await rosie.reads(
        "Acme Leisure Centre", "9826000123456", "City resident", "12 days left", "230 days left"
    )
    await rosie.reads("Acme Leisure Centre", "A discount could not be applied", "your monthly membership")
    proof = rosie.card("Acme Leisure Centre").get_by_role("link", name="Send your proof for Student")
    assert await proof.get_attribute("href") == "https://proof.example/upload/1234"


async def test_connecting_by_logging_in(rosie: Rosie) -> None:
    """To the seller's page, through it with what is filled in, and back to a card that says so."""
    await rosie.opens()
    await rosie.presses(LOG_IN)
    await rosie.sees("Log in to Brook Street Pool")
    await rosie.presses("Continue")
    await rosie.is_told("Brook Street Pool is connected.")
    await rosie.reads("Brook Street Pool", "Connected since 2 March 2026", "Access pass")
    assert rosie.broker.is_connected(BROOK)


async def test_connecting_by_joining(rosie: Rosie) -> None:
    """An account is made with the seller, and connected."""
    await rosie.opens()
    await rosie.presses(JOIN)
    await rosie.sees("Join Castle Climbing")
    await rosie.page.get_by_label("Choose a password").fill("new and long")
    await rosie.presses("Continue")
    await rosie.is_told("Castle Climbing is connected.")
    assert rosie.broker.fake.population.password(CASTLE, "rosie@example.com") == "new and long"


async def test_declining(rosie: Rosie) -> None:
    """Back at the broker, which says that nothing was connected."""
    await log_in(rosie)
    await rosie.page.get_by_label("No, go back without connecting").check()
    await rosie.presses("Continue")
    await rosie.is_told("Brook Street Pool was not connected.")
    assert not rosie.broker.is_connected(BROOK)


async def test_mistyping_the_password(rosie: Rosie) -> None:
    """The form comes back with the reason and what was typed; the right password then connects."""
    await log_in(rosie)
    rosie.broker.fake.add_member(BROOK, "rosie@work.example", password="other")
    await rosie.page.get_by_label("Email address").fill("rosie@work.example")
    await rosie.presses("Continue")
    await rosie.is_told("The email address or the password is wrong.", role="alert")
    assert await rosie.page.get_by_label("Email address").input_value() == "rosie@work.example"
    await rosie.page.get_by_label("Password").fill("other")
    await rosie.presses("Continue")
    await rosie.is_told("Brook Street Pool is connected.")


async def test_expired_page(rosie: Rosie) -> None:
    """A form left open for too long ends clearly, and connects nothing."""
    await log_in(rosie)
    rosie.broker.fake.advance(601)
    await rosie.presses("Continue")
    await rosie.sees("This link has expired")
    assert not rosie.broker.is_connected(BROOK)


async def test_sending_a_form_again(rosie: Rosie) -> None:
    """Back to the seller's form after connecting, and once more through it: used, and nothing happens."""
    await log_in(rosie)
    form = rosie.page.url
    await rosie.presses("Continue")
    await rosie.is_told("Brook Street Pool is connected.")
    rosie.broker.fake.disconnect("rosie", BROOK)
    await rosie.opens(form)
    await rosie.sees("This link has been used")
    assert not rosie.broker.is_connected(BROOK)


async def test_return_link_of_somebody_else(rosie: Rosie, chromium: "Browser") -> None:
    """The way back that was made for one browser is refused to another, which learns nothing from it."""
    await log_in(rosie)
    await rosie.presses("Continue")
    await rosie.is_told("Brook Street Pool is connected.")
    async with await chromium.new_context() as profile:
        somebody = Rosie(await profile.new_page(), rosie.broker)
        await somebody.opens()
        await somebody.opens(rosie.page.url)
        await somebody.sees("This link is not for this browser")
        assert await somebody.page.get_by_text("Brook Street Pool").count() == 0


async def test_return_link_proves_nothing(rosie: Rosie) -> None:
    """Followed again after the connection has ended, it says what is so now."""
    await log_in(rosie)
    await rosie.presses("Continue")
    await rosie.is_told("Brook Street Pool is connected.")
    rosie.broker.fake.disconnect("rosie", BROOK)
    await rosie.page.reload()
    await rosie.is_told("Brook Street Pool was not connected.")
    assert not rosie.broker.is_connected(BROOK)


async def test_disconnecting(rosie: Rosie) -> None:
    """The connection is gone, the account with the seller stays."""
    await rosie.opens()
    await rosie.presses(DISCONNECT)
    await rosie.is_told("Disconnected from Acme Leisure Centre. imin confirmed it.")
    await rosie.reads("Acme Leisure Centre", "Not connected", "You have an account here")
    assert not rosie.broker.is_connected(ACME)


async def test_disconnecting_with_the_answer_lost(rosie: Rosie) -> None:
    """Rosie is told so, and that a second look has settled it."""
    await rosie.opens()
    rosie.broker.fake.faults.add(Rule(Drop(processed=True), endpoint="delete_seller_account"))
    await rosie.presses(DISCONNECT)
    await rosie.is_told("imin's answer was lost, so we looked again: it is done.")
    assert not rosie.broker.is_connected(ACME)


async def test_disconnecting_without_certainty(rosie: Rosie) -> None:
    """Where nobody can tell, the page claims nothing and says what to do; the connections then show it."""
    await disconnection_in_doubt(rosie)
    await rosie.sees("We can't tell yet whether it is disconnected")
    assert await rosie.page.get_by_text("Nothing was changed").count() == 0
    rosie.broker.fake.faults.clear()
    await rosie.page.get_by_role("link", name="Your connections").click()
    await rosie.reads("Acme Leisure Centre", "Connected since 14 August 2025")


async def test_sellers_that_can_not_be_read(rosie: Rosie) -> None:
    """A seller's odd data costs no other seller its card, and a part of it not the rest."""
    await unreadable_sellers(rosie)
    await rosie.reads(
        "Acme Leisure Centre", "Part of what Acme Leisure Centre sent can't be read", "Disconnect"
    )
    await rosie.reads("Brook Street Pool", "Can't be shown")
    await rosie.reads("An unnamed seller", "Can't be shown")
    assert set(await rosie.cards()) >= {"Acme Leisure Centre", "Brook Street Pool", "An unnamed seller"}


@pytest.mark.parametrize(
    ("fault", "heading", "text"),
    [
        pytest.param(Drop(), "We can't reach imin", "try again in a few minutes", id="down"),
        pytest.param(Status(503), "imin has a problem just now", "try again", id="failing"),
        pytest.param(
            Status(429, retry_after=30),
            "Too many people are asking at once",
            "in 30 seconds",
            id="rate-limited",
        ),
    ],
)
async def test_imin_fails(rosie: Rosie, fault: Drop | Status, heading: str, text: str) -> None:
    """The page says honestly what is the matter, and when to try again."""
    rosie.broker.fake.faults.add(Rule(fault))
    await rosie.opens()
    await rosie.sees(heading)
    await rosie.page.get_by_text(text).wait_for()
    assert await rosie.cards() == []


async def test_imin_is_slow(rosie: Rosie) -> None:
    """An imin that does not answer costs the site's own time limit, not the browser's patience."""
    async with serve_broker(timeout=0.2) as broker:
        broker.fake.faults.add(Rule(Stall()))
        await rosie.opens(broker.site)
        await rosie.sees("imin is slow just now")
        assert await rosie.cards() == []


async def test_keyboard_alone(rosie: Rosie) -> None:
    """From the connections through the seller's page and back without a mouse; the focus always shows."""
    await rosie.opens()
    await rosie.tabs_to(rosie.page.get_by_role("button", name=LOG_IN))
    await rosie.page.keyboard.press("Enter")
    await rosie.sees("Log in to Brook Street Pool")
    await rosie.tabs_to(rosie.page.get_by_label("Yes, connect my account"))
    await rosie.tabs_to(rosie.page.get_by_role("button", name="Continue"))
    await rosie.page.keyboard.press("Enter")
    await rosie.is_told("Brook Street Pool is connected.")
    assert rosie.broker.is_connected(BROOK)


async def test_without_javascript(chromium: "Browser", broker: Broker) -> None:
    """Nothing on the way needs it."""
    async with await chromium.new_context(java_script_enabled=False) as profile:
        rosie = Rosie(await profile.new_page(), broker)
        await log_in(rosie)
        await rosie.presses("Continue")
        await rosie.is_told("Brook Street Pool is connected.")
        assert broker.is_connected(BROOK)
