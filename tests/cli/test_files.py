"""Files that are replaced as a whole or appended to: whose they are, who reads them, what stands there."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import click
import pytest

from imin_accounts.cli._export.sinks import read_customers
from imin_accounts.cli._files import AppendFile, CannotWrite, make_private, refuse_same, replacing
from imin_accounts.fake import FakeImin, add_rosie
from tests.cli.commands import environment
from tests.cli.processes import signal_when, start, terminate_when

root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root makes files of other users"
)
NOBODY = 65534


def content(folder: Path) -> dict[str, str]:
    """What stands in a folder, by name."""
    return {file.name: file.read_text() for file in folder.iterdir()}


def test_a_replacement_takes_the_place_at_the_end(tmp_path: Path) -> None:
    """Until the block ends the old content stands; after it the new one, and nothing beside it."""
    file = tmp_path / "report.html"
    file.write_text("old")
    with replacing(file) as new:
        new.write_text("new")
        assert file.read_text() == "old"
    assert content(tmp_path) == {"report.html": "new"}


def test_a_replacement_that_fails_leaves_the_old_content(tmp_path: Path) -> None:
    """Whatever the error, half of the new content goes, and the error comes out as it is."""
    file = tmp_path / "report.html"
    file.write_text("old")
    with pytest.raises(LookupError, match="half way"), replacing(file) as new:
        write_half(new)
    assert content(tmp_path) == {"report.html": "old"}


def write_half(file: Path) -> None:
    file.write_text("half")
    raise LookupError("half way")


def test_a_replacement_takes_nobody_elses_name(tmp_path: Path) -> None:
    """Neighbours that are called like one, or lie where one could be, stay as they are."""
    for name in ("rows.new.csv", "rows.csv.new", "rows.csv.tmp"):
        (tmp_path / name).write_text("mine")
    before = content(tmp_path)
    with replacing(tmp_path / "rows.csv") as new:
        new.write_text("new")
    assert content(tmp_path) == {**before, "rows.csv": "new"}


def test_the_second_of_two_at_once_is_told(tmp_path: Path) -> None:
    """Whoever says "written" has written what stands there."""
    file = tmp_path / "rows.csv"

    def replace_while_another_does() -> None:
        with replacing(file) as first:
            first.write_text("first")
            with replacing(file) as second:
                second.write_text("second")

    with pytest.raises(CannotWrite, match="another process wrote it meanwhile"):
        replace_while_another_does()
    assert content(tmp_path) == {"rows.csv": "second"}


def test_what_is_changed_meanwhile_is_not_lost(tmp_path: Path) -> None:
    """Somebody edits the file while its successor is made: their text stays."""
    file = tmp_path / "state.json"
    file.write_text("old")

    def replace_while_it_is_edited() -> None:
        with replacing(file) as new:
            new.write_text("new")
            file.write_text("edited")

    with pytest.raises(CannotWrite, match="another process wrote it meanwhile"):
        replace_while_it_is_edited()
    assert content(tmp_path) == {"state.json": "edited"}


def test_a_replacement_is_private_and_keeps_the_suffix(tmp_path: Path) -> None:
    """It may hold identifiers; and what writes it may go by the suffix."""
    with replacing(tmp_path / "rows.sqlite") as new:
        assert new.suffix == ".sqlite"
    assert stat.S_IMODE((tmp_path / "rows.sqlite").stat().st_mode) == 0o600


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    """By the name that was asked for, before anything is done."""
    file = tmp_path / "nowhere" / "rows.csv"
    with pytest.raises(CannotWrite) as caught, replacing(file):
        pytest.fail("the block should not be entered")
    assert str(caught.value.message) == f"can't write {file}: No such file or directory."


def replace_by_nothing_kept(file: Path) -> None:
    """Write a new ``file`` that takes whatever is written, and that no disk has."""
    with replacing(file) as new:
        new.unlink()
        new.symlink_to("/dev/null")


def test_what_the_disk_does_not_keep_takes_no_files_place(tmp_path: Path) -> None:
    """The disk has the new file before the old one goes; where that can't be, the old one stays."""
    file = tmp_path / "report.html"
    file.write_text("old", encoding="utf-8")
    with pytest.raises(CannotWrite, match="can't write"):
        replace_by_nothing_kept(file)
    assert (file.read_text(encoding="utf-8"), list(tmp_path.iterdir())) == ("old", [file])


