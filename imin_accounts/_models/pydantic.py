"""Models as fields and results in pydantic and FastAPI: read from JSON-LD, written as JSON-LD.

pydantic calls these hooks; it is neither needed nor imported otherwise.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar

from imin_accounts.errors import DecodeError


class InPydantic:
    """A class that pydantic validates with ``from_jsonld`` and serialises with ``to_jsonld``."""

    __slots__ = ()
    _is_of_any_json: ClassVar[bool] = False

    @classmethod
    def __get_pydantic_core_schema__(cls, _: Any, __: Any) -> Any:
        make = import_module("pydantic_core.core_schema")
        package = import_module("imin_accounts")  # its two functions stand above the models

        def validate(value: Any) -> Any:
            if type(value) is cls:
                return value
            if not isinstance(value, Mapping):
                if cls._is_of_any_json:
                    return package.UnrecognisedAccount(document=value)
                raise ValueError("expected an object")
            try:
                return package.from_jsonld(value, cls)
            except DecodeError as error:
                wrong = str(error)
            raise ValueError(wrong)

        written = make.plain_serializer_function_ser_schema(package.to_jsonld)
        return make.no_info_plain_validator_function(validate, serialization=written)

    @classmethod
    def __get_pydantic_json_schema__(cls, _: Any, __: Any) -> dict[str, Any]:
        return {"type": "object", "title": cls.__name__, "description": "JSON-LD, as imin sends it."}
