"""The emulator over HTTP: a thin shell of aiohttp around the same service that answers in memory."""

import asyncio
import logging
import math
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from typing import Any
from urllib.parse import quote, urlsplit

from aiohttp import http_exceptions, web

from imin_accounts.fake import _pages as pages
from imin_accounts.fake import _replies as replies
from imin_accounts.fake._admin import Admin, Audience
from imin_accounts.fake._api import VISIT_PATH
from imin_accounts.fake._connect import ConnectRefused, Refusal
from imin_accounts.fake._notifications import Notify
from imin_accounts.fake._notifier import notifying
from imin_accounts.fake._service import Service
from imin_accounts.transports.base import Request, Response

__all__ = ["serving"]

_MALFORMED = (http_exceptions.HttpProcessingError, web.RequestPayloadError)
"""What aiohttp raises, and logs with a traceback, where a client is to blame."""
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._~-]+)(:[0-9]*)?")
_FORM = "application/x-www-form-urlencoded"


@asynccontextmanager
async def serving(
    service: Service, *, host: str, port: int, admin: Audience, notify: Notify | None
) -> AsyncIterator[str]:
    """Serve until the context ends. Gives the base URL."""
    app = web.Application(client_max_size=64 * 1024 * 1024, middlewares=(_well_formed,))
    Admin(service, admin).add_to(app.router)
    SellerPages(service).add_to(app.router)
    app.router.add_route("*", "/{anything:.*}", api_handler(service))
    log = logging.getLogger(__name__)
    log.addFilter(_without_traceback)
    runner = web.AppRunner(app, access_log=None, logger=log, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        address = runner.addresses[0]
        base = f"http://{_bracketed(address[0])}:{address[1]}"
        async with nullcontext() if notify is None else notifying(service, notify, base):
            yield base
    finally:
        await runner.cleanup()


def _without_traceback(record: logging.LogRecord) -> bool:
    """A filter: of a request that was refused because it is no HTTP the log says so, and no more."""
    if record.exc_info and isinstance(record.exc_info[1], _MALFORMED):
        record.msg, record.args, record.exc_info = "a malformed request was refused", (), None
        record.levelno, record.levelname = logging.INFO, "INFO"
    return True


@web.middleware
async def _well_formed(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Let no request in whose host can't be part of a URL, as in every reply, nor one with a broken body."""
    target = request.raw_path
    said = request.headers.getall("Host", ())  # aiohttp lets no more than one in
    named = [*said, *([] if target.startswith("/") else [target.partition("://")[2].partition("/")[0]])]
    if not all(map(_is_authority, named)):
        return web.Response(status=400, text="the host asked for is malformed")
    try:
        return await handler(request)
    except web.RequestPayloadError:
        return web.Response(status=400, text="the body is not as its headers say")


def _is_authority(text: str) -> bool:
    try:
        return bool(_AUTHORITY.fullmatch(text)) and (urlsplit(f"//{text}").port or 0) >= 0
    except ValueError:
        return False


def api_handler(service: Service) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The API's own endpoints, and a 404 for whatever is not one."""

    async def handle(request: web.Request) -> web.Response:
        target = request.raw_path
        url = f"{request.scheme}://{request.host}{target}" if target.startswith("/") else target
        fate = service.exchange(Request(method=request.method, url=url, headers=request.headers))
        if fate.delay == math.inf:
            await asyncio.Event().wait()  # until the client goes, or the server ends
        await service.sleep(fate.delay)
        if fate.response is None:
            request.protocol.force_close()
            return web.Response()  # aiohttp wants one; the connection is closed by now
        return _to_aiohttp(fate.response)

    return handle


class SellerPages:
    """The seller's website, as far as connecting goes."""

    def __init__(self, service: Service) -> None:
        self._population = service.population
        self._flow = service.flow

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add every route, under any prefix that a gateway may have left on."""
        path = f"/{{prefix:(.*/)?}}{VISIT_PATH[1:]}{{visit}}"
        router.add_get(path, self.show)
        router.add_post(path, self.submit)

    async def show(self, request: web.Request) -> web.Response:
        """The form."""
        return self._form(request)

    async def submit(self, request: web.Request) -> web.Response:
        """The form, filled in: connect or decline, and send the browser back."""
        handle, entered = request.match_info["visit"], await _entered(request)
        try:
            if entered.get("decision") == "consent":
                location: str | None = self._flow.consent(
                    handle, email=str(entered.get("email", "")), password=str(entered.get("password", ""))
                )
            else:
                location = self._flow.decline(handle)
        except ConnectRefused as refused:
            return self._form(request, refused.reason, email=str(entered.get("email", "")))
        return _to_aiohttp(replies.redirect(location, status=303) if location else pages.declined())

    def _form(
        self, request: web.Request, refusal: Refusal | None = None, *, email: str | None = None
    ) -> web.Response:
        try:
            visit = self._flow.visit(request.match_info["visit"])
        except ConnectRefused as refused:
            return _to_aiohttp(pages.ending(refused.reason))
        page = pages.form(
            visit.action,
            seller=self._population.seller_name(visit.seller),
            broker=urlsplit(visit.redirect_uri).netloc,
            email=self._population.email(visit.customer) or "" if email is None else email,
            post_to=_own_path(request.path),
            refusal=refusal,
        )
        return _to_aiohttp(page)


def _own_path(path: str) -> str:
    """``path`` as a browser takes for this site's, which it does not with ``//host/`` and ``/\\host/``."""
    segments = [quote(segment, safe="", errors="surrogateescape") for segment in path.split("/")]
    return "/" + "/".join(segment for segment in segments if segment not in ("", ".", ".."))


async def _entered(request: web.Request) -> Mapping[str, Any]:
    """The fields of a form that is sent as browsers send the one above."""
    if request.content_type != _FORM or (request.charset or "utf-8").lower() != "utf-8":
        raise web.HTTPUnsupportedMediaType(text=f"expected {_FORM} in UTF-8")
    try:
        return await request.post()
    except UnicodeDecodeError:
        raise web.HTTPBadRequest(text="the form is not UTF-8") from None


def _to_aiohttp(response: Response) -> web.Response:
    return web.Response(status=response.status, headers=response.headers, body=response.body)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
