"""Whether a model holds exactly what its annotations say."""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin

import attrs


def mistyped(value: Any, annotation: Any, path: str = "accounts") -> Iterator[str]:
    """The places at and below ``path`` where a value is not of exactly the annotated type."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is Any:
        return
    if origin is Annotated:
        yield from mistyped(value, arguments[0], path)
    elif origin in (Union, types.UnionType):
        if all([*mistyped(value, each)] for each in arguments):
            yield path
    elif type(value) is not (origin or annotation):
        yield path
    elif origin is tuple:
        for i, each in enumerate(value):
            yield from mistyped(each, arguments[0], f"{path}[{i}]")
    elif attrs.has(annotation):
        for field in attrs.fields(annotation):
            yield from mistyped(getattr(value, field.name), field.type, f"{path}.{field.name}")
