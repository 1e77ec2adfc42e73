"""Exports that are killed, interrupted or short of room: nothing lost, nothing twice.

With ``CI_LONG=1`` at full size, with the figures printed.
"""

import resource
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from imin_accounts.cli._export.sinks import read_customers
from tests.cli.emulator_process import EmulatorProcess, emulator_process
from tests.cli.processes import run_to_end, start, write_ids
from tests.length import LONG

CONCURRENCY = 64
CUSTOMERS = 100_000 if LONG else 400
FEW = 400
KILLS = 25 if LONG else 3


@pytest.fixture(scope="module")
def imin() -> Iterator[EmulatorProcess]:
    """An emulated imin with all the customers, in another process."""
    with emulator_process(customers=CUSTOMERS) as there:
        yield there


@pytest.fixture
def ids(request: pytest.FixtureRequest, imin: EmulatorProcess, tmp_path: Path) -> Path:
    """Customers' identifiers, 400 unless a test says how many; nobody was read yet."""
    imin.reads()
    return write_ids(tmp_path / "ids.txt", getattr(request, "param", FEW))


def exported(file: Path) -> Counter[str]:
    """How often each customer stands in an export."""
    return Counter(str(rows[0]["customer"]) for rows in read_customers(file))


def everybody(ids: Path) -> Counter[str]:
    """Each customer once."""
    return Counter(ids.read_text().split())


@pytest.mark.parametrize("ids", [CUSTOMERS], indirect=True, ids=[f"{CUSTOMERS} customers"])
@pytest.mark.parametrize(
    ("name", "kills"),
    [
        pytest.param("out.jsonl", KILLS, id="jsonl"),
        pytest.param("out.csv", KILLS // 3, id="csv"),
        pytest.param("out.sqlite", KILLS // 3, id="sqlite"),
    ],
)
def test_killed_at_random_it_loses_nobody(
    name: str, kills: int, imin: EmulatorProcess, ids: Path, tmp_path: Path
) -> None:
    """After each SIGKILL, going on reads at most ``concurrency`` customers again; all stand there once."""
    out, dice, read, redone = tmp_path / name, Random(name), set[str](), list[int]()
    share = CUSTOMERS // (kills + 1)
    for _ in range(kills):
        at = dice.randrange(1, share)
        imin.hold(after=share)
        process = start(imin.base_url, "export", ids, "-o", out, "--resume")
        assert imin.signal_at(at, process, signal.SIGKILL).code == -9
        redone.append(_redone(imin, read))
    assert run_to_end(imin.base_url, "export", ids, "-o", out, "--resume").code == 0
    redone.append(_redone(imin, read))
    print(f"{name}: {CUSTOMERS:,} customers, {kills} kills, read again after each: {redone[1:]}")
    assert exported(out) == everybody(ids)
    assert max(redone) <= CONCURRENCY


@pytest.mark.parametrize("name", ["out.jsonl", "out.sqlite"])
def test_a_full_disk_leaves_a_file_to_go_on_with(
    name: str, imin: EmulatorProcess, ids: Path, tmp_path: Path
) -> None:
    """No room: exit code 3, a line that says so, no customer in part; with room again it goes on."""
    out = tmp_path / name
    ended = run_to_end(imin.base_url, "export", ids, "-o", out, preexec=_little_room)
    assert ended.code == 3
    assert f"Error: can't write {out}: " in ended.err
    assert f"{out} is whole up to here: repeat the command with --resume to go on." in ended.err
    assert 0 < len(exported(out)) < FEW
    assert run_to_end(imin.base_url, "export", ids, "-o", out, "--resume").code == 0
    assert exported(out) == everybody(ids)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_an_interrupt_finishes_what_is_under_way(
    signum: signal.Signals, imin: EmulatorProcess, ids: Path, tmp_path: Path
) -> None:
    """Exit code 3, how to go on is told, and nobody whom imin was asked about is missing."""
    out = tmp_path / "out.jsonl"
    imin.hold(after=FEW // 2)
    process = start(imin.base_url, "export", ids, "-o", out)
    ended = imin.signal_at(FEW // 3, process, signum)
    assert ended.code == 3
    assert "Finishing what is under way" in ended.err
    assert "are left: repeat the command with --resume to go on." in ended.err
    assert exported(out) == imin.reads()


def _little_room() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))


def _redone(imin: EmulatorProcess, read: set[str]) -> int:
    """How many were read again, each once: a killed process's last request may arrive after its end."""
    reads = imin.reads()
    again = len(reads.keys() & read)
    read.update(reads)
    return again
