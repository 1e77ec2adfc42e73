"""Work that is done whole or not begun, whoever is cancelled meanwhile."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

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
