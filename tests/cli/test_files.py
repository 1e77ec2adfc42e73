"""Files that are replaced as a whole, or not at all."""

import stat
from pathlib import Path

import pytest

from imin_accounts.cli._files import CannotWrite, replacing


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
