"""Bulk: what do ``get_many``'s workers cost, and does a longer input take more memory?"""

import asyncio
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from itertools import islice

from benchmarks._measure import Gate, Row, Table, margin, ratios, take_turns
from benchmarks._payloads import customers
from imin_accounts import AccountsSession, Fetched, SellerAccounts
from imin_accounts.transports import Request, Response

QUESTION = """
What does `get_many` add to a bare pool of 64 workers over the same session, and how far does memory's peak
rise with the number of customers? Five sellers a customer, replies out of memory. The bare pool does the
least that such code can do: workers that share the identifiers put what they get into a bounded
`asyncio.Queue`, and somebody takes it out. The one that drops replies has none of them alive for longer than
a moment: of use to nobody, it shows what having results costs.
""".strip()
CASES = ["CPU, 2000 customers", "memory, 100000 customers"]
QUICK = ["CPU, 1000 customers", "memory, 5000 customers"]
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
    queue = asyncio.Queue[tuple[str, SellerAccounts] | None](WORKERS)

    async def work() -> None:
        for customer in identifiers:
            await queue.put((customer, await session.get_seller_accounts(customer)))
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
    measure = _cpu if figure == "CPU" else _memory
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
