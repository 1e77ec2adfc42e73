"""Replies of every form that is known or feared: pieces of real ones put together, respelled and broken.

The same seed gives the same reply.
"""

import asyncio
import json
import random
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

from imin_accounts.fake import FakeImin, add_rosie
from imin_accounts.transports import Request
from tests.paths import SAMPLES

Json = dict[str, Any]
MATCHING = "imin:matchingEmailExists"
LINK = "https://book.imin.co/auth/connect-account?jwt=a.b-c_d"


def _emulated() -> list[Json]:
    """The emulator's replies about its first customer, with and without a way back."""
    fake = FakeImin(seed=1)
    add_rosie(fake)
    url = "https://book.imin.co/api/v2/customers/rosie/accounts"

    async def ask(query: str) -> Any:
        request = Request(method="GET", url=url + query, headers={"X-Api-Key": "test-key"})
        return json.loads((await fake.send(request, timeout=30.0)).body)

    return [asyncio.run(ask(query)) for query in ("", "?redirectUri=https://broker.example/back")]


DOCUMENTS: list[Json] = [
    *_emulated(),
    *(json.loads(path.read_bytes()) for path in sorted(SAMPLES.glob("*.json"))),
]

# --- Pieces, as the vendor's other pages and OpenActive's examples show them -------------------------

