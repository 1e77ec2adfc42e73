"""Replies of status 200 whose body is not the documented one, or is wrapped in another way."""

import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any

import attrs

from tests import canaries
from tests.proofs.faults import steps
from tests.proofs.faults.events import (
    LENIENT,
    LOST,
    ODD,
    SOMEBODY_ELSES,
    UNREADABLE,
    WELL,
    WELL_WITHOUT_EVIDENCE,
    Event,
)
from tests.proofs.faults.fault import Fault
from tests.proofs.faults.replies import JSON, SELLER, account, document, reply
from tests.proofs.faults.server import Exchange

SECRET = canaries.ALL.encode()


def body(name: str, event: Event, content: bytes | Callable[[bytes], bytes], *fields: str | bytes) -> Fault:
    """200 with a body, or with what is made of the right one; to DELETE any 200 is odd."""

    def part(exchange: Exchange) -> bytes:
        made = content if isinstance(content, bytes) else content(exchange.document)
        return reply(200, made, *(fields or (JSON,)))

    return Fault(name, event, (steps.send(part),), on_delete=ODD)


def changed(name: str, event: Event, **members: Any) -> Fault:
    """200 with the right document, some members of which are changed; ``...`` drops one."""

    def change(right: bytes) -> bytes:
        made = json.loads(right) | {
            key.replace("imin_", "imin:").replace("at_", "@"): v for key, v in members.items()
        }
        return json.dumps({key: value for key, value in made.items() if value is not ...}).encode()

    return body(name, event, change)


def same(right: bytes) -> bytes:
    return right


TYPES = [
    body("type-html-but-json", WELL, same, "Content-Type: text/html"),
    body("type-missing", WELL, same, "X-Nothing: here"),
    body("type-malformed", WELL, same, "Content-Type: ;;=/"),
    body("type-empty", WELL, same, "Content-Type:"),
    body("type-twice", attrs.evolve(LENIENT, delete=WELL.delete), same, "Content-Type: text/html", JSON),
    body("type-with-nonsense-charset", WELL, same, JSON + "; charset=klingon"),
    body("type-with-utf-16-charset", WELL, same, JSON + "; charset=utf-16"),
    body("type-with-empty-charset", WELL, same, JSON + "; charset="),
    body("type-ld-json", WELL, same, 'Content-Type: application/ld+json; profile="x"'),
]

NOT_JSON = [
    body("html", UNREADABLE, b"<!doctype html><p>" + SECRET, "Content-Type: text/html"),
    body("empty", UNREADABLE, b""),
    body("spaces", UNREADABLE, b" \r\n\t "),
    body("words", UNREADABLE, SECRET),
    body("truncated", UNREADABLE, lambda right: right[:-2]),
    body("truncated-inside-string", UNREADABLE, lambda right: right[: right.index(b"imin.co") + 3]),
    body("trailing-junk", UNREADABLE, lambda right: right + SECRET),
    body("two-documents", UNREADABLE, lambda right: right + right),
    body("trailing-comma", UNREADABLE, lambda right: right[:-1] + b",}"),
    body("comment", UNREADABLE, lambda right: b"/* " + SECRET + b" */" + right),
    body("single-quotes", UNREADABLE, lambda right: right.replace(b'"', b"'")),
    body("utf-16", UNREADABLE, lambda right: right.decode().encode("utf-16"), JSON + "; charset=utf-16"),
    body("utf-32", UNREADABLE, lambda right: right.decode().encode("utf-32")),
    body("bad-utf-8", UNREADABLE, lambda right: right.replace(b"Acme", b"Acm\xc3")),
    body("overlong-utf-8", UNREADABLE, lambda right: right.replace(b"Acme", b"\xc0\xaf")),
    body("lone-surrogate", UNREADABLE, lambda right: right.replace(b"Acme", b"\\ud800")),
    body("control-character", UNREADABLE, lambda right: right.replace(b"Acme", b"Ac\x00me")),
    body("nan", UNREADABLE, lambda right: right.replace(b'"Acme"', b"NaN")),
    body("infinity", UNREADABLE, lambda right: right.replace(b'"Acme"', b"-Infinity")),
    body("number-leading-zero", UNREADABLE, lambda right: right.replace(b'"Acme"', b"01")),
    body("deep-arrays", UNREADABLE, b"[" * 100_000),
    body("deep-objects", UNREADABLE, b'{"imin:item":' * 100_000),
    body(
        "deep-but-whole", UNREADABLE, lambda right: right[:-1] + b', "x": ' + b"[" * 500 + b"]" * 500 + b"}"
    ),
]

