"""Snapshots in an SQLite file: the standard library's, in a thread of its own.

Any number of processes may note in one file; one at a time claims. That one holds a lock of the operating
system, which ends with the process, however it ends. So claims need no lease, and are kept in memory alone.
"""

import asyncio
import errno
import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import attrs

from imin_accounts.errors import InvalidRequest, SnapshotsError
from imin_accounts.feed._snapshots import Claim
from imin_accounts.feed._whole import to_its_end

T = TypeVar("T")

APPLICATION = 0x696D696E
"""``"imin"``: how such a file is told from any other SQLite database."""
MIGRATIONS = (
    """
    CREATE TABLE note (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, customer TEXT NOT NULL UNIQUE,
        noted INTEGER NOT NULL DEFAULT 1, kept BLOB, urgent INTEGER NOT NULL, baseline INTEGER NOT NULL
    );
    CREATE INDEX turn ON note (urgent DESC, seq);
    CREATE TABLE snapshot (customer TEXT PRIMARY KEY, document BLOB NOT NULL) WITHOUT ROWID;
    """,
    """
    ALTER TABLE note ADD COLUMN deliveries INTEGER NOT NULL DEFAULT 0;
    DROP INDEX turn;
    CREATE INDEX turn ON note (deliveries, urgent DESC, seq);
    """,
)
"""What makes each version of the file from the one before. ``PRAGMA user_version`` is how many were run."""
PATIENCE = 30.0
"""Seconds to wait for another process's transaction; each is short."""
_NOTE = """
    INSERT INTO note (customer, urgent, baseline) VALUES (?, ?, ?)
    ON CONFLICT (customer) DO UPDATE SET noted = noted + 1,
        urgent = max(urgent, excluded.urgent), baseline = min(baseline, excluded.baseline)
"""
_CLAIM = """
    SELECT note.customer, seq, noted, baseline, document, kept, deliveries
    FROM note LEFT JOIN snapshot USING (customer) ORDER BY deliveries, urgent DESC, seq LIMIT ?
"""


@attrs.define(eq=False)
class _Notes:
    """Notes that wait to be committed, with others."""

    rows: list[tuple[str, bool, bool]]
    error: SnapshotsError | None = None


