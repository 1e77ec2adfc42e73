"""Rules that say which requests go wrong, effects that say how, and both as a JSON file holds them."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, get_args

import attrs

from imin_accounts.fake._api import ApiRequest, Endpoint
from imin_accounts.fake._distort import Drift, Flaw
from imin_accounts.fake._notification_rules import NOTIFICATION_EFFECTS, NotificationEffect
from imin_accounts.fake._replies import ErrorBody
from imin_accounts.fake._validation import (
    Check,
    build,
    choice,
    either,
    field_value,
    flag,
    items_of,
    number,
    refuse_deep,
    refuse_unknown,
    schema_of,
    text,
)

__all__ = [
    "RULE",
    "SCRIPT",
    "Drifted",
    "Drop",
    "Effect",
    "Latency",
    "Malformed",
    "OtherCustomer",
    "RateLimit",
    "Rule",
    "Stall",
    "Status",
    "read_rule",
    "read_script",
    "write_script",
]


@attrs.frozen
class Status:
    """Answer with an error status.

    Attributes:
        status: 200 to 599.
        body: The shape of its body.
        retry_after: Value of ``Retry-After``: seconds, or an HTTP date as text; None for no such header.
        processed: Whether what was asked is done nevertheless.
    """

    status: int = attrs.field(validator=number(200, 599, whole=True))
    body: ErrorBody = attrs.field(default=ErrorBody.OPENACTIVE, converter=ErrorBody, kw_only=True)
    retry_after: float | str | None = attrs.field(
        default=None, validator=either(field_value(), number(0, optional=True)), kw_only=True
    )
    processed: bool = attrs.field(default=False, validator=flag(), kw_only=True)


@attrs.frozen
class Latency:
    """Do what was asked at once, but answer late.

    Attributes:
        seconds: 0 or more. A client that gives up earlier has had its request done all the same.
    """

    seconds: float = attrs.field(validator=number(0))


@attrs.frozen(kw_only=True)
class Stall:
    """Never answer.

    Attributes:
        processed: Whether what was asked is done.
    """

    processed: bool = attrs.field(default=False, validator=flag())


@attrs.frozen(kw_only=True)
class Drop:
    """Drop the connection instead of answering.

    Attributes:
        processed: Whether what was asked is done before that.
    """

    processed: bool = attrs.field(default=False, validator=flag())


@attrs.frozen
class OtherCustomer:
    """Do what was asked, but answer with the accounts of another customer, as if two replies crossed.

    Attributes:
        customer: Whose; known or not.
    """

    customer: str = attrs.field(default="somebody-else", validator=text(), repr=lambda _: "'***'")


@attrs.frozen
class Malformed:
    """Answer a GET with 200 and a body that is not the documented collection."""

    flaw: Flaw = attrs.field(default=Flaw.NOT_JSON, converter=Flaw)


@attrs.frozen
class Drifted:
    """Answer a GET in a way that the API's pages don't show, though sibling pages may."""

    drift: Drift = attrs.field(default=Drift.SIBLING_SPELLINGS, converter=Drift)


Effect: TypeAlias = Status | Latency | Stall | Drop | OtherCustomer | Malformed | Drifted
_EFFECTS: tuple[type[Effect | NotificationEffect], ...] = (*get_args(Effect), *NOTIFICATION_EFFECTS)


def _is_effect(rule: "Rule", field: "attrs.Attribute[Any]", value: object) -> None:
    if not isinstance(value, _EFFECTS):
        raise ValueError("effect must be one of the effects")
    if isinstance(value, NOTIFICATION_EFFECTS) and rule.endpoint is not None:
        raise ValueError("endpoint must be left out for an effect on notifications")


def _counts(nth: Any) -> Any:
    several = isinstance(nth, Iterable) and not isinstance(nth, str | bytes | Mapping)
    counts = [*nth] if several else [nth]
    return frozenset(counts) if all(type(n) is int for n in counts) else nth


_NTH = {"type": "integer", "minimum": 1}
_from_one = Check(
    "a whole number from 1, an array of them, or null",
    {"anyOf": [_NTH, {"type": "array", "items": _NTH}, {"type": "null"}]},
    lambda nth: nth is None or (isinstance(nth, frozenset) and min(nth, default=1) >= 1),
    whole=True,
)


@attrs.frozen
class Rule:
    """When something goes wrong, and how: with requests, or with notifications, as ``effect`` has it.

    Attributes:
        effect: What happens.
        endpoint: ``"get_seller_accounts"``, ``"delete_seller_account"`` or ``"connect_account"``;
            None for any of them, and for notifications.
        customer: Only for this customer; None for any.
        nth: Only the nth matching call or notification, from 1; may be several. None for every one.
        probability: From 0 to 1, of each such one; drawn from the seed.
    """

    effect: Effect | NotificationEffect = attrs.field(validator=_is_effect)
    endpoint: Endpoint | None = attrs.field(
        default=None, validator=choice(None, *get_args(Endpoint)), kw_only=True
    )
    customer: str | None = attrs.field(
        default=None,
        validator=text(optional=True),
        repr=lambda customer: "None" if customer is None else "'***'",
        kw_only=True,
    )
    nth: frozenset[int] | None = attrs.field(
        default=None, converter=_counts, validator=_from_one, kw_only=True
    )
    probability: float = attrs.field(
        default=1.0,
        validator=number(0, 1),
        kw_only=True,
    )

    def matches(self, request: ApiRequest) -> bool:
        """Whether the rule is about such calls at all."""
        return (
            request.endpoint is not None
            and not isinstance(self.effect, NOTIFICATION_EFFECTS)
            and self.endpoint in (None, request.endpoint)
            and self.customer in (None, request.customer)
        )

    def matches_notification(self, customer: str) -> bool:
        """Whether the rule is about notifications for that customer."""
        return isinstance(self.effect, NOTIFICATION_EFFECTS) and self.customer in (None, customer)


@attrs.frozen
class RateLimit:
    """At most so many API requests in any second of the service's clock; the rest get 429.

    Attributes:
        per_second: 1 or more.
        retry_after: Value of ``Retry-After`` in seconds; None for no such header.
    """

    per_second: int = attrs.field(validator=number(1, whole=True))
    retry_after: float | None = attrs.field(default=1, validator=number(0, optional=True), kw_only=True)
    body: ErrorBody = attrs.field(default=ErrorBody.MESSAGE, converter=ErrorBody, kw_only=True)


# -- as JSON

_NAMES = {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", effect.__name__).lower(): effect for effect in _EFFECTS}


_EFFECT = {
    "description": "What happens: an object with one member, the effect's name.",
    "oneOf": [
        {
            "type": "object",
            "properties": {name: schema_of(effect)},
            "required": [name],
            "additionalProperties": False,
        }
        for name, effect in _NAMES.items()
    ],
}
_OF_NOTIFICATIONS = [name for name, effect in _NAMES.items() if issubclass(effect, NOTIFICATION_EFFECTS)]
RULE = {
    **schema_of(Rule, effect=_EFFECT),
    "if": {"properties": {"effect": {"anyOf": [{"required": [name]} for name in _OF_NOTIFICATIONS]}}},
    "then": {"properties": {"endpoint": {"type": "null"}}},
}
"""A rule as JSON Schema."""
SCRIPT: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "What goes wrong at the emulator, and when",
    "description": "Rules apply in order: latencies add up, and the first other effect that is due decides.",
    "type": "object",
    "properties": {
        "rules": {"type": "array", "items": RULE},
        "rate_limit": {"anyOf": [schema_of(RateLimit), {"type": "null"}]},
    },
    "additionalProperties": False,
}
"""A script of faults as JSON Schema."""


def read_script(script: Any) -> tuple[list[Rule], RateLimit | None]:
    """The rules and the rate limit of a script.

    Raises:
        ValueError: It can't be understood; says where.
    """
    refuse_deep(script)
    if not isinstance(script, dict):
        raise ValueError("$: expected an object")
    refuse_unknown(script, SCRIPT["properties"], "$")
    rules = [read_rule(item, where) for item, where in items_of(script, "rules", "$")]
    limit = script.get("rate_limit")
    return rules, None if limit is None else build(RateLimit, limit, "$.rate_limit")


def write_script(rules: Iterable[Rule], rate_limit: RateLimit | None) -> dict[str, Any]:
    """A script that reads as these."""
    limit = None if rate_limit is None else attrs.asdict(rate_limit)
    return {"rules": [_written(rule) for rule in rules], "rate_limit": limit}


def read_rule(item: Any, where: str) -> Rule:
    """A rule of a script.

    Raises:
        ValueError: It can't be understood; says where, and what would be valid.
    """
    if isinstance(item, dict):
        refuse_unknown(item, attrs.fields_dict(Rule), where)
    effect = item.get("effect") if isinstance(item, dict) else None
    return build(Rule, item, where, effect=_effect(effect, f"{where}.effect"))


def _effect(value: Any, where: str) -> Effect | NotificationEffect:
    if not isinstance(value, dict) or len(value) != 1 or not value.keys() <= _NAMES.keys():
        raise ValueError(f"{where}: expected an object with one member, of {', '.join(_NAMES)}")
    ((name, members),) = value.items()
    return build(_NAMES[name], members, f"{where}.{name}")


def _written(rule: Rule) -> dict[str, Any]:
    name = next(name for name, effect in _NAMES.items() if isinstance(rule.effect, effect))
    members = attrs.asdict(rule, recurse=False)
    nth = None if rule.nth is None else sorted(rule.nth)
    return {**members, "nth": nth, "effect": {name: attrs.asdict(rule.effect)}}
