"""A broker's webhook over HTTP, which answers as it is told to."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import attrs
from aiohttp import web


@attrs.frozen
class Posted:
    """A request that came in."""

    method: str
    headers: Mapping[str, str]
    body: bytes


class WebhookReceiver:
    """Takes every POST.

    Args:
        statuses: What to answer, one after the other; 204 once they are used up; 0 for never.

    Attributes:
        url: Where it is, while it is served.
        posted: What came in, in order.
    """

    def __init__(self, *statuses: int) -> None:
        self._statuses = list(statuses)
        self.url = ""
        self.posted: asyncio.Queue[Posted] = asyncio.Queue()

    async def take(self, request: web.Request) -> web.Response:
        """Answer a request."""
        self.posted.put_nowait(Posted(request.method, request.headers, await request.read()))
        status = self._statuses.pop(0) if self._statuses else 204
        if status == 0:
            await asyncio.Event().wait()
        return web.Response(status=status, headers={"Location": self.url} if status == 307 else {})

    @asynccontextmanager
    async def serve(self) -> AsyncIterator["WebhookReceiver"]:
        """Serve until the block ends."""
        app = web.Application()
        app.router.add_route("*", "/hook", self.take)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
            yield self
        finally:
            await runner.cleanup()
