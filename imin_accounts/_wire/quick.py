"""The quick readers: for each class a function that reads what has no problem, at about one speed.

It first tries the API's own form: exactly the documented members, or those and no more. Where that fails it
takes any members in any spelling (an unknown member, a null, ``id`` for ``@id``, another form of a date) and
keeps in ``extra`` what has to be kept. What has a problem raises ``Odd``: then the careful reader reads the
item again and finds out what it is. So nothing here needs a path or a message.

The functions are generated: a loop over fields, or a call for each value, costs more than the reading
itself. A frozen class would set each slot through a slow call, so they fill a twin, a class of the same
slots that is not frozen, and then declare the object an instance of the frozen class.
"""

import sys
from collections.abc import Callable, Collection
from datetime import datetime
from textwrap import indent
from typing import Any, NamedTuple, TypeAlias, get_args

import attrs
import orjson

from imin_accounts._models.node import Context, LastMoment, Link, Private, Term, keys_of, local_name
from imin_accounts._models.urls import is_link
from imin_accounts._models.values import MAX_DEPTH, NOTHING_EXTRA, as_received
from imin_accounts._wire.careful import Member
from imin_accounts._wire.generated import compiled, without_none
from imin_accounts._wire.limits import SIMPLE, Budget
from imin_accounts.errors import DecodeError
from imin_accounts.models import (
    CONNECTED_NAMES,
    CONNECTED_ONLY,
    UNCONNECTED_NAMES,
    AccessPass,
    ActionStatus,
    ConnectedAccount,
    Entitlement,
    EntitlementType,
    NoAccount,
    Seller,
    SellerAccounts,
    UnconnectedAccount,
)


class Odd(Exception):
    """The careful reader has to look at this item."""


UNLIKE = (AttributeError, LookupError, TypeError, ValueError)
"""What the statements for the own form raise at any other."""

Reader: TypeAlias = Callable[[Any, Budget], Any]
Field: TypeAlias = "attrs.Attribute[Any]"

ROOM = MAX_DEPTH // 2
"""Levels that a kept value may have here; where there are more, the careful reader counts exactly."""

_UNDOCUMENTED: dict[type, set[str]] = {
    AccessPass: {"id", "url", "code_type"},
    ConnectedAccount: {"id", "entitlements"},
    **{cls: set() for cls in (Seller, Entitlement, EntitlementType, SellerAccounts)},
}
"""The fields of members that the documented reply does not show, by class; of all others it is ``id``."""
_FOREIGN: dict[type, frozenset[str]] = {
    ConnectedAccount: UNCONNECTED_NAMES | {"seller"},
    **{cls: CONNECTED_NAMES | {"seller"} for cls in (UnconnectedAccount, NoAccount)},
}
"""The local names of members that, where they have no field, may be a contradiction or tell another state."""


class _Form(NamedTuple):
    """How the value ``v`` becomes a field, as Python. ``{0}`` is the field's name, ``{1}`` a
    test from _HAS_CONTROL, ``{2}`` a test for a type that the API's pages show.

    Attributes:
        kind: The type that ``v`` has to be of.
        test: What else has to be true of it; at a value of another type it is false or raises.
        value: What the field then holds.
    """

    kind: str
    test: str
    value: str


