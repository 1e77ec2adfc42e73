"""``FakeImin``: the emulated service as a Transport, and the door to serving it over HTTP."""

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Literal

from imin_accounts.errors import TransportError
from imin_accounts.fake._api import is_web_address
from imin_accounts.fake._notifications import Notify
from imin_accounts.fake._service import Service
from imin_accounts.transports.base import Request, Response

__all__ = ["FakeImin"]


class FakeImin(Service):
    """A stateful imin in memory: a Transport for tests, which can serve itself over HTTP too.

    The same calls give the same replies both ways. It may be shared by sessions, event loops and
    threads; making one does no I/O.

    Args:
        api_key: The key that ``X-Api-Key`` must carry.
        clock: Returns the present as an aware ``datetime``; the real time if not given.
        seed: Makes every reply reproducible. Without one, links are unguessable.
        sleep: Waits some seconds, for late replies; ``asyncio.sleep`` if not given.
        undocumented: How to behave where imin's pages don't say; may be assigned later too.
        broker: What the seller's pages call whoever has the key.
        notification_key: What ``X-Api-Key`` carries in ``take_notifications``.
    """

    # -- requests

    async def send(self, request: Request, *, timeout: float) -> Response:
        """Answer ``request`` out of memory. See ``Transport.send``."""
        fate = self.exchange(request)
        if fate.delay >= timeout:
            await self.sleep(timeout)
            raise TransportError("timeout", maybe_sent=True)
        if fate.delay:
            await self.sleep(fate.delay)
        await asyncio.sleep(0)  # a real transport lets others run meanwhile
        if fate.response is None:
            raise TransportError("dropped", maybe_sent=True)
        return fate.response

    def serve(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        admin: Literal["loopback", "anywhere"] = "loopback",
        public_url: str | None = None,
        notify: Notify | None = None,
    ) -> AbstractAsyncContextManager[str]:
        """Serve the same state over HTTP, with the seller's pages for a browser.

        Args:
            host: An address of this machine. One that is not loopback lets other machines in.
            port: 0 picks a free one.
            admin: Who may use ``/`` and ``/_emulator/``, which read and change everything: this machine, or
                anybody.
            public_url: What every URL in a reply starts with, if not as the one that was asked for: in a
                compose file a browser does not know the name that the other services do.
            notify: Where to post a notification whenever something changes for a customer, from then on;
                None for nowhere.

        Returns:
            A context manager that gives the base URL, without a slash at its end.

        Raises:
            ValueError: ``port`` is not a whole number from 0 to 65535, or ``public_url`` is no http(s) URL.
            OSError: On entering, where ``host`` and ``port`` can't be listened on.
        """
        if type(port) is not int or not 0 <= port <= 65_535:
            raise ValueError("port must be a whole number from 0 to 65535")
        if public_url is not None:
            public_url = public_url.rstrip("/")
            if not is_web_address(public_url) or not {"?", "#"}.isdisjoint(public_url):
                raise ValueError("public_url must be an absolute http(s) URL without query and fragment")
        from imin_accounts.fake._http import serving  # aiohttp's server takes long to import

        return serving(self, host=host, port=port, admin=admin, public_url=public_url, notify=notify)
