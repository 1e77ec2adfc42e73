"""The server: a customer's connections, and buttons to connect and disconnect.

Whoever the customer is, a real broker knows from its own login; here everybody is the same one.
"""

import logging
import re
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from aiohttp import http_exceptions, web
from aiohttp.typedefs import Handler

from imin_accounts import (
    AccountsSession,
    ConnectedAccount,
    IminError,
    NotFound,
)
from imin_accounts.cli._site.pages import Notice, Pages, seller_name
from imin_accounts.cli._site.tokens import Tokens
from imin_accounts.cli._site.words import in_words

HOUR = 3600
COOKIE = "browser"
OURS = re.compile("[0-9A-Za-z_-]{1,64}")
"""What a cookie of ours may look like; any other counts as none."""
FORM = "application/x-www-form-urlencoded"
NOTICE = web.RequestKey("notice", Notice)
"""What the customer is told even if nothing can be read: above the connections, or above the error."""

HEADERS = {
    # No form-action: browsers hold it against the redirect too, and that leads to the seller's own site.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' http: https:; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",  # our own URLs hold tokens
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",  # personal data
}

DISCONNECTED = {
    "confirmed": Notice("gone", "Disconnected from {}. Your account there is still yours."),
    "verified": Notice(
        "gone", "Disconnected from {}. The answer was lost on the way, so we looked again: it is done."
    ),
    "absent": Notice("doubt", "There was nothing to disconnect: you are not connected with {}."),
}

STATIC = Path(__file__).parent / "static"
MALFORMED = (http_exceptions.HttpProcessingError, web.RequestPayloadError)
"""What aiohttp raises, and logs with a traceback, where a client is to blame."""

log = logging.getLogger(__name__)


