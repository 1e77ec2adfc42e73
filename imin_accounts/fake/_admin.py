"""``/_emulator/``: what a test in any language does to the emulator over HTTP.

=======  =======================  ==================================================================
GET      ``/_emulator/state``     the people and their accounts, as JSON
PUT      ``/_emulator/state``     put these in their place
POST     ``/_emulator/reset``     be as when the emulator started
GET      ``/_emulator/faults``    the script in force
PUT      ``/_emulator/faults``    put this script in its place
GET      ``/_emulator/requests``  what was received: method, route, status
POST     ``/_emulator/advance``   let ``{"seconds": …}`` pass: links and entitlements may expire
=======  =======================  ==================================================================

``_causes`` adds what changes for a customer at a seller, and the notifications of it.

Whoever reaches it can read and change everything, so only this machine may: the peer and the ``Host``
asked for must be loopback (a web page can point a name of its own at this machine), and a browser's
request must not come from another site.
"""

import ipaddress
from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

import orjson
from aiohttp import web

from imin_accounts.fake import _causes as causes
from imin_accounts.fake._service import Service

__all__ = ["Admin", "Audience"]

Audience: TypeAlias = Literal["loopback", "anywhere"]
Handler: TypeAlias = Callable[[Any], Awaitable[Any]]
PREFIX = "/_emulator/"


class Admin:
    """The admin endpoint of one served emulator.

    Args:
        audience: ``"anywhere"`` lets requests in from other machines.
    """

    def __init__(self, service: Service, audience: Audience) -> None:
        self._service = service
        self._audience = audience
        self._start = (service.snapshot(), service.faults.script())

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add every route."""
        for method, name, handler, takes_body in (
            ("GET", "state", lambda _: self._service.snapshot(), False),
            ("PUT", "state", self._service.restore, True),
            ("POST", "reset", self._reset, False),
            ("GET", "faults", lambda _: self._service.faults.script(), False),
            ("PUT", "faults", self._service.faults.load, True),
            ("GET", "requests", self._requests, False),
            ("POST", "advance", self._advance, True),
            *causes.routes(self._service),
        ):
            router.add_route(method, PREFIX + name, self._guarded(handler, takes_body))

    def _guarded(
        self, act: Callable[[Any], Any], takes_body: bool
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            if not self._may(request):
                return web.json_response({"error": "only this machine may use /_emulator/"}, status=403)
            try:
                result = act(orjson.loads(await request.read()) if takes_body else None)
            except orjson.JSONDecodeError:
                return web.json_response({"error": "the body is not JSON"}, status=400)
            except ValueError as error:
                return web.json_response({"error": str(error)}, status=400)
            return web.Response(status=204) if result is None else web.json_response(result)

        return handle

    def _may(self, request: web.Request) -> bool:
        origin = request.headers.get("Origin")
        if origin is not None and origin.partition("://")[2] != request.host:
            return False
        return self._audience == "anywhere" or (
            _is_loopback(request.remote) and _is_loopback(urlsplit(f"//{request.host}").hostname)
        )

    def _reset(self, _: object) -> None:
        self._service.reset()
        state, faults = self._start
        self._service.restore(state)
        self._service.faults.load(faults)

    def _requests(self, _: object) -> list[dict[str, Any]]:
        return [{"method": r.method, "route": r.route, "status": r.status} for r in self._service.requests]

    def _advance(self, body: Any) -> None:
        seconds = body.get("seconds") if isinstance(body, dict) else None
        if not isinstance(seconds, int | float) or not 0 <= seconds <= 1e9:
            raise ValueError("expected an object with seconds, from 0 to 1e9")
        self._service.advance(seconds)


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
