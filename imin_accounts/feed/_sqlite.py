"""Snapshots in an SQLite file: the standard library's, in a thread of its own.

Any number of processes may note in one file; one at a time claims. That one holds a lock of the operating
system, which ends with the process, however it ends. So claims need no lease, and are kept in memory alone.
"""

import asyncio
import errno
import os
import sqlite3
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import attrs

from imin_accounts.errors import InvalidRequest, SnapshotsError
from imin_accounts.feed._snapshots import Claim
from imin_accounts.feed._whole import to_its_end

T = TypeVar("T")
_Files = dict[str, tuple[int, int] | None]

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
    SELECT note.customer, seq, noted, baseline, CAST(document AS BLOB), CAST(kept AS BLOB), deliveries
    FROM note LEFT JOIN snapshot USING (customer) ORDER BY deliveries, urgent DESC, seq LIMIT ?
"""


@attrs.define(eq=False)
class _Notes:
    """Notes that wait to be committed, with others."""

    rows: list[tuple[str, bool, bool]]
    error: SnapshotsError | None = None


class SqliteSnapshots:
    """Snapshots and notes in a file, which only its owner may read (mode 0600).

    Several processes may share the file: all may note, one at a time reads and delivers. Each opens it after
    it was forked. What is no such file is refused, and stays as it is. One that is removed, moved or
    replaced by renaming while it is open takes no more notes: open it anew. One that is overwritten in place
    stays the same file, which can't be noticed: put a copy back by renaming, when nobody has it open.

    Args:
        path: The file, or a symbolic link to it; it is made where there is none, in a folder that is there.
            ``":memory:"`` keeps everything in memory.

    Raises:
        InvalidRequest: ``path`` is no path.
        SnapshotsError: From any method: ``reason`` says why.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = self._file = _checked(path)
        self._thread: ThreadPoolExecutor | None = None
        self._connection: sqlite3.Connection | None = None  # used by the thread only, as all below
        self._lock: sqlite3.Connection | None = None
        self._files: _Files = {}
        self._lock_file: _Files = {}
        self._claimed = set[str]()
        self._waiting: list[_Notes] = []

    async def __aenter__(self) -> Self:
        if self._thread is not None:
            raise SnapshotsError("in use")
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="imin-accounts-snapshots")
        self._process = os.getpid()
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
        if thread is not None and self._process == os.getpid():
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
            lambda: self._rows("SELECT CAST(document AS BLOB) FROM snapshot WHERE customer = ?", customer)
        )
        return found[0][0] if found else None

    async def forget(self, customer: str) -> None:
        """See ``Snapshots.forget``. What was stored is overwritten."""
        await self._run(lambda: self._forget(customer))

    # --- In the thread ----------------------------------------------------------------------------

    async def _run(self, work: Callable[[], T]) -> T:
        if self._thread is None or self._process != os.getpid():  # a forked child has no such thread
            raise SnapshotsError("closed")
        loop = asyncio.get_running_loop()
        outcome = await to_its_end(loop.run_in_executor(self._thread, lambda: _outcome_of(work)))
        if isinstance(outcome, SnapshotsError):
            raise outcome
        return outcome

    def _open(self) -> None:
        beside: tuple[str, ...] = ()
        if self._path != ":memory:":
            self._file = os.path.realpath(self._path)  # the files beside it are named by it
            _make(self._file)
            self._files = {path: _identity(path) for path in (os.path.abspath(self._path), self._file)}
            beside = f"{self._file}-wal", f"{self._file}-shm"
        connection = sqlite3.connect(self._file, timeout=PATIENCE, isolation_level=None)
        self._connection = connection
        _check_ours(connection)  # before anything is changed
        _make_private(*self._files, *beside)
        connection.execute("PRAGMA secure_delete = ON")
        with _Transaction(connection):
            for script in MIGRATIONS[_check_ours(connection) :]:
                for statement in filter(str.strip, script.split(";")):
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("SELECT 1 FROM note").fetchone()  # from now on there is a log
        self._files |= {path: _identity(path) for path in beside}
        _check_same(self._files)

    def _close(self) -> None:
        for connection in (self._connection, self._lock):
            if connection is not None:
                connection.close()
        self._connection = self._lock = None
        self._claimed.clear()
        self._files, self._lock_file = {}, {}

    def _rows(self, query: str, *values: object) -> list[Any]:
        assert self._connection is not None
        return self._connection.execute(query, values).fetchall()

    @contextmanager
    def _write(self, *, durable: bool) -> Iterator[sqlite3.Connection]:
        """A transaction. One that isn't durable may be undone by a loss of power: then updates come again."""
        assert self._connection is not None
        self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        with _Transaction(self._connection) as connection:
            yield connection
        _check_same(self._files)

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
        _check_same(self._files | self._lock_file)
        self._be_the_only_one()
        rows = self._rows(_CLAIM, limit + len(self._claimed))
        free = [row for row in rows if row[0] not in self._claimed][:limit]
        self._claimed.update(customer for customer, *_ in free)
        return [
            Claim(customer, (seq, noted), bool(baseline), document, kept, deliveries)
            for customer, seq, noted, baseline, document, kept, deliveries in free
        ]

    def _be_the_only_one(self) -> None:
        if self._lock is None and self._file != ":memory:":
            path = f"{self._file}-lock"
            _make(path)
            if Path(path).stat().st_size:  # ours never has a byte
                raise SnapshotsError("damaged")
            _make_private(path)
            lock = sqlite3.connect(path, timeout=0, isolation_level=None)
            try:
                lock.execute("PRAGMA journal_mode = MEMORY")  # nothing is written, so no file beside it
                lock.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError as error:
                lock.close()
                if _code(error) & 0xFF == sqlite3.SQLITE_BUSY:
                    raise SnapshotsError("in use") from None
                raise
            self._lock = lock
            self._lock_file = {path: _identity(path)}

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


