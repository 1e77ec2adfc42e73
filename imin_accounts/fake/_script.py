"""Rules as a JSON file holds them."""

import re
from collections.abc import Iterable
from typing import Any

import attrs

from imin_accounts.fake._reading import build, listed
from imin_accounts.fake._rules import EFFECTS, Effect, RateLimit, Rule

__all__ = ["read_script", "write_script"]

_NAMES = {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", effect.__name__).lower(): effect for effect in EFFECTS}


def read_script(script: Any) -> tuple[list[Rule], RateLimit | None]:
    """The rules and the rate limit of a script.

    Raises:
        ValueError: It can't be understood; says where.
    """
    if not isinstance(script, dict):
        raise ValueError("$: expected an object")
    for name in script.keys() - {"rules", "rate_limit"}:
        raise ValueError(f"$: there is no member {name!r}")
    rules = [_rule(item, where) for item, where in listed(script, "rules", "$")]
    limit = script.get("rate_limit")
    return rules, None if limit is None else build(RateLimit, limit, "$.rate_limit")


def write_script(rules: Iterable[Rule], rate_limit: RateLimit | None) -> dict[str, Any]:
    """A script that reads as these."""
    limit = None if rate_limit is None else attrs.asdict(rate_limit)
    return {"rules": [_written(rule) for rule in rules], "rate_limit": limit}


def _rule(item: Any, where: str) -> Rule:
    effect = item.get("effect") if isinstance(item, dict) else None
    return build(Rule, item, where, effect=_effect(effect, f"{where}.effect"))


def _effect(value: Any, where: str) -> Effect:
    if not isinstance(value, dict) or len(value) != 1 or not value.keys() <= _NAMES.keys():
        raise ValueError(f"{where}: expected an object with one member of {', '.join(_NAMES)}")
    ((name, members),) = value.items()
    return build(_NAMES[name], members, f"{where}.{name}")


def _written(rule: Rule) -> dict[str, Any]:
    name = next(name for name, effect in _NAMES.items() if isinstance(rule.effect, effect))
    members = attrs.asdict(rule, recurse=False)
    nth = None if rule.nth is None else sorted(rule.nth)
    return {**members, "nth": nth, "effect": {name: attrs.asdict(rule.effect)}}
