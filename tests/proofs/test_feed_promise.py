"""What a feed promises, with notifications lost, doubled and late, reads that fail, and consumers killed.

The delivered changes, applied in order to the first snapshot, give every customer's final state, and each was
true at some time. With ``CI_LONG=1`` at full size, with the figures printed.
"""

import asyncio
import base64
import os
import pickle
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from imin_accounts import AccountsSession, SellerAccounts, from_jsonld
from imin_accounts.changes import Change
from imin_accounts.fake import FakeImin, Rule, Status
from imin_accounts.feed import Snapshot, SqliteSnapshots
from imin_accounts.models import ActionStatus
from imin_accounts.transports import Request
from tests.changed import applied, said
from tests.cli.processes import LONG
from tests.paths import ROOT

CUSTOMERS, TRANSITIONS, KILLS = (10_000, 50_000, 25) if LONG else (60, 400, 3)
SELLERS = [f"https://id.example.com/{number}" for number in range(5)]


class World:
    """The emulator, whose customers' accounts change at random, and every state that they were in."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        self._now = datetime(2026, 1, 1, tzinfo=UTC)
        self.imin = FakeImin(seed=1, clock=lambda: self._now)
        self.customers = [f"customer-{number}" for number in range(CUSTOMERS)]
        self.states: dict[str, set[bytes]] = {}
        for seller in SELLERS:
            self.imin.add_seller(seller, name=seller[-1])
        for customer in self.customers:
            self.imin.add_customer(customer, f"{customer}@example.com")
            self.states[customer] = {said(self.read(customer))}

    def read(self, customer: str) -> SellerAccounts:
        """What is true of a customer now; no fault is in the way."""
        self.imin.faults.clear()
        url = f"https://book.imin.co/api/v2/customers/{customer}/accounts"
        response = self.imin.exchange(
            Request(method="GET", url=url, headers={"x-api-key": "test-key"})
        ).response
        self.imin.faults.add(Rule(Status(500), endpoint="get_seller_accounts", probability=0.2))
        assert response is not None
        return from_jsonld(response.body)

    def change(self) -> str:
        """Let something happen to somebody; returns to whom."""
        self._now += timedelta(seconds=1)
        dice, customer = self._dice, self._dice.choice(self.customers)
        seller = dice.choice(SELLERS)
        match dice.randrange(8):
            case 0 | 1:
                self.imin.disconnect(customer, seller)
            case 2:
                self.imin.add_member(seller, f"{customer}@example.com")
            case 3:
                self.imin.add_customer(customer, f"{customer}@example.com")  # another filter
            case 4 if (customer, seller) in self.imin.population.connections:
                status = dice.choice([*ActionStatus])
                with suppress(ValueError):  # it can't go there from where it is
                    self.imin.set_evidence(customer, seller, "urn:evidence", status)
            case _:
                linked = self.imin.population.connections.get((customer, seller))
                self.imin.connect(
                    customer,
                    seller,
                    date_linked=linked.date_linked if linked and dice.random() < 0.8 else None,
                    access_pass=dice.choice([None, "1", "2"]),
                    hidden_entitlements=dice.choice([None, True, False]),
                    entitlements=[
                        {"@type": "Entitlement", "@id": f"urn:{n}", "x": dice.randrange(3)}
                        for n in range(dice.randrange(3))
                    ],
                    evidence=[_evidence()] if dice.random() < 0.5 else (),
                    update_errors=[{"@type": "EntitlementConflict"}] * dice.randrange(2),
                )
        self.states[customer].add(said(self.read(customer)))
        return customer


def _entitlement(number: int, dice: Random) -> dict[str, Any]:
    return {"@type": "Entitlement", "@id": f"urn:{number}", "x": dice.randrange(3)}


def _evidence() -> dict[str, Any]:
    action = {"@type": "EvidenceRequestAction", "actionStatus": str(ActionStatus.POTENTIAL)}
    return {"@type": "Entitlement", "@id": "urn:evidence", "evidenceRequest": action}


class Post:
    """Notifications on their way: a tenth is lost, a tenth doubled, and some arrive much later."""

    def __init__(self, snapshots: SqliteSnapshots, dice: Random) -> None:
        self._snapshots = snapshots
        self._dice = dice
        self._late: list[str] = []
        self.fates = Counter[str]()

    async def notify(self, customer: str) -> None:
        """imin notifies, as far as that arrives."""
        fate = self._dice.choices(["lost", "doubled", "late", "in time"], [10, 10, 10, 70])[0]
        self.fates[fate] += 1
        if fate == "late":
            self._late.append(customer)
        else:
            copies = {"lost": 0, "doubled": 2}.get(fate, 1)
            for _ in range(copies):
                await self._snapshots.note([customer], urgent=True, baseline=False)
        if len(self._late) > 20:
            self._dice.shuffle(self._late)
            await self._snapshots.note([self._late.pop()], urgent=True, baseline=False)


class Consumer:
    """The consumer's process, which can be killed and started again."""

    def __init__(self, base_url: str, path: Path, journal: Path) -> None:
        self._arguments = (base_url, str(path), str(journal))
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, *modes: str) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.proofs.feed_consumer", *self._arguments, *modes),
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=asyncio.subprocess.PIPE,
        )

    async def kill(self) -> None:
        """SIGKILL: it can do nothing any more."""
        assert self._process is not None
        assert self._process.returncode is None, "it ended by itself"
        self._process.send_signal(signal.SIGKILL)
        await self._process.communicate()

    async def whole_round(self) -> int:
        """Run it until nothing is due; returns the kilobytes that it took."""
        await self.start("round")
        assert self._process is not None
        out, _ = await self._process.communicate()
        assert self._process.returncode == 0
        return int(out)


