"""The FastAPI example in a browser: its forms count as its own, and a login outlives the way to a seller."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from imin_accounts.fake import Rule, Status
from tests.browser.broker import YES
from tests.browser.test_pages import SCREENSHOTS
from tests.examples.web_service import EXAMPLES, ServedImin, serve_example

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def imin() -> AsyncIterator[ServedImin]:
    """The emulated imin, which knows Rosie."""
    async with ServedImin() as imin:
        imin.as_new()
        yield imin


@pytest_asyncio.fixture(loop_scope="session")
async def page(chromium: "Browser", imin: ServedImin) -> "AsyncIterator[Page]":
    """A browser at the connections of the FastAPI example; nobody is logged in."""
    async with serve_example(EXAMPLES["fastapi"], imin) as service, await chromium.new_context() as profile:
        page = await profile.new_page()
        page.set_default_timeout(20_000)
        await page.goto(f"{service.http.base_url}/connections")
        yield page


async def sees(page: "Page", heading: str) -> None:
    """Find a page's heading, and nothing on it that axe-core objects to, nor wider than a phone."""
    await page.get_by_role("heading", level=1, name=heading, exact=True).wait_for()
    axe = pytest.importorskip("axe_playwright_python.async_playwright").Axe()
    await page.set_viewport_size({"width": 375, "height": 800})
    await page.screenshot(path=SCREENSHOTS / f"example-{heading.strip('?').replace(' ', '_')}.png")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 375
    found = await axe.run(page)
    assert found.violations_count == 0, found.generate_report()


async def test_there_and_back_and_away(page: "Page", imin: ServedImin) -> None:
    """Log in, connect the pool, come back, disconnect it: every page is fit to be shown."""
    await sees(page, "Log in to see")
    await page.get_by_role("button", name="Log in").click()
    await sees(page, "Your connections")
    await page.get_by_role("button", name="Log in and connect Brook Street Pool").click()
    await page.get_by_role("button", name=YES).click()
    await sees(page, "Brook Street Pool is connected")
    await page.get_by_role("link", name="Your connections").click()
    await page.get_by_role("button", name="Disconnect Brook Street Pool").click()
    await sees(page, "Disconnect from Brook Street Pool?")
    await page.get_by_role("button", name="Disconnect").click()
    await sees(page, "Disconnected")
    assert [seller[-1] for _, seller in imin.fake.population.connections] == ["1"]


async def test_trouble_has_a_page_too(page: "Page", imin: ServedImin) -> None:
    """What goes wrong is said in a page, not in JSON."""
    await page.get_by_role("button", name="Log in").click()
    await sees(page, "Your connections")
    imin.fake.faults.add(Rule(Status(500)))
    await page.reload()
    await sees(page, "This did not work")


async def test_a_browser_that_lost_its_login(page: "Page", imin: ServedImin) -> None:
    """She agrees at the seller, has to log in anew, and sees what came of it."""
    await page.get_by_role("button", name="Log in").click()
    await page.get_by_role("button", name="Log in and connect Brook Street Pool").click()
    await page.get_by_role("button", name=YES).wait_for()
    await page.context.clear_cookies()
    await page.get_by_role("button", name=YES).click()
    await sees(page, "Log in to see")
    await page.get_by_role("button", name="Log in").click()
    await sees(page, "Brook Street Pool is connected")


async def test_a_failed_look_on_the_way_back(page: "Page", imin: ServedImin) -> None:
    """She has agreed: she is not told that nothing was changed."""
    await page.get_by_role("button", name="Log in").click()
    await page.get_by_role("button", name="Log in and connect Brook Street Pool").click()
    await page.get_by_role("button", name=YES).wait_for()
    imin.fake.faults.add(Rule(Status(401)))
    await page.get_by_role("button", name=YES).click()
    await sees(page, "Not yet")
