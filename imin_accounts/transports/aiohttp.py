"""The usual transport: one request, once, over aiohttp.

aiohttp is a client for everything; what it does beyond sending one request is switched off here:
resending, redirects, cookies, the environment's proxies, unlimited bodies, and errors that quote the
request.
"""

import asyncio
import errno
import math
import os
import ssl
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache, partial
from ssl import SSLContext
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from yarl import URL

from imin_accounts.errors import InvalidRequest, SessionStateError, TransportError
from imin_accounts.transports._options import MAX_BODY, MAX_ERROR_BODY, checked_max_body, checked_proxy
from imin_accounts.transports._resolver import DaemonResolver
from imin_accounts.transports.base import Headers, Request, Response

__all__ = ["AiohttpTransport"]

_PAUSE = 256 * 1024


class AiohttpTransport:
    """Sends each request exactly once over connections of its own making.

    Its ``aiohttp.ClientSession`` is made at the first request and belongs to that request's event
    loop. Whoever makes the transport closes it: with ``async with`` or ``aclose()``.

    Args:
        ssl: A context for TLS, e.g. one that trusts a private authority; True for the usual checks.
        proxy: A proxy's URL. The environment's proxies are not used unless passed here, e.g. as
            ``urllib.request.getproxies().get("https")``.
        resolver: Looks host names up instead of ``socket.getaddrinfo`` in a thread that the process does
            not wait for when it ends.
        trace_configs: aiohttp's hooks, for tracing. What they are handed includes the API key.
        max_body: Bytes of a decoded body, at most; from 1.

    Raises:
        InvalidRequest: ``max_body`` is no such number, ``proxy`` no http or https URL, or another argument is
            of a wrong type.
    """

    def __init__(
        self,
        *,
        ssl: ssl.SSLContext | bool = True,
        proxy: str | URL | None = None,
        resolver: AbstractResolver | None = None,
        trace_configs: Sequence[aiohttp.TraceConfig] = (),
        max_body: int = MAX_BODY,
    ) -> None:
        try:
            self._proxy = checked_proxy(proxy)
        finally:
            del proxy  # else a traceback that captures locals would show a password in it
        if not isinstance(ssl, bool | SSLContext):
            raise InvalidRequest("ssl must be a bool or an ssl.SSLContext")
        if resolver is not None and not isinstance(resolver, AbstractResolver):
            raise InvalidRequest("resolver must be one of aiohttp's")
        if not all(isinstance(each, aiohttp.TraceConfig) for each in trace_configs):
            raise InvalidRequest("trace_configs must be aiohttp's TraceConfigs")
        self._ssl = ssl
        self._resolver = resolver
        self._trace_configs = list(trace_configs)
        self._max_body = checked_max_body(max_body)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = os.getpid()
        self._closed = False
        self._pooled: _Lane | None = None
        self._fresh: _Lane | None = None
        self._retired: set[_Lane] = set()
        self._reading: set[aiohttp.StreamReader] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection; a request under way ends at once. Closing twice is fine.

        In a forked child nothing is closed: the event loop there watches the parent's connections for both.
        """
        self._closed = True
        if self._process != os.getpid():
            return
        for content in self._reading:
            _break_off(content)
        for lane in (self._pooled, self._fresh, *self._retired):
            if lane is not None:
                await lane.client.close()
        self._retired.clear()

    async def discard_idle(self) -> None:
        """Drop pooled connections: idle ones now, those in use when their request ends.

        Raises:
            SessionStateError: The transport is another event loop's.
        """
        self._check_loop()
        lane, self._pooled = self._pooled, None
        if lane is not None:
            self._retired.add(lane)
            await self._close_if_unused(lane)

    async def send(self, request: Request, *, timeout: float) -> Response:
        """Send ``request`` once; see ``Transport.send``.

        Args:
            timeout: Half of it is for connecting, so that a host that does not answer is known not to
                have been sent anything. The rest is the caller's to enforce.

        Raises:
            TransportError: No usable reply.
            SessionStateError: The transport is closed, was closed before anything was sent, or is another
                event loop's.
        """
        lane = self._lane(request.fresh)
        lane.in_use += 1
        try:
            return await self._exchange(lane.client, request, timeout)
        except TransportError as error:
            reason, maybe_sent = error.reason, error.maybe_sent
        except (aiohttp.ClientError, OSError) as error:
            reason, maybe_sent = _why_no_reply(error), True
        finally:
            lane.in_use -= 1
            if lane in self._retired:
                await self._close_if_unused(lane)
        if self._closed and not maybe_sent:
            raise SessionStateError("the transport was closed during the request")
        raise TransportError(reason, maybe_sent=maybe_sent)

    async def _exchange(self, client: aiohttp.ClientSession, request: Request, timeout: float) -> Response:
        reply = await client.request(
            request.method,
            URL(request.url, encoded=True),
            headers=request.headers,
            allow_redirects=False,
            timeout=_connect_within(timeout / 2),
        )
        self._reading.add(reply.content)
        if self._closed:  # after the head had come
            _break_off(reply.content)
        try:
            if reply.status == 200:
                body = await _read(reply, self._max_body)
            else:  # the status says it all: what explains it may be long, slow or broken, and stay unread
                body = b""
                with suppress(aiohttp.ClientError, OSError, TransportError):
                    async with asyncio.timeout(timeout / 4):
                        body = await _read(reply, min(MAX_ERROR_BODY, self._max_body))
        finally:
            self._reading.discard(reply.content)
            reply.release()
        return Response(status=reply.status, headers=_headers_of(reply), body=body)

    def _lane(self, fresh: bool) -> "_Lane":
        if self._closed:
            raise SessionStateError("the transport is closed: make a new one")
        self._check_loop()
        if self._loop is None:
            self._loop, self._process = asyncio.get_running_loop(), os.getpid()
        if fresh:
            self._fresh = self._fresh or self._open(force_close=True)
            return self._fresh
        self._pooled = self._pooled or self._open(force_close=False)
        return self._pooled

    def _check_loop(self) -> None:
        if self._loop not in (None, asyncio.get_running_loop()):
            raise SessionStateError("the transport is another event loop's: make one for this loop")

    def _open(self, *, force_close: bool) -> "_Lane":
        # limit=0: waiting for a connection must not burn an attempt's time; the session counts requests.
        resolver = self._resolver or DaemonResolver()
        connector = _Connector(limit=0, force_close=force_close, ssl=self._ssl, resolver=resolver)
        client = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            proxy=self._proxy,
            trace_configs=self._trace_configs,
            middlewares=(_send_once,),
        )
        return _Lane(client)

    async def _close_if_unused(self, lane: "_Lane") -> None:
        if not lane.in_use:
            self._retired.discard(lane)
            await lane.client.close()


class _Lane:
    """A client session, and how many requests are under way on it.

    A lane that was retired gets no further request, and is closed after its last one.
    """

    def __init__(self, client: aiohttp.ClientSession) -> None:
        self.client = client
        self.in_use = 0


class _Connector(aiohttp.TCPConnector):
    """Knows what failed before anything was sent, and trusts no connection that spoke unasked.

    A connection is over when it is closed. aiohttp closes one politely, and a peer that never answers TLS's
    close_notify keeps the socket for 30 seconds, when the connector may be long gone; and it waits for those
    that are still being made.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._used = set[asyncio.Transport]()
        self._making = set[asyncio.Timeout]()

    async def close(self, *, abort_ssl: bool = False) -> None:
        """Close every connection, those too that are being closed."""
        for each in self._making:
            each.reschedule(-math.inf)
        while self._used:
            self._used.pop().abort()
        await super().close(abort_ssl=True)

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        try:
            while True:
                connection = await super().connect(req, traces, timeout)
                protocol = connection.protocol
                transport = None if protocol is None else protocol.transport
                is_new = transport not in self._used
                if transport is not None and (is_new or req.is_ssl()):
                    self._note(connection, transport, is_new=is_new, is_ssl=req.is_ssl())
                # aiohttp would take what came before the request for the reply to it.
                if protocol is not None and not protocol.should_close:
                    return connection
                connection.close()
                if is_new:  # a server that speaks first will do so on the next one too
                    reason = "malformed"
                    break
        except (AttributeError, NameError, TypeError):
            raise  # a mistake in a program, such as in a resolver, is not to pass for a network's failure
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            reason = "cancelled"  # by a resolver, or because the connector was closed: not by the caller
        except Exception as error:  # noqa: BLE001 - a resolver's own too: whatever it was, nothing was sent
            self.clear_dns_cache()  # the service may have moved: the next attempt is not to go there again
            reason = _why_not_connected(error)
        raise TransportError(reason, maybe_sent=False)

    async def _create_connection(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> ResponseHandler:
        async with asyncio.timeout(None) as making:  # no time of its own: for ``close`` to end it
            self._making.add(making)
            try:
                protocol = await super()._create_connection(req, traces, timeout)
            finally:
                self._making.discard(making)
        if self.closed:  # while it was being made; aiohttp would close it politely
            protocol.abort()
        return protocol

    def _note(self, to: Connection, transport: asyncio.Transport, *, is_new: bool, is_ssl: bool) -> None:
        if is_new and not self.force_close:
            for each in [*self._used]:
                self._end_if_closed(each)
            self._used.add(transport)
        if is_ssl or self.force_close:
            # aiohttp calls it just before it closes the connection, or gives it back to the pool.
            to.add_callback(partial(self._end_soon_if_closed, transport))

    def _end_soon_if_closed(self, transport: asyncio.Transport) -> None:
        asyncio.get_running_loop().call_soon(self._end_if_closed, transport)

    def _end_if_closed(self, transport: asyncio.Transport) -> None:
        if transport.is_closing():
            transport.abort()
            self._used.discard(transport)


def _why_not_connected(error: Exception) -> str:
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "dns"
        case ssl.SSLError() | ssl.CertificateError() | aiohttp.ServerFingerprintMismatch():
            return "tls"
        case TimeoutError():
            return "connect timeout"
        case aiohttp.ClientConnectorError(errno=errno.ECONNREFUSED):
            return "refused"
        case OSError(errno=errno.EMFILE | errno.ENFILE):  # which is nobody's fault but this process's
            return "too many open files"
        case _:
            return "connect"


async def _send_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp from resending: it sends GET and DELETE once more when a connection drops.

    So a DELETE could be processed twice while the caller sees the second one's 404. It resends on its
    own errors only; a TransportError passes through.
    """
    try:
        return await handler(request)
    except (aiohttp.ClientError, OSError) as error:
        reason = _why_no_reply(error)
    raise TransportError(reason, maybe_sent=True)


def _why_no_reply(error: aiohttp.ClientError | OSError) -> str:
    match error:
        case aiohttp.ClientResponseError():
            return "malformed"
        case TimeoutError():
            return "timeout"
        case _:
            return "dropped"


@lru_cache(maxsize=16)  # most attempts have the same time, and making one takes 3 us
def _connect_within(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=seconds)


def _headers_of(reply: aiohttp.ClientResponse) -> Headers:
    fields = reply.headers
    headers = Headers([(name.lower(), value) for name, value in fields.items()])
    if len(headers) < len(fields):
        for name in headers:
            headers[name] = ", ".join(fields.getall(name))
    return headers


def _break_off(content: aiohttp.StreamReader) -> None:
    """End the reading of a body whose connection is closed from this side.

    aiohttp leaves the reader waiting, or takes the part that has come for the whole:
    https://github.com/aio-libs/aiohttp/issues/5582.
    """
    content.set_exception(aiohttp.ServerDisconnectedError())


async def _read(reply: aiohttp.ClientResponse, most: int) -> bytes:
    """The decoded body, chunk by chunk: read in one go it has no limit after decompression."""
    content = reply.content
    body = await content.readany()
    if not content.at_eof() and (reply.content_length or 0) <= most:
        parts = bytearray(body)
        while len(parts) <= most and (chunk := await content.readany()):
            parts += chunk
            if len(parts) > _PAUSE:  # a gzip bomb never has to wait for bytes: let others run
                await asyncio.sleep(0)
        body = bytes(parts)
    if content.at_eof() and len(body) <= most:
        return body
    reply.close()
    raise TransportError("too large", maybe_sent=True)