_TEXT = _Form("str", "", "v")
# Every third character from the fifth on is a separator: "2021-01-27T12:00:00Z"[4::3] == "--T::Z",
# "2021-01-27T12:00:00+01:00"[4::3] == "--T::+:". Of all that fromisoformat takes, these two forms
# leave RFC 3339 with whole seconds; and offsets such as +01:60, which the last test refuses.
_DATE = _Form("str", '((form := v[4::3]) == "--T::Z" or form == "--T::+:" and v[23] <= "5")', "date(v)")
_FORMS: dict[Any, _Form] = {
    str: _TEXT,
    Private: _TEXT,
    Term: _Form("str", "{2}", "v"),
    bool: _Form("bool", "", "v"),
    datetime: _DATE,
    LastMoment: _DATE,
    ActionStatus: _Form("str", "(status := STATUSES.get(v)) is not None", "status"),
    Link: _Form(
        "str",
        '(v.startswith(links.origins) and not ({1} or v[-1] == " " or "\\x7f" in v)'
        " or links.check(v, budget))",
        "v",
    ),
    Context: _Form(
        "(str if type(v) is str else list)",
        "type(v) is str or are_contexts(v)",
        "(v,) if type(v) is str else tuple(v)",
    ),
    tuple[str, ...]: _Form("list", "are_texts(v)", "tuple(v)"),
}
_NODE = _Form("dict", "", "read_{0}(v, budget)")
_MANY = (
    "((read_{0}(v[0], budget),) if len(v) == 1"
    " else (read_{0}(v[0], budget), read_{0}(v[1], budget)) if len(v) == 2"
    " else read_each(read_{0}, v, budget))"
)
_NODES = _Form("list", "type(v) is list and v", _MANY)
_ITEMS = _Form("list", "", "read_{0}(v, budget)")
_PASSES = _Form(
    "(dict if type(v) is dict else list)",
    "len(v) > 1 or type(v) is dict",
    "(read_{0}(v, budget),) if type(v) is dict else " + _MANY,
)


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

    def check(self, link: str, budget: Budget) -> bool:
        budget.take_link(link)
        if not is_link(link):
            return False
        end = link.find("/", len("https://")) + 1
        if end and len(self.origins) < 8:
            self.origins = (*self.origins, link[:end])
        return True


def date_without_24(text: str) -> datetime:
    """``fromisoformat`` as it was before Python 3.14, which takes 24:00 for the next day's 00:00."""
    if text[11:13] == "24":
        raise ValueError
    return datetime.fromisoformat(text)


def _are_texts(values: Any) -> bool:
    return type(values) is list and set(map(type, values)) == {str}


def _are_contexts(values: Any) -> bool:
    return _are_texts(values) and len(values) > 1


def _look_through(members: dict[str, Any], budget: Budget) -> None:
    try:
        for each in members.values():
            if type(each) not in SIMPLE:
                budget.look_through(each, ROOM)
        return
    except DecodeError:
        pass
    raise Odd


def _read_each(read: Reader, values: Any, budget: Budget) -> tuple[Any, ...]:
    return tuple([read(each, budget) for each in values])


_NAMES: dict[str, Any] = {
    "date": datetime.fromisoformat if sys.version_info < (3, 14) else date_without_24,
    "STATUSES": {status.value: status for status in ActionStatus},
    "NOTHING_EXTRA": NOTHING_EXTRA,
    "Odd": Odd,
    "SIMPLE": SIMPLE,
    "UNLIKE": UNLIKE,
    "are_texts": _are_texts,
    "are_contexts": _are_contexts,
    "as_received": as_received,
    "dumps": orjson.dumps,
    "links": _Links(),
    "local_name": local_name,
    "look_through": _look_through,
    "read_each": _read_each,
}


def _twin(cls: type) -> type:
    """A class like ``cls`` whose objects can be written to. They have the same slots in the same order, so
    Python lets one become a ``cls`` by an assignment to its ``__class__``.
    """
    thawed = {name: getattr(object, name) for name in ("__init__", "__setattr__", "__delattr__")}
    return type(cls.__name__, cls.__bases__, {"__slots__": cls.__dict__["__slots__"], **thawed})


