"""One browser for all tests here, a new profile of it for each; skipped where there is none."""

import shutil
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.browser.broker import Broker, Rosie, serve_broker

if TYPE_CHECKING:
    from playwright.async_api import Browser

# A test needs no network, and a container no sandbox of the browser's own.
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> "AsyncIterator[Browser]":
    """The system's chromium, headless."""
    playwright = pytest.importorskip("playwright.async_api", reason="the browser's tests need playwright")
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium on the PATH")
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=program, args=SWITCHES)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def broker() -> AsyncIterator[Broker]:
    """A broker's site, and the imin behind it."""
    async with serve_broker() as broker:
        yield broker


@pytest_asyncio.fixture(loop_scope="session")
async def rosie(chromium: "Browser", broker: Broker) -> AsyncIterator[Rosie]:
    """Rosie, whose browser has been nowhere yet."""
    async with await chromium.new_context() as profile:
        profile.set_default_timeout(10_000)
        yield Rosie(await profile.new_page(), broker)
