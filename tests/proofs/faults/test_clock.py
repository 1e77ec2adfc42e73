"""The elastic clock: time passes when a test says so, and then what is due happens."""

import asyncio

from tests.proofs.faults.clock import elastic, settle, the_loop


def test_skipping_fires_what_is_due() -> None:
    """A timer of an hour fires at once when an hour is skipped, and not before."""

    async def main() -> tuple[bool, bool]:
        sleeping = asyncio.create_task(asyncio.sleep(3600))
        await settle()
        before = sleeping.done()
        the_loop().skip(3600)
        await settle()
        return before, sleeping.done()

    assert elastic(main()) == (False, True)


def test_its_sleep_takes_the_clocks_time() -> None:
    """So that a session that waits by it sees the time pass."""

    async def main() -> float:
        loop = the_loop()
        before = loop.time()
        await loop.sleep(3600)
        await loop.sleep(-1)
        return loop.time() - before

    assert elastic(main()) >= 3600
