"""A town worth looking at: every kind of thing, reproducible, and none that imin could not have."""

import json
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from imin_accounts import from_jsonld
from imin_accounts.fake import FakeImin, add_people
from tests.fake.requests import START, Clock, items


def town(customers: int = 60, seed: int = 0) -> FakeImin:
    """Nine sellers and their customers."""
    fake = FakeImin(seed=1, clock=Clock())
    add_people(fake, sellers=9, customers=customers, seed=seed)
    return fake


@pytest.fixture(scope="module")
def accounts() -> list[dict[str, Any]]:
    """All connections of a town."""
    return [json.loads(json.dumps(each)) for each in town().snapshot()["connections"]]


async def test_every_state_is_common() -> None:
    """Connected, unconnected and without an account."""
    fake, found = town(), Counter[str]()
    for customer in fake.population.people:
        for item in await items(fake, customer):
            found["connected" if "dateLinked" in item else str(item["imin:matchingEmailExists"])] += 1
    assert min(found[state] for state in ("connected", "True", "False")) > 100


def test_proof_is_in_every_status(accounts: list[dict[str, Any]]) -> None:
    """Asked for, handed in, accepted, rejected."""
    asked = [each["evidenceRequest"]["actionStatus"] for account in accounts for each in account["evidence"]]
    assert {status.rpartition("/")[2].removesuffix("ActionStatus") for status in asked} == {
        *("Potential", "Active", "Completed", "Failed")
    }


def test_entitlements_end_over_the_next_months(accounts: list[dict[str, Any]]) -> None:
    """Some in each of the next two months, some later, none in the past."""
    ends = [
        datetime.fromisoformat(each["expires"]) for account in accounts for each in account["entitlements"]
    ]
    months = Counter((end - START) // timedelta(days=30) for end in ends)
    assert min(months) == 0
    assert min(months[month] for month in range(4)) >= 5


def test_passes_are_barcodes_and_pictures(accounts: list[dict[str, Any]]) -> None:
    """Either, both, and neither; most are barcodes."""
    kinds = Counter(
        (account["access_pass"] is not None, bool(account["access_passes"])) for account in accounts
    )
    assert len(kinds) == 4
    assert kinds[True, False] > len(accounts) / 2


def test_there_are_conflicts_and_odd_sellers(accounts: list[dict[str, Any]]) -> None:
    """What a page must not break at: no name, a long one, one with markup."""
    assert sum(bool(account["update_errors"]) for account in accounts) > 10
    names = [seller.get("name") for seller in town().population.sellers.values()]
    assert None in names
    assert max(len(name or "") for name in names) > 80
    assert any("<" in (name or "") for name in names)


async def test_everything_of_it_can_be_read() -> None:
    """Strictly: no account has a problem, and nothing is drift that the API does not document."""
    fake = town(customers=10)
    for customer in fake.population.people:
        for item in await items(fake, customer):
            document = {
                "@id": f"/customers/{customer}/accounts",
                "@type": "imin:Collection",
                "imin:item": [item],
            }
            assert not from_jsonld(document, strict=True).unrecognised


def test_a_seed_gives_the_same_town() -> None:
    """Another gives another."""
    assert town(5).snapshot() == town(5).snapshot() != town(5, seed=2).snapshot()
