"""Models to JSON-LD: generated writers, one for each class.

Every object and array that they make is a fresh one. A spelling that was received goes back if it still reads
as the field's value; otherwise the field wins, so ``attrs.evolve`` is honoured.
"""

from collections.abc import Callable
from datetime import datetime
from textwrap import indent
from typing import Any, get_args, get_origin

import attrs

from imin_accounts._models.node import Context, LastMoment, Link, Private, Term
from imin_accounts._models.values import same
from imin_accounts._wire.careful import Member
from imin_accounts._wire.generated import compiled, without_none
from imin_accounts._wire.limits import Budget
from imin_accounts.models import (
    CONNECTED_ONLY,
    AccessPass,
    ActionStatus,
    ConnectedAccount,
    SellerAccounts,
    UnrecognisedAccount,
)

Writer = Callable[[Any], Any]

# An expression for the member's value, by the field's type; v is the field's value, {0} its name.
_AS_IT_IS = "v"
_EXPRESSIONS: dict[Any, str] = {
    **dict.fromkeys((str, bool, Private, Link, Term), _AS_IT_IS),
    datetime: "v.isoformat()",
    LastMoment: "v.isoformat()",
    ActionStatus: "v.value",
    Context: "v[0] if len(v) == 1 else list(v)",
    tuple[str, ...]: "list(v)",
}


def node_writer(cls: Any, converter: Any, careful: Any) -> Writer:
    """A hook for cattrs that writes ``cls``.

    Args:
        converter: Has the hooks of the classes inside.
        careful: Has the hooks that read the spellings which were received.
    """
    fields = [field for field in attrs.fields(cls) if field.metadata["keys"]]
    names: dict[str, Any] = {"CONNECTED_ONLY": CONNECTED_ONLY}
    expressions = {field.name: _expression(field, converter, names) for field in fields}
    lines = []
    for field in fields:
        there = "!= ()" if field.default == () else "is not None"
        key, expression = field.metadata["keys"][0], expressions[field.name]
        lines.append(f"if (v := o.{field.name}) {there}: d[{key!r}] = {expression}\n")
    lines.append("if o.extra: d = with_extra(o, d)\n")
    if cls is ConnectedAccount:  # without a member that says so it would read as nothing known
        lines.append("if CONNECTED_ONLY.isdisjoint(d): d['imin:evidenceRequests'] = []\n")
    if cls is SellerAccounts:
        lines.append("if not o.item and o.type != 'imin:Collection': d['imin:item'] = []\n")
    source = "def write(o):\n    d = {}\n" + indent("".join(lines) + "return d\n", "    ")
    compiled(source, f"writer of {cls.__name__}", names)
    one_by_one = {name: eval(f"lambda v: {expression}", names) for name, expression in expressions.items()}
    names["with_extra"] = _with_extra(
        [(Member.of(field, careful), one_by_one[field.name]) for field in fields]
    )
    write: Writer = names["write"]
    return write


def _expression(field: "attrs.Attribute[Any]", converter: Any, names: dict[str, Any]) -> str:
    type_ = without_none(field.type)
    if type_ in _EXPRESSIONS:
        return _EXPRESSIONS[type_]
    if get_origin(type_) is not tuple:
        names[f"write_{field.name}"] = converter.get_unstructure_hook(type_)
        return f"write_{field.name}(v)"
    element = get_args(type_)[0]
    kinds = [element] if attrs.has(element) else get_args(element)
    names[f"writers_{field.name}"] = {kind: converter.get_unstructure_hook(kind) for kind in kinds}
    many = f"[writers_{field.name}[type(each)](each) for each in v]"
    return f"{many}[0] if len(v) == 1 else {many}" if element is AccessPass else many


def _with_extra(members: list[tuple[Member, Writer]]) -> Callable[[Any, dict[str, Any]], dict[str, Any]]:
    def add(node: Any, document: dict[str, Any]) -> dict[str, Any]:
        received = dict(node.extra)
        rest = dict(received)
        for member, write in members:
            raw = {key: rest.pop(key) for key in member.keys if key in rest}
            other = member.instead[0] if member.instead and member.instead[0] in rest else None
            if (raw or other) and _reads_as(received, member, write, node):
                document.pop(member.keys[0], None)
                document |= raw
            elif other and member.keys[0] not in document:  # or it would be read instead
                del rest[other]
        return document | rest

    return add


def _reads_as(received: dict[str, Any], member: Member, write: Writer, node: Any) -> bool:
    """Whether a member as received still comes to the field's value, down to the last connect target."""
    read, value = member.read(received, Budget()).value, getattr(node, member.name)
    return read is value or (read == value and same(write(read), write(value)))


def unrecognised_writer(seller: Member, write_seller: Writer) -> Writer:
    """A hook that writes an item as received, but for a seller that was set since."""

    def write(account: UnrecognisedAccount) -> Any:
        document = account.document
        if account.seller is None or seller.read(document, Budget()).value == account.seller:
            return document
        rest = {key: each for key, each in document.items() if key != "seller"}
        return {"seller": write_seller(account.seller), **rest}

    return write
