"""Imports: how long does a process take until it can begin?"""

import os
import subprocess
import sys
from collections.abc import Callable

from benchmarks._measure import Gate, Row, Table, ratios

QUESTION = """
What does `import imin_accounts` add to importing its dependencies, and the command line's start to importing
click? Whole processes, in turns; CPU time of their own, the interpreter's start included in both.
""".strip()
CASES = QUICK = ["library", "command line"]
DEPENDENCIES = "import aiohttp, attrs, cattrs, orjson, yarl"
COMMANDS = {
    "library": {
        "its dependencies": ["-c", DEPENDENCIES],
        "import imin_accounts": ["-c", "import imin_accounts"],  # which loads what is used when it is used
        "from imin_accounts import AccountsSession": ["-c", "from imin_accounts import AccountsSession"],
    },
    "command line": {
        "import click": ["-c", "import click"],
        "imin-accounts --version": ["-m", "imin_accounts.cli", "--version"],
    },
}
TARGETS = {"library": 1.15, "command line": 1.5}


def run(case: str, quick: bool) -> Table:
    """One case of the benchmark."""
    floor, *_, name = COMMANDS[case]
    starts = {each: _start(arguments) for each, arguments in COMMANDS[case].items()}
    for start in starts.values():  # files not compiled yet
        start()
    times: dict[str, list[float]] = {name: [] for name in starts}
    for _ in range(9 if quick else 25):
        for each, start in starts.items():
            times[each].append(start())
    figures = ratios(times, floor)
    rows = [
        Row(each, {f"x {floor}": ratio, "±": spread, "ms": min(times[each]) * 1e3})
        for each, (ratio, spread) in figures.items()
    ]
    target = TARGETS[case]
    gate = Gate(f"{name}, of {floor}:", figures[name][0], limit=target * 1.25, target=target)
    return Table(f"imports: {case}", rows, [gate])


def _start(arguments: list[str]) -> Callable[[], float]:
    """Runs an interpreter and returns its CPU seconds."""

    def run() -> float:
        process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, arguments
        return usage.ru_utime + usage.ru_stime

    return run
