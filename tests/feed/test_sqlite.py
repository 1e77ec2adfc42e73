"""Snapshots in a file: private, versioned, shared as far as that is safe, and whole whatever happens."""

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Awaitable
from contextlib import closing
from pathlib import Path

import orjson
import pytest

from imin_accounts import InvalidRequest, SnapshotsError, from_jsonld
from imin_accounts.feed import Snapshot, SqliteSnapshots
from imin_accounts.feed._sqlite import MIGRATIONS
from tests.feed.imin import SELLER, HeldImin, feeding, told
from tests.paths import ROOT

contents = Path.read_bytes  # quick, so that nobody minds it in a coroutine


@pytest.fixture
def imin() -> HeldImin:
    held = HeldImin()
    held.add("abc")
    return held


async def refusal(path: Path) -> str:
    """Why a file is not opened."""
    with pytest.raises(SnapshotsError) as caught:
        async with SqliteSnapshots(path):
            pass
    assert str(path) not in str(caught.value)
    return caught.value.reason


async def test_only_its_owner_may_read_it(path: Path, imin: HeldImin) -> None:
    """Nor the files beside it; one that others may read is mended."""
    os.close(os.open(path, os.O_CREAT, 0o644))
    async with feeding(imin, path) as feed:
        await feed.note("abc")
        await told(feed)
        modes = {each.name: each.stat().st_mode & 0o777 for each in path.parent.iterdir()}
    beside = ("", "-wal", "-shm", "-lock")
    assert modes == dict.fromkeys((f"accounts.db{end}" for end in beside), 0o600)


async def test_what_is_committed_outlives_a_loss_of_power(path: Path) -> None:
    """Notes, kept replies and what is erased; an acknowledgement may be undone, and the update come again."""

    async def written_through(work: Awaitable[object]) -> bool:
        await work
        [(level,)] = await snapshots._run(lambda: snapshots._rows("PRAGMA synchronous"))
        return bool(level == 2)

    async with SqliteSnapshots(path) as snapshots:
        assert await written_through(snapshots.note(["abc"], urgent=True, baseline=False))
        [claim] = await snapshots.claim(1)
        assert not await written_through(snapshots.finish([]))
        assert await written_through(snapshots.keep([(claim, b"{}")]))
        assert not await written_through(snapshots.finish([]))
        assert await written_through(snapshots.postpone([claim]))
        assert not await written_through(snapshots.finish([]))
        assert await written_through(snapshots.forget("abc"))


async def test_what_is_stored_is_json_ld(path: Path, imin: HeldImin) -> None:
    """With a version; nothing in it is a program."""
    imin.fake.connect("abc", SELLER, access_pass="1")
    async with feeding(imin, path) as feed:
        await feed.note_all(["abc"], baseline=True)
        await told(feed)
        known = await feed.snapshot("abc")
    with closing(sqlite3.connect(path)) as file:
        [(customer, document)] = file.execute("SELECT * FROM snapshot").fetchall()
    stored = orjson.loads(document)
    assert (customer, stored["version"]) == ("abc", 1)
    assert from_jsonld(stored["accounts"]) == known


@pytest.mark.parametrize("version", range(len(MIGRATIONS) + 1))
async def test_an_older_version_is_migrated(version: int, path: Path, imin: HeldImin) -> None:
    """From each that there was."""
    with closing(sqlite3.connect(path)) as file:
        for script in MIGRATIONS[:version]:
            file.executescript(script)
        file.execute(f"PRAGMA user_version = {version}")
        file.execute(f"PRAGMA application_id = {0x696D696E}")
    async with feeding(imin, path) as feed:
        await feed.note("abc")
        assert await told(feed) == [("abc", ["SellerAdded"])]
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)


async def test_what_waits_is_migrated(path: Path, imin: HeldImin) -> None:
    """A note in the first version's file, and the reply that was to be delivered."""
    async with feeding(imin, path) as feed:
        await feed.note("abc")
        async for _ in feed:
            break
    with closing(sqlite3.connect(path)) as file:
        file.executescript("DROP INDEX turn; ALTER TABLE note DROP COLUMN deliveries")
        file.executescript("CREATE INDEX turn ON note (urgent DESC, seq); PRAGMA user_version = 1")
    imin.fake.connect("abc", SELLER)
    async with feeding(imin, path) as feed:
        assert await told(feed) == [("abc", ["SellerAdded"]), ("abc", ["AccountConnected"])]


async def test_a_newer_version_is_refused(path: Path) -> None:
    """An older release could lose what a newer one has stored. Nothing is changed."""
    async with SqliteSnapshots(path):
        pass
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA user_version = 99")
    before = contents(path)
    assert await refusal(path) == "newer"
    assert contents(path) == before


async def test_another_database_is_refused(path: Path) -> None:
    """An export, say. Nothing is changed."""
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE accounts (customer)")
    before = contents(path)
    assert await refusal(path) == "damaged"
    assert contents(path) == before


async def test_no_database_is_refused(path: Path) -> None:
    """A file of something else stays what it is."""
    with open(path, "wb") as file:  # noqa: ASYNC230
        file.write(b"customer\n" * 1000)
    assert await refusal(path) == "damaged"
    assert contents(path) == b"customer\n" * 1000


async def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """No file can be made: an error of ours, which does not name the path."""
    assert await refusal(tmp_path / "no" / "accounts.db") == "failed"


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"version": 1, "accounts": 5}', b'{"version": null}'])
def test_a_damaged_snapshot(text: bytes) -> None:
    """It is never taken for none at all: then everything would be told as new."""
    with pytest.raises(SnapshotsError) as caught:
        Snapshot.loads(text)
    assert caught.value.reason == "damaged"


