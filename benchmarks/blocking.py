"""Blocking: for how long does reading a reply keep everybody else waiting?"""

import asyncio
import statistics
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress

import orjson

from benchmarks._measure import Gate, Row, Table
from benchmarks._payloads import replies
from imin_accounts import AccountsSession, DecodeError, from_jsonld
from imin_accounts._models.urls import is_host
from imin_accounts.transports import Request, Response

QUESTION = """
An event loop does one thing at a time: how long is the longest pause that another task sees while a reply is
read? Elapsed time, not CPU time; the median of the replies' longest pauses, and the worst of them. The
first line shows what this machine does to a task while nothing is read. `hostile`: bodies of 4 MiB made to
take long, the best CPU time of three, and the peak of memory beside that of `orjson.loads`.
""".strip()
CASES = QUICK = ["10, 100, 400 and 1000 items", "hostile"]
SIZES = [10, 100, 400, 1000]
LARGEST = 4 * 2**20


class _Replies:
    """A transport that lets others run before it answers, as a network would."""

    def __init__(self, body: bytes) -> None:
        self._reply = Response(status=200, headers={}, body=body)

    async def send(self, request: Request, *, timeout: float) -> Response:
        await asyncio.sleep(0)
        return self._reply


class _Watch:
    """Runs in every pass of the event loop and notes the longest time between two."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._last = time.perf_counter()
        self._longest = 0.0
        self._pass()

    def _pass(self) -> None:
        now = time.perf_counter()
        self._longest = max(self._longest, now - self._last)
        self._last = now
        self._next = self._loop.call_soon(self._pass)

    def longest(self) -> float:
        """Seconds since it was asked before."""
        longest, self._longest = self._longest, 0.0
        return longest

    def stop(self) -> None:
        self._next.cancel()


def run(case: str, quick: bool) -> Table:
    """One case of the benchmark."""
    if case == "hostile":
        return _hostile()
    rounds = 15 if quick else 50
    rows = [_row("nothing read", asyncio.run(_pauses(None, rounds)))]
    for items in SIZES:
        (body,) = replies(items, "documented")
        rows.append(_row(f"{items} items, {len(body) / 1e3:.0f} kB", asyncio.run(_pauses(body, rounds))))
    return Table("blocking", rows)


def _row(name: str, pauses: list[float]) -> Row:
    return Row(name, {"ms": statistics.median(pauses) * 1e3, "ms at worst": max(pauses) * 1e3})


async def _pauses(body: bytes | None, rounds: int) -> list[float]:
    pauses = []
    async with AccountsSession("test-key", transport=_Replies(body or b"")) as session:
        watch = _Watch()
        for _ in range(rounds + 1):
            await (asyncio.sleep(0.002) if body is None else session.get_seller_accounts("0"))
            await asyncio.sleep(0)  # so that the pass after the reading is seen
            pauses.append(watch.longest())
        watch.stop()
    return pauses[1:]  # the first reading compiles its readers


_ITEMS = b'{"@type": "imin:Collection", "imin:item": ['
_LINKED = b'{"seller": {"@id": "s"}, "hiddenEntitlements": true, '
_UNLINKED = b'{"imin:matchingEmailExists": true, "seller": {"@id": "s"'


def _filled(before: bytes, each: bytes, after: bytes) -> bytes:
    """A body of the largest size that is read, full of ``each``."""
    count = (LARGEST - len(before) - len(after)) // (len(each) + 1)
    return before + b",".join([each] * count) + after


def _linking(host: str) -> bytes:
    """A body of the largest size that is read, full of links, each to a host of its own."""
    before, after = _ITEMS + _UNLINKED + b'}, "potentialAction": [', b"]}]}"
    count = LARGEST // len(f'{{"target":"https://{host}0000"}},'.encode())
    links = (f'{{"target":"https://{host.replace("#", str(n))}"}}' for n in range(count))
    return before + ",".join(links).encode() + after


HOSTILE: dict[str, Callable[[], bytes]] = {
    "items of 0": lambda: _filled(_ITEMS, b"0", b"]}"),
    "items of []": lambda: _filled(_ITEMS, b"[]", b"]}"),
    "items without a state": lambda: _filled(_ITEMS, b'{"seller":{"@id":""}}', b"]}"),
    "items with a bad date": lambda: _filled(_ITEMS, b'{"seller":{"@id":"a"},"dateLinked":"x"}', b"]}"),
    "evidence {}": lambda: _filled(_ITEMS + _LINKED + b'"imin:evidenceRequests": [', b"{}", b"]}]}"),
    "evidence with an id": lambda: _filled(
        _ITEMS + _LINKED + b'"imin:evidenceRequests": [', b'{"@id":""}', b"]}]}"
    ),
    "sameAs of 0": lambda: _filled(_ITEMS + _UNLINKED + b', "sameAs": [', b"0", b"]}}]}"),
    "sameAs of texts": lambda: _filled(_ITEMS + _UNLINKED + b', "sameAs": [', b'""', b"]}}]}"),
    "links": lambda: _filled(
        _ITEMS + _UNLINKED + b'}, "potentialAction": [', b'{"target":"https://x"}', b"]}]}"
    ),
    "links to other hosts": lambda: _linking("h#.com"),
    "links to international hosts": lambda: _linking("éü#.com"),
    "links to long international hosts": lambda: _linking("é." * 100 + "#.com"),
    "links to encoded hosts": lambda: _linking("xn--9ca." * 20 + "#.com"),
    "unknown [[]]": lambda: _filled(_ITEMS + _LINKED + b'"x": [', b"[]", b"]}]}"),
    "unknown, 55 deep": lambda: _filled(_ITEMS + _LINKED + b'"x": [', b"[" * 55 + b"]" * 55, b"]}]}"),
    "large integers": lambda: _filled(_ITEMS + _LINKED + b'"x": [', b"18446744073709551616", b"]}]}"),
    "4,300 digits": lambda: _filled(_ITEMS + _LINKED + b'"x": [', b"9" * 4300, b"]}]}"),
    "1e400": lambda: _filled(_ITEMS + _LINKED + b'"x": [', b"1e400", b"]}]}"),
    "brackets": lambda: b"[" * LARGEST,
}


def _hostile() -> Table:
    rows = []
    for name, make in HOSTILE.items():
        body = make()
        seconds = min(_seconds(body) for _ in range(3))
        floor, taken = _peak(orjson.loads, body), _peak(from_jsonld, body)
        figures = {"CPU s": seconds, "MB": taken / 1e6, "MB of orjson.loads": floor / 1e6}
        rows.append(Row(name, figures))
    worst = max(row.figures["CPU s"] for row in rows)
    over = max(row.figures["MB"] - 2 * row.figures["MB of orjson.loads"] for row in rows)
    gates = [
        Gate("seconds of CPU time, at worst", worst, limit=1.5, target=1.0),
        Gate("MB over twice those of orjson.loads, at worst", over, limit=50.0, target=50.0),
    ]
    return Table("blocking: hostile bodies of 4 MiB", rows, gates)


def _seconds(body: bytes) -> float:
    is_host.cache_clear()  # as if no host in it had been met before
    began = time.process_time()
    with suppress(DecodeError):
        from_jsonld(body)
    return time.process_time() - began


def _peak(read: Callable[[bytes], object], body: bytes) -> int:
    tracemalloc.start()
    with suppress(DecodeError, orjson.JSONDecodeError):
        read(body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak
