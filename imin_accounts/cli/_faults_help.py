"""What a script of faults may hold, for people: its JSON Schema as an indented list."""

import json
import textwrap
from collections.abc import Iterator
from typing import Any

__all__ = ["faults_help"]

_WIDTH = 100


def faults_help(schema: Any) -> str:
    """Every member, effect and value."""
    rule = schema["properties"]["rules"]["items"]
    limit = schema["properties"]["rate_limit"]["anyOf"][0]
    example = {"rules": [{"nth": 1, "effect": {"status": {"status": 503, "retry_after": 2}}}]}
    lines = [
        f"A faults file is a JSON object with rules, an array, and rate_limit. {schema['description']}",
        f"For instance: {json.dumps(example)}",
        "",
        f"A rule: {rule['description']}",
        *_members(rule),
        "",
        "An effect is an object with one member, the effect's name:",
    ]
    for effect in rule["properties"]["effect"]["oneOf"]:
        ((name, members),) = effect["properties"].items()
        lines += ["", f"  {name}: {members['description']}", *_members(members, "    ")]
    lines += ["", f"rate_limit: {limit['description']}", *_members(limit)]
    return "\n".join(line for each in lines for line in _wrapped(each))


def _members(schema: Any, indent: str = "  ") -> Iterator[str]:
    for name, member in schema["properties"].items():
        words = [member.get("description", "").rstrip(".")]
        if values := _values(member):
            words.append(values)
        if name in schema.get("required", ()):
            words.append("required")
        elif "default" in member:
            words.append(f"default {json.dumps(member['default'])}")
        yield f"{indent}{name}: {'; '.join(filter(None, words))}"


def _values(schema: Any) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(map(json.dumps, schema["enum"]))
    if "anyOf" in schema:
        return ", or ".join(map(_values, schema["anyOf"]))
    if "type" not in schema:
        return ""
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    bounds = f" from {schema['minimum']:g}" if "minimum" in schema else ""
    bounds += f" to {schema['maximum']:g}" if "maximum" in schema else ""
    items = f" of {_values(schema['items'])}" if "items" in schema else ""
    return " or ".join(f"{kind}{bounds if kind in ('number', 'integer') else ''}{items}" for kind in kinds)


def _wrapped(line: str) -> list[str]:
    indent = line[: len(line) - len(line.lstrip())]
    return textwrap.wrap(line, _WIDTH, subsequent_indent=f"{indent}    ", break_on_hyphens=False) or [""]
