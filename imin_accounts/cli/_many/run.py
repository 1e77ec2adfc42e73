"""A run over many customers: reading them, counting what came of it, and an orderly end."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterable, Set
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeAlias

import attrs
import click

from imin_accounts import AccountsSession, AuthenticationError, Failed, Fetched, RateLimited
from imin_accounts.cli._failures import PARTLY_DONE, Failure, Failures, Kind
from imin_accounts.cli._files import CannotWrite
from imin_accounts.cli._many.ids import Pending
from imin_accounts.cli._many.progress import Tally
from imin_accounts.cli._signals import heeded

Take: TypeAlias = Callable[[Fetched | Failed], None]
Ended: TypeAlias = AuthenticationError | RateLimited | CannotWrite
"""What a run can't go on with."""


@attrs.define
class Result:
    """What a run came to, and the exit code that says so. Counts are of customers.

    Attributes:
        read: Those whose accounts were read.
        failed: Those who could not be read.
        left: Those who were not asked for, since the run was interrupted or came to an end before.
        failures: Why, by name: those who failed or were read in part, and after the run those who are left.
    """

    read: int = 0
    failed: int = 0
    left: int = 0
    failures: Failures = attrs.Factory(Failures)

    def add(self, outcome: Fetched | Failed) -> None:
        """Count one more."""
        if isinstance(outcome, Fetched):
            self.add_read(Failure.in_accounts(outcome.customer, outcome.accounts))
        else:
            self.add_failure(Failure.of(outcome.customer, outcome.error))

    def add_read(self, failure: Failure | None) -> None:
        """Count one more who was read; ``failure`` where that is so in part only."""
        self.read += 1
        if failure is not None:
            self.failures.add(failure)

    def add_failure(self, failure: Failure) -> None:
        """Count one more who could not be read."""
        self.failed += 1
        self.failures.add(failure)

    def add_left(self, customers: Iterable[str], ended_by: Exception | None, under_way: Set[str]) -> None:
        """Say who is left after a run, and why; see ``Failures.add_left``."""
        if isinstance(ended_by, AuthenticationError) and self.read and len(under_way) > 1:
            under_way = set()  # the key was taken for others, and nobody can tell whose it was not
        self.failures.add_left(customers, ended_by, under_way)

    @property
    def exit_code(self) -> int:
        """0 where every customer was read whole, 3 where some were, or in part, else why none was."""
        if self.left or ((self.failed or self.failures) and self.read):
            return PARTLY_DONE
        return self.failures.exit_code if self.failed else 0

    def as_json(self) -> dict[str, Any]:
        """Everything, as JSON values."""
        return {
            "read": self.read,
            "failed": self.failed,
            "unreachable": self.failures.kinds[Kind.UNREACHABLE],
            "left": self.left,
            "failures": self.failures.as_json(),
        }


def run_all(
    imin: AccountsSession, pending: Pending, take: Take, result: Result, *, concurrency: int, tally: Tally
) -> Ended | None:
    """Read every customer, as ``read_all`` does, and say in ``result`` who is left and why.

    Returns:
        What the run could not go on with; None where it went to its end or was interrupted.
    """
    ended: Ended | None = None
    under_way = set[str]()
    try:
        asyncio.run(
            read_all(imin, pending, take, result, concurrency=concurrency, tally=tally, under_way=under_way)
        )
    except (AuthenticationError, RateLimited, CannotWrite) as error:
        ended = error
    result.add_left(pending, ended, under_way)
    return ended


async def read_all(
    imin: AccountsSession,
    pending: Pending,
    take: Take,
    result: Result,
    *,
    concurrency: int,
    tally: Tally,
    under_way: set[str] | None = None,
) -> None:
    """Read every customer and hand each outcome to ``take``, in the order in which they come.

    No more than ``concurrency`` customers are ever asked for whom ``take`` has not had: so many reads a
    killed process loses, at most. After an interrupt no further customer is asked for, and who would have to
    wait for a hold of imin's is left. In ``pending`` stay those whom ``take`` has not had.

    Args:
        imin: Opened and closed here.
        result: Each outcome is added to it, after ``take``.
        tally: Shows the progress.
        under_way: Holds those who are asked for now; at the end, whom ``take`` has not had of them.

    Raises:
        AuthenticationError: imin takes the key for nobody (401). What was finished has been taken.
        RateLimited: For 15 minutes imin let nobody through. The same holds.
    """
    asked = set[str]() if under_way is None else under_way
    tally.start(len(pending))
    async with stopping(imin.stop_waiting) as stop, imin:

        async def until_stopped() -> AsyncIterator[str]:
            for customer in pending:
                if stop.is_set():
                    return
                asked.add(customer)
                yield customer

        try:
            async with imin.get_many(until_stopped(), concurrency=concurrency) as outcomes:
                async for outcome in outcomes:
                    take(outcome)
                    result.add(outcome)
                    pending.discard(outcome.customer)
                    asked.discard(outcome.customer)
                    tally.count(failed=isinstance(outcome, Failed))
        except RateLimited:
            if not stop.is_set():
                raise
        finally:
            result.left = tally.total - tally.done


@asynccontextmanager
async def stopping(
    then: Callable[[], object] = lambda: None,
    *,
    told: str = "Finishing what is under way; interrupt again not to wait.",
) -> AsyncIterator[asyncio.Event]:
    """An event that SIGINT, SIGTERM or SIGHUP sets; a second one ends the block, without an error.

    One that was ignored from the start, as by ``nohup``, stays so. Afterwards each does what it did before.

    Args:
        then: Called at the first one.
        told: What the first one is answered with, on standard error.
    """
    stop = asyncio.Event()
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    assert task is not None
    forced = False

    def interrupt() -> None:
        nonlocal forced
        if stop.is_set():
            forced = True
            task.cancel()
        else:
            click.echo(told, err=True)
            stop.set()
            then()

    before = {signum: signal.getsignal(signum) for signum in heeded()}
    with suppress(NotImplementedError):  # on Windows an interrupt cancels the task by itself
        for signum in before:
            loop.add_signal_handler(signum, interrupt)
    try:
        yield stop
    except asyncio.CancelledError:
        if not forced:
            raise
        task.uncancel()
    finally:
        with suppress(NotImplementedError):
            for signum in before:
                loop.remove_signal_handler(signum)
                signal.signal(signum, before[signum])
