"""Bulk over sockets to a server that lets 25 requests a second through: nobody fails, few are refused."""

from collections.abc import Callable
from typing import Any

import pytest

from imin_accounts import Deleted, Fetched
from tests.proofs.faults import steps
from tests.proofs.faults.clock import elastic
from tests.proofs.faults.concurrent_calls import server_and_session
from tests.proofs.faults.conftest import Figures, long, size
from tests.proofs.faults.replies import SELLER, reply
from tests.proofs.faults.server import RIGHT, AccountsRequest, Plan, Turn
from tests.session.limited_imin import FixedWindow, ServerLimiter, SlidingWindow, TokenBucket


def limited(limiter: ServerLimiter, counted: list[int], *fields: str) -> Plan:
    """Refuse, unprocessed, what ``limiter`` does not let through; count all."""
    refusal = Turn(False, (steps.send(reply(429, b"", *fields)),))

    def plan(seen: AccountsRequest) -> Turn:
        counted.append(seen.nth)
        return refusal if limiter.wait(seen.at) else RIGHT

    return plan


LIMITERS: dict[str, Callable[[], ServerLimiter]] = {
    "token bucket": lambda: TokenBucket(25, 25),
    "fixed window": lambda: FixedWindow(25),
    "sliding window": lambda: SlidingWindow(25),
}


@long
@pytest.mark.parametrize("limiter", LIMITERS)
@pytest.mark.parametrize("fields", [("Retry-After: 1",), ()], ids=["Retry-After", "no Retry-After"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_bulk_against_a_limit(limiter: str, fields: tuple[str, ...], method: str, figures: Figures) -> None:
    """Each has a good outcome, in a call's time of 10 s, with 1.15 requests each at most."""
    customers = [f"customer-{n}" for n in range(size(ordinary=600, long=5_000))]

    counted: list[int] = []

    ended: list[type[Any]] = []

    async def main() -> None:
        async with server_and_session(limited(LIMITERS[limiter](), counted, *fields)) as (_, session):
            if method == "GET":
                async with session.get_many(customers, timeout=10.0) as reads:
                    ended.extend([type(outcome) async for outcome in reads])
            else:
                pairs = [(customer, SELLER) for customer in customers]
                async with session.delete_many(pairs, timeout=10.0) as deletions:
                    ended.extend([type(outcome) async for outcome in deletions])

    elastic(main())
    requests = len(counted)
    figures.add(f"{method}s against a {limiter}: {requests / len(customers):.3f} requests each")
    assert ended == [Fetched if method == "GET" else Deleted] * len(customers)
    assert requests / len(customers) <= 1.15
