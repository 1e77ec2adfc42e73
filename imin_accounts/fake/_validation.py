"""What values the emulator's settings and its JSON files may have, and how to say so.

A check refuses in words, for people, and has the same as JSON Schema. No refusal of a setting echoes the
value; every refusal of a file says where in it, and what would have been valid.
"""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

import attrs

__all__ = [
    "Check",
    "aware",
    "build",
    "choice",
    "either",
    "field_value",
    "flag",
    "items_of",
    "moment",
    "nodes",
    "number",
    "objects_of",
    "refuse_deep",
    "refuse_unknown",
    "schema_of",
    "text",
    "text_of",
]

_DEEPEST = 64

T = TypeVar("T", bound=attrs.AttrsInstance)


@attrs.frozen
class Check:
    """What a member may be: a validator for attrs, which can say itself.

    Attributes:
        words: After "must be".
        schema: The same as JSON Schema.
        accepts: Whether a value is one.
        whole: Whether its numbers are whole ones.
    """

    words: str
    schema: Mapping[str, Any]
    accepts: Callable[[Any], bool]
    whole: bool = False

    def __call__(self, _: object, field: "attrs.Attribute[Any]", value: Any) -> None:
        if not self.accepts(value):
            raise ValueError(f"{field.name} must be {self.words}")


def _or_null(check: Check, optional: bool) -> Check:
    if not optional:
        return check
    schema = {**check.schema, "type": [check.schema["type"], "null"]}
    return attrs.evolve(
        check,
        words=f"{check.words}, or null",
        schema=schema,
        accepts=lambda value: value is None or check.accepts(value),
    )


def _is_text(value: object) -> bool:
    """Whether it is a string that can be sent: Python's JSON takes half of a pair, ``"\\ud800"``, for one."""
    return isinstance(value, str) and not re.search("[\ud800-\udfff]", value)


def _json(value: object) -> str:
    return "null" if value is None else f'"{value}"' if isinstance(value, str) else str(value)


def text(*, optional: bool = False, filled: bool = False) -> Check:
    """A string; a ``filled`` one has a character at least."""
    words, schema = ("a string that is not empty", {"minLength": 1}) if filled else ("a string", {})
    check = Check(
        words,
        {"type": "string", **schema},
        lambda value: _is_text(value) and bool(value or not filled),
    )
    return _or_null(check, optional)


def field_value() -> Check:
    """What may stand in a header: it could not be sent with a line break, nor with letters beyond Latin-1.

    See RFC 9110, section 5.5.
    """
    other = r"[^\t -~\u00a0-\u00ff]"
    return Check(
        "a string without control characters, in Latin-1",
        {"type": "string", "not": {"pattern": other}},
        lambda value: isinstance(value, str) and re.search(other, value) is None,
    )


def flag(*, optional: bool = False) -> Check:
    """True or False."""
    check = Check("true or false", {"type": "boolean"}, lambda value: isinstance(value, bool))
    return _or_null(check, optional)


def number(low: float, high: float = 1e9, *, whole: bool = False, optional: bool = False) -> Check:
    """A number from ``low`` to ``high``, both included."""
    kinds, name, article = ((int,), "integer", "a whole") if whole else ((int, float), "number", "a")
    check = Check(
        f"{article} number from {low:g} to {high:g}",
        {"type": name, "minimum": low, "maximum": high},
        lambda value: type(value) in kinds and low <= value <= high,
        whole=whole,
    )
    return _or_null(check, optional)


def choice(*values: object) -> Check:
    """One of ``values``."""
    return Check(
        f"one of {', '.join(map(_json, values))}",
        {"enum": [*values]},
        lambda value: value in values,
        whole=any(isinstance(value, int) for value in values),
    )


def either(first: Check, second: Check) -> Check:
    """What either of two checks accepts."""
    return Check(
        f"{first.words}, or {second.words}",
        {"anyOf": [first.schema, second.schema]},
        lambda value: first.accepts(value) or second.accepts(value),
    )


def nodes() -> Check:
    """JSON-LD objects, which are sent as they are."""
    return Check(
        "an array of JSON-LD objects",
        {"type": "array", "items": {"type": "object"}},
        lambda value: isinstance(value, list | tuple) and all(isinstance(each, Mapping) for each in value),
    )


def moment(*, optional: bool = False) -> Check:
    """A ``datetime`` with an offset; in JSON a date-time."""
    check = Check(
        "a date and time aware of its offset, such as 2026-01-31T09:30:00Z",
        {"type": "string", "format": "date-time"},
        lambda value: isinstance(value, datetime) and value.utcoffset() is not None,
    )
    return _or_null(check, optional)


aware = moment()


# -- classes as JSON Schema


