"""Calls and bulks over sockets that end in every way at once: nothing hangs, leaks, or is wrong afterwards.

They are cancelled, timed out, left and closed by asyncio's means and by anyio's, at random moments, while the
server drops, delays and refuses some of them.
"""

import asyncio
import gc
import importlib.util
import os
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from itertools import count
from typing import Any

import anyio
import attrs
import pytest

from imin_accounts import (
    AccountsSession,
    Deleted,
    Failed,
    Fetched,
    IminError,
    OutcomeUnknown,
    RetryPolicy,
    SessionStateError,
)
from imin_accounts.fake import Drop, FakeImin, Latency, Rule, Status
from imin_accounts.testing._playback import Playback
from imin_accounts.transports import Request
from tests.session.bulk_transport import settle
from tests.transports.every import EVERY_TRANSPORT, make_transport

LONG = os.environ.get("CI_LONG") == "1"
CALLS = 10_000 if LONG else 500
AT_ONCE = 32
SELLER = "https://id.bookingsystem.example.com/organizers/1"
FAULTS = (
    Rule(Latency(0.003), probability=0.1),
    Rule(Drop(processed=True), probability=0.02),
    Rule(Drop(processed=False), probability=0.02),
    Rule(Status(500), probability=0.02),
    Rule(Status(429, retry_after=0), probability=0.003),
)


class SourceFailed(Exception):
    """What a source of the storm's raises."""


