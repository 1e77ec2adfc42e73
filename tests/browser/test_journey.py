"""Rosie's journey: what she does, what she is told, and what is true."""

from typing import TYPE_CHECKING

import pytest

from imin_accounts.fake import Drop, Rule, Stall, Status
from tests.browser import pages
from tests.browser.broker import (
    ACME,
    BROOK,
    CASTLE,
    DISCONNECT,
    JOIN,
    LOG_IN,
    NO,
    NOW,
    YES,
    YES_JOIN,
    Broker,
    Rosie,
    serve_broker,
)
from tests.browser.pages import disconnection_in_doubt, log_in, question, unreadable_sellers

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
    await rosie.presses(YES)
    await rosie.is_told("Brook Street Pool is connected.")
    await rosie.reads("Brook Street Pool", "Connected since 2 March 2026", "Access pass")
    assert rosie.broker.is_connected(BROOK)


async def test_connecting_by_joining(rosie: Rosie) -> None:
    """An account is made with the seller, and connected."""
    await rosie.opens()
    await rosie.presses(JOIN)
    await rosie.sees("Join Castle Climbing")
    await rosie.page.get_by_label("Choose a password").fill("new and long")
    await rosie.presses(YES_JOIN)
    await rosie.is_told("Castle Climbing is connected.")
    assert rosie.broker.fake.population.password(CASTLE, "rosie@example.com") == "new and long"


async def test_declining(rosie: Rosie) -> None:
    """Back at the broker, which says that nothing was connected."""
    await log_in(rosie)
    await rosie.presses(NO)
    await rosie.is_told("Brook Street Pool was not connected.")
    assert not rosie.broker.is_connected(BROOK)


async def test_mistyping_the_password(rosie: Rosie) -> None:
    """The form comes back with the reason and what was typed; the right password then connects."""
    await log_in(rosie)
    rosie.broker.fake.add_member(BROOK, "rosie@work.example", password="other")
    await rosie.page.get_by_label("Email address").fill("rosie@work.example")
    await rosie.presses(YES)
    await rosie.is_told("The email address or the password is wrong.", role="alert")
    assert await rosie.page.get_by_label("Email address").input_value() == "rosie@work.example"
    await rosie.page.get_by_label("Password").fill("other")
    await rosie.presses(YES)
    await rosie.is_told("Brook Street Pool is connected.")


async def test_going_back_after_mistyping_the_password(rosie: Rosie) -> None:
    """The seller's page says that the link was used, and not that something must be sent again."""
    await pages.wrong_password(rosie)
    await rosie.page.get_by_label("Password").fill("password")
    await rosie.presses(YES)
    await rosie.is_told("Brook Street Pool is connected.")
    await rosie.page.go_back()
    await rosie.sees("This link has been used")


async def test_nothing_is_filled_in_after_mistyping_the_password(rosie: Rosie) -> None:
    """Nor where one is to be chosen; without one nobody joins."""
    await pages.wrong_password(rosie)
    assert await rosie.page.get_by_label("Password").input_value() == ""
    await pages.join(rosie)
    assert await rosie.page.get_by_label("Choose a password").input_value() == ""
    await rosie.presses(YES_JOIN)
    await rosie.is_told("Please choose a password.", role="alert")
    assert not rosie.broker.is_connected(CASTLE)


@pytest.mark.parametrize("field", ["Email address", "Password"])
async def test_enter_chooses_nothing(rosie: Rosie, field: str) -> None:
    """Consent is a button's, which is pressed or not; Enter in a field presses none."""
    await log_in(rosie)
    sent: list[str] = []
    rosie.page.on("request", lambda request: sent.append(request.url))
    await rosie.page.get_by_label(field).press("Enter")
    await rosie.page.evaluate("new Promise(requestAnimationFrame)")
    assert (sent, rosie.broker.is_connected(BROOK)) == ([], False)


async def test_expired_page(rosie: Rosie) -> None:
    """A form left open for too long ends clearly, and connects nothing."""
    await log_in(rosie)
    rosie.broker.fake.advance(601)
    await rosie.presses(YES)
    await rosie.sees("This link has expired")
    assert not rosie.broker.is_connected(BROOK)


