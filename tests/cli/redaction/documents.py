"""Comparing a document with its redacted copy, leaf by leaf."""

from collections.abc import Container, Iterator
from typing import Any

from imin_accounts.cli._redaction.reply import _DATA_AS_KEY, _is_term

MEMBER_NAMES = "@type", "type"


def leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that is no object or array, in order, with the key that it stands under."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from leaves(each, name)
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each, key)
    else:
        yield key, value


def shape(value: Any, data: Container[str]) -> Any:
    """What has to stay: keys, but for those that are data, types, lengths.

    Args:
        data: Texts that stand in the document as values.
    """
    if isinstance(value, dict):
        return [(_shape_of_key(key, data), shape(each, data)) for key, each in value.items()]
    if isinstance(value, list):
        return [shape(each, data) for each in value]
    return (type(value), len(value)) if isinstance(value, str) else type(value)


def _shape_of_key(key: str, data: Container[str]) -> str | int:
    return len(key) if key in data or _DATA_AS_KEY.search(key) else key


def secrets(document: Any) -> set[str]:
    """Every text of four and more characters that is no vocabulary."""
    return {
        value
        for key, value in leaves(document)
        if isinstance(value, str) and len(value) >= 4 and key not in MEMBER_NAMES and not _is_term(value)
    }
