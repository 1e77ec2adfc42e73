"""The fast reader: for each class a function that knows the API's own form and nothing else.

Any other form (another spelling, an unknown member, a null, a wrong type) raises one of ``ODD``; the
careful reader then reads that item again and finds out what it is. So nothing here needs a path, a
message or a second try.

The functions are generated: a loop over fields, or a call for each value, costs more than the reading
itself. A frozen class would set each slot through a slow call, so they fill a twin, a class of the same
slots that is not frozen, and then declare the object an instance of the frozen class.
"""

import linecache
import sys
from collections.abc import Callable
from datetime import datetime
from textwrap import indent
from types import UnionType
from typing import Any, TypeAlias, Union, get_args, get_origin

import attrs
import orjson

from imin_accounts._node import NOTHING_EXTRA, Context, Link, Private, is_link
from imin_accounts.models import ActionStatus, Entitlement, EntitlementType, Seller, SellerAccounts

ODD = (AttributeError, LookupError, TypeError, ValueError)
"""What a fast reader raises at any form but the API's own."""

_WITH_ID = (Seller, Entitlement, EntitlementType, SellerAccounts)
"""Classes that the documented reply shows with an ``@id``."""

Field: TypeAlias = "attrs.Attribute[Any]"

# How the value v becomes a field, by the field's type; {0} is the field's name, {1} a test from _HAS_CONTROL.
_TEXT = """
if type(v) is not str: raise ValueError
self.{0} = v
"""
_STATEMENTS: dict[Any, str] = {
    str: _TEXT,
    Private: _TEXT,
    bool: """
if type(v) is not bool: raise ValueError
self.{0} = v
""",
    # Every third character from the fifth on is a separator: "2021-01-27T12:00:00Z"[4::3] == "--T::Z",
    # "2021-01-27T12:00:00+01:00"[4::3] == "--T::+:". Of all that fromisoformat takes, these two forms
    # leave RFC 3339 with whole seconds; and offsets such as +01:60, which the second test refuses.
    datetime: """
form = v[4::3]
if form != "--T::Z" and (form != "--T::+:" or v[23] > "5"): raise ValueError
self.{0} = date(v)
""",
    ActionStatus: """
self.{0} = STATUSES[v]
""",
    Link: """
if not v.startswith(links.origins) or {1} or v[-1] == " " or "\\x7f" in v:
    links.check(v)
self.{0} = v
""",
    Context: """
if type(v) is str: self.{0} = (v,)
elif type(v) is not list or len(v) < 2: raise ValueError
else:
    for each in v:
        if type(each) is not str: raise ValueError
    self.{0} = tuple(v)
""",
    tuple[str, ...]: """
if type(v) is not list or not v: raise ValueError
for each in v:
    if type(each) is not str: raise ValueError
self.{0} = tuple(v)
""",
}
_NODE = """
self.{0} = read_{0}(v)
"""
_NODES = """
if type(v) is not list: raise ValueError
many = len(v)
if many == 1: self.{0} = (read_{0}(v[0]),)
elif many == 2: self.{0} = (read_{0}(v[0]), read_{0}(v[1]))
elif many: self.{0} = tuple(map(read_{0}, v))
else: raise ValueError
"""


_HAS_CONTROL = {True: "len(dumps(v)) != len(v) + 2", False: "not v.isascii()"}
"""Whether the text v may hold a control character, by whether the document has escapes (backslashes).

JSON can spell a control character only with an escape. So in a document without one there is none, and only
a text that isn't ASCII needs a closer look. In any other document the text is written as JSON again: where
nothing had to be escaped, and all is ASCII, that is two characters longer than the text, for the quotes.
"""


class _Links:
    """Checks links.

    Attributes:
        origins: Beginnings of links that were found good, such as ``"https://book.imin.co/"``; eight at
            most. Of a text without odd characters only scheme and host decide whether it is a link, so the
            next one from there needs no parsing.
    """

    origins: tuple[str, ...] = ()

    def check(self, link: str) -> None:
        if not is_link(link):
            raise ValueError
        end = link.find("/", len("https://")) + 1
        if end and len(self.origins) < 8:
            self.origins = (*self.origins, link[:end])


