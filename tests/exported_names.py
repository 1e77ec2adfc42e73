"""What other people's code may depend on, as text: run it to renew the snapshot beside it.

python -m tests.exported_names > tests/exported_names.txt
"""

import inspect
from collections.abc import Iterator
from enum import Enum
from importlib import import_module
from types import ModuleType
from typing import Any

MODULES = (
    "imin_accounts",
    "imin_accounts.changes",
    "imin_accounts.cli.rows",
    "imin_accounts.errors",
    "imin_accounts.fake",
    "imin_accounts.feed",
    "imin_accounts.models",
    "imin_accounts.pytest_plugin",
    "imin_accounts.results",
    "imin_accounts.session",
    "imin_accounts.testing",
    "imin_accounts.transports",
)


def exported() -> str:
    """Every public module and its names with their signatures, a line each; a class's members once."""
    shown: set[object] = set()
    lines = [line for name in MODULES for line in _module(import_module(name), shown)]
    return "\n".join(["A change here is one for users: it takes a line in CHANGELOG.md.", "", *lines, ""])


def _module(module: ModuleType, shown: set[object]) -> Iterator[str]:
    yield module.__name__
    own = [name for name, value in vars(module).items() if _is_own(name, value, module)]
    for name in sorted(getattr(module, "__all__", own)):
        value = getattr(module, name)
        if inspect.isclass(value):
            bases = ", ".join(base.__name__ for base in value.__bases__ if base is not object)
            yield f"  class {name}({bases})"
            if value not in shown:
                yield from _class(value)
                shown.add(value)
        else:
            yield f"  {name}{_signature(value) if inspect.isfunction(value) else ''}"


def _is_own(name: str, value: Any, module: ModuleType) -> bool:
    return not name.startswith("_") and getattr(value, "__module__", None) == module.__name__


def _class(cls: type) -> Iterator[str]:
    if issubclass(cls, Enum):
        yield from (f"    {member.name} = {member.value!r}" for member in cls)
        return
    yield f"    {_signature(cls)}"
    ours = [vars(base) for base in cls.__mro__ if base.__module__.startswith("imin_accounts")]
    for name in sorted({name for members in ours for name in members if not name.startswith("_")}):
        yield from _member(name, inspect.getattr_static(cls, name))


def _member(name: str, found: Any) -> Iterator[str]:
    function = getattr(found, "__func__", found)
    if inspect.isfunction(function):
        yield f"    {'async ' if inspect.iscoroutinefunction(function) else ''}{name}{_signature(function)}"
    else:
        yield f"    {name}"


def _signature(of: Any) -> str:
    """Names, kinds and plain defaults; types are for the type checker, and every Python prints its own."""
    try:
        signature = inspect.signature(of)
    except ValueError:  # a subclass of a builtin type that has none
        return "(…)"
    parameters = []
    for parameter in signature.parameters.values():
        default = parameter.default
        if default is not parameter.empty and not isinstance(default, str | int | float | tuple | None):
            default = _OTHER
        parameters.append(parameter.replace(annotation=parameter.empty, default=default))
    return str(inspect.Signature(parameters))


class _Other:
    def __repr__(self) -> str:
        return "…"


_OTHER = _Other()

if __name__ == "__main__":
    print(exported(), end="")