FULL = [
    body("byte-order-mark", WELL, lambda right: b"\xef\xbb\xbf" + right),
    body("number-1e999", WELL, lambda right: right.replace(b'"Acme"', b"1e999")),
    body("number-of-5000-digits", WELL, lambda right: right.replace(b'"Acme"', b"9" * 5000)),
    body("number-of-20-digits", WELL, lambda right: right.replace(b'"Acme"', b"9" * 20)),
]
"""What the usual parser refuses or rounds, though it is JSON."""

SHAPES = [
    body("shape-null", UNREADABLE, b"null"),
    body("shape-true", UNREADABLE, b"true"),
    body("shape-number", UNREADABLE, b"7"),
    body("shape-string", UNREADABLE, b'"%s"' % SECRET),
    body("shape-array", UNREADABLE, b"[]"),
    body("shape-empty-object", UNREADABLE, b"{}"),
    body("shape-array-of-right", UNREADABLE, lambda right: b"[" + right + b"]"),
    body("shape-error-with-200", UNREADABLE, b'{"error": "%s"}' % SECRET),
    body("shape-other-type", UNREADABLE, b'{"@type": "Order", "@id": "%s"}' % SECRET),
    changed("items-string", UNREADABLE, imin_item=canaries.ALL),
    changed("items-number", UNREADABLE, imin_item=7),
    changed("items-true", UNREADABLE, imin_item=True),
]

NO_EVIDENCE = [
    changed("items-null", WELL_WITHOUT_EVIDENCE, imin_item=None),
    changed("items-missing", WELL_WITHOUT_EVIDENCE, imin_item=...),
    changed("items-empty", WELL_WITHOUT_EVIDENCE, imin_item=[]),
    changed("items-of-nothing", WELL_WITHOUT_EVIDENCE, imin_item=[None, 7, canaries.ALL, [], {}]),
    changed("items-of-others", WELL_WITHOUT_EVIDENCE, imin_item=[account(SELLER + "0", False)]),
    changed("item-with-slash", WELL_WITHOUT_EVIDENCE, imin_item=[account(SELLER + "/", False)]),
    changed("item-in-capitals", WELL_WITHOUT_EVIDENCE, imin_item=[account(SELLER.upper(), False)]),
    changed(
        "item-of-no-state",
        WELL_WITHOUT_EVIDENCE,
        imin_item=[account(SELLER, False) | {"imin:matchingEmailExists": None}],
    ),
    changed(
        "item-false-in-words",
        WELL_WITHOUT_EVIDENCE,
        imin_item=[account(SELLER, False) | {"imin:matchingEmailExists": "false"}],
    ),
    changed(
        "item-of-both-states",
        WELL_WITHOUT_EVIDENCE,
        imin_item=[account(SELLER, False) | account(SELLER, True)],
    ),
    changed(
        "items-that-disagree",
        WELL_WITHOUT_EVIDENCE,
        imin_item=[account(SELLER, False), account(SELLER, True)],
    ),
    changed("id-missing", WELL_WITHOUT_EVIDENCE, at_id=...),
    changed("id-null", WELL_WITHOUT_EVIDENCE, at_id=None),
]

STILL_WELL = [
    changed("context-changed", WELL, at_context=7),
    changed("type-changed", WELL, at_type="Sculpture"),
    changed("filter-a-number", WELL, imin_entitlementFilter=7),
    changed("unknown-members", WELL, **{"imin_next": canaries.ALL, "beta": {"a": [1]}}),
    changed("item-alone", WELL, imin_item=account(SELLER, False)),
    changed("item-among-broken-ones", WELL, imin_item=[7, account(SELLER, False), {"seller": canaries.ALL}]),
]


def _id(name: str, id: Any) -> Fault:
    return changed(f"id-{name}", SOMEBODY_ELSES, at_id=id)


