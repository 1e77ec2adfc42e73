"""A transport over httpx: what ``Transport`` asks for, in a screenful.

It keeps every promise that ``imin_accounts.testing.check_transport`` knows of. Below httpx's ``Client``
are its transports, which follow no redirects, keep no cookies and send once: just what is asked.
"""

from typing import Self

import httpx

from imin_accounts.errors import TransportError
from imin_accounts.transports import Request, Response

NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class HttpxTransport:
    def __init__(self) -> None:
        self._pool = httpx.AsyncHTTPTransport(trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._pool.aclose()

    async def send(self, request: Request, *, timeout: float) -> Response:
        if not request.fresh:
            return await self._send(self._pool, request, timeout)
        async with httpx.AsyncHTTPTransport(trust_env=False) as own:
            return await self._send(own, request, timeout)

    async def _send(self, pool: httpx.AsyncHTTPTransport, request: Request, timeout: float) -> Response:
        url = httpx.URL(request.url)
        target = request.url.removeprefix(f"{url.scheme}://{url.netloc.decode()}").encode()  # byte for byte
        extensions = {
            "timeout": dict.fromkeys(("connect", "read", "write", "pool"), timeout),
            "target": target,
        }
        sent = httpx.Request(request.method, url, headers=dict(request.headers), extensions=extensions)
        try:
            reply = await pool.handle_async_request(sent)
            body = await reply.aread()
            await reply.aclose()
        except httpx.HTTPError as error:
            reason, maybe_sent = type(error).__name__, not isinstance(error, NOT_SENT)
        else:
            headers = {name.lower(): value for name, value in reply.headers.items()}
            return Response(status=reply.status_code, headers=headers, body=body)
        raise TransportError(reason, maybe_sent=maybe_sent)
