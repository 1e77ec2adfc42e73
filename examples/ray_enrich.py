"""Read the accounts of a Ray Dataset's customers: async actors, a session each, rows as ``export`` has them.

What bounds a big job is imin's rate limit, not the CPU, and ``imin-accounts export --shard k/n`` divides
one between machines without any engine. This is for those whose identifiers are in Ray already::

    python -m examples.ray_enrich customers.csv out/ checkpoint/ --rate 50 --actors 4

``customers.csv`` has a column ``customer``, and each of them once; the session's key comes from the
environment, so set it where the actors run (``runtime_env`` on a cluster). A run that broke off goes on where
it stopped if it is started again with the same arguments: Ray's checkpoint names the customers whose rows are
written, those of errors too, and files of others are removed then. A refused key ends the job.
"""

import argparse
import asyncio
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.csv
import ray
from ray.data.checkpoint import CheckpointConfig

from imin_accounts import AccountsSession
from imin_accounts.cli.rows import COLUMNS, rows_of

_KINDS = {"text": pa.string(), "int": pa.int64(), "bool": pa.bool_(), "time": pa.timestamp("us", tz="UTC")}
SCHEMA = pa.schema([(column.name, _KINDS[column.kind]) for column in COLUMNS])
"""That of ``imin-accounts convert out.jsonl out.parquet``; stated, since a batch may have no value at all."""
_TIMES = [column.name for column in COLUMNS if column.kind == "time"]


class SellerAccountsRows:
    """For ``Dataset.map_batches``: customers in, a row for each of their sellers out.

    Args:
        rate: This actor's requests per second. A limit for all is divided by their number; where that
            changes, hand ``AccountsSession`` a limiter that all of them ask (``redis_limiter.py``).
    """

    def __init__(self, rate: float) -> None:
        self._session = AccountsSession.from_env(rate_limit=rate)
        self._opening: asyncio.Task[AccountsSession] | None = None
        # A call's time counts its wait for its turn: two seconds' worth of requests wait at most.
        self._concurrency = max(1, min(64, int(2 * rate)))

    async def __call__(self, batch: pa.Table) -> pa.Table:
        """All rows of a batch's customers; an error in reading one is a row too."""
        if self._opening is None:  # in the actor's event loop, which is not there before; once, for good
            self._opening = asyncio.create_task(self._session.__aenter__())
        session = await self._opening
        customers = batch["customer"].to_pylist()
        async with session.get_many(customers, concurrency=self._concurrency) as outcomes:
            rows = [_typed(row) async for outcome in outcomes for row in rows_of(outcome, datetime.now(UTC))]
        return pa.Table.from_pylist(rows, schema=SCHEMA)


def _typed(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, **{name: datetime.fromisoformat(row[name]) for name in _TIMES if row[name]}}


def enrich(customers: str, out: str, checkpoint: str, *, rate: float, actors: int, batch_size: int) -> None:
    """Read ``customers`` and write their rows to ``out`` as Parquet files.

    Args:
        rate: Requests per second, of all actors together.
        batch_size: Customers per batch. When an actor or the job dies, those that were under way or not
            yet written are read again: some batches, so a small number.
    """
    ray.data.DataContext.get_current().checkpoint_config = CheckpointConfig(
        id_column="customer", checkpoint_path=checkpoint, delete_checkpoint_on_success=False
    )
    as_text = pyarrow.csv.ConvertOptions(column_types={"customer": pa.string()})  # "007" is no number
    dataset = ray.data.read_csv(customers, convert_options=as_text)
    # What is written and noted at once is a block: a batch, and at most as much of what was left of a file.
    dataset = dataset.repartition(target_num_rows_per_block=batch_size)
    dataset.map_batches(
        SellerAccountsRows,
        fn_constructor_kwargs={"rate": rate / actors},
        batch_size=batch_size,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=actors),
        num_cpus=0,  # they wait for the network; with more, two CPUs hung on resuming
        max_restarts=-1,  # an actor that dies is replaced, and its batches are read again
        max_task_retries=-1,
    ).write_parquet(out)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("customers", help="CSV files with a column `customer`")
    parser.add_argument("out", help="folder for Parquet files")
    parser.add_argument("checkpoint", help="folder that all machines share")
    parser.add_argument("--rate", type=float, default=50.0, help="requests per second, all together")
    parser.add_argument("--actors", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=20, help="customers")
    options = parser.parse_args()
    enrich(**vars(options))


if __name__ == "__main__":
    main()
