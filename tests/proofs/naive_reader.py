"""A second reader of replies, written from the documentation's words alone, plainly and slowly.

It shares nothing with the package but the list of OpenActive's members, and answers with dicts and tuples.
``ANY`` is its answer where the documentation leaves a thing open; it equals everything.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, time, timedelta, timezone
from importlib.resources import files
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from urllib.parse import unquote, urlsplit

Json = dict[str, Any]


class _Any:
    """Equal to everything."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "ANY"


ANY: Any = _Any()


class Refused(Exception):
    """The reply as a whole can't be read; the first argument tells why, in a word."""


# --- JSON -----------------------------------------------------------------------------------------


class TooLarge:
    """A number that is JSON, but that Python has no value for."""


def parse(body: bytes) -> Any:
    """What strict JSON says: UTF-8, perhaps after a byte order mark; of repeated keys the last counts."""
    try:
        text = body.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
        value = json.loads(
            text, parse_constant=_refuse, parse_float=_float, parse_int=_int, object_pairs_hook=_object
        )
        if depth(value) > 64 and isinstance(value, dict):
            raise Refused("levels")
        _no_lone_surrogates(value)
    except RecursionError:
        raise Refused("levels") from None
    except ValueError:
        raise Refused("JSON") from None
    return value


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def _float(text: str) -> Any:
    number = float(text)
    return TooLarge() if number in (float("inf"), float("-inf")) else number


def _int(text: str) -> Any:
    return TooLarge() if len(text.lstrip("-")) > 4300 else int(text)


def _object(pairs: list[tuple[str, Any]]) -> Json:
    return dict(pairs)


def _no_lone_surrogates(value: Any) -> None:
    for text in texts(value):
        text.encode("utf-8")


def texts(value: Any) -> Iterator[str]:
    """Every string in a JSON value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)


def depth(value: Any) -> int:
    """Levels of objects and arrays."""
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


def has_too_large(value: Any) -> bool:
    """Whether a number that Python has no value for is anywhere in it."""
    if isinstance(value, dict):
        return any(map(has_too_large, value.values()))
    if isinstance(value, list):
        return any(map(has_too_large, value))
    return isinstance(value, TooLarge)


def absent(value: Any) -> bool:
    """The platform leaves nulls and empty arrays out: where one is sent nevertheless, nothing is there."""
    return value is None or value == []


# --- Vocabulary -----------------------------------------------------------------------------------

_DATA = json.loads(files("imin_accounts._models").joinpath("openactive.json").read_text(encoding="utf-8"))
MEMBERS: Mapping[str, set[str]] = {
    name: {*group["members"], *group["shown"]}
    for group in _DATA["types"]
    for name in group["names"] + group["also"]
}
"""Members by type."""

ERRORS = [name for name in MEMBERS if name.endswith("Error") or name == "EntitlementConflict"]

KEYWORDS = {"@id", "@type", "id", "type", "@context"}


# --- Values ---------------------------------------------------------------------------------------

UNREADABLE: Any = object()


class Item:
    """What is noticed while an item is read: problems, drift, and whether anything was left open."""

    def __init__(self) -> None:
        self.problem = False
        self.unsure = False
        self.seller_ids: set[str] = set()
        self.drift: list[str] = []
        self.drift_unsure = False


Reading = Callable[[Any, str, Item], Any]


def string(value: Any, path: str, item: Item) -> Any:
    """A string."""
    return value if isinstance(value, str) else UNREADABLE


def boolean(value: Any, path: str, item: Item) -> Any:
    """True or false."""
    return value if isinstance(value, bool) else UNREADABLE


def boolean_or_text(value: Any, path: str, item: Item) -> Any:
    """True or false; whether as text too is left open for the spelling of the vendor's other pages."""
    if path.endswith(".hasHiddenEntitlements") and value in ("true", "false"):
        item.unsure = True
        return ANY
    return boolean(value, path, item)


def plain(term: str) -> str:
    """A term without schema.org's prefix, in any of its three spellings."""
    for prefix in ("schema:", "http://schema.org/", "https://schema.org/"):
        if term.startswith(prefix):
            return term.removeprefix(prefix)
    return term


