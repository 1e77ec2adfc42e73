"""What a hostile reply costs a process: ``python -m …memory_probe WELL_URL FAULT_URL ROUNDS OVER``.

A process of its own, so that its peak is the client's alone. Prints bytes of memory above the peak of
ordinary calls and, for some rounds, the longest stall of the event loop in seconds: during a call that
meets the fault in each of its attempts, and with nothing to do.
"""

import asyncio
import json
import re
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from imin_accounts import AccountsSession, IminError
from tests.transports.every import make_transport


class Heartbeat:
    """Beats every millisecond while open; ``stall`` is the longest pause between two beats."""

    async def __aenter__(self) -> "Heartbeat":
        self.stall = 0.0
        self._beating = asyncio.create_task(self._beat())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.sleep(0.002)
        self._beating.cancel()

    async def _beat(self) -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0.001)
            last, before = time.perf_counter(), last
            self.stall = max(self.stall, last - before)


async def _idle() -> float:
    async with Heartbeat() as heart:
        await asyncio.sleep(0.2)
    return heart.stall


def _peak() -> int:
    # Not getrusage: its peak is inherited from the process that started this one.
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) * 1024


async def _hit(fault: str, over: str) -> float:
    async with (
        make_transport(over) as transport,
        AccountsSession("key", base_url=fault, transport=transport) as session,
        Heartbeat() as heart,
    ):
        with suppress(IminError):
            await session.get_seller_accounts("1")
    return heart.stall


async def measure(well: str, fault: str, rounds: int, over: str) -> dict[str, Any]:
    """What calls to ``fault`` cost over a transport, next to those to ``well``."""
    async with (
        make_transport(over) as transport,
        AccountsSession("key", base_url=well, transport=transport) as session,
    ):
        for _ in range(20):
            await session.get_seller_accounts("1")
    peak = _peak()
    stalls = [(await _hit(fault, over), await _idle()) for _ in range(rounds)]
    return {"bytes": _peak() - peak, "stalls": stalls}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]))))
