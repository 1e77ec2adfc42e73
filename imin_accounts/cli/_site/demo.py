"""The site on an emulated imin, with a Rosie whose discounts have not ended."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from imin_accounts import AccountsSession
from imin_accounts.cli._site.app import broker_site
from imin_accounts.fake import FakeImin, add_rosie
from imin_accounts.models import (
    AccessPass,
    ActionStatus,
    Entitlement,
    EntitlementType,
    EntitlementUpdateError,
    EvidenceRequest,
)

API_KEY = "demo-key"


@asynccontextmanager
async def demonstration(*, port: int) -> AsyncIterator[tuple[str, str]]:
    """Serve both to this machine. Gives the URLs of the site and of the emulated imin.

    Args:
        port: The site's; 0 picks a free one.

    Raises:
        OSError: On entering, where the port can't be listened on.
    """
    fake = FakeImin(API_KEY)
    async with fake.serve() as imin:
        session = AccountsSession(API_KEY, base_url=imin, timeout=10)
        # Short patience: what the imin of this machine knows, it shows at once.
        rosie: dict[str, Any] = {"customer": "rosie", "name": "Rosie", "patience": 0.5}
        async with broker_site(session, port=port, **rosie) as site:
            add_rosie_of_today(fake, datetime.now(UTC), picture=f"{site}/static/access-pass.svg")
            yield site, imin


def add_rosie_of_today(fake: FakeImin, now: datetime, *, picture: str | None = None) -> None:
    """Rosie as the emulator knows her; what is connected has dates around ``now``, and no foreign logo.

    Args:
        picture: The address of an access pass as a picture.
    """
    add_rosie(fake)
    acme = next(iter(fake.population.sellers))
    fake.add_seller(acme, name="Acme Leisure Centre", url="https://acme.example/")
    fake.connect(
        "rosie",
        acme,
        date_linked=now - timedelta(days=200),
        access_passes=[
            AccessPass(type="Barcode", text="9826000123456", url=picture, code_type="qrcode"),
            AccessPass(type="Barcode", text="MEM-20-4417"),
        ],
        entitlements=[
            discount("City resident", now + timedelta(days=12, hours=1)),
            discount("Swim club member", now + timedelta(days=230)),
        ],
        evidence=[
            discount(
                "Student",
                now + timedelta(days=300),
                EvidenceRequest(
                    type="EvidenceRequestAction",
                    url="https://proof.example/upload/1234",
                    expiry=now + timedelta(days=30),
                    action_status=ActionStatus.POTENTIAL,
                ),
            )
        ],
        update_errors=[
            EntitlementUpdateError(
                type="EntitlementConflict",
                name="The student discount can't be used together with your monthly membership.",
            )
        ],
    )


def discount(name: str, expires: datetime, evidence: EvidenceRequest | None = None) -> Entitlement:
    """A discount of Rosie's; ``evidence`` where proof of it is asked for."""
    return Entitlement(
        id=f"https://acme.example/discounts/{name.lower().replace(' ', '-')}",
        type="Entitlement",
        expires=expires.replace(microsecond=0),
        evidence_request=evidence,
        entitlement_type=EntitlementType(type="Concept", pref_label=name),
    )
