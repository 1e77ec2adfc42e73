"""What changed at imin, for as long as the service runs: each update is applied, at least once."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from imin_accounts import Failed, IminError, SnapshotsError
from imin_accounts.feed import ChangeFeed, Update

Apply = Callable[[Update | Failed], Awaitable[None]]
FIRST, LONGEST = 1.0, 60.0
"""Seconds until the feed is begun again after an error: twice as many each time."""

log = logging.getLogger(__name__)


async def apply(update: Update | Failed) -> None:
    """In your service: what a change means to you. It may come twice, so let it do no harm twice.

    What can't be done for one customer may be put aside here: after an error the update comes again, later.
    """
    match update:
        case Update(changes=changes):
            print("changed:", *(type(change).__name__ for change in changes), flush=True)
        case Failed(error=error):
            log.warning("a customer can't be read: %s", error)


async def consume(
    feed: ChangeFeed, apply: Apply = apply, *, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
) -> None:
    """Apply each update, for ever. After an error the feed is begun again, and nothing is lost meanwhile.

    Not even a wrong key of ours ends the service: imin tells of a change once, so notes have to be taken.
    """
    pause = FIRST
    while True:
        try:
            async for update in feed:
                await apply(update)
                pause = FIRST
        except Exception as error:  # noqa: BLE001 - whatever it is, the update comes again
            if isinstance(error, SnapshotsError) and error.reason == "in use":
                log.info("another worker applies the changes; this one takes over when that one ends")
            else:  # only our own errors are sure to name nobody
                what = error if isinstance(error, IminError) else type(error).__name__
                log.error("the feed stopped, and goes on in %g s: %s", pause, what)
        await sleep(pause)
        pause = min(2 * pause, LONGEST)


@asynccontextmanager
async def consuming(feed: ChangeFeed, apply: Apply = apply) -> AsyncIterator[None]:
    """Consume within the block. An update whose body is cut off at the end comes again at the next start."""
    task = asyncio.create_task(consume(feed, apply))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