STRANGERS = [
    body("somebody-elses", SOMEBODY_ELSES, document("stranger", {SELLER: False})),
    _id("of-stranger", "https://book.imin.co/api/v2/customers/stranger/accounts"),
    _id("with-suffix", f"https://book.imin.co/api/v2/customers/{canaries.CUSTOMER}0/accounts"),
    _id("with-slash", f"https://book.imin.co/api/v2/customers/{canaries.CUSTOMER}%2F/accounts"),
    _id("in-capitals", f"https://book.imin.co/api/v2/customers/{canaries.CUSTOMER.upper()}/accounts"),
    _id("empty", ""),
    _id("words", canaries.ALL),
    _id("elsewhere", "https://book.imin.co/api/v2/orders/7"),
    _id("of-two", f"https://book.imin.co/customers/{canaries.CUSTOMER}/accounts/customers/x/accounts"),
    _id("bad-escape", f"https://book.imin.co/api/v2/customers/{canaries.CUSTOMER}%ff/accounts"),
    _id("a-number", 7),
    _id("an-object", {"@id": f"https://book.imin.co/api/v2/customers/{canaries.CUSTOMER}/accounts"}),
]
SAME_PERSON = [
    changed(
        "id-of-version-3",
        WELL,
        at_id=f"https://api.imin.example/gw/api/v3/customers/{canaries.CUSTOMER}/accounts",
    ),
    changed("id-relative", WELL, at_id=f"/api/v2/customers/{canaries.CUSTOMER}/accounts"),
    changed(
        "id-escaped", WELL, at_id=f"https://book.imin.co/api/v2/customers/%63{canaries.CUSTOMER[1:]}/accounts"
    ),
]

GZIP = "Content-Encoding: gzip"
DEFLATE = "Content-Encoding: deflate"


def _raw_deflate(right: bytes) -> bytes:
    return zlib.compress(right)[2:-4]


ENCODINGS = [
    body("gzip", WELL, gzip.compress, JSON, GZIP),
    body("x-gzip-case", WELL, gzip.compress, JSON, "Content-Encoding: GZip"),
    body("deflate", WELL, zlib.compress, JSON, DEFLATE),
    body("deflate-raw", WELL, _raw_deflate, JSON, DEFLATE),
    body("identity", WELL, same, JSON, "Content-Encoding: identity"),
    body("encoding-unknown-but-plain", WELL, same, JSON, "Content-Encoding: rot13"),
    body("encoding-empty", WELL, same, JSON, "Content-Encoding:"),
    body(
        "gzip-members", WELL, lambda right: gzip.compress(right[:50]) + gzip.compress(right[50:]), JSON, GZIP
    ),
    body("gzip-unannounced", UNREADABLE, gzip.compress, JSON),
    body("gzip-truncated", UNREADABLE, lambda right: gzip.compress(right)[:-20], JSON, GZIP),
    body("gzip-without-trailer", WELL, lambda right: gzip.compress(right)[:-8], JSON, GZIP),
    body("gzip-of-other-sum", LOST, lambda right: gzip.compress(right)[:-8] + bytes(8), JSON, GZIP),
    body("gzip-announced-but-plain", LOST, same, JSON, GZIP),
    body("gzip-of-nothing", UNREADABLE, gzip.compress(b""), JSON, GZIP),
    body("gzip-empty", UNREADABLE, b"", JSON, GZIP),
    body(
        "gzip-twice-announced-once", UNREADABLE, lambda right: gzip.compress(gzip.compress(right)), JSON, GZIP
    ),
    body("gzip-then-junk", LOST, lambda right: gzip.compress(right) + SECRET, JSON, GZIP),
    body("deflate-broken", LOST, lambda right: b"\x78\x9c" + SECRET, JSON, DEFLATE),
    body("brotli-announced", LOST, b"\x0b\x02\x80" + SECRET, JSON, "Content-Encoding: br"),
]

BODIES = [*TYPES, *NOT_JSON, *FULL, *SHAPES, *NO_EVIDENCE, *STILL_WELL, *STRANGERS, *SAME_PERSON, *ENCODINGS]
