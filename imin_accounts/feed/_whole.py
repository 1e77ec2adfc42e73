"""Awaiting what must not be left half done, and what may raise anything."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from imin_accounts.errors import SnapshotsError
from imin_accounts.session._watch import was_cancelled

T = TypeVar("T")


async def to_its_end(work: Awaitable[T]) -> T:
    """Await ``work`` whole: who is cancelled meanwhile learns it afterwards, with nothing half done."""
    future = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.shield(future)
        except asyncio.CancelledError as error:
            if not future.cancelled():
                cancelled = error
        except BaseException:  # noqa: BLE001 - raised below
            break
    if cancelled is not None:
        if not future.cancelled():
            future.exception()  # looked at: nobody is told of it twice
        raise cancelled
    return future.result()


async def answered(work: Awaitable[T]) -> T:
    """Await what somebody's own snapshots do. What would end a task or an iteration is an error of theirs.

    Raises:
        SnapshotsError: They raised StopAsyncIteration, or a CancelledError though nobody cancelled.
    """
    try:
        return await work
    except asyncio.CancelledError as error:
        if was_cancelled():
            raise
        name = type(error).__name__
    except StopAsyncIteration as error:
        name = type(error).__name__
    raise SnapshotsError("failed", f"they raised {name}")
