"""One emulated imin for a module, which forgets everything between tests."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.examples.web_service import ServedImin


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def emulator() -> AsyncIterator[ServedImin]:
    """It listens for as long as the module's tests run."""
    async with ServedImin() as imin:
        yield imin


@pytest.fixture
def imin(emulator: ServedImin) -> ServedImin:
    """It knows Rosie and nothing else, and does all as it should."""
    emulator.as_new()
    return emulator
