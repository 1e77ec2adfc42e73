"""Hypothesis strategies for replies, in the API's own form and in every spelling that its pages show."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]
Draw = Callable[[st.SearchStrategy[Any]], Any]

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
"""Any JSON value."""

ids = st.from_regex(r"https://id\.example\.com/[a-z0-9%]{1,8}", fullmatch=True)
links = st.from_regex(
    r"https://book\.imin\.co/auth/connect-account\?jwt=[A-Za-z0-9._-]{1,30}", fullmatch=True
)
dates = (
    st.datetimes()
    .map(lambda date: date.replace(microsecond=0).isoformat())
    .flatmap(lambda text: st.sampled_from(["Z", "+00:00", "+01:00", "+05:30"]).map(text.__add__))
)
odd_dates = st.datetimes().flatmap(
    lambda date: st.sampled_from(["-00:00", "-03:00", ".5Z", ".120000Z", ".000001+00:00", "z"]).map(
        date.replace(microsecond=0).isoformat().__add__
    )
)
statuses = [f"{name}ActionStatus" for name in ("Potential", "Active", "Completed", "Failed")]


@st.composite
def _nodes(
    draw: Draw, varied: bool, type: str | st.SearchStrategy[str], members: Mapping[str, Any], needed: str = ""
) -> Json:
    """An object with any of ``members``; with ``varied`` also unknown ones and nulls."""
    there = [key for key in members if key in needed.split() or draw(st.booleans())]
    node = {key: draw(members[key]) for key in there}
    if draw(st.booleans()):
        node["@type"] = type if isinstance(type, str) else draw(type)
    if varied:
        for key, alias in _ALIASES.items():
            if key in node and draw(st.integers(0, 3)) == 0:
                node[alias] = node.pop(key)
        node |= {f"x:{key}": value for key, value in draw(st.dictionaries(texts, values, max_size=1)).items()}
        node |= {key: draw(_nothing) for key in members if key not in there and draw(_rarely)}
        node = dict(draw(st.permutations(list(node.items()))))
    return node


_nothing: st.SearchStrategy[Any] = st.sampled_from([None, []])
_rarely = st.integers(0, 9).map(lambda number: number == 0)
_ALIASES = {
    "@id": "id",
    "@type": "type",
    "expires": "validUntil",
    "hiddenEntitlements": "hasHiddenEntitlements",
    "evidenceRequest": "evidenceRequestAction",
}


def _one_or_more(varied: bool, each: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    many = st.lists(each, min_size=1, max_size=3)
    return many | each if varied else many


def sellers(varied: bool = False) -> st.SearchStrategy[Json]:
    """Sellers that can be read."""
    logos = _nodes(varied, "ImageObject", {"@id": ids, "url": texts})
    members = {
        "@id": ids,
        "name": texts,
        "url": texts,
        "logo": logos | texts if varied else logos,
        "email": texts,
        "telephone": texts,
        "sameAs": _one_or_more(varied, texts),
    }
    return _nodes(varied, "Organization", members, needed="@id")


def _entitlements(varied: bool) -> st.SearchStrategy[Json]:
    full = [f"https://schema.org/{status}" for status in statuses]
    spelled = [f"{prefix}{status}" for status in statuses for prefix in ("", "http://schema.org/")]
    when = dates | odd_dates if varied else dates
    requests = _nodes(
        varied,
        "EvidenceRequestAction",
        {"@id": ids, "url": texts, "expiry": when, "actionStatus": st.sampled_from(full + spelled * varied)},
    )
    types = _nodes(varied, "Concept", {"@id": ids, "prefLabel": texts, "inScheme": texts})
    return _nodes(
        varied,
        "Entitlement",
        {
            "@context": _contexts(varied),
            "@id": ids,
            "expires": when,
            "evidenceRequest": requests,
            "entitlementType": types | ids if varied else types,
        },
    )


def _contexts(varied: bool) -> st.SearchStrategy[Any]:
    own = texts | st.lists(texts, min_size=2, max_size=3)
    objects = st.dictionaries(texts, texts, min_size=1, max_size=2)
    return own | objects | st.lists(texts | objects, min_size=1, max_size=3) if varied else own


@st.composite
def connected(draw: Draw, varied: bool = False) -> Json:
    """Items that are connected accounts."""
    when = dates | odd_dates if varied else dates
    entitlements = _one_or_more(varied, _entitlements(varied))
    passes = _nodes(varied, "Barcode", {"@id": ids, "text": texts, "dateModified": when})
    errors = _nodes(
        varied,
        st.sampled_from(["EntitlementConflict", "BarcodeInvalidError", "UpdateFailedError"]),
        {"@context": _contexts(varied), "@id": ids, "name": texts, "description": texts},
    )
    members = {
        "@id": ids,
        "seller": sellers(varied),
        "dateLinked": when,
        "hiddenEntitlements": st.booleans(),
        "customer": _nodes(varied, "Person", {"@id": ids, "email": texts, "dateModified": when}),
        "accessPass": passes | st.lists(passes, min_size=1, max_size=3) if varied else passes,
        "imin:entitlementUpdateErrors": _one_or_more(varied, errors),
        "imin:evidenceRequests": entitlements,
        "entitlement": entitlements,
    }
    needed = f"seller {draw(st.sampled_from([*members][2:]))}"
    item: Json = draw(_nodes(varied, "Account", members, needed))
    return item


def unconnected(varied: bool = False) -> st.SearchStrategy[Json]:
    """Items that are not connected, of both kinds."""
    entry_points = st.fixed_dictionaries({"@type": st.just("EntryPoint"), "urlTemplate": links}) | (
        st.fixed_dictionaries({"type": st.just("EntryPoint"), "url": links})
    )
    actions = _nodes(
        varied,
        st.sampled_from(["RegisterAction", "CreateAction"]),
        {"@id": ids, "target": links | entry_points if varied else links},
    )
    members = {
        "@id": ids,
        "seller": sellers(varied),
        "potentialAction": _one_or_more(varied, actions),
        "imin:matchingEmailExists": st.booleans(),
    }
    return _nodes(varied, "Account", members, needed="seller imin:matchingEmailExists")


def documents(varied: bool = False) -> st.SearchStrategy[Json]:
    """Whole replies that can be read without a problem, in the API's own form unless ``varied``."""
    members = {
        "@context": _contexts(varied),
        "@id": ids,
        "imin:entitlementFilter": texts,
        "imin:item": _one_or_more(varied, connected(varied) | unconnected(varied)),
    }
    return _nodes(varied, "imin:Collection", members, needed="imin:item")


def normal(value: Any) -> Any:
    """``value`` up to what reading and writing may change: nulls, empty arrays, ``Z`` for ``+00:00``."""
    if isinstance(value, dict):
        members = {key: normal(each) for key, each in value.items()}
        return {key: each for key, each in members.items() if each is not None and each != []}
    if isinstance(value, list):
        return [normal(each) for each in value]
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value, re.ASCII):
        return f"{value[:-1]}+00:00"
    return value
