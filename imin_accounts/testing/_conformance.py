"""The conformance kit: whether a transport of your own keeps the promises of ``Transport``.

::

    async def test_my_transport():
        await check_transport(MyTransport)

It listens on loopback, sends a few dozen requests and takes about a second.
"""

import asyncio
import gzip
import sys
import traceback
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import UTC, datetime
from urllib.parse import quote

from imin_accounts.errors import InvalidRequest, TransportError
from imin_accounts.fake import Drop, FakeImin, Malformed, Rule, Status, add_rosie
from imin_accounts.testing._playback import DROP, OK, Playback, Reply
from imin_accounts.transports import Request, Response, Transport

__all__ = ["BrokenPromises", "check_transport"]

_TIMEOUT = 60.0  # longer than anybody waits here, so that no transport ends by its own timeout
_KEY = "a-key-that-must-not-leak"
_ROUTE = "/api/v2/customers/{}/accounts"

Promise = Callable[["Trial"], Awaitable[None]]
_PROMISES: list[Promise] = []


class BrokenPromises(AssertionError):
    """A transport does not do what ``Transport`` says.

    Attributes:
        broken: What was promised and what was seen instead, one text each.
    """

    def __init__(self, broken: list[str]) -> None:
        super().__init__("\n".join([f"{len(broken)} of {len(_PROMISES)} promises are broken:", *broken]))
        self.broken: tuple[str, ...] = tuple(broken)


async def check_transport(factory: Callable[[], Transport], *, patience: float = 10.0) -> None:
    """Try a transport against every promise of ``Transport.send``.

    Args:
        factory: Makes a transport; called for each promise anew. One that is an async context manager
            is entered and left.
        patience: Seconds that each promise may take before it counts as broken.

    Raises:
        InvalidRequest: ``patience`` is not a positive, finite number.
        BrokenPromises: It breaks some; says which.
    """
    is_number = isinstance(patience, int | float) and not isinstance(patience, bool)
    if not is_number or not 0 < patience <= sys.float_info.max:
        raise InvalidRequest("patience must be a positive, finite number of seconds")
    broken = []
    for promise in _PROMISES:
        try:
            async with asyncio.timeout(patience), AsyncExitStack() as stack:
                await promise(Trial(factory, stack))
        except TimeoutError:
            broken.append(f"{promise.__doc__} But it did not come to an end.")
        except _Broken as seen:
            broken.append(f"{promise.__doc__} But {seen}.")
        except Exception as error:  # noqa: BLE001 - whatever a stranger's transport raises
            broken.append(f"{promise.__doc__} But it raised {type(error).__name__}.")
    if broken:
        raise BrokenPromises(broken)


class _Broken(Exception):
    pass


def _expect(kept: bool, otherwise: str) -> None:
    if not kept:
        raise _Broken(otherwise)


class Trial:
    """What one promise is tried with."""

    def __init__(self, factory: Callable[[], Transport], stack: AsyncExitStack) -> None:
        self._factory = factory
        self.stack = stack

    async def transport(self) -> Transport:
        """A new transport, closed when the promise has been tried."""
        transport = self._factory()
        if isinstance(transport, AbstractAsyncContextManager):
            await self.stack.enter_async_context(transport)
        return transport

    async def server(self, *replies: Reply) -> Playback:
        """A server that gives these replies in turn, the last one again and again."""
        return await self.stack.enter_async_context(Playback(*replies))


async def _send(transport: Transport, url: str, method: str = "GET", *, fresh: bool = False) -> Response:
    headers = {"Accept": "application/json", "X-Api-Key": _KEY}
    return await transport.send(
        Request(method=method, url=url, headers=headers, fresh=fresh), timeout=_TIMEOUT
    )


async def _failure(transport: Transport, url: str, method: str = "GET") -> TransportError:
    wrong = "a reply was returned"
    try:
        await _send(transport, url, method)
    except TransportError as error:
        return error
    except Exception as error:  # noqa: BLE001 - that it is not a TransportError is what breaks the promise
        wrong = f"{type(error).__name__} was raised instead of TransportError"
    raise _Broken(wrong)


def _promise(promise: Promise) -> Promise:
    _PROMISES.append(promise)
    return promise


