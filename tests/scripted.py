"""A transport that answers from a list, and a clock that only sleeping moves."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import orjson

from imin_accounts.session import Runtime
from imin_accounts.transports.base import Request, Response

SELLER = "https://id.bookingsystem.example.com/organizers/1"
Step = Response | Exception | Callable[[Request], Awaitable[Response]]


class ManualClock:
    """A clock whose seconds pass by sleeping alone; ``slept`` lists how long each sleep was."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def runtime(clock: ManualClock) -> Runtime:
    """Time by ``clock``; every random number is 0.5."""
    return Runtime(clock=clock, sleep=clock.sleep, random=lambda: 0.5)


class ScriptedTransport:
    """Takes one of ``steps`` for each request; one request too many raises RuntimeError.

    Attributes:
        requests: All that were sent, in order.
        discarded: How often idle connections were to be dropped.
    """

    def __init__(self, steps: Iterable[Step]) -> None:
        self._steps = iter(steps)
        self.requests: list[Request] = []
        self.discarded = 0

    async def send(self, request: Request, *, timeout: float) -> Response:
        self.requests.append(request)
        step = next(self._steps)
        if isinstance(step, Response):
            return step
        if isinstance(step, Exception):
            raise step
        return await step(request)

    async def discard_idle(self) -> None:
        self.discarded += 1

    @property
    def methods(self) -> str:
        """First letters of the requests' methods, e.g. ``"DGD"``."""
        return "".join(request.method[0] for request in self.requests)


def reply(status: int, body: bytes | Any = b"", headers: Mapping[str, str] | None = None) -> Response:
    """A reply; a ``body`` other than bytes is written as JSON."""
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    return Response(status=status, headers=headers or {}, body=data)


def accounts_of(customer: str = "1234", **seller_states: bool | None) -> Response:
    """A 200 for ``customer``, who is connected (True) or not (False) with the one seller."""
    item: list[dict[str, Any]] = []
    for state in seller_states.values():
        one: dict[str, Any] = {"@type": "Account", "seller": {"@type": "Organization", "@id": SELLER}}
        one |= {"dateLinked": "2021-01-27T12:00:00Z"} if state else {"imin:matchingEmailExists": True}
        item.append(one)
    return reply(
        200,
        {
            "@id": f"https://book.imin.co/api/v2/customers/{customer}/accounts",
            "@type": "imin:Collection",
            "imin:item": item,
        },
    )


NO_CONTENT = reply(204)
CONNECTED = accounts_of(seller=True)
GONE = accounts_of(seller=False)
