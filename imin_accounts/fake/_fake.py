"""``FakeImin``: the emulated service as a Transport, and the door to serving it over HTTP."""

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from yarl import URL

from imin_accounts.errors import TransportError
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
        notify: Notify | None = None,
    ) -> AbstractAsyncContextManager[str]:
        """Serve the same state over HTTP, with the seller's pages for a browser.

        Args:
            host: An address of this machine. One that is not loopback lets other machines in.
            port: 0 picks a free one.
            admin: Who may use ``/_emulator/``, which reads and changes everything: this machine, or
                anybody.
            notify: Where to post a notification whenever something changes for a customer, from then on;
                None for nowhere.

        Returns:
            A context manager that gives the base URL, without a slash at its end.

        Raises:
            ValueError: ``port`` is not a whole number from 0 to 65535.
            OSError: On entering, where ``host`` and ``port`` can't be listened on.
        """
        if type(port) is not int or not 0 <= port <= 65_535:
            raise ValueError("port must be a whole number from 0 to 65535")
        from imin_accounts.fake._http import serving  # aiohttp's server takes long to import

        return serving(self, host=host, port=port, admin=admin, notify=notify)

    # -- the browser's part, in memory

    def complete(self, target: str | URL, *, email: str | None = None, password: str = "password") -> str:
        """Go through the seller's page that ``target`` leads to, and connect.

        Args:
            target: A link from a reply: ``register_url`` logs in, ``create_url`` makes an account.
            email: What the customer enters; the email that the broker knows if not given.
            password: What they enter, or choose.

        Returns:
            ``redirectUri``, where the browser is sent.

        Raises:
            ConnectRefused: Nothing was connected. The link is used up nevertheless, unless it was
                not good any more.
        """
        with self.lock:
            handle = self.flow.begin(_token(target))
            email = self.population.email(self.flow.visit(handle).customer) if email is None else email
            return self.flow.consent(handle, email=email, password=password)

    def decline(self, target: str | URL) -> str | None:
        """Go to the seller's page that ``target`` leads to, and decline.

        Returns:
            ``redirectUri``, where the browser is sent; None where it stays on the seller's page.

        Raises:
            ConnectRefused: The link is forged, expired or used.
        """
        with self.lock:
            return self.flow.decline(self.flow.begin(_token(target)))


def _token(target: str | URL) -> str:
    return parse_qs(urlsplit(str(target)).query).get("jwt", [""])[0]
