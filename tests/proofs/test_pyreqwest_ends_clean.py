"""Processes that end with faults in flight: none is aborted, and nothing is said of a panic."""

import asyncio
import importlib.util
import random
import sys
from collections import Counter

import pytest

from tests.length import LONG
from tests.proofs.faults import steps
from tests.proofs.faults.server import RIGHT, AccountsRequest, Exchange, FaultServer, Turn

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("pyreqwest") is None, reason="needs the extra [pyreqwest]"
)

PROCESSES = 300 if LONG else 4
HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}"


def late(end: steps.Part | None, chance: random.Random) -> Turn:
    """After a moment: bytes, or none, and the connection's end."""
    seconds = chance.random() * 0.06

    async def step(exchange: Exchange) -> None:
        await asyncio.sleep(seconds)
        if end is not None:
            await steps.send(end)(exchange)
        exchange.connection.writer.transport.abort()

    return Turn(processed=False, script=(step,))


def faults(chance: random.Random) -> Turn:
    """Any of the ways in which a reply may fail while its process ends."""
    stalled = Turn(script=(steps.stall(),))
    return chance.choice(
        [RIGHT, stalled, late(None, chance), late(HALF, chance), late(b"what?\r\n\r\n", chance)]
    )


async def ended(server: FaultServer, way: str, seed: int) -> str:
    """How a process ended: its exit code, and what it said on its way."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.proofs.leaving_faults", server.url(), way, str(seed),
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, said = await process.communicate()
    panics = " panicked" if b"panicked" in said else ""
    return f"{process.returncode}{panics}"


@pytest.mark.timeout(3600 if LONG else 120)
@pytest.mark.parametrize("way", ["closed", "cancelled", "left", "abandoned", "interrupted"])
async def test_a_process_ends_clean(way: str) -> None:
    """However its session is left, the interpreter ends as any other: with this code, and no abort."""
    chance = random.Random(7)
    seeds = iter(range(PROCESSES))
    ends = Counter[str]()

    async def one_after_another() -> None:
        for seed in seeds:
            ends[await ended(server, way, seed)] += 1

    def plan(seen: AccountsRequest) -> Turn:
        return faults(chance)

    async with FaultServer(plan) as server:
        await asyncio.gather(*(one_after_another() for _ in range(4)))
    print(f"{way}: {dict(ends)}")
    assert ends == {"-2" if way == "interrupted" else "0": PROCESSES}