def date_without_24(text: str) -> datetime:
    """``fromisoformat`` as it was before Python 3.14, which takes 24:00 for the next day's 00:00."""
    if text[11:13] == "24":
        raise ValueError
    return datetime.fromisoformat(text)


_NAMES = {
    "date": datetime.fromisoformat if sys.version_info < (3, 14) else date_without_24,
    "STATUSES": {status.value: status for status in ActionStatus},
    "NOTHING_EXTRA": NOTHING_EXTRA,
    "dumps": orjson.dumps,
    "links": _Links(),
}


def _twin(cls: type) -> type:
    """A class like ``cls`` whose objects can be written to. They have the same slots in the same order, so
    Python lets one become a ``cls`` by an assignment to its ``__class__``.
    """
    thawed = {name: getattr(object, name) for name in ("__init__", "__setattr__", "__delattr__")}
    return type(cls.__name__, cls.__bases__, {"__slots__": cls.__dict__["__slots__"], **thawed})


def _reading(field: Field, converter: Any, names: dict[str, Any], escapes: bool) -> str:
    """The statements that read a field from ``o``; a hook that they call is put into ``names``."""
    type_: Any = field.type
    if get_origin(type_) in (Union, UnionType):
        type_ = next(part for part in get_args(type_) if part is not type(None))
    statements = _STATEMENTS.get(type_)
    if statements is None:
        element = next(iter(get_args(type_)), None)
        many = element is not None and attrs.has(element)
        names[f"read_{field.name}"] = converter.get_structure_hook(element if many else type_)
        statements = _NODES if many else _NODE
    return f"v = o[{field.metadata['keys'][0]!r}]" + statements.format(field.name, _HAS_CONTROL[escapes])


def _default(field: Field) -> str:
    required = field.default is attrs.NOTHING
    return "raise ValueError\n" if required else f"self.{field.name} = {field.default!r}\n"


def _straight(readings: dict[Field, str], without: set[str]) -> str:
    """Statements for an object with a member of every field but ``without``.

    A missing member raises, so by their number there is no unknown one.
    """
    absent = [field.metadata["keys"][0] for field in readings if field.name in without]
    lines = [_default(field) if field.name in without else reading for field, reading in readings.items()]
    tests = [f"count == {len(readings) - len(absent)}", *(f"{key!r} not in o" for key in absent)]
    return f"if {' and '.join(tests)}:\n" + indent("".join(lines), "    ")


def _looking(readings: dict[Field, str]) -> str:
    """Statements for an object with members of any fields; it is odd if there is another one."""
    lines = [f"if type(o) is not dict or count > {len(readings)}: raise ValueError\n"]
    for field, reading in readings.items():
        present = indent(reading, "    ")
        absent = indent(f"count += 1\n{_default(field)}", "    ")
        lines.append(f"if {field.metadata['keys'][0]!r} in o:\n{present}else:\n{absent}")
    lines.append(f"if count != {len(readings)}: raise ValueError\n")
    return "else:\n" + indent("".join(lines), "    ")


def node_reader(cls: Any, converter: Any, escapes: bool = True) -> Callable[..., Any]:
    """A hook for cattrs that reads ``cls`` in the API's own form, else raises one of ``ODD``.

    Args:
        escapes: Whether there may be escapes, which is to say backslashes, in the JSON text.
    """
    fields = [field for field in attrs.fields(cls) if field.metadata["keys"]]
    names = {**_NAMES, "Twin": _twin(cls), "Frozen": cls}
    readings = {field: _reading(field, converter, names, escapes) for field in fields}
    undocumented = {"entitlements"} if cls in _WITH_ID else {"entitlements", "id"}
    body = [
        "self = Twin()\ncount = len(o)\n",
        _straight(readings, undocumented),
        "el" + _straight(readings, set()),
        _looking(readings),
        "self.extra = NOTHING_EXTRA\n",
        "self.problems = ()\n" if "problems" in attrs.fields_dict(cls) else "",
        "self.__class__ = Frozen\nreturn self\n",
    ]
    source = "def read(o, _=None):\n" + indent("".join(body), "    ")
    # Under a name of its own, and known to linecache, its lines show in a traceback and in a debugger.
    file = f"<imin_accounts: reader of {cls.__name__}{'' if escapes else ', no escapes'}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    exec(compile(source, file, "exec"), names)
    read: Callable[..., Any] = names["read"]
    return read
