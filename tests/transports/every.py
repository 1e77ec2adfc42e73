"""Every real transport, so that a suite runs over each."""

import importlib.util
from typing import Any

import pytest

from imin_accounts import transports
from imin_accounts.transports import Transport

needs_pyreqwest = pytest.mark.skipif(
    importlib.util.find_spec("pyreqwest") is None, reason="needs the extra [pyreqwest]"
)
EVERY_TRANSPORT = ["aiohttp", pytest.param("pyreqwest", marks=needs_pyreqwest)]
_CLASSES = {"aiohttp": "AiohttpTransport", "pyreqwest": "PyreqwestTransport"}


def make_transport(name: str, **options: Any) -> Any:
    """A new transport of the kind ``name``, to be closed by whoever made it."""
    made: Transport = getattr(transports, _CLASSES[name])(**options)
    return made
