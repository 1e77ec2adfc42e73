"""A broker's site, and something that opens its pages."""

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
    """Something that keeps cookies and follows nothing."""
    async with httpx.AsyncClient(base_url=broker.site) as browser:
        yield browser
