"""Every page there is: a function that opens it, whose docstring is the page's heading."""

from imin_accounts.fake import Drift, Drifted, Drop, Rule, Status, Undocumented, add_crowd
from tests.browser.broker import BROOK, DISCONNECT, JOIN, LOG_IN, NO, YES, YES_JOIN, Rosie

# --- The broker's pages ---------------------------------------------------------------------------


async def connections(rosie: Rosie) -> None:
    """Rosie's connections"""
    await rosie.opens()


async def connected(rosie: Rosie) -> None:
    """Rosie's connections"""
    await log_in(rosie)
    await rosie.presses(YES)
    await rosie.is_told("Brook Street Pool is connected.")


async def disconnected(rosie: Rosie) -> None:
    """Rosie's connections"""
    await question(rosie)
    await rosie.presses("Disconnect")
    await rosie.is_told("Disconnected from Acme Leisure Centre.")


async def question(rosie: Rosie) -> None:
    """Disconnect from Acme Leisure Centre?"""
    await rosie.opens()
    await rosie.presses(DISCONNECT)
    await rosie.sees("Disconnect from Acme Leisure Centre?")


async def declined(rosie: Rosie) -> None:
    """Rosie's connections"""
    await log_in(rosie)
    await rosie.presses(NO)
    await rosie.is_told("Brook Street Pool was not connected.")


async def many_sellers(rosie: Rosie) -> None:
    """Rosie's connections"""
    add_crowd(rosie.broker.fake, sellers=12)
    rosie.broker.fake.add_seller(
        "https://sellers.example.com/long", name="Very " * 12 + "Long Leisure Centre"
    )
    rosie.broker.fake.connect("rosie", "https://sellers.example.com/3", access_pass="9" * 48)
    await rosie.opens()


async def unreadable_sellers(rosie: Rosie) -> None:
    """Rosie's connections"""
    rosie.broker.fake.faults.add(Rule(Drifted(Drift.BAD_VALUES)))
    await rosie.opens()


async def no_sellers(rosie: Rosie) -> None:
    """Rosie's connections"""
    rosie.broker.fake.reset()
    rosie.broker.fake.add_customer("rosie")
    await rosie.opens()


async def disconnection_in_doubt(rosie: Rosie) -> None:
    """We can't tell yet whether it is disconnected"""
    await question(rosie)
    rosie.broker.fake.faults.add(
        Rule(Drop(), endpoint="delete_seller_account"), Rule(Status(503), endpoint="get_seller_accounts")
    )
    await rosie.presses("Disconnect")


async def rate_limited(rosie: Rosie) -> None:
    """Too many people are asking at once"""
    rosie.broker.fake.faults.add(Rule(Status(429, retry_after=30)))
    await rosie.opens()


async def return_of_somebody_else(rosie: Rosie) -> None:
    """This link is not for this browser"""
    await rosie.opens("/return?token=guess")


async def outdated_form(rosie: Rosie) -> None:
    """This page is out of date"""
    await rosie.opens()
    await rosie.page.context.clear_cookies()
    await rosie.presses(LOG_IN)


async def nowhere(rosie: Rosie) -> None:
    """There is no such page"""
    await rosie.opens("/nowhere")


# --- The seller's pages ---------------------------------------------------------------------------


async def log_in(rosie: Rosie) -> None:
    """Log in to Brook Street Pool"""
    await rosie.opens()
    await rosie.presses(LOG_IN)
    await rosie.sees("Log in to Brook Street Pool")


async def join(rosie: Rosie) -> None:
    """Join Castle Climbing"""
    await rosie.opens()
    await rosie.presses(JOIN)


async def wrong_password(rosie: Rosie) -> None:
    """Log in to Brook Street Pool"""
    await log_in(rosie)
    await rosie.page.get_by_label("Password").fill("guess")
    await rosie.presses(YES)
    await rosie.is_told("password is wrong", role="alert")


async def member_already(rosie: Rosie) -> None:
    """Join Brook Street Pool"""
    await rosie.opens()
    await rosie.presses("Create another account (Brook Street Pool)")
    await rosie.presses(YES_JOIN)
    await rosie.is_told("There is an account under this email address already", role="alert")


async def declined_for_good(rosie: Rosie) -> None:
    """Not connected"""
    rosie.broker.fake.undocumented = Undocumented(decline_returns=False)
    await log_in(rosie)
    await rosie.presses(NO)


async def forged_link(rosie: Rosie) -> None:
    """This link is not valid"""
    await rosie.opens(rosie.broker.imin + "/auth/connect-account?jwt=guess")


async def expired_link(rosie: Rosie) -> None:
    """This link has expired"""
    link = await rosie.link(BROOK)
    rosie.broker.fake.advance(601)
    await rosie.opens(link)


async def used_link(rosie: Rosie) -> None:
    """This link has been used"""
    link = await rosie.link(BROOK)
    await rosie.opens(link)
    await rosie.opens(link)


PAGES = [
    connections,
    connected,
    declined,
    question,
    disconnected,
    many_sellers,
    unreadable_sellers,
    no_sellers,
    disconnection_in_doubt,
    rate_limited,
    return_of_somebody_else,
    outdated_form,
    nowhere,
    log_in,
    join,
    wrong_password,
    member_already,
    declined_for_good,
    forged_link,
    expired_link,
    used_link,
]
