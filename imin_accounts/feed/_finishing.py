"""What is done with is committed beside the reading: one commit at a time, of all that waits by then."""

import asyncio

from imin_accounts.feed._due import Due, Read
from imin_accounts.feed._snapshots import Claim, Snapshots
from imin_accounts.feed._whole import answered


class Finisher:
    """Ends claims. What goes wrong ends the reading, by ``Due.error``."""

    def __init__(self, snapshots: Snapshots, due: Due) -> None:
        self._snapshots = snapshots
        self._due = due
        self._done: list[tuple[Claim, bytes | None]] = []
        self._given_back: list[Claim] = []
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many wait for the commit under way; 0 where there is none."""
        return 0 if self._task is None else len(self._done)

    def finish(self, read: Read, snapshot: bytes | None) -> None:
        """Nothing more is to come of it, and this is what is known from now on; None for what was known."""
        self._done.append((read.claim, snapshot))
        self._go_on()

    def give_back(self, read: Read) -> None:
        """They were forgotten: if there is a note of them by now, it is another one, and waits."""
        self._given_back.append(read.claim)
        self._go_on()

    async def has_committed(self) -> None:
        """Return once nothing waits any more, or there is an error. Whoever leaves early ends nothing."""
        while self._task is not None:
            await asyncio.shield(self._task)

    def clear(self) -> None:
        """Leave out what is not under way."""
        self._done.clear()
        self._given_back.clear()

    def _go_on(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._commit())

    async def _commit(self) -> None:
        try:
            while self._done or self._given_back:
                done, self._done = self._done, []
                given_back, self._given_back = self._given_back, []
                if given_back:
                    await answered(self._snapshots.release(given_back))
                if done:
                    await answered(self._snapshots.finish(done))
                self._due.end([*given_back, *(claim for claim, _ in done)])
        except Exception as error:  # noqa: BLE001 - raised to the consumer
            self._due.error = error
            self._due.look_again()
        finally:
            self._task = None