SELLERS: list[Any] = [
    {
        "@type": "Organization",
        "@id": "https://id.example.com/organisations/123",
        "identifier": "CRUOZWJ1",
        "name": "Better",
        "taxMode": "https://openactive.io/TaxGross",
        "legalName": "Greenwich Leisure Limited",
        "description": "A charitable social enterprise",
        "url": "https://www.better.example",
        "logo": {"@type": "ImageObject", "url": "https://data.better.example/logo.png"},
        "telephone": "020 3457 8700",
        "vatID": "GB 789 1234 56",
        "address": {"@type": "PostalAddress", "postalCode": "TS4 3AE", "addressCountry": "GB"},
        "termsOfService": [
            {"@type": "PrivacyPolicy", "url": "https://x.example/p", "requiresExplicitConsent": False}
        ],
    },
    {
        "@type": "Organization",
        "@id": "https://id.example.com/organisations/124",
        "image": [{"@type": "ImageObject", "url": "https://data.example/logo.png", "width": 40}],
    },
    {"@type": "Person", "id": "https://id.example.com/coaches/1", "givenName": "Ada", "jobTitle": "Coach"},
    {
        "@type": "Organization",
        "@id": "https://id.example.com/organisations/125",
        "image": "https://x.example/i",
    },
    "https://id.example.com/organisations/126",
    {
        "@id": "https://id.example.com/organisations/127",
        "sameAs": "https://x.example/",
        "isOpenBookingAllowed": True,
    },
]
PEOPLE: list[Any] = [
    {
        "@type": "Person",
        "email": "geoff@example.com",
        "telephone": "020 811 8055",
        "givenName": "Geoff",
        "familyName": "Capes",
        "birthDate": "1970-01-01",
        "gender": "https://schema.org/Female",
        "imin:is13OrOver": True,
        "address": {"@type": "PostalAddress", "addressLocality": "New Malden", "addressCountry": "GB"},
        "emergencyContact": {"@type": "Person", "name": "Ralph Capes", "telephone": "020 811 8055"},
    },
    {
        "type": "Person",
        "id": "https://book.imin.co/api/v2/customer-accounts/x",
        "identifier": "x",
        "email": "e",
    },
    {"@type": "Person", "email": "rosie@example.com", "dateModified": "2021-01-27"},
]
PASSES: list[Any] = [
    {"@type": "Barcode", "text": "9970980608", "url": "https://x.example/b.png", "beta:codeType": "code128"},
    {"@type": "ImageObject", "url": "https://x.example/25x25.png"},
    {"@type": "Barcode", "text": "ABC123DEF", "dateModified": "2021-01-27T12:00:00.000Z"},
    {"type": "schema:Barcode", "text": "0123"},
    {"text": "untyped"},
    {"@type": "Barcode", "text": 9970980608},
    {"@type": "Barcode"},
    {},
    None,
    5,
]
ERRORS: list[Any] = [
    {
        "@context": "https://openactive.io/",
        "@type": "BarcodeInvalidError",
        "name": "The barcode is not permitted.",
        "seller": {"@type": "Organization", "@id": "https://id.example.com/organisations/1"},
        "requestId": "4f1c",
        "instance": "https://book.imin.co/errors/4f1c",
        "statusCode": 400,
    },
    {"@type": "UpdateFailedError", "description": "No prefix"},
    {"type": "UnknownOrderError", "statusCode": 404},
    {"@type": ["EntitlementConflict"], "name": "conflict"},
]
ENTITLEMENTS: list[Any] = [
    {
        "@type": "Entitlement",
        "validFrom": "2020-05-10",
        "validUntil": "2030-05-10",
        "entitlementType": {
            "id": "https://x.example/list#1",
            "type": "Concept",
            "prefLabel": "Adult Resident",
        },
        "evidenceRequestAction": {
            "@type": "Action",
            "target": {"@type": "EntryPoint", "urlTemplate": "https://legend.example.com/upload/1"},
            "actionStatus": "schema:CompletedActionStatus",
        },
    },
    {
        "@type": "Entitlement",
        "expires": "2021-05-10T10:45:33+01:00",
        "entitlementType": "https://x.example/list#2",
        "evidenceRequest": {
            "@type": "EvidenceRequestAction",
            "url": "https://legend.example.com/upload/2",
            "expiry": "2021-07-10",
            "actionStatus": "http://schema.org/ActiveActionStatus",
        },
    },
    {"@type": "Entitlement", "expires": "2021-05-10", "validUntil": "2021-05-10T23:59:59.999999Z"},
    "https://id.example.com/entitlements/1",
]
ACTIONS: list[Any] = [
    {"@type": "schema:RegisterAction", "target": LINK},
    {"@type": ["CreateAction"], "target": {"@type": "EntryPoint", "url": f"{LINK}2"}},
    {
        "@type": "https://schema.org/RegisterAction",
        "target": {"type": "EntryPoint", "urlTemplate": f"{LINK}3"},
    },
    {"@type": "RegisterAction", "target": {"urlTemplate": f"{LINK}{{x}}", "url": f"{LINK}4"}},
    {"@type": "CreateAction", "target": "https://x y/"},
    {"@type": "RegisterAction", "target": "https://[a]@"},
    {"@type": "RegisterAction"},
]
PIECES: dict[str, list[Any]] = {
    "seller": SELLERS,
    "customer": PEOPLE,
    "accessPass": [
        PASSES[0],
        PASSES[1],
        PASSES[:2],
        PASSES[1:4],
        PASSES[2:],
        PASSES[:4:2],
        [*PASSES[7:], PASSES[0]],
    ],
    "imin:entitlementUpdateErrors": [ERRORS, ERRORS[1:], ERRORS[0]],
    "imin:evidenceRequests": [ENTITLEMENTS, ENTITLEMENTS[:1], ENTITLEMENTS[1]],
    "entitlement": [ENTITLEMENTS[2:], ENTITLEMENTS[0]],
    "potentialAction": [ACTIONS, ACTIONS[1:3], ACTIONS[4:], ACTIONS[0]],
    MATCHING: [True, False, None, "true", 1],
    "dateLinked": ["2021-01-27T12:00:00Z", "2021-01-27"],
    "hiddenEntitlements": [True, False],
    "hasHiddenEntitlements": [True, False, "false"],
}
IDS = [
    "https://book.imin.co/api/v2/customers/1234/accounts",
    "https://book.imin.co/api/v3/customer-accounts/MAlnTNiZut/accounts",
    "https://gateway.example/imin/api/v2/customers/a%2Fb%20c/accounts",
    "https://x.example/other?of=/customers/1234/accounts",
    "https://x.example/other#/customer-accounts/1234/accounts",
    "https://[a/customers/1/accounts",
    "urn:uuid:1",
]
DATES = [
    *(
        "2021-01-27T12:00:00Z",
        "2021-01-27t12:00:00z",
        "2021-01-27T12:00:00.000Z",
        "2021-01-27T13:00:00+01:00",
    ),
    *("2021-01-27T12:00:00.1234560Z", "2021-01-27T12:00:00.5+05:30", "2021-01-27T12:00:00-00:00"),
    *("2030-05-10", "2020-02-29", "9999-12-31", "0001-01-01", "9999-12-31T23:59:59-23:00"),
    *("2021-02-29", "2021-01-27T24:00:00Z", "2016-12-31T23:59:60Z", "2021-01-27T12:00:00.1234567Z"),
    *("2021-01-27T12:00:00", "2021-01-27 12:00:00Z", "20210127", "2021-W04-3", "2021-027", "27/01/2021"),
    *("2021-01-27T12:00Z", "2021-01-27T12:00:00+0100", "2021-01-27T12:00:00+24:00", "2021-01-27Z", ""),
    *("2021-01-27T12:00:00,5Z", "٢٠٢١-01-27", "2021-1-27", "1611748800"),
]
ODD: list[Any] = [
    *(None, True, False, 0, 1, -1, 0.5, -0.0, 2**63, 2**64, -(2**70), 1e300, "", "x", "true", "false"),
    *([], [[]], [None], {}, [{}], [{}, {}], [5], ["x"], {"x": None}, {"@id": 5}, {"@type": 5}),
    *("javascript:x", "Barcode", "schema:FailedActionStatus", "schema:Unheard", ["Organization", "Place"]),
]
LINKS = [
    *(
        LINK,
        "HTTPS://Book.imin.co/a?jwt=b",
        "http://localhost:8000/x",
        "https://[::1]:8/",
        "https://x?a",
        "https://1.2.3.4/",
    ),
    *(
        "",
        "connect",
        "//book.imin.co/x",
        "javascript:alert(1)",
        "ftp://book.imin.co/",
        "https:///x",
        "https://",
    ),
    *(
        "https://[::1/",
        "https://[a]/",
        "https://[a]@",
        "https://x y/",
        "https://<",
        "https://a^b/",
        "https://a|b/",
    ),
    *(
        "https://book.imin.co:99999/",
        "https://1.2.3.999/",
        f" {LINK}",
        f"{LINK} ",
        f"{LINK}\n",
        f"{LINK}\x7f",
    ),
    *(
        f"{LINK}\u202e",
        f"{LINK}\x00x",
        {},
        {"urlTemplate": f"{LINK}5"},
        {"url": "https://<"},
        [LINK],
        5,
        None,
    ),
]
NEWS = ["colour", "tier", "x:size", "beta:unheardOf", "schema_note"]
"""Members that nobody defines."""
TYPES = [
    "Shop",
    "schema:Organization",
    "http://schema.org/Person",
    ["Barcode"],
    ["schema:Person"],
    "ImageObject",
]
STATUSES = [f"{prefix}{name}ActionStatus" for prefix in ("", "schema:", "http://schema.org/", "https://schema.org/")
            for name in ("Potential", "Active", "Completed", "Failed", "Other")]  # fmt: skip
