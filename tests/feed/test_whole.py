"""Work that is begun is done, whoever is cancelled meanwhile."""

import asyncio

import pytest

from imin_accounts.feed._whole import to_its_end


async def test_who_is_cancelled_learns_it_afterwards() -> None:
    """However often: the work goes on to its end."""
    begun, may_end, done = asyncio.Event(), asyncio.Event(), []

    async def work() -> None:
        begun.set()
        await may_end.wait()
        done.append(True)

    task = asyncio.ensure_future(to_its_end(work()))
    await begun.wait()
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == [True]


@pytest.mark.parametrize("error", [RuntimeError("work"), asyncio.CancelledError("work")], ids=repr)
async def test_what_the_work_raises(error: BaseException) -> None:
    """It comes out as it is; to who was cancelled, being cancelled is what counts."""

    async def fail() -> None:
        await asyncio.sleep(0)
        raise error

    with pytest.raises(type(error), match="work"):
        await to_its_end(fail())
    task = asyncio.ensure_future(to_its_end(fail()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
