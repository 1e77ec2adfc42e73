"""One emulated imin for a module, forgetful between tests."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.examples.served import Imin


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def emulator() -> AsyncIterator[Imin]:
    """It listens for as long as the module's tests run."""
    async with Imin() as imin:
        yield imin


@pytest.fixture
def imin(emulator: Imin) -> Imin:
    """It knows Rosie and nothing else, and does all as it should."""
    emulator.as_new()
    return emulator
