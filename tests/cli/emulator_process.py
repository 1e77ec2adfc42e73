"""An emulated imin in a process of its own, which counts whom it was asked about."""

import asyncio
import multiprocessing
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any
from urllib.parse import unquote

from imin_accounts.fake import FakeImin, Latency, Rule, add_crowd
from imin_accounts.fake._faults import Fate
from imin_accounts.transports import Request


class CountingImin(FakeImin):
    """Counts the reads of each customer, however many there are."""

    def __init__(self) -> None:
        super().__init__(seed=0)
        self.reads = Counter[str]()

    def exchange(self, request: Request) -> Fate:
        customer = unquote(request.url.partition("/customers/")[2].partition("/")[0])
        self.reads[customer] += 1
        return super().exchange(request)


class EmulatorProcess:
    """The process that serves the emulator, as the test's own process sees it."""

    def __init__(self, pipe: "Connection[Any, Any]") -> None:
        self._pipe = pipe
        self.base_url: str = pipe.recv()

    def requests(self) -> int:
        """How many requests came since ``reads`` was asked."""
        self._pipe.send("requests")
        count: int = self._pipe.recv()
        return count

    def reads(self) -> Counter[str]:
        """How often each customer was asked about since the last time that this was asked."""
        self._pipe.send("reads")
        counted: Counter[str] = self._pipe.recv()
        return counted


@contextmanager
def emulator_process(*, customers: int, sellers: int = 2, latency: float = 0.0) -> Iterator[EmulatorProcess]:
    """Emulate an imin with ``customer-1`` and so on; each reply takes ``latency`` seconds."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_run, args=(theirs, customers, sellers, latency), daemon=True)
    process.start()
    try:
        yield EmulatorProcess(ours)
        ours.send("end")
        process.join()
    finally:
        process.kill()
        process.join()
        ours.close()
        theirs.close()


def _run(pipe: "Connection[Any, Any]", customers: int, sellers: int, latency: float) -> None:
    fake = CountingImin()
    add_crowd(fake, sellers=sellers, customers=customers)
    if latency:
        fake.faults.add(Rule(Latency(latency)))
    asyncio.run(_serve(fake, pipe))


async def _serve(fake: CountingImin, pipe: "Connection[Any, Any]") -> None:
    async with fake.serve() as base_url:
        pipe.send(base_url)
        while (asked := await asyncio.to_thread(pipe.recv)) != "end":
            if asked == "requests":
                pipe.send(fake.reads.total())
            else:
                pipe.send(fake.reads.copy())
                fake.reads.clear()
