"""A broker's site, and an HTTP client in place of a browser."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.browser.broker import Broker, serve_broker


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    """A broker's site, and the imin behind it."""
    async with serve_broker() as broker:
        yield broker


@pytest.fixture
async def browser(broker: Broker) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client that keeps cookies and follows no redirect."""
    async with httpx.AsyncClient(base_url=broker.site) as browser:
        yield browser
