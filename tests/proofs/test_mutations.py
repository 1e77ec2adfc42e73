"""Replies broken in thousands of ways: each is refused, or read into models of exactly their types.

2,000 of a kind in the ordinary run, 100,000 with ``CI_LONG``; the same ones every time.
"""

import random
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import orjson
import pytest

from imin_accounts import DecodeError, SellerAccounts, from_jsonld, to_jsonld
from imin_accounts._models.node import Node, keys_of
from imin_accounts.models import (
    AccessPass,
    ConnectAction,
    ConnectedAccount,
    Customer,
    Entitlement,
    EntitlementType,
    EntitlementUpdateError,
    EvidenceRequest,
    Image,
    Seller,
    UnconnectedAccount,
)
from tests.annotation_check import mistyped
from tests.length import LONG
from tests.paths import SAMPLES
from tests.strategies import normal

NODES: list[type[Node]] = [Image, Seller, Customer, AccessPass, EntitlementUpdateError, EntitlementType]
NODES += [EvidenceRequest, Entitlement, ConnectAction, ConnectedAccount, UnconnectedAccount, SellerAccounts]
COUNT = 100_000 if LONG else 2000
DOCUMENTS = [path.read_bytes() for path in sorted(SAMPLES.glob("*.json"))]
DATES = [
    "2021-01-27T12:00:00Z",
    "2021-02-30T12:00:00Z",
    "2021-01-27",
    "2021-01-27T24:00:00Z",
    "2021-01-27T12:00:00+12:60",
]
ODD: list[Any] = [
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        0.0,
        1.0,
        2**63,
        1e300,
        "",
        "x",
        "true",
        "false",
        [],
        [[]],
        [None],
        {},
        {"@id": 5},
    ),
    *(
        [{}],
        [{}, {}],
        [5],
        ["x"],
        {"@type": "Barcode"},
        {"url": "https://x.example/"},
        {"@id": "x"},
        {"id": "y"},
    ),
    *(
        "https://x.example/y",
        "javascript:x",
        "http://schema.org/FailedActionStatus",
        "CompletedActionStatus",
        *DATES,
    ),
]
KEYS = sorted({"x"}.union(*map(keys_of, NODES)))


def containers(value: Any) -> Iterator[Any]:
    """Every object and array in ``value``, itself included, unless they are empty."""
    if isinstance(value, dict | list) and value:
        yield value
        for each in value.values() if isinstance(value, dict) else value:
            yield from containers(each)


def restructured(sample: bytes, rng: random.Random) -> bytes:
    """``sample`` with one to four values or members replaced, removed, added, moved or wrapped."""
    document = orjson.loads(sample)
    for _ in range(rng.randint(1, 4)):
        places = [*containers(document)]
        where = rng.choice(places)
        at = rng.choice([*where] if isinstance(where, dict) else range(len(where)))
        match rng.randrange(7):
            case 0:
                del where[at]
            case 1:
                where[at] = [where[at]]
            case 2 if isinstance(where, dict):
                where[rng.choice(KEYS)] = where.pop(at)
            case 3 if isinstance(where, dict):
                where[rng.choice(KEYS)] = deepcopy(rng.choice(ODD))
            case 4:
                where[at] = deepcopy(rng.choice(places))
            case _:
                where[at] = deepcopy(rng.choice(ODD))
    return orjson.dumps(document)


def rewritten(sample: bytes, rng: random.Random) -> bytes:
    """``sample`` with one to four of its bytes changed, removed, doubled or added, or cut short."""
    data = bytearray(sample)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(6):
            case 0:
                del data[at : at + rng.randint(1, 20)]
            case 1:
                data[at:at] = data[at : at + rng.randint(1, 200)]
            case 2:
                data[at:at] = rng.choice(
                    [b'"', b"\\", b"\\u0000", b"{", b"]", b",", b"\xff", b"\xef\xbb\xbf", b"null"]
                )
            case 3 if rng.random() < 0.1:
                del data[at:]
            case _:
                data[at : at + 1] = [rng.choice([rng.randrange(256), *b'0123456789"{}[]:,ntf-.e '])]
    return bytes(data)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mutated", [restructured, rewritten])
def test_mutants(mutated: Callable[[bytes, random.Random], bytes]) -> None:
    """A broken reply is refused, or read with nothing lost and nothing coerced."""
    for seed in range(COUNT):
        data = mutated(DOCUMENTS[seed % len(DOCUMENTS)], random.Random(seed))
        try:
            accounts = from_jsonld(data)
        except DecodeError:
            continue
        document = orjson.loads(data.removeprefix(BOM_UTF8))
        assert not [*mistyped(accounts, SellerAccounts)], seed
        assert normal(to_jsonld(accounts)) == normal(document), seed
        assert from_jsonld(document) == accounts, seed
        assert read_strictly(data) == (not accounts.problems and not any(a.problems for a in accounts)), seed


def read_strictly(data: bytes) -> bool:
    try:
        from_jsonld(data, strict=True)
    except DecodeError:
        return False
    return True


def test_mutants_are_worth_reading() -> None:
    """Most structural mutants and some of the byte ones are still replies, so the above is about reading."""
    counts = {restructured: 0, rewritten: 0}
    for mutated in counts:
        for seed in range(500):
            try:
                from_jsonld(mutated(DOCUMENTS[seed % len(DOCUMENTS)], random.Random(seed)))
            except DecodeError:
                counts[mutated] += 1
    assert counts[restructured] < 150
    assert counts[rewritten] < 450
