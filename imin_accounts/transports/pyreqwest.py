"""A transport over pyreqwest: Rust's reqwest, hyper and rustls, in a thread of their own.

What it does beyond sending one request is switched off here: redirects, cookies, the environment's
proxies, unlimited bodies, URLs written anew. Two things about it can't be, and shape this module: a request
that is given up is not called back, so it has its own time in there as well; and its thread must not come
back to an interpreter that has gone.
"""

import asyncio
import atexit
import math
import os
import ssl
import zlib
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from types import TracebackType, coroutine
from typing import Any, Self, TypeVar

from yarl import URL

from imin_accounts.errors import InvalidRequest, SessionStateError, TransportError
from imin_accounts.transports._options import MAX_BODY, MAX_ERROR_BODY, checked_max_body, checked_proxy
from imin_accounts.transports.base import Headers, Request, Response

try:
    from pyreqwest.client import Client, ClientBuilder
    from pyreqwest.exceptions import BuilderError, ClientClosedError, DetailedPyreqwestError, PyreqwestError
    from pyreqwest.http import Url
    from pyreqwest.proxy import ProxyBuilder
    from pyreqwest.response import Response as Reply
except ModuleNotFoundError as _missing:
    if (_missing.name or "").partition(".")[0] != "pyreqwest":
        raise
    raise ImportError(
        "PyreqwestTransport needs an extra: python -m pip install 'imin-accounts[pyreqwest]'"
        " (from a checkout: '.[pyreqwest]')"
    ) from None

__all__ = ["PyreqwestTransport"]

T = TypeVar("T")
_Kind = tuple[bool, float]
"""A client's: whether it keeps no connection, and its time for connecting."""
_PIECE = 64 * 1024
_IDLE = 15.0
"""Seconds until an idle connection is closed, as aiohttp does: a balancer may do so after 60."""
_FORKED = "pyreqwest was used before this process was forked: send the first request after the fork"
_LONGEST = 86_400.0
"""Seconds: a day, more than any attempt may take."""


