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
from imin_accounts import from_jsonld, to_jsonld
from imin_accounts._wire.sharing import MAX_SHARED

QUESTION = """
How long does a reply take from bytes to models, as a multiple of `orjson.loads`? `documented` and `full` say
which members are there (`_payloads.py`). A broker's process knows its sellers, so these 400 have been met
before; with `new sellers` none has, as at the start. `spellings`: 100 items in another form each, against the
API's own, and what writing and `drift()` take. `odd`: one account with one thing wrong, against the same
account without.
""".strip()
MIXES: list[Mix] = ["documented", "full"]
CASES = [f"{items} items, {mix}" for mix in MIXES for items in (1, 10, 100, 1000)]
CASES += [f"10 items, {mix}, new sellers" for mix in MIXES] + ["spellings", "odd"]
QUICK = ["100 items, documented", "100 items, full", "spellings", "odd"]
KNOWN = 400
NEW = MAX_SHARED + 100


def run(case: str, quick: bool) -> Table:
    """One case of the benchmark."""
    if case in ("spellings", "odd"):
        return {"spellings": _spellings, "odd": _odd}[case](quick)
    items, mix, *new = case.replace(" items", "").split(", ")
    count = -(-(NEW if new else KNOWN) // int(items))
    documents = [*replies(int(items), "full" if mix == "full" else "documented", documents=count)]
    gated = items in ("10", "100") and not new
    return _compared(case, documents, quick, gated=gated)


def _each(decode: Decode, documents: Iterable[bytes]) -> Callable[[], object]:
    """Decodes all of ``documents`` and keeps nothing."""
    return lambda: deque(map(decode, documents), maxlen=0)


def _compared(case: str, documents: list[bytes], quick: bool, gated: bool) -> Table:
    decoders: dict[str, Decode] = {
        "orjson.loads": orjson.loads,
        "imin_accounts": from_jsonld,
        "json.loads": json.loads,
    }
    decoders |= {name: make() for name, make in PEERS.items()}
    turns = {name: _each(decode, documents) for name, decode in decoders.items()}
    times = take_turns(turns, 9 if quick else 25)
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
    (ours, _), (union, _) = figures["imin_accounts"], figures["pydantic, union"]
    gates = [
        Gate("of orjson.loads", ours, limit=2.8 * margin(quick), target=2.5),
        Gate("of pydantic with a union", ours / union, limit=0.6 * margin(quick), target=0.5),
    ]
    return Table(f"decode: {case}", rows, gates if gated else [])


def _spellings(quick: bool) -> Table:
    (own,) = replies(100, "documented")
    document: dict[str, Any] = orjson.loads(own)
    others: dict[str, tuple[Any, float]] = {
        "an unknown member in each item and seller": (_with_members(document, colour="red"), 1.6),
        "a null in each item and seller": (_with_members(document, colour=None, sameAs=None), 1.6),
        "dates with .000Z": (_respelled(document, {}, ".000Z"), 2.0),
        "id and type": (_respelled(document, {"@id": "id", "@type": "type"}, "Z"), 2.0),
    }
    accounts = from_jsonld(own)
    turns: dict[str, Callable[[], object]] = {"the API's own form": _each(from_jsonld, [own] * 20)}
    for name, (other, _) in others.items():
        turns[name] = _each(from_jsonld, [orjson.dumps(other)] * 20)
    turns["to_jsonld"] = lambda: [to_jsonld(accounts) for _ in range(20)]
    turns["drift()"] = lambda: [accounts.drift() for _ in range(20)]
    figures = ratios(take_turns(turns, 9 if quick else 40), "the API's own form")
    targets = {name: target for name, (_, target) in others.items()} | {"to_jsonld": 2.0, "drift()": 3.0}
    gates = [
        Gate(name, figures[name][0], limit=target * 1.15 * margin(quick), target=target)
        for name, target in targets.items()
    ]
    rows = [Row(name, {"x own form": ratio, "±": spread}) for name, (ratio, spread) in figures.items()]
    return Table("decode: 100 items in another form", rows, gates)


def _with_members(document: dict[str, Any], **members: Any) -> dict[str, Any]:
    items = [item | members | {"seller": item["seller"] | members} for item in document["imin:item"]]
    return document | {"imin:item": items}


def _respelled(value: Any, keys: dict[str, str], end: str) -> Any:
    """``value`` with other keys, and with another end of its dates, which have 19 characters before it."""
    if isinstance(value, dict):
        return {keys.get(key, key): _respelled(each, keys, end) for key, each in value.items()}
    if isinstance(value, list):
        return [_respelled(each, keys, end) for each in value]
    is_date = isinstance(value, str) and value[4:11:3] == "--T"
    return value[:19] + end if is_date else value


def _odd(quick: bool) -> Table:
    (own,) = replies(1, "documented", documents=1)
    (connected,) = [orjson.loads(reply)["imin:item"][1] for reply in replies(2, "documented")]
    document: dict[str, Any] = {**orjson.loads(own), "imin:item": [connected]}
    request = connected["imin:evidenceRequests"][0]["evidenceRequest"]
    odd = {
        "a bad date": connected | {"dateLinked": "soon"},
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
        [Gate("of the own form, at worst", worst, limit=15 * margin(quick), target=10)],
    )
