"""The report in its place: the page, and the whole of its long tables in a folder beside it."""

import csv
import os
import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from imin_accounts.cli._audit.files import write_report
from imin_accounts.cli._audit.findings import Audit
from imin_accounts.cli._audit.page import FIRST_ROWS
from imin_accounts.cli._files import CannotWrite
from tests.cli.audit.report_page import HOSTILE, audit_of
from tests.cli.people import NOW

SHORT, LONG = audit_of(count=FIRST_ROWS), audit_of(count=FIRST_ROWS + 1)


def linked(page: Path) -> list[Path]:
    """The files that a page leads to."""
    return [page.parent / link for link in re.findall(r'href="([^#"][^"]*)"', page.read_text())]


def test_a_short_report_is_one_file(tmp_path: Path) -> None:
    """No folder beside it."""
    write_report(tmp_path / "audit.html", SHORT)
    assert [each.name for each in tmp_path.iterdir()] == ["audit.html"]


def test_a_long_table_is_whole_in_a_file(tmp_path: Path) -> None:
    """A CSV for each, named as in JSON, for its owner only; the page leads there."""
    page = tmp_path / "audit.html"
    write_report(page, LONG)
    files = linked(page)
    assert {*files} == {*(tmp_path / "audit_files").iterdir()}
    names = ["expiring", "outstanding", "unrecognised", "update_errors"]
    assert sorted(file.name.partition("-")[0] for file in files) == names
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    with files[0].open(encoding="utf-8", newline="") as file:
        rows = [*csv.DictReader(file)]
    assert len(rows) == FIRST_ROWS + 1
    assert rows[0].keys() == LONG.as_json()["expiring"][0].keys()
    assert rows[0]["when"] == LONG.as_json()["expiring"][0]["when"]


def test_what_a_seller_says_is_no_formula(tmp_path: Path) -> None:
    """As in an export: a spreadsheet runs nothing of it."""
    page = tmp_path / "audit.html"
    write_report(page, audit_of(name="=1+1", count=FIRST_ROWS + 1))
    assert all(b",=1+1" not in file.read_bytes() for file in linked(page))
    write_report(page, audit_of(name=HOSTILE, count=FIRST_ROWS + 1))
    assert all(HOSTILE.encode() in file.read_bytes().replace(b'""', b'"') for file in linked(page))


def test_files_of_an_earlier_page_go(tmp_path: Path) -> None:
    """Once the new page stands there; what is somebody else's stays, and so does what is read."""
    page, folder = tmp_path / "audit.html", tmp_path / "audit_files"
    write_report(page, LONG)
    (folder / "mine.csv").touch()
    source = linked(page)[0]
    write_report(page, LONG, sources=(source, None))
    assert {*folder.iterdir()} == {*linked(page), source, folder / "mine.csv"}
    write_report(page, SHORT)
    assert [*folder.iterdir()] == [folder / "mine.csv"]


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs links")
def test_a_page_that_can_not_be_written_leaves_everything(tmp_path: Path) -> None:
    """The page that stood there, its files, and no others."""
    page, folder = tmp_path / "audit.html", tmp_path / "audit_files"
    write_report(page, LONG)
    before = {each: each.read_bytes() for each in (page, *folder.iterdir())}
    page.rename(tmp_path / "kept")
    page.mkdir()
    with pytest.raises(CannotWrite):
        write_report(page, LONG)
    assert {*folder.iterdir()} == {each for each in before if each != page}


class Meddling(Audit):
    """An audit while which somebody else writes the page."""

    page = Path()

    @property
    def weeks(self) -> list[tuple[date, int]]:
        self.page.write_text("theirs")
        return super().weeks


def test_a_page_that_somebody_wrote_meanwhile_stays(tmp_path: Path) -> None:
    """And no file of ours is left beside it."""
    meddling = Meddling(now=NOW, within=timedelta(days=30))
    meddling.page, meddling.expiring = tmp_path / "audit.html", LONG.expiring
    with pytest.raises(CannotWrite, match="meanwhile"):
        write_report(meddling.page, meddling)
    assert [each.name for each in tmp_path.iterdir()] == ["audit.html"]
    assert meddling.page.read_text() == "theirs"


@pytest.mark.parametrize("make", [Path.touch, lambda folder: folder.symlink_to(folder.parent)])
def test_a_folder_that_is_none_of_ours_is_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """A file, or a link: nothing is written through it, and no page."""
    make(tmp_path / "audit_files")
    with pytest.raises(CannotWrite):
        write_report(tmp_path / "audit.html", LONG)
    assert [each.name for each in tmp_path.iterdir()] == ["audit_files"]


def test_a_name_with_odd_characters(tmp_path: Path) -> None:
    """The link is percent-encoded."""
    page = tmp_path / "an audit 100%#1.html"
    write_report(page, LONG)
    assert 'href="an%20audit%20100%25%231_files/' in page.read_text()
