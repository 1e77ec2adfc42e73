"""Calls: what does reading a customer's accounts cost a process, over a real connection?"""

import asyncio
import re
import statistics
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from itertools import cycle, islice

from benchmarks._clients import BARE, HAND_WRITTEN, OURS, SECOND, Get, clients, left_out
from benchmarks._measure import Gate, Row, Table, margin, ratios, take_turns
from benchmarks._server import CUSTOMERS, serving

QUESTION = """
What does a call cost in CPU time, over kept-alive connections to a server on this machine, as a multiple of
a bare `aiohttp` request and `orjson.loads`? Ours has everything on: deadline, one send, identity check,
capped read, retry armed, models. `httpx` and `niquests` with pydantic are what a generated client does;
httpx's pool contends at high concurrency. The hand-written client is what one would write instead of ours
(`_handwritten.py`). Client and server are each held on a core of its own. Replies are `documented`
(`_payloads.py`); the page that documents them shows 1 account.
""".strip()
CASES = [
    f"{items}, {at} at once" for items in ("1 account", "5 accounts", "10 accounts") for at in (1, 64, 256)
]
QUICK = ["1 account, 64 at once", "5 accounts, 64 at once"]
GATES = {
    "1 account, 64 at once": {OURS: (1.6, 1.25), SECOND: (1.6, 0.8)},
    "5 accounts, 64 at once": {OURS: (1.9, 1.45), SECOND: (1.9, 1.05)},
}
"""For each gated case and client the limit and the target."""


def run(case: str, quick: bool) -> Table:
    """One case of the benchmark."""
    items, at = map(int, re.findall(r"\d+", case))
    calls, rounds = (640, 9) if quick else (1280, 15)  # short rounds would measure their own start
    with serving(items) as base_url, asyncio.Runner() as runner:
        stack = AsyncExitStack()
        contenders: dict[str, Callable[[], object]] = {}
        for name, client in clients().items():
            if quick and name not in (BARE, OURS, SECOND, HAND_WRITTEN):
                continue
            get = runner.run(stack.enter_async_context(client(base_url, at)))
            contenders[name] = partial(_run, runner, get, calls, at)
        times = take_turns(contenders, rounds)
        runner.run(stack.aclose())
    figures = ratios(times, BARE)
    rows = [
        Row(name, {"x bare": ratio, "±": spread, "µs a call": statistics.median(times[name]) / calls * 1e6})
        for name, (ratio, spread) in figures.items()
    ]
    gates = [
        Gate(f"{name}, of a bare request:", figures[name][0], limit=limit * margin(quick), target=target)
        for name, (limit, target) in GATES.get(case, {}).items()
        if name in figures
    ]
    return Table(f"call: {case}{left_out()}", rows, gates)


def _run(runner: asyncio.Runner, get: Get, calls: int, at: int) -> None:
    runner.run(call(get, calls, at))


async def call(get: Get, calls: int, at: int) -> None:
    """Read so many customers' accounts, ``at`` of them at once."""
    customers = islice(cycle(map(str, range(CUSTOMERS))), calls)

    async def work() -> None:
        for customer in customers:
            await get(customer)

    await asyncio.gather(*(work() for _ in range(at)))