def _checked(path: str | os.PathLike[str]) -> str:
    """``path`` as text, if the system can have such a one."""
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else ""
    with suppress(UnicodeEncodeError):
        if isinstance(text, str) and text and b"\0" not in os.fsencode(text):
            return text
    raise InvalidRequest("path must be a path")


# A file that is there is opened by SQLite alone: whoever opens and closes it besides ends all locks that
# this process has on it, so that others take it for free. https://sqlite.org/howtocorrupt.html, section 2.2


def _make(path: str) -> None:
    """Have a file there, which only its owner may read if it is new."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    found = Path(path).stat()
    if not stat.S_ISREG(found.st_mode):  # a folder, or a device
        raise SnapshotsError("damaged")
    if found.st_nlink > 1:  # each name would have a log and a lock of its own
        raise SnapshotsError("failed", "the file has another name, a hard link: remove one")


def _check_ours(connection: sqlite3.Connection) -> int:
    """The version of our file, 0 for an empty one. Any other is refused, and nothing is changed in it."""
    query = """
        SELECT user_version, application_id, (SELECT count(*) FROM sqlite_schema)
        FROM pragma_user_version, pragma_application_id
    """
    version, application, tables = connection.execute(query).fetchone()
    if application != APPLICATION and (application or version or tables):
        raise SnapshotsError("damaged")
    if version > len(MIGRATIONS):
        raise SnapshotsError("newer")
    return int(version)


def _make_private(*paths: str) -> None:
    """Let only the owner read them. SQLite gives the files that it makes beside one the same mode."""
    for path in paths:
        with suppress(FileNotFoundError):
            if Path(path).stat().st_mode & 0o077:
                Path(path).chmod(0o600)


def _check_same(files: _Files) -> None:
    """A file that has lost its name takes what is written all the same, and nobody ever finds it."""
    if any(_identity(path) != identity for path, identity in files.items()):
        raise SnapshotsError("gone")


def _identity(path: str) -> tuple[int, int] | None:
    """What tells a file from another that takes its name; None where there is none."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


_REASONS = {
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_IOERR_SHMSIZE: "full",
    sqlite3.SQLITE_BUSY: "busy",
    sqlite3.SQLITE_LOCKED: "busy",
    sqlite3.SQLITE_NOTADB: "damaged",
    sqlite3.SQLITE_CORRUPT: "damaged",
}
_NOT_ALLOWED = "the file or its folder may not be written here"
_CAUSES = {
    errno.ENOENT: "there is no such folder",
    errno.ENOTDIR: "there is no such folder",
    errno.EACCES: _NOT_ALLOWED,
    errno.EPERM: _NOT_ALLOWED,
    errno.EROFS: _NOT_ALLOWED,
}
_SQLITE_CAUSES = {
    sqlite3.SQLITE_CANTOPEN: _NOT_ALLOWED,
    sqlite3.SQLITE_PERM: _NOT_ALLOWED,
    sqlite3.SQLITE_READONLY: _NOT_ALLOWED,
    sqlite3.SQLITE_IOERR: "the disk reports an error",
    sqlite3.SQLITE_IOERR_WRITE: "the disk reports an error, or a quota or limit is used up",
}


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0)


def _outcome_of(work: Callable[[], T]) -> T | SnapshotsError:
    """What ``work`` returns, or its error, as ours: SQLite's may quote a path or a customer."""
    try:
        return work()
    except SnapshotsError as error:
        return error.with_traceback(None)
    except sqlite3.Error as error:
        code = _code(error)
        reason = _REASONS.get(code) or _REASONS.get(code & 0xFF, "failed")
        name = getattr(error, "sqlite_errorname", "")
        cause = _SQLITE_CAUSES.get(code) or _SQLITE_CAUSES.get(code & 0xFF, name)
    except OSError as error:
        reason = "full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "failed"
        cause = _CAUSES.get(error.errno or 0) or os.strerror(error.errno or 0)
    return SnapshotsError(reason, cause if reason == "failed" else "")
