"""An orderly end: the first interrupt finishes what is under way, the second one does not wait."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import click

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@asynccontextmanager
async def stopping() -> AsyncIterator[asyncio.Event]:
    """An event that SIGINT or SIGTERM sets. A second one ends the block where it is, without an error."""
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
            click.echo("Finishing what is under way; interrupt again not to wait.", err=True)
            stop.set()

    with suppress(NotImplementedError):  # on Windows an interrupt cancels the task by itself
        for signum in _SIGNALS:
            loop.add_signal_handler(signum, interrupt)
    try:
        yield stop
    except asyncio.CancelledError:
        if not forced:
            raise
        task.uncancel()
    finally:
        with suppress(NotImplementedError):
            for signum in _SIGNALS:
                loop.remove_signal_handler(signum)
