"""What fails before there is a connection: a network's failure is told from a program's mistake."""

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from imin_accounts.errors import TransportError
from imin_accounts.transports import AiohttpTransport, Request


class FailingResolver(AbstractResolver):
    """Raises what it was made with for any name."""

    def __init__(self, error: Exception) -> None:
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
