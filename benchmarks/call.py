"""Calls: what does reading a customer's accounts cost a process, over a real connection?"""

import re
import statistics
from contextlib import ExitStack

from benchmarks._caller import calling
from benchmarks._clients import BARE, HAND_WRITTEN, OURS, SECOND, clients, left_out
from benchmarks._measure import Gate, Row, Table, margin, ratios
from benchmarks._server import serving

QUESTION = """
What does a call cost in CPU time, over kept-alive connections to a server on this machine, as a multiple of
a bare `aiohttp` request and `orjson.loads`? Ours has everything on: deadline, one send, identity check,
capped read, retry armed, models. `httpx` and `niquests` with pydantic are what a generated client does;
httpx's pool contends at high concurrency. The hand-written client is what one would write instead of ours
(`_handwritten.py`). Each client is a process of its own, held on one core, the server on another. Replies
are `documented` (`_payloads.py`); the page that documents them shows 1 account.
""".strip()
CASES = [
    f"{items}, {at} at once" for items in ("1 account", "5 accounts", "10 accounts") for at in (1, 64, 256)
]
QUICK = ["1 account, 64 at once", "5 accounts, 64 at once"]
GATES = {
    "1 account, 64 at once": {OURS: (1.52, 1.25), SECOND: (1.41, 0.8)},
    "5 accounts, 64 at once": {OURS: (1.9, 1.45), SECOND: (1.99, 1.05)},
}
"""For each gated case and client the limit and the target."""


def run(case: str, quick: bool) -> Table:
    """One case of the benchmark."""
    items, at = map(int, re.findall(r"\d+", case))
    calls, starts, rounds = (640, 4, 3) if quick else (1280, 7, 3)  # short rounds would measure their start
    names = [name for name in clients() if not quick or name in (BARE, OURS, SECOND, HAND_WRITTEN)]
    times: dict[str, list[float]] = {name: [] for name in names}
    with serving(items) as base_url:
        for _ in range(starts):  # one process of the same code may be a fifth faster than the next
            with ExitStack() as stack:
                turns = {name: stack.enter_context(calling(name, base_url, calls, at)) for name in names}
                for _ in range(rounds):
                    for name, turn in turns.items():
                        times[name].append(turn())
    figures = ratios(times, BARE)
    rows = [
        Row(name, {"x bare": ratio, "±": spread, "µs a call": statistics.median(times[name]) / calls * 1e6})
        for name, (ratio, spread) in figures.items()
    ]
    gates = [
        Gate(f"{name}, of a bare request:", figures[name][0], limit=limit * margin(quick), target=target)
        for name, (limit, target) in GATES.get(case, {}).items()
        if name in figures
    ]
    return Table(f"call: {case}{left_out()}", rows, gates)