class _Code:
    """Writes the statements that read a class from the object ``o``, and collects the names that they use.

    Attributes:
        names: What the statements refer to.
    """

    def __init__(self, cls: Any, converter: Any, careful: Any, escapes: bool) -> None:
        self._cls = cls
        self._fields = [field for field in attrs.fields(cls) if field.metadata["keys"]]
        own = frozenset(field.metadata["keys"][0] for field in self._fields)
        self.names = {**_NAMES, "Twin": _twin(cls), "Frozen": cls}
        self.names |= {"OWN": own, "ALIASES": keys_of(cls) - own, "FOREIGN": _FOREIGN.get(cls, frozenset())}
        self._forms = {field.name: self._form(field, converter, escapes) for field in self._fields}
        for field in self._fields:
            member = Member.of(field, careful)
            self.names |= {f"hook_{field.name}": member.hook, f"member_{field.name}": member}

    def _form(self, field: Field, converter: Any, escapes: bool) -> _Form:
        """The form of a field; a reader that it calls is put into ``names``."""
        type_ = without_none(field.type)
        form = _FORMS.get(type_, _NODE)
        if type_ not in _FORMS:
            element = next(iter(get_args(type_)), None)
            many = element is not None and attrs.has(element)
            self.names[f"read_{field.name}"] = converter.get_structure_hook(element if many else type_)
            if element is not None:
                form = _PASSES if element is AccessPass else _NODES if many else _ITEMS
        is_usual_type = " or ".join(f"v == {type!r}" for type in self._cls._types)
        return _Form(*(part.format(field.name, _HAS_CONTROL[escapes], is_usual_type) for part in form))

    def own_form(self, without: Collection[str], spelled: Collection[str] = ()) -> str:
        """For an object with a member of every field but ``without``; of ``spelled`` under their other key.

        A missing member raises, so by their number there is no unknown one.
        """
        lines, kept = [], []
        for field in self._fields:
            kind, test, value = self._forms[field.name]
            if field.name in without:
                lines.append(f"self.{field.name} = {field.default!r}\n")
                continue
            key = field.metadata["keys"][field.name in spelled]
            lines.append(f"v = o[{key!r}]\n")
            lines.append(f"if not ({test or f'type(v) is {kind}'}): raise ValueError\n")
            lines.append(f"self.{field.name} = {value}\n")
            if field.name in spelled:
                kept.append(f"{key!r}: o[{key!r}]")
        end = self._end(f"as_received({{{', '.join(kept)}}})" if kept else "NOTHING_EXTRA")
        return f"if count == {len(self._fields) - len(without)}:\n" + indent("".join(lines) + end, "    ")

    def some_members(self) -> str:
        """For an object with any of the members in the own form and no others."""
        lines = []
        for field in self._fields:
            kind, test, value = self._forms[field.name]
            key, absent = field.metadata["keys"][0], self._absent(field, "raise ValueError")
            lines.append(f"if {key!r} in o:\n    v = o[{key!r}]\n")
            lines.append(f"    if not ({test or f'type(v) is {kind}'}): raise ValueError\n")
            lines.append(f"    self.{field.name} = {value}\nelse: {absent}\n")
        lines += [self._refuse_untold("ValueError"), self._end("NOTHING_EXTRA")]
        return "elif count and OWN.issuperset(o):\n" + indent("".join(lines), "    ")

    def _absent(self, field: Field, refuse: str) -> str:
        """What is done where a member is not there. The one that tells the state has a validator."""
        needed = field.default is attrs.NOTHING or field.validator
        return refuse if needed else f"self.{field.name} = {field.default!r}"

    def _refuse_untold(self, error: str) -> str:
        """A connected account has to have a member that says so."""
        if self._cls is not ConnectedAccount:
            return ""
        telling = [f.name for f in self._fields if f.metadata["keys"][0] in CONNECTED_ONLY]
        return f"if {' and '.join(f'self.{name} in (None, ())' for name in telling)}: raise {error}\n"

    def any_form(self) -> str:
        """For an object with any members in any spelling."""
        lines = [
            "budget.take()\n",
            "kept, spelled = {}, False\n",
            "if not OWN.issuperset(o):\n",
            "    kept = {key: v for key in o.keys() - OWN if (v := o[key]) is not None and v != []}\n",
            "    if FOREIGN and not FOREIGN.isdisjoint(map(local_name, kept)): raise Odd\n",
            "    spelled = not ALIASES.isdisjoint(kept)\n",
            "    if not SIMPLE.issuperset(map(type, kept.values())): look_through(kept, budget)\n",
            *map(self._in_any_form, self._fields),
        ]
        lines.append(self._refuse_untold("Odd"))
        return "".join(lines) + self._end("as_received(kept) if kept else NOTHING_EXTRA")

    def _in_any_form(self, field: Field) -> str:
        name, (key, *aliases) = field.name, field.metadata["keys"]
        kind, test, value = self._forms[name]
        nothing = self._absent(field, "raise Odd")
        lines = [f"v = o.get({key!r})\n"]
        for alias in aliases:
            lines.append(f"if spelled and {alias!r} in kept:\n")
            lines.append(f"    if v is not None: raise Odd\n    v = kept[{alias!r}]\n")
        if instead := field.metadata["instead"]:
            lines += [
                f"if {instead!r} in kept:\n",
                f"    if type(v) not in SIMPLE: look_through({{{key!r}: v}}, budget)\n",
                f"    reading = member_{name}.read(o, budget)\n",
                "    if reading.problems: raise Odd\n",
                f"    if reading.raw: kept[{key!r}] = v\n",
                f"    self.{name} = reading.value\nel",
            ]
        lines += [
            f"if type(v) is {kind}{test and f' and ({test})'}: self.{name} = {value}\n",
            f"elif v is None or v == []: {nothing}\n",
            "else:\n",
            f"    reading = hook_{name}(v, budget)\n",
            "    if reading.problems: raise Odd\n",
            f"    if reading.raw and o.get({key!r}) is not None:\n",
            f"        kept[{key!r}] = v\n",
            f"        if type(v) not in SIMPLE: look_through({{{key!r}: v}}, budget)\n",
            f"    self.{name} = reading.value\n",
        ]
        return "".join(lines)

    def _end(self, extra: str) -> str:
        problems = "self.problems = ()\n" if "problems" in attrs.fields_dict(self._cls) else ""
        return f"self.extra = {extra}\n{problems}self.__class__ = Frozen\nreturn self\n"


