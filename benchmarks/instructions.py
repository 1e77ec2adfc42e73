"""Instructions: what a reply and a call cost, however busy the machine is."""

import asyncio
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from benchmarks._caller import call
from benchmarks._clients import BARE, HAND_WRITTEN, OURS, SECOND, Get, clients, left_out
from benchmarks._measure import Gate, Row, Table
from benchmarks._server import serving

QUESTION = """
How many instructions does reading a reply take, as a multiple of `orjson.loads`, and a call over a
connection, 64 at once, as a multiple of a bare `aiohttp` request and `orjson.loads`? As valgrind counts
them, which has to be there; neither neighbours nor caches matter to that, and what the kernel does is not in
it. `functions`: how many functions a call calls, which needs no valgrind.
""".strip()
CASES = [
    "10 items, documented",
    "100 items, full",
    "call, 1 account",
    "call, 5 accounts",
    "functions, 1 account",
]
QUICK = ["functions, 1 account"]
ROOT = Path(__file__).parent.parent
AT = 64
CALLS = 640
COMPARED = (BARE, OURS, SECOND, HAND_WRITTEN)
LIMITS = {"call, 1 account": (1.54, 1.25), "call, 5 accounts": (2.2, 1.45)}

_READING = """
import sys
import orjson
from benchmarks._payloads import replies
from imin_accounts import from_jsonld

name, items, mix, rounds = sys.argv[1:]
documents = [*replies(int(items), mix, documents=400 // int(items))]
for document in documents * 2:
    from_jsonld(document)
read = {"orjson.loads": orjson.loads, "imin_accounts": from_jsonld}[name]
for _ in range(int(rounds)):
    for document in documents:
        read(document)
"""

_CALLING = """
import asyncio
import sys
from benchmarks._clients import clients
from benchmarks._caller import call

name, base_url, calls, at, rounds = sys.argv[1:]

async def main():
    async with clients()[name](base_url, int(at)) as get:
        for _ in range(int(rounds)):
            await call(get, int(calls), int(at))

asyncio.run(main())
"""


def run(case: str, quick: bool) -> Table:
    """One case of the benchmark; without valgrind most have no rows."""
    what, _, of = case.partition(", ")
    if what == "functions":
        return _functions(case, int(of.split()[0]))
    if shutil.which("valgrind") is None:
        return Table(f"instructions: {case} (no valgrind here)", [])
    return _calling(case, int(of.split()[0])) if what == "call" else _reading(case)


def _reading(case: str) -> Table:
    items, mix = case.split(" items, ")
    counts = {name: _count(_READING, name, items, mix) for name in ("orjson.loads", "imin_accounts")}
    floor = counts["orjson.loads"]
    rows = [
        Row(name, {"x orjson.loads": count / floor, "thousands a reply": count / 1e3 / (400 // int(items))})
        for name, count in counts.items()
    ]
    gate = Gate("of orjson.loads", counts["imin_accounts"] / floor, limit=2.5, target=2.5)
    return Table(f"instructions: {case}", rows, [gate])


def _calling(case: str, items: int) -> Table:
    with serving(items) as base_url:
        counts = {
            name: _count(_CALLING, name, base_url, str(CALLS), str(AT)) / CALLS
            for name in clients()
            if name in COMPARED
        }
    rows = [
        Row(name, {"x bare": each / counts[BARE], "thousands a call": each / 1e3})
        for name, each in counts.items()
    ]
    limit, target = LIMITS[case]
    gate = Gate("of a bare request", counts[OURS] / counts[BARE], limit=limit, target=target)
    return Table(f"instructions: {case}, {AT} at once{left_out()}", rows, [gate])


def _count(program: str, *arguments: str) -> float:
    """Instructions of one round, without those of the start: four rounds less one."""
    one, four = (_instructions(program, *arguments, rounds) for rounds in ("1", "4"))
    return (four - one) / 3


def _instructions(program: str, *arguments: str) -> int:
    command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    command += [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    (found,) = re.findall(r"I +refs: +([0-9,]+)", done.stderr)
    return int(found.replace(",", ""))


def _functions(case: str, items: int) -> Table:
    with serving(items) as base_url:
        counted = {
            name: asyncio.run(_called(client, base_url))
            for name, client in clients().items()
            if name in COMPARED
        }
    rows = [
        Row(name, {"of Python's": each["call"], "of C's": each["c_call"], "in all": sum(each.values())})
        for name, each in counted.items()
    ]
    over = sum(counted[OURS].values()) / sum(counted[BARE].values())
    return Table(f"instructions: {case}{left_out()}", rows, [Gate("of a bare request's", over, 1.6, 1.25)])


async def _called(client: Callable[[str, int], Any], base_url: str) -> dict[str, float]:
    """How many functions a call calls, each time that a coroutine goes on counted as well."""
    counts = Counter[str]()

    def note(frame: FrameType, event: str, argument: object) -> None:
        counts[event] += 1

    async with client(base_url, AT) as opened:
        get: Get = opened
        await call(get, CALLS, AT)
        sys.setprofile(note)
        try:
            await call(get, CALLS, AT)
        finally:
            sys.setprofile(None)
    return {event: counts[event] / CALLS for event in ("call", "c_call")}
