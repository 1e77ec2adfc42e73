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


def changed_shape(one: Any, copy: Any, data: Container[str], path: str = "$") -> Iterator[str]:
    """Where a copy differs in what has to stay: keys, but for those that are data, types, lengths.

    Whether a key is data is asked of the document's own: of it alone it has to be so.

    Args:
        data: Texts that stand in the document as values.
    """
    if type(one) is not type(copy) or (isinstance(one, str | dict | list) and len(one) != len(copy)):
        yield path
    elif isinstance(one, dict):
        for (key, value), (other, its) in zip(one.items(), copy.items(), strict=True):
            is_data = key in data or _DATA_AS_KEY.search(key) is not None
            if len(key) != len(other) or (key != other and not is_data):
                yield f"{path}: {key!r}"
            yield from changed_shape(value, its, data, f"{path}.{key}")
    elif isinstance(one, list):
        for number, (value, its) in enumerate(zip(one, copy, strict=True)):
            yield from changed_shape(value, its, data, f"{path}[{number}]")


def secrets(document: Any) -> set[str]:
    """Every text of four and more characters that is no vocabulary."""
    return {
        value
        for key, value in leaves(document)
        if isinstance(value, str) and len(value) >= 4 and key not in MEMBER_NAMES and not _is_term(value)
    }
