"""Files that take another one's place, whole or not at all."""

from pathlib import Path

import pytest

from imin_accounts.cli._files import CannotWrite, replacing


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
