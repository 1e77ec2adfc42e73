"""The audit's page in a browser: without a fault that axe-core can find, no wider than a phone, alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from imin_accounts.cli._audit.files import write_report
from imin_accounts.cli._audit.page import FIRST_ROWS
from tests.browser.test_pages import LOOKS, SCREENSHOTS
from tests.cli.audit.report_page import HOSTILE, audit_of

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

pytestmark = pytest.mark.asyncio(loop_scope="session")

NAME = f"{HOSTILE} The Royal Borough of Kensington and Chelsea, https://id.example.com/organizers/1234567890"
LONGEST_PLACE = "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch"
A4 = 703
"""Pixels that a sheet of paper has between its margins."""

BROKEN_WORDS = """() => {
    const broken = [];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        for (const word of texts.currentNode.data.matchAll(/[\\p{L}\\p{N}]+/gu)) {
            const range = document.createRange();
            range.setStart(texts.currentNode, word.index);
            range.setEnd(texts.currentNode, word.index + word[0].length);
            const lines = new Set([...range.getClientRects()].map(each => Math.round(each.bottom)));
            if (lines.size > 1) broken.push(word[0]);
        }
    }
    return broken;
}"""
TOO_WIDE = """() => [...document.querySelectorAll("body *")]
    .filter(each => each.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
    .map(each => each.outerHTML.slice(0, 80))"""


@asynccontextmanager
async def opened(
    chromium: "Browser",
    folder: Path,
    width: int,
    scheme: Literal["light", "dark"] = "light",
    name: str = NAME,
) -> "AsyncIterator[Page]":
    """The page with long tables, opened as a file."""
    file = folder / "audit.html"
    write_report(file, audit_of(name=name, count=FIRST_ROWS + 10))
    async with await chromium.new_context(bypass_csp=True) as profile:  # it would keep axe-core out
        page = await profile.new_page()
        page.set_default_timeout(10_000)
        await page.set_viewport_size({"width": width, "height": 800})
        await page.emulate_media(color_scheme=scheme)
        await page.goto(file.as_uri())
        yield page


@pytest.mark.parametrize(("look", "width", "scheme"), LOOKS)
async def test_the_audits_page(
    chromium: "Browser", tmp_path: Path, look: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    """At a desk, on a phone and at night: accessible, nothing to scroll sideways for, no word broken."""
    axe = pytest.importorskip("axe_playwright_python.async_playwright").Axe()
    asked: list[str] = []
    async with opened(chromium, tmp_path, width, scheme) as page:
        page.on("request", lambda request: asked.append(request.url))
        await page.screenshot(path=SCREENSHOTS / f"audit_report-{look}.png")
        await page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        assert await page.evaluate(BROKEN_WORDS) == []
        found = await axe.run(page)
    assert found.violations_count == 0, found.generate_report()
    assert asked == []


async def test_from_a_figure_to_what_it_counts_and_back(chromium: "Browser", tmp_path: Path) -> None:
    """By its link; the section stands at the top then, and so do the figures."""
    async with opened(chromium, tmp_path, 1280) as page:
        await page.get_by_role("link", name="update errors").click()
        section = page.locator("#update_errors")
        assert await section.evaluate("each => Math.abs(each.getBoundingClientRect().top) < 20")
        await section.get_by_role("link", name="Back to the figures").click()
        assert await page.locator("#figures").evaluate("each => each.getBoundingClientRect().top > -1")


async def test_the_whole_table_is_a_click_away(chromium: "Browser", tmp_path: Path) -> None:
    """50 rows are seen, the others by unfolding, and all of them in the file that the page leads to."""
    async with opened(chromium, tmp_path, 1280) as page:
        section = page.locator("#expiring")
        rows = section.locator("tbody tr")
        assert [await rows.nth(at).is_visible() for at in (FIRST_ROWS - 1, FIRST_ROWS)] == [True, False]
        await section.get_by_text("Rows 51 to 60").click()
        assert await rows.nth(FIRST_ROWS + 9).is_visible()
        href = await section.locator("a[href$='.csv']").get_attribute("href")
    assert (tmp_path / str(href)).read_text(encoding="utf-8").count("https://id.example.com/organizers") >= 60


async def test_where_a_table_goes_on_it_is_shaded(chromium: "Browser", tmp_path: Path) -> None:
    """On a phone: at the right edge before, at the left edge after it was scrolled to its end."""
    async with opened(chromium, tmp_path, 375) as page:
        table = page.locator("#expiring .scroll").first
        assert await table.evaluate("each => each.scrollWidth > each.clientWidth")
        before = await table.screenshot()
        await table.evaluate("each => { each.scrollLeft = each.scrollWidth }")
        assert await table.evaluate("each => each.scrollLeft > 0")
        assert await table.screenshot() != before
        shades = await table.evaluate("each => getComputedStyle(each).backgroundAttachment")
    assert shades == "local, local, scroll, scroll"


WITHIN_THE_CHART = """all => all.every(each => {
    const [inner, outer] = [each, each.closest('.scroll')].map(it => it.getBoundingClientRect())
    return inner.left >= outer.left - 1 && inner.right <= outer.right + 1
})"""


async def test_a_name_that_is_wider_than_a_phone(chromium: "Browser", tmp_path: Path) -> None:
    """Stays one word: its chart and its tables can be moved, the page can't."""
    async with opened(chromium, tmp_path, 375, name=f"Canolfan {LONGEST_PLACE}") as page:
        await page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        assert await page.evaluate(BROKEN_WORDS) == []
        assert await page.evaluate("document.documentElement.scrollWidth") <= 375
        chart = page.locator(".scroll:has(> .rows)", has_text=LONGEST_PLACE).first
        assert await chart.evaluate("each => each.scrollWidth > each.clientWidth")
        await chart.screenshot(path=SCREENSHOTS / "audit_report-longest_name.png")
        for end in (0, 9999):  # its figures and bars stay where they are
            await chart.evaluate(f"each => {{ each.scrollLeft = {end} }}")
            assert await chart.locator(".figure, svg").evaluate_all(WITHIN_THE_CHART)


async def test_on_paper(chromium: "Browser", tmp_path: Path) -> None:
    """Nothing stands beyond the sheet's edge, no word is broken, nothing is there that paper can't do."""
    async with opened(chromium, tmp_path, A4, "dark") as page:
        await page.emulate_media(media="print")
        assert await page.evaluate(TOO_WIDE) == []
        assert await page.evaluate(BROKEN_WORDS) == []
        assert await page.locator(".back, details").evaluate_all("all => all.every(e => !e.offsetParent)")
        assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        await page.pdf(path=SCREENSHOTS / "audit_report.pdf", format="A4", print_background=True)
