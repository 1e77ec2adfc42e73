"""``/``: a page for a browser, the same as JSON for anybody else. And the API's description."""

from functools import cache
from importlib.resources import files
from typing import get_args
from urllib.parse import quote

from aiohttp import web

from imin_accounts.fake import _pages as pages
from imin_accounts.fake._admin import Guard, add_methods, json_reply
from imin_accounts.fake._api import CONNECT
from imin_accounts.fake._connect import Action
from imin_accounts.fake._operations import PREFIX
from imin_accounts.fake._overview import overview
from imin_accounts.fake._service import Service

__all__ = ["Front", "openapi", "prefers_html"]


@cache
def openapi() -> bytes:
    """The API as an OpenAPI description."""
    return files("imin_accounts").joinpath("openapi.json").read_bytes()


class Front:
    """What a stranger sees first."""

    def __init__(self, service: Service, guard: Guard, public_url: str | None) -> None:
        self._service = service
        self._guard = guard
        self._public_url = public_url

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add every route."""
        add_methods(router, "/", {"GET": self._guard(self._overview)})
        add_methods(router, PREFIX + "visit", {"GET": self._guard(self._visit)})
        add_methods(router, "/openapi.json", {"GET": _openapi})
        add_methods(router, "/favicon.ico", {"GET": _no_icon})

    async def _overview(self, request: web.Request) -> web.Response:
        after = request.query.get("after", "0")
        seen = overview(
            self._service,
            self._base(request),
            customer=request.query.get("customer"),
            after=int(after) if after.isascii() and after.isdigit() and len(after) < 10 else 0,
        )
        headers = {"Vary": "Accept", "Cache-Control": "no-store"}
        if prefers_html(request.headers.get("Accept", "*/*")) and (page := pages.front(seen)) is not None:
            return web.Response(body=page.body, headers={**page.headers, **headers})
        return json_reply(seen, headers=headers)

    async def _visit(self, request: web.Request) -> web.Response:
        """To the page of a seller, as a connect link leads there; the way back is to the overview."""
        asked, population = request.query, self._service.population
        customer, seller = asked.get("customer", ""), asked.get("seller", "")
        action = next(
            (each for each in get_args(Action) if each == asked.get("action", "RegisterAction")), None
        )
        if customer not in population.people or seller not in population.sellers or action is None:
            reason = "customer and seller must be there, and action be RegisterAction or CreateAction"
            return json_reply({"error": reason}, 400)
        base = self._base(request)
        back = f"{base}/?customer={quote(customer, safe='')}"
        with self._service.lock:
            token = self._service.flow.link(customer, seller, action, back)
        return web.Response(status=302, headers={"Location": f"{base}{CONNECT}?jwt={token}"})

    def _base(self, request: web.Request) -> str:
        return self._public_url or f"{request.scheme}://{request.host}"


async def _openapi(request: web.Request) -> web.Response:
    return web.Response(body=openapi(), content_type="application/json")


async def _no_icon(request: web.Request) -> web.Response:
    """What browsers ask for unasked, where they show JSON: no request to imin, and no wrong key."""
    return web.Response(status=204)


def prefers_html(accept: str) -> bool:
    """Whether somebody who accepts this would rather have HTML than JSON: browsers would, curl would not.

    See RFC 9110, section 12.5.1.
    """
    return _quality(accept, "text/html") > _quality(accept, "application/json")


def _quality(accept: str, media: str) -> float:
    found = {"": 0.0}
    for each in accept.split(","):
        name, *parameters = (part.strip().lower() for part in each.split(";"))
        weight = next((value[2:] for value in parameters if value.startswith("q=")), "1")
        try:
            found[name] = float(weight)
        except ValueError:
            found[name] = 0.0
    return next(found[name] for name in (media, media.partition("/")[0] + "/*", "*/*", "") if name in found)
