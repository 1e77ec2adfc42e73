"""Layers: what does each of ours add to a call?"""

import asyncio
import statistics
import time
from collections.abc import Callable
from itertools import repeat

from benchmarks._measure import Row, Table, take_turns
from benchmarks._payloads import replies
from imin_accounts import AccountsSession, RetryPolicy, from_jsonld
from imin_accounts._wire.replies import read_accounts
from imin_accounts._wire.requests import ROUTE, accounts_request
from imin_accounts.session import Runtime
from imin_accounts.session._attempt import Sender, with_key
from imin_accounts.session._call import Call
from imin_accounts.session._gate import Gate
from imin_accounts.session._key import ApiKey
from imin_accounts.transports import Request, Response

QUESTION = """
How many microseconds of CPU time does each layer take of a call, on a transport that has its reply ready?
Each line includes the indented ones below it. What the network takes is not in here: see `call`.
""".strip()
CASES = ["3 items", "10 items"]
QUICK = ["3 items"]
BASE_URL = "https://book.imin.co"
KEY = ApiKey("test-key")
RETRY = RetryPolicy()


class Ready:
    """A transport that has its reply ready."""

    def __init__(self, reply: Response) -> None:
        self._reply = reply

    async def send(self, request: Request, *, timeout: float) -> Response:
        return self._reply


def run(case: str, quick: bool) -> Table:
    """One case of the benchmark."""
    calls, rounds = (500, 9) if quick else (2000, 25)
    (body,) = replies(int(case.split()[0]), "documented")
    reply = Response(status=200, headers={"content-type": "application/json"}, body=body)
    transport = Ready(reply)
    request = accounts_request(BASE_URL, "0")
    gate = Gate(Runtime(), places=100, limiter=None)
    sender = Sender(Runtime(), key=KEY, gate=gate, on_attempt=None)
    sender.transport = transport

    async def whole() -> None:
        async with AccountsSession("test-key", transport=transport) as session:
            for _ in repeat(None, calls):
                await session.get_seller_accounts("0")

    async def attempts() -> None:
        for _ in repeat(None, calls):
            call = Call("GET", ROUTE, timeout=30.0, started=time.monotonic(), refund=1, retry=RETRY)
            await sender.attempt(call, request, lambda reply: reply)

    def gates() -> None:
        for _ in repeat(None, calls):
            gate.enter_at_once()
            gate.leave()

    def records() -> None:
        for _ in repeat(None, calls):
            Call("GET", ROUTE, timeout=30.0, started=0.0, refund=1, retry=RETRY).record(
                "GET", reply, reply, 0.1, None
            )

    def requests() -> None:
        for _ in repeat(None, calls):
            with_key(accounts_request(BASE_URL, "0"), KEY)

    def reading() -> None:
        for _ in repeat(None, calls):
            read_accounts(reply, "0", now=0.0)

    def decoding() -> None:
        for _ in repeat(None, calls):
            from_jsonld(body)

    contenders: dict[str, Callable[[], object]] = {
        "session: the whole call": lambda: asyncio.run(whole()),
        "- wire: the request, its key on it": requests,
        "- sender: one attempt": lambda: asyncio.run(attempts()),
        "- - gate: in and out": gates,
        "- - record: an attempt noted": records,
        "- wire: the reply read": reading,
        "- - converter: bytes to models": decoding,
    }
    times = take_turns(contenders, rounds)
    rows = [Row(name, {"µs": statistics.median(each) / calls * 1e6}) for name, each in times.items()]
    return Table(f"layers: {case}", rows)
