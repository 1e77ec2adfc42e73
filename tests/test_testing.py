"""The conformance kit passes good transports and tells what is wrong with bad ones."""

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

from imin_accounts.testing import check_transport
from imin_accounts.transports import AiohttpTransport, Transport

EXAMPLE = Path(__file__).parent.parent / "examples" / "httpx_transport.py"


def httpx_transport() -> Transport:
    made: Transport = runpy.run_path(str(EXAMPLE))["HttpxTransport"]()
    return made


@pytest.mark.parametrize("factory", [AiohttpTransport, httpx_transport])
async def test_a_good_transport_passes(factory: Callable[[], Transport]) -> None:
    """Our own transport and the example keep every promise."""
    await check_transport(factory)
