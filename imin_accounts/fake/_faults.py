"""Faults on a script: rules that say which calls go wrong, and effects that say how. No I/O.

A rule sees every call that its ``endpoint`` and ``customer`` match and counts them from 1, from when
it was added. Rules apply in order: latencies add up, and the first other effect that is due decides.
"""

import math
import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, TypeAlias, get_args

import attrs
from attrs import validators

from imin_accounts.fake import _replies as replies
from imin_accounts.fake._api import Api
from imin_accounts.fake._call import ACCOUNTS, Call, Endpoint
from imin_accounts.fake._distort import Drift, Flaw, drifted, malformed
from imin_accounts.fake._replies import ErrorBody
from imin_accounts.fake._world import World
from imin_accounts.transports.base import Response

__all__ = [
    "Drifted",
    "Drop",
    "Effect",
    "Fate",
    "Faults",
    "Latency",
    "Malformed",
    "OtherCustomer",
    "RateLimit",
    "Rule",
    "Stall",
    "Status",
]

Validator: TypeAlias = Callable[[Any, "attrs.Attribute[Any]", Any], None]
_yes_or_no = validators.instance_of(bool)


def _number(low: float, high: float = 1e9, *, whole: bool = False, optional: bool = False) -> Validator:
    """A validator: a number from ``low`` to ``high``, both included."""

    def check(_: object, field: "attrs.Attribute[Any]", value: Any) -> None:
        if optional and value is None:
            return
        if type(value) not in ((int,) if whole else (int, float)) or not low <= value <= high:
            kind = "whole number" if whole else "number"
            raise ValueError(f"{field.name} must be a {kind} from {low:g} to {high:g}")

    return check


@attrs.frozen
class Status:
    """Answer with an error status.

    Attributes:
        status: 100 to 599.
        body: The shape of its body.
        retry_after: Value of ``Retry-After``: seconds, or an HTTP date as text; None for no such header.
        processed: Whether what was asked is done nevertheless.
    """

    status: int = attrs.field(validator=_number(100, 599, whole=True))
    body: ErrorBody = attrs.field(default=ErrorBody.OPENACTIVE, converter=ErrorBody, kw_only=True)
    retry_after: float | str | None = attrs.field(
        default=None, validator=validators.optional(validators.instance_of((int, float, str))), kw_only=True
    )
    processed: bool = attrs.field(default=False, validator=_yes_or_no, kw_only=True)


@attrs.frozen
class Latency:
    """Do what was asked at once, but answer late.

    Attributes:
        seconds: 0 or more. A client that gives up earlier has had its request done all the same.
    """

    seconds: float = attrs.field(validator=_number(0))


@attrs.frozen(kw_only=True)
class Stall:
    """Never answer.

    Attributes:
        processed: Whether what was asked is done.
    """

    processed: bool = attrs.field(default=False, validator=_yes_or_no)


@attrs.frozen(kw_only=True)
class Drop:
    """Drop the connection instead of answering.

    Attributes:
        processed: Whether what was asked is done before that.
    """

    processed: bool = attrs.field(default=False, validator=_yes_or_no)


@attrs.frozen
class OtherCustomer:
    """Do what was asked, but answer with the accounts of another customer, as if two replies crossed.

    Attributes:
        customer: Whose; known or not.
    """

    customer: str = attrs.field(
        default="somebody-else", validator=validators.instance_of(str), repr=lambda _: "'***'"
    )


@attrs.frozen
class Malformed:
    """Answer a GET with 200 and a body that is not the documented collection."""

    flaw: Flaw = attrs.field(default=Flaw.NOT_JSON, converter=Flaw)


@attrs.frozen
class Drifted:
    """Answer a GET in a way that the API's pages don't show, though sibling pages may."""

    drift: Drift = attrs.field(default=Drift.SIBLING_SPELLINGS, converter=Drift)


Effect: TypeAlias = Status | Latency | Stall | Drop | OtherCustomer | Malformed | Drifted


def _counts(nth: int | Iterable[int] | None) -> frozenset[int] | None:
    return None if nth is None else frozenset([nth] if isinstance(nth, int) else nth)


def _from_one(rule: object, field: object, nth: frozenset[int] | None) -> None:
    if not all(type(n) is int and n >= 1 for n in nth or ()):
        raise ValueError("nth counts from 1")