def schema_of(cls: type[attrs.AttrsInstance], **members: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON objects of which ``build`` makes instances of ``cls``.

    What a member means is what the class's docstring says of the attribute.

    Args:
        members: Schemas of those that have no check of their own.
    """
    said = _attributes(cls.__doc__ or "")
    properties: dict[str, Any] = {}
    for field in attrs.fields(cls):
        schema = dict(members.get(field.name) or _schema_of_field(field))
        if field.name in said:
            schema["description"] = said[field.name]
        if field.default is None or isinstance(field.default, str | int | float):
            schema["default"] = field.default
        properties[field.name] = schema
    required = [field.name for field in attrs.fields(cls) if field.default is attrs.NOTHING]
    summary = " ".join((cls.__doc__ or "").partition("\n\n")[0].split())
    return {
        **({"description": summary} if summary else {}),
        "type": "object",
        "properties": properties,
        **({"required": required} if required else {}),
        "additionalProperties": False,
    }


def _schema_of_field(field: "attrs.Attribute[Any]") -> Mapping[str, Any]:
    if isinstance(field.validator, Check):
        return field.validator.schema
    if isinstance(field.type, type) and issubclass(field.type, StrEnum):
        return {"enum": [str(each) for each in field.type]}
    raise AssertionError(f"{field.name}: nobody says what it may be")


def _attributes(docstring: str) -> dict[str, str]:
    """What the section "Attributes" of a docstring says of each; several may share one line."""
    said: dict[str, str] = {}
    _, _, section = inspect.cleandoc(docstring).partition("Attributes:\n")  # Python 3.13 cleans it by itself
    names: list[str] = []
    for line in section.splitlines():
        if found := re.match(r" {4}(\w+(?:, \w+)*): (.+)", line):
            names = found[1].split(", ")
            said.update(dict.fromkeys(names, found[2].strip()))
        elif line.startswith(" " * 8):
            said.update({name: f"{said[name]} {line.strip()}" for name in names})
        elif line.strip():
            break
    return {name: re.sub(r"\bNone\b", "null", words.replace("``", "")) for name, words in said.items()}


# -- files


def refuse_deep(value: Any) -> None:
    """Refuse what is nested deeper than any snapshot or script; copying it would need as much of the stack.

    Raises:
        ValueError: It is.
    """
    level: list[Any] = [value]
    for _ in range(_DEEPEST):
        level = [
            each
            for node in level
            if isinstance(node, dict | list)
            for each in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return
    raise ValueError(f"$: nested over {_DEEPEST} deep")


def build(cls: type[T], members: Any, where: str, **more: Any) -> T:
    """An instance of the attrs class ``cls``, which checks the values itself.

    Args:
        members: A JSON object whose members are fields of ``cls``.
        where: The JSON path of it.
        more: Fields that don't come from ``members``, or were read already.

    Raises:
        ValueError: Not an object, an unknown or missing member, or a value that ``cls`` refuses.
    """
    fields = attrs.fields(cls)
    known = [field.name for field in fields]
    if not isinstance(members, dict):
        raise ValueError(f"{where}: expected an object; its members may be {', '.join(known) or 'none'}")
    refuse_unknown(members, known, where)
    values = {**members, **more}
    for field in fields:
        if field.name in members and isinstance(field.validator, Check) and field.validator.whole:
            values[field.name] = _whole(members[field.name])
        if field.default is attrs.NOTHING and field.name not in values:
            raise ValueError(f"{where}: {field.name} is required")
        kind = field.type if isinstance(field.type, type) and issubclass(field.type, StrEnum) else None
        if kind is not None and field.name in members and members[field.name] not in [*kind]:
            raise ValueError(f"{where}: {field.name} must be one of {', '.join(map(_json, kind))}")
    try:
        return cls(**values)
    except ValueError as error:
        reason = str(error)
    raise ValueError(f"{where}: {reason}")


def _whole(value: Any) -> Any:
    """A number of a file: JSON has one kind of them, in which 2.0 is 2."""
    if isinstance(value, list):
        return [_whole(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def refuse_unknown(members: Iterable[str], known: Iterable[str], where: str) -> None:
    """Refuse a member that is not among the known ones.

    Raises:
        ValueError: There is one; lists the known ones.
    """
    for name in sorted({*members} - {*known}):
        raise ValueError(f"{where}: there is no member {name!r}; there may be {', '.join(known) or 'none'}")


def items_of(members: dict[str, Any], key: str, where: str) -> list[tuple[Any, str]]:
    """The items of the array ``key``, each with its path; none where it is absent."""
    items = members.get(key, [])
    if not isinstance(items, list):
        raise ValueError(f"{where}.{key}: expected an array")
    return [(item, f"{where}.{key}[{i}]") for i, item in enumerate(items)]


def objects_of(members: dict[str, Any], key: str, where: str) -> tuple[dict[str, Any], ...]:
    """The array ``key``, all of whose items are objects."""
    for item, path in items_of(members, key, where):
        if not isinstance(item, dict):
            raise ValueError(f"{path}: expected an object")
    return tuple(members.get(key, ()))


def text_of(members: Any, key: str, where: str) -> str:
    """The string ``key`` of an object."""
    if not isinstance(members, dict):
        raise ValueError(f"{where}: expected an object")
    if not _is_text(members.get(key)):
        raise ValueError(f"{where}.{key}: expected a string")
    value: str = members[key]
    return value
