"""Calls: what does reading a customer's accounts cost a process, over a real connection?"""

import asyncio
import re
import statistics
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from itertools import cycle, islice

import aiohttp
import httpx
import niquests
import orjson

from benchmarks._measure import Gate, Row, Table, margin, ratios, take_turns
from benchmarks._peers import PEERS
from benchmarks._server import CUSTOMERS, serving
from imin_accounts import AccountsSession

QUESTION = """
What does a call cost in CPU time, over kept-alive connections to a server on this machine, as a multiple of
a bare `aiohttp` request and `orjson.loads`? Ours has everything on: deadline, one send, identity check,
capped read, retry armed, models. `httpx` and `niquests` with pydantic are what a generated client does;
httpx's pool contends at high concurrency. Replies are `documented` (`_payloads.py`); the page that documents
them shows 1 account.
""".strip()
CASES = [
    f"{items}, concurrency {at}" for items in ("1 item", "3 items", "10 items") for at in (1, 32, 64, 256)
]
QUICK = ["1 item, concurrency 64"]

Get = Callable[[str], Awaitable[object]]
"""Reads the accounts of one customer."""
HEADERS = {
    "X-Api-Key": "test-key",
    "Accept": "application/json, application/ld+json, application/vnd.openactive.booking+json",
}


@asynccontextmanager
async def _bare(base_url: str, at: int) -> AsyncIterator[Get]:
    connector = aiohttp.TCPConnector(limit=at)
    async with aiohttp.ClientSession(connector=connector, headers=HEADERS) as session:

        async def get(customer: str) -> object:
            async with session.get(f"{base_url}/api/v2/customers/{customer}/accounts") as reply:
                return orjson.loads(await reply.read())

        yield get


@asynccontextmanager
async def _ours(base_url: str, at: int) -> AsyncIterator[Get]:
    async with AccountsSession("test-key", base_url=base_url, max_connections=at) as session:
        yield session.get_seller_accounts


@asynccontextmanager
async def _httpx(base_url: str, at: int) -> AsyncIterator[Get]:
    decode = PEERS["pydantic, union"]()
    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=at), headers=HEADERS) as client:

        async def get(customer: str) -> object:
            reply = await client.get(f"{base_url}/api/v2/customers/{customer}/accounts")
            return decode(reply.content)

        yield get


@asynccontextmanager
async def _niquests(base_url: str, at: int) -> AsyncIterator[Get]:
    decode = PEERS["pydantic, union"]()
    async with niquests.AsyncSession(pool_maxsize=at, headers=HEADERS) as session:

        async def get(customer: str) -> object:
            reply = await session.get(f"{base_url}/api/v2/customers/{customer}/accounts")
            return decode(reply.content or b"")

        yield get


CLIENTS: dict[str, Callable[[str, int], AbstractAsyncContextManager[Get]]] = {
    "aiohttp + orjson.loads": _bare,
    "imin_accounts": _ours,
    "httpx + pydantic": _httpx,
    "niquests + pydantic": _niquests,
}


def run(case: str, quick: bool) -> Table:
    """One case of the benchmark."""
    items, at = map(int, re.findall(r"\d+", case))
    calls, rounds = (200, 9) if quick else (400, 25)
    with serving(items) as base_url, asyncio.Runner() as runner:
        stack = AsyncExitStack()
        contenders = {}
        for name, client in CLIENTS.items():
            get = runner.run(stack.enter_async_context(client(base_url, at)))
            contenders[name] = lambda get=get: runner.run(_calls(get, calls, at))
        times = take_turns(contenders, rounds)
        runner.run(stack.aclose())
    figures = ratios(times, "aiohttp + orjson.loads")
    rows = [
        Row(name, {"x bare": ratio, "±": spread, "µs a call": statistics.median(times[name]) / calls * 1e6})
        for name, (ratio, spread) in figures.items()
    ]
    gate = Gate("of a bare request", figures["imin_accounts"][0], limit=1.6 * margin(quick), target=1.25)
    return Table(f"call: {case}", rows, [gate] if case in QUICK else [])


async def _calls(get: Get, calls: int, at: int) -> None:
    customers = islice(cycle(map(str, range(CUSTOMERS))), calls)

    async def work() -> None:
        for customer in customers:
            await get(customer)

    await asyncio.gather(*(work() for _ in range(at)))
