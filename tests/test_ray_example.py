"""``examples/ray_enrich.py`` on a real Ray, with ``CI_LONG``: whatever is killed, no customer is lost."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from imin_accounts.fake import FakeImin, add_crowd
from tests.cli import keyed

CUSTOMERS = 300
SELLERS = 3

pytestmark = [
    pytest.mark.skipif(os.environ.get("CI_LONG") != "1", reason="takes a minute: CI_LONG=1"),
    pytest.mark.skipif(find_spec("ray") is None, reason="needs ray[data]"),
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the actors in /proc"),
]


def actors(folder: Path) -> Iterator[int]:
    """The process ids of the job's actors: no other process has ``folder`` in its environment."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if b"SellerAccountsRows" not in (process / "cmdline").read_bytes():
                continue
            if os.fsencode(folder) in (process / "environ").read_bytes():
                yield int(process.name)
        except OSError:  # ended meanwhile, or another's
            continue


@asynccontextmanager
async def job(fake: FakeImin, folder: Path) -> AsyncIterator["asyncio.subprocess.Process"]:
    """The example at work on all customers. Its environment names ``folder``."""
    ids = folder / "ids.csv"
    ids.write_text("customer\n" + "".join(f"customer-{n}\n" for n in range(1, CUSTOMERS + 1)))
    arguments = ["-m", "examples.ray_enrich", ids, folder / "out", folder / "checkpoint", "--rate", "100"]
    async with fake.serve() as base_url:
        environment = {**os.environ, **keyed(base_url), "JOB": str(folder)}
        with (folder / "log").open("ab") as log:
            yield await asyncio.create_subprocess_exec(
                sys.executable, *map(str, arguments), env=environment, stdout=log, stderr=subprocess.STDOUT
            )


async def until(due: Callable[[], bool]) -> None:
    """Return once ``due``, which other processes decide."""
    while not due():
        await asyncio.sleep(0.05)


def rows_by_customer(folder: Path) -> Counter[str]:
    """How many rows each customer has in the files written."""
    table = import_module("pyarrow.parquet").read_table(folder / "out")
    return Counter(table["customer"].to_pylist())


def crowd() -> FakeImin:
    fake = FakeImin(seed=1)
    add_crowd(fake, sellers=SELLERS, customers=CUSTOMERS, seed=1)
    return fake


async def test_killed_actor_loses_nothing(tmp_path: Path) -> None:
    """Ray replaces it and its batches are read again: each customer has its rows, once."""
    fake = crowd()
    async with job(fake, tmp_path) as process:
        await until(lambda: process.returncode is not None or len(fake.requests) >= CUSTOMERS // 3)
        os.kill(next(actors(tmp_path)), signal.SIGKILL)
        assert await process.wait() == 0, (tmp_path / "log").read_text()
    assert rows_by_customer(tmp_path) == {f"customer-{n}": SELLERS for n in range(1, CUSTOMERS + 1)}
    print(
        f"an actor killed at {CUSTOMERS // 3} of {CUSTOMERS} customers: {len(fake.requests)} requests in all"
    )


async def test_killed_job_goes_on(tmp_path: Path) -> None:
    """Started again, it reads those whose rows were not written; nobody is missing."""
    fake = crowd()
    async with job(fake, tmp_path) as process:
        await until(lambda: process.returncode is not None or len(fake.requests) >= CUSTOMERS // 2)
        process.kill()
        await process.wait()
        await until(lambda: not any(actors(tmp_path)))  # they end by themselves once the job is gone
    before = len(fake.requests)
    async with job(fake, tmp_path) as process:
        assert await process.wait() == 0, (tmp_path / "log").read_text()
    assert rows_by_customer(tmp_path).keys() == {f"customer-{n}" for n in range(1, CUSTOMERS + 1)}
    print(
        f"a job killed after {before} requests: {len(fake.requests) - before} more for {CUSTOMERS} customers"
    )
