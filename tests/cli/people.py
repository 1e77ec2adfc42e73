"""Customers for the bulk commands, with everything that an audit looks for."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from imin_accounts.fake import FakeImin

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
"""A Wednesday."""
STATUSES = ("Potential", "Active", "Completed", "Failed")
TOWNS = ("Ash", "Beck", "Croft", "Dale", "Elm", "Fen", "Glen", "Hurst", "Isle", "Kirk", "Lea", "Marsh")
DISCOUNTS = ("Adult Resident", "Junior Resident", "Over 65", "Carer", "Student", "Leisure Pass Plus")


def entitlement(
    id: str, *, ends: datetime | None = None, label: str = "Over 65", proof: str | None = None
) -> dict[str, Any]:
    """A discount as JSON-LD; with ``proof``, the status of the request for it."""
    node: dict[str, Any] = {
        "@type": "Entitlement",
        "@id": f"https://id.example.com/entitlements/{id}",
        "entitlementType": {"@type": "Concept", "prefLabel": label},
    }
    if ends is not None:
        node["expires"] = ends.isoformat()
    if proof is not None:
        node["evidenceRequest"] = {
            "@type": "EvidenceRequestAction",
            "url": "https://legend.example.com/upload-form/1234/magic-link/abc",
            "expiry": (NOW + timedelta(days=9)).isoformat(),
            "actionStatus": f"https://schema.org/{proof}ActionStatus",
        }
    return node


def conflict(name: str = "The entitlement cannot be applied") -> Mapping[str, Any]:
    """An update error as JSON-LD."""
    return {"@type": "EntitlementConflict", "name": name}


def add_people(fake: FakeImin, *, customers: int, sellers: int = 3, now: datetime = NOW) -> None:
    """Add ``customer-1`` and so on, most of them connected somewhere, with all that can be found."""
    dice = Random(0)
    ids = [f"https://sellers.example.com/{n}" for n in range(1, sellers + 1)]
    for n, id in enumerate(ids):
        fake.add_seller(id, name=f"{TOWNS[n % len(TOWNS)]} Leisure Centre")
    for n in range(1, customers + 1):
        customer = f"customer-{n}"
        fake.add_customer(customer, email=f"{customer}@example.com")
        for rank, seller in enumerate(ids):
            match dice.choices(["connected", "unconnected", "no account"], [30 - rank, 20, 10 + rank])[0]:
                case "connected":
                    _connect(fake, customer, seller, dice, now)
                case "unconnected":
                    fake.add_member(seller, f"{customer}@example.com")


def _connect(fake: FakeImin, customer: str, seller: str, dice: Random, now: datetime) -> None:
    ends = now + timedelta(days=dice.triangular(1, 200, 40))
    number = str(dice.randrange(10**9))
    fake.connect(
        customer,
        seller,
        date_linked=now - timedelta(days=dice.randrange(900)),
        access_pass=number,
        entitlements=[entitlement(number, ends=ends, label=dice.choice(DISCOUNTS))],
        evidence=(
            [entitlement(f"{number}0", label=dice.choice(DISCOUNTS), proof=dice.choice(STATUSES))]
            if dice.random() < 0.3
            else ()
        ),
        update_errors=[conflict()] if dice.random() < 0.05 else (),
    )
