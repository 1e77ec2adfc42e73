"""Posts the notifications of a served emulator: the one place where it calls anybody."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar

from imin_accounts.fake._notifications import Notify, Outbox, WebhookCall
from imin_accounts.fake._service import Service

__all__ = ["notifying"]

_log = logging.getLogger(__name__)


@asynccontextmanager
async def notifying(service: Service, notify: Notify, base: str) -> AsyncIterator[None]:
    """Post each notification that is caused within the block, one after the other.

    Args:
        base: Where the emulator is served: what a customer's ``@id`` starts with.
    """
    loop, wake = asyncio.get_running_loop(), asyncio.Event()
    with service.outbox(base, notify.key, lambda: loop.call_soon_threadsafe(wake.set)) as outbox:
        posting = asyncio.create_task(_Notifier(service, notify, outbox, wake).run())
        try:
            yield
        finally:
            posting.cancel()
            with suppress(asyncio.CancelledError):
                await posting


class _Notifier:
    def __init__(self, service: Service, notify: Notify, outbox: Outbox, wake: asyncio.Event) -> None:
        self._service = service
        self._notify = notify
        self._outbox = outbox
        self._wake = wake
        self._trouble: str | None = None

    async def run(self) -> None:
        """Post whatever is due, for ever."""
        async with ClientSession(
            timeout=ClientTimeout(total=self._notify.timeout),
            headers={"User-Agent": "imin-emulator"},
            cookie_jar=DummyCookieJar(),
        ) as client:
            while True:
                self._wake.clear()
                with self._service.lock:
                    seconds = self._outbox.seconds()
                slept = await self._wait(seconds)
                with self._service.lock:
                    call = self._outbox.pop(early=slept)
                if call is not None:
                    self._tell(await self._post(client, call))

    async def _wait(self, seconds: float | None) -> bool:
        """Wait until something is due, or may be; returns whether all ``seconds`` have passed."""
        if seconds == 0:
            return False
        woken = asyncio.ensure_future(self._wake.wait())
        waits = [woken] if seconds is None else [woken, asyncio.ensure_future(self._service.sleep(seconds))]
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return woken not in done

    async def _post(self, client: ClientSession, call: WebhookCall) -> str | None:
        """Returns what went wrong, in words that hold neither the address nor the customer."""
        try:
            async with client.post(
                self._notify.url, data=call.body, headers=call.headers, allow_redirects=False
            ) as reply:
                return None if 200 <= reply.status <= 299 else f"the answer was {reply.status}"
        except TimeoutError:
            return f"no answer within {self._notify.timeout:g} s"
        except (ClientError, OSError, ValueError) as error:
            return f"no answer ({type(error).__name__})"

    def _tell(self, trouble: str | None) -> None:
        """Log a trouble when it begins and when it ends, not for each of a thousand notifications."""
        if trouble != self._trouble:
            if trouble:
                _log.warning("notifications are not taken: %s", trouble)
            else:
                _log.info("notifications are taken again")
        self._trouble = trouble
