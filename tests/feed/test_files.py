"""The file of snapshots: what is not ours stays as it is, and what was ours is not written to blindly."""

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from imin_accounts import InvalidRequest, SnapshotsError
from imin_accounts.feed import SqliteSnapshots
from tests.paths import ROOT

_ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
"""Without what measures coverage in processes: some of these may write nowhere, and it would complain."""
_ENVIRONMENT["PYTHONPATH"] = str(ROOT)


async def note(snapshots: SqliteSnapshots, customer: str = "abc") -> None:
    await snapshots.note([customer], urgent=True, baseline=False)


async def refusal(path: Path) -> SnapshotsError:
    """Why a file is not opened, or not claimed from."""
    with pytest.raises(SnapshotsError) as caught:
        async with SqliteSnapshots(path) as snapshots:
            await snapshots.claim(1)
    return caught.value


def database(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as file:
        for statement in statements:
            file.execute(statement)


FOREIGN: dict[str, Callable[[Path], object]] = {
    "text": lambda path: path.write_text("customer\nabc\n"),
    "a long text": lambda path: path.write_text("customer\n" * 1000),
    "a database": lambda path: database(path, "CREATE TABLE accounts (customer)"),
    "with a log": lambda path: database(
        path, "PRAGMA journal_mode = WAL", "CREATE TABLE accounts (customer)"
    ),
    "with a version": lambda path: database(path, "PRAGMA user_version = 99", "CREATE TABLE a (b)"),
    "another's, empty": lambda path: database(path, "PRAGMA application_id = 5"),
}


def state(path: Path) -> tuple[bytes, int, list[str]]:
    """Bytes and mode, and all names in the folder."""
    return path.read_bytes(), stat.S_IMODE(path.stat().st_mode), [each.name for each in path.parent.iterdir()]


@pytest.mark.parametrize("mode", [0o644, 0o606])
@pytest.mark.parametrize("make", FOREIGN.values(), ids=FOREIGN)
async def test_a_foreign_file_stays_as_it_is(make: Callable[[Path], object], mode: int, path: Path) -> None:
    """Its bytes, its mode, and what is beside it."""
    make(path)
    os.chmod(path, mode)
    before = state(path)
    assert before[1:] == (mode, ["accounts.db"])
    assert (await refusal(path)).reason == "damaged"
    assert state(path) == before


@pytest.mark.parametrize("content", [b"customer\n", b"x" * 5000])
async def test_a_foreign_file_in_the_place_of_the_lock(content: bytes, path: Path) -> None:
    """It stays as it is, too."""
    lock = path.with_name("accounts.db-lock")
    lock.write_bytes(content)
    lock.chmod(0o644)
    assert (await refusal(path)).reason == "damaged"
    assert (lock.read_bytes(), stat.S_IMODE(lock.stat().st_mode)) == (content, 0o644)


async def test_a_device(tmp_path: Path) -> None:
    """One like /dev/full keeps its mode, under whatever name."""
    device, link = tmp_path / "full", tmp_path / "link"
    try:
        os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 7))
    except (AttributeError, PermissionError):
        pytest.skip("needs to make a device")
    device.chmod(0o666)
    link.symlink_to(device)
    for path in (device, link):
        assert (await refusal(path)).reason == "damaged"
    assert stat.S_IMODE(device.stat().st_mode) == 0o666


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs mkfifo")
async def test_a_pipe_or_a_folder(tmp_path: Path) -> None:
    """Neither is waited for, nor changed."""
    os.mkfifo(tmp_path / "pipe", 0o644)
    (tmp_path / "folder").mkdir(0o755)
    for name, mode in ("pipe", 0o644), ("folder", 0o755):
        assert (await refusal(tmp_path / name)).reason == "damaged"
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == mode


def link_to_file(path: Path) -> Path:
    (path.parent / "link.db").symlink_to(path)
    return path.parent / "link.db"


def link_to_folder(path: Path) -> Path:
    (path.parent / "elsewhere").symlink_to(path.parent)
    return path.parent / "elsewhere" / path.name


