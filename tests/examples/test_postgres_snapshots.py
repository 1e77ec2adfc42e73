"""``examples/postgres_snapshots.py`` on a PostgreSQL of its own: a feed that several workers share."""

import asyncio
import os
import pwd
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

import pytest

from imin_accounts import SnapshotsError
from imin_accounts.feed import ChangeFeed
from tests.feed.imin import SELLER, HeldImin, feeding, told
from tests.length import LONG

asyncpg = pytest.importorskip("asyncpg", reason="not installed: asyncpg")
snapshots = pytest.importorskip("examples.postgres_snapshots")


def _initdb() -> Path | None:
    """Where Debian has PostgreSQL's programs, which are not on the PATH."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = shutil.which("initdb") or (str(versions[-1]) if versions else None)
    return None if found is None else Path(found)


INITDB = _initdb()
pytestmark = pytest.mark.skipif(INITDB is None, reason="not installed: postgresql")
CUSTOMERS = 2_000 if LONG else 100


@pytest.fixture(scope="module")
def database() -> Any:
    """A server on a socket of its own; its address."""
    assert INITDB is not None
    folder = mkdtemp(prefix="pg")
    user: dict[str, Any] = {}
    if os.geteuid() == 0:  # which PostgreSQL refuses to run as
        postgres = pwd.getpwnam("postgres")
        os.chown(folder, postgres.pw_uid, postgres.pw_gid)
        user = {"user": "postgres", "group": "postgres", "cwd": folder}
    data = f"{folder}/data"
    subprocess.run(
        [INITDB, "-D", data, "-U", "broker", "-A", "trust"], check=True, capture_output=True, **user
    )
    server = subprocess.Popen(
        [
            INITDB.with_name("postgres"),
            "-D",
            data,
            "-k",
            folder,
            "-c",
            "listen_addresses=",
            "-c",
            "fsync=off",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **user,
    )
    try:
        asyncio.run(_answers(folder))
        yield f"postgresql://broker@/postgres?host={folder}"
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(folder)


async def _answers(folder: str) -> None:
    for _ in range(1000):
        try:
            connection = await asyncpg.connect(f"postgresql://broker@/postgres?host={folder}")
        except (OSError, asyncpg.PostgresError):
            await asyncio.sleep(0.02)
        else:
            await connection.close()
            return
    raise AssertionError("the server does not answer")


@pytest.fixture
async def dsn(database: str) -> str:
    """Without tables."""
    connection = await asyncpg.connect(database)
    await connection.execute("DROP TABLE IF EXISTS imin_note, imin_snapshot")
    await connection.close()
    return database


@pytest.fixture
def imin() -> HeldImin:
    held = HeldImin()
    held.add("abc", "xyz")
    return held


class Way:
    """A way to the database, on which answers can be lost.

    Attributes:
        dsn: Where it begins.
        loses: The answer to what the client says with this in it: the database does that, and then the
            connection is cut. None for no answer.
    """

    def __init__(self, database: str, folder: str) -> None:
        self.dsn = f"postgresql://broker@/postgres?host={folder}"
        self.socket = f"{folder}/.s.PGSQL.5432"
        self.loses: bytes | None = None
        self._database = f"{database}/.s.PGSQL.5432"
        self.connections = set[asyncio.Task[None]]()

    def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A client has come."""
        task = asyncio.create_task(self._join(reader, writer))
        self.connections.add(task)
        task.add_done_callback(self.connections.discard)

    async def _join(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        database, to_database = await asyncio.open_unix_connection(self._database)
        is_lost = asyncio.Event()

        async def ask() -> None:
            while said := await client.read(65_536):
                if self.loses is not None and self.loses in said:
                    is_lost.set()
                to_database.write(said)
            to_database.close()

        asking = asyncio.create_task(ask())
        while (said := await database.read(65_536)) and not is_lost.is_set():
            to_client.write(said)
        for writer in (to_client, to_database):
            writer.close()
        with suppress(OSError):
            await asking


@pytest.fixture
async def way(dsn: str) -> AsyncIterator[Way]:
    """A way to the database."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory())
        way = Way(dsn.partition("host=")[2], folder)
        await stack.enter_async_context(await asyncio.start_unix_server(way.connect, way.socket))
        yield way
    while way.connections:
        await asyncio.wait(way.connections)


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[Any]:
    """A connection to the database, to look at what is in it."""
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def worker(imin: HeldImin, dsn: str, **options: Any) -> AsyncIterator[ChangeFeed]:
    """One of the workers that share a feed."""
    lease = options.pop("lease", 30.0)
    async with feeding(imin, snapshots.PostgresSnapshots(dsn, lease=lease), **options) as feed:
        yield feed


async def test_what_a_feed_promises(imin: HeldImin, dsn: str) -> None:
    """Additions, changes, nothing; a baseline in silence; forgetting."""
    async with worker(imin, dsn) as feed:
        await feed.note("abc")
        assert await told(feed) == [("abc", ["SellerAdded"])]
        await feed.note_all(["abc", "xyz", "xyz"], baseline=True)
        assert await told(feed) == []
        imin.fake.connect("xyz", SELLER)
        await feed.note_all(["abc", "xyz"])
        assert await told(feed) == [("xyz", ["AccountConnected"])]
        await feed.forget("xyz")
        assert await feed.snapshot("xyz") is None


async def test_what_was_not_done_comes_again_the_same(imin: HeldImin, dsn: str) -> None:
    """In another worker, whatever has changed at imin meanwhile; then that is told."""
    async with worker(imin, dsn) as feed:
        await feed.note("abc")
        async for _ in feed:
            break
    imin.fake.connect("abc", SELLER)
    async with worker(imin, dsn) as feed:
        assert await told(feed) == [("abc", ["SellerAdded"]), ("abc", ["AccountConnected"])]


async def test_nobody_is_read_by_two_workers(imin: HeldImin, dsn: str) -> None:
    """Each customer is told of once, by one of them."""
    everybody = [f"c{number}" for number in range(CUSTOMERS)]
    imin.add(*everybody)
    async with worker(imin, dsn) as one, worker(imin, dsn) as other, worker(imin, dsn) as noting:
        await noting.note_all(everybody)
        found = await asyncio.gather(told(one), told(other))
    assert Counter(customer for each in found for customer, _ in each) == dict.fromkeys(everybody, 1)
    assert imin.most == 1


async def test_a_note_during_a_read_causes_another(imin: HeldImin, dsn: str) -> None:
    """Also one from another worker."""
    imin.open.clear()
    async with worker(imin, dsn) as feed, worker(imin, dsn) as other:
        await feed.note("abc")
        telling = asyncio.ensure_future(told(feed))
        while not imin.reads:
            await asyncio.sleep(0)
        imin.fake.connect("abc", SELLER)
        await other.note("abc")
        imin.open.set()
        assert await telling == [("abc", ["SellerAdded"]), ("abc", ["AccountConnected"])]


async def test_others_come_first_where_a_body_raises(imin: HeldImin, dsn: str) -> None:
    """In another worker, too, which then tells of it as it was."""
    async with worker(imin, dsn) as feed:
        await feed.note("abc")
        async for _ in feed:
            break
        await feed.note_all(["xyz"])
    imin.fake.connect("abc", SELLER)
    async with worker(imin, dsn) as feed:
        await feed.note("abc")
        found = [("xyz", ["SellerAdded"]), ("abc", ["SellerAdded"]), ("abc", ["AccountConnected"])]
        assert await told(feed) == found


async def test_tables_of_the_release_before(imin: HeldImin, dsn: str) -> None:
    """They get the column that counts deliveries; who waits in them is read."""
    async with worker(imin, dsn) as feed:
        await feed.note("abc")
    connection = await asyncpg.connect(dsn)
    await connection.execute("ALTER TABLE imin_note DROP COLUMN deliveries")
    await connection.close()
    async with worker(imin, dsn) as feed:
        assert await told(feed) == [("abc", ["SellerAdded"])]


async def test_leases_of_the_dead_are_taken_over(imin: HeldImin, dsn: str) -> None:
    """Once they have expired. What the dead one would still store is refused."""
    async with snapshots.PostgresSnapshots(dsn, lease=0.1) as dead:
        dead._prolonging.cancel()
        await dead.note(["abc"], urgent=True, baseline=False)
        (claim,) = await dead.claim(1)
        async with worker(imin, dsn) as feed:
            assert (await anext(aiter(feed))).customer == "abc"
            assert await told(feed) == [("abc", ["SellerAdded"])]
            known = await feed.snapshot("abc")
            await dead.finish([(claim, b"stale")])
            assert await feed.snapshot("abc") == known


async def prolonged(dsn: str) -> set[str]:
    """Whose leases somebody prolongs, of all that there are; one at least."""
    async with asyncio.timeout(20), connected(dsn) as connection:
        query = "SELECT customer FROM imin_note WHERE leased_until > 'epoch'"
        await connection.execute("UPDATE imin_note SET leased_until = 'epoch' WHERE claim IS NOT NULL")
        while not (found := await connection.fetch(query)):
            pass
    return {row["customer"] for row in found}


@pytest.mark.parametrize("call", ["claim", "release", "postpone"])
async def test_who_may_be_claimed_or_not_waits_on(call: str, imin: HeldImin, dsn: str, way: Way) -> None:
    """Where the database goes away in a call that takes or gives back, that lease runs out for others."""
    async with snapshots.PostgresSnapshots(way.dsn, lease=0.3) as one, worker(imin, dsn) as feed:
        await feed.note("xyz")
        await one.claim(1)
        await feed.note("abc")
        claims = [] if call == "claim" else await one.claim(1)
        way.loses = b"COMMIT" if call == "claim" else b"BEGIN"  # the claim is done, the others are not
        with pytest.raises(SnapshotsError):
            await getattr(one, call)(claims or 1)
        way.loses = None
        assert await prolonged(dsn) == {"xyz"}
        assert ("abc", ["SellerAdded"]) in await told(feed)


async def test_what_a_feed_could_not_finish_is_still_its_own(imin: HeldImin, dsn: str, way: Way) -> None:
    """It tells of it again; whom it was only reading others take over, though it lives on."""
    async with worker(imin, way.dsn, lease=3) as feed, worker(imin, dsn) as other:
        await feed.note("abc")
        updates = aiter(feed)
        assert (await anext(updates)).customer == "abc"
        imin.open.clear()
        await feed.note("xyz")
        while not imin.reads["xyz"]:
            await asyncio.sleep(0)
        way.loses = b"BEGIN"
        with pytest.raises(SnapshotsError):
            await anext(updates)
        way.loses = None
        imin.open.set()
        assert await prolonged(dsn) == {"abc"}
        assert ("xyz", ["SellerAdded"]) in await told(other)
        assert (await anext(aiter(feed))).customer == "abc"


@pytest.mark.parametrize("name", ["keep", "finish", "release", "postpone"])
@pytest.mark.parametrize("is_claimed", [False, True])
async def test_an_old_claim_does_nothing_to_a_new_note(name: str, is_claimed: bool, dsn: str) -> None:
    """Of who was forgotten and is noted again, whether or not another worker has claimed them by now."""
    async with snapshots.PostgresSnapshots(dsn) as one, snapshots.PostgresSnapshots(dsn) as other:
        await one.note(["abc"], urgent=True, baseline=False)
        (claim,) = await one.claim(1)
        await other.forget("abc")
        await other.note(["abc"], urgent=True, baseline=False)
        if is_claimed:
            assert len(await other.claim(1)) == 1
        async with connected(dsn) as connection:
            before = await connection.fetch("SELECT * FROM imin_note")
            await getattr(one, name)([(claim, b"old") if name in ("keep", "finish") else claim])
            assert await connection.fetch("SELECT * FROM imin_note") == before
        assert await other.load("abc") is None


async def test_no_transaction_is_open_in_a_body(imin: HeldImin, dsn: str) -> None:
    """Nor while imin is asked: it would keep the database from cleaning up."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND query ~ 'imin'"
    connection = await asyncpg.connect(dsn)
    try:
        async with worker(imin, dsn) as feed:
            await feed.note("abc")
            async for _ in feed.until_idle():
                # Somebody looks for notes meanwhile, in short transactions: one that stays is always seen.
                assert 0 in [await connection.fetchval(query) for _ in range(50)]
    finally:
        await connection.close()


KILLED = """
import asyncio, sys
from examples.postgres_snapshots import PostgresSnapshots
from imin_accounts import AccountsSession
from imin_accounts.fake import FakeImin
from imin_accounts import SnapshotsError
from imin_accounts.feed import ChangeFeed

async def main():
    imin = FakeImin(seed=1)
    imin.add_seller("https://id.example.com/seller")
    for number in range(20):
        imin.add_customer(f"c{number}", "x@example.com", entitlement_filter="token")
    async with AccountsSession("test-key", transport=imin) as session:
        async with ChangeFeed(session, PostgresSnapshots(sys.argv[1], lease=0.5)) as feed:
            async for update in feed:
                print(update.customer, flush=True)
                await asyncio.sleep(3600)

asyncio.run(main())
"""


async def test_a_killed_worker_loses_nothing(imin: HeldImin, dsn: str) -> None:
    """Another one tells of all, once the leases have expired."""
    everybody = [f"c{number}" for number in range(20)]
    imin.add(*everybody)
    async with worker(imin, dsn) as feed:
        await feed.note_all(everybody)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", KILLED, dsn), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert (await process.stdout.readline()).strip()
    process.kill()
    await process.communicate()
    found = Counter[str]()
    async with worker(imin, dsn) as feed:
        while len(found) < len(everybody):
            found.update(customer for customer, _ in await told(feed))
    assert found == dict.fromkeys(everybody, 1)
