"""When an example's session is open: before the first request, until after the last.

The test plays the server, so that it can ask just when an application says that it has started, or ended.
"""

import asyncio
from importlib import import_module
from typing import Any

import httpx
import pytest
from aiohttp import web

from imin_accounts import SessionStateError
from tests.examples.web_service import EXAMPLES, ROSIE, SECRET, ServedImin

pytestmark = pytest.mark.asyncio(loop_scope="module")
ASGI = [name for name in EXAMPLES if name != "aiohttp"]


class LifespanServer:
    """An ASGI server's part in the lifespan of an application."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._state: dict[str, Any] = {}
        self._next = asyncio.Queue[str]()
        self.answers: list[tuple[str, int]] = []

    async def run(self) -> None:
        """Start the application and end it. Asks for a page whenever it says that it has done so."""
        for event in ("lifespan.startup", "lifespan.shutdown"):
            self._next.put_nowait(event)
        await self._app({"type": "lifespan", "state": self._state}, self._receive, self._send)

    async def _receive(self) -> dict[str, str]:
        return {"type": await self._next.get()}

    async def _send(self, message: dict[str, str]) -> None:
        transport = httpx.ASGITransport(self._with_state)
        async with httpx.AsyncClient(
            base_url="http://localhost", cookies=ROSIE, transport=transport
        ) as browser:
            self.answers.append((message["type"], (await browser.get("/connections")).status_code))

    async def _with_state(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app({**scope, "state": {**self._state}}, receive, send)


@pytest.mark.parametrize("name", ASGI)
async def test_the_session_is_open_while_the_application_is(
    name: str, imin: ServedImin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As soon as it says that it has started it can ask imin; once it has ended its session is closed."""
    EXAMPLES[name].skip_if_missing()
    monkeypatch.setenv("IMIN_API_KEY", "test-key")
    monkeypatch.setenv("IMIN_BASE_URL", imin.base_url)
    monkeypatch.setenv("BROKER_SECRET", SECRET)
    module, _, app = EXAMPLES[name].app.partition(":")
    server = LifespanServer(getattr(import_module(module), app))
    await server.run()
    assert server.answers == [("lifespan.startup.complete", 200), ("lifespan.shutdown.complete", 500)]


async def test_the_session_of_aiohttp_is_open_from_setup_to_cleanup(
    imin: ServedImin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """aiohttp.web has a start and an end of its own, and the session keeps to them."""
    from examples.web.aiohttp_app import BROKER, application

    monkeypatch.setenv("IMIN_API_KEY", "test-key")
    monkeypatch.setenv("IMIN_BASE_URL", imin.base_url)
    monkeypatch.setenv("BROKER_SECRET", SECRET)
    app = application([])
    runner = web.AppRunner(app)
    await runner.setup()
    imin_session = app[BROKER].imin
    assert len(await imin_session.get_seller_accounts("rosie")) == 3
    await runner.cleanup()
    with pytest.raises(SessionStateError, match="closed"):
        await imin_session.get_seller_accounts("rosie")
