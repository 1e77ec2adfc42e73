"""Seeded replies: distinct values everywhere, half of the accounts connected, tokens of 400 characters.

Two mixes: ``documented`` has the members that imin's page shows, with an optional one missing here and
there; ``full`` has every member that the models declare, so nothing is cheap by absence.
"""

import random
import string
from collections.abc import Iterator
from typing import Any, Literal

import orjson

Mix = Literal["documented", "full"]
Node = dict[str, Any]

_LETTERS = string.ascii_letters + string.digits


class _Maker:
    def __init__(self, seed: str, mix: Mix) -> None:
        self._random = random.Random(seed)
        self._full = mix == "full"

    def token(self, length: int) -> str:
        return "".join(self._random.choices(_LETTERS, k=length))

    def date(self) -> str:
        r = self._random.randint
        day = f"20{r(20, 29)}-{r(1, 12):02}-{r(1, 28):02}T{r(0, 23):02}:{r(0, 59):02}:{r(0, 59):02}"
        return day + self._random.choice(["Z", "+00:00"])

    def node(self, type: str, id: str | None = None, **members: Any) -> Node:
        """A node with an ``@id`` where the documentation shows one, or the mix is full."""
        named = {"@id": id or f"https://id.example.com/{self.token(12)}"} if id or self._full else {}
        return {"@type": type, **named, **members}

    def seller(self, number: int) -> Node:
        name = self.token(10).lower()
        site = f"https://{name}.example.com"
        seller = self.node(
            "Organization",
            id=f"https://id.bookingsystem.example.com/organizers/{number}",
            name=f"{name.title()} Leisure Centre",
            url=f"{site}/",
            logo=self.node("ImageObject", url=f"{site}/logo.jpg"),
            email=f"contact@{name}.example.com",
            telephone=f"01{self._random.randint(10**8, 10**9 - 1)}",
            sameAs=[f"https://www.facebook.com/{name}/", f"https://twitter.com/{name}"],
        )
        if not self._full and self._random.random() < 0.1:
            del seller["logo"]
        return seller

    def entitlement(self) -> Node:
        scheme = f"https://{self.token(6).lower()}.example.com/openactive/entitlement-list"
        return {
            "@context": "https://openactive.io/",
            **self.node("Entitlement", id=f"https://id.example.com/entitlements/{self.token(8)}"),
            "expires": self.date(),
            "evidenceRequest": self.node(
                "EvidenceRequestAction",
                url=f"https://legend.example.com/upload-form/{self.token(30)}",
                expiry=self.date(),
                actionStatus=self._random.choice(
                    ["https://schema.org/CompletedActionStatus", "https://schema.org/PotentialActionStatus"]
                ),
            ),
            "entitlementType": self.node(
                "Concept", id=f"{scheme}#{self.token(36)}", prefLabel=self.token(20), inScheme=scheme
            ),
        }

    def connected(self) -> Node:
        members: Node = {
            "dateLinked": self.date(),
            "hiddenEntitlements": self._random.random() < 0.5,
            "customer": self.node("Person", email=f"{self.token(9)}@example.com", dateModified=self.date()),
            "accessPass": self.node("Barcode", text=self.token(12), dateModified=self.date()),
            "imin:entitlementUpdateErrors": [
                {
                    "@context": "https://openactive.io/",
                    **self.node("EntitlementConflict", name=self.token(60), description=self.token(50)),
                }
            ],
            "imin:evidenceRequests": [self.entitlement()],
        }
        if self._full:
            members["entitlement"] = [self.entitlement()]
            picture = f"https://id.example.com/{self.token(9)}.png"
            members["accessPass"] |= {"url": picture, "beta:codeType": "code128"}
        elif self._random.random() < 0.5:
            del members["imin:entitlementUpdateErrors"]
        return members

    def unconnected(self) -> Node:
        link = "https://book.imin.co/auth/connect-account?jwt="
        return {
            "potentialAction": [
                self.node(type, target=link + self.token(400)) for type in ("RegisterAction", "CreateAction")
            ],
            "imin:matchingEmailExists": self._random.random() < 0.5,
        }

    def item(self, number: int, seller: Node) -> Node:
        members = self.connected() if number % 2 else self.unconnected()
        return {**self.node("Account"), "seller": seller, **members}

    def collection(self, customer: int, items: list[Node]) -> Node:
        return {
            "@context": ["https://openactive.io/", "https://schema.imin.co/"],
            "@id": f"https://book.imin.co/api/v2/customers/{customer}/accounts",
            "@type": "imin:Collection",
            "imin:entitlementFilter": self.token(200),
            "imin:item": items,
        }


def replies(items: int, mix: Mix, *, documents: int = 1) -> Iterator[bytes]:
    """Replies of ``items`` accounts each, every one with another seller."""
    make = _Maker(f"{items} {mix}", mix)
    for customer in range(documents):
        sellers = [make.seller(customer * items + i) for i in range(items)]
        accounts = [make.item(i, seller) for i, seller in enumerate(sellers)]
        yield orjson.dumps(make.collection(customer, accounts))


def customers(count: int, *, sellers: int) -> Iterator[bytes]:
    """A reply for each of ``count`` customers of the same sellers."""
    make = _Maker("customers", "documented")
    shops = [make.seller(number) for number in range(sellers)]
    for customer in range(count):
        accounts = [make.item(customer + i, seller) for i, seller in enumerate(shops)]
        yield orjson.dumps(make.collection(customer, accounts))
