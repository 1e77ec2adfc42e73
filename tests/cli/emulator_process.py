"""An emulated imin in a process of its own, which counts whom it was asked about."""

import asyncio
import math
import multiprocessing
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from signal import Signals
from subprocess import Popen
from typing import Any
from urllib.parse import unquote

from imin_accounts.fake import FakeImin, Latency, Rule, add_crowd
from imin_accounts.fake._faults import Fate
from imin_accounts.transports import Request
from tests.cli.processes import ProcessResult, end, wait_until


class CountingImin(FakeImin):
    """Counts the reads of each customer, however many there are, and may let further ones wait."""

    def __init__(self) -> None:
        super().__init__(seed=0, sleep=self._wait)
        self.reads = Counter[str]()
        self.enough: float = math.inf
        """How many requests have their replies before ``go_on`` is set."""
        self.go_on = asyncio.Event()

    def exchange(self, request: Request) -> Fate:
        customer = unquote(request.url.partition("/customers/")[2].partition("/")[0])
        self.reads[customer] += 1
        return super().exchange(request)

    async def _wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if self.reads.total() > self.enough:
            await self.go_on.wait()


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

    def hold(self, *, after: int) -> None:
        """Let requests after so many wait for their replies: then nothing ends before its signal comes.

        They are counted as ``requests`` does.
        """
        self._pipe.send(after)

    def go_on(self) -> None:
        """Let everybody have a reply."""
        self._pipe.send(math.inf)

    def signal_at(self, count: int, process: "Popen[str]", signum: Signals) -> ProcessResult:
        """Send a signal once so many requests came, let everybody have a reply, and wait for the end."""
        if wait_until(process, lambda: self.requests() >= count):
            process.send_signal(signum)
        self.go_on()
        return end(process)


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
            match asked:
                case "requests":
                    pipe.send(fake.reads.total())
                case "reads":
                    pipe.send(fake.reads.copy())
                    fake.reads.clear()
                case enough:
                    fake.enough, waiting = enough, fake.go_on
                    fake.go_on = asyncio.Event()
                    waiting.set()
