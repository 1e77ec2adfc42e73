"""Two long replies compared: time that grows as they do, whatever stands in them how often."""

import gc
import time
from collections.abc import Callable
from typing import Any

import pytest

from imin_accounts import SellerAccounts, from_jsonld
from imin_accounts.changes import changes, last_readable

Json = dict[str, Any]
PRIME = 2**61 - 1
"""Python gives all multiples of it one hash: https://docs.python.org/3/library/stdtypes.html#hashing-of-numeric-types."""


def item(number: int = 0, **members: Any) -> Json:
    return {"@type": "Account", "seller": {"@id": f"https://id.example.com/{number}"}, **members}


def linked(**members: Any) -> Json:
    return item(dateLinked="2021-01-27T12:00:00Z", **members)


def two_names(known: bool) -> Json:
    both = {"@id": "https://id.example.com/0", "id": "https://id.example.com/1"}
    return {"@type": "Account", "seller": both, "imin:matchingEmailExists": known}


def nodes(type_: str, size: int, ids: int, *, text: str) -> list[Json]:
    return [{"@type": type_, "@id": f"urn:{n % ids}", "name": f"{text} {n}"} for n in range(size)]


MEMBERS = {
    "entitlement": "Entitlement",
    "imin:evidenceRequests": "Entitlement",
    "imin:entitlementUpdateErrors": "EntitlementConflict",
    "accessPass": "Barcode",
}
LONG: dict[str, Callable[[int, bool], list[Json]]] = {
    "one seller": lambda size, flag: [item(**{"imin:matchingEmailExists": flag})] * size,
    "two sellers in turn": lambda size, flag: [
        item(n % 2, **{"imin:matchingEmailExists": flag}) for n in range(size)
    ],
    "sellers": lambda size, flag: [item(n, **{"imin:matchingEmailExists": flag}) for n in range(size)],
    "items that name no seller": lambda size, flag: (
        [{"@type": "Account", "x": str(n)} for n in range(size)] + [{"x": flag}]
    ),
    "items of two names": lambda size, flag: [linked(), *[two_names(flag)] * (size // 2)],
    **{
        f"{key}, of {ids}": lambda size, flag, key=key, type_=type_, ids=ids: [  # type: ignore[misc]
            linked(**{key: [*nodes(type_, size // 8, ids, text=str(flag)), *([5] if flag else [])]})
        ]
        for key, type_ in MEMBERS.items()
        for ids in (1, 2, 10**6)
    },
    "numbers of one hash": lambda size, flag: [linked(x=[n * PRIME for n in range(flag, size // 4 + flag)])],
}


@pytest.mark.parametrize("case", LONG)
@pytest.mark.parametrize("compare", [changes, last_readable])
def test_four_times_as_much_takes_four_times_as_long(
    case: str, compare: Callable[[SellerAccounts, SellerAccounts], object]
) -> None:
    """And not sixteen times: a reply as large as one may be must not block the loop."""
    short, long = (cpu(compare, LONG[case], size) for size in (3_000, 12_000))
    assert long < max(9 * short, 0.05)


def cpu(
    compare: Callable[[SellerAccounts, SellerAccounts], object],
    items: Callable[[int, bool], list[Json]],
    size: int,
) -> float:
    """Seconds of this thread alone, the lesser of two."""
    was, now = (
        from_jsonld({"@type": "imin:Collection", "imin:item": items(size, flag)}) for flag in (False, True)
    )
    taken = []
    gc.disable()
    try:
        for _ in range(2):
            start = time.thread_time()
            compare(was, now)
            taken.append(time.thread_time() - start)
    finally:
        gc.enable()
    return min(taken)