def deliveries(journal: Path) -> Iterator[tuple[str, tuple[Change, ...], bool]]:
    """Each update in order: whose, what, and whether its body was done."""
    lines = journal.read_text(encoding="ascii").splitlines()
    for line, then in zip(lines, [*lines[1:], ""], strict=True):
        if line != "done":
            yield *pickle.loads(base64.b64decode(line.split()[1])), then == "done"


@asynccontextmanager
async def stored(path: Path) -> AsyncIterator[SqliteSnapshots]:
    """The file, beside the consumer."""
    async with SqliteSnapshots(path) as snapshots:
        yield snapshots


async def snapshot(snapshots: SqliteSnapshots, customer: str) -> SellerAccounts:
    text = await snapshots.load(customer)
    assert text is not None
    return Snapshot.loads(text).accounts


async def test_the_promise(tmp_path: Path) -> None:
    """Each customer's final state is what the delivered changes make of the first; none was invented."""
    dice = Random(18)
    world, journal = World(dice), tmp_path / "journal"
    async with world.imin.serve() as base_url, stored(tmp_path / "accounts.db") as snapshots:
        consumer = Consumer(base_url, tmp_path / "accounts.db", journal)
        await snapshots.note(world.customers, urgent=False, baseline=True)
        memory = [await consumer.whole_round()]
        first = {each: await snapshot(snapshots, each) for each in world.customers}
        post = Post(snapshots, dice)
        kills = sorted(dice.sample(range(TRANSITIONS), KILLS))
        await consumer.start()
        for number in range(TRANSITIONS):
            await post.notify(world.change())
            if kills and number == kills[0]:
                kills.pop(0)
                before = journal.stat().st_size if journal.exists() else 0
                wanted = before + dice.randrange(1, 2000)
                while (journal.stat().st_size if journal.exists() else 0) < wanted:
                    await post.notify(world.change())
                    await asyncio.sleep(0.001)
                await consumer.kill()
                await consumer.start()
        await consumer.kill()
        memory.append(await consumer.whole_round())
        round_took = -time.perf_counter()
        await snapshots.note(world.customers, urgent=False, baseline=False)
        memory.append(await consumer.whole_round())
        round_took += time.perf_counter()
        final = {each: await snapshot(snapshots, each) for each in world.customers}
        world.imin.faults.clear()
        bare_took = await bare(base_url, world.customers)
    again = check(world, first, final, journal)
    print(
        f"\n{CUSTOMERS:,} customers, {TRANSITIONS:,} transitions, {KILLS + 1} kills, "
        f"notifications: {dict(post.fates)}\n"
        f"{sum(1 for _ in deliveries(journal)):,} updates delivered, {again} of them again\n"
        f"memory of the first round, of what was left, of the last round: {memory} KB\n"
        f"a night's round: {CUSTOMERS / round_took:,.0f} customers a second, reads failing; "
        f"get_many, none failing: {CUSTOMERS / bare_took:,.0f}"
    )
    assert again <= KILLS + 1
    assert max(memory[1:]) < memory[0] + 30_000


def check(
    world: World, first: dict[str, SellerAccounts], final: dict[str, SellerAccounts], journal: Path
) -> int:
    """Hold every customer to the promise; returns how many updates came again."""
    done_with = dict[str, bool]()
    state, last, again = dict(first), dict[str, tuple[Change, ...]](), 0
    for customer, found, done in deliveries(journal):
        if last.get(customer) == found:  # never news: what it was before must have come back in between
            again += 1
        else:
            assert done_with.get(customer, True), "what comes again is the same"
            state[customer] = applied(state[customer], found)
            assert said(state[customer]) in world.states[customer], "it was never so"
        last[customer], done_with[customer] = found, done
    assert all(done_with.values())
    for customer in world.customers:
        truth = said(world.read(customer))
        assert said(final[customer]) == truth, "the snapshot is not what imin says"
        assert said(state[customer]) == truth, "the changes do not lead there"
    return again


async def bare(base_url: str, customers: list[str]) -> float:
    """Seconds that a bare ``get_many`` takes for all of them."""
    began = time.perf_counter()
    async with (
        AccountsSession("test-key", base_url=base_url) as session,
        session.get_many(customers) as outcomes,
    ):
        assert sum([1 async for _ in outcomes]) == len(customers)
    return time.perf_counter() - began
