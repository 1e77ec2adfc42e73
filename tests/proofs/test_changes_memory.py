"""``imin-accounts changes OLD NEW`` takes the same memory however large the exports are.

200 customers and 4,000; with ``CI_LONG=1`` 20,000, 200,000 and a million. The figures are printed.
"""

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import orjson

from imin_accounts.cli.rows import NAMES, Row
from tests.cli.processes import COMMAND
from tests.length import LONG

SIZES = (20_000, 200_000, 1_000_000) if LONG else (200, 4_000)
ALLOWED = 64 * 1024
"""Kilobytes: three caches of 16 MB each that SQLite has filled, and what Python keeps."""


def rows(n: int, *, later: bool) -> Iterator[Row]:
    """A customer with three sellers. Of every fiftieth something changed, each thousandth can't be read."""
    own = {"customer": f"customer-{n}", "fetched_at": f"2026-03-0{4 + later}T12:00:00Z", "problems": 0}
    if later and n % 1000 == 0:
        error = {"error_type": "NotFound", "error_status": 404, "error_text": "imin answered 404"}
        yield dict.fromkeys(NAMES) | own | error | {"state": "error", "problems": None, "part": 1, "parts": 1}
        return
    for part in (1, 2, 3):
        seller = {"seller_id": f"https://sellers.example.com/{part}", "seller_name": f"Centre {part}"}
        place = {"part": part, "parts": 3}
        if (n + part) % 3:
            yield dict.fromkeys(NAMES) | own | seller | place | {"state": "unconnected"}
            continue
        is_done = later and n % 50 == 1
        proof = {"id": f"urn:{n}", "label": "Carer", "evidence": "completed" if is_done else "active"}
        held = {"id": f"urn:held:{n}", "label": "Over 65", "expires": "2027-03-04T12:00:00Z"}
        details = orjson.dumps({"entitlements": [held, proof]}).decode()
        facts = {"state": "connected", "date_linked": "2026-01-01T00:00:00Z", "access_pass": True}
        facts |= {"entitlements": 2, "evidence_requests": 1, "evidence_outstanding": int(not is_done)}
        facts |= {"earliest_expiry": held["expires"], "update_errors": 0, "conflicts": 0}
        yield dict.fromkeys(NAMES) | own | seller | place | facts | {"details": details}


def write(path: Path, numbers: list[int], *, later: bool) -> Path:
    """An export of the customers of these numbers."""
    with path.open("wb") as file:
        for n in numbers:
            file.writelines(
                orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows(n, later=later)
            )
    return path


MEASURED = """
import resource, subprocess, sys
ran = subprocess.run(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(ran.returncode)
"""
"""A process between ours and the command's: the peak of a child begins with that of who started it."""


def measured(*arguments: str | Path) -> tuple[int, int, str]:
    """The exit code of a command, its peak of memory in kilobytes, and what it printed."""
    command = [sys.executable, "-c", MEASURED, *COMMAND, *map(str, arguments)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    return ran.returncode, int(ran.stderr.split()[-1]), ran.stdout


def test_memory_is_flat(tmp_path: Path) -> None:
    """Whether or not the two are in the same order."""
    peaks = []
    for size in SIZES:
        numbers = list(range(size))
        old = write(tmp_path / "old.jsonl", numbers, later=False)
        random.Random(size).shuffle(numbers)
        new = write(tmp_path / "new.jsonl", numbers, later=True)
        began = time.monotonic()
        code, peak, out = measured("changes", old, new)
        took = time.monotonic() - began
        print(f"{size:,} customers: {peak / 1024:.0f} MB, {took:.0f} s, {size / took:,.0f} customers/s")
        assert code == 3
        changed = sum(n % 50 == 1 for n in range(size))
        not_read = -(-size // 1000)
        assert out.endswith(f"{size - not_read:,} customers compared, {changed:,} changed.\n")
        peaks.append(peak)
    assert peaks[-1] <= peaks[0] + ALLOWED
