"""The emulator's own page in a browser: without a fault that axe-core can find, no wider than a phone."""

from typing import TYPE_CHECKING, Literal

import pytest

from imin_accounts.fake import FakeImin, Rule, Status, add_people, add_rosie
from tests.browser.test_pages import LOOKS, SCREENSHOTS
from tests.fake.requests import ask, with_rosie

if TYPE_CHECKING:
    from playwright.async_api import Browser

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def town() -> FakeImin:
    """Rosie and a town, a fault in force, and requests with every kind of end."""
    fake = FakeImin(seed=1)
    add_rosie(fake)
    add_people(fake, sellers=9, customers=70)
    fake.faults.add(Rule(Status(503, retry_after=2), nth=3))
    return fake


@pytest.mark.parametrize(("look", "width", "scheme"), LOOKS)
async def test_the_emulators_page(
    chromium: "Browser", town: FakeImin, look: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    """At a desk, on a phone and at night: accessible, nothing to scroll sideways for, nothing fetched."""
    axe = pytest.importorskip("axe_playwright_python.async_playwright").Axe()
    for customer in ("rosie", "nobody", "customer-1", "very-long-identifier-" * 9):
        await ask(town, customer=customer)
    asked: list[str] = []
    async with town.serve() as base, await chromium.new_context(bypass_csp=True) as profile:
        page = await profile.new_page()
        await page.set_viewport_size({"width": width, "height": 800})
        await page.emulate_media(color_scheme=scheme)
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(f"{base}/?customer=customer-3")
        await page.screenshot(path=SCREENSHOTS / f"emulator-{look}.png", full_page=True)
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        found = await axe.run(page)
        assert found.violations_count == 0, found.generate_report()
        assert asked == [f"{base}/?customer=customer-3"]
        await page.get_by_role("link", name="Log in to").first.click()
        await page.get_by_role("heading", level=1, name="Log in to").wait_for()


@pytest.mark.parametrize("width", [1280, 375, 320])
async def test_an_empty_emulators_page(chromium: "Browser", width: int) -> None:
    """What there is not is said in a line as wide as the page's, not word by word in a column."""
    async with FakeImin().serve() as base, await chromium.new_context() as profile:
        page = await profile.new_page()
        await page.set_viewport_size({"width": width, "height": 800})
        await page.goto(base)
        await page.screenshot(path=SCREENSHOTS / f"emulator-empty-{width}.png", full_page=True)
        for nothing in ("Nothing was asked yet.", "There are no customers here."):
            box = await page.get_by_text(nothing).bounding_box()
            assert box is not None
            assert box["height"] < 30


async def test_a_page_keeps_its_own_policy(chromium: "Browser") -> None:
    """The console of the browser says nothing, on the emulator's page and on a seller's."""
    said: list[str] = []
    async with with_rosie().serve() as base, await chromium.new_context() as profile:
        page = await profile.new_page()
        page.on("console", lambda message: said.append(message.text))
        await page.goto(base)
        await page.get_by_role("link", name="Log in to").first.click()
        await page.get_by_role("heading", level=1, name="Log in to").wait_for()
        await page.wait_for_function("document.readyState === 'complete'")
    assert said == []