class PyreqwestTransport:
    """Sends each request exactly once, in less of this process's time than ``AiohttpTransport`` takes.

    Its clients are made at the first request and belong to that request's event loop and process. Whoever
    makes the transport closes it: with ``async with`` or ``aclose()``.

    A request that is cancelled ends at once here; pyreqwest has no way to call it back. Its connection
    lives on until the reply has come or ``timeout`` is over, and one that was still being opened may yet
    carry it.

    Args:
        ssl: True for the usual checks against the system's authorities. Of a context these are kept: the
            authorities that it holds beside the system's, whether it checks certificates at all, and its
            lowest and highest version of TLS. A client certificate in it is not used.
        proxy: A proxy's URL. The environment's proxies are not used.
        max_body: Bytes of a decoded body, at most; from 1.

    Raises:
        InvalidRequest: ``max_body`` is no such number, ``proxy`` is no http or https URL, or ``ssl`` asks for
            what can't be had here: a certificate without its host name, lists of revocations, fewer
            authorities than the system's.
        ImportError: From the import: pyreqwest is not installed.
    """

    def __init__(
        self, *, ssl: ssl.SSLContext | bool = True, proxy: str | URL | None = None, max_body: int = MAX_BODY
    ) -> None:
        try:
            self._proxy = checked_proxy(proxy)
        finally:
            del proxy  # else a traceback that captures locals would show a password in it
        if self._proxy is not None:
            _proxy_to(self._proxy)
        self._trust = _trust_of(ssl)
        self._max_body = checked_max_body(max_body)
        self._home: tuple[asyncio.AbstractEventLoop, int] | None = None
        self._closed = False
        self._clients: dict[_Kind, Client] = {}
        self._used = set[_Kind]()
        self._under_way = set[asyncio.Timeout]()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every idle connection, and end every request that is under way. Closing twice is fine."""
        self._closed = True
        self._clients.clear()
        for exchange in self._under_way:
            exchange.reschedule(-math.inf)

    async def discard_idle(self) -> None:
        """Drop pooled connections: idle ones now, those in use when their request ends."""
        # A client that got nowhere yet keeps no connection, and making another takes 4 ms.
        for kind in self._used:
            self._clients.pop(kind, None)
        self._used.clear()

    async def send(self, request: Request, *, timeout: float) -> Response:
        """Send ``request`` once; see ``Transport.send``.

        Args:
            timeout: A quarter to half of it is for connecting, so that a host that does not answer is known
                not to have been sent anything. When all of it is over the request ends, given up or not.

        Raises:
            TransportError: No usable reply; with the reason ``"url"`` where reqwest would have sent another
                URL than the one that was asked for.
            SessionStateError: The transport is closed, or is another event loop's or process's.
        """
        self._check()
        url = _as_it_is(request.url)
        exchange = asyncio.timeout(None)  # no time of its own: for ``aclose`` to end it
        try:
            async with exchange:
                self._under_way.add(exchange)
                return await self._exchange(url, request, timeout)
        except TransportError as error:
            reason, maybe_sent = error.reason, error.maybe_sent
        except PyreqwestError as error:
            reason, maybe_sent = _why_no_reply(error)
        except TimeoutError:
            reason, maybe_sent = "closed", True
        finally:
            self._under_way.discard(exchange)
        raise TransportError(reason, maybe_sent=maybe_sent)

    async def _exchange(self, url: Url, request: Request, timeout: float) -> Response:
        # A client has one time for connecting. Powers of two, so that there are few clients and pools.
        connecting = 2.0 ** min(max(math.floor(math.log2(max(timeout, 1e-9) / 2)), -4), 5)
        kind = request.fresh, connecting
        if kind not in self._clients:
            self._clients[kind] = self._open(*kind)
        # No local variable: an exception keeps those, and a client its connections.
        building = self._clients[kind].request(request.method, url).timeout(_span(timeout))
        building = building.streamed_read_buffer_limit(0)  # else a status waits for 64 kB of its body
        try:
            for name, value in _with_encodings(request.headers):
                building = building.header(name, value, is_sensitive=True)
            streaming = building.build_streamed()
        except ValueError:  # no field of HTTP's; the text may quote it
            raise TransportError("headers", maybe_sent=False) from None
        try:
            reply = await _await(streaming.__aenter__())
        except asyncio.CancelledError:
            self._used.add(kind)  # the reply may come yet, and leave an idle connection
            raise
        try:
            headers = _joined(reply)
            if "content-length" in headers and "transfer-encoding" in headers:  # where does the reply end?
                raise TransportError("malformed", maybe_sent=True)
            if reply.status == 200:
                body = await _read(reply, headers, self._max_body)
            else:  # the status says it all: what explains it may be long, slow or broken, and stay unread
                body = b""
                with suppress(PyreqwestError, TransportError, TimeoutError):
                    async with asyncio.timeout(timeout / 4):
                        body = await _read(reply, headers, min(MAX_ERROR_BODY, self._max_body))
            self._used.add(kind)
            return Response(status=reply.status, headers=headers, body=body)
        finally:
            await streaming.__aexit__(None, None, None)

    def _check(self) -> None:
        home = asyncio.get_running_loop(), os.getpid()
        if self._closed:
            raise SessionStateError("the transport is closed: make a new one")
        self._home = self._home or home
        if self._home[1] != home[1]:
            raise SessionStateError(_FORKED)
        if self._home[0] is not home[0]:
            raise SessionStateError("the transport is another event loop's: make one for this loop")

    def _open(self, fresh: bool, connecting: float) -> Client:
        building = ClientBuilder().http1_only().no_proxy().follow_redirects(False).referer(False)
        # Decoded here: reqwest takes Content-Length away from what it decodes, and so the body from a 204.
        building = building.gzip(False).deflate(False).brotli(False).zstd(False)
        building = building.connect_timeout(_span(connecting)).runtime_multithreaded(False)
        building = self._trust(building)
        if self._proxy is not None:
            building = building.proxy(_proxy_to(self._proxy))
        building = building.pool_idle_timeout(_span(_IDLE))
        if fresh:
            building = building.pool_max_idle_per_host(0)
        try:
            client = building.build()
        except RuntimeError:  # pyreqwest's own words for it name another library
            raise SessionStateError(_FORKED) from None
        _RUNTIME.is_used = True
        return client


# --- What goes out --------------------------------------------------------------------------------


def _as_it_is(url: str) -> Url:
    """``url`` parsed, where what reqwest makes of it says the same to the last byte.

    It follows WHATWG: ``..`` and ``%2e%2e`` take a segment away, a backslash becomes a slash, spaces and
    quotes are encoded. Only a host's letter case and the scheme's usual port may differ.
    """
    try:
        made = Url(url)
    except ValueError:
        raise TransportError("url", maybe_sent=False) from None
    text = str(made)
    if made.fragment is not None or (text != url and _parts(text) != _parts(url)):
        raise TransportError("url", maybe_sent=False)
    return made


def _parts(url: str) -> tuple[str, str, str]:
    scheme, _, rest = url.partition("://")
    end = next((n for n, character in enumerate(rest) if character in "/?#"), len(rest))
    scheme, authority, target = scheme.lower(), rest[:end].lower(), rest[end:]
    usual = {"http": ":80", "https": ":443"}.get(scheme, "")
    return scheme, authority.removesuffix(usual), target if target.startswith("/") else "/" + target


def _with_encodings(headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    yield from headers.items()
    if not any(name.lower() == "accept-encoding" for name in headers):
        yield "Accept-Encoding", "gzip, deflate"


def _span(seconds: float) -> timedelta:
    return timedelta(seconds=min(max(seconds, 1e-3), _LONGEST))


def _proxy_to(url: str) -> ProxyBuilder:
    with suppress(ValueError):
        return ProxyBuilder.all(url)
    del url
    raise InvalidRequest("proxy must be the URL of a proxy")


def _trust_of(given: ssl.SSLContext | bool) -> Callable[[ClientBuilder], ClientBuilder]:
    """What makes a builder trust whom ``given`` does."""
    if isinstance(given, bool):
        return lambda building: building.danger_accept_invalid_certs(not given)
    if not isinstance(given, ssl.SSLContext):
        raise InvalidRequest("ssl must be a bool or an ssl.SSLContext")
    v1_2, v1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
    held = {*given.get_ca_certs(binary_form=True)}
    systems = {*ssl.create_default_context().get_ca_certs(binary_form=True)}
    checks = given.verify_mode != ssl.CERT_NONE
    if checks and not given.check_hostname:
        raise InvalidRequest("ssl must check host names too: this transport does both or neither")
    if checks and given.verify_flags & ssl.VERIFY_CRL_CHECK_LEAF:
        raise InvalidRequest("ssl must not ask for lists of revocations: this transport reads none")
    if checks and not systems <= held:
        raise InvalidRequest(
            "ssl trusts fewer authorities than the system, which this transport can't: load yours into"
            " ssl.create_default_context(), or take AiohttpTransport"
        )
    if 0 < given.maximum_version < v1_2:  # what is no version of its own is negative
        raise InvalidRequest("ssl must allow TLS 1.2 or newer")
    only_1_3 = given.minimum_version in (v1_3, ssl.TLSVersion.MAXIMUM_SUPPORTED)
    only_1_2 = given.maximum_version == v1_2

    def trust(building: ClientBuilder) -> ClientBuilder:
        for authority in held - systems:
            building = building.add_root_certificate_der(authority)
        if only_1_3:
            building = building.min_tls_version("TLSv1.3")
        if only_1_2:
            building = building.max_tls_version("TLSv1.2")
        return building.danger_accept_invalid_certs(not checks)

    return trust


# --- What comes back ------------------------------------------------------------------------------


@coroutine
def _await(waited_for: Coroutine[Any, Any, T]) -> Generator[Any, Any, T]:
    """Await it, and let a cancellation come out as it went in.

    pyreqwest makes another in its place, without the message by which anyio knows its own again; and none
    where the reply has just come, so that the caller's task would go on.
    """
    try:
        while True:
            waiting = waited_for.send(None)
            try:
                yield waiting
            except asyncio.CancelledError:
                with suppress(asyncio.CancelledError, PyreqwestError, StopIteration):
                    # Never the one that came: the garbage collector can't see into pyreqwest, so that one
                    # and its frames, with the client and its connections, would be there for good.
                    waited_for.throw(asyncio.CancelledError)
                raise
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


def _joined(reply: Reply) -> Headers:
    """The fields, names in lower case; a value that is not ASCII is there, and says nothing."""
    headers = Headers()
    try:
        fields = [*reply.headers.items()]
    except ValueError:
        fields = [*_fields_one_by_one(reply)]
    for name, value in fields:
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _fields_one_by_one(reply: Reply) -> Iterator[tuple[str, str]]:
    for name in dict.fromkeys(reply.headers):
        try:
            yield from ((name, value) for value in reply.headers.getall(name))
        except ValueError:
            yield name, "\N{REPLACEMENT CHARACTER}"


async def _read(reply: Reply, headers: Headers, most: int) -> bytes:
    """The decoded body, piece by piece: read in one go it has no limit after decompression."""
    length = headers.get("content-length", "")
    announced = int(length) if length.isdecimal() and len(length) < 20 else None
    decode = _decoder(headers.get("content-encoding", ""))
    body, received = bytearray(), 0
    reader = reply.body_reader
    if (announced or 0) > most:
        raise TransportError("too large", maybe_sent=True)
    # Where all that was announced has come, its end need not be asked for: that would cost a tenth.
    while received != announced and (chunk := await _await(reader.read_chunk())) is not None:
        received += len(chunk)
        for piece in decode(chunk.to_bytes()):
            body += piece
            if len(body) > most:
                raise TransportError("too large", maybe_sent=True)
            if len(body) > 4 * _PIECE:  # a gzip bomb never has to wait for bytes: let others run
                await asyncio.sleep(0)
    return bytes(body)


def _decoder(encoding: str) -> Callable[[bytes], Iterable[bytes]]:
    """What decodes a body's chunks in turn, into pieces of 64 kB at most; an unknown encoding is left."""
    match encoding.strip().lower():
        case "gzip" | "x-gzip":
            return _Inflating(lambda start: 31).pieces
        case "deflate":  # of which there are two: with zlib's header, and without
            return _Inflating(lambda start: 15 if start & 15 == 8 else -15).pieces
        case _:
            return lambda chunk: (chunk,)