@attrs.frozen
class Rule:
    """When something goes wrong, and how.

    Attributes:
        effect: What happens.
        endpoint: ``"get_seller_accounts"``, ``"delete_seller_account"`` or ``"connect_account"``;
            None for any of them.
        customer: Only for this customer; None for any.
        nth: Only the nth matching call, from 1; may be several. None for every one.
        probability: From 0 to 1, of each such call; drawn from the seed.
    """

    effect: Effect = attrs.field(validator=validators.instance_of(get_args(Effect)))
    endpoint: Endpoint | None = attrs.field(
        default=None, validator=validators.in_((None, *get_args(Endpoint))), kw_only=True
    )
    customer: str | None = attrs.field(
        default=None,
        validator=validators.optional(validators.instance_of(str)),
        repr=lambda customer: "None" if customer is None else "'***'",
        kw_only=True,
    )
    nth: frozenset[int] | None = attrs.field(
        default=None, converter=_counts, validator=_from_one, kw_only=True
    )
    probability: float = attrs.field(
        default=1.0,
        validator=_number(0, 1),
        kw_only=True,
    )

    def matches(self, call: Call) -> bool:
        """Whether the rule is about such calls at all."""
        return call.endpoint is not None and all(
            wanted in (None, found)
            for wanted, found in ((self.endpoint, call.endpoint), (self.customer, call.customer))
        )


@attrs.frozen
class RateLimit:
    """At most so many API requests in any second of the service's clock; the rest get 429.

    Attributes:
        per_second: 1 or more.
        retry_after: Value of ``Retry-After`` in seconds; None for no such header.
    """

    per_second: int = attrs.field(validator=_number(1, whole=True))
    retry_after: float | None = attrs.field(default=1, validator=_number(0, optional=True), kw_only=True)
    body: ErrorBody = attrs.field(default=ErrorBody.MESSAGE, converter=ErrorBody, kw_only=True)


@attrs.frozen
class Fate:
    """What becomes of one request.

    Attributes:
        response: The reply; None where the connection is dropped instead.
        delay: Seconds until then; ``math.inf`` for never.
    """

    response: Response | None
    delay: float = 0.0


class Faults:
    """The rules in force, and what has been counted for them."""

    def __init__(self, world: World, random: random.Random) -> None:
        self._world = world
        self._random = random
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

    def decide(self, call: Call, api: Api) -> Fate:
        """Have ``api`` do what ``call`` asks, or not. Returns what becomes of it."""
        due = list(self._due(call))
        if self._over_limit(call):
            assert self.rate_limit is not None
            headers = _retry_after(self.rate_limit.retry_after)
            return Fate(replies.error(429, self.rate_limit.body, headers=headers))
        delay = sum(effect.seconds for effect in due if isinstance(effect, Latency))
        fate = _play(next((effect for effect in due if not isinstance(effect, Latency)), None), call, api)
        return attrs.evolve(fate, delay=fate.delay + delay)

    def _due(self, call: Call) -> Iterator[Effect]:
        for rule, count in self._seen:
            if rule.matches(call):
                count[0] += 1
                chosen = rule.nth is None or count[0] in rule.nth
                if chosen and (rule.probability == 1 or self._random.random() < rule.probability):
                    yield rule.effect

    def _over_limit(self, call: Call) -> bool:
        if self.rate_limit is None or call.route != ACCOUNTS:
            return False
        now = self._world.now()
        while self._recent and self._recent[0] <= now - timedelta(seconds=1):
            self._recent.popleft()
        if len(self._recent) >= self.rate_limit.per_second:
            return True
        self._recent.append(now)
        return False


def _play(effect: Effect | None, call: Call, api: Api) -> Fate:
    processed = effect.processed if isinstance(effect, Status | Stall | Drop) else True
    response = api.answer(call) if processed else None
    match effect:
        case Status():
            return Fate(replies.error(effect.status, effect.body, headers=_retry_after(effect.retry_after)))
        case Stall():
            return Fate(None, delay=math.inf)
        case Drop():
            return Fate(None)
        case OtherCustomer(customer):
            return Fate(api.about(customer, call))
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
    return {} if value is None else {"retry-after": value if isinstance(value, str) else f"{value:g}"}
