"""Bulk: what do ``get_many``'s workers cost, and does a longer input take more memory?"""

import asyncio
import statistics
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from itertools import islice

from benchmarks._clients import (
    HAND_WRITTEN,
    OURS,
    SECOND,
    Get,
    MakeTransport,
    clients,
    left_out,
    second_transport,
    session_on,
)
from benchmarks._measure import Gate, Row, Table, margin, ratios, take_turns
from benchmarks._payloads import customers
from benchmarks._server import serving
from imin_accounts import AccountsSession, Fetched, transports
from imin_accounts.transports import Request, Response

QUESTION = """
What does `get_many` add to a bare pool of 64 workers over the same session, and how far does memory's peak
rise with the number of customers? Five sellers a customer, replies out of memory. The bare pool does the
least that such code can do: workers that share the identifiers put what they get into a bounded
`asyncio.Queue`, and somebody takes it out. The one that drops replies has none of them alive for longer than
a moment: of use to nobody, it shows what having results costs. `sockets`: the same job over connections,
beside a pool over the hand-written client (`_handwritten.py`); client and server are each held on a core of
its own.
""".strip()
CASES = ["CPU, 2000 customers", "memory, 100000 customers", "sockets, 10000 customers"]
QUICK = ["CPU, 1000 customers", "memory, 5000 customers", "sockets, 1000 customers"]
FEW = 1_000
WORKERS = 64
KNOWN = 200
"""Replies made beforehand; customers repeat after so many."""


class Replies:
    """A transport that has its replies ready; it lets others run before it answers, as a network would."""

    def __init__(self) -> None:
        self._bodies = {str(n): body for n, body in enumerate(customers(KNOWN, sellers=5))}

    async def send(self, request: Request, *, timeout: float) -> Response:
        await asyncio.sleep(0)
        customer = request.url.split("/customers/")[1].partition("/")[0]
        return Response(status=200, headers={}, body=self._bodies[customer])


Job = Callable[[AccountsSession, Iterator[str]], Awaitable[int]]


async def get_many(session: AccountsSession, identifiers: Iterator[str]) -> int:
    """The library's own way."""
    fetched = 0
    async with session.get_many(identifiers, concurrency=WORKERS) as outcomes:
        async for outcome in outcomes:
            fetched += isinstance(outcome, Fetched)
    return fetched


async def bare_pool(session: AccountsSession, identifiers: Iterator[str]) -> int:
    """Workers, a queue, and no care for errors, early leaving or the end."""
    return await pool(session.get_seller_accounts, identifiers)


async def pool(get: Get, identifiers: Iterator[str]) -> int:
    """The same for whatever reads a customer's accounts."""
    queue = asyncio.Queue[tuple[str, object] | None](WORKERS)

    async def work() -> None:
        for customer in identifiers:
            await queue.put((customer, await get(customer)))
        await queue.put(None)

    workers = [asyncio.create_task(work()) for _ in range(WORKERS)]
    fetched, ended = 0, 0
    while ended < WORKERS:
        if await queue.get() is None:
            ended += 1
        else:
            fetched += 1
    await asyncio.gather(*workers)
    return fetched


async def dropping_pool(session: AccountsSession, identifiers: Iterator[str]) -> int:
    """The same without anybody to take the replies."""
    fetched = 0

    async def work() -> None:
        nonlocal fetched
        for customer in identifiers:
            await session.get_seller_accounts(customer)
            fetched += 1

    await asyncio.gather(*(work() for _ in range(WORKERS)))
    return fetched


def run(case: str, quick: bool) -> Table:
    """One case of the benchmark."""
    figure, count = case.split(", ")
    measure = {"CPU": _cpu, "memory": _memory, "sockets": _sockets}[figure]
    return measure(case, int(count.split()[0]), quick)


def _cpu(case: str, count: int, quick: bool) -> Table:
    transport = Replies()
    jobs: dict[str, Job] = {"bare pool": bare_pool, "get_many": get_many, "replies dropped": dropping_pool}
    contenders = {name: _runner(transport, job, count) for name, job in jobs.items()}
    times = take_turns(contenders, rounds=3 if quick else 21)
    rows = [
        Row(
            name,
            {
                "x bare pool": ratio,
                "±": spread,
                "µs a customer": min(times[name]) / count * 1e6,
            },
        )
        for name, (ratio, spread) in ratios(times, "bare pool").items()
    ]
    gate = Gate("of a bare pool", rows[1].figures["x bare pool"], limit=1.1 * margin(quick), target=1.1)
    return Table(f"bulk: {case}", rows, [gate])


def _memory(case: str, count: int, quick: bool) -> Table:
    transport = Replies()
    peaks = {}
    for number in (FEW, FEW, count):  # the first time fills caches
        tracemalloc.start()
        _runner(transport, get_many, number)()
        peaks[number] = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
    rows = [Row(f"{number} customers", {"peak MB": peak}) for number, peak in peaks.items()]
    return Table(f"bulk: {case}", rows, [Gate("MB more at the peak", peaks[count] - peaks[FEW], 2.0, 2.0)])


def _sockets(case: str, count: int, quick: bool) -> Table:
    with serving(items=5) as base_url, asyncio.Runner() as runner:
        jobs: dict[str, Callable[[], Awaitable[int]]] = {
            OURS: partial(_over_sockets, transports.AiohttpTransport, base_url, count),
            HAND_WRITTEN: partial(_hand_written, base_url, count),
        }
        if (second := second_transport()) is not None:
            jobs[SECOND] = partial(_over_sockets, second, base_url, count)
        cpu: dict[str, list[float]] = {name: [] for name in jobs}
        elapsed: dict[str, list[float]] = {name: [] for name in jobs}
        for _ in range(3 if quick else 5):
            for name, job in jobs.items():
                began, began_cpu = time.perf_counter(), time.process_time()
                assert runner.run(_awaited(job)) == count
                cpu[name].append(time.process_time() - began_cpu)
                elapsed[name].append(time.perf_counter() - began)
    rows = [
        Row(
            name,
            {
                "customers a second": count / statistics.median(elapsed[name]),
                "µs of CPU a customer": statistics.median(cpu[name]) / count * 1e6,
                "CPU, x hand-written": ratio,
            },
        )
        for name, (ratio, _) in ratios(cpu, HAND_WRITTEN).items()
    ]
    return Table(f"bulk: {case}{left_out()}", rows)


async def _awaited(job: Callable[[], Awaitable[int]]) -> int:
    return await job()


async def _over_sockets(make_transport: MakeTransport, base_url: str, count: int) -> int:
    async with session_on(make_transport, base_url, WORKERS) as session:
        return await get_many(session, map(str, range(count)))


async def _hand_written(base_url: str, count: int) -> int:
    async with clients()[HAND_WRITTEN](base_url, WORKERS) as get:
        return await pool(get, map(str, range(count)))


def _runner(transport: Replies, job: Job, count: int) -> Callable[[], None]:
    def run() -> None:
        fetched = asyncio.run(_job(transport, job, count))
        assert fetched == count, f"{fetched} of {count}"

    return run


async def _job(transport: Replies, job: Job, count: int) -> int:
    async with AccountsSession("test-key", transport=transport) as session:
        return await job(session, islice(_identifiers(), count))


def _identifiers() -> Iterator[str]:
    while True:
        yield from map(str, range(KNOWN))