def type_(value: Any, path: str, item: Item) -> Any:
    """A type: a term, perhaps in an array of one."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return plain(value) if isinstance(value, str) else UNREADABLE


def status(value: Any, path: str, item: Item) -> Any:
    """One of the four action statuses, as its full https URL."""
    if isinstance(value, str) and plain(value) in (
        "PotentialActionStatus",
        "ActiveActionStatus",
        "CompletedActionStatus",
        "FailedActionStatus",
    ):
        return f"https://schema.org/{plain(value)}"
    return UNREADABLE


_DATE = r"(\d{4})-(\d\d)-(\d\d)"
_DATE_TIME = re.compile(
    _DATE + r"[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):(\d\d))", re.ASCII
)


def first_moment(value: Any, path: str, item: Item) -> Any:
    """A date-time, or a date for its first moment in UTC."""
    return _moment(value, time(0, 0, 0, 0, UTC))


def last_moment(value: Any, path: str, item: Item) -> Any:
    """A date-time, or a date for its last moment in UTC."""
    return _moment(value, time(23, 59, 59, 999_999, UTC))


def _moment(value: Any, of_day: time) -> Any:
    if not isinstance(value, str):
        return UNREADABLE
    try:
        if day := re.fullmatch(_DATE, value, re.ASCII):
            return datetime.combine(datetime(*map(int, day.groups())), of_day)  # type: ignore[arg-type]
        if found := _DATE_TIME.fullmatch(value):
            *parts, fraction, utc, sign, hours, minutes = found.groups()
            digits = (fraction or "").rstrip("0")
            if len(digits) > 6 or (not utc and (int(hours) > 23 or int(minutes) > 59)):
                return UNREADABLE
            offset = timedelta() if utc else timedelta(hours=int(hours), minutes=int(minutes))
            zone = timezone(-offset if sign == "-" else offset)
            year, month, day_, hour, minute, second = map(int, parts)
            return datetime(year, month, day_, hour, minute, second, int(digits.ljust(6, "0") or 0), zone)
    except ValueError:
        pass  # no such day or hour
    return UNREADABLE


def link(value: Any, path: str, item: Item) -> Any:
    """A link for a browser, also as an EntryPoint."""
    if isinstance(value, dict):
        found = [value.get(key) for key in ("urlTemplate", "url")]
        if "{" in str(found[0]):  # a template is no link until it is filled in
            del found[0]
        good = [each for each in found if isinstance(each, str) and is_link(each)]
        return UNREADABLE if not good else good[0] if len({*good}) == 1 else ANY
    return value if isinstance(value, str) and is_link(value) else UNREADABLE


def is_link(text: str) -> bool:
    """Whether a browser would go there: http(s), a host, and no character that it would take away."""
    found = re.fullmatch(r"https?://([^/?#\\]+)(?:[/?#].*)?", text, re.IGNORECASE)
    if not found or not text.isprintable() or text.endswith(" "):
        return False
    named = re.fullmatch(r"(?:([\w.-]+)|\[(.+)\])(?::([0-9]{0,5}))?", found[1])
    if not named or int(named[3] or 0) > 65535:
        return False
    numbers = re.fullmatch(r"\d+\.\d+\.\d+\.\d+", named[1] or "")  # a name of numbers must be an address
    return (numbers is None or _is_address(IPv4Address, numbers[0])) and (
        named[2] is None or _is_address(IPv6Address, named[2])
    )


def _is_address(kind: Callable[[str], Any], text: str) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return True


def strings(value: Any, path: str, item: Item) -> Any:
    """A list of strings, or one; what else is in the list is a problem and costs no other."""
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list):
        return UNREADABLE
    item.problem |= not all(isinstance(each, str) for each in value)
    return tuple(each for each in value if isinstance(each, str))


def context(value: Any, path: str, item: Item) -> Any:
    """The strings of a context, which may also be or hold objects."""
    values = value if isinstance(value, list) else [value]
    if all(isinstance(each, str | dict) for each in values):
        return tuple(each for each in values if isinstance(each, str))
    item.problem = True
    return ANY


# --- Nodes ----------------------------------------------------------------------------------------


class Field:
    """Where a field is read from: one or more members, the documented one first."""

    def __init__(self, read: Reading, *keys: str, empty: Any = None) -> None:
        self.read, self.keys, self.empty = read, keys, empty


class Node:
    """A kind of node: its fields, and the type it has where it doesn't say."""

    def __init__(self, type: str, other_types: str = "", **fields: Field) -> None:
        self.types = [type, *other_types.split()]
        self.fields = {"id": Field(string, "@id", "id"), "type": Field(type_, "@type", "type"), **fields}

    def __call__(self, value: Any, path: str, item: Item) -> Any:
        """The fields' values; one object in an array stands for that object."""
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if not isinstance(value, dict):
            return UNREADABLE
        read = {name: _field(field, value, path, item) for name, field in self.fields.items()}
        self._drift(value, read["type"], path, item)
        return read

    def _drift(self, value: Json, type: Any, path: str, item: Item) -> None:
        """Note what neither the fields nor the vocabulary have."""
        known = {key for field in self.fields.values() for key in field.keys} | KEYWORDS
        known |= MEMBERS[type if type in self.types else self.types[0]]
        for key, member in value.items():
            if key not in known and not absent(member):
                item.drift.append(f"unknown member {path}{step(key)}")
        if isinstance(type, str) and type not in self.types:
            item.drift.append(f"unknown type {path}")
            item.drift_unsure |= type in MEMBERS  # known, but whether here is left open


