"""What generated readers and writers share: code that becomes a function, a type without None."""

import linecache
from types import UnionType
from typing import Any, Union, get_args, get_origin


def compiled(source: str, title: str, names: dict[str, Any]) -> None:
    """Run ``source``, which defines functions in ``names``.

    Under a title of its own, and known to linecache, its lines show in a traceback and in a debugger.
    """
    file = f"<imin_accounts: {title}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    exec(compile(source, file, "exec"), names)


def is_optional(type_: Any) -> bool:
    """Whether a type is another or None."""
    return get_origin(type_) in (Union, UnionType) and type(None) in get_args(type_)


def without_none(type_: Any) -> Any:
    """The other type of one that is optional; any other type as it is."""
    return next(each for each in get_args(type_) if each is not type(None)) if is_optional(type_) else type_