class SqliteSnapshots:
    """Snapshots and notes in a file, which only its owner may read (mode 0600).

    Several processes may share the file: all may note, one at a time reads and delivers.

    Args:
        path: The file; it is made where there is none. ``":memory:"`` keeps everything in memory.

    Raises:
        InvalidRequest: ``path`` is no path.
        SnapshotsError: From any method: ``reason`` says why.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not isinstance(path, str | os.PathLike) or not os.fspath(path):
            raise InvalidRequest("path must be a path")
        self._path = os.fspath(path)
        self._thread: ThreadPoolExecutor | None = None
        self._connection: sqlite3.Connection | None = None  # used by the thread only, as all below
        self._lock: sqlite3.Connection | None = None
        self._claimed = set[str]()
        self._waiting: list[_Notes] = []

    async def __aenter__(self) -> Self:
        if self._thread is not None:
            raise SnapshotsError("in use")
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="imin-accounts-snapshots")
        try:
            await self._run(self._open)
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            try:
                await to_its_end(asyncio.get_running_loop().run_in_executor(thread, self._close))
            finally:
                thread.shutdown(wait=False)  # its last work is done

    # --- What a feed calls ------------------------------------------------------------------------

    async def note(self, customers: Sequence[str], *, urgent: bool, baseline: bool) -> None:
        """See ``Snapshots.note``. Notes that come at the same time are committed together."""
        notes = _Notes([(customer, urgent, baseline) for customer in customers])
        self._waiting.append(notes)
        await self._run(self._note)
        if notes.error is not None:
            raise notes.error

    async def claim(self, limit: int) -> Sequence[Claim]:
        """See ``Snapshots.claim``.

        Raises:
            SnapshotsError: With reason ``"in use"``: another feed claims from this file.
        """
        return await self._run(lambda: self._claim(limit))

    async def keep(self, read: Sequence[tuple[Claim, bytes]]) -> None:
        """See ``Snapshots.keep``."""
        await self._run(lambda: self._keep(read))

    async def finish(self, done: Sequence[tuple[Claim, bytes | None]]) -> None:
        """See ``Snapshots.finish``."""
        await self._run(lambda: self._finish(done))

    async def release(self, claims: Sequence[Claim]) -> None:
        """See ``Snapshots.release``."""
        await self._run(lambda: self._claimed.difference_update(each.customer for each in claims))

    async def postpone(self, claims: Sequence[Claim]) -> None:
        """See ``Snapshots.postpone``."""
        await self._run(lambda: self._postpone(claims))

    async def load(self, customer: str) -> bytes | None:
        """See ``Snapshots.load``."""
        found = await self._run(
            lambda: self._rows("SELECT document FROM snapshot WHERE customer = ?", customer)
        )
        return bytes(found[0][0]) if found else None

    async def forget(self, customer: str) -> None:
        """See ``Snapshots.forget``. What was stored is overwritten."""
        await self._run(lambda: self._forget(customer))

    # --- In the thread ----------------------------------------------------------------------------

    async def _run(self, work: Callable[[], T]) -> T:
        if self._thread is None:
            raise SnapshotsError("closed")
        loop = asyncio.get_running_loop()
        outcome = await to_its_end(loop.run_in_executor(self._thread, lambda: _outcome_of(work)))
        if isinstance(outcome, SnapshotsError):
            raise outcome
        return outcome

    def _open(self) -> None:
        if self._path != ":memory:":
            _make_private(self._path)
        connection = sqlite3.connect(self._path, timeout=PATIENCE, isolation_level=None)
        self._connection = connection
        connection.execute("PRAGMA secure_delete = ON")
        with _Transaction(connection):
            (version,), (application,), (tables,) = (
                connection.execute(query).fetchone()
                for query in (
                    "PRAGMA user_version",
                    "PRAGMA application_id",
                    "SELECT count(*) FROM sqlite_schema",
                )
            )
            if version > len(MIGRATIONS):
                raise SnapshotsError("newer")
            if tables and application != APPLICATION:
                raise SnapshotsError("damaged")
            for script in MIGRATIONS[version:]:
                for statement in filter(str.strip, script.split(";")):
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("PRAGMA journal_mode = WAL")

    def _close(self) -> None:
        for connection in (self._connection, self._lock):
            if connection is not None:
                connection.close()
        self._connection = self._lock = None
        self._claimed.clear()

    def _rows(self, query: str, *values: object) -> list[Any]:
        assert self._connection is not None
        return self._connection.execute(query, values).fetchall()

    def _write(self, *, durable: bool) -> "_Transaction":
        """A transaction. One that isn't durable may be undone by a loss of power: then updates come again."""
        assert self._connection is not None
        self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        return _Transaction(self._connection)

    def _note(self) -> None:
        notes, self._waiting = self._waiting, []
        if notes:  # else they went with those of a call before
            error = _outcome_of(lambda: self._commit(row for each in notes for row in each.rows))
            for each in notes:
                each.error = error

    def _commit(self, rows: Iterable[tuple[str, bool, bool]]) -> None:
        with self._write(durable=True) as connection:
            connection.executemany(_NOTE, rows)

    def _claim(self, limit: int) -> list[Claim]:
        self._be_the_only_one()
        rows = self._rows(_CLAIM, limit + len(self._claimed))
        free = [row for row in rows if row[0] not in self._claimed][:limit]
        self._claimed.update(customer for customer, *_ in free)
        return [
            Claim(customer, (seq, noted), bool(baseline), document, kept, deliveries)
            for customer, seq, noted, baseline, document, kept, deliveries in free
        ]

    def _be_the_only_one(self) -> None:
        if self._lock is None and self._path != ":memory:":
            path = f"{self._path}-lock"
            _make_private(path)
            lock = sqlite3.connect(path, timeout=0, isolation_level=None)
            try:
                lock.execute("PRAGMA journal_mode = MEMORY")  # nothing is written, so no file beside it
                lock.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError:
                lock.close()
                raise
            self._lock = lock

    def _keep(self, read: Sequence[tuple[Claim, bytes]]) -> None:
        with self._write(durable=True) as connection:
            rows = ((accounts, claim.token[0]) for claim, accounts in read)
            connection.executemany("UPDATE note SET kept = ? WHERE seq = ?", rows)

    def _finish(self, done: Sequence[tuple[Claim, bytes | None]]) -> None:
        with self._write(durable=False) as connection:
            for claim, snapshot in done:
                seq, noted = claim.token
                found = connection.execute("SELECT noted FROM note WHERE seq = ?", (seq,)).fetchone()
                if found is None:  # forgotten
                    continue
                if found[0] != noted or claim.kept is not None:
                    # To the end of the queue, so that nobody else waits for ever.
                    row = connection.execute(
                        "DELETE FROM note WHERE seq = ? RETURNING customer, urgent, baseline", (seq,)
                    ).fetchone()
                    connection.execute(_NOTE, row)
                else:
                    connection.execute("DELETE FROM note WHERE seq = ?", (seq,))
                if snapshot is not None:
                    connection.execute("REPLACE INTO snapshot VALUES (?, ?)", (claim.customer, snapshot))
        self._claimed.difference_update(claim.customer for claim, _ in done)

    def _postpone(self, claims: Sequence[Claim]) -> None:
        with self._write(durable=True) as connection:
            rows = ((claim.token[0],) for claim in claims)
            connection.executemany("UPDATE note SET deliveries = deliveries + 1 WHERE seq = ?", rows)
        self._claimed.difference_update(claim.customer for claim in claims)

    def _forget(self, customer: str) -> None:
        with self._write(durable=True) as connection:
            connection.execute("DELETE FROM note WHERE customer = ?", (customer,))
            connection.execute("DELETE FROM snapshot WHERE customer = ?", (customer,))
        self._rows("PRAGMA wal_checkpoint(TRUNCATE)")  # the log has it too


class _Transaction:
    """All of it, or nothing; never waiting for a lock in the middle."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> sqlite3.Connection:
        self._connection.execute("BEGIN IMMEDIATE")
        return self._connection

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            if error is None:
                self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")


def _make_private(path: str) -> None:
    """A file that only its owner may read. SQLite gives the files beside it the same mode."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    if Path(path).stat().st_mode & 0o077:
        Path(path).chmod(0o600)


_REASONS = {
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_BUSY: "in use",
    sqlite3.SQLITE_LOCKED: "in use",
    sqlite3.SQLITE_NOTADB: "damaged",
    sqlite3.SQLITE_CORRUPT: "damaged",
}


def _outcome_of(work: Callable[[], T]) -> T | SnapshotsError:
    """What ``work`` returns, or its error, as ours: SQLite's may quote a path or a customer."""
    try:
        return work()
    except SnapshotsError as error:
        return error.with_traceback(None)
    except sqlite3.Error as error:
        reason = _REASONS.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, "failed")
    except OSError as error:
        reason = "full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "failed"
    return SnapshotsError(reason)
