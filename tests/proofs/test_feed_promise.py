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
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from imin_accounts import AccountsSession, SellerAccounts, from_jsonld, read_notification
from imin_accounts.changes import Change
from imin_accounts.fake import Duplicated, FakeImin, Late, Lost, Reordered, Rule, Status
from imin_accounts.feed import Snapshot, SqliteSnapshots
from imin_accounts.models import ActionStatus
from imin_accounts.transports import Request
from tests.changed import applied, said
from tests.length import LONG
from tests.paths import ROOT

CUSTOMERS, TRANSITIONS, KILLS = (10_000, 50_000, 25) if LONG else (60, 400, 3)
SELLERS = [f"https://id.example.com/{number}" for number in range(5)]
KEY = "agreed-with-imin"
FAULTS = (
    Rule(Status(500), endpoint="get_seller_accounts", probability=0.2),
    Rule(Lost(), probability=0.1),
    Rule(Duplicated(), probability=0.1),
    Rule(Late(600), probability=0.05),
    Rule(Reordered(), probability=0.05),
)


class World:
    """The emulator, whose customers' accounts change at random, and every state that they were in."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        self._now = datetime(2026, 1, 1, tzinfo=UTC)
        self.imin = FakeImin(seed=1, clock=lambda: self._now, notification_key=KEY)
        self.customers = [f"customer-{number}" for number in range(CUSTOMERS)]
        self.states: dict[str, set[bytes]] = {}
        self.notifications = 0
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
        for fault in FAULTS:
            self.imin.faults.add(fault)
        assert response is not None
        return from_jsonld(response.body)

    def change(self) -> list[str]:
        """Let something happen to somebody; returns who the broker learns of: late, twice, or never.

        imin notifies of no connection; but then the customer comes back to the broker.
        """
        self._now += timedelta(seconds=1)
        dice, customer, came_back = self._dice, self._dice.choice(self.customers), list[str]()
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
                share: Any = {
                    "access_pass": dice.choice([None, "1", "2"]),
                    "hidden_entitlements": dice.choice([None, True, False]),
                    "entitlements": [_entitlement(number, dice) for number in range(dice.randrange(3))],
                    "evidence": [_evidence()] if dice.random() < 0.5 else (),
                    "update_errors": [{"@type": "EntitlementConflict"}] * dice.randrange(2),
                }
                if (customer, seller) in self.imin.population.connections and dice.random() < 0.8:
                    self.imin.change_account(customer, seller, **share)
                else:
                    self.imin.connect(customer, seller, **share)
                    came_back.append(customer)
        self.states[customer].add(said(self.read(customer)))
        calls = self.imin.take_notifications()
        self.notifications += len(calls)
        return came_back + [read_notification(*call, key=KEY).customer for call in calls]


def _entitlement(number: int, dice: Random) -> dict[str, Any]:
    return {"@type": "Entitlement", "@id": f"urn:{number}", "x": dice.randrange(3)}


def _evidence() -> dict[str, Any]:
    action = {"@type": "EvidenceRequestAction", "actionStatus": str(ActionStatus.POTENTIAL)}
    return {"@type": "Entitlement", "@id": "urn:evidence", "evidenceRequest": action}


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

        async def change() -> None:
            if noted := world.change():
                await snapshots.note(noted, urgent=True, baseline=False)

        kills = sorted(dice.sample(range(TRANSITIONS), KILLS))
        await consumer.start()
        for number in range(TRANSITIONS):
            await change()
            if kills and number == kills[0]:
                kills.pop(0)
                before = journal.stat().st_size if journal.exists() else 0
                wanted = before + dice.randrange(1, 2000)
                while (journal.stat().st_size if journal.exists() else 0) < wanted:
                    await change()
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
        f"{world.notifications:,} notifications arrived\n"
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