def step(key: str) -> str:
    """A member's step in a path; a key that may be data is not shown."""
    url = r"https?://([a-z]+\.)*(schema\.org|openactive\.io|imin\.co)/(ns#)?[A-Za-z]+"
    if not re.fullmatch(rf"@?[A-Za-z][\w:]*|{url}", key, re.ASCII):
        key = "…"
    return f".{key}" if key.isidentifier() else f"['{key}']"


def _field(field: Field, node: Json, path: str, item: Item) -> Any:
    """The first spelling that can be read; one that can't, and one that differs from it, is a problem."""
    found = []
    for key in field.keys:
        if not absent(node.get(key)):
            # Drift is told by the documented spelling, but what may be text depends on the received one.
            at = key if key == "hasHiddenEntitlements" else field.keys[0]
            value = field.read(node[key], path + step(at), item)
            if value is UNREADABLE:
                item.problem = True
            else:
                found.append(value)
    if len(found) > 1:
        unclear = any(isinstance(value, dict) or value is ANY for value in found)
        item.unsure, item.drift_unsure = item.unsure or unclear, item.drift_unsure or unclear
        item.problem |= found[0] != found[1]
    return found[0] if found else field.empty


def identified(read: Node) -> Reading:
    """A node, or its identifier alone."""

    def either(value: Any, path: str, item: Item) -> Any:
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if isinstance(value, str) and re.match(r"[a-z][a-z0-9+.-]*:", value, re.IGNORECASE):
            return {name: field.empty for name, field in read.fields.items()} | {"id": value}
        if isinstance(value, str) and read is not SELLER:
            item.unsure = True  # whether it may be any text but a seller's is left open
            return ANY
        return read(value, path, item)

    return either


def many(read: Reading) -> Reading:
    """A list of nodes, or one; a node that can't be read is a problem and costs no other."""

    def each(value: Any, path: str, item: Item) -> Any:
        if not isinstance(value, list):
            value = [value]
        if any(isinstance(one, list) and len(one) == 1 for one in value):
            item.unsure = item.drift_unsure = True  # whether an array of one stands for its object here too
            return ANY
        nodes = [read(one, path, item) for one in value]
        item.problem |= any(node is UNREADABLE for node in nodes)
        return tuple(node for node in nodes if node is not UNREADABLE)

    return each


def image(value: Any, path: str, item: Item) -> Any:
    """A picture, or its address alone; either may stand in an array of one, which is no array of arrays."""
    alone = value[0] if isinstance(value, list) and len(value) == 1 else value
    if isinstance(alone, str):
        return {"id": None, "type": None, "url": alone}
    return IMAGE(value, path, item)


def evidence(value: Any, path: str, item: Item) -> Any:
    """A request for evidence, whose address may stand in a target as an action's does."""
    read = EVIDENCE(value, path, item)
    node = value[0] if isinstance(value, list) else value
    if read is not UNREADABLE and read["url"] is None and not absent(node.get("target")):
        read["url"] = link(node["target"], path, item)
        if read["url"] is UNREADABLE:
            read["url"], item.unsure = ANY, True
    return read


IMAGE = Node("ImageObject", "Barcode", url=Field(string, "url"))
SELLER = Node(
    "Organization",
    "Person",
    name=Field(string, "name"),
    url=Field(string, "url"),
    logo=Field(image, "logo"),
    email=Field(string, "email"),
    telephone=Field(string, "telephone"),
    same_as=Field(strings, "sameAs", empty=()),
)
CUSTOMER = Node(
    "Person", "Organization", email=Field(string, "email"), date_modified=Field(first_moment, "dateModified")
)
PASS = Node(
    "Barcode",
    "ImageObject",
    text=Field(string, "text"),
    url=Field(string, "url"),
    code_type=Field(string, "beta:codeType"),
    date_modified=Field(first_moment, "dateModified"),
)
ERROR = Node(
    "OpenBookingError",
    " ".join(ERRORS),
    context=Field(context, "@context", empty=()),
    name=Field(string, "name"),
    description=Field(string, "description"),
)
CONCEPT = Node("Concept", pref_label=Field(string, "prefLabel"), in_scheme=Field(string, "inScheme"))
EVIDENCE = Node(
    "EvidenceRequestAction",
    "Action",
    url=Field(string, "url"),
    expiry=Field(first_moment, "expiry"),
    action_status=Field(status, "actionStatus"),
)
ENTITLEMENT = Node(
    "Entitlement",
    context=Field(context, "@context", empty=()),
    expires=Field(last_moment, "expires", "validUntil"),
    evidence_request=Field(evidence, "evidenceRequest", "evidenceRequestAction"),
    entitlement_type=Field(identified(CONCEPT), "entitlementType"),
)
ACTION = Node("Action", "RegisterAction CreateAction", target=Field(link, "target"))

