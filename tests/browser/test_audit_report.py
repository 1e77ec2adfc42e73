"""The audit's page in a browser: without a fault that axe-core can find, no wider than a phone, alone."""

from typing import TYPE_CHECKING, Literal

import pytest

from tests.browser.test_pages import LOOKS, SCREENSHOTS
from tests.cli.audit.report_page import HOSTILE, page_of

if TYPE_CHECKING:
    from playwright.async_api import Browser

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize(("look", "width", "scheme"), LOOKS)
async def test_the_audits_page(
    chromium: "Browser", look: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    """At a desk, on a phone and at night: accessible, nothing to scroll sideways for, nothing fetched."""
    axe = pytest.importorskip("axe_playwright_python.async_playwright").Axe()
    asked: list[str] = []
    async with await chromium.new_context(bypass_csp=True) as profile:  # it would keep axe-core out
        page = await profile.new_page()
        await page.set_viewport_size({"width": width, "height": 800})
        await page.emulate_media(color_scheme=scheme)
        page.on("request", lambda request: asked.append(request.url))
        await page.set_content(page_of(name=f"{HOSTILE} {'very ' * 20}long name", count=20))
        await page.screenshot(path=SCREENSHOTS / f"audit_report-{look}.png")
        await page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        found = await axe.run(page)
    assert found.violations_count == 0, found.generate_report()
    assert asked == []