def test_a_link_is_followed(tmp_path: Path) -> None:
    """What it points to is replaced; the link stays one."""
    (tmp_path / "real.html").write_text("old")
    (tmp_path / "link.html").symlink_to("real.html")
    with replacing(tmp_path / "link.html") as new:
        new.write_text("new")
    assert (tmp_path / "link.html").is_symlink()
    assert content(tmp_path) == {"real.html": "new", "link.html": "new"}


def test_a_pipe_is_left_alone(tmp_path: Path) -> None:
    """Whatever is no regular file, such as /dev/null, would be gone for everybody."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(CannotWrite, match="not a regular file"), replacing(pipe):
        pytest.fail("the block should not be entered")
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize(
    "name", ["n" * 251 + ".csv", "é" * 125 + ".csv", ".csv"], ids=["long", "wide", "bare"]
)
def test_any_name_that_the_disk_takes_will_do(name: str, tmp_path: Path) -> None:
    """The name used meanwhile is short, whatever the file is called."""
    with replacing(tmp_path / name) as new:
        new.write_text("new")
    assert content(tmp_path) == {name: "new"}


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP], ids=lambda signum: signum.name)
@pytest.mark.parametrize("suffix", [".csv", ".sqlite"])
def test_a_command_that_is_terminated_leaves_nothing_behind(
    suffix: str, signum: signal.Signals, tmp_path: Path
) -> None:
    """A file of customers under a made-up name is one that nobody will ever look for."""
    source = tmp_path / "source.jsonl"
    os.mkfifo(source)
    held_open = os.open(source, os.O_RDWR)  # so that the command waits for more
    process = start("http://127.0.0.1:1", "convert", source, tmp_path / f"target{suffix}")
    ended = terminate_when(process, lambda: len(list(tmp_path.iterdir())) > 1, signum)
    os.close(held_open)
    assert (ended.code, ended.err) == (128 + signum, "")
    assert [file.name for file in tmp_path.iterdir()] == ["source.jsonl"]


class ReplacedMeanwhile(AppendFile):
    """A file that another process replaces after it was opened and before it is locked, so many times."""

    times = 1

    def _opened(self) -> int:
        fd = super()._opened()
        if self.times:
            self.times -= 1
            self.path.unlink()
            self.path.write_text("")
        return fd


def test_what_is_locked_is_what_stands_there(tmp_path: Path) -> None:
    """What is appended to a file that is gone from its folder would be lost without a word."""
    path = tmp_path / "out.jsonl"
    with closing(ReplacedMeanwhile(path)) as file:
        file.append(b"row")
        file.sync()
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"row", 0o600)


def test_a_file_that_is_always_replaced_is_given_up(tmp_path: Path) -> None:
    """Instead of trying for ever."""

    class Always(ReplacedMeanwhile):
        times = 10**6

    with pytest.raises(CannotWrite, match="replaced again and again"):
        Always(tmp_path / "out.jsonl")


def remove(path: Path) -> None:
    path.unlink()


def replace(path: Path) -> None:
    path.with_name("other").write_text("other")
    path.with_name("other").rename(path)


def move(path: Path) -> None:
    path.rename(path.with_name("moved"))


@pytest.mark.parametrize("do", [remove, replace, move], ids=lambda do: do.__name__)
def test_a_file_that_is_gone_at_the_end_is_told(do: Callable[[Path], None], tmp_path: Path) -> None:
    """Nobody would find under that name what was written."""
    path = tmp_path / "out.jsonl"
    with closing(AppendFile(path)) as file:
        file.append(b"row")
        do(path)
        with pytest.raises(CannotWrite, match="it was moved, removed or replaced meanwhile"):
            file.sync()


def test_another_process_may_have_begun_to_write_it(tmp_path: Path) -> None:
    """What was new when it was looked at is not when it is locked."""
    path = tmp_path / "out.jsonl"
    path.write_text("row")
    with pytest.raises(CannotWrite, match="another process has begun to write it"):
        AppendFile(path, fresh=True)
    assert path.read_text() == "row"


def appended(path: Path) -> None:
    with closing(AppendFile(path)) as file:
        file.append(b"new")


def replaced(path: Path) -> None:
    with replacing(path) as new:
        new.write_text("new")


either = pytest.mark.parametrize("write", [appended, replaced], ids=lambda write: write.__name__)


@either
def test_a_file_that_others_could_read_they_can_not_any_more(
    write: Callable[[Path], None], tmp_path: Path
) -> None:
    """It is about to hold identifiers."""
    path = tmp_path / "out.jsonl"
    path.touch(0o644)
    path.chmod(0o666)
    write(path)
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("new", 0o600)


@either
def test_a_link_of_ones_own_is_followed(write: Callable[[Path], None], tmp_path: Path) -> None:
    """Also one to what is not there yet: somebody wants the file elsewhere."""
    (tmp_path / "link.jsonl").symlink_to("next.jsonl")
    (tmp_path / "next.jsonl").symlink_to("real.jsonl")
    write(tmp_path / "link.jsonl")
    assert [path.is_symlink() for path in sorted(tmp_path.iterdir())] == [True, True, False]
    assert stat.S_IMODE((tmp_path / "real.jsonl").stat().st_mode) == 0o600


@root
@either
def test_a_link_of_another_users_is_not_followed(write: Callable[[Path], None], tmp_path: Path) -> None:
    """In a folder for everybody it is a trap: it may lead to any file of ours."""
    (tmp_path / "ours").write_text("ours")
    link = tmp_path / "link.jsonl"
    link.symlink_to("ours")
    os.lchown(link, NOBODY, NOBODY)
    with pytest.raises(CannotWrite, match="it is a link that another user made"):
        write(link)
    assert content(tmp_path) == {"ours": "ours", "link.jsonl": "ours"}


@root
def test_a_file_of_another_users_is_refused(tmp_path: Path) -> None:
    """Its owner can read it, whatever its mode."""
    path = tmp_path / "out.jsonl"
    path.touch(0o600)
    os.chown(path, NOBODY, NOBODY)
    with pytest.raises(CannotWrite, match="it belongs to another user"):
        appended(path)
    assert path.read_text() == ""


@either
def test_links_in_a_circle_are_told(write: Callable[[Path], None], tmp_path: Path) -> None:
    """As the system tells it."""
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(CannotWrite, match="Too many levels of symbolic links"):
        write(tmp_path / "a")


@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_only_a_regular_file_is_appended_to(kind: str, tmp_path: Path) -> None:
    """To open a pipe may wait for ever, and a device may do anything."""
    path = tmp_path / kind
    os.mkfifo(path) if kind == "pipe" else path.mkdir()
    with pytest.raises(CannotWrite, match="it is not a regular file"):
        appended(path)


def test_a_file_beside_a_database_must_not_be_a_link(tmp_path: Path) -> None:
    """SQLite would write identifiers to wherever it leads."""
    (tmp_path / "out.sqlite-wal").symlink_to("elsewhere")
    with pytest.raises(CannotWrite, match="it is a link"):
        make_private(tmp_path / "out.sqlite-wal")


@pytest.mark.parametrize(
    "name", ["same.jsonl", "./same.jsonl", "folder/../same.jsonl", "link.jsonl", "hard.jsonl"]
)
def test_what_is_read_is_not_written_over(name: str, tmp_path: Path) -> None:
    """By whatever name it goes."""
    source = tmp_path / "same.jsonl"
    source.write_text("rows")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.jsonl").symlink_to("same.jsonl")
    os.link(source, tmp_path / "hard.jsonl")
    with pytest.raises(click.UsageError, match="would be written over what is read"):
        refuse_same(Path(f"{tmp_path}/{name}"), "--report", None, source)


@pytest.mark.parametrize(
    ("target", "other"),
    [
        ("new.txt", "new.txt"),
        ("./new.txt", "new.txt"),
        ("folder/../new.txt", "new.txt"),
        ("folder/new.txt", "same/new.txt"),
        ("link.txt", "new.txt"),
        ("new.db-wal", "new.db"),
        ("new.db", "new.db-journal"),
        ("link.txt-shm", "link.txt"),
        ("new.txt-lock", "link.txt"),
    ],
)
def test_what_is_not_there_yet_is_not_written_over_either(target: str, other: str, tmp_path: Path) -> None:
    """Two outputs are two files, by whatever name they go; and none is what SQLite keeps beside another."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "same").symlink_to("folder")
    (tmp_path / "link.txt").symlink_to("new.txt")
    with pytest.raises(click.UsageError, match="would be written over what is read or written as well"):
        refuse_same(Path(f"{tmp_path}/{target}"), "--failed", tmp_path / other)
    refuse_same(tmp_path / "another.txt", "--failed", tmp_path / other, None)


