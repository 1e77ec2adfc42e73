"""Many calls at once to a fault server, and a count of how they ended."""

import asyncio
import random
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs

from imin_accounts import (
    AccountsSession,
    ConnectedAccount,
    Deletion,
    IminError,
    OutcomeUnknown,
    SellerAccounts,
)
from imin_accounts.errors import Attempt
from imin_accounts.session import Runtime
from tests import canaries
from tests.proofs.faults.clock import the_loop
from tests.proofs.faults.server import FaultServer, Plan
from tests.proofs.faults.trial import waiting_for
from tests.transports.every import make_transport

SELLERS = tuple(f"https://id.bookingsystem.example.com/organizers/{n}" for n in range(3))


@attrs.define
class Tally:
    """What calls came to.

    Attributes:
        ends: How many calls ended how.
        wrong: Calls that ended in something untrue, untyped or somebody else's, in words.
    """

    ends: Counter[str] = attrs.Factory(Counter)
    wrong: list[str] = attrs.Factory(list)

    def __str__(self) -> str:
        return ", ".join(f"{n} {end}" for end, n in self.ends.most_common())


@asynccontextmanager
async def server_and_session(
    plan: Plan, over: str = "aiohttp"
) -> AsyncIterator[tuple[FaultServer, AccountsSession]]:
    """A server with ``plan`` and a session on it over a transport, both on the elastic clock."""
    loop = the_loop()
    server = FaultServer(plan, skip=loop.skip, seen=deque(maxlen=100))
    async with (
        waiting_for(over),
        server,
        make_transport(over) as transport,
        AccountsSession(
            canaries.KEY,
            base_url=server.url(),
            transport=transport,
            timeout=600.0,
            runtime=Runtime(clock=loop.time, sleep=loop.sleep),
        ) as session,
    ):
        yield server, session


async def make_calls(
    server: FaultServer,
    session: AccountsSession,
    tally: Tally,
    *,
    calls: int,
    deletes: float,
    at_once: int = 32,
) -> None:
    """Make ``calls`` calls, a share ``deletes`` of them disconnects, ``at_once`` at a time."""

    async def caller(number: int, share: int) -> None:
        # Customers of its own, so that between two calls nobody else changes the truth about them. One
        # whose DELETE was given up is let go of: the server may read it from its socket much later.
        chance = random.Random(number)
        customers = [f"{number}-{n}" for n in range(10)]
        for nth in range(share):
            place = chance.randrange(10)
            customer = customers[place]
            if chance.random() >= deletes:
                await _read(server, session, tally, customer)
            elif not await _disconnect(server, session, tally, customer, chance.choice(SELLERS)):
                del server.customers[customer]
                customers[place] = f"{number}-{nth}-{place}"

    shares = [calls // at_once + (n < calls % at_once) for n in range(at_once)]
    await asyncio.gather(*(caller(number, share) for number, share in enumerate(shares)))


async def _read(server: FaultServer, session: AccountsSession, tally: Tally, customer: str) -> None:
    truth = _truth(server, customer)
    try:
        accounts = await session.get_seller_accounts(customer)
    except Exception as error:  # noqa: BLE001 - whatever comes out is judged
        _judge(tally, error, isinstance(error, IminError))
    else:
        connected = {a.seller.id: isinstance(a, ConnectedAccount) for a in accounts if a.seller}
        token = f"{canaries.FILTER}{customer}"
        _judge(tally, accounts, accounts.entitlement_filter == token and connected == truth)


async def _disconnect(
    server: FaultServer, session: AccountsSession, tally: Tally, customer: str, seller: str
) -> bool:
    """Disconnect, and judge what came of it. Returns whether every DELETE was answered."""
    end: Deletion | Exception
    truth = _truth(server, customer)
    truth[seller] = True
    try:
        end = await session.delete_seller_account(customer, seller)
    except Exception as error:  # noqa: BLE001 - whatever comes out is judged
        end = error
    if isinstance(end, OutcomeUnknown):
        right = True
    elif isinstance(end, Deletion):
        right = not truth[seller]
    else:
        right = isinstance(end, IminError) and truth[seller]
    _judge(tally, end, right)
    attempts: tuple[Attempt, ...] = getattr(end, "attempts", ())
    return all(attempt.status for attempt in attempts if attempt.method == "DELETE")


def _truth(server: FaultServer, customer: str) -> dict[str, bool]:
    return server.customers.setdefault(customer, dict.fromkeys(SELLERS, True))


def _judge(tally: Tally, end: SellerAccounts | Deletion | Exception, right: bool) -> None:
    name = end.outcome if isinstance(end, Deletion) else type(end).__name__
    tally.ends[name] += 1
    if not right:
        tally.wrong.append(name)
