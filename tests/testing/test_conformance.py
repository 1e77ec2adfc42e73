"""The conformance kit passes good transports and tells what is wrong with bad ones."""

import asyncio
import runpy
from collections.abc import Callable
from typing import Self

import aiohttp
import attrs
import pytest

from imin_accounts.errors import TransportError
from imin_accounts.testing import BrokenPromises, check_transport
from imin_accounts.transports import AiohttpTransport, Request, Response, Transport
from tests.paths import EXAMPLES
from tests.transports.every import make_transport, needs_pyreqwest

EXAMPLE = EXAMPLES / "httpx_transport.py"


def httpx_transport() -> Transport:
    """The example's transport."""
    made: Transport = runpy.run_path(str(EXAMPLE))["HttpxTransport"]()
    return made


class Good:
    """A good transport; each bad one below changes one thing about it."""

    def __init__(self) -> None:
        self.inner = AiohttpTransport()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.inner.aclose()

    async def send(self, request: Request, *, timeout: float) -> Response:
        return await self.inner.send(request, timeout=timeout)


class NormalisesUrls(Good):
    async def send(self, request: Request, *, timeout: float) -> Response:
        return await super().send(attrs.evolve(request, url=request.url.replace("%2F", "/")), timeout=timeout)


class DropsTheKey(Good):
    async def send(self, request: Request, *, timeout: float) -> Response:
        return await super().send(
            attrs.evolve(request, headers={"Accept": "application/json"}), timeout=timeout
        )


class CutsBodies(Good):
    async def send(self, request: Request, *, timeout: float) -> Response:
        response = await super().send(request, timeout=timeout)
        return attrs.evolve(response, body=response.body[:65_536])


class KeepsHeaderCase(Good):
    async def send(self, request: Request, *, timeout: float) -> Response:
        response = await super().send(request, timeout=timeout)
        return attrs.evolve(response, headers={n.title(): value for n, value in response.headers.items()})


class DecodesNothing(Good):
    async def send(self, request: Request, *, timeout: float) -> Response:
        async with (
            aiohttp.ClientSession(auto_decompress=False) as client,
            client.get(request.url, headers=request.headers) as reply,
        ):
            return Response(status=reply.status, headers={}, body=await reply.read())


class RaisesOnStatus(Good):
    async def send(self, request: Request, *, timeout: float) -> Response:
        response = await super().send(request, timeout=timeout)
        if response.status >= 500:
            raise TransportError("server", maybe_sent=True)
        return response


class KeepsCookies(Good):
    cookie = ""

    async def send(self, request: Request, *, timeout: float) -> Response:
        request = attrs.evolve(request, headers={**request.headers, "Cookie": self.cookie or "none"})
        response = await super().send(request, timeout=timeout)
        self.cookie = response.headers.get("set-cookie", "")
        return response


class SendsAgain(Good):
    async def send(self, request: Request, *, timeout: float) -> Response:
        try:
            return await super().send(request, timeout=timeout)
        except TransportError:
            return await super().send(request, timeout=timeout)


class NeverSure(Good):
    async def send(self, request: Request, *, timeout: float) -> Response:
        try:
            return await super().send(request, timeout=timeout)
        except TransportError as error:
            raise TransportError(error.reason, maybe_sent=True) from None


class AlwaysSure(Good):
    async def send(self, request: Request, *, timeout: float) -> Response:
        try:
            return await super().send(request, timeout=timeout)
        except TransportError as error:
            raise TransportError(error.reason, maybe_sent=False) from None


class ShowsTheKey(Good):
    async def send(self, request: Request, *, timeout: float) -> Response:
        try:
            return await super().send(request, timeout=timeout)
        except TransportError as error:
            cause = ValueError(dict(request.headers))
            raise TransportError(error.reason, maybe_sent=error.maybe_sent) from cause


class SharesConnections(Good):
    async def send(self, request: Request, *, timeout: float) -> Response:
        return await super().send(attrs.evolve(request, fresh=False), timeout=timeout)


class CannotBeCancelled(Good):
    async def send(self, request: Request, *, timeout: float) -> Response:
        try:
            return await super().send(request, timeout=timeout)
        except asyncio.CancelledError:
            raise TransportError("cancelled", maybe_sent=True) from None