def relative(path: Path) -> Path:
    return Path(os.path.relpath(path))


def roundabout(path: Path) -> Path:
    (path.parent / "sub").mkdir()
    return path.parent / "sub" / ".." / path.name


CLAIMING = """
import asyncio, sys
from imin_accounts import SnapshotsError
from imin_accounts.feed import SqliteSnapshots
async def main():
    async with SqliteSnapshots(sys.argv[1]) as snapshots:
        try:
            print(len(await snapshots.claim(9)))
        except SnapshotsError as error:
            print(error.reason)
asyncio.run(main())
"""


async def claimed_by_a_process(path: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CLAIMING, path),
        env=_ENVIRONMENT,
        stdout=subprocess.PIPE,
    )
    return (await process.communicate())[0].decode().strip()


NAMES = [(link_to_file, True), (link_to_file, False), (link_to_folder, True), (roundabout, False)]


@pytest.mark.parametrize(("other", "is_first"), [*NAMES, (relative, True)])
async def test_one_file_under_two_names(other: Callable[[Path], Path], is_first: bool, path: Path) -> None:
    """It is one file, of which one claims, whichever name comes first, and before there is a file too."""
    names = [other(path), path] if is_first else [path, other(path)]
    async with SqliteSnapshots(names[0]) as snapshots:
        await note(snapshots)
        assert len(await snapshots.claim(9)) == 1
        assert await claimed_by_a_process(names[1]) == "in use"


async def test_a_second_feed_in_the_process_ends_no_lock(path: Path) -> None:
    """POSIX drops a process's locks on a file as soon as it closes that file once."""
    async with SqliteSnapshots(path) as snapshots:
        await note(snapshots)
        assert len(await snapshots.claim(9)) == 1
        assert (await refusal(path)).reason == "in use"
        assert await claimed_by_a_process(path) == "in use"
        await note(snapshots)
        assert path.with_name("accounts.db-wal").exists()


async def test_a_hard_link(path: Path) -> None:
    """SQLite names its log by the file: under two names there would be two, without each other's notes."""
    async with SqliteSnapshots(path) as snapshots:
        await note(snapshots)
    os.link(path, path.with_name("other.db"))
    for name in ("accounts.db", "other.db"):
        assert "hard link" in str(await refusal(path.with_name(name)))
    os.unlink(path.with_name("other.db"))
    assert await claimed_by_a_process(path) == "1"


def remove_all(path: Path) -> None:
    for each in path.parent.glob(f"{path.name}*"):
        each.unlink()


def replace(path: Path) -> None:
    remove_all(path)
    path.touch(0o600)


def move_away(path: Path) -> None:
    path.rename(path.with_name("moved.db"))


def remove_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name("moved"))


def remove_only(end: str) -> Callable[[Path], None]:
    return lambda path: path.with_name(path.name + end).unlink()


LOST = [remove_all, replace, move_away, remove_folder, *map(remove_only, ["", "-wal", "-shm"])]


@pytest.mark.parametrize("lose", LOST)
@pytest.mark.skipif(sys.platform == "win32", reason="what is open can't be removed there")
async def test_a_file_that_is_gone(lose: Callable[[Path], None], tmp_path: Path) -> None:
    """No note is taken for committed, and no consumer waits for notes that go elsewhere."""
    (tmp_path / "folder").mkdir()
    path = tmp_path / "folder" / "accounts.db"
    async with SqliteSnapshots(path) as snapshots:
        await note(snapshots)
        lose(path)
        for call in (note(snapshots), snapshots.claim(1), snapshots.forget("abc")):
            with pytest.raises(SnapshotsError, match="removed or replaced") as caught:
                await call
            assert caught.value.reason == "gone"


async def test_a_link_that_leads_elsewhere(path: Path) -> None:
    """Whoever opens it next would not find the note."""
    link = link_to_file(path)
    async with SqliteSnapshots(link) as snapshots:
        await note(snapshots)
        os.unlink(link)
        os.symlink(path.with_name("other.db"), link)
        with pytest.raises(SnapshotsError, match="removed or replaced"):
            await note(snapshots)
    async with SqliteSnapshots(link) as snapshots:
        assert await snapshots.claim(1) == []