class _Inflating:
    """Decompresses a body that comes in chunks, one stream after another.

    Args:
        window: ``wbits`` for a stream that begins with a byte.
    """

    def __init__(self, window: Callable[[int], int]) -> None:
        self._window = window
        self._stream: Any = None

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        try:
            while chunk or self._stream is not None:
                self._stream = self._stream or zlib.decompressobj(self._window(chunk[0]))
                piece = self._stream.decompress(chunk, _PIECE)
                yield piece
                if self._stream.eof:
                    chunk, self._stream = self._stream.unused_data, None
                elif len(piece) < _PIECE:
                    return  # all of the chunk has been taken in
                else:
                    chunk = self._stream.unconsumed_tail
        except zlib.error:
            raise TransportError("malformed", maybe_sent=True) from None


def _why_no_reply(error: PyreqwestError) -> tuple[str, bool]:
    """A short word, and whether anything may have been sent, from the causes that reqwest lists.

    hyper connects, and only then writes: what fails in the first is ``client error (Connect)``. On a pooled
    connection that turns out to be closed it starts again where not one byte was written, and nowhere else.
    """
    details = error.details if isinstance(error, DetailedPyreqwestError) else None
    causes = [cause["message"] for cause in (details and details["causes"]) or ()]
    if "client error (Connect)" in causes:
        return next((word for text in causes for part, word in _CONNECTING if part in text), "connect"), False
    if isinstance(error, BuilderError):  # a URL of neither http nor https
        return "url", False
    if isinstance(error, ClientClosedError):
        return "closed", True
    if isinstance(error, TimeoutError):
        return "timeout", True
    return next((word for text in causes for part, word in _SENDING if part in text), "malformed"), True


