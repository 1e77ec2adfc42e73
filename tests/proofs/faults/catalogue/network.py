"""Requests that never get as far as a server: no address, no connection, no trust."""

import asyncio
import datetime
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from functools import cache

import attrs
import trustme
from aiohttp.abc import AbstractResolver, ResolveResult

from tests.proofs.faults import steps
from tests.proofs.faults.events import LOST, LOST_UNREAD, NOT_SENT, NOT_TRUSTED, WELL
from tests.proofs.faults.fault import Fault, Target
from tests.proofs.faults.server import FaultServer

NAME = "https://book.imin.example"


@cache
def authority() -> trustme.CA:
    return trustme.CA()


@cache
def other_authority() -> trustme.CA:
    return trustme.CA()


def server_tls(
    *hosts: str, by: Callable[[], trustme.CA] = authority, ends: datetime.datetime | None = None
) -> Callable[[], ssl.SSLContext]:
    """What makes the TLS context of a server whose certificate is for ``hosts``."""

    def make() -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        by().issue_cert(*hosts, not_after=ends).configure_cert(context)
        return context

    return make


def _demanding(version: ssl.TLSVersion) -> Callable[[], ssl.SSLContext]:
    """What makes the TLS context of a server that wants to see the client's certificate."""

    def make() -> ssl.SSLContext:
        context = server_tls("127.0.0.1")()
        context.maximum_version = version
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    return make


def _tls_1_2() -> ssl.SSLContext:
    """What the server says at once comes along with the end of this version's handshake."""
    context = server_tls("127.0.0.1")()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def _client_tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority().configure_trust(context)
    return context


@asynccontextmanager
async def trusting(server: FaultServer) -> AsyncIterator[Target]:
    """https, with a client that trusts ``authority``."""
    url = server.url("well").replace("http://", "https://")
    yield Target(base_url=url, transport={"ssl": _client_tls()})


@asynccontextmanager
async def refused(server: FaultServer) -> AsyncIterator[Target]:
    """A port that is bound but does not listen."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield Target(base_url=f"http://127.0.0.1:{bound.getsockname()[1]}")


@asynccontextmanager
async def full_backlog(server: FaultServer) -> AsyncIterator[Target]:
    """A port whose queue of connections is full, so that Linux drops every further SYN."""
    with ExitStack() as sockets:
        listening = sockets.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield Target(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}", time_passes=True)


@attrs.frozen
class Resolver(AbstractResolver):
    """A resolver that gives what ``answer`` gives."""

    answer: Callable[[], "asyncio.Future[list[ResolveResult]]"]

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return await self.answer()

    async def close(self) -> None:
        """Holds nothing."""


def resolving(
    result: list[ResolveResult] | OSError | None, time_passes: bool = False
) -> Callable[[FaultServer], AbstractAsyncContextManager[Target]]:
    """A name that resolves to ``result``; None: never."""

    def answer() -> "asyncio.Future[list[ResolveResult]]":
        future = asyncio.get_running_loop().create_future()
        if isinstance(result, OSError):
            future.set_exception(result)
        elif result is not None:
            future.set_result(result)
        return future

    @asynccontextmanager
    async def target(server: FaultServer) -> AsyncIterator[Target]:
        yield Target(base_url=NAME, transport={"resolver": Resolver(answer)}, time_passes=time_passes)

    return target


UNKNOWN_NAME = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
RESOLVER_DOWN = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
TOO_MANY_FILES = OSError(24, "Too many open files")
PAST = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)

UNREACHABLE = [
    Fault("refused", NOT_SENT, target=refused),
    Fault("syn-dropped", NOT_SENT, target=full_backlog),
    Fault("syn-dropped-short-of-time", NOT_SENT, target=full_backlog, timeout=5.0),
    Fault("name-unknown", NOT_SENT, target=resolving(UNKNOWN_NAME)),
    Fault("name-server-down", NOT_SENT, target=resolving(RESOLVER_DOWN)),
    Fault("name-server-silent", NOT_SENT, target=resolving(None, time_passes=True)),
    Fault("name-without-address", NOT_SENT, target=resolving([])),
    Fault("resolver-out-of-files", NOT_SENT, target=resolving(TOO_MANY_FILES)),
    Fault(
        "name-server-silent-short-of-time",
        NOT_SENT,
        target=resolving(None, time_passes=True),
        timeout=5.0,
    ),
]

TLS = [
    Fault("tls-well", WELL, target=trusting, tls=server_tls("127.0.0.1")),
    Fault(
        "tls-unknown-authority",
        NOT_TRUSTED,
        target=trusting,
        tls=server_tls("127.0.0.1", by=other_authority),
    ),
    Fault("tls-wrong-host", NOT_TRUSTED, target=trusting, tls=server_tls("book.imin.example")),
    Fault("tls-expired", NOT_TRUSTED, target=trusting, tls=server_tls("127.0.0.1", ends=PAST)),
    Fault(
        "tls-plain-http-instead",
        NOT_TRUSTED,
        target=trusting,
        greeting=(steps.send(b"HTTP/1.1 400 no\r\n\r\n"), steps.close),
    ),
    Fault(
        "tls-alert-in-handshake",
        NOT_TRUSTED,
        target=trusting,
        greeting=(steps.send(b"\x15\x03\x03\x00\x02\x02\x28"), steps.close),
    ),
    Fault(
        "tls-1.2-client-certificate-demanded",  # the server hangs up inside the handshake
        NOT_SENT,
        target=trusting,
        tls=_demanding(ssl.TLSVersion.TLSv1_2),
    ),
    # In version 1.3 the client is told after it has sent its request.
    Fault(
        "tls-1.3-client-certificate-demanded",
        LOST_UNREAD,
        target=trusting,
        tls=_demanding(ssl.TLSVersion.TLSv1_3),
    ),
    Fault(
        "tls-banner-with-handshake",
        NOT_SENT,
        target=trusting,
        tls=_tls_1_2,
        greeting=(steps.send(b"220 mail.example ESMTP\r\n"), steps.pass_time(1.0)),
    ),
    Fault("tls-handshake-closed", NOT_SENT, target=trusting, greeting=(steps.pause, steps.close)),
    Fault("tls-handshake-reset", NOT_SENT, target=trusting, greeting=(steps.pause, steps.reset)),
    Fault("tls-handshake-stalled", NOT_SENT, target=trusting, greeting=(steps.stall(6.0),)),
    Fault("tls-closed-before-status", LOST, (steps.close,), target=trusting, tls=server_tls("127.0.0.1")),
    Fault("tls-reset-before-status", LOST, (steps.reset,), target=trusting, tls=server_tls("127.0.0.1")),
]

NETWORK = [*UNREACHABLE, *TLS]
