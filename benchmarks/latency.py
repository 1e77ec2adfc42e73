"""Latency: what does a call add to a web page, at a rate that a busy site has?"""

import asyncio
import random
import statistics
import time
from contextlib import AsyncExitStack

from benchmarks._clients import BARE, HAND_WRITTEN, OURS, SECOND, Get, clients, left_out
from benchmarks._measure import Row, Table
from benchmarks._server import CUSTOMERS, serving

QUESTION = """
A web page waits for one customer's accounts: how much longer than for a bare `aiohttp` request and
`orjson.loads`? 200 pages a second, at moments as independent visitors have them; elapsed time from the
moment at which a page was asked for, so that what one page makes the next one wait for counts. Client
and server are each held on a core of its own. These are elapsed times on a machine that others use
too: compare the lines of one run.
""".strip()
CASES = ["1 account", "5 accounts"]
QUICK = ["5 accounts"]
RATE = 200.0
"""Pages a second."""
PAGES = 400
"""In one turn of a contender: two seconds."""


def run(case: str, quick: bool) -> Table:
    """One case of the benchmark."""
    taken: dict[str, list[float]] = {name: [] for name in (BARE, OURS, SECOND, HAND_WRITTEN)}
    with serving(int(case.split()[0])) as base_url, asyncio.Runner() as runner:
        stack = AsyncExitStack()
        gets = {
            name: runner.run(stack.enter_async_context(client(base_url, 100)))
            for name, client in clients().items()
            if name in taken
        }
        for get in gets.values():
            runner.run(_pages(get, seed="unmeasured"))
        for turn in range(2 if quick else 10):
            for name, get in gets.items():
                taken[name] += runner.run(_pages(get, seed=str(turn)))
        runner.run(stack.aclose())
    figures = {name: _percentiles(taken[name]) for name in gets}
    rows = [
        Row(
            name,
            {
                "p50 ms": p50,
                "p99 ms": p99,
                "p50 added": p50 - figures[BARE][0],
                "p99 added": p99 - figures[BARE][1],
            },
        )
        for name, (p50, p99) in figures.items()
    ]
    return Table(f"latency: {case}, {RATE:.0f} pages a second{left_out()}", rows)


async def _pages(get: Get, seed: str) -> list[float]:
    """Milliseconds that each page waited."""
    dice = random.Random(seed)
    clock = time.perf_counter
    taken: list[float] = []
    due = clock()

    async def page(asked: float, customer: str) -> None:
        await get(customer)
        taken.append((clock() - asked) * 1e3)

    async with asyncio.TaskGroup() as pages:
        for _ in range(PAGES):
            due += dice.expovariate(RATE)
            await asyncio.sleep(max(0.0, due - clock()))
            pages.create_task(page(due, str(dice.randrange(CUSTOMERS))))
    return taken


def _percentiles(taken: list[float]) -> tuple[float, float]:
    hundredths = statistics.quantiles(taken, n=100)
    return hundredths[49], hundredths[98]
