"""One call of a session that meets a fault, and everything that came of it."""

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import cache

import attrs

from imin_accounts import AccountsSession, Deletion, RetryPolicy
from imin_accounts.errors import Attempt
from imin_accounts.session import Runtime
from tests import canaries
from tests.proofs.faults.clock import ElasticLoop, elastic, settle, settling_with, the_loop
from tests.proofs.faults.events import Ends
from tests.proofs.faults.fault import Fault, Mode, Target
from tests.proofs.faults.replies import SELLER
from tests.proofs.faults.server import RIGHT, AccountsRequest, FaultServer, Plan
from tests.transports.every import make_transport

NOW = 1_700_000_000.0
"""The wall clock of every session here: Tue, 14 Nov 2023 22:13:20 GMT."""
NEXT_CUSTOMER = "next"


@attrs.frozen(kw_only=True)
class Trial:
    """What came of one call that met a fault.

    Attributes:
        ended: In the row's own terms.
        result: What the call returned or raised.
        attempts: What ``on_attempt`` got during the call.
        seen: The requests of the call.
        disconnected: Whether the server has processed a DELETE.
        next_result: What the next call of the session came to, for another customer and
            without a fault; None where none was made.
        leaks: Where canaries showed.
        warnings: Log records at WARNING or above.
        left_over: Tasks and file descriptors more than before.
    """

    ended: Ends
    result: object
    attempts: tuple[Attempt, ...]
    seen: tuple[AccountsRequest, ...]
    disconnected: bool
    next_result: object
    leaks: list[str] = attrs.Factory(list)
    warnings: list[str] = attrs.Factory(list)
    left_over: tuple[int, int] = (0, 0)


@cache
def trial_of(fault: Fault, mode: Mode, transport: str = "aiohttp") -> Trial:
    """The trial of ``fault``, made once in a test run however many tests look at it."""
    return run_trial(fault, mode.plan(fault), mode.call, transport)


def _warning(record: logging.LogRecord) -> str | None:
    text = record.getMessage()
    # In its debug mode asyncio tells of the server's side too: the client did not like the certificate.
    is_servers = text.startswith("Error on transport creation for incoming connection")
    return None if record.levelno < logging.WARNING or is_servers else text


def run_trial(fault: Fault, plan: Plan, call: str, transport: str = "aiohttp") -> Trial:
    """Make one ``call`` (``"GET"`` or ``"DELETE"``) to a server with that ``plan``, over a transport."""
    _warm_up(transport)
    descriptors = _descriptors()
    with _records() as records:
        loop = ElasticLoop()
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            found = runner.run(_run(fault, plan, call, loop, transport))
            tasks = len(asyncio.all_tasks(loop))
    for _ in range(2000 if transport == "pyreqwest" else 0):  # its thread closes them when it comes to it
        if _descriptors() <= descriptors:
            break
        time.sleep(0.001)
    return attrs.evolve(
        found,
        leaks=canaries.leaks(found.result, found.next_result, *found.attempts, *records),
        warnings=[text for text in map(_warning, records) if text],
        left_over=(tasks, max(0, _descriptors() - descriptors)),
    )


@asynccontextmanager
async def waiting_for(over: str) -> AsyncIterator[None]:
    """Let ``settle`` wait for the thread of a transport that has one."""
    if over != "pyreqwest":
        yield
        return
    async with make_transport(over) as another, settling_with(another):
        yield


@cache
def _warm_up(transport: str) -> None:
    """What a transport opens once in a process is not left over by a trial."""

    async def send() -> None:
        async with waiting_for(transport):
            await settle()

    elastic(send())


async def _run(fault: Fault, plan: Plan, call: str, loop: ElasticLoop, over: str) -> Trial:
    attempts: list[Attempt] = []
    tls = fault.tls and fault.tls()
    server = FaultServer(plan, fault.greeting, loop.skip, tls)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(waiting_for(over))
        await stack.enter_async_context(server)
        target = await stack.enter_async_context(_target(fault, server))
        transport = await stack.enter_async_context(make_transport(over, **target.transport))
        session = AccountsSession(
            canaries.KEY,
            base_url=target.base_url,
            transport=transport,
            retry=RetryPolicy(attempts=3, attempt_timeout=10.0),
            timeout=fault.timeout,
            on_attempt=attempts.append,
            runtime=Runtime(clock=loop.time, sleep=loop.sleep, random=lambda: 0.5, wall_clock=lambda: NOW),
        )
        async with session:
            if fault.before:
                await session.get_seller_accounts(canaries.CUSTOMER)
                await settle(200)  # the connection is idle, and what arrives on it late has arrived
            attempts_before, seen_before = len(attempts), len(server.seen)
            result = await _outcome(session, call, canaries.CUSTOMER)
            seen = tuple(server.seen[seen_before:])
            of_call = tuple(attempts[attempts_before:])
            loop.skip(3600.0)  # past any hold
            await settle(200)
            server.plan, server.greeting = lambda _: RIGHT, ()
            next_result = None if fault.target else await _outcome(session, "GET", NEXT_CUSTOMER)
    return Trial(
        ended=_ended(result, of_call, seen),
        result=result,
        attempts=of_call,
        seen=seen,
        disconnected=not server.truth(canaries.CUSTOMER)[SELLER],
        next_result=next_result,
    )


async def _outcome(session: AccountsSession, method: str, customer: str) -> object:
    try:
        if method == "GET":
            return await session.get_seller_accounts(customer, redirect_uri="https://broker.example/back")
        return await session.delete_seller_account(customer, SELLER)
    except Exception as error:  # noqa: BLE001 - whatever comes out is what the test is about
        return error


def _ended(result: object, attempts: tuple[Attempt, ...], seen: tuple[AccountsRequest, ...]) -> Ends:
    methods = [request.method for request in seen]
    return Ends(
        type(result),
        gets=methods.count("GET"),
        deletes=methods.count("DELETE"),
        maybe_sent=getattr(result, "maybe_sent", None),
        outcome=result.outcome if isinstance(result, Deletion) else None,
        attempts=len(getattr(result, "attempts", attempts)),
    )


@asynccontextmanager
async def _target(fault: Fault, server: FaultServer) -> AsyncIterator[Target]:
    if fault.target is None:
        yield Target(base_url=server.url(fault.name))
        return
    async with fault.target(server) as target:
        passing = asyncio.create_task(_pass_time(target.time_passes))
        try:
            yield target
        finally:
            passing.cancel()


async def _pass_time(time_passes: bool) -> None:
    while time_passes:
        the_loop().skip(0.1)
        await asyncio.sleep(0)


@contextmanager
def _records() -> Iterator[list[logging.LogRecord]]:
    """Every log record of any logger, from level 1."""
    records: list[logging.LogRecord] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    root, keep = logging.getLogger(), Keep(1)
    level = root.level
    root.addHandler(keep)
    root.setLevel(1)
    try:
        yield records
    finally:
        root.setLevel(level)
        root.removeHandler(keep)


def _descriptors() -> int:
    return len(os.listdir("/dev/fd"))
