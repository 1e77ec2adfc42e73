"""The peers of the decode benchmark, each with models rebuilt from ours: same fields, types and names.

pydantic with a union tells the kinds of account apart by their members, as ours does. The other peers, and
pydantic once more, get one class of account with the members of all kinds, which spares them the question.
None but ours and the pydantic that says so keeps unknown members; none but ours looks at a link.
"""

import dataclasses
from collections.abc import Callable, Mapping
from datetime import datetime
from types import UnionType
from typing import Annotated, Any, TypeAlias, Union, get_args, get_origin

import adaptix
import attrs
import cattrs
import cattrs.gen
import mashumaro.codecs.orjson
import mashumaro.config
import msgspec
import orjson
import pydantic

from imin_accounts import models

Decode: TypeAlias = Callable[[bytes], object]
Build: TypeAlias = Callable[[str, dict[str, tuple[str, Any, Any]]], Any]
"""Makes a class of a name and fields: JSON key, type and default (``attrs.NOTHING`` if needed) by name."""

_OWN = (models.ConnectedAccount, models.UnconnectedAccount)


def _rebuilt(build: Build, union: bool = False) -> Any:
    """The class of whole replies, made of nothing but what ``build`` makes."""
    made: dict[type, Any] = {}

    def translated(type_: Any) -> Any:
        origin, arguments = get_origin(type_), get_args(type_)
        if type_ == models.SellerAccount:
            return rebuilt(_OWN[0]) | rebuilt(_OWN[1]) if union else merged()
        if origin is Annotated:
            return translated(arguments[0])
        if origin in (Union, UnionType):
            return translated(arguments[0]) | None
        if origin is tuple:
            return tuple[translated(arguments[0]), ...]  # type: ignore[misc]
        return rebuilt(type_) if attrs.has(type_) else type_

    def fields_of(cls: type, needed: str = "") -> dict[str, tuple[str, Any, Any]]:
        fields = {}
        for field in attrs.fields(cls):
            if keys := field.metadata["keys"]:
                # What the documented reply shows as one, though there may be several.
                ones: dict[str, Any] = {"access_passes": models.AccessPass}
                if cls is not models.SellerAccounts:
                    ones["context"] = str
                one = field.name in ones
                type_ = translated(ones[field.name]) | None if one else translated(field.type)
                default = attrs.NOTHING if field.name == needed else None if one else field.default
                fields[field.name] = (keys[0], type_, default)
        return fields

    def rebuilt(cls: Any) -> Any:
        if cls not in made:
            needed = {_OWN[0]: "date_linked", _OWN[1]: "matching_email_exists"} if union else {}
            made[cls] = build(cls.__name__, fields_of(cls, needed.get(cls, "")))
        return made[cls]

    def merged() -> Any:
        both = {**fields_of(_OWN[0]), **fields_of(_OWN[1])}
        both["matching_email_exists"] = ("imin:matchingEmailExists", bool | None, None)
        return build("Account", both)

    return rebuilt(models.SellerAccounts)


def _msgspec() -> Decode:
    def build(name: str, fields: dict[str, tuple[str, Any, Any]]) -> Any:
        named = [
            (
                field,
                type_,
                msgspec.field(name=key)
                if default is attrs.NOTHING
                else msgspec.field(name=key, default=default),
            )
            for field, (key, type_, default) in fields.items()
        ]
        return msgspec.defstruct(name, named, frozen=True, kw_only=True)

    return msgspec.json.Decoder(_rebuilt(build)).decode


def _pydantic(union: bool, extra: str = "ignore") -> Decode:
    config = pydantic.ConfigDict(frozen=True, extra=extra)  # type: ignore[typeddict-item]

    def build(name: str, fields: dict[str, tuple[str, Any, Any]]) -> Any:
        named = {
            field: (type_, pydantic.Field(... if default is attrs.NOTHING else default, alias=key))
            for field, (key, type_, default) in fields.items()
        }
        return pydantic.create_model(name, __config__=config, **named)  # type: ignore[call-overload]

    decode: Decode = _rebuilt(build, union).model_validate_json
    return decode


def _dataclass(name: str, fields: dict[str, tuple[str, Any, Any]]) -> Any:
    named = []
    for field, (key, type_, default) in fields.items():
        value: Any = dataclasses.MISSING if default is attrs.NOTHING else default
        named.append((field, type_, dataclasses.field(default=value, metadata={"alias": key})))
    return dataclasses.make_dataclass(name, named, frozen=True, slots=True, kw_only=True)


def _mashumaro() -> Decode:
    return mashumaro.codecs.orjson.ORJSONDecoder(_rebuilt(_dataclass)).decode


def _adaptix() -> Decode:
    names: list[Any] = []

    def build(name: str, fields: dict[str, tuple[str, Any, Any]]) -> Any:
        cls = _dataclass(name, fields)
        names.append(adaptix.name_mapping(cls, map={field: key for field, (key, _, _) in fields.items()}))
        return cls

    cls = _rebuilt(build)
    load = adaptix.Retort(recipe=names).get_loader(cls)
    return lambda data: load(orjson.loads(data))


def _cattrs() -> Decode:
    converter = cattrs.Converter(detailed_validation=False)
    converter.register_structure_hook(datetime, lambda value, _: datetime.fromisoformat(value))

    def build(name: str, fields: dict[str, tuple[str, Any, Any]]) -> Any:
        named = {
            field: attrs.field(type=type_, default=default) for field, (_, type_, default) in fields.items()
        }
        cls: Any = attrs.make_class(name, named, frozen=True, slots=True, kw_only=True)
        keys: dict[str, Any] = {
            field: cattrs.gen.override(rename=key) for field, (key, _, _) in fields.items()
        }
        converter.register_structure_hook(cls, cattrs.gen.make_dict_structure_fn(cls, converter, **keys))
        return cls

    cls = _rebuilt(build)
    return lambda data: converter.structure(orjson.loads(data), cls)


PEERS: Mapping[str, Callable[[], Decode]] = {
    "msgspec, Structs": _msgspec,
    "pydantic, one class of account": lambda: _pydantic(union=False),
    "pydantic, union": lambda: _pydantic(union=True),
    "pydantic, union, unknown members kept": lambda: _pydantic(union=True, extra="allow"),
    "mashumaro": _mashumaro,
    "adaptix": _adaptix,
    "stock cattrs": _cattrs,
}
