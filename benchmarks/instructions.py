"""Instructions: what a reply costs, however busy the machine is."""

import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks._measure import Gate, Row, Table

QUESTION = """
How many instructions does reading a reply take, as a multiple of `orjson.loads`? As valgrind counts them,
which has to be there; neither neighbours nor caches matter to that.
""".strip()
CASES = ["10 items, documented", "100 items, full"]
QUICK: list[str] = []
ROOT = Path(__file__).parent.parent

_PROGRAM = """
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


def run(case: str, quick: bool) -> Table:
    """One case of the benchmark; without valgrind it has no rows."""
    if shutil.which("valgrind") is None:
        return Table(f"instructions: {case} (no valgrind here)", [])
    items, mix = case.split(" items, ")
    counts = {name: _count(name, items, mix) for name in ("orjson.loads", "imin_accounts")}
    floor = counts["orjson.loads"]
    rows = [
        Row(name, {"x orjson.loads": count / floor, "thousands a reply": count / 1e3 / (400 // int(items))})
        for name, count in counts.items()
    ]
    gate = Gate("of orjson.loads", counts["imin_accounts"] / floor, limit=2.5, target=2.5)
    return Table(f"instructions: {case}", rows, [gate])


def _count(name: str, items: str, mix: str) -> float:
    """Instructions of one round, without those of the start: four rounds less one."""
    one, four = (_instructions(name, items, mix, rounds) for rounds in ("1", "4"))
    return (four - one) / 3


def _instructions(*arguments: str) -> int:
    command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    command += [sys.executable, "-c", _PROGRAM, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    (line,) = [line for line in done.stderr.splitlines() if "I refs" in line or "I   refs" in line]
    return int(line.rpartition(":")[2].replace(",", ""))
