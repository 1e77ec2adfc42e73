"""The emulated service: the world, the API in front of it, what goes wrong, and what came in. No HTTP."""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import attrs
from yarl import URL

from imin_accounts.fake._api import Api, ApiRequest
from imin_accounts.fake._connect import ConnectFlow
from imin_accounts.fake._faults import Fate, Faults
from imin_accounts.fake._notifications import NOTIFICATION_KEY, Outbox, WebhookCall
from imin_accounts.fake._population import Population
from imin_accounts.fake._settings import Undocumented
from imin_accounts.fake._snapshot import read, written
from imin_accounts.fake._world import World
from imin_accounts.transports.base import Request

__all__ = ["Received", "Service"]

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


class Service(World):
    """Answers requests out of a world, as the faults in force have it, and records them.

    Its arguments are those of ``FakeImin``.

    Attributes:
        broker: Whose key it is, as the seller's pages name them.
        api_key: The key that ``X-Api-Key`` must carry.
        faults: What goes wrong.
        flow: The connect flow, for whoever shows the seller's pages.
        sleep: Waits some seconds.
    """

    def __init__(
        self,
        api_key: str = "test-key",
        *,
        clock: Callable[[], datetime] = _utc_now,
        seed: int | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        undocumented: Undocumented | None = None,
        broker: str = "Example Broker",
        notification_key: str = NOTIFICATION_KEY,
    ) -> None:
        # Dice for each purpose: a fault that is drawn must not change the next link's token.
        self._dice = {use: _dice(seed) for use in ("people", "links", "faults", "notifications")}
        self._initially = undocumented or Undocumented()
        super().__init__(clock=clock, random=self._dice["people"], undocumented=self._initially)
        self._seed = seed
        self.broker = broker
        self.api_key = api_key
        self.sleep = sleep
        self._received: deque[Received] = deque(maxlen=_KEPT)
        self.flow: ConnectFlow = ConnectFlow(self, self._dice["links"])
        self._api = Api(self, self.flow, api_key=api_key)
        self.faults: Faults = Faults(self, self._dice["faults"], of_notifications=self._dice["notifications"])
        self._taken = Outbox("https://book.imin.co", notification_key, now=self.now, kept=_KEPT)
        self._outboxes = [self._taken]
        self.reset()

    def __repr__(self) -> str:
        people, sellers = len(self.population.people), len(self.population.sellers)
        return f"<{type(self).__name__}: {people} customers, {sellers} sellers>"

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
                dice.seed(f"{self._seed}/{use}")  # the system's own randomness, without a seed, ignores it
            self.population.replace_with(Population())
            self.flow.clear()
            self.faults.clear()
            self._received.clear()
            for outbox in self._outboxes:
                outbox.clear()
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
            self.population.replace_with(population)
            self.undocumented: Undocumented = undocumented
            self.flow.clear()

    # -- what it tells a broker unasked

    def take_notifications(self) -> tuple[WebhookCall, ...]:
        """The notifications since this was last called, each to be handed to a route: the last 10,000.

        A late one is there once its time has come: see ``advance``. It makes no difference whether they are
        posted somewhere as well.
        """
        with self.lock:
            return tuple(iter(self._taken.pop, None))

    def _notify(self, customer: str) -> None:
        late, effect = self.faults.decide_notification(customer)
        for outbox in self._outboxes:
            outbox.put(customer, effect, late=late)

    def advance(self, seconds: float) -> None:
        """Let time pass for the service. See ``World``."""
        with self.lock:
            super().advance(seconds)
            for outbox in self._outboxes:
                outbox.wake()

    @contextmanager
    def outbox(self, base: str, key: str, wake: Callable[[], object]) -> Iterator[Outbox]:
        """A further outbox, for what happens within the block. See ``Outbox`` for the arguments."""
        outbox = Outbox(base, key, now=self.now, wake=wake)
        with self.lock:
            self._outboxes.append(outbox)
        try:
            yield outbox
        finally:
            with self.lock:
                self._outboxes.remove(outbox)

    # -- requests

    def exchange(self, request: Request) -> Fate:
        """Do what ``request`` asks, at once, unless a fault prevents it. Waiting is for the caller."""
        understood = ApiRequest.read(request)
        with self.lock:
            fate = self.faults.decide(understood, self._api)
            self._received.append(
                Received(
                    method=understood.method,
                    route=understood.route,
                    status=None if fate.response is None else fate.response.status,
                    customer=understood.customer,
                    seller=understood.query.get("seller"),
                )
            )
            return fate

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
            handle = self.flow.begin(_token(target))
            email = self.population.email(self.flow.visit(handle).customer) if email is None else email
            return self.flow.consent(handle, email=email, password=password)

    def decline(self, target: str | URL) -> str | None:
        """Go to the seller's page that ``target`` leads to, and decline.

        Returns:
            ``redirectUri``, where the browser is sent; None where it stays on the seller's page.

        Raises:
            ConnectRefused: The link is forged, expired or used.
        """
        with self.lock:
            return self.flow.decline(self.flow.begin(_token(target)))


def _dice(seed: int | None) -> random.Random:
    return random.SystemRandom() if seed is None else random.Random()


def _token(target: str | URL) -> str:
    return parse_qs(urlsplit(str(target)).query).get("jwt", [""])[0]
