"""A connect link reaches the browser byte for byte, whatever a framework would make of it."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any

import httpx
import pytest
from aiohttp import web

from examples.web.broker import Broker
from imin_accounts import AccountsSession
from imin_accounts.fake import FakeImin, add_rosie
from imin_accounts.transports import Request, Response
from tests.examples.web_service import EXAMPLES, ROSIE, SECRET
from tests.ports import free_port

LINK = "https://book.imin.co/auth/connect-account?jwt=a%7Eb%2fc%2B!'=="
"""It means the same in other spellings, so a library may well choose one of those."""
BROOK = "https://id.bookingsystem.example.com/organizers/2"


class OddLinks:
    """An emulated imin, but every link is ``LINK``."""

    def __init__(self) -> None:
        self._imin = FakeImin()
        add_rosie(self._imin)

    async def send(self, request: Request, *, timeout: float) -> Response:
        reply = await self._imin.send(request, timeout=timeout)
        body = re.sub(rb'https:[^"]*\?jwt=[^"]*', LINK.encode(), reply.body)
        return Response(status=reply.status, headers=reply.headers, body=body)


@asynccontextmanager
async def browsing(name: str, broker: Broker) -> AsyncIterator[httpx.AsyncClient]:
    """A browser of an example that has this broker instead of its own; Rosie is logged in."""
    module, _, attribute = EXAMPLES[name].app.partition(":")
    example = import_module(module)
    if name == "aiohttp":
        async with (
            _aiohttp(example, broker) as base_url,
            httpx.AsyncClient(base_url=base_url, cookies=ROSIE, timeout=60) as browser,
        ):
            yield browser
        return
    app: Any = getattr(example, attribute)
    if name == "litestar":
        app.state.broker = broker

    async def with_state(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "state": {"broker": broker}}, receive, send)

    transport = httpx.ASGITransport(with_state)
    async with httpx.AsyncClient(base_url="http://localhost", cookies=ROSIE, transport=transport) as browser:
        yield browser


@asynccontextmanager
async def _aiohttp(example: Any, broker: Broker) -> AsyncIterator[str]:
    app = web.Application()
    app[example.BROKER] = broker
    app.router.add_post("/connections/connect", example.connect)
    runner, port = web.AppRunner(app), free_port()
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield f"http://127.0.0.1:{port}"
    await runner.cleanup()


@pytest.mark.parametrize("name", EXAMPLES)
async def test_a_link_goes_out_as_it_came(name: str) -> None:
    """The Location is imin's own text: nobody decodes it, encodes it or quotes it anew."""
    EXAMPLES[name].skip_if_missing()
    session = AccountsSession("test-key", transport=OddLinks())
    broker = Broker(session, origin="http://localhost", secret=SECRET)
    async with session, browsing(name, broker) as browser:
        click = await browser.post("/connections/connect", data={"seller": BROOK})
    assert (click.status_code, click.headers["location"]) == (303, LINK)