ALIASES = {
    "@id": "id",
    "@type": "type",
    "expires": "validUntil",
    "hiddenEntitlements": "hasHiddenEntitlements",
    "evidenceRequest": "evidenceRequestAction",
}
DATED = {"dateLinked", "dateModified", "expires", "validUntil", "expiry"}
KNOWN = sorted(
    {
        *PIECES,
        *ALIASES,
        *ALIASES.values(),
        *DATED,
        "@context",
        "logo",
        "image",
        "name",
        "email",
        "url",
        "text",
    }
)


def objects(value: Any) -> Iterator[Json]:
    """Every object in a JSON value, itself included."""
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects(each)


# --- Other spellings: what they mean is the same -----------------------------------------------------


_CHILDREN = {
    "collection": {"imin:item": "account"},
    "account": {
        "seller": "seller",
        "customer": "node",
        "accessPass": "node",
        "imin:entitlementUpdateErrors": "node",
        "imin:evidenceRequests": "entitlement",
        "entitlement": "entitlement",
        "potentialAction": "node",
    },
    "seller": {"logo": "node"},
    "entitlement": dict.fromkeys(["evidenceRequest", "evidenceRequestAction", "entitlementType"], "node"),
    "node": {},
}
"""The nodes that have fields: what is in others is kept, so another spelling there is another value."""


def _with_fields(value: Any, kind: str = "collection") -> Iterator[Json]:
    for node in value if isinstance(value, list) else [value]:
        if isinstance(node, dict):
            yield node
            for key, below in _CHILDREN[kind].items():
                yield from _with_fields(node.get(key), below)


def respelled(document: Json, rng: random.Random) -> Json:
    """A copy that means the same: other names, terms and dates, arrays of one, nulls and empty arrays."""
    document = deepcopy(document)
    for node in [*_with_fields(document)]:
        if node.keys().isdisjoint(ALIASES.values()):
            _respell(node, rng)
            _move(node, rng)
    items = document.get("imin:item")
    if isinstance(items, list) and len(items) == 1 and isinstance(items[0], dict) and rng.random() < 0.2:
        document["imin:item"] = items[0]
    return document


def _respell(node: Json, rng: random.Random) -> None:
    members = [*node.items()]
    if rng.random() < 0.3:
        rng.shuffle(members)
    node.clear()
    for key, value in members:
        if key in ("@type", "actionStatus") and isinstance(value, str) and rng.random() < 0.5:
            value = _other_term(key, value, rng)
        if key in DATED and isinstance(value, str) and rng.random() < 0.5:
            value = _other_date(value, rng)
        if key in ("customer", "entitlementType", "evidenceRequest") and isinstance(value, dict):
            value = [value] if rng.random() < 0.2 else value
        node[ALIASES[key] if key in ALIASES and rng.random() < 0.4 else key] = value
    if rng.random() < 0.2:
        node.setdefault(rng.choice(["note", "remark"]), rng.choice([None, []]))


