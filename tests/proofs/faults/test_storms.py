"""Thousands of calls through faults at random: everything is resolved or reported, nothing is untrue."""

import gc
import random
import tracemalloc
from collections import Counter

import attrs
import pytest

from imin_accounts import Deleted, Failed, Fetched, OutcomeUnknown
from tests import canaries
from tests.proofs.faults import steps
from tests.proofs.faults.catalogue import FAULTS_OVER
from tests.proofs.faults.clock import elastic, settle
from tests.proofs.faults.concurrent_calls import Tally, make_calls, server_and_session
from tests.proofs.faults.conftest import Figures, long, size
from tests.proofs.faults.events import CLOSED_THEN_404, SOMEBODY_ELSES, WELL, WELL_WITHOUT_EVIDENCE, Event
from tests.proofs.faults.fault import Fault
from tests.proofs.faults.replies import JSON, SELLER, document, head, reply
from tests.proofs.faults.server import RIGHT, AccountsRequest, Exchange, FaultServer, Plan, Turn
from tests.transports.every import EVERY_TRANSPORT

every_transport = pytest.mark.parametrize("over", EVERY_TRANSPORT)

STRAY_204 = (steps.right(), steps.pause, steps.send(head(204)))


def random_losses(seen: AccountsRequest, chance: random.Random) -> Turn:
    """Kill one DELETE in five after processing and one in twenty before; send stray 204s after GETs."""
    if seen.method == "GET":
        return Turn(script=STRAY_204) if chance.random() < 0.2 else RIGHT
    killing = (chance.choice((steps.close, steps.reset)),)
    lot = chance.random()
    return Turn(script=killing) if lot < 0.2 else Turn(False, killing) if lot < 0.25 else RIGHT


@long
@every_transport
def test_no_disconnect_is_claimed_or_denied_falsely(figures: Figures, over: str) -> None:
    """Of thousands of disconnects none is said to be done that was not, nor not done that was."""
    deletions = size(ordinary=300, long=10_000)
    chance = random.Random(3)

    async def main() -> Tally:
        tally = Tally()
        async with server_and_session(lambda seen: random_losses(seen, chance), over) as (server, session):
            await make_calls(server, session, tally, calls=deletions * 21 // 10, deletes=0.5)
        return tally

    tally = elastic(main())
    figures.add(f"disconnects in a storm over {over}: {tally}; untrue: {len(tally.wrong)}")
    assert tally.wrong == []
    assert tally.ends["verified"] > deletions * 0.1


def _strikes(event: Event, fault: Fault) -> bool:
    plain = not (fault.before or fault.greeting or fault.target) and fault.timeout == 600.0
    return (
        plain
        and event not in (WELL, WELL_WITHOUT_EVIDENCE, CLOSED_THEN_404)
        and (fault.retry_after or 0) < 60
    )


def _of_the_one_before(exchange: Exchange) -> bytes:
    other = [seen.customer for seen in exchange.server.seen][-2:][0]
    return reply(200, document(other, exchange.server.truth(other)), JSON)


SWAPPED = Fault("swapped", SOMEBODY_ELSES, (steps.send(_of_the_one_before), steps.right()))


def strikes_over(over: str) -> dict[str, list[Fault]]:
    """By method, the faults that may strike it: none that ``over`` reads as if all were well."""
    faults = FAULTS_OVER[over]
    stray = [attrs.evolve(fault, script=fault.before, before=()) for fault in faults if fault.before]
    return {
        "GET": [SWAPPED, *stray, *(fault for fault in faults if _strikes(fault.event, fault))],
        "DELETE": [fault for fault in faults if _strikes(fault.on_delete or fault.event, fault)],
    }


def random_faults(chance: random.Random, over: str, but_for: int = 0) -> Plan:
    """Strike one request in five with any fault of the catalogue but those of one status.

    Whether a DELETE is processed is left to chance where the fault leaves it open.
    """
    strikes = {
        method: [f for f in faults if f.status != but_for] for method, faults in strikes_over(over).items()
    }

    def plan(seen: AccountsRequest) -> Turn:
        if chance.random() >= 0.2:
            return RIGHT
        fault = chance.choice(strikes[seen.method])
        open_ended = (fault.on_delete or fault.event).delete_processed is not None
        return Turn(open_ended and chance.random() < 0.5, fault.script)

    return plan


async def _memory() -> int:
    """Bytes in use once everything under way has ended."""
    await settle(500)
    gc.collect()
    used, _ = tracemalloc.get_traced_memory()
    return used


@long
@every_transport
def test_chaos(figures: Figures, over: str) -> None:
    """Every call is resolved or reported: none lost, untrue, another's or untyped; memory stays flat."""
    calls = size(ordinary=500, long=100_000)

    async def main() -> tuple[Tally, int]:
        tally = Tally()
        async with server_and_session(random_faults(random.Random(6), over), over) as (server, session):
            await make_calls(server, session, tally, calls=calls // 10, deletes=0.3, at_once=8)
            before = await _memory()
            await make_calls(server, session, tally, calls=calls - calls // 10, deletes=0.3, at_once=8)
            return tally, await _memory() - before

    tracemalloc.start()
    try:
        tally, growth = elastic(main())
    finally:
        tracemalloc.stop()
    kinds = len({fault.name for faults in strikes_over(over).values() for fault in faults})
    figures.add(
        f"chaos of {kinds} faults over {over}: {tally}; untrue: {len(tally.wrong)}; memory {growth:+,} bytes"
    )
    assert tally.wrong == []
    assert sum(tally.ends.values()) == calls
    assert kinds >= 20
    assert growth < 1 << 20


def _false(outcome: Fetched | Deleted | Failed, server: FaultServer) -> bool:
    """Whether ``outcome`` is untrue, as far as the server can tell."""
    match outcome:
        case Fetched(customer=customer, accounts=accounts):
            return accounts.entitlement_filter != f"{canaries.FILTER}{customer}"
        case Deleted(customer=customer):
            return server.truth(customer)[SELLER]
        case Failed(error=OutcomeUnknown()) | Failed(seller=None):
            return False
        case Failed(customer=customer):
            return not server.truth(customer)[SELLER]


@long
@every_transport
def test_bulk_calls_in_chaos(figures: Figures, over: str) -> None:
    """Each input has exactly one outcome, and none is untrue."""
    customers = [f"customer-{n}" for n in range(size(ordinary=200, long=10_000))]

    async def main() -> None:
        # A 401 ends a bulk call, since no further request could succeed.
        async with server_and_session(random_faults(random.Random(7), over, but_for=401), over) as (
            server,
            session,
        ):
            reads = session.get_many(customers, concurrency=8)
            deletions = session.delete_many([(customer, SELLER) for customer in customers], concurrency=8)
            for bulk in (reads, deletions):
                async with bulk as outcomes:
                    ended = [outcome async for outcome in outcomes]
                assert Counter(outcome.customer for outcome in ended) == Counter(customers)
                assert [outcome for outcome in ended if _false(outcome, server)] == []
                figures.add(
                    f"bulk in chaos over {over}: {dict(Counter(type(outcome).__name__ for outcome in ended))}"
                )

    elastic(main())
