"""The signals by which a command is ended, where they may not change what its exit code says."""

import asyncio
import signal
from contextlib import suppress

ENDING = [each for name in ("SIGINT", "SIGTERM", "SIGHUP") if (each := getattr(signal, name, None))]
"""Those that end a command; there is no SIGHUP on Windows."""


def told_to_end() -> asyncio.Event:
    """Set by SIGINT or SIGTERM from now on, ignored from the start or not, as in a background job."""
    told = asyncio.Event()
    with suppress(NotImplementedError):  # on Windows an interrupt cancels us instead
        for signum in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(signum, told.set)
    return told


class OwnProcess:
    """Whether the command has a process to itself, which ends with it; a test may call it in its own."""

    is_here = False


def ignore_from_now() -> None:
    """What happened at imin is known, and the exit code has to say so: let no signal change it any more."""
    if OwnProcess.is_here:
        for signum in ENDING:
            signal.signal(signum, signal.SIG_IGN)
