"""People worth looking at: a town's customers and its sellers, with all that an account can hold."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

from imin_accounts.fake._world import World
from imin_accounts.models import ActionStatus

__all__ = ["add_people"]

_FIRST = (
    *("Amara", "Ben", "Carys", "Dilip", "Eleri", "Farah", "Grace", "Hamza", "Isla", "Jakub", "Kwame", "Lena"),
    *("Mairi", "Nadia", "Owen", "Priya", "Quentin", "Ruth", "Siobhán", "Tomasz", "Una", "Víctor", "Wanda"),
)
_LAST = (
    *("Adeyemi", "Baker", "Clarke", "Davies", "Evans", "Fraser", "Green", "Hughes", "Iqbal", "Jones", "Khan"),
    *("Lewis", "Murphy", "Nowak", "Okafor", "Patel", "Quinn", "Roberts", "Shah", "Taylor", "Usman", "Walsh"),
)
_SELLERS = (
    *(
        "Harbour Leisure Centre",
        "Northgate Pool",
        "The Old Mill Climbing Wall",
        "Riverside Tennis",
        "Parkside Gym",
    ),
    *("Market Street Studios", "Hilltop Athletics", "Canal Boathouse"),
)
# Names, pages and pictures as sellers really write them: too long, in other letters, missing.
_ODD_SELLERS: tuple[dict[str, Any], ...] = (
    {"name": "Canolfan Hamdden Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch a'r Cylch (Cyf.)"},
    {},
    {"name": "  Smith & Sons <Squash>  ", "url": "smithsquash.example", "telephone": "ring Bob"},
    {"name": "مركز السباحة", "logo": "https://sellers.example.com/logo that was never uploaded.png"},
)
_DISCOUNTS = (
    "City resident",
    "Student",
    "Over 65",
    "Carer",
    "Junior",
    "Leisure Pass Plus",
    "NHS staff",
    "Armed forces",
)
_NEED_PROOF = ("Student", "Carer", "NHS staff", "Armed forces")
_CONFLICTS = (
    "This customer already has a paid monthly membership",
    "The student discount can't be used together with the resident discount",
    "Only one concession may be held at a time",
)


def add_people(fake: World, *, sellers: int = 0, customers: int = 0, seed: int = 0) -> None:
    """Add sellers and customers as a town may have them, whose discounts end over the next half year.

    Accounts are spread over the three states. Connected ones have passes (barcodes, pictures), discounts,
    requests for proof in every status and conflicts; one seller in three has odd data, as real ones do.

    Args:
        sellers: How many; they are ``https://sellers.example.com/1`` and so on.
        customers: How many; they are ``customer-1`` and so on.
        seed: Decides everything but the dates, which are around the present of ``fake``.
    """
    dice, now = Random(seed), fake.now().replace(microsecond=0)
    for n in range(1, sellers + 1):
        fake.add_seller(f"https://sellers.example.com/{n}", **_seller(n))
    ids = [*fake.population.sellers]
    for n in range(1, customers + 1):
        customer = f"customer-{n}"
        email = f"{dice.choice(_FIRST)}.{dice.choice(_LAST)}.{n}@example.com".lower()
        fake.add_customer(customer, email=email)
        for seller in ids:
            match dice.choices(("connected", "unconnected", "no account"), (4, 3, 3))[0]:
                case "connected":
                    fake.connect(
                        customer, seller, **_account(dice, now, f"{customer}/{ids.index(seller) + 1}")
                    )
                case "unconnected":
                    fake.add_member(seller, email)


def _seller(n: int) -> dict[str, Any]:
    if n % 3 == 0:
        return _ODD_SELLERS[n // 3 % len(_ODD_SELLERS) - 1]
    town, place = divmod(n - 1, len(_SELLERS))
    name = _SELLERS[place] + (f" {town + 1}" if town else "")
    host = name.lower().replace(" ", "")
    return {"name": name, "url": f"https://{host}.example.com/", "email": f"hello@{host}.example.com"}


def _account(dice: Random, now: datetime, id: str) -> dict[str, Any]:
    """What ``connect`` takes."""
    barcode, *pictures = dice.choices(((True,), (False,), (True, True), (False, True)), (14, 2, 3, 1))[0]
    asks = dice.random() < 0.3
    discounts = dice.sample(_DISCOUNTS, dice.randint(0, 3))
    conflict = {
        "@type": "EntitlementConflict",
        "name": "The entitlement cannot be applied.",
        "description": dice.choice(_CONFLICTS),
    }
    linked = now - timedelta(days=dice.randint(1, 1000), minutes=dice.randint(0, 1440))
    return {
        "date_linked": linked,
        "hidden_entitlements": dice.random() < 0.15,
        "access_pass": f"{dice.randrange(10**12):012}" if barcode else None,
        "passes": [_picture(id, linked) for _ in pictures],
        "entitlements": [_entitlement(dice, now, id, name) for name in discounts],
        "evidence": [*_evidence(dice, now, id)] if asks else [],
        "update_errors": [conflict] if dice.random() < 0.1 else [],
    }


def _picture(id: str, changed: datetime) -> dict[str, Any]:
    url = f"https://passes.example.com/{id}.png"
    return {"@type": "ImageObject", "url": url, "dateModified": changed.isoformat()}


def _entitlement(dice: Random, now: datetime, id: str, name: str) -> dict[str, Any]:
    slug = name.lower().replace(" ", "-")
    days = min(dice.expovariate(1 / 60), 180)  # most end in the next two months
    return {
        "@type": "Entitlement",
        "@id": f"https://id.example.com/entitlements/{id}/{slug}",
        "expires": (now + timedelta(days=days, hours=1)).replace(microsecond=0).isoformat(),
        "entitlementType": {
            "@type": "Concept",
            "@id": f"https://id.example.com/entitlement-list#{slug}",
            "prefLabel": name,
            "inScheme": "https://id.example.com/entitlement-list",
        },
    }


def _evidence(dice: Random, now: datetime, id: str) -> Iterator[dict[str, Any]]:
    request = {
        "@type": "EvidenceRequestAction",
        "url": f"https://proof.example.com/upload/{id}",
        "expiry": (now + timedelta(days=dice.randint(3, 60))).isoformat(),
        "actionStatus": str(dice.choice([*ActionStatus])),
    }
    yield {**_entitlement(dice, now, id, dice.choice(_NEED_PROOF)), "evidenceRequest": request}
