"""A round over many customers with the feed: each is read, compared with what was last told, and told of."""

import asyncio
import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import cast

import click

from imin_accounts import (
    AccountsSession,
    AuthenticationError,
    Failed,
    InvalidRequest,
    RateLimited,
    RetryPolicy,
)
from imin_accounts.cli._changes.lines import Line, change_line, failed_line, text
from imin_accounts.cli._changes.watched import Watched
from imin_accounts.cli._many.ids import Pending
from imin_accounts.cli._many.progress import Tally
from imin_accounts.cli._many.run import Result, stopping
from imin_accounts.cli._streams import write_error
from imin_accounts.feed import ChangeFeed, Claim, SqliteSnapshots, Update


class NotWritten(Exception):
    """The output can't be written: what was to be told is told by the next round."""


class _CountingSnapshots(SqliteSnapshots):
    """Tells ``finished`` which customer is done with."""

    def __init__(self, path: Path, finished: Callable[[str], object]) -> None:
        super().__init__(path)
        self._finished = finished

    async def finish(self, done: Sequence[tuple[Claim, bytes | None]]) -> None:
        await super().finish(done)
        for claim, _ in done:
            self._finished(claim.customer)


class Night:
    """One round.

    Args:
        snapshots: The file that remembers.
        tells_new: Whether to tell of customers of whom nothing is known yet, as additions; else they are only
            remembered.

    Attributes:
        result: What it came to. A customer counts once, though an earlier round left some that this one reads
            twice: a change that was not told to the end, and what came since.
        changed: Customers for whom there was any change, likewise.
    """

    def __init__(self, imin: AccountsSession, snapshots: Path, *, tells_new: bool, tally: Tally) -> None:
        self._imin = imin
        self._path = snapshots
        self._tells_new = tells_new
        self._tally = tally
        self._watched = Watched(imin)
        self._told = set[str]()  # whose changes are written, and who are not done with yet
        self._failed = set[str]()  # the same of those who could not be read
        self.result = Result()
        self.changed = 0

    def add_left(self, pending: Pending, ended_by: Exception | None) -> None:
        """Say in ``result`` who is left, and why, after a ``run`` that ended early."""
        is_imins = isinstance(ended_by, AuthenticationError | RateLimited)
        about = self._watched.under_way if is_imins else self._watched.asked
        self.result.left = len(pending)
        self.result.add_left(pending, ended_by, about)

    async def run(self, pending: Pending, *, concurrency: int) -> None:
        """Read everybody in ``pending``, and whom an earlier round left.

        Whenever it ends, nothing is lost: a customer is done with only once their lines are written. In
        ``pending`` stay those who are not.

        Raises:
            AuthenticationError, RateLimited, SnapshotsError: As from a ``ChangeFeed``.
            NotWritten: The output can't be written.
        """
        self._tally.start(len(pending))
        round = asyncio.create_task(self._tell(pending, concurrency))
        # What was not told yet is not waited for: it is known as before, so the next round tells it.
        async with stopping(round.cancel, told="Stopping: what is under way is not waited for.") as stop:
            try:
                await round
            except asyncio.CancelledError:
                if not stop.is_set():
                    raise

    async def _tell(self, pending: Pending, concurrency: int) -> None:
        def finish(customer: str) -> None:
            pending.discard(customer)
            self._watched.asked.discard(customer)
            failure = self._watched.in_part.pop(customer, None)
            if done.add_new(customer):
                self.result.add_read(failure)
                self._tally.count(failed=customer in self._failed)
            self._failed.discard(customer)
            if customer in self._told:
                self._told.discard(customer)
                self.changed += changed.add_new(customer)

        snapshots = _CountingSnapshots(self._path, finish)
        session = cast(AccountsSession, self._watched)  # a feed needs no more of it
        # The next round tries again; within this one each read does, as the session's policy says.
        once = RetryPolicy(attempts=1)
        with Pending() as done, Pending() as changed:
            async with (
                self._imin,
                ChangeFeed(session, snapshots, concurrency=concurrency, retry=once) as feed,
            ):
                await self._note(feed, pending)
                async for update in feed.until_idle():
                    self._take(update)

    async def _note(self, feed: ChangeFeed, pending: Pending) -> None:
        """Have all of them read. Whom no request can name is told as one who can't be read."""
        customers = iter(pending)
        customer = ""

        def rest() -> Iterator[str]:
            nonlocal customer
            for each in customers:
                customer = each
                yield each

        while True:
            try:
                await feed.note_all(rest(), baseline=not self._tells_new)
                return
            except InvalidRequest as error:
                self.result.add(failed := Failed(customer, None, error))
                pending.discard(customer)
                self._tally.count(failed=True)
                write([failed_line(failed)])

    def _take(self, update: Update | Failed) -> None:
        if isinstance(update, Update):
            write([change_line(update.customer, change) for change in update.changes])
            self._told.add(update.customer)
        else:
            self.result.add(update)
            self.result.read -= 1
            self._failed.add(update.customer)
            write([failed_line(update)])


def write(lines: Sequence[Line]) -> None:
    """Write all of these lines to standard output, at once.

    Raises:
        NotWritten: Not all are written; of a file, none.
    """
    before = _size()
    click.echo("\n".join(map(text, lines)))  # which flushes
    if write_error() is not None:
        if before is not None:
            with suppress(OSError):  # half a line would spoil the first one that is appended to the file
                os.ftruncate(sys.stdout.fileno(), before)
        raise NotWritten


def _size() -> int | None:
    """Bytes in standard output, if that is a file."""
    with suppress(OSError, ValueError):
        there = os.fstat(sys.stdout.fileno())
        if stat.S_ISREG(there.st_mode):
            return there.st_size
    return None
