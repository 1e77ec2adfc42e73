"""Bytes to models: how much more than parsing the JSON does a checked model cost?"""

import json
import statistics
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import orjson

from benchmarks._measure import Gate, Row, Table, margin, ratios, take_turns
from benchmarks._payloads import Mix, replies
from benchmarks._peers import PEERS, Decode
from imin_accounts import from_jsonld
from imin_accounts._wire.converter import MAX_SHARED

QUESTION = """
How long does a reply take from bytes to models, as a multiple of `orjson.loads`? `documented` and `full` say
which members are there (`_payloads.py`). A broker's process knows its sellers, so these 400 have been met
before; with `new sellers` none has, as at the start. `odd`: one account with one thing odd about it, against
the same account in the API's own form.
""".strip()
MIXES: list[Mix] = ["documented", "full"]
CASES = [f"{items} items, {mix}" for mix in MIXES for items in (1, 10, 100, 1000)]
CASES += [f"10 items, {mix}, new sellers" for mix in MIXES] + ["odd"]
QUICK = ["100 items, documented", "100 items, full", "odd"]
KNOWN = 400
NEW = MAX_SHARED + 100


def run(case: str, quick: bool) -> Table:
    """One case of the benchmark."""
    if case == "odd":
        return _odd(quick)
    items, mix, *new = case.replace(" items", "").split(", ")
    count = -(-(NEW if new else KNOWN) // int(items))
    documents = [*replies(int(items), "full" if mix == "full" else "documented", documents=count)]
    return _compared(case, documents, 9 if quick else 25, gated=items in ("10", "100") and not new)


def _each(decode: Decode, documents: Iterable[bytes]) -> Callable[[], object]:
    """Decodes all of ``documents`` and keeps nothing."""
    return lambda: deque(map(decode, documents), maxlen=0)


def _compared(case: str, documents: list[bytes], rounds: int, gated: bool) -> Table:
    decoders: dict[str, Decode] = {
        "orjson.loads": orjson.loads,
        "imin_accounts": from_jsonld,
        "json.loads": json.loads,
    }
    decoders |= {name: make() for name, make in PEERS.items()}
    times = take_turns({name: _each(decode, documents) for name, decode in decoders.items()}, rounds)
    figures = ratios(times, "orjson.loads")
    per_document = 1e6 / len(documents)
    rows = [
        Row(
            name,
            {
                "x orjson.loads": ratio,
                "±": spread,
                "µs a reply": statistics.median(times[name]) * per_document,
            },
        )
        for name, (ratio, spread) in figures.items()
    ]
    ours, _ = figures["imin_accounts"]
    gates = [
        Gate("of orjson.loads", ours, limit=3.0, target=2.6),
        Gate("of pydantic with a union", ours / figures["pydantic, union"][0], limit=0.6, target=0.5),
    ]
    return Table(f"decode: {case}", rows, gates if gated else [])


def _odd(quick: bool) -> Table:
    (own,) = replies(1, "documented", documents=1)
    (connected,) = [orjson.loads(reply)["imin:item"][1] for reply in replies(2, "documented")]
    document: dict[str, Any] = {**orjson.loads(own), "imin:item": [connected]}
    request = connected["imin:evidenceRequests"][0]["evidenceRequest"]
    odd = {
        "an unknown member": connected | {"colour": "red"},
        "an unknown member of the seller": connected | {"seller": connected["seller"] | {"colour": "red"}},
        "another spelling of a key": connected
        | {"customer": connected["customer"] | {"id": "https://id.example.com/1"}},
        "a bad date in an evidence request": connected
        | {
            "imin:evidenceRequests": [
                {**connected["imin:evidenceRequests"][0], "evidenceRequest": request | {"expiry": "soon"}}
            ]
        },
        "an unreadable seller": connected | {"seller": connected["seller"] | {"@id": 5}},
    }
    documents = {"the API's own form": document} | {
        name: {**document, "imin:item": [item]} for name, item in odd.items()
    }
    turns = {name: _each(from_jsonld, [orjson.dumps(each)] * 1000) for name, each in documents.items()}
    figures = ratios(take_turns(turns, 10 if quick else 40), "the API's own form")
    rows = [Row(name, {"x own form": ratio, "±": spread}) for name, (ratio, spread) in figures.items()]
    worst = max(ratio for ratio, _ in figures.values())
    return Table(
        "decode: one odd account",
        rows,
        [Gate("of the own form, at worst", worst, limit=10 * margin(quick), target=10)],
    )
