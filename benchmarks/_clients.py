"""Who reads a customer's accounts over a connection: ours, on each of its transports, and its peers.

Each is imported when it is opened, and only where it is installed.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from importlib.util import find_spec
from typing import Any

import aiohttp
import orjson

from imin_accounts import AccountsSession, transports

Get = Callable[[str], Awaitable[object]]
"""Reads the accounts of one customer."""
Client = Callable[[str, int], AbstractAsyncContextManager[Get]]
"""Opens a client, given the base URL and how many requests are under way at once."""
MakeTransport = Callable[[], Any]

HEADERS = {
    "X-Api-Key": "test-key",
    "Accept": "application/json, application/ld+json, application/vnd.openactive.booking+json",
}
BARE = "aiohttp + orjson.loads"
OURS = "imin_accounts"
SECOND = "imin_accounts, PyreqwestTransport"
HAND_WRITTEN = "hand-written (aiohttp, pydantic, tenacity, aiolimiter)"


def _url(base_url: str, customer: str) -> str:
    return f"{base_url}/api/v2/customers/{customer}/accounts"


@asynccontextmanager
async def _bare(base_url: str, at: int) -> AsyncIterator[Get]:
    connector = aiohttp.TCPConnector(limit=at)
    async with aiohttp.ClientSession(connector=connector, headers=HEADERS) as session:

        async def get(customer: str) -> object:
            async with session.get(_url(base_url, customer)) as reply:
                return orjson.loads(await reply.read())

        yield get


@asynccontextmanager
async def session_on(
    make_transport: Callable[[], Any], base_url: str, at: int
) -> AsyncIterator[AccountsSession]:
    """A session of ours."""
    async with (
        make_transport() as transport,
        AccountsSession("test-key", base_url=base_url, transport=transport, max_connections=at) as session,
    ):
        yield session


@asynccontextmanager
async def _ours(make_transport: MakeTransport, base_url: str, at: int) -> AsyncIterator[Get]:
    async with session_on(make_transport, base_url, at) as session:
        yield session.get_seller_accounts


@asynccontextmanager
async def _hand_written(base_url: str, at: int) -> AsyncIterator[Get]:
    from benchmarks._handwritten import opened

    async with opened(base_url, HEADERS.items(), at) as client:
        yield client.get_accounts


@asynccontextmanager
async def _pyreqwest(base_url: str, at: int) -> AsyncIterator[Get]:
    from pyreqwest.client import ClientBuilder

    async with ClientBuilder().default_headers(HEADERS).max_connections(at).build() as client:

        async def get(customer: str) -> object:
            reply = await client.get(_url(base_url, customer)).build().send()
            return orjson.loads(bytes(await reply.bytes()))

        yield get


@asynccontextmanager
async def _pyqwest(base_url: str, at: int) -> AsyncIterator[Get]:
    import pyqwest

    async with pyqwest.HTTPTransport(tls_include_system_certs=True, enable_otel=False) as transport:
        client = pyqwest.Client(transport)

        async def get(customer: str) -> object:
            return orjson.loads((await client.get(_url(base_url, customer), HEADERS)).content)

        yield get


@asynccontextmanager
async def _httpx2(base_url: str, at: int) -> AsyncIterator[Get]:
    import httpx2

    async with httpx2.AsyncClient(limits=httpx2.Limits(max_connections=at), headers=HEADERS) as client:

        async def get(customer: str) -> object:
            return orjson.loads((await client.get(_url(base_url, customer))).content)

        yield get


@asynccontextmanager
async def _httpx(base_url: str, at: int) -> AsyncIterator[Get]:
    import httpx

    from benchmarks._peers import PEERS

    decode = PEERS["pydantic, union"]()
    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=at), headers=HEADERS) as client:

        async def get(customer: str) -> object:
            return decode((await client.get(_url(base_url, customer))).content)

        yield get


@asynccontextmanager
async def _niquests(base_url: str, at: int) -> AsyncIterator[Get]:
    import niquests

    from benchmarks._peers import PEERS

    decode = PEERS["pydantic, union"]()
    async with niquests.AsyncSession(pool_maxsize=at, headers=HEADERS) as session:

        async def get(customer: str) -> object:
            return decode((await session.get(_url(base_url, customer))).content or b"")

        yield get


def second_transport() -> MakeTransport | None:
    """``PyreqwestTransport``, or None where it can't be had."""
    try:
        made: MakeTransport | None = getattr(transports, "PyreqwestTransport", None)
    except ImportError:
        return None
    return made


def clients() -> dict[str, Client]:
    """All that can be had here, the floor first."""
    found: dict[str, Client] = {BARE: _bare, OURS: partial(_ours, transports.AiohttpTransport)}
    if (second := second_transport()) is not None:
        found[SECOND] = partial(_ours, second)
    peers: dict[str, tuple[Client, tuple[str, ...]]] = {
        HAND_WRITTEN: (_hand_written, ("pydantic", "tenacity", "aiolimiter")),
        "pyreqwest + orjson.loads": (_pyreqwest, ("pyreqwest",)),
        "pyqwest + orjson.loads": (_pyqwest, ("pyqwest",)),
        "httpx2 + orjson.loads": (_httpx2, ("httpx2",)),
        "httpx + pydantic": (_httpx, ("httpx", "pydantic")),
        "niquests + pydantic": (_niquests, ("niquests", "pydantic")),
    }
    found |= {name: client for name, (client, needs) in peers.items() if all(map(find_spec, needs))}
    return found


def left_out() -> str:
    """A sentence on the second transport where it can't be had, for a table's title; else empty."""
    return "" if second_transport() is not None else " (without PyreqwestTransport, which is not here)"