_CONNECTING = [
    ("dns error", "dns"),
    ("invalid peer certificate", "tls"),
    ("received corrupt message", "tls"),
    ("received fatal alert", "tls"),
    ("Connection refused", "refused"),
    ("Too many open files", "too many open files"),
    ("deadline has elapsed", "connect timeout"),
]
_SENDING = [
    ("connection closed before message completed", "dropped"),
    ("end of file before message length reached", "dropped"),
    ("unexpected EOF", "dropped"),
    ("connection error", "dropped"),
    ("Connection reset", "dropped"),
    ("os error", "dropped"),
]


# --- The end of the process -----------------------------------------------------------------------


class _Runtime:
    """pyreqwest's one thread, that all clients of the process share.

    What ends in it after the interpreter has gone calls the interpreter: it was measured to panic in most
    processes that left requests behind, and to abort one in thirty. So at exit it is stopped, in a call that
    never returns.
    """

    is_used = False

    def stop(self) -> None:
        """Stop the thread for good, where it was ever started."""
        if self.is_used:
            with suppress(Exception):  # whatever it is, the process ends
                asyncio.run(self._stop())

    async def _stop(self) -> None:
        told, tells = os.pipe()  # neither is ever closed, which would end the write
        os.set_blocking(told, False)

        def never(url: Url) -> None:
            # Begins to write where it has let go of the interpreter, and never ends: nobody reads the rest.
            os.write(tells, bytes(1 << 24))

        client = ClientBuilder().proxy(ProxyBuilder.custom(never)).runtime_multithreaded(False).build()
        asking = asyncio.ensure_future(client.get("http://127.0.0.1:9/").build().send())
        for _ in range(1000):  # a second at most: the thread may be held up by somebody else's callback
            with suppress(BlockingIOError):
                os.read(told, 1)
                break
            await asyncio.sleep(0.001)
        asking.cancel()


_RUNTIME = _Runtime()
atexit.register(_RUNTIME.stop)  # as early as this is imported, so as to be among the last
