"""One read for each of many customers, given on one by one."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TypeAlias

from imin_accounts import AccountsSession, Failed, Fetched
from imin_accounts.cli._ids import Pending
from imin_accounts.cli._interrupt import stopping
from imin_accounts.cli._progress import Tally
from imin_accounts.cli._result import Result

Take: TypeAlias = Callable[[Fetched | Failed], None]


async def read_all(
    imin: AccountsSession, pending: Pending, take: Take, result: Result, *, concurrency: int, tally: Tally
) -> None:
    """Read every customer and hand each outcome to ``take``, in the order in which they come.

    No more than ``concurrency`` customers are ever asked for whom ``take`` has not had: so many reads a
    killed process loses, at most. After an interrupt no further customer is asked for.

    Args:
        imin: Opened and closed here.
        result: Each outcome is added to it, after ``take``.
        tally: Shows the progress.

    Raises:
        AuthenticationError: imin takes the key for nobody (401). What was finished has been taken.
    """
    tally.start(len(pending))
    window = asyncio.Semaphore(concurrency)
    async with stopping() as stop, imin:

        async def inputs() -> AsyncIterator[str]:
            for customer in pending:
                await window.acquire()
                if stop.is_set():
                    return
                yield customer

        async with imin.get_many(inputs(), concurrency=concurrency) as outcomes:
            async for outcome in outcomes:
                take(outcome)
                window.release()
                result.add(outcome)
                tally.count(failed=isinstance(outcome, Failed))
    result.left = tally.total - tally.done
