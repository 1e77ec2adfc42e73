"""What becomes of each call, and of each notification, under the rules in force. No I/O.

A rule sees every call that its ``endpoint`` and ``customer`` match and counts them from 1, from when
it was added. Rules apply in order: latencies add up, and the first other effect that is due decides.
"""

import copy
import math
import random
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import attrs

from imin_accounts.fake import _replies as replies
from imin_accounts.fake._api import ACCOUNTS, Api, ApiRequest
from imin_accounts.fake._distort import drifted, malformed
from imin_accounts.fake._notification_rules import NOTIFICATION_EFFECTS, Late, NotificationEffect
from imin_accounts.fake._rules import (
    SCRIPT,
    Drifted,
    Drop,
    Latency,
    Malformed,
    OtherCustomer,
    RateLimit,
    Rule,
    Stall,
    Status,
    read_script,
    write_script,
)
from imin_accounts.fake._world import World
from imin_accounts.transports.base import Response

__all__ = ["Fate", "Faults"]


@attrs.frozen
class Fate:
    """What becomes of one request.

    Attributes:
        response: The reply; None where the connection is dropped instead.
        delay: Seconds until then; ``math.inf`` for never.
        by_fault: Whether the reply is a rule's or the rate limit's.
    """

    response: Response | None
    delay: float = 0.0
    by_fault: bool = False


class Faults:
    """The rules in force, and what has been counted for them."""

    def __init__(self, world: World, random: random.Random, *, of_notifications: random.Random) -> None:
        self._world = world
        self._random = random
        self._of_notifications = of_notifications
        self._seen: list[tuple[Rule, list[int]]] = []
        self._recent: deque[datetime] = deque()
        self.rate_limit: RateLimit | None = None

    def __repr__(self) -> str:
        return f"<Faults: {len(self._seen)} rules, {self.rate_limit}>"

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules in force, in order."""
        with self._world.lock:
            return tuple(rule for rule, _ in self._seen)

    def add(self, *rules: Rule) -> None:
        """Put rules after those in force. Each counts calls from now on."""
        with self._world.lock:
            self._seen += [(rule, [0]) for rule in rules]

    def clear(self) -> None:
        """Let everything go well again."""
        with self._world.lock:
            self._seen.clear()
            self._recent.clear()
            self.rate_limit = None

    def load(self, script: Any) -> None:
        """Replace everything in force by a script, as a JSON file holds it.

        Args:
            script: ``{"rules": [{"nth": 1, "effect": {"status": {"status": 503}}}, …],
                "rate_limit": {"per_second": 5}}``. Members are those of ``Rule`` and ``RateLimit``;
                an effect is named by its class in lower case, words joined by ``_``.

        Raises:
            ValueError: It can't be understood; says where. Nothing changed.
        """
        rules, rate_limit = read_script(script)
        with self._world.lock:
            self.clear()
            self.add(*rules)
            self.rate_limit = rate_limit

    def script(self) -> dict[str, Any]:
        """What is in force, as ``load`` takes it."""
        with self._world.lock:
            return write_script(self.rules, self.rate_limit)

    def schema(self) -> dict[str, Any]:
        """What ``load`` takes, as JSON Schema."""
        return copy.deepcopy(SCRIPT)

    def decide(self, request: ApiRequest, api: Api) -> Fate:
        """Have ``api`` do what ``request`` asks, or not. Returns what becomes of it."""
        due = [rule.effect for rule in self._due(lambda rule: rule.matches(request), self._random)]
        if self._over_limit(request):
            assert self.rate_limit is not None
            headers = _retry_after(self.rate_limit.retry_after)
            return Fate(replies.error(429, self.rate_limit.body, headers=headers), by_fault=True)
        delay = sum(effect.seconds for effect in due if isinstance(effect, Latency))
        effect = next((effect for effect in due if not isinstance(effect, Latency)), None)
        fate = _play(effect, request, api)
        return attrs.evolve(fate, delay=fate.delay + delay, by_fault=effect is not None)

    def decide_notification(self, customer: str) -> tuple[float, NotificationEffect | None]:
        """How many seconds late a notification for ``customer`` is, and what else goes wrong with it."""
        rules = self._due(lambda rule: rule.matches_notification(customer), self._of_notifications)
        due = [rule.effect for rule in rules if isinstance(rule.effect, NOTIFICATION_EFFECTS)]
        late = sum(effect.seconds for effect in due if isinstance(effect, Late))
        return late, next((effect for effect in due if not isinstance(effect, Late)), None)

    def _due(self, matches: Callable[[Rule], bool], dice: random.Random) -> Iterator[Rule]:
        for rule, count in self._seen:
            if matches(rule):
                count[0] += 1
                chosen = rule.nth is None or count[0] in rule.nth
                if chosen and (rule.probability == 1 or dice.random() < rule.probability):
                    yield rule

    def _over_limit(self, request: ApiRequest) -> bool:
        if self.rate_limit is None or request.route != ACCOUNTS:
            return False
        now = self._world.now()
        while self._recent and self._recent[0] <= now - timedelta(seconds=1):
            self._recent.popleft()
        if len(self._recent) >= self.rate_limit.per_second:
            return True
        self._recent.append(now)
        return False


def _play(effect: object, request: ApiRequest, api: Api) -> Fate:
    processed = effect.processed if isinstance(effect, Status | Stall | Drop) else True
    response = api.answer(request) if processed else None
    match effect:
        case Status():
            return Fate(replies.error(effect.status, effect.body, headers=_retry_after(effect.retry_after)))
        case Stall():
            return Fate(None, delay=math.inf)
        case Drop():
            return Fate(None)
        case OtherCustomer(customer):
            return Fate(api.about(customer, request))
        case Malformed(flaw) if response is not None:
            return Fate(_rewritten(response, lambda body: malformed(body, flaw)))
        case Drifted(drift) if response is not None:
            return Fate(_rewritten(response, lambda body: drifted(body, drift)))
    return Fate(response)


def _rewritten(response: Response, rewrite: Callable[[bytes], bytes]) -> Response:
    if response.status != 200:
        return response
    return attrs.evolve(response, body=rewrite(response.body))


def _retry_after(value: float | str | None) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, str):
        value = f"{value:f}".rstrip("0").rstrip(".")  # ":g" makes 1234567 "1.23457e+06"
    return {"retry-after": value}
