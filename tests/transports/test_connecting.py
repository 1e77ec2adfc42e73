"""What fails before there is a connection: a network's failure is told from a program's mistake."""

import asyncio
import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from imin_accounts.errors import SessionStateError, TransportError
from imin_accounts.session import AccountsSession
from imin_accounts.testing._playback import Playback
from imin_accounts.transports import AiohttpTransport, Request


class FailingResolver(AbstractResolver):
    """Raises what it was made with for any name."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        raise self._error

    async def close(self) -> None:
        pass


REQUEST = Request(method="GET", url="https://imin.invalid/", headers={})


@pytest.mark.parametrize("error", [OSError(), RuntimeError(), LookupError()], ids=repr)
async def test_whatever_a_resolver_raises_was_not_sent(error: Exception) -> None:
    """A name that can't be looked up is known not to have been sent anything, whoever says so and how."""
    async with AiohttpTransport(resolver=FailingResolver(error)) as transport:
        with pytest.raises(TransportError) as caught:
            await transport.send(REQUEST, timeout=5)
    assert not caught.value.maybe_sent


@pytest.mark.parametrize("error", [AttributeError("lookup"), TypeError(), NameError()], ids=repr)
async def test_a_mistake_in_a_program_comes_out_as_it_is(error: Exception) -> None:
    """Else a renamed attribute of a library's would pass for a network that is down, for ever."""
    async with AiohttpTransport(resolver=FailingResolver(error)) as transport:
        with pytest.raises(type(error)) as caught:
            await transport.send(REQUEST, timeout=5)
    assert caught.value is error


@pytest.mark.parametrize("at_once", [1, 2])
async def test_a_resolver_that_cancels_itself_cancels_nobody(at_once: int) -> None:
    """Nobody cancelled the callers, those who wait for the same look-up neither: nothing was sent."""
    async with AiohttpTransport(resolver=FailingResolver(asyncio.CancelledError())) as transport:
        requests = [transport.send(REQUEST, timeout=5) for _ in range(at_once)]
        outcomes = await asyncio.gather(*requests, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [TransportError] * at_once
    assert not any(getattr(outcome, "maybe_sent", True) for outcome in outcomes)


class StuckResolver(AbstractResolver):
    """Looks up for ever; ``asked`` is set when it begins."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        self.asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def close(self) -> None:
        pass


async def test_a_transport_closed_during_a_look_up_says_so() -> None:
    """Whoever shares it, and waits for the same look-up, was not cancelled either."""
    resolver = StuckResolver()
    transport = AiohttpTransport(resolver=resolver)
    sending = [asyncio.create_task(transport.send(REQUEST, timeout=60)) for _ in range(2)]
    async with AccountsSession("test-key", base_url="https://imin.invalid", transport=transport) as session:
        calls = [
            asyncio.create_task(session.get_seller_accounts("1234")),
            asyncio.create_task(session.delete_seller_account("1234", "urn:seller")),
        ]
        await resolver.asked.wait()
        await asyncio.sleep(0)
        await transport.aclose()
        outcomes = await asyncio.gather(*sending, *calls, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [SessionStateError] * 4


async def test_a_caller_may_cancel_during_a_look_up() -> None:
    """That one is the caller's: it comes out, and the other who waits goes on waiting."""
    resolver = StuckResolver()
    async with AiohttpTransport(resolver=resolver) as transport:
        first, second = (asyncio.create_task(transport.send(REQUEST, timeout=60)) for _ in range(2))
        await resolver.asked.wait()
        first.cancel()
        await asyncio.wait([first])
        assert (first.cancelled(), second.done()) == (True, False)
        second.cancel()
        await asyncio.wait([second])


class MovedService(AbstractResolver):
    """Knows at first where nobody listens, and then where somebody does."""

    def __init__(self) -> None:
        self._hosts = ["127.0.0.2", "127.0.0.1"]

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        address = self._hosts.pop(0)
        return [
            ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0)
        ]

    async def close(self) -> None:
        pass


@pytest.mark.parametrize("fresh", [False, True])
async def test_a_service_that_moved_is_found_at_the_second_attempt(fresh: bool) -> None:
    """An address that did not answer is not remembered: a container that was restarted has another one."""
    async with Playback() as server, AiohttpTransport(resolver=MovedService()) as transport:
        request = Request(method="GET", url=f"http://localhost:{server.port}/", headers={}, fresh=fresh)
        with pytest.raises(TransportError, match="refused"):
            await transport.send(request, timeout=20)
        assert (await transport.send(request, timeout=20)).status == 200