def _move(node: Json, rng: random.Random) -> None:
    """Say a logo or the form for evidence in the member that is read instead."""
    if rng.random() < 0.5 or "image" in node or "target" in node:
        return
    if isinstance(node.get("logo"), dict):
        logo = node.pop("logo")
        node["image"] = rng.choice([logo, [logo]])
    elif node.get("@type") == "EvidenceRequestAction" and str(node.get("url")).startswith("https://"):
        url = node.pop("url")
        node["target"] = rng.choice([url, {"@type": "EntryPoint", "urlTemplate": url}, {"url": url}])


def _other_term(key: str, value: str, rng: random.Random) -> Any:
    term = value.removeprefix("https://schema.org/")
    if ":" in term:
        return value
    spelled = rng.choice(["", "schema:", "http://schema.org/", "https://schema.org/"]) + term
    return [spelled] if key == "@type" and rng.random() < 0.3 else spelled


def _other_date(value: str, rng: random.Random) -> str:
    """The same instant, if it is spelled as the API does."""
    text = value.removesuffix("Z").removesuffix("+00:00")
    if len(text) != 19 or text == value:
        return value
    return text + rng.choice(["Z", "z", "+00:00", "-00:00", ".0Z", ".000Z", ".0000000+00:00"])


# --- Breakages ----------------------------------------------------------------------------------------

Change = Callable[[Json, random.Random], None]


def _any_object(document: Json, rng: random.Random) -> Json:
    return rng.choice([*objects(document)])


def _add_piece(document: Json, rng: random.Random) -> None:
    items = [node for node in objects(document.get("imin:item")) if "seller" in node] or [document]
    key = rng.choice([*PIECES])
    rng.choice(items)[key] = deepcopy(rng.choice(PIECES[key]))


def _add_item(document: Json, rng: random.Random) -> None:
    node = {"@type": "Account", "seller": deepcopy(rng.choice(SELLERS))}
    for key in rng.sample([*PIECES][1:], rng.randint(0, 5)):
        node[key] = deepcopy(rng.choice(PIECES[key]))
    if isinstance(document.get("imin:item"), list):
        document["imin:item"].insert(
            rng.randint(0, 2), rng.choice([node, node, node, deepcopy(rng.choice(ODD))])
        )


def _repeat_item(document: Json, rng: random.Random) -> None:
    """Another item about a seller who has one already."""
    items = document.get("imin:item")
    if isinstance(items, list) and any(isinstance(item, dict) for item in items):
        item = deepcopy(rng.choice([item for item in items if isinstance(item, dict)]))
        if rng.random() < 0.5:
            item[MATCHING] = rng.choice([True, False])
        items.append(item)


def _add_news(document: Json, rng: random.Random) -> None:
    _any_object(document, rng)[rng.choice(NEWS)] = deepcopy(rng.choice(ODD))


def _other_vocabulary(document: Json, rng: random.Random) -> None:
    """A member that tells an account's state or seller, spelled in a vocabulary that the reader has not."""
    items = [node for node in objects(document.get("imin:item")) if "seller" in node] or [document]
    key = rng.choice([*PIECES])
    value = rng.choice([*SELLERS, *(node.get("seller") for node in items)]) if key == "seller" else None
    vocabulary = rng.choice(["", "imin:", "schema:", "oa:", "https://schema.org/", "https://x.example/ns#"])
    value = deepcopy(rng.choice([value or rng.choice(PIECES[key]), rng.choice(ODD)]))
    rng.choice(items)[vocabulary + key.removeprefix("imin:")] = value


def _add_deep(document: Json, rng: random.Random) -> None:
    levels = rng.choice([5, 30, 57, 59, 60, 61, 62, 63, 64, 70, 2000])
    value = "[" * levels + "]" * levels if rng.random() < 0.5 else '{"colour":' * levels + "1" + "}" * levels
    _any_object(document, rng)[rng.choice(NEWS)] = as_it_is(value)


def _change_id(document: Json, rng: random.Random) -> None:
    document[rng.choice(["@id", "@id", "@id", "id"])] = rng.choice(IDS)


def _change_date(document: Json, rng: random.Random) -> None:
    dated = [(node, key) for node in objects(document) for key in node if key in DATED]
    if dated:
        node, key = rng.choice(dated)
        node[key] = rng.choice(DATES)