def test_a_newer_snapshot() -> None:
    """It says so, whatever else is in it."""
    with pytest.raises(SnapshotsError) as caught:
        Snapshot.loads(b'{"version": 2}')
    assert caught.value.reason == "newer"


async def test_one_feed_at_a_time_others_note(path: Path, imin: HeldImin) -> None:
    """A second one that would deliver too is refused; what it notes is read by the first."""
    async with feeding(imin, path) as feed, feeding(imin, path) as other:
        await feed.note("abc")
        assert await told(feed) == [("abc", ["SellerAdded"])]
        imin.fake.connect("abc", SELLER)
        await other.note("abc")
        with pytest.raises(SnapshotsError) as caught:
            await told(other)
        assert caught.value.reason == "in use"
        assert await told(feed) == [("abc", ["AccountConnected"])]
    async with feeding(imin, path) as feed:
        assert await told(feed) == []


async def test_another_process_notes(path: Path, imin: HeldImin) -> None:
    """And ends, however it does: its lock ends with it, and what it has noted is there."""
    code = """
import asyncio, os, sys
from imin_accounts.feed import SqliteSnapshots
async def main():
    async with SqliteSnapshots(sys.argv[1]) as snapshots:
        await snapshots.note(["abc"], urgent=True, baseline=False)
        await snapshots.claim(1)
        os.kill(os.getpid(), 9)
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, path, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert await process.wait() == -9
    async with feeding(imin, path) as feed:
        assert await told(feed) == [("abc", ["SellerAdded"])]


async def test_a_full_disk(path: Path, imin: HeldImin) -> None:
    """A note is not taken for committed; an update is not taken for done, and comes again with room."""
    imin.add("big")
    imin.fake.connect("big", SELLER, access_pass="x" * 100_000)
    snapshots = SqliteSnapshots(path)
    async with feeding(imin, snapshots) as feed:
        await feed.note("big")
        await snapshots._run(lambda: snapshots._rows("PRAGMA max_page_count = 12"))
        with pytest.raises(SnapshotsError) as caught:
            await told(feed)
        assert caught.value.reason == "full"
        with pytest.raises(SnapshotsError):
            await feed.note_all(f"customer-{number}" for number in range(10_000))
        await snapshots._run(lambda: snapshots._rows("PRAGMA max_page_count = 100000"))
        assert (await told(feed))[0][0] == "big"


async def test_notes_at_the_same_time_are_committed_together(path: Path) -> None:
    """Each returns once its own is there; and each learns it if it is not."""
    async with SqliteSnapshots(path) as snapshots:
        customers = [f"c{number}" for number in range(50)]
        await asyncio.gather(*(snapshots.note([each], urgent=True, baseline=False) for each in customers))
        assert {claim.customer for claim in await snapshots.claim(100)} == {*customers}


async def test_closed(path: Path) -> None:
    """Before it is opened, and afterwards; it opens once at a time."""
    snapshots = SqliteSnapshots(path)
    with pytest.raises(SnapshotsError) as caught:
        await snapshots.claim(1)
    assert caught.value.reason == "closed"
    async with snapshots:
        with pytest.raises(SnapshotsError):
            await snapshots.__aenter__()
    async with snapshots:
        assert await snapshots.claim(1) == []


async def test_what_is_forgotten_is_overwritten(path: Path, imin: HeldImin) -> None:
    """No byte of it is left in the file or its log."""
    imin.add("somebody-special")
    async with feeding(imin, path) as feed:
        await feed.note_all(["somebody-special", "abc"])
        await told(feed)
        await feed.note("somebody-special")
        await feed.forget("somebody-special")
        for file in path.parent.iterdir():
            assert b"somebody-special" not in file.read_bytes(), file.name


@pytest.mark.parametrize("odd", ["", None, 5, b"bytes"])
def test_an_unusable_path(odd: str) -> None:
    """It is refused when the object is made."""
    with pytest.raises(InvalidRequest):
        SqliteSnapshots(odd)


def test_no_name_is_left_open(path: Path) -> None:
    """A program that ends without leaving is told of nothing: the file is whole at any time."""
    code = f"import asyncio; from imin_accounts.feed import SqliteSnapshots as S; s = S({str(path)!r})\n"
    code += "async def main(): await s.__aenter__(); await s.claim(1)\nasyncio.run(main())"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, b"")


async def test_cancelled_while_it_opens(path: Path) -> None:
    """The file and the thread are closed all the same."""
    for steps in range(6):
        before = threading.active_count()
        opening = asyncio.ensure_future((snapshots := SqliteSnapshots(path)).__aenter__())
        for _ in range(steps):
            await asyncio.sleep(0)
        if opening.cancel():
            with pytest.raises(asyncio.CancelledError):
                await opening
        else:  # the thread had been as fast as that
            await snapshots.__aexit__(None, None, None)
        while threading.active_count() > before:
            await asyncio.sleep(0)


NOTING = """
import asyncio, sys
from imin_accounts.feed import SqliteSnapshots
async def main():
    async with SqliteSnapshots(sys.argv[1]) as snapshots:
        for number in range(20):
            await snapshots.note([f"{sys.argv[2]}-{number}"], urgent=True, baseline=False)
asyncio.run(main())
"""


async def test_many_processes_note_at_once(path: Path) -> None:
    """From the making of the file on: nobody is told that it is locked."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", NOTING, path, str(number), env=env)
        for number in range(4)
    ]
    assert [await each.wait() for each in processes] == [0] * 4
    async with SqliteSnapshots(path) as snapshots:
        assert len(await snapshots.claim(100)) == 80