class Broker:
    """The site of one broker.

    Args:
        imin: A session that nobody has opened yet: the one session of this application.
        customer: imin's identifier for whoever looks at the site, as the broker keeps it.
        name: What to call them.
        origin: Where browsers find the site. Never taken from a request, which could name another.
        now: The present, for the days left.
        patience: Seconds that the page after a visit to a seller may wait for the connection to show.
    """

    def __init__(
        self,
        imin: AccountsSession,
        *,
        customer: str,
        name: str,
        origin: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        patience: float = 3.0,
    ) -> None:
        self._imin = imin
        self._customer = customer
        self._name = name
        self._origin = origin
        self._pages = Pages(now)
        self._patience = patience
        self._tokens = Tokens(secrets.token_bytes(32))

    def application(self) -> web.Application:
        """The site, to be run by aiohttp."""
        app = web.Application(middlewares=[self._answer])
        app.router.add_get("/", self.connections)
        app.router.add_post("/connect", self.connect)
        app.router.add_get("/return", self.returned)
        app.router.add_get("/disconnect", self.ask)
        app.router.add_post("/disconnect", self.disconnect)
        app.router.add_get("/disconnected", self.disconnected)
        for file in STATIC.iterdir():  # these, and no path that a browser makes up
            app.router.add_get(f"/static/{file.name}", _served(file))
        app.cleanup_ctx.append(self._session)
        app.on_response_prepare.append(_add_headers)
        return app

    async def _session(self, _: web.Application) -> AsyncIterator[None]:
        async with self._imin:
            yield

    # -- pages and buttons

    async def connections(self, request: web.Request) -> web.Response:
        """Every seller, in the state that imin says it is in now."""
        accounts = await self._imin.get_seller_accounts(self._customer)
        return self._page(request, "connections.html", accounts=accounts)

    async def connect(self, request: web.Request) -> web.Response:
        """Send the browser to the seller. The link is fetched for this click, and kept nowhere."""
        form = await self._form(request)
        seller = form.get("seller", "")
        token = self._tokens.give("return", self._browser(request), seller)
        accounts = await self._imin.get_seller_accounts(
            self._customer, redirect_uri=f"{self._origin}/return?{urlencode({'token': token})}"
        )
        if isinstance(accounts.for_seller(seller), ConnectedAccount):  # in another tab meanwhile
            return _see_other("/")
        target = accounts.connect_url(seller, create=form.get("action") == "create")
        if target is None:
            return self._message(
                request, 502, "This seller can't be connected now", "Please try again later."
            )
        return _see_other(str(target))

    async def returned(self, request: web.Request) -> web.Response:
        """Back from the seller. That proves nothing: only what imin says now does."""
        values = self._read("return", request)
        if values is None:
            return self._message(
                request,
                403,
                "This link is not for this browser",
                "It was made for another one, or over an hour ago. Your connections show how things stand.",
            )
        (seller,) = values
        request[NOTICE] = Notice("doubt", "You are back. We can't tell yet whether you are connected.")
        await self._imin.wait_until_connected(self._customer, seller, timeout=self._patience)
        accounts = await self._imin.get_seller_accounts(self._customer)
        account = accounts.for_seller(seller)
        match accounts.is_connected(seller):
            case True:
                request[NOTICE] = Notice("done", f"{seller_name(account)} is connected.")
            case False:
                request[NOTICE] = Notice("declined", f"{seller_name(account)} was not connected.")
        return self._page(request, "connections.html", accounts=accounts)

    async def ask(self, request: web.Request) -> web.Response:
        """Before a disconnection: what will be lost, and what stays."""
        accounts = await self._imin.get_seller_accounts(self._customer)
        account = accounts.for_seller(request.query.get("seller", ""))
        if not isinstance(account, ConnectedAccount):  # it was disconnected in another tab meanwhile
            return _see_other("/")
        return self._page(request, "question.html", account=account)

    async def disconnect(self, request: web.Request) -> web.Response:
        """Disconnect one seller. What can't be made certain is an error, and shown as one."""
        form = await self._form(request)
        seller = form.get("seller", "")
        try:
            outcome: str = (await self._imin.delete_seller_account(self._customer, seller)).outcome
        except NotFound:
            outcome = "absent"
        token = self._tokens.give("disconnected", self._browser(request), seller, outcome)
        return _see_other(f"/disconnected?{urlencode({'token': token})}")

    async def disconnected(self, request: web.Request) -> web.Response:
        """What came of it, above the connections that are left."""
        values = self._read("disconnected", request)
        if values is None:
            return _see_other("/")
        seller, outcome = values
        request[NOTICE] = DISCONNECTED[outcome].about("the seller")
        accounts = await self._imin.get_seller_accounts(self._customer)
        account = accounts.for_seller(seller)
        if isinstance(account, ConnectedAccount):  # it was connected again since then
            return _see_other("/")
        request[NOTICE] = DISCONNECTED[outcome].about(seller_name(account))
        return self._page(request, "connections.html", accounts=accounts)

    # -- what they share

    @web.middleware
    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Whatever goes wrong becomes a page."""
        if not self._origin.endswith(f"//{request.host}"):
            return _see_other(self._origin)  # the cookie belongs to one of localhost and 127.0.0.1
        try:
            return await handler(request)
        except web.HTTPException as error:
            heading = "There is no such page" if error.status == 404 else error.reason
            return self._message(request, error.status, heading, "Please start again from your connections.")
        except web.RequestPayloadError:
            return self._message(request, 400, "Bad Request", "Please start again from your connections.")
        except IminError as error:
            log.warning("%s", error)
            failure = in_words(error)
        settled = request.method == "POST" and failure.settled
        text = f"{failure.text} Nothing was changed." if settled else failure.text
        response = self._message(request, failure.status, failure.heading, text)
        if failure.retry_after is not None:
            response.headers["Retry-After"] = str(failure.retry_after)
        return response

    async def _form(self, request: web.Request) -> dict[str, str]:
        """The fields of one of our own forms, from the browser that it was shown to."""
        if request.content_type != FORM or (request.charset or "utf-8").lower() != "utf-8":
            raise web.HTTPUnsupportedMediaType
        try:
            form = {name: str(value) for name, value in (await request.post()).items()}
        except UnicodeDecodeError:
            raise web.HTTPBadRequest from None
        browser, token = self._browser(request), form.get("csrf", "")
        if self._tokens.read("form", browser, token, max_age=12 * HOUR) is None:
            raise web.HTTPForbidden(reason="This page is out of date")
        return form

    def _read(self, purpose: str, request: web.Request) -> Sequence[str] | None:
        token = request.query.get("token", "")
        return self._tokens.read(purpose, self._browser(request), token, max_age=HOUR)

    def _browser(self, request: web.Request) -> str:
        cookie = request.cookies.get(COOKIE, "")
        return cookie if OURS.fullmatch(cookie) else ""

    def _message(self, request: web.Request, status: int, heading: str, text: str) -> web.Response:
        return self._page(request, "message.html", status, heading=heading, text=text)

    def _page(self, request: web.Request, template: str, status: int = 200, **values: Any) -> web.Response:
        browser = self._browser(request) or secrets.token_urlsafe(32)
        html = self._pages.render(
            template,
            name=self._name,
            notice=request.get(NOTICE),
            csrf=self._tokens.give("form", browser),
            **values,
        )
        response = web.Response(status=status, text=html, content_type="text/html")
        # Lax, not Strict: the way back from the seller is a link from another site.
        secure = self._origin.startswith("https:")
        response.set_cookie(COOKIE, browser, httponly=True, samesite="Lax", secure=secure)
        return response


@asynccontextmanager
async def broker_site(imin: AccountsSession, *, port: int = 0, **broker: Any) -> AsyncIterator[str]:
    """Serve a broker's site to this machine. Gives its origin.

    Args:
        imin: As for ``Broker``; ``broker`` are its other arguments.
        port: 0 picks a free one.

    Raises:
        OSError: On entering, where the port can't be listened on.
    """
    with socket.create_server(("127.0.0.1", port)) as listening:
        origin = f"http://127.0.0.1:{listening.getsockname()[1]}"
        application = Broker(imin, origin=origin, **broker).application()
        log.addFilter(_without_traceback)
        runner = web.AppRunner(application, access_log=None, logger=log, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.SockSite(runner, listening).start()
            yield origin
        finally:
            await runner.cleanup()


def _served(file: Path) -> Handler:
    async def serve(_: web.Request) -> web.StreamResponse:
        return web.FileResponse(file)

    return serve


def _without_traceback(record: logging.LogRecord) -> bool:
    """A filter: of a request that was refused because it is no HTTP the log says so, and no more."""
    if record.exc_info and isinstance(record.exc_info[1], MALFORMED):
        record.msg, record.args, record.exc_info = "a malformed request was refused", (), None
        record.levelno, record.levelname = logging.INFO, "INFO"
    return True


def _see_other(location: str) -> web.Response:
    """303, with the location as it is: ``web.HTTPSeeOther`` would re-encode it."""
    return web.Response(status=303, headers={"Location": location})


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