def node_reader(cls: Any, converter: Any, careful: Any, escapes: bool = True) -> Reader:
    """A hook for cattrs that reads ``cls`` where there is no problem, else raises ``Odd``.

    Args:
        converter: Has the hooks of the classes inside.
        careful: Has the hooks for whatever is not of the API's own form.
        escapes: Whether there may be escapes, which is to say backslashes, in the JSON text.
    """
    code = _Code(cls, converter, careful, escapes)
    without, keywords = _UNDOCUMENTED.get(cls, {"id"}), ("id", "type")
    own = code.own_form(without) + "el" + code.own_form(()) + code.some_members()
    other = code.own_form(without, keywords) + "el" + code.own_form((), keywords)
    # Two functions, since a comprehension makes the names that it uses slower in the whole of its function.
    source = (
        "def read(o, budget):\n    self = Twin()\n    try:\n        count = len(o)\n"
        f"{indent(own, ' ' * 8)}    except UNLIKE: pass\n    return read_other(o, budget)\n\n"
        "def read_other(o, budget):\n    if type(o) is not dict: raise Odd\n    self = Twin()\n"
        f"    if 'type' in o:\n        count = len(o)\n        try:\n{indent(other, ' ' * 12)}"
        f"        except UNLIKE: pass\n    try:\n{indent(code.any_form(), ' ' * 8)}"
        "    except UNLIKE: pass\n    raise Odd\n"
    )
    compiled(source, f"reader of {cls.__name__}{'' if escapes else ', no escapes'}", code.names)
    read: Reader = code.names["read"]
    return read
