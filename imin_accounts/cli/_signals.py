"""The signals by which a command is ended, where they may not change what its exit code says."""

import signal
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

ENDING = [each for name in ("SIGINT", "SIGTERM", "SIGHUP") if (each := getattr(signal, name, None))]
"""Those that end a command; there is no SIGHUP on Windows."""


def heeded() -> list[signal.Signals]:
    """Those that this process heeds: one that was ignored from the start, as by ``nohup``, stays so."""
    return [signum for signum in ENDING if signal.getsignal(signum) not in (signal.SIG_IGN, None)]


def told_to_end() -> "asyncio.Event":
    """An event for a server: set by SIGINT or SIGTERM, and by SIGHUP unless that was ignored from the start.

    A shell starts a background job with SIGINT ignored; ``kill -INT`` is to end it all the same.
    """
    import asyncio  # not at the top: --version would load it too

    told = asyncio.Event()
    with suppress(NotImplementedError):  # on Windows an interrupt cancels us instead
        for signum in {signal.SIGINT, signal.SIGTERM, *heeded()}:
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
