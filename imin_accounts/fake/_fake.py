"""``FakeImin``: the emulated service as a Transport, and the door to serving it over HTTP."""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import attrs
from yarl import URL

from imin_accounts.errors import TransportError
from imin_accounts.fake._api import Api
from imin_accounts.fake._call import Call
from imin_accounts.fake._connect import ConnectFlow
from imin_accounts.fake._faults import Fate, Faults
from imin_accounts.fake._population import Population
from imin_accounts.fake._settings import Undocumented
from imin_accounts.fake._snapshot import read, written
from imin_accounts.fake._world import World
from imin_accounts.transports.base import Request, Response

__all__ = ["FakeImin", "Received"]

_KEPT = 10_000


@attrs.frozen(kw_only=True)
class Received:
    """One request that the service received. Holds no key; names nobody in its repr.

    Attributes:
        method: As it came.
        route: The path with its parameter unfilled; ``"other"`` where it is not one of the API's.
        status: Of the reply; None where none was sent.
        customer: The customer identifier; ``""`` where the route has none.
        seller: The ``seller`` parameter; None where there was none.
    """

    method: str
    route: str
    status: int | None
    customer: str = attrs.field(repr=False)
    seller: str | None = attrs.field(repr=False)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class FakeImin(World):
    """A stateful imin in memory: a Transport for tests, which can serve itself over HTTP too.

    The same calls give the same replies both ways. It may be shared by sessions, event loops and
    threads; making one does no I/O.

    Args:
        api_key: The key that ``X-Api-Key`` must carry.
        clock: Returns the present as an aware ``datetime``; the real time if not given.
        seed: Makes every reply reproducible. Without one, links are unguessable.
        sleep: Waits some seconds, for late replies; ``asyncio.sleep`` if not given.
        undocumented: How to behave where imin's pages don't say; may be assigned later too.
    """

    def __init__(
        self,
        api_key: str = "test-key",
        *,
        clock: Callable[[], datetime] = _utc_now,
        seed: int | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        undocumented: Undocumented | None = None,
    ) -> None:
        # Of its own for each purpose: scripting a fault must not change the next link.
        self._dice = {use: _dice(seed) for use in ("people", "links", "faults")}
        self._initially = undocumented or Undocumented()
        super().__init__(clock=clock, random=self._dice["people"], undocumented=self._initially)
        self._seed = seed
        self.sleep = sleep
        self._received: deque[Received] = deque(maxlen=_KEPT)
        self._flow = ConnectFlow(self, self._dice["links"])
        self._api = Api(self, self._flow, api_key=api_key)
        self.faults = Faults(self, self._dice["faults"])
        self.reset()

    def __repr__(self) -> str:
        return f"<FakeImin: {len(self.population.people)} customers, {len(self.population.sellers)} sellers>"

    # -- what came in

    @property
    def requests(self) -> tuple[Received, ...]:
        """What the service received, in order of arrival; the last 10,000."""
        with self.lock:
            return tuple(self._received)

    def reset(self) -> None:
        """Be as new: no people, links, faults or record; a seed starts over."""
        with self.lock:
            for use, dice in self._dice.items():
                dice.seed(f"{self._seed}/{use}")  # without effect on the system's randomness
            self.population.become(Population())
            self._flow.clear()
            self.faults.clear()
            self._received.clear()
            self._ahead = timedelta()
            self.undocumented = self._initially

    def snapshot(self) -> dict[str, Any]:
        """The people, their accounts and ``undocumented`` as JSON values.

        Links, faults, the record and the time are not part of it.
        """
        with self.lock:
            return written(self.population, self.undocumented)

    def restore(self, snapshot: Any) -> None:
        """Put the people of a snapshot in the place of those that there are. Links end.

        Raises:
            ValueError: It can't be understood; says where. Nothing changed.
        """
        population, undocumented = read(snapshot)
        with self.lock:
            self.population.become(population)
            self.undocumented = undocumented
            self._flow.clear()

    # -- the browser's part, in memory

    def complete(self, target: str | URL, *, email: str | None = None, password: str = "password") -> str:
        """Go through the seller's page that ``target`` leads to, and connect.

        Args:
            target: A link from a reply: ``register_url`` logs in, ``create_url`` makes an account.
            email: What the customer enters; the email that the broker knows if not given.
            password: What they enter, or choose.

        Returns:
            ``redirectUri``, where the browser is sent.

        Raises:
            ConnectRefused: Nothing was connected. The link is used up nevertheless, unless it was
                not good any more.
        """
        with self.lock:
            handle = self._flow.begin(_token(target))
            email = self.population.email(self._flow.visit(handle).customer) if email is None else email
            return self._flow.consent(handle, email=email, password=password)

    def decline(self, target: str | URL) -> str | None:
        """Go to the seller's page that ``target`` leads to, and decline.

        Returns:
            ``redirectUri``, where the browser is sent; None where it stays on the seller's page.

        Raises:
            ConnectRefused: The link is forged, expired or used.
        """
        with self.lock:
            return self._flow.decline(self._flow.begin(_token(target)))

    # -- requests

    async def send(self, request: Request, *, timeout: float) -> Response:
        """Answer ``request`` out of memory. See ``Transport.send``."""
        fate = self.exchange(request)
        if fate.delay >= timeout:
            await self.sleep(timeout)
            raise TransportError("timeout", maybe_sent=True)
        if fate.delay:
            await self.sleep(fate.delay)
        await asyncio.sleep(0)  # a real transport lets others run meanwhile
        if fate.response is None:
            raise TransportError("dropped", maybe_sent=True)
        return fate.response

    def exchange(self, request: Request) -> Fate:
        """Do what ``request`` asks, at once, unless a fault prevents it. Waiting is for the caller."""
        call = Call.read(request)
        with self.lock:
            fate = self.faults.decide(call, self._api)
            self._received.append(
                Received(
                    method=call.method,
                    route=call.route,
                    status=None if fate.response is None else fate.response.status,
                    customer=call.customer,
                    seller=call.query.get("seller"),
                )
            )
            return fate

    def serve(
        self, *, host: str = "127.0.0.1", port: int = 0, admin: Literal["loopback", "anywhere"] = "loopback"
    ) -> AbstractAsyncContextManager[str]:
        """Serve the same state over HTTP, with the seller's pages for a browser.

        Args:
            host: An address of this machine. One that is not loopback lets other machines in.
            port: 0 picks a free one.
            admin: Who may use ``/_emulator/``, which reads and changes everything: this machine, or
                anybody.

        Returns:
            A context manager that gives the base URL, without a slash at its end.

        Raises:
            OSError: On entering, where ``host`` and ``port`` can't be listened on.
        """
        from imin_accounts.fake._served import serving  # here: in memory no aiohttp is needed

        return serving(self, self._flow, host=host, port=port, admin=admin)


def _dice(seed: int | None) -> random.Random:
    return random.SystemRandom() if seed is None else random.Random()


def _token(target: str | URL) -> str:
    return parse_qs(urlsplit(str(target)).query).get("jwt", [""])[0]