@_promise
async def _sends_it_as_it_is(trial: Trial) -> None:
    """The URL goes out byte for byte or not at all, and each header once, as given."""
    server, transport = await trial.server(OK), await trial.transport()
    targets = [
        _ROUTE.format(quote(customer, safe=""))
        for customer in ("1234", "..", "a/b", "%2F", "é ü", "a+b=c&d;", "~'()*")
    ]
    targets.append(_ROUTE.format("1") + "?redirectUri=https%3A%2F%2Fbroker.example%2F%3Fa%3Db%252Bc%23d")
    for target in targets:
        before = len(server.received)
        try:
            await _send(transport, server.origin + target)
        except TransportError as error:  # one that can't send dot segments as they are has to say so
            refused = "/../" in target and not error.maybe_sent and len(server.received) == before
            _expect(refused, f"{target} was refused, or was sent and then refused")
            continue
        seen = server.received[-1]
        _expect(seen.line == f"GET {target} HTTP/1.1", f"{target} arrived as {seen.line!r}")
        _expect(seen.values("x-api-key") == [_KEY], "X-Api-Key did not arrive once, as given")
        _expect(seen.values("accept") == ["application/json"], "Accept did not arrive once, as given")


@_promise
async def _reads_the_whole_reply(trial: Trial) -> None:
    """The reply is read whole: status, fields with lower-case names, repeated ones joined, the body."""
    body = b'{"a":"' + b"x" * 300_000 + b'"}'
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    head = b"HTTP/1.1 200 OK\r\nX-Odd: a\r\nX-ODD: b\r\nTransfer-Encoding: chunked\r\n\r\n"
    server, transport = await trial.server(Reply(head + chunks)), await trial.transport()
    response = await _send(transport, server.origin + "/")
    _expect(response.status == 200, f"the status was {response.status}")
    _expect(response.headers.get("x-odd") == "a, b", "X-Odd was not 'a, b' under its lower-case name")
    _expect(response.body == body, f"{len(response.body)} bytes of {len(body)} came back, or others")


@_promise
async def _decodes_the_body(trial: Trial) -> None:
    """A body is decoded, where the request accepts an encoding."""
    body = gzip.compress(b'{"a":1}')
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    server, transport = await trial.server(Reply(head + body)), await trial.transport()
    request = Request(method="GET", url=server.origin + "/", headers={"Accept-Encoding": "gzip"})
    response = await transport.send(request, timeout=_TIMEOUT)
    _expect(response.body == b'{"a":1}', "gzip came back as it was")


@_promise
async def _returns_every_status(trial: Trial) -> None:
    """Any status is a reply, with its headers: it raises nothing and tries nothing again."""
    statuses = (204, 302, 304, 400, 401, 404, 408, 425, 429, 500, 503)
    for status in statuses:
        head = f"HTTP/1.1 {status} Whatever\r\nRetry-After: 7\r\nLocation: /elsewhere\r\n"
        length = "" if status in (204, 304) else "Content-Length: 0\r\n"
        server = await trial.server(Reply(f"{head}{length}\r\n".encode()))
        response = await _send(await trial.transport(), server.origin + "/")
        _expect(response.status == status, f"{status} became {response.status}")
        _expect(response.headers.get("retry-after") == "7", f"Retry-After was lost from a {status}")
        _expect(len(server.received) == 1, f"a {status} made it send {len(server.received)} requests")