@attrs.define
class Storm:
    """Makes calls, ends them, and notes what was wrong."""

    fake: FakeImin
    chance: random.Random
    over: str
    calls: int = 0
    ends: Counter[str] = attrs.Factory(Counter)
    wrong: list[str] = attrs.Factory(list)
    customers: "count[int]" = attrs.Factory(count)

    def customer(self) -> str:
        """A new one, connected with the one seller."""
        name = f"customer-{next(self.customers)}"
        self.fake.add_customer(name, email=f"{name}@example.com")
        self.fake.connect(name, SELLER)
        self.calls += 1
        return name

    def is_connected(self, customer: str | None) -> bool:
        return (customer, SELLER) in self.fake.population.connections

    def judge(self, outcome: Any, customer: str, seller: str | None) -> None:
        """Note what is untrue in an outcome or error."""
        self.ends[type(outcome).__name__] += 1
        match outcome:
            case Fetched(customer=about, accounts=accounts):
                right = f"/customers/{about}/" in str(accounts.id)
            case Deleted(customer=about):
                right = not self.is_connected(about)
            case OutcomeUnknown():
                right = seller is not None
            case IminError():
                right = seller is None or self.is_connected(customer)
            case _:
                right = False
        if not right:
            self.wrong.append(repr(outcome))

    # --- What is called -----------------------------------------------------------------------------

    async def read(self, session: AccountsSession) -> None:
        customer = self.customer()
        try:
            self.judge(Fetched(customer, await session.get_seller_accounts(customer)), customer, None)
        except IminError as error:
            self.judge(error, customer, None)

    async def disconnect(self, session: AccountsSession) -> None:
        customer = self.customer()
        try:
            deletion = await session.delete_seller_account(customer, SELLER)
            self.judge(Deleted(customer, SELLER, deletion), customer, SELLER)
        except IminError as error:
            self.judge(error, customer, SELLER)

    async def source(self, size: int, seller: str | None = None) -> AsyncIterator[Any]:
        """Customers; held together by what is bound to the task that reads."""
        way = self.chance.randrange(6)
        async with asyncio.timeout(0.004 if way == 0 else 60), asyncio.TaskGroup() as group:
            with anyio.move_on_after(0.004 if way == 1 else 60):
                for n in range(size):
                    if way == 2 and n == size // 2:
                        raise SourceFailed
                    if way == 3 and n == size // 2:
                        group.create_task(self.fail())
                    if self.chance.random() < 0.5:
                        await asyncio.sleep(self.chance.choice([0, 0.001]))
                    yield (self.customer(), seller) if seller else self.customer()

    async def fail(self) -> None:
        raise SourceFailed

    async def bulk(self, session: AccountsSession) -> None:
        size, concurrency = self.chance.randrange(1, 40), self.chance.choice([1, 4, 64, 1_000_000])
        leave_after = self.chance.choice([None, None, 0, 3])
        reads = self.chance.random() < 0.5
        get = session.get_many(self.source(size), concurrency=concurrency)
        delete = session.delete_many(self.source(size, SELLER), concurrency=concurrency)
        seen = Counter[str]()
        try:
            async with get if reads else delete as outcomes:
                async for outcome in outcomes:
                    seen[outcome.customer] += 1
                    ended = outcome.error if isinstance(outcome, Failed) else outcome
                    self.judge(ended, outcome.customer, None if reads else SELLER)
                    if seen.total() == leave_after:
                        break
        except* (SessionStateError, SourceFailed, TimeoutError) as group:
            for error in group.exceptions:
                self.ends[type(error).__name__] += 1
        self.wrong += [f"{n} outcomes of one" for n in seen.values() if n > 1]

    # --- How it ends --------------------------------------------------------------------------------

    async def by_itself(self, work: Coroutine[Any, Any, None]) -> None:
        await work

    async def cancelled(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        for _ in range(self.chance.randrange(60)):
            await asyncio.sleep(0)
        for _ in range(self.chance.choice([1, 1, 2])):
            task.cancel()
            await asyncio.sleep(0)
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()

    async def timed_out(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            async with asyncio.timeout(self.chance.random() * 0.2):
                await work
        except TimeoutError:
            self.ends["timed out"] += 1

    async def waited_for(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await asyncio.wait_for(work, self.chance.random() * 0.2)
        except TimeoutError:
            self.ends["waited for"] += 1

    async def in_a_scope(self, work: Coroutine[Any, Any, None]) -> None:
        with anyio.move_on_after(self.chance.random() * 0.2):
            await work

    async def in_a_cancelled_group(self, work: Coroutine[Any, Any, None]) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(self.by_itself, work)
            await anyio.sleep(self.chance.random() * 0.2)
            group.cancel_scope.cancel()

    async def one(self, session: AccountsSession) -> None:
        work = self.chance.choice([self.read, self.disconnect, self.bulk])
        end = self.chance.choice(
            [
                self.by_itself,
                self.cancelled,
                self.timed_out,
                self.waited_for,
                self.in_a_scope,
                self.in_a_cancelled_group,
            ]
        )
        coroutine = work(session)
        await end(coroutine)
        coroutine.close()  # where it was cancelled before it began

    async def run(self, base_url: str) -> None:
        """Sessions one after another, each closed under its callers at some time, or when they are done."""
        while self.calls < CALLS:
            until = self.calls + CALLS // 8
            transport = make_transport(self.over)
            session = AccountsSession(
                "test-key", base_url=base_url, transport=transport, retry=RetryPolicy(base=0.001), timeout=10
            )
            async with transport, session, asyncio.TaskGroup() as group:
                actors = [group.create_task(self.actor(session, until)) for _ in range(AT_ONCE)]
                await asyncio.wait(actors, return_when=asyncio.FIRST_COMPLETED)
                if self.chance.random() < 0.5:
                    await session.aclose()

    async def actor(self, session: AccountsSession, until: int) -> None:
        while self.calls < until:
            await self.one(session)


def _eager() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    loop.set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined, unused-ignore]
    return loop


def _uvloop() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()


async def use_once(over: str) -> None:
    """Open what a transport keeps for its process."""
    async with Playback() as server, make_transport(over) as transport:
        await transport.send(Request(method="GET", url=server.origin, headers={}), timeout=60)


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


LOOPS = [
    pytest.param(asyncio.new_event_loop, id="usual"),
    pytest.param(
        _eager,
        id="eager",
        marks=pytest.mark.skipif(not hasattr(asyncio, "eager_task_factory"), reason="from Python 3.12"),
    ),
    pytest.param(
        _uvloop,
        id="uvloop",
        marks=pytest.mark.skipif(importlib.util.find_spec("uvloop") is None, reason="not installed"),
    ),
]


@pytest.mark.timeout(3600 if LONG else 120)
@pytest.mark.parametrize("over", EVERY_TRANSPORT)
@pytest.mark.parametrize("loop_factory", LOOPS)
def test_a_storm_of_calls_and_ends(loop_factory: Callable[[], asyncio.AbstractEventLoop], over: str) -> None:
    """Nothing untrue, no task and no socket left, and no exception that nobody was given."""
    complaints: list[str] = []
    fake = FakeImin(seed=5)
    fake.add_seller(SELLER, name="Acme")
    fake.faults.add(*FAULTS)
    storm = Storm(fake, random.Random(5), over)

    async def main() -> int:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(str(context)))
        async with fake.serve() as base_url:
            await storm.run(base_url)
        await settle()
        gc.collect()
        await settle()
        return len(asyncio.all_tasks())

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(use_once(over))  # uvloop's first loop opens what it keeps, and so does pyreqwest's thread
    descriptors = open_descriptors()
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        tasks = runner.run(main())
    gc.collect()
    for _ in range(2000 if over == "pyreqwest" else 0):  # its thread closes what is left when it comes to it
        if open_descriptors() <= descriptors:
            break
        time.sleep(0.001)
    print(f"{over}: {storm.calls:,} calls: {dict(storm.ends)}")
    assert (storm.wrong, complaints) == ([], [])
    assert storm.calls >= CALLS
    assert (tasks, max(0, open_descriptors() - descriptors)) == (1, 0)