CONNECTED = Node(
    "Account",
    "CustomerAccount",
    date_linked=Field(first_moment, "dateLinked"),
    hidden_entitlements=Field(boolean_or_text, "hiddenEntitlements", "hasHiddenEntitlements"),
    customer=Field(identified(CUSTOMER), "customer"),
    access_passes=Field(many(PASS), "accessPass", empty=()),
    entitlement_update_errors=Field(many(ERROR), "imin:entitlementUpdateErrors", empty=()),
    evidence_requests=Field(many(identified(ENTITLEMENT)), "imin:evidenceRequests", empty=()),
    entitlements=Field(many(identified(ENTITLEMENT)), "entitlement", empty=()),
)
MATCHING = "imin:matchingEmailExists"
NOT_CONNECTED = Node(
    "Account",
    "CustomerAccount",
    potential_action=Field(many(ACTION), "potentialAction", empty=()),
    matching_email_exists=Field(boolean, MATCHING),
)
ONLY_CONNECTED = [
    *("dateLinked", "hiddenEntitlements", "hasHiddenEntitlements", "customer", "accessPass"),
    *("imin:entitlementUpdateErrors", "imin:evidenceRequests", "entitlement"),
]
ITEM = "$['imin:item']"


def name_of(key: str) -> str:
    """A member's name without the vocabulary's: what stands after the last of three separators."""
    return re.split("[:/#]", key)[-1]


def _has_other(value: Json, names: list[str]) -> bool:
    """Whether a member of one of these names is there, in whatever vocabulary."""
    wanted = [name_of(name) for name in names]
    return any(name_of(key) in wanted and not absent(member) for key, member in value.items())


def _other_sellers(value: Json) -> set[str]:
    """The sellers named under other spellings of ``seller``; one that can't be read is called "?"."""
    named = set[str]()
    for key, member in value.items():
        if name_of(key) == "seller" and key != "seller" and not absent(member):
            node = member[0] if isinstance(member, list) and len(member) == 1 else member
            ids = [node.get("@id"), node.get("id")] if isinstance(node, dict) else [node]
            named |= {each for each in ids if isinstance(each, str)} or {"?"}
    return named


def read_item(value: Any) -> Json:
    """An account: its ``state``, its fields, whether there is a ``problem``, and its ``drift``."""
    item = Item()
    if has_too_large(value):
        return {"state": ANY, "problem": True, "drift": ANY}
    unrecognised: Json = {"state": "unrecognised", "problem": True, "drift": [f"unrecognised item {ITEM}"]}
    if not isinstance(value, dict):
        return {**unrecognised, "seller": None}
    seller = None if absent(value.get("seller")) else _seller(value["seller"], item)
    others = _other_sellers(value)
    second = seller is not None and not others <= item.seller_ids
    item.seller_ids |= others
    connected = any(not absent(value.get(key)) for key in ONLY_CONNECTED)
    if MATCHING not in value and "potentialAction" not in value:  # one that has nothing to tell
        connected = connected or any(value.get(key) == [] for key in ONLY_CONNECTED)
    told = value.get(MATCHING)
    in_doubt = not isinstance(told, bool) or _has_other(value, ONLY_CONNECTED)
    if seller is None or (in_doubt and not connected):
        return {**unrecognised, "seller": seller, "seller_ids": item.seller_ids}
    kind = CONNECTED if connected else NOT_CONNECTED
    read: Json = kind({key: member for key, member in value.items() if key != "seller"}, ITEM, item)
    read["seller"] = seller
    read["state"] = "connected" if connected else "unconnected" if told else "none"
    contradictory = connected and _has_other(value, [MATCHING, "potentialAction"])
    item.problem |= contradictory or second
    if connected:
        passes = [] if read["access_passes"] is ANY else read["access_passes"]
        first = next((each for each in passes if each["text"]), passes[0] if passes else None)
        read["access_pass"] = ANY if read["access_passes"] is ANY else first
    else:
        read["register_url"] = _url_of("RegisterAction", read["potential_action"])
        read["create_url"] = _url_of("CreateAction", read["potential_action"])
    read["contradictory"] = contradictory or len(item.seller_ids) > 1
    read["seller_ids"] = item.seller_ids
    read["problem"] = item.problem or (ANY if item.unsure else False)
    read["drift"] = ANY if item.drift_unsure else sorted({*item.drift})
    return read


