"""People to start with: Rosie, who has a seller in each state, and any number of others.

Rosie's connected account is the one that the API's page shows.
"""

from datetime import UTC, datetime
from random import Random

from imin_accounts.fake._world import World

__all__ = ["add_crowd", "add_rosie"]

ACME = "https://id.bookingsystem.example.com/organizers/1"
BROOK = "https://id.bookingsystem.example.com/organizers/2"
CASTLE = "https://id.bookingsystem.example.com/organizers/3"


def add_rosie(fake: World) -> None:
    """Add the customer ``rosie`` (``rosie@example.com``) and three sellers.

    Her account is connected with Acme Leisure Centre, as in the documented reply; unconnected with
    Brook Street Pool, where her password is ``"password"``; and she has none with Castle Climbing.
    """
    fake.add_customer("rosie", email="rosie@example.com")
    fake.add_seller(
        ACME,
        name="Acme Leisure Centre",
        url="https://acmeleisurecentre.com/",
        logo="https://acmeleisurecentre.com/logo.jpg",
        email="contact@acmeleisurecentre.com",
        telephone="01455 890508",
        same_as=[
            "https://www.facebook.com/acmeleisurecentre/",
            "https://twitter.com/acmeleisurecentre",
        ],
    )
    fake.add_seller(BROOK, name="Brook Street Pool", url="https://brookstreetpool.example.com/")
    fake.add_seller(CASTLE, name="Castle Climbing")
    fake.add_member(BROOK, "rosie@example.com")
    fake.connect(
        "rosie",
        ACME,
        date_linked=datetime(2021, 1, 27, 12, tzinfo=UTC),
        hidden_entitlements=True,
        access_pass="9826000123456",
        update_errors=[
            {
                "@context": "https://openactive.io/",
                "@type": "EntitlementConflict",
                "name": "The entitlement cannot be applied due to other entitlements already associated "
                "with the Customer.",
                "description": "This customer already has a paid monthly membership",
            }
        ],
        evidence=[
            {
                "@context": "https://openactive.io/",
                "@type": "Entitlement",
                "@id": "https://id.example.com/entitlements/1234",
                "expires": "2021-05-10T10:45:33+00:00",
                "evidenceRequest": {
                    "@type": "EvidenceRequestAction",
                    "url": "https://legend.example.com/upload-form/1234/magic-link/abc",
                    "expiry": "2021-07-10T10:45:33+00:00",
                    "actionStatus": "https://schema.org/CompletedActionStatus",
                },
                "entitlementType": {
                    "@type": "Concept",
                    "@id": "https://gll.example.com/openactive/entitlement-list"
                    "#5e78bcbe-36db-425a-9064-bf96d09cc351",
                    "prefLabel": "MCRactive Adult Resident",
                    "inScheme": "https://gll.example.com/openactive/entitlement-list",
                },
            }
        ],
    )


def add_crowd(fake: World, *, sellers: int = 0, customers: int = 0, seed: int = 0) -> None:
    """Add sellers and customers by number, their accounts spread over the three states.

    Args:
        sellers: How many; they are ``https://sellers.example.com/1`` and so on.
        customers: How many; they are ``customer-1`` and so on.
        seed: Decides who has an account where. Every seller counts, those there before too.
    """
    dice = Random(seed)
    for n in range(1, sellers + 1):
        fake.add_seller(f"https://sellers.example.com/{n}", name=f"Leisure Centre {n}")
    for n in range(1, customers + 1):
        customer, email = f"customer-{n}", f"customer-{n}@example.com"
        fake.add_customer(customer, email=email)
        for seller in list(fake.population.sellers):
            match dice.choice(["no account", "unconnected", "connected"]):
                case "unconnected":
                    fake.add_member(seller, email)
                case "connected":
                    fake.connect(customer, seller, access_pass=f"{dice.randrange(10**12):012}")
