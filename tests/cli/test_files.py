"""Files that are replaced as a whole, or not at all."""

import os
import signal
import stat
from pathlib import Path

import pytest

from imin_accounts.cli._files import CannotWrite, replacing
from tests.cli.processes import signal_when, start


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
    """Two at once, and neighbours that are called like one, keep out of each other's way."""
    (tmp_path / "rows.new.csv").write_text("mine")
    with replacing(tmp_path / "rows.csv") as first, replacing(tmp_path / "rows.csv") as second:
        first.write_text("first")
        second.write_text("second")
    assert content(tmp_path) == {"rows.new.csv": "mine", "rows.csv": "first"}


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
    ended = signal_when(process, lambda: len(list(tmp_path.iterdir())) > 1, signum)
    os.close(held_open)
    assert (ended.code, ended.err) == (128 + signum, "")
    assert [file.name for file in tmp_path.iterdir()] == ["source.jsonl"]
