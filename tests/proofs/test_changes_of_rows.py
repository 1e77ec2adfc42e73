"""What ``imin-accounts changes`` tells of rows, beside what ``imin_accounts.changes`` tells of their replies.

Pairs of replies of every form that is known or feared: 1,500, or 100,000 with ``CI_LONG``, always the same.
"""

from collections import Counter
from copy import deepcopy
from random import Random

from imin_accounts import DecodeError, Fetched, InvalidRequest, SellerAccounts, from_jsonld
from imin_accounts.changes import changes
from imin_accounts.cli._changes.replies import changes_of_rows
from imin_accounts.cli.rows import rows_of
from tests.cli.rows import AT
from tests.length import LONG
from tests.proofs.odd_replies import CHANGES, document, written

COUNT = 100_000 if LONG else 1_500
NO_CLAIM = {"SellerUnreadable"}
"""That nobody can tell."""
IN_PART = {
    "EntitlementAdded": {"EntitlementAdded", "EntitlementChanged", "EvidenceRequested"},
    "EntitlementRemoved": {"EntitlementRemoved", "EntitlementChanged", "EvidenceWithdrawn"},
    "EntitlementChanged": {"EntitlementChanged", "EvidenceChanged"},
    "EvidenceRequested": {"EvidenceRequested", "EntitlementAdded", "EntitlementChanged", "EvidenceChanged"},
    "EvidenceWithdrawn": {"EvidenceWithdrawn", "EntitlementRemoved", "EntitlementChanged", "EvidenceChanged"},
    "EvidenceChanged": {
        "EvidenceChanged",
        "EntitlementAdded",
        "EntitlementChanged",
        "EntitlementRemoved",
        "EvidenceRequested",
        "EvidenceWithdrawn",
    },
}
"""Rows list an entitlement once that the reply may list as held and as asking for proof."""


def pair(rng: Random) -> tuple[SellerAccounts, SellerAccounts] | None:
    """A reply and a later one; None where one of them can't be read at all."""
    was = document(rng)
    now = deepcopy(was)
    for _ in range(rng.randint(0, 3)):
        rng.choice(CHANGES)(now, rng)
    if rng.random() < 0.5:
        was, now = now, was
    try:
        return from_jsonld(written(was).encode()), from_jsonld(written(now).encode())
    except DecodeError:
        return None


def of_rows(was: SellerAccounts, now: SellerAccounts) -> set[tuple[str, str | None]]:
    """Kinds of changes and sellers, as the rows of an export tell them."""
    old, new = (rows_of(Fetched("1234", accounts), AT) for accounts in (was, now))
    return {
        (type(each).__name__, each.seller.id if each.seller else None)
        for each in changes_of_rows(old, new)
        if not (type(each).__name__ == "MatchingEmailChanged" and each.was is None)
    }


def test_rows_claim_nothing_that_the_replies_do_not() -> None:
    """Never a change that is none; a disconnection least of all."""
    rng, told = Random("rows"), Counter[str]()
    for number in range(COUNT):
        made = pair(rng)
        if made is None:
            continue
        try:
            found = {
                (type(each).__name__, each.seller.id if each.seller else None) for each in changes(*made)
            }
        except InvalidRequest:  # of two customers
            continue
        for kind, seller in of_rows(*made):
            told[kind] += 1
            allowed = {(other, seller) for other in IN_PART.get(kind, {kind})}
            assert kind in NO_CLAIM or allowed & found, (number, kind, sorted(map(str, found)))
    print(f"{COUNT:,} pairs: {dict(told)}")
    assert told.keys() >= {"AccountDisconnected", "AccountConnected", "EvidenceChanged"}
