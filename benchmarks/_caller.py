"""A client in a process of its own, as a user's is: no other one's objects and code are in its caches."""

import asyncio
import gc
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from time import process_time

from benchmarks._clients import Get, clients
from benchmarks._measure import stay_on
from benchmarks._server import CUSTOMERS


async def call(get: Get, calls: int, at: int) -> None:
    """Read so many customers' accounts, ``at`` of them at once."""
    customers = islice(cycle(map(str, range(CUSTOMERS))), calls)

    async def work() -> None:
        for customer in customers:
            await get(customer)

    await asyncio.gather(*(work() for _ in range(at)))


async def _take_turns(name: str, base_url: str, calls: int, at: int) -> None:
    stay_on(0)
    async with clients()[name](base_url, at) as get:
        await call(get, calls, at)
        gc.collect()
        gc.freeze()
        print("ready", flush=True)
        while sys.stdin.readline():
            began = process_time()
            await call(get, calls, at)
            print(process_time() - began, flush=True)


@contextmanager
def calling(name: str, base_url: str, calls: int, at: int) -> Iterator[Callable[[], float]]:
    """A function that lets the client make its calls once more; it returns their CPU seconds."""
    command = [sys.executable, "-m", "benchmarks._caller", name, base_url, str(calls), str(at)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        sent, received = process.stdin, process.stdout
        assert sent is not None
        assert received is not None
        assert received.readline() == "ready\n", name

        def turn() -> float:
            sent.write("\n")
            sent.flush()
            return float(received.readline())

        yield turn
        sent.close()


if __name__ == "__main__":
    asyncio.run(_take_turns(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
