"""Replies as bytes, right ones and the parts of wrong ones."""

import json
from collections.abc import Mapping
from urllib.parse import quote

from tests import canaries

SELLER = "https://id.bookingsystem.example.com/organizers/1"
JSON = "Content-Type: application/json"


def reply(status: int | str, body: bytes = b"", *fields: str | bytes, length: bool = True) -> bytes:
    """A whole reply: ``fields`` as lines, Content-Length added unless ``length`` is false."""
    return head(status, *fields, *([f"Content-Length: {len(body)}"] if length else [])) + body


def head(status: int | str, *fields: str | bytes) -> bytes:
    """A status line and fields with the empty line after them; a canary stands as the reason."""
    line = f"HTTP/1.1 {status} {canaries.EMAIL}" if isinstance(status, int) else status
    lines = [field.encode() if isinstance(field, str) else field for field in (line, *fields)]
    return b"\r\n".join((*lines, b"", b""))


def chunked(*chunks: bytes) -> bytes:
    """A body in chunks, the last one included."""
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))


def document(customer: str, sellers: Mapping[str, bool]) -> bytes:
    """The reply to GET: ``sellers`` maps each seller's id to whether it is connected."""
    return json.dumps(
        {
            "@context": ["https://openactive.io/", "https://schema.imin.co/"],
            "@id": f"https://book.imin.co/api/v2/customers/{quote(customer, safe='')}/accounts",
            "@type": "imin:Collection",
            "imin:entitlementFilter": f"{canaries.FILTER}{customer}",
            "imin:item": [account(seller, connected) for seller, connected in sellers.items()],
        }
    ).encode()


def account(seller: str, connected: bool) -> dict[str, object]:
    """One item of the reply to GET."""
    item: dict[str, object] = {
        "@type": "Account",
        "seller": {"@type": "Organization", "@id": seller, "name": "Acme", "email": canaries.EMAIL},
    }
    if connected:
        return item | {
            "dateLinked": "2021-01-27T12:00:00Z",
            "customer": {"@type": "Person", "email": canaries.EMAIL},
            "accessPass": {"@type": "Barcode", "text": canaries.BARCODE},
        }
    return item | {
        "imin:matchingEmailExists": True,
        "potentialAction": [
            {
                "@type": "RegisterAction",
                "target": f"https://book.imin.co/auth/connect-account?jwt={canaries.JWT}",
            }
        ],
    }
