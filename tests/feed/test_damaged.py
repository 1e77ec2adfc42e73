"""What is kept of one customer is damaged: that is theirs alone, and is told with their name."""

import pickle
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from imin_accounts import Failed, SnapshotsError
from tests.feed.imin import SELLER, HeldImin, feeding, told

SNAPSHOT, REPLY = "snapshot SET document", "note SET kept"


def damage(path: Path, column: str, value: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE {column} = {value} WHERE customer = 'abc'")


@pytest.mark.parametrize("value", ["x'00ff'", "''", "5", "CAST(x'00ff' AS TEXT)", "'{\"version\": 1}'"])
async def test_a_damaged_snapshot_holds_up_nobody_else(value: str, path: Path, imin: HeldImin) -> None:
    """Its customer fails, at every note until they are forgotten; the others are told of."""
    async with feeding(imin, path) as feed:
        await feed.note_all(["abc", "xyz"], baseline=True)
        assert await told(feed) == []
        damage(path, SNAPSHOT, value)
        imin.fake.connect("abc", SELLER)
        imin.fake.connect("xyz", SELLER)
        for others in ([("xyz", ["AccountConnected"])], []):
            await feed.note_all(["abc", "xyz"])
            assert await told(feed) == [("abc", ["SnapshotsError"]), *others]
        await feed.forget("abc")
        await feed.note("abc")
        assert await told(feed) == [("abc", ["SellerAdded", "AccountConnected"])]


async def test_the_error_says_what_is_damaged(path: Path, imin: HeldImin) -> None:
    """And nothing of what is kept; ``snapshot`` raises the same."""
    async with feeding(imin, path) as feed:
        await feed.note("abc")
        await told(feed)
        damage(path, SNAPSHOT, "'secret'")
        await feed.note("abc")
        [failed] = [each async for each in feed.until_idle()]
        assert isinstance(failed, Failed)
        with pytest.raises(SnapshotsError) as raised:
            await feed.snapshot("abc")
    for error in (failed.error, raised.value, pickle.loads(pickle.dumps(failed.error))):
        assert isinstance(error, SnapshotsError)
        assert error.reason == "damaged"
        assert str(error).endswith("only what is kept of this customer; `forget` erases it")
        assert error.__context__ is None


@pytest.mark.parametrize("value", ["x'00ff'", "'[]'", "5"])
async def test_a_damaged_reply_is_read_again(value: str, path: Path, imin: HeldImin) -> None:
    """What was to be delivered is told to be lost, and what imin says now is compared with the snapshot."""
    async with feeding(imin, path) as feed:
        await feed.note_all(["abc", "xyz"])
        async for _ in feed.until_idle():
            break
    damage(path, REPLY, value)
    async with feeding(imin, path) as feed:
        first = [("xyz", ["SellerAdded"]), ("abc", ["SnapshotsError"])]
        assert sorted(await told(feed)) == sorted([*first, ("abc", ["SellerAdded"])])
        assert await told(feed) == []


async def test_a_newer_snapshot_ends_the_iteration(path: Path, imin: HeldImin) -> None:
    """Another release can read it, and all the others perhaps: nobody's note is spent on that."""
    async with feeding(imin, path) as feed:
        await feed.note_all(["abc"], baseline=True)
        await told(feed)
        damage(path, SNAPSHOT, "'{\"version\": 2}'")
        await feed.note_all(["abc", "xyz"])
        for _ in range(2):
            with pytest.raises(SnapshotsError, match="newer version"):
                await told(feed)
