"""Every page there is: without a fault that axe-core can find, and no wider than a phone."""

from collections.abc import Awaitable, Callable
from typing import Literal

import pytest

from tests.browser.broker import Rosie
from tests.browser.pages import PAGES
from tests.paths import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="session")

SCREENSHOTS = ROOT / "screenshots"
LOOKS: list[tuple[str, int, Literal["light", "dark"]]] = [
    ("desk", 1280, "light"),
    ("phone", 375, "light"),
    ("evening", 1280, "dark"),
    ("night", 375, "dark"),
    ("small", 320, "light"),
]


@pytest.mark.parametrize("open_page", PAGES, ids=lambda page: page.__name__.replace("_", "-"))
async def test_page(rosie: Rosie, open_page: Callable[[Rosie], Awaitable[None]]) -> None:
    """At a desk and on phones, by day and at night: accessible, and nothing to scroll sideways for."""
    axe = pytest.importorskip("axe_playwright_python.async_playwright").Axe()
    await open_page(rosie)
    await rosie.sees(open_page.__doc__ or "")
    if rosie.page.url.startswith(rosie.broker.site):  # Rosie has never heard of imin
        assert "imin" not in (await rosie.page.inner_text("body")).lower()
    for look, width, scheme in LOOKS:
        await rosie.page.set_viewport_size({"width": width, "height": 800})
        await rosie.page.emulate_media(color_scheme=scheme)
        picture = SCREENSHOTS / f"{open_page.__name__}-{look}.png"
        await rosie.page.screenshot(path=picture, full_page=True)
        assert await rosie.page.evaluate("document.documentElement.scrollWidth") <= width
        if look in ("desk", "night"):  # each of the colours and of the widths once
            found = await axe.run(rosie.page)
            assert found.violations_count == 0, found.generate_report()