async def test_a_lock_that_is_gone(path: Path) -> None:
    """Another could have it: nothing more is claimed. Notes are taken."""
    async with SqliteSnapshots(path) as snapshots:
        await snapshots.claim(1)
        path.with_name("accounts.db-lock").unlink()
        await note(snapshots)
        with pytest.raises(SnapshotsError):
            await snapshots.claim(1)
    async with SqliteSnapshots(path) as snapshots:
        assert len(await snapshots.claim(1)) == 1


async def test_a_file_that_is_gone_is_opened_anew(path: Path) -> None:
    """The same object, entered again, makes a new one."""
    snapshots = SqliteSnapshots(path)
    async with snapshots:
        remove_all(path)
    async with snapshots:
        await note(snapshots)
        assert len(await snapshots.claim(1)) == 1


async def test_another_program_in_the_file(path: Path) -> None:
    """It is no other feed, and not called one."""
    async with SqliteSnapshots(path) as snapshots:
        await snapshots._run(lambda: snapshots._rows("PRAGMA busy_timeout = 0"))
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(SnapshotsError, match="another program") as caught:
                await note(snapshots)
            assert (caught.value.reason, "feed" in str(caught.value)) == ("busy", False)
        await note(snapshots)


@pytest.mark.parametrize("odd", ["a\0b", Path("a\0b"), "\0", "a\ud800"])
def test_a_path_that_no_file_has(odd: str) -> None:
    """It is refused when the object is made."""
    with pytest.raises(InvalidRequest):
        SqliteSnapshots(odd)


CAUSES: dict[str, Callable[[Path], Path]] = {
    "there is no such folder": lambda tmp: tmp / "no" / "accounts.db",
    "no such folder": lambda tmp: tmp / "file" / "accounts.db",
    "too long": lambda tmp: tmp / ("x" * 300),
    "symbolic links": lambda tmp: tmp / "loop",
}


@pytest.mark.parametrize(("cause", "place"), CAUSES.items(), ids=CAUSES)
async def test_the_cause_is_named(cause: str, place: Callable[[Path], Path], tmp_path: Path) -> None:
    """Without the path."""
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    error = await refusal(place(tmp_path))
    assert error.reason == "failed"
    assert cause in str(error)
    assert str(tmp_path) not in str(error)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter, unlike pytest's."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


NOBODY = """
import asyncio, os, resource, sys
from imin_accounts import SnapshotsError
from imin_accounts.feed import SqliteSnapshots
async def main():
    try:
        async with SqliteSnapshots(sys.argv[1]) as snapshots:
            await snapshots.note(["x" * 100] * 5, urgent=True, baseline=False)
    except SnapshotsError as error:
        print(error.reason, error)
if os.geteuid() == 0:
    os.seteuid(65534)
if len(sys.argv) > 2:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
asyncio.run(main())
"""


def as_nobody(*arguments: object) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", NOBODY, *map(str, arguments)],
        env=_ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stderr == ""
    return ran.stdout


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="needs modes")
@pytest.mark.parametrize("mode", [0o555, 0o500, 0o755], ids=oct)
@pytest.mark.parametrize("is_there", [False, True])
def test_a_read_only_folder(mode: int, is_there: bool, open_folder: Path) -> None:
    """Whether a file is to be made in it, or only those beside it."""
    folder = open_folder / "folder"
    folder.mkdir()
    if is_there:
        (folder / "accounts.db").touch()
        (folder / "accounts.db").chmod(0o666)
    folder.chmod(mode if os.geteuid() == 0 else mode & 0o555)
    said = as_nobody(folder / "accounts.db")
    folder.chmod(0o755)
    assert said == (
        "failed the snapshots can't be read or written: the file or its folder may not be written here\n"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits")
def test_no_room_for_the_file(open_folder: Path) -> None:
    """It is said as such."""
    open_folder.chmod(0o777)
    assert as_nobody(open_folder / "accounts.db", 30_000) == (
        "full the snapshots can't be written: there is no room\n"
    )