@_promise
async def _keeps_no_cookies(trial: Trial) -> None:
    """Cookies are not kept: one customer's must not go out with the next one's request."""
    reply = Reply(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 2\r\n\r\n{}")
    server, transport = await trial.server(reply), await trial.transport()
    await _send(transport, server.origin + "/")
    await _send(transport, server.origin + "/")
    _expect(not server.received[1].values("cookie"), "the second request carried the first one's cookie")


@_promise
async def _sends_once(trial: Trial) -> None:
    """A request is sent exactly once, whatever becomes of it, on a new connection and on a used one."""
    for method in ("GET", "DELETE"):
        for before in (0, 1):
            server = await trial.server(*[OK] * before, DROP)
            transport = await trial.transport()
            for _ in range(before):
                await _send(transport, server.origin + "/")
            error = await _failure(transport, server.origin + "/", method)
            sent = len(server.received) - before
            _expect(sent == 1, f"a dropped {method} was sent {sent} times")
            _expect(error.maybe_sent, f"maybe_sent was False of a {method} that had arrived")


@_promise
async def _tells_what_was_not_sent(trial: Trial) -> None:
    """A refused connection is a TransportError with maybe_sent=False."""
    async with Playback(OK) as server:
        url = server.origin
    error = await _failure(await trial.transport(), url + "/")
    _expect(not error.maybe_sent, "maybe_sent was True")


@_promise
async def _refuses_half_a_reply(trial: Trial) -> None:
    """A reply that is cut short or is not HTTP is a TransportError with maybe_sent=True."""
    for data in (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}", b"HTTP/1.1 200", b"what?\r\n\r\n"):
        server = await trial.server(Reply(data, ends=True))
        error = await _failure(await trial.transport(), server.origin + "/")
        _expect(error.maybe_sent, "maybe_sent was False of a request that had arrived")


@_promise
async def _keeps_the_key_to_itself(trial: Trial) -> None:
    """No error shows the API key, nor does anything that hangs on it."""
    async with Playback(OK) as gone:
        refused = gone.origin
    server = await trial.server(DROP)
    for url in (refused + "/", server.origin + "/"):
        error: BaseException | None = await _failure(await trial.transport(), url)
        while error is not None:
            shown = "".join([*traceback.format_exception_only(error), repr(error), repr(vars(error))])
            _expect(_KEY not in shown, f"{type(error).__name__} shows it")
            error = error.__cause__ or error.__context__


@_promise
async def _gives_a_fresh_connection(trial: Trial) -> None:
    """A fresh request has a connection of its own, closed afterwards."""
    server, transport = await trial.server(OK), await trial.transport()
    await _send(transport, server.origin + "/")
    await _send(transport, server.origin + "/", "DELETE", fresh=True)
    await _send(transport, server.origin + "/")
    first, own, last = (request.connection for request in server.received)
    _expect(own not in (first, last), "it shared one with another request")
    await server.ended[own].wait()


@_promise
async def _can_be_cancelled(trial: Trial) -> None:
    """A request that is cancelled ends at once, and the transport goes on working."""
    late = Reply(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")
    server, transport = await trial.server(late, OK), await trial.transport()
    server.gate.clear()
    task = asyncio.ensure_future(_send(transport, server.origin + "/"))
    await server.arrived.wait()
    task.cancel()
    [ended] = await asyncio.gather(task, return_exceptions=True)
    server.gate.set()
    _expect(isinstance(ended, asyncio.CancelledError), "it did not end as cancelled")
    response = await _send(transport, server.origin + "/")
    _expect(response.body == b"{}", "the next reply was not its own")


@_promise
async def _sends_at_the_same_time(trial: Trial) -> None:
    """Requests under way at once each get their own reply."""
    reply = Reply(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{target}")
    server, transport = await trial.server(reply), await trial.transport()
    targets = [f"/{n:02}" for n in range(30)]
    replies = await asyncio.gather(*(_send(transport, server.origin + target) for target in targets))
    _expect([reply.body.decode() for reply in replies] == targets, "one got another one's")


@_promise
async def _agrees_with_memory(trial: Trial) -> None:
    """The emulator served over HTTP gives what it gives in memory."""
    memory, served = _emulator(), _emulator()
    transport = await trial.transport()
    base_url = await trial.stack.enter_async_context(served.serve())
    for method, query in _CALLS:
        target = _ROUTE.format("rosie") + query
        expected = await _outcome(memory, _IN_MEMORY, method, target)
        found = await _outcome(transport, base_url, method, target)
        _expect(found == expected, f"{method} {query or 'without a query'} gave {found}, not {expected}")


_IN_MEMORY = "https://book.imin.co"
_DELETE = "?seller=" + quote("https://id.bookingsystem.example.com/organizers/1", safe="")
_CALLS = [
    ("GET", ""),
    ("GET", "?redirectUri=https%3A%2F%2Fbroker.example%2Fback%3Fa%3Db"),
    ("GET", ""),  # malformed
    ("GET", ""),  # 503
    ("DELETE", ""),
    ("DELETE", _DELETE),  # dropped before it is processed
    ("DELETE", _DELETE),  # dropped afterwards
    ("DELETE", _DELETE),
    ("GET", ""),
]


def _emulator() -> FakeImin:
    fake = FakeImin(_KEY, seed=1, clock=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    add_rosie(fake)
    fake.faults.add(
        Rule(Malformed(), endpoint="get_seller_accounts", nth=3),
        Rule(Status(503, retry_after=7), endpoint="get_seller_accounts", nth=4),
        Rule(Drop(), endpoint="delete_seller_account", nth=2),
        Rule(Drop(processed=True), endpoint="delete_seller_account", nth=3),
    )
    return fake


async def _outcome(transport: Transport, base_url: str, method: str, target: str) -> tuple[object, ...]:
    try:
        response = await _send(transport, base_url + target, method)
    except TransportError as error:
        return "TransportError", error.maybe_sent
    # A transport may leave out the body of any other status.
    body = response.body.replace(base_url.encode(), _IN_MEMORY.encode()) if response.status == 200 else b""
    return response.status, response.headers.get("retry-after"), body