async def test_sending_a_form_again(rosie: Rosie) -> None:
    """Back to the seller's form after connecting, and once more through it: used, and nothing happens."""
    await log_in(rosie)
    form = rosie.page.url
    await rosie.presses(YES)
    await rosie.is_told("Brook Street Pool is connected.")
    rosie.broker.fake.disconnect("rosie", BROOK)
    await rosie.opens(form)
    await rosie.sees("This link has been used")
    assert not rosie.broker.is_connected(BROOK)


async def test_return_link_of_somebody_else(rosie: Rosie, chromium: "Browser") -> None:
    """The way back that was made for one browser is refused to another, which learns nothing from it."""
    await log_in(rosie)
    await rosie.presses(YES)
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
    await rosie.presses(YES)
    await rosie.is_told("Brook Street Pool is connected.")
    rosie.broker.fake.disconnect("rosie", BROOK)
    await rosie.page.reload()
    await rosie.is_told("Brook Street Pool was not connected.")
    assert not rosie.broker.is_connected(BROOK)


async def test_disconnecting(rosie: Rosie) -> None:
    """The connection is gone, the account with the seller stays."""
    await question(rosie)
    await rosie.presses("Disconnect")
    await rosie.is_told("Disconnected from Acme Leisure Centre. Your account there is still yours.")
    await rosie.reads("Acme Leisure Centre", "Not connected", "You have an account here")
    assert not rosie.broker.is_connected(ACME)


async def test_disconnecting_asks_first(rosie: Rosie) -> None:
    """What will be lost is named; whoever keeps it loses nothing."""
    await question(rosie)
    for lost in ("9826000123456", "MEM-20-4417", "City resident", "Swim club member", "Student"):
        await rosie.page.get_by_role("listitem").filter(has_text=lost).wait_for()
    await rosie.page.get_by_text("Your account with Acme Leisure Centre stays as it is.").wait_for()
    assert rosie.broker.is_connected(ACME)
    await rosie.page.get_by_role("link", name="Keep it connected").click()
    await rosie.reads("Acme Leisure Centre", "Connected since 14 August 2025")
    assert rosie.broker.is_connected(ACME)


async def test_reconnecting_brings_back_what_was_there(rosie: Rosie) -> None:
    """The seller still has the passes and discounts of the account; only the date is new."""
    await question(rosie)
    await rosie.presses("Disconnect")
    await rosie.presses("Log in and connect (Acme Leisure Centre)")
    await rosie.presses(YES)
    await rosie.is_told("Acme Leisure Centre is connected.")
    await rosie.reads("Acme Leisure Centre", "Connected since 2 March 2026", "9826000123456", "MEM-20-4417")
    await rosie.reads("Acme Leisure Centre", "City resident", "Swim club member", "Send your proof")


async def test_every_access_pass_is_shown(rosie: Rosie) -> None:
    """As text, and as imin's picture where there is one, which is described for whoever can't see it."""
    await rosie.opens()
    await rosie.reads("Acme Leisure Centre", "9826000123456", "MEM-20-4417")
    picture = rosie.card("Acme Leisure Centre").get_by_role("img", name="Code of access pass 9826000123456")
    assert await picture.evaluate("picture => picture.complete && picture.naturalWidth > 0")


async def test_the_seller_names_the_broker(rosie: Rosie) -> None:
    """And not the address of a machine; nothing is chosen before Rosie chooses."""
    await log_in(rosie)
    await rosie.page.get_by_text("Example Broker asks to be connected").wait_for()
    text = await rosie.page.inner_text("body")
    assert "127.0.0.1" not in text
    assert await rosie.page.locator("input:checked, [aria-pressed], select").count() == 0
    assert await rosie.page.get_by_role("button").all_inner_texts() == [YES, NO]


NOTICES = {
    "connected": "Brook Street Pool is connected.",
    "declined": "Brook Street Pool was not connected.",
    "disconnected": "Disconnected from Acme Leisure Centre.",
}


async def test_notices_differ_in_look(rosie: Rosie) -> None:
    """In colour, and for those who see no colours in their sign."""
    looks = set()
    for page, text in NOTICES.items():
        await getattr(pages, page)(rosie)
        notice = rosie.page.get_by_role("status").filter(has_text=text)
        colours = await notice.evaluate("e => getComputedStyle(e).color + getComputedStyle(e).background")
        looks.add((colours, await notice.locator("path").get_attribute("d")))
        await rosie.page.context.clear_cookies()
        rosie.broker.fake.disconnect("rosie", BROOK)
    assert len({colours for colours, _ in looks}) == len({sign for _, sign in looks}) == 3


