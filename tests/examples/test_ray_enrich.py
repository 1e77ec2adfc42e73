"""``examples/ray_enrich.py`` on a real Ray, with ``CI_LONG``: whatever is killed, no customer is lost."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from imin_accounts.fake import add_crowd
from tests.canaries import KEY
from tests.cli.commands import environment
from tests.cli.emulator_process import CountingImin
from tests.cli.processes import run_to_end
from tests.paths import ROOT

CUSTOMERS = 300
BATCH = 20
PATIENCE = 240.0
"""Seconds that Ray may take for anything, on however busy a machine."""

pytestmark = [
    pytest.mark.timeout(3 * PATIENCE),
    pytest.mark.skipif(os.environ.get("CI_LONG") != "1", reason="takes two minutes: CI_LONG=1"),
    pytest.mark.skipif(find_spec("ray") is None, reason="not installed: ray (dependency group `ray`)"),
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the actors in /proc"),
]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for a job, with all customers in ``ids.csv``. Its name is short: Ray's sockets are there."""
    with TemporaryDirectory() as name:
        ids = "".join(f"customer-{n}\n" for n in range(1, CUSTOMERS + 1))
        Path(name, "ids.csv").write_text(f"customer\n{ids}")
        yield Path(name).resolve()


@pytest.fixture
def imin() -> CountingImin:
    """An emulated imin with three sellers, which knows all customers."""
    fake = CountingImin()
    add_crowd(fake, sellers=3, customers=CUSTOMERS)
    return fake


@asynccontextmanager
async def job(base_url: str, folder: Path, **variables: str) -> AsyncIterator["asyncio.subprocess.Process"]:
    """The example at work. Whatever Ray started for it has ended afterwards."""
    names = ("ids.csv", "out", "checkpoint")
    options = ("--rate", "100", "--actors", "2", "--batch-size", str(BATCH))
    command = ("-m", "examples.ray_enrich", *(str(folder / name) for name in names), *options)
    ray = {"RAY_TMPDIR": str(folder), "RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": str(ROOT)}
    with (folder / "log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *command),
            cwd=folder,
            env={**os.environ, **ray, **environment(base_url), **variables},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        async with asyncio.timeout(PATIENCE):
            yield process
    finally:
        while there := list(processes(folder)):  # more than once: whoever is ended may just have started one
            for pid in there:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(0.5)
        await process.wait()


def processes(folder: Path, name: str = "") -> Iterator[int]:
    """Ids of the job's processes whose command has ``name``: those that are in ``folder``."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == folder and name in (process / "cmdline").read_text():
                yield int(process.name)
        except OSError:  # ended meanwhile, or another's
            continue


def actors(folder: Path) -> set[int]:
    """The process ids of the job's actors."""
    return set(processes(folder, "SellerAccountsRows"))


async def until(due: Callable[[], object]) -> None:
    """Return once ``due``, which other processes decide."""
    while not due():
        await asyncio.sleep(0.05)


async def exported(base_url: str, folder: Path) -> Any:
    """What ``imin-accounts`` makes of the same customers, as a table."""
    ids, rows, table = (folder / name for name in ("ids.csv", "out.jsonl", "out.parquet"))
    for command in (("export", ids, "--column", "customer", "-o", rows), ("convert", rows, table)):
        assert (await asyncio.to_thread(run_to_end, base_url, *command)).code == 0
    return import_module("pyarrow.parquet").read_table(table)


def enriched(folder: Path) -> Any:
    """What the job has written, as a table."""
    return import_module("pyarrow.parquet").read_table(folder / "out")


def rows(table: Any) -> list[dict[str, Any]]:
    """All that does not depend on when it was read, in one order."""
    order = [("customer", "ascending"), ("part", "ascending")]
    found: list[dict[str, Any]] = table.drop_columns("fetched_at").sort_by(order).to_pylist()
    return found


def noted(folder: Path) -> list[set[str]]:
    """The customers in each file of Ray's checkpoint."""
    files = [file for file in (folder / "checkpoint").glob("*.parquet") if ".pending." not in file.name]
    parquet = import_module("pyarrow.parquet")
    return [set(parquet.read_table(file)["customer"].to_pylist()) for file in files]


async def test_a_killed_actor_loses_nothing(imin: CountingImin, folder: Path) -> None:
    """Another one takes its place; the rows are those of an export, each once, of the same types."""
    async with imin.serve() as base_url:
        async with job(base_url, folder) as process:
            await until(lambda: process.returncode is not None or imin.reads.total() > CUSTOMERS // 3)
            first = actors(folder)
            os.kill(min(first), signal.SIGKILL)
            await until(lambda: process.returncode is not None or actors(folder) - first)
            assert process.returncode is None, (folder / "log").read_text()
            assert await process.wait() == 0, (folder / "log").read_text()
        print(f"an actor of {len(first)} killed: {imin.reads.total()} reads of {CUSTOMERS} customers")
        expected = await exported(base_url, folder)
    assert enriched(folder).schema == expected.schema
    assert rows(enriched(folder)) == rows(expected)


async def test_a_killed_job_goes_on(imin: CountingImin, folder: Path) -> None:
    """Started again it asks for nobody in the checkpoint; at the end the rows are those of an export."""
    async with imin.serve() as base_url:
        async with job(base_url, folder) as process:
            await until(lambda: process.returncode is not None or noted(folder))
            assert process.returncode is None, (folder / "log").read_text()
            process.kill()
        done, before = set[str]().union(*noted(folder)), imin.reads.copy()
        imin.reads.clear()
        async with job(base_url, folder) as process:
            assert await process.wait() == 0, (folder / "log").read_text()
        again = len(imin.reads.keys() & before.keys())
        print(f"a job killed after {len(before)} of {CUSTOMERS} customers: {again} were read again")
        assert 0 < len(done) < CUSTOMERS
        assert done.isdisjoint(imin.reads)
        assert max(map(len, noted(folder))) < 2 * BATCH, "too much at once: a kill would cost as many reads"
        assert rows(enriched(folder)) == rows(await exported(base_url, folder))


async def test_a_refused_key_ends_the_job(imin: CountingImin, folder: Path) -> None:
    """It is not tried for every customer, and Ray's log does not tell it."""
    async with imin.serve() as base_url, job(base_url, folder, IMIN_API_KEY=KEY) as process:
        assert await process.wait() != 0
    log = (folder / "log").read_text()
    assert "AuthenticationError" in log
    assert KEY not in log
    assert imin.reads.total() < CUSTOMERS
