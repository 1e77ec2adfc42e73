"""A process that ends with faults in flight: ``python -m tests.proofs.leaving_faults URL WAY SEED``."""

import asyncio
import random
import sys
from collections.abc import Coroutine
from typing import Any

from imin_accounts import AccountsSession, IminError, RetryPolicy
from imin_accounts.transports import PyreqwestTransport

SELLER = "https://id.bookingsystem.example.com/organizers/1"
AT_ONCE = 40


async def call(session: AccountsSession, number: int) -> None:
    try:
        if number % 4:
            await session.get_seller_accounts("rosie", timeout=2)
        else:
            await session.delete_seller_account("rosie", SELLER, timeout=2)
    except IminError:
        pass


async def in_flight(base_url: str, way: str, chance: random.Random) -> list[object]:
    """Begin calls, and end as ``way`` says while they are under way. Returns what is to be left behind."""
    transport = PyreqwestTransport()
    session = AccountsSession(
        "key",
        base_url=base_url,
        transport=transport,
        retry=RetryPolicy(attempts=2, attempt_timeout=0.3, base=0.001),
    )
    await session.__aenter__()
    calls = [asyncio.create_task(call(session, number)) for number in range(AT_ONCE)]
    until = asyncio.get_running_loop().time() + chance.random() * 0.08
    while asyncio.get_running_loop().time() < until:
        await asyncio.sleep(0.001)
    if way == "interrupted":
        raise KeyboardInterrupt
    if way in ("cancelled", "closed"):
        for each in calls[:: 1 if way == "cancelled" else 2]:
            each.cancel()
    if way == "closed":
        await session.aclose()
        await transport.aclose()
    return [transport, session, calls]


def run(main: Coroutine[Any, Any, list[object]], way: str) -> list[object]:
    if way == "abandoned":  # the event loop just stops
        return asyncio.new_event_loop().run_until_complete(main)
    return asyncio.run(main)


if __name__ == "__main__":
    _, base_url, way, seed = sys.argv
    left = run(in_flight(base_url, way, random.Random(int(seed))), way)
