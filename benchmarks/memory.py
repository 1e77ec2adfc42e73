"""Memory: what do the replies of many customers of the same sellers take, kept as models?"""

import gc
import json
import tracemalloc
from collections.abc import Callable, Iterable
from typing import Any

import orjson

from benchmarks._measure import Gate, Row, Table
from benchmarks._payloads import customers
from benchmarks._peers import PEERS
from imin_accounts import from_jsonld

QUESTION = """
How much memory do the replies of 1,000 customers of the same 20 sellers take while all are kept? Bytes as
`tracemalloc` counts them, the documents' own bytes left out; what a reader remembers for itself counts.
""".strip()
CASES = ["1000 customers"]
QUICK = ["200 customers"]


def run(case: str, quick: bool) -> Table:
    """One case of the benchmark."""
    documents = [*customers(int(case.split()[0]), sellers=20)]
    readers: dict[str, Callable[[bytes], Any]] = {
        "orjson.loads": orjson.loads,
        "imin_accounts": from_jsonld,
        "json.loads": json.loads,
        **{name: make() for name, make in PEERS.items()},
    }
    taken = {name: _kept(read, documents) for name, read in readers.items()}
    floor = taken["orjson.loads"]
    rows = [
        Row(name, {"x orjson.loads": size / floor, "KiB a reply": size / len(documents) / 1024})
        for name, size in taken.items()
    ]
    gate = Gate("of orjson's dicts", taken["imin_accounts"] / floor, limit=0.6, target=0.6)
    return Table(f"memory: {case}, 20 sellers", rows, [gate])


def _kept(read: Callable[[bytes], Any], documents: Iterable[bytes]) -> int:
    """Bytes that the results take. Code is compiled before, so that it doesn't count."""
    read(b'{"@type": "imin:Collection", "imin:item": []}')
    for document in customers(2, sellers=1):
        read(document)
    gc.collect()
    tracemalloc.start()
    kept = [read(document) for document in documents]
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept
    return size