AS_ON_WINDOWS = """
import os, sys
sys.modules["fcntl"] = None
for name in ("O_DIRECTORY", "O_NOFOLLOW", "fchmod", "geteuid"):
    delattr(os, name)
from imin_accounts.cli import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv", "out.sqlite"])
def test_less_will_do_where_the_system_has_less(
    name: str, tmp_path: Path, imin_server: str, fake_imin: FakeImin
) -> None:
    """Without locks, owners, links and folders that can be opened, files are written all the same."""
    add_rosie(fake_imin)
    ids, out, report = tmp_path / "ids.txt", tmp_path / name, tmp_path / "audit.html"
    ids.write_text("rosie\nnobody\n")
    env = {**os.environ, **environment(imin_server)}
    for arguments, code in (
        (("export", ids, "-o", out), 3),
        (("export", ids, "-o", out, "--resume", "--retry-failed"), 3),
        (("audit", out, "--report", report), 3),
        (("convert", out, tmp_path / "new.jsonl"), 0),
    ):
        command = [sys.executable, "-c", AS_ON_WINDOWS, *map(str, arguments)]
        ran = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        assert (ran.returncode, "Traceback" in ran.stderr) == (code, False), ran.stderr
    assert [len(rows) for rows in read_customers(tmp_path / "new.jsonl")] in ([3, 1], [1, 3])


# --- What a killed process leaves ---------------------------------------------------------------------


def test_what_a_killed_process_left_goes_with_the_next_file(tmp_path: Path) -> None:
    """Its folder may hold half a file of customers, under a name that nobody will ever look for."""
    source = tmp_path / "source.jsonl"
    os.mkfifo(source)
    held_open = os.open(source, os.O_RDWR)  # so that the command waits for more
    process = start("http://127.0.0.1:1", "convert", source, tmp_path / "target.csv")
    ended = signal_when(process, lambda: len(list(tmp_path.iterdir())) > 1, signal.SIGKILL)
    os.close(held_open)
    left = {file.name for file in tmp_path.iterdir()} - {source.name}
    assert (ended.code, len(left)) == (-signal.SIGKILL, 1)
    with replacing(tmp_path / "other.csv") as new:
        new.write_text("new")
    assert {file.name for file in tmp_path.iterdir()} == {source.name, "other.csv"}


def test_what_another_process_is_writing_stays(tmp_path: Path) -> None:
    """A folder in use is locked; one of another name is nobody's business here."""
    (tmp_path / "imin-mine.new").mkdir()
    with replacing(tmp_path / "a.csv") as first:
        first.write_text("first")
        with replacing(tmp_path / "b.csv") as second:
            second.write_text("second")
    assert {file.name for file in tmp_path.iterdir()} == {"a.csv", "b.csv", "imin-mine.new"}
    assert (tmp_path / "a.csv").read_text() == "first"
