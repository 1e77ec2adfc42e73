"""Hostile replies cost little memory and do not stop the event loop."""

import asyncio
import json
import sys
from functools import cache
from typing import Any

import pytest

from tests.length import LONG
from tests.proofs.faults.catalogue import FAULTS
from tests.proofs.faults.conftest import Figures, size
from tests.proofs.faults.server import RIGHT, AccountsRequest, FaultServer, Turn
from tests.transports.every import EVERY_TRANSPORT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")

MEGABYTE = 1 << 20
PROBE = "tests.proofs.faults.memory_probe"
ROUNDS = str(size(ordinary=1, long=5))
FAULT = {fault.name: fault for fault in FAULTS}
HOSTILE = (
    "gzip-bomb",
    "gzip-bomb-chunked",
    "endless-chunks",
    "endless-body",
    "length-10-gb",
    "status-401-endless-body",
    "just-over-the-cap",
    "deep-objects",
    "headers-5000",
)


def by_path(seen: AccountsRequest) -> Turn:
    return Turn(script=FAULT[seen.label].script) if seen.label in FAULT else RIGHT


@cache
def measured_cost(name: str, over: str) -> dict[str, Any]:
    """What ``tests.proofs.faults.memory_probe`` measures of one fault, in a process of its own."""

    async def main() -> dict[str, Any]:
        async with FaultServer(by_path) as server:
            client = await asyncio.create_subprocess_exec(
                sys.executable, "-m", PROBE, server.url(), server.url(name), ROUNDS, over,
                stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            out, _ = await client.communicate()
            measured: dict[str, Any] = json.loads(out)
            return measured

    return asyncio.run(main())


@pytest.mark.parametrize("over", EVERY_TRANSPORT)
@pytest.mark.parametrize("name", HOSTILE)
def test_memory(name: str, over: str, figures: Figures) -> None:
    """A hostile reply costs at most 32 MB."""
    used = measured_cost(name, over)["bytes"]
    figures.add(f"{name} over {over}: {used / MEGABYTE:+.1f} MB")
    assert used <= 32 * MEGABYTE


@pytest.mark.skipif(not LONG, reason="times are measured with CI_LONG=1 only")
@pytest.mark.parametrize("over", EVERY_TRANSPORT)
@pytest.mark.parametrize("name", HOSTILE)
def test_stall(name: str, over: str, figures: Figures) -> None:
    """A hostile reply stops the event loop for at most 50 ms more than the machine itself does.

    The best of some rounds counts: what the reply does it does in each, what others do on this machine
    it does not.
    """
    stall, idle = min(measured_cost(name, over)["stalls"], key=lambda round: round[0] - round[1])
    figures.add(f"{name} over {over}: longest stall {stall * 1e3:.0f} ms, idle {idle * 1e3:.0f} ms")
    assert stall - idle <= 0.050
