"""A feed that several workers share, on PostgreSQL.

::

    async with ChangeFeed(session, PostgresSnapshots("postgresql://broker@db.example/broker")) as feed:
        ...  # in each worker, and in each web process, whose routes note

A claim is a lease with an expiry, never a transaction that stays open while imin is asked or your code runs:
such a one would hold a connection and keep PostgreSQL from cleaning up. A worker prolongs its leases while it
lives; of one that has died others take them over. What it was to give back while the database was away it
prolongs no longer: that lease runs out, and anybody takes it over, this worker too. What a worker whose lease
was taken over finishes is not stored, so two workers never tear a customer's updates apart.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Self
from uuid import UUID

import asyncpg

from imin_accounts import SnapshotsError
from imin_accounts.feed import Claim

_TABLES = """
    CREATE TABLE IF NOT EXISTS imin_note (
        customer text PRIMARY KEY, seq bigserial, noted bigint NOT NULL DEFAULT 1, urgent boolean NOT NULL,
        baseline boolean NOT NULL, kept bytea, claim uuid, leased_until timestamptz
    );
    ALTER TABLE imin_note ADD COLUMN IF NOT EXISTS deliveries integer NOT NULL DEFAULT 0;
    DROP INDEX IF EXISTS imin_note_turn;
    CREATE INDEX IF NOT EXISTS imin_note_order ON imin_note (deliveries, urgent DESC, seq);
    CREATE INDEX IF NOT EXISTS imin_note_claim ON imin_note (claim);
    CREATE TABLE IF NOT EXISTS imin_snapshot (customer text PRIMARY KEY, document bytea NOT NULL);
"""
_NOTE = """
    INSERT INTO imin_note (customer, urgent, baseline) SELECT unnest($1::text[]), $2, $3
    ON CONFLICT (customer) DO UPDATE SET noted = imin_note.noted + 1,
        urgent = imin_note.urgent OR excluded.urgent, baseline = imin_note.baseline AND excluded.baseline
"""
_CLAIM = """
    WITH turn AS (
        SELECT customer FROM imin_note WHERE leased_until IS NULL OR leased_until < now()
        ORDER BY deliveries, urgent DESC, seq LIMIT $1 FOR UPDATE SKIP LOCKED
    )
    UPDATE imin_note SET claim = gen_random_uuid(), leased_until = now() + $2 * interval '1 second'
    FROM turn WHERE imin_note.customer = turn.customer
    RETURNING imin_note.customer, claim, noted, baseline, kept, deliveries, urgent, seq
"""
_AGAIN = """
    UPDATE imin_note SET claim = NULL, leased_until = NULL, kept = NULL, deliveries = 0,
        seq = nextval('imin_note_seq_seq')
    WHERE claim = $1
"""
_RELEASE = """
    UPDATE imin_note SET claim = NULL, leased_until = NULL, deliveries = deliveries + $2
    WHERE claim = ANY($1)
"""
_PROLONG = """
    UPDATE imin_note SET leased_until = now() + $2 * interval '1 second' WHERE claim = ANY($1)
"""
_STORE = """
    INSERT INTO imin_snapshot VALUES ($1, $2)
    ON CONFLICT (customer) DO UPDATE SET document = excluded.document
