"""Files on a disk that is full, with ``CI_LONG``: they stay whole, and a run goes on once there is room."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imin_accounts.cli._export.sinks import read_customers
from imin_accounts.fake import FakeImin, add_crowd
from tests.cli.processes import run_to_end, write_ids
from tests.length import LONG

CUSTOMERS = 400

pytestmark = pytest.mark.skipif(not LONG, reason="mounts a file system: CI_LONG=1")


class Disk:
    """A file system of its own, with little room."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def mount(self, *options: str) -> bool:
        """Whether it could be mounted, or mounted differently."""
        command = ("mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", self.folder)
        return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """It has room for 32 kB."""
    there = Disk(tmp_path / "disk")
    there.folder.mkdir()
    if not there.mount("size=32k"):
        pytest.skip("may not mount a file system")
    yield there
    subprocess.run(["umount", there.folder], check=True)


@pytest.fixture
def ids(tmp_path: Path, fake_imin: FakeImin) -> Path:
    """The identifiers of all that the emulated imin knows."""
    add_crowd(fake_imin, sellers=3, customers=CUSTOMERS)
    return write_ids(tmp_path / "ids.txt", CUSTOMERS)


def rows(export: Path) -> list[dict[str, Any]]:
    """All rows but when they were read, in one order."""
    found = [{**row, "fetched_at": None} for customer in read_customers(export) for row in customer]
    return sorted(found, key=lambda row: (row["customer"], row["part"]))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        pytest.param("out.jsonl", "No space left on device", id="jsonl"),
        pytest.param("out.csv", "No space left on device", id="csv"),
        pytest.param("out.sqlite", "database or disk is full", id="sqlite"),
    ],
)
def test_an_export_goes_on_once_there_is_room(
    name: str, why: str, disk: Disk, ids: Path, tmp_path: Path, imin_server: str, fake_imin: FakeImin
) -> None:
    """Partly done, and the reason, again while it is full; then the rows are those of any export."""
    out, elsewhere = disk.folder / name, tmp_path / name
    for options in ((), ("--resume",)):
        ended = run_to_end(imin_server, "export", ids, "-o", out, *options)
        assert (ended.code, f"Error: can't write {out}: {why}." in ended.err) == (3, True)
        assert f"{out} is whole up to here: repeat the command with --resume to go on." in ended.err
    assert disk.mount("remount", "size=8m")
    before = len(fake_imin.requests)
    assert run_to_end(imin_server, "export", ids, "-o", out, "--resume").code == 0
    left = len(fake_imin.requests) - before  # to read
    print(f"{name}: the disk was full with {CUSTOMERS - left} of {CUSTOMERS} customers")
    assert run_to_end(imin_server, "export", ids, "-o", elsewhere).code == 0
    assert rows(out) == rows(elsewhere)


def test_a_disconnection_goes_on_once_there_is_room(
    disk: Disk, ids: Path, imin_server: str, fake_imin: FakeImin
) -> None:
    """Exit code 3 and the reason; some are connected still, until it goes on."""
    journal = disk.folder / "journal.jsonl"
    command = ("disconnect-all", "--ids", ids, "--journal", journal, "--yes")
    ended = run_to_end(imin_server, *command)
    assert ended.code == 3
    assert f"Error: can't write {journal}: No space left on device." in ended.err
    assert fake_imin.population.connections
    assert disk.mount("remount", "size=8m")
    assert run_to_end(imin_server, *command, "--resume").code == 0
    assert not fake_imin.population.connections