def _seller(value: Any, item: Item) -> Any:
    """A seller with an identifier, else None. A logo may stand under ``image``."""
    if isinstance(value, list) and isinstance(value[0], list):
        return None
    read: Any = identified(SELLER)(value, f"{ITEM}.seller", item)
    if read is UNREADABLE or read["id"] is None:
        return None
    node = value[0] if isinstance(value, list) else value
    ids = [node.get(key) for key in ("@id", "id")] if isinstance(node, dict) else []
    item.seller_ids = {each for each in [read["id"], *ids] if isinstance(each, str)}
    if read["logo"] is None and isinstance(node, dict) and not absent(node.get("image")):
        of_image = Item()
        read["logo"] = image(node["image"], "", of_image)  # what is wrong there is no problem of a field
        item.drift_unsure |= bool(of_image.drift)
        if read["logo"] is UNREADABLE:
            read["logo"], item.unsure = ANY, True
    return read


def _url_of(type: str, actions: Any) -> Any:
    if actions is ANY:
        return ANY
    targets = [each["target"] for each in actions if each["type"] == type and each["target"] is not None]
    if any(target is ANY for target in targets):
        return ANY
    return targets[0] if len({*targets}) == 1 else None


# --- The reply ------------------------------------------------------------------------------------


def read(body: bytes) -> Json:
    """A reply: whose it is, its items, whether the envelope has a ``problem``, its ``drift``.

    Raises:
        Refused: It is not JSON, not an object, nested over 64 deep, or no collection.
    """
    document = parse(body)
    if not isinstance(document, dict):
        raise Refused("object")
    if depth(document) > 64:
        raise Refused("levels")
    item = Item()
    fields = Node(
        "imin:Collection",
        context=Field(context, "@context", empty=()),
        entitlement_filter=Field(string, "imin:entitlementFilter"),
    )
    items = document.get("imin:item")
    is_collection = "imin:Collection" in [type_(document.get(key), "", item) for key in ("@type", "type")]
    if items is None and not is_collection:
        raise Refused("items")
    if isinstance(items, dict):
        items = [items]
    if items is not None and not isinstance(items, list):
        raise Refused("items")
    envelope = {key: member for key, member in document.items() if key != "imin:item"}
    if has_too_large(envelope):
        return {"problem": ANY}
    read: Json = fields(envelope, "$", item)
    spelled = [document.get(key) for key in ("@id", "id") if not absent(document.get(key))]
    named = {customer_of(each) if isinstance(each, str) else None for each in spelled}
    read["customer"] = named.pop() if len(named) == 1 else None
    read["problem"] = item.problem or (ANY if item.unsure else False)
    read["items"] = [read_item(each) for each in items or []]
    missing = absent(document.get("@id")) and absent(document.get("id"))
    drifts = [item.drift + ["missing member $['@id']"] * missing, *(each["drift"] for each in read["items"])]
    unsure = (
        item.drift_unsure
        or missing != (read["id"] is None)
        or read["id"] == ""
        or any(each is ANY for each in drifts)
    )
    read["drift"] = ANY if unsure else {sentence for each in drifts for sentence in each}
    return read


def customer_of(id: str | None) -> str | None:
    """The customer whose accounts these are: the segment after either stem, of the path alone."""
    try:
        found = re.search(r"/(?:customers|customer-accounts)/([^/]+)/accounts/?$", urlsplit(id or "").path)
    except ValueError:
        return None
    return unquote(found[1]) if found else None


def is_connected(read: Json, seller: str) -> bool | None:
    """Whether one item that is clear is evidence that this seller's account is connected, or is not."""
    about = [each for each in read["items"] if (each.get("seller") or {}).get("id") == seller]
    if any(seller in each.get("seller_ids", ()) and each not in about for each in read["items"]):
        return None
    if read["customer"] is None or len(about) != 1 or about[0]["state"] == "unrecognised":
        return None
    return None if about[0]["contradictory"] else about[0]["state"] == "connected"
