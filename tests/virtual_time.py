"""An event loop in which time passes by waiting only: hours of several tasks' sleeping take moments."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from imin_accounts.session import Runtime

T = TypeVar("T")


class VirtualLoop(asyncio.SelectorEventLoop):
    """Where every task waits, its clock goes to when the first timer is due.

    Where none is, nothing would ever happen again: that is a RuntimeError.
    """

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        return self._now

    def jump(self, seconds: float) -> None:
        """Put the clock forward."""
        self._now += seconds


class _Jumping(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("every task waits for another one")
        if not ready and timeout is not None:
            self._loop.jump(max(timeout, 0.0))
        return ready


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run ``main`` in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


def virtual_runtime() -> Runtime:
    """The running loop's time; every random number is 0.5."""
    loop = asyncio.get_running_loop()
    return Runtime(clock=loop.time, sleep=asyncio.sleep, random=lambda: 0.5)
