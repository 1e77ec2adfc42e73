"""A broker's site on an emulated imin, and Rosie, who uses it in a browser."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import attrs

from imin_accounts import AccountsSession, RetryPolicy, UnconnectedAccount
from imin_accounts.cli._site.app import broker_site
from imin_accounts.cli._site.demo import add_rosie_of_today
from imin_accounts.fake import FakeImin

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
API_KEY = "key-of-the-broker"
SELLERS = "https://id.bookingsystem.example.com/organizers/"
ACME, BROOK, CASTLE = (SELLERS + number for number in "123")

LOG_IN = "Log in and connect (Brook Street Pool)"
JOIN = "Create an account (Castle Climbing)"
DISCONNECT = "Disconnect (Acme Leisure Centre)"
YES, YES_JOIN = "Yes, log in and connect", "Yes, join and connect"
NO = "No, don't connect"


@attrs.frozen
class Broker:
    """A broker's site, and the imin behind it."""

    fake: FakeImin
    imin: str
    site: str

    def is_connected(self, seller: str) -> bool:
        """Whether Rosie is connected in truth, whatever a page says."""
        return ("rosie", seller) in self.fake.population.connections


@asynccontextmanager
async def serve_broker(*, timeout: float = 20.0) -> AsyncIterator[Broker]:
    """Serve both. Rosie is connected with Acme, known to Brook Street Pool, unknown to Castle Climbing.

    Args:
        timeout: Seconds that the site gives imin for one call.
    """
    fake = FakeImin(API_KEY, clock=lambda: NOW, seed=1)
    retry = RetryPolicy(attempts=2, base=0.001, throttled_base=0.001)
    async with fake.serve() as imin:
        session = AccountsSession(API_KEY, base_url=imin, timeout=timeout, retry=retry)
        rosie: dict[str, Any] = {"customer": "rosie", "name": "Rosie", "patience": 0.5}
        async with broker_site(session, now=lambda: NOW, **rosie) as site:
            add_rosie_of_today(fake, NOW, picture=f"{site}/static/access-pass.svg")
            yield Broker(fake, imin, site)


@attrs.frozen
class Rosie:
    """A person with a browser. Everything she looks for is waited for."""

    page: "Page"
    broker: Broker

    async def opens(self, address: str = "/") -> None:
        """Go to an address: a path is one of the broker's site."""
        await self.page.goto(address if "://" in address else self.broker.site + address)

    async def presses(self, button: str) -> None:
        """Click a button."""
        await self.page.get_by_role("button", name=button, exact=True).click()

    async def sees(self, heading: str) -> None:
        """Find a page's heading."""
        await self.page.get_by_role("heading", level=1, name=heading, exact=True).wait_for()

    async def is_told(self, text: str, role: str = "status") -> None:
        """Find a notice, or an alert."""
        await self.page.locator(f"[role={role}]", has_text=text).wait_for()

    async def reads(self, seller: str, *texts: str) -> None:
        """Find texts on a seller's card."""
        for text in texts:
            await self.card(seller).get_by_text(text).wait_for()

    async def cards(self) -> list[str]:
        """The sellers that have a card on the page, in order."""
        headings = self.page.get_by_role("listitem").get_by_role("heading", level=2)
        return await headings.all_inner_texts()

    def card(self, seller: str) -> "Locator":
        """The card of one seller."""
        named = self.page.get_by_role("heading", level=2, name=seller, exact=True)
        return self.page.get_by_role("listitem").filter(has=named)

    async def tabs_to(self, target: "Locator") -> None:
        """Press Tab until the focus is there; it must be seen at every stop."""
        for _ in range(30):
            await self.page.keyboard.press("Tab")
            assert await self.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
            if await target.evaluate("element => element === document.activeElement"):
                return
        raise AssertionError("the keyboard does not get there")

    async def link(self, seller: str = BROOK) -> str:
        """A connect link as imin gives it to the broker, to be opened later than it should be."""
        async with AccountsSession(API_KEY, base_url=self.broker.imin) as imin:
            accounts = await imin.get_seller_accounts("rosie", redirect_uri=self.broker.site + "/return")
        account = accounts.for_seller(seller)
        assert isinstance(account, UnconnectedAccount)
        return str(account.register_url)
