"""The emulator over HTTP: a thin shell of aiohttp around the same service that answers in memory."""

import asyncio
import logging
import math
import re
import string
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from typing import Any
from urllib.parse import quote, urlsplit

import attrs
import orjson
from aiohttp import http_exceptions, web

from imin_accounts.fake import _pages as pages
from imin_accounts.fake import _replies as replies
from imin_accounts.fake._admin import Admin, Audience, Guard, add_methods, refused
from imin_accounts.fake._api import VISIT_PATH
from imin_accounts.fake._connect import ConnectRefused
from imin_accounts.fake._faults import Fate
from imin_accounts.fake._front import Front, prefers_html
from imin_accounts.fake._notifications import Notify
from imin_accounts.fake._notifier import notifying
from imin_accounts.fake._service import Service
from imin_accounts.transports.base import Request, Response

__all__ = ["serving"]

_log = logging.getLogger("imin_accounts.fake")
_MALFORMED = (http_exceptions.HttpProcessingError, web.RequestPayloadError)
"""What aiohttp raises, and logs with a traceback, where a client is to blame."""
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._~-]+)(:[0-9]*)?")
_LAST_TURNS = 8
"""Of the event loop: what Python 3.11 accepts in the very turn in which the server closes it never closes."""
_FORM = "application/x-www-form-urlencoded"