def _add_date(document: Json, rng: random.Random) -> None:
    _any_object(document, rng)[rng.choice(sorted(DATED))] = rng.choice(DATES)


def _change_term(document: Json, rng: random.Random) -> None:
    found = [
        (node, key) for node in objects(document) for key in node if key in ("@type", "type", "actionStatus")
    ]
    if found:
        node, key = rng.choice(found)
        node[key] = deepcopy(rng.choice(STATUSES if key == "actionStatus" else TYPES))


def _change_link(document: Json, rng: random.Random) -> None:
    actions = [node for node in objects(document) if "target" in node] or [_any_object(document, rng)]
    rng.choice(actions)["target"] = deepcopy(rng.choice(LINKS))


def _wrap(document: Json, rng: random.Random) -> None:
    node = _any_object(document, rng)
    if node:
        key = rng.choice([*node])
        node[key] = [node[key]]


def _odd_value(document: Json, rng: random.Random) -> None:
    node = _any_object(document, rng)
    if node:
        node[rng.choice([*node])] = deepcopy(rng.choice(ODD))


def _odd_member(document: Json, rng: random.Random) -> None:
    _any_object(document, rng)[rng.choice(KNOWN)] = deepcopy(rng.choice(ODD))


def _remove(document: Json, rng: random.Random) -> None:
    node = _any_object(document, rng)
    if node:
        del node[rng.choice([*node])]


def _rename(document: Json, rng: random.Random) -> None:
    node = _any_object(document, rng)
    if node:
        node[rng.choice(KNOWN)] = node.pop(rng.choice([*node]))


def _number(document: Json, rng: random.Random) -> None:
    numbers = ["18446744073709551616", "-9223372036854775809", "9007199254740993", "-0", "-0.0", "1E2", "1.0"]
    numbers += ["1e-400", "1e400", "-1e999", "9" * 4300, "9" * 4301, "0.1000000000000000055511151231257827"]
    _any_object(document, rng)[rng.choice([*NEWS, *KNOWN])] = as_it_is(rng.choice(numbers))


CHANGES: list[Change] = [
    _repeat_item,
    _add_piece,
    _add_piece,
    _add_item,
    _add_news,
    _other_vocabulary,
    _other_vocabulary,
    _add_deep,
    _change_id,
    _change_date,
    _add_date,
]
CHANGES += [_change_link, _change_term, _wrap, _odd_value, _odd_member, _remove, _rename, _number]


def _repeated_key(text: str, rng: random.Random) -> str:
    """``text`` with one more member at the beginning of some object; of two the later one counts."""
    places = [at for at, character in enumerate(text) if character == "{" and text[at + 1 : at + 2] == '"']
    if not places:
        return text
    at = rng.choice(places) + 1
    member = f"{json.dumps(rng.choice(KNOWN))}: {json.dumps(rng.choice([*DATES, *ODD]))}, "
    return text[:at] + member + text[at:]


def _damaged(body: bytes, rng: random.Random) -> bytes:
    """``body`` with a byte changed, or cut short, or with something after it."""
    at = rng.randrange(len(body) + 1)
    inserted = rng.choice(
        [b'"', b"\\", b"\\ud800", b"{", b"]", b",", b"\xff", b"\xef\xbb\xbf", b"NaN", b"\0", b" "]
    )
    return rng.choice(
        [body[:at] + inserted + body[at:], body[:at], body + inserted, body[:at] + body[at + 1 :]]
    )


def as_it_is(text: str) -> str:
    """A string that stands for JSON which no library writes."""
    return f"@@{text.encode().hex()}@@"


def written(document: Json) -> str:
    """As JSON, with what ``as_it_is`` stands for."""
    text = json.dumps(document, ensure_ascii=False)
    return re.sub('"@@([0-9a-f]*)@@"', lambda found: bytes.fromhex(found[1]).decode(), text)


def document(rng: random.Random) -> Json:
    """A reply with up to five changes."""
    made = deepcopy(rng.choice(DOCUMENTS))
    for _ in range(rng.choice([0, 1, 1, 2, 2, 3, 4, 5])):
        rng.choice(CHANGES)(made, rng)
    return made


def body(rng: random.Random) -> bytes:
    """A reply as it might come over the wire."""
    made = document(rng)
    text = written(respelled(made, rng) if rng.random() < 0.5 else made)
    if rng.random() < 0.1:
        text = _repeated_key(text, rng)
    data = text.encode("utf-8")
    if rng.random() < 0.05:
        data = b"\xef\xbb\xbf" + data
    return _damaged(data, rng) if rng.random() < 0.05 else data
