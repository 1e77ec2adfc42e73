"""Where a session may be used: from its opening to its closing, in one event loop of one process."""

import asyncio
import os
import warnings
from typing import Any

from imin_accounts.errors import SessionStateError

_forks = 0


def _count_fork() -> None:
    global _forks
    _forks += 1


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_count_fork)


class Lifetime:
    """Where one session may be used.

    Not in a forked child, even where the child's event loop is a copy of the right one: parent and child
    would write to the same sockets.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._forks = _forks
        self.is_over = False

    # ``warn`` is bound when the class is made: when the interpreter exits, the module may be gone already.
    def __del__(self, warn: Any = warnings.warn) -> None:
        if self._loop is not None and not self.is_over and self._forks == _forks:
            warn("unclosed session: use `async with`, or await aclose()", ResourceWarning, source=self)

    def begin(self) -> None:
        """Open it here.

        Raises:
            SessionStateError: It was open before.
        """
        if self._loop is not None:
            raise SessionStateError("a session opens once: make a new one")
        self._loop = asyncio.get_running_loop()
        self._forks = _forks

    def end(self) -> bool:
        """Close it for good; returns whether it ever was open."""
        self.is_over = True
        return self._loop is not None

    def check(self) -> None:
        """Return if the session may be used here and now.

        Raises:
            SessionStateError: It is not open, or open elsewhere.
        """
        if self._loop is None:
            raise SessionStateError("the session is not open: use `async with AccountsSession(...)`")
        if self.is_over:
            raise SessionStateError("the session is closed: make a new one")
        if self._forks != _forks:
            raise SessionStateError("the session is another process's: open one after the fork")
        if asyncio.get_running_loop() is not self._loop:
            raise SessionStateError("the session is another event loop's: open one in this loop")
