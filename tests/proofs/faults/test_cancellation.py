"""A call that is cancelled, at any step, and a session that is closed under its callers."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest

from imin_accounts import AccountsSession, OutcomeUnknown, RetryPolicy, SellerAccounts, SessionStateError
from imin_accounts.errors import Attempt
from imin_accounts.session import Runtime
from tests.proofs.faults import steps
from tests.proofs.faults.catalogue import FAULTS
from tests.proofs.faults.clock import elastic, settle, the_loop
from tests.proofs.faults.conftest import Figures, size
from tests.proofs.faults.fault import MODES, Fault, Mode
from tests.proofs.faults.replies import SELLER
from tests.proofs.faults.server import RIGHT, FaultServer, Plan, Turn
from tests.proofs.faults.trial import waiting_for
from tests.transports.every import EVERY_TRANSPORT, make_transport

every_transport = pytest.mark.parametrize("over", EVERY_TRANSPORT)

FAULT = {fault.name: fault for fault in FAULTS}
MODE = {mode.column: mode for mode in MODES}

STRUCK = [
    # Ten faults that take a call through all it can do: waits, retries, holds, re-reads.
    (FAULT["status-500"], MODE["get"]),
    (FAULT["status-429"], MODE["get"]),
    (FAULT["status-429"], MODE["delete"]),
    (FAULT["html"], MODE["get"]),
    (FAULT["somebody-elses"], MODE["get"]),
    (FAULT["closed-after-headers"], MODE["get"]),
    (FAULT["reset-before-status"], MODE["delete"]),
    (FAULT["stalled-before-status"], MODE["delete_once"]),
    (FAULT["status-204-length-5"], MODE["delete"]),
    (FAULT["items-missing"], MODE["re_read"]),
    (FAULT["gzip-announced-but-plain"], MODE["re_read"]),
]


@asynccontextmanager
async def opened(
    plan: Plan, told: list[Attempt], over: str, max_connections: int = 100
) -> AsyncIterator[tuple[FaultServer, AccountsSession]]:
    loop = the_loop()
    async with (
        waiting_for(over),
        FaultServer(plan, skip=loop.skip) as server,
        make_transport(over) as transport,  # not the session's, which can't end its calls by closing it
        AccountsSession(
            "key",
            base_url=server.url(),
            transport=transport,
            max_connections=max_connections,
            retry=RetryPolicy(attempts=12),  # long enough a call
            on_attempt=told.append,
            runtime=Runtime(clock=loop.time, sleep=loop.sleep),
            timeout=600.0,
        ) as session,
    ):
        yield server, session


@attrs.frozen
class Cancelled:
    """What came of a call that was cancelled: all three are to be true."""

    came_out: bool
    next_is_right: bool
    nothing_uninvited: bool


async def cancel_at(step: int, fault: Fault, mode: Mode, over: str) -> Cancelled | None:
    """Cancel a call after ``step`` passes of the event loop; None where it had ended by then."""
    told: list[Attempt] = []
    async with opened(mode.plan(fault), told, over) as (server, session):
        get, delete = session.get_seller_accounts, session.delete_seller_account
        call = asyncio.ensure_future(delete("1", SELLER) if mode.call == "DELETE" else get("1"))
        for _ in range(step):
            await asyncio.sleep(0)
        if call.done():
            call.exception()  # not of interest
            return None
        call.cancel()
        await asyncio.wait([call])
        # A transport with a thread of its own may have one on its way still: that puts no clock forward.
        server.plan, server.skip = (lambda _: RIGHT), (lambda _: None)
        await settle(100)
        uninvited = len(server.seen) > len(told) + 1
        the_loop().skip(3600.0)
        accounts = await get("2")
        asked = sum(request.customer == "2" for request in server.seen)
        right = isinstance(accounts, SellerAccounts) and asked == 1
        return Cancelled(call.cancelled(), right, not uninvited)


@every_transport
@pytest.mark.parametrize(
    ("fault", "mode"), [pytest.param(f, m, id=f"{f.name}-{m.column}") for f, m in STRUCK]
)
def test_cancelled_at_every_step(fault: Fault, mode: Mode, over: str, figures: Figures) -> None:
    """CancelledError comes out at once, no request follows, and the next call is right."""
    stride, least = size(ordinary=15, long=1), size(ordinary=4, long=60)
    came_of = [elastic(cancel_at(step, fault, mode, over)) for step in range(0, 80, stride)]
    landed = [cancelled for cancelled in came_of if cancelled]
    figures.add(f"cancelled over {over}: {fault.name}, {mode.column}: at {len(landed)} steps")
    assert [cancelled for cancelled in landed if not all(attrs.astuple(cancelled))] == []
    assert len(landed) >= least


async def _ends(calls: Iterable[asyncio.Task[Any]]) -> list[object]:
    """What calls came to; those that should have ended by now do not keep the test waiting."""
    async with asyncio.timeout(5.0):
        return list(await asyncio.gather(*calls, return_exceptions=True))


def silent(*methods: str) -> Plan:
    """Never answer these methods, and let no time pass."""
    return lambda seen: Turn(script=(steps.stall(0.0),)) if seen.method in methods else RIGHT


@every_transport
def test_aclose_ends_queued_callers(over: str) -> None:
    """Callers that wait for a place, and the one who has it, get SessionStateError at once."""

    async def main() -> list[object]:
        async with opened(silent("GET"), [], over, max_connections=1) as (server, session):
            calls = [asyncio.create_task(session.get_seller_accounts(str(n))) for n in range(50)]
            await settle()
            assert len(server.seen) == 1
            await session.aclose()
            return await _ends(calls)

    assert {type(end) for end in elastic(main())} == {SessionStateError}


@every_transport
def test_aclose_during_a_delete(over: str) -> None:
    """A disconnect whose DELETE is out ends as unknown, those still waiting as never sent."""

    async def main() -> list[object]:
        async with opened(silent("DELETE"), [], over, max_connections=1) as (_, session):
            calls = [asyncio.create_task(session.delete_seller_account(str(n), SELLER)) for n in range(5)]
            await settle()
            await session.aclose()
            return await _ends(calls)

    assert [type(end) for end in elastic(main())] == [OutcomeUnknown, *[SessionStateError] * 4]


@every_transport
def test_aclose_leaves_no_task(over: str) -> None:
    """After ``aclose`` and its calls' end no task of the session is left."""

    async def main() -> int:
        async with opened(silent("GET"), [], over) as (_, session):
            calls = [asyncio.create_task(session.get_seller_accounts(str(n))) for n in range(5)]
            await settle()
            await session.aclose()
            await _ends(calls)
        return len(asyncio.all_tasks())

    assert elastic(main()) == 1
