"""Runs tests on uvloop's event loop: ``python -m pytest -p tests.under_uvloop``."""

import asyncio

import pytest
import uvloop


def pytest_configure() -> None:
    """Every loop made from now on is uvloop's."""
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Check that no test has set another policy meanwhile."""
    assert isinstance(asyncio.get_event_loop_policy(), uvloop.EventLoopPolicy), item.nodeid
