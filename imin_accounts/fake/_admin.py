"""``/_emulator/``: what a test in any language does to the emulator over HTTP. Its index lists all of it.

Whoever reaches it can read and change everything, so only this machine may: the peer and the ``Host``
asked for must be loopback (a web page can point a name of its own at this machine), and a browser's
request must not come from another site. Where other machines may, so may names that no web page can have
pointed here. The page at ``/`` shows everybody's data, and keeps the same rules.
"""

import ipaddress
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

import orjson
from aiohttp import web

from imin_accounts.fake._connect import ConnectRefused
from imin_accounts.fake._operations import PREFIX, Operation, operations
from imin_accounts.fake._service import Service

__all__ = ["Admin", "Audience", "Guard", "Handler", "add_methods", "json_reply", "refused"]

Audience: TypeAlias = Literal["loopback", "anywhere"]
Handler: TypeAlias = Callable[[web.Request], Awaitable[web.Response]]


class Guard:
    """Lets in whom may see everybody's data.

    Args:
        audience: ``"anywhere"`` lets requests in from other machines.
        host: What is listened on.
        public_url: What a browser knows the emulator as.
    """

    def __init__(self, audience: Audience, host: str, public_url: str | None) -> None:
        self._audience = audience
        self._own_names = {host.lower(), urlsplit(public_url or "").hostname}

    def __call__(self, handler: Handler) -> Handler:
        """``handler`` for those who may."""

        async def handle(request: web.Request) -> web.Response:
            reason = self._reason_against(request)
            return await handler(request) if reason is None else refused(403, reason)

        return handle

    def _reason_against(self, request: web.Request) -> str | None:
        origin = request.headers.get("Origin")
        # Images of another page come without an Origin; a link of it that is followed is fine.
        loaded = request.headers.get("Sec-Fetch-Mode", "navigate") != "navigate"
        if (origin is not None and origin.partition("://")[2] != request.host) or (
            loaded and request.headers.get("Sec-Fetch-Site") == "cross-site"
        ):
            return "a page of another site may not use the emulator"
        name = urlsplit(f"//{request.host}").hostname or ""
        if self._audience == "anywhere":
            if name in self._own_names or _is_unpublished(name):
                return None
            return (
                "a web page may have pointed this name here; an address, a name without dots and the host of "
                "--public-url may be used"
            )
        if _is_loopback(request.remote) and _is_loopback(name):
            return None
        return (
            "only this machine may use / and /_emulator/, under its name localhost or 127.0.0.1; "
            "`imin-accounts emulator --admin anywhere` lets others in"
        )


class Admin:
    """The admin endpoint of one served emulator."""

    def __init__(self, service: Service, guard: Guard, public_url: str | None) -> None:
        self._service = service
        self._guard = guard
        self._public_url = public_url
        self._start = service.snapshot(), service.faults.script()

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add every route."""
        by_name = defaultdict[str, dict[str, Handler]](dict)
        for operation in operations(self._service, self._reset):
            by_name[operation.name][operation.method] = self._guard(_performing(operation))
        for name, handlers in by_name.items():
            add_methods(router, PREFIX + name, handlers)
        for path in (PREFIX, PREFIX.rstrip("/")):
            add_methods(router, path, {"GET": self._guard(self._index)})
        router.add_route("*", PREFIX + "{anything:(?s:.*)}", self._guard(_nothing_here))

    def index(self, base: str) -> list[dict[str, Any]]:
        """Every operation, described."""
        return [operation.described(base) for operation in operations(self._service, self._reset)]

    def _reset(self) -> None:
        state, faults = self._start
        self._service.reset()
        self._service.restore(state)
        self._service.faults.load(faults)

    async def _index(self, request: web.Request) -> web.Response:
        base = self._public_url or f"{request.scheme}://{request.host}"
        return json_reply({"overview": f"{base}/", "operations": self.index(base)})


def add_methods(router: web.UrlDispatcher, path: str, handlers: dict[str, Handler]) -> None:
    """Add a path with a handler for each method; GET's answers HEAD too, and any other method is a 405."""
    if "GET" in handlers:
        handlers = {**handlers, "HEAD": handlers["GET"]}
    allowed = ", ".join(sorted(handlers))

    async def handle(request: web.Request) -> web.Response:
        if request.method not in handlers:
            return refused(
                405, f"{request.method} is not for this path; it takes {allowed}", {"Allow": allowed}
            )
        return await handlers[request.method](request)

    router.add_route("*", path, handle)


def _performing(operation: Operation) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        try:
            body = None if operation.takes is None else orjson.loads(await request.read())
            result = operation.act(body)
        except orjson.JSONDecodeError:
            return refused(400, f"the body is not JSON; GET {PREFIX} shows one that is")
        except ValueError as error:
            return refused(400, str(error))
        except ConnectRefused as connecting:
            return refused(409, str(connecting))
        return web.Response(status=204) if result is None else json_reply(result)

    return handle


async def _nothing_here(request: web.Request) -> web.Response:
    return refused(404, f"there is no such thing; GET {PREFIX} lists what there is")


def refused(status: int, reason: str, headers: dict[str, str] | None = None) -> web.Response:
    """What can't be done, and why."""
    return json_reply({"error": reason}, status, headers)


def json_reply(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """JSON that people can read."""
    text = json.dumps(value, indent=2) + "\n"
    return web.Response(text=text, status=status, headers=headers, content_type="application/json")


def _is_unpublished(name: str) -> bool:
    """Whether ``name`` is an address, or no name of the public DNS, where a web page's owner could move it.

    Such as ``emulator``, a compose file's service. See "DNS rebinding", and IANA's special-use domain names.
    """
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return "." not in name or name.endswith((".test", ".localhost", ".local", ".internal", ".home.arpa"))
    return True


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