"""


class PostgresSnapshots:
    """Notes and snapshots in two tables, which are made where they are not there.

    Args:
        dsn: Where the database is.
        lease: Seconds after which others may take over what a worker has claimed and no longer prolongs.
    """

    def __init__(self, dsn: str, *, lease: float = 30.0) -> None:
        self._dsn = dsn
        self._lease = lease
        self._held = set[UUID]()
        self._pool: Any = None
        self._prolonging: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        with _Typed():
            self._pool = await asyncpg.create_pool(self._dsn, min_size=1, max_size=4)
        async with self._transaction() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock(hashtext('imin_note'))")
            await connection.execute(_TABLES)
        self._prolonging = asyncio.create_task(self._prolong())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._prolonging is not None:
            self._prolonging.cancel()
            await asyncio.wait({self._prolonging})
        pool, self._pool = self._pool, None
        await pool.close()

    async def note(self, customers: Sequence[str], *, urgent: bool, baseline: bool) -> None:
        async with self._transaction() as connection:
            await connection.execute(_NOTE, sorted(set(customers)), urgent, baseline)

    async def claim(self, limit: int) -> Sequence[Claim]:
        async with self._transaction() as connection:
            rows = await connection.fetch(_CLAIM, limit, self._lease)
            # A statement of its own: it sees what was stored before the rows were free; the first may not.
            customers = [row["customer"] for row in rows]
            found = await connection.fetch("SELECT * FROM imin_snapshot WHERE customer = ANY($1)", customers)
        # Not before it is committed: where nobody here knows whether it is, the lease runs out.
        self._held.update(row["claim"] for row in rows)
        documents = {row["customer"]: row["document"] for row in found}
        return [
            Claim(
                row["customer"],
                (row["claim"], row["noted"]),
                row["baseline"],
                documents.get(row["customer"]),
                row["kept"],
                row["deliveries"],
            )
            for row in sorted(rows, key=lambda row: (row["deliveries"], not row["urgent"], row["seq"]))
        ]

    async def keep(self, read: Sequence[tuple[Claim, bytes]]) -> None:
        rows = [(claim.token[0], reply) for claim, reply in _in_order(read)]
        async with self._transaction() as connection:
            await connection.executemany("UPDATE imin_note SET kept = $2 WHERE claim = $1", rows)

    async def finish(self, done: Sequence[tuple[Claim, bytes | None]]) -> None:
        async with self._transaction() as connection:
            for claim, snapshot in _in_order(done):
                lease, noted = claim.token
                query = "SELECT noted FROM imin_note WHERE claim = $1 FOR UPDATE"
                now = await connection.fetchval(query, lease)
                if now is None:  # taken over, or forgotten
                    continue
                if snapshot is not None:
                    await connection.execute(_STORE, claim.customer, snapshot)
                is_over = now == noted and claim.kept is None
                await connection.execute(
                    "DELETE FROM imin_note WHERE claim = $1" if is_over else _AGAIN, lease
                )
        # What could not be finished is the feed's still: it finishes it once more, or gives it back.
        self._held.difference_update(claim.token[0] for claim, _ in done)

    async def release(self, claims: Sequence[Claim]) -> None:
        await self._release(claims, 0)

    async def postpone(self, claims: Sequence[Claim]) -> None:
        await self._release(claims, 1)

    async def _release(self, claims: Sequence[Claim], deliveries: int) -> None:
        leases = [claim.token[0] for claim in claims]
        self._held.difference_update(leases)  # whatever comes of it: the feed has forgotten them
        async with self._transaction() as connection:
            await connection.execute(_RELEASE, leases, deliveries)

    async def load(self, customer: str) -> bytes | None:
        async with self._transaction() as connection:
            query = "SELECT document FROM imin_snapshot WHERE customer = $1"
            found: bytes | None = await connection.fetchval(query, customer)
        return found

    async def forget(self, customer: str) -> None:
        async with self._transaction() as connection:
            await connection.execute("DELETE FROM imin_note WHERE customer = $1", customer)
            await connection.execute("DELETE FROM imin_snapshot WHERE customer = $1", customer)

    async def _prolong(self) -> None:
        while True:
            await asyncio.sleep(self._lease / 3)
            with suppress(SnapshotsError):  # whoever lost a lease by that learns it from ``finish``
                async with self._transaction() as connection:
                    await connection.execute(_PROLONG, [*self._held], self._lease)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Any]:
        if self._pool is None:
            raise SnapshotsError("closed")
        with _Typed():
            async with self._pool.acquire() as connection, connection.transaction():
                yield connection


def _in_order(pairs: Iterable[tuple[Claim, Any]]) -> list[tuple[Claim, Any]]:
    """By customer, as everybody locks rows: else two workers could wait for each other."""
    return sorted(pairs, key=lambda pair: pair[0].customer)


class _Typed:
    """The database's errors as ours: theirs quote what was written."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError | OSError):
            raise SnapshotsError("full" if isinstance(error, asyncpg.DiskFullError) else "failed") from None