async def test_pills_do_not_wrap(rosie: Rosie) -> None:
    """On the narrowest phone each state stands on one line, within its card, with the longest date too."""
    rosie.broker.fake.connect("rosie", ACME, date_linked=NOW.replace(year=2025, month=9, day=30))
    await rosie.page.set_viewport_size({"width": 320, "height": 800})
    await rosie.opens()
    for pill in await rosie.page.locator(".state").all():
        height, line = await pill.evaluate(
            "e => [e.clientHeight, parseFloat(getComputedStyle(e).lineHeight) * 1.5]"
        )
        assert height < line
        assert await pill.evaluate("e => e.scrollWidth <= e.clientWidth"), "its text leaves it"


async def test_the_broker_and_its_customer_stand_apart(rosie: Rosie) -> None:
    """On the narrowest phone too, where both are in the header."""
    await rosie.page.set_viewport_size({"width": 320, "height": 800})
    await rosie.opens()
    header = rosie.page.get_by_role("banner")
    name, who = [await header.locator(each).bounding_box() for each in ("a", "span")]
    assert name is not None
    assert who is not None
    assert who["x"] - name["x"] - name["width"] > 8 or who["y"] >= name["y"] + name["height"]


async def test_disconnecting_with_the_answer_lost(rosie: Rosie) -> None:
    """Rosie is told so, and that a second look has settled it."""
    await question(rosie)
    rosie.broker.fake.faults.add(Rule(Drop(processed=True), endpoint="delete_seller_account"))
    await rosie.presses("Disconnect")
    await rosie.is_told("The answer was lost on the way, so we looked again: it is done.")
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
        pytest.param(
            Drop(), "We can't see your connections just now", "try again in a few minutes", id="down"
        ),
        pytest.param(Status(503), "Something is broken just now", "try again", id="failing"),
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
        await rosie.sees("This takes too long just now")
        assert await rosie.cards() == []


async def test_keyboard_alone(rosie: Rosie) -> None:
    """From the connections through the seller's page and back without a mouse; the focus always shows."""
    await rosie.opens()
    await rosie.tabs_to(rosie.page.get_by_role("button", name=LOG_IN))
    await rosie.page.keyboard.press("Enter")
    await rosie.sees("Log in to Brook Street Pool")
    await rosie.tabs_to(rosie.page.get_by_role("button", name=NO))
    await rosie.page.keyboard.press("Shift+Tab")
    await rosie.page.keyboard.press("Enter")
    await rosie.is_told("Brook Street Pool is connected.")
    assert rosie.broker.is_connected(BROOK)


async def test_disconnecting_with_the_keyboard_alone(rosie: Rosie) -> None:
    """To the question and through it, past the way out."""
    await rosie.opens()
    await rosie.tabs_to(rosie.page.get_by_role("button", name=DISCONNECT))
    await rosie.page.keyboard.press("Enter")
    await rosie.sees("Disconnect from Acme Leisure Centre?")
    await rosie.tabs_to(rosie.page.get_by_role("button", name="Disconnect"))
    await rosie.page.keyboard.press("Enter")
    await rosie.is_told("Disconnected from Acme Leisure Centre.")
    assert not rosie.broker.is_connected(ACME)


@pytest.mark.parametrize("fault", [Drop(), Status(503), Stall()], ids=["down", "failing", "slow"])
async def test_coming_back_while_imin_is_not_well(rosie: Rosie, fault: Drop | Status | Stall) -> None:
    """Nothing is claimed: neither that it worked nor that it did not; later the same link tells."""
    async with serve_broker(timeout=1) as broker:
        rosie = Rosie(rosie.page, broker)
        await log_in(rosie)
        broker.fake.faults.add(Rule(fault, endpoint="get_seller_accounts"))
        await rosie.presses(YES)
        await rosie.is_told("We can't tell yet whether you are connected.")
        broker.fake.faults.clear()
        await rosie.page.reload()
        await rosie.is_told("Brook Street Pool is connected.")


async def test_without_javascript(chromium: "Browser", broker: Broker) -> None:
    """Nothing on the way needs it."""
    async with await chromium.new_context(java_script_enabled=False) as profile:
        rosie = Rosie(await profile.new_page(), broker)
        await log_in(rosie)
        await rosie.presses(YES)
        await rosie.is_told("Brook Street Pool is connected.")
        assert broker.is_connected(BROOK)