@asynccontextmanager
async def serving(
    service: Service, *, host: str, port: int, admin: Audience, public_url: str | None, notify: Notify | None
) -> AsyncIterator[str]:
    """Serve until the context ends. Gives the base URL."""
    app = web.Application(client_max_size=64 * 1024 * 1024, middlewares=(_logged, _well_formed))
    guard = Guard(admin, host, public_url)
    Front(service, guard, public_url).add_to(app.router)
    Admin(service, guard, public_url).add_to(app.router)
    SellerPages(service).add_to(app.router)
    app.router.add_route("*", "/{anything:(?s:.*)}", api_handler(service, public_url))
    log = logging.getLogger(__name__)
    log.addFilter(_without_traceback)
    runner = web.AppRunner(app, access_log=None, logger=log, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        address = runner.addresses[0]
        base = f"http://{_bracketed(address[0])}:{address[1]}"
        async with nullcontext() if notify is None else notifying(service, notify, public_url or base):
            yield base
    finally:
        try:
            for _ in range(_LAST_TURNS):
                await asyncio.sleep(0)
        finally:  # whoever is told to end twice ends too
            await runner.cleanup()


def _without_traceback(record: logging.LogRecord) -> bool:
    """A filter: of a request that was refused because it is no HTTP the log says so, and no more."""
    if record.exc_info and isinstance(record.exc_info[1], _MALFORMED):
        record.msg, record.args, record.exc_info = "a malformed request was refused", (), None
        record.levelno, record.levelname = logging.INFO, "INFO"
    return True


class _NoReply(web.Response):
    """What is not sent any more."""


@web.middleware
async def _logged(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Say in the log, once it is over, what was asked and answered; no secret is in a line."""
    answered = "no reply"
    try:
        response = await handler(request)
        answered = "connection dropped" if isinstance(response, _NoReply) else str(response.status)
        return response
    finally:
        _log.info("%s %s %s", request.method, _shown(request), answered)


def _shown(request: web.Request) -> str:
    """What was asked for, without what connects an account: the token of a link, and the visit's page."""
    path, _, query = request.raw_path.partition("?")
    path = re.sub(rf"{VISIT_PATH}.*", f"{VISIT_PATH}***", path)
    kept = [
        _without_query(each) if name == "redirectUri" else each
        for each in query.split("&")
        if (name := each.partition("=")[0]) in ("seller", "customer", "redirectUri")
    ]
    return quote(f"{path}?{'&'.join(kept)}" if kept else path, safe=string.punctuation, errors="replace")


def _without_query(uri: str) -> str:
    """A ``redirectUri`` without its query, in which a broker may sign who comes back, fragment and login.

    However often it is encoded: ``http://a@b/c?d`` and ``http%253A%252F%252Fa%2540b%252Fc%253Fd`` too.
    """
    shown = re.sub(r"(?i)([?#]|%(25)*(3f|23)).*", "?***", uri)
    return re.sub(r"(?i)((?:/|%(?:25)*2f){2}).*(@|%(25)*40)", r"\1***@", shown)


@web.middleware
async def _well_formed(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Let no request in whose host can't be part of a URL, as in every reply, nor one with a broken body.

    What is refused, here or by aiohttp, is told as the rest: ``{"error": …}``.
    """
    target = request.raw_path
    said = request.headers.getall("Host", ())  # aiohttp lets no more than one in
    named = [*said, *([] if target.startswith("/") else [target.partition("://")[2].partition("/")[0]])]
    if not all(map(_is_authority, named)):
        return refused(400, "the host asked for is malformed")
    try:
        return await handler(request)
    except web.RequestPayloadError:
        return refused(400, "the body is not as its headers say")
    except web.HTTPException as error:  # 413, 415
        return refused(error.status, error.text or error.reason)


def _is_authority(text: str) -> bool:
    try:
        return bool(_AUTHORITY.fullmatch(text)) and (urlsplit(f"//{text}").port or 0) >= 0
    except ValueError:
        return False


def api_handler(
    service: Service, public_url: str | None
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The API's own endpoints, and a 404 for whatever is not one."""

    async def handle(request: web.Request) -> web.Response:
        target = request.raw_path
        if public_url is not None:
            url = public_url + re.sub(r"^(?!/)[^/]*//[^/]*", "", target)
        else:
            url = f"{request.scheme}://{request.host}{target}" if target.startswith("/") else target
        fate = service.exchange(Request(method=request.method, url=url, headers=request.headers))
        if fate.delay == math.inf:
            await asyncio.Event().wait()  # until the client goes, or the server ends
        await service.sleep(fate.delay)
        if fate.response is None:
            request.protocol.force_close()
            return _NoReply()  # aiohttp wants one; the connection is closed by now
        return _to_aiohttp(_explained(fate, public_url or f"{request.scheme}://{request.host}"))

    return handle


_ADVICE = {
    400: "{base}/openapi.json says what may be asked.",
    401: "The key is at {base}/; it goes into the header X-Api-Key.",
    404: "Who there is, and what may be asked, is at {base}/.",
    405: "{base}/openapi.json says what may be asked.",
}


def _explained(fate: Fate, base: str) -> Response:
    """The reply; where it is an error's JSON object, a member of the emulator's own says what to do."""
    response = fate.response
    assert response is not None
    advice = _ADVICE.get(response.status)
    if fate.by_fault:
        advice = "A fault that is in force did this: {base}/_emulator/faults."
    if advice is None or response.status < 400 or not response.body.startswith(b"{"):
        return response
    members = {**orjson.loads(response.body), "emulator": advice.format(base=base)}
    return attrs.evolve(response, body=orjson.dumps(members))


class SellerPages:
    """The seller's website, as far as connecting goes."""

    def __init__(self, service: Service) -> None:
        self._broker = service.broker
        self._population = service.population
        self._flow = service.flow

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add every route, under any prefix that a gateway may have left on."""
        path = f"/{{prefix:(.*/)?}}{VISIT_PATH[1:]}{{visit}}"
        add_methods(router, path, {"GET": self.show, "POST": self.submit})

    async def show(self, request: web.Request) -> web.Response:
        """The form, and what was wrong with the last try."""
        return self._form(request)

    async def submit(self, request: web.Request) -> web.Response:
        """The form, filled in: connect or decline, and send the browser back.

        Where that was refused a browser is sent to the form again: to go back to the answer of a POST it
        would have to send the password again (Chromium: ERR_CACHE_MISS). A program gets the form as 403.
        """
        handle, entered = request.match_info["visit"], await _entered(request)
        try:
            if entered.get("decision") == "consent":
                location: str | None = self._flow.consent(
                    handle, email=str(entered.get("email", "")), password=str(entered.get("password", ""))
                )
            else:
                location = self._flow.decline(handle)
        except ConnectRefused:
            if prefers_html(request.headers.get("Accept", "*/*")):
                return _to_aiohttp(replies.redirect(_own_path(request.path), status=303))
            return self._form(request, status=403)
        return _to_aiohttp(replies.redirect(location, status=303) if location else pages.declined())

    def _form(self, request: web.Request, *, status: int = 200) -> web.Response:
        try:
            visit = self._flow.visit(request.match_info["visit"])
        except ConnectRefused as ended:
            return _to_aiohttp(pages.ending(ended.reason))
        page = pages.form(
            visit.action,
            seller=self._population.seller_name(visit.seller),
            broker=self._broker,
            email=self._population.email(visit.customer) or "" if visit.entered is None else visit.entered,
            post_to=_own_path(request.path),
            refusal=visit.refusal,
            status=status,
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
