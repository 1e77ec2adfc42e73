"""Blocking: for how long does reading a reply keep everybody else waiting?"""

import asyncio
import statistics
import time

from benchmarks._measure import Row, Table
from benchmarks._payloads import replies
from imin_accounts import AccountsSession
from imin_accounts.transports import Request, Response

QUESTION = """
An event loop does one thing at a time: how long is the longest pause that another task sees while a reply is
read? Elapsed time, not CPU time; the median of the replies' longest pauses, and the worst of them. The
first line shows what this machine does to a task while nothing is read.
""".strip()
CASES = QUICK = ["10, 100, 400 and 1000 items"]
SIZES = [10, 100, 400, 1000]


class _Replies:
    """A transport that lets others run before it answers, as a network would."""

    def __init__(self, body: bytes) -> None:
        self._reply = Response(status=200, headers={}, body=body)

    async def send(self, request: Request, *, timeout: float) -> Response:
        await asyncio.sleep(0)
        return self._reply


class _Watch:
    """Runs in every pass of the event loop and notes the longest time between two."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._last = time.perf_counter()
        self._longest = 0.0
        self._pass()

    def _pass(self) -> None:
        now = time.perf_counter()
        self._longest = max(self._longest, now - self._last)
        self._last = now
        self._next = self._loop.call_soon(self._pass)

    def longest(self) -> float:
        """Seconds since it was asked before."""
        longest, self._longest = self._longest, 0.0
        return longest

    def stop(self) -> None:
        self._next.cancel()


def run(case: str, quick: bool) -> Table:
    """One case of the benchmark."""
    rounds = 15 if quick else 50
    rows = [_row("nothing read", asyncio.run(_pauses(None, rounds)))]
    for items in SIZES:
        (body,) = replies(items, "documented")
        rows.append(_row(f"{items} items, {len(body) / 1e3:.0f} kB", asyncio.run(_pauses(body, rounds))))
    return Table("blocking", rows)


def _row(name: str, pauses: list[float]) -> Row:
    return Row(name, {"ms": statistics.median(pauses) * 1e3, "ms at worst": max(pauses) * 1e3})


async def _pauses(body: bytes | None, rounds: int) -> list[float]:
    pauses = []
    async with AccountsSession("test-key", transport=_Replies(body or b"")) as session:
        watch = _Watch()
        for _ in range(rounds + 1):
            await (asyncio.sleep(0.002) if body is None else session.get_seller_accounts("0"))
            await asyncio.sleep(0)  # so that the pass after the reading is seen
            pauses.append(watch.longest())
        watch.stop()
    return pauses[1:]  # the first reading compiles its readers
