"""Rounds of ``imin-accounts changes`` that are killed: every change is told, at least once.

With ``CI_LONG=1`` at full size, with the figures printed.
"""

import http.client
import json
import os
import signal
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.cli.commands import environment
from tests.cli.emulator_process import EmulatorProcess, emulator_process
from tests.cli.processes import COMMAND, end, signal_when, write_ids
from tests.length import LONG

CUSTOMERS, KILLS = (5_000, 25) if LONG else (80, 3)
CONCURRENCY = 16
LINE = 200
"""Bytes of a line, or some more."""
Pair = tuple[str, str]


@pytest.fixture(scope="module")
def imin() -> Iterator[EmulatorProcess]:
    """An emulated imin with all the customers, in another process."""
    with emulator_process(customers=CUSTOMERS) as there:
        yield there


class Sellers:
    """The sellers' side: they change accounts, over HTTP."""

    def __init__(self, base_url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(base_url).netloc)
        state = json.loads(self._asked("GET", "state"))
        self.pairs: list[Pair] = [(one["customer"], one["seller"]) for one in state["connections"]]
        self.error: dict[Pair, str] = {}

    def change(self, pair: Pair, name: str) -> None:
        """Let an entitlement of the pair's be one that could not be applied, and no other."""
        errors = [{"@type": "UpdateFailedError", "name": name}]
        body = {"customer": pair[0], "seller": pair[1], "update_errors": errors}
        self._asked("POST", "change-account", body)
        self.error[pair] = name

    def close(self) -> None:
        """They change nothing any more."""
        self._connection.close()

    def _asked(self, method: str, name: str, body: Any = None) -> bytes:
        self._connection.request(method, f"/_emulator/{name}", None if body is None else json.dumps(body))
        reply = self._connection.getresponse()
        assert reply.status in (200, 204)
        return reply.read()


def applied(lines: Iterable[dict[str, Any]]) -> tuple[dict[Pair, set[str]], int]:
    """What a reader of the lines holds in the end, and how many lines told nothing new."""
    held, again = defaultdict[Pair, set[str]](set), 0
    for line in lines:
        errors = held[line["customer"], line["seller_id"]]
        before = set(errors)
        if line["change"] == "UpdateErrorAdded":
            errors.add(line["now"]["name"])
        else:
            assert line["change"] == "UpdateErrorRemoved"
            errors.discard(line["was"]["name"])
        again += errors == before
    return held, again


def test_killed_at_random_it_tells_every_change(imin: EmulatorProcess, tmp_path: Path) -> None:
    """Whoever acts on the lines has the sellers' state; told again are those under way at a kill, at most."""
    ids, out, dice = write_ids(tmp_path / "ids.txt", CUSTOMERS), tmp_path / "changes.jsonl", Random("changes")
    sellers = Sellers(imin.base_url)

    def started() -> "subprocess.Popen[str]":
        arguments = [
            "changes",
            ids,
            "--snapshots",
            tmp_path / "accounts.db",
            "--concurrency",
            str(CONCURRENCY),
        ]
        with out.open("ab") as file:
            return subprocess.Popen(
                [*COMMAND, *map(str, arguments)],
                env={**os.environ, **environment(imin.base_url), "PYTHONUNBUFFERED": ""},
                stdout=file,
                stderr=subprocess.PIPE,
                text=True,
            )

    assert end(started()).code == 0
    changed = len(sellers.pairs) // 3
    for kill in range(KILLS):
        for pair in dice.sample(sellers.pairs, changed):
            sellers.change(pair, str(kill))
        enough = out.stat().st_size + dice.randrange(changed * LINE // 2)
        imin.reads()
        imin.hold(after=CUSTOMERS - 1)
        process = started()
        assert signal_when(process, lambda: out.stat().st_size > enough, signal.SIGKILL).code == -9  # noqa: B023
        imin.go_on()
    sellers.close()
    assert end(started()).code == 0
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    held, again = applied(lines)
    kinds = dict(Counter(line["change"] for line in lines))
    told = f"{len(lines):,} lines, {again:,} of them again: {kinds}"
    print(f"{CUSTOMERS:,} customers, {KILLS} kills: {told}")
    assert {pair: names for pair, names in held.items() if names} == {
        pair: {name} for pair, name in sellers.error.items()
    }
    assert again <= KILLS * CONCURRENCY * 4 * 2