class ReusesCancelled(Good):
    cancelled: asyncio.Future[Response] | None = None

    async def send(self, request: Request, *, timeout: float) -> Response:
        sending = asyncio.ensure_future(super().send(request, timeout=timeout))
        try:
            response = await asyncio.shield(sending)
        except asyncio.CancelledError:
            self.cancelled = sending
            raise
        return response if self.cancelled is None else await self.cancelled


class MixesUp(Good):
    last: Response | None = None

    async def send(self, request: Request, *, timeout: float) -> Response:
        response = await super().send(request, timeout=timeout)
        self.last, answer = response, self.last or response
        return answer


class LetsErrorsThrough(Good):
    async def send(self, request: Request, *, timeout: float) -> Response:
        try:
            return await super().send(request, timeout=timeout)
        except TransportError:
            raise ConnectionResetError from None


class Hangs(Good):
    async def send(self, request: Request, *, timeout: float) -> Response:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


class Invents(Good):
    async def send(self, request: Request, *, timeout: float) -> Response:
        try:
            return await super().send(request, timeout=timeout)
        except TransportError:
            return Response(status=200, headers={}, body=b"{}")


class Plain:
    """A good transport that has nothing to close."""

    async def send(self, request: Request, *, timeout: float) -> Response:
        async with AiohttpTransport() as transport:
            return await transport.send(request, timeout=timeout)


def pyreqwest_transport() -> Transport:
    """The one of the extra."""
    made: Transport = make_transport("pyreqwest")
    return made


class RefusesDots(Good):
    """Sends nothing at all where it could not send it as it is."""

    async def send(self, request: Request, *, timeout: float) -> Response:
        if "/../" in request.url:
            raise TransportError("url", maybe_sent=False)
        return await super().send(request, timeout=timeout)


class IsStrict(Good):
    """Takes no reply that RFC 9110 forbids: a 204 has no length."""

    async def send(self, request: Request, *, timeout: float) -> Response:
        response = await super().send(request, timeout=timeout)
        if response.status == 204 and "content-length" in response.headers:
            raise TransportError("malformed", maybe_sent=True)
        return response


GOOD = [
    AiohttpTransport,
    httpx_transport,
    Good,
    Plain,
    RefusesDots,
    IsStrict,
    pytest.param(pyreqwest_transport, marks=needs_pyreqwest),
]


@pytest.mark.parametrize("factory", GOOD)
async def test_a_good_transport_passes(factory: Callable[[], Transport]) -> None:
    """Our own transport and the example keep every promise."""
    await check_transport(factory)


@pytest.mark.parametrize(
    ("factory", "promise"),
    [
        (NormalisesUrls, "The URL goes out byte for byte"),
        (DropsTheKey, "each header once, as given. But X-Api-Key did not arrive"),
        (KeepsCookies, "Cookies are not kept"),
        (CutsBodies, "The reply is read whole"),
        (KeepsHeaderCase, "The reply is read whole"),
        (DecodesNothing, "A body is decoded"),
        (RaisesOnStatus, "Any status is a reply"),
        (SendsAgain, "A request is sent exactly once"),
        (NeverSure, "A refused connection is a TransportError with maybe_sent=False"),
        (AlwaysSure, "A reply that is cut short"),
        (ShowsTheKey, "No error shows the API key"),
        (SharesConnections, "A fresh request has a connection of its own"),
        (CannotBeCancelled, "A request that is cancelled ends at once"),
        (ReusesCancelled, "the transport goes on working. But the next reply was not its own"),
        (MixesUp, "Requests under way at once each get their own reply"),
        (RaisesOnStatus, "The emulator served over HTTP gives what it gives in memory"),
        (Invents, "A refused connection is a TransportError with maybe_sent=False. But a reply was returned"),
        (LetsErrorsThrough, "ConnectionResetError was raised instead of TransportError"),
    ],
)
async def test_a_broken_promise_is_named(factory: Callable[[], Transport], promise: str) -> None:
    """Each way to break a promise is told apart by name."""
    with pytest.raises(BrokenPromises) as broken:
        await check_transport(factory)
    assert any(promise in text for text in broken.value.broken)


async def test_what_never_ends_is_a_broken_promise() -> None:
    """A transport that hangs is told so instead of hanging the check."""
    with pytest.raises(BrokenPromises) as broken:
        await check_transport(Hangs, patience=0.01)
    assert all("did not come to an end" in text for text in broken.value.broken)
