"""What a browser carries that we signed: who is logged in, and the way back from a seller."""

import time
from collections.abc import Callable
from typing import Literal

import attrs
from itsdangerous import BadData, SignatureExpired, Signer, TimestampSigner, URLSafeTimedSerializer

HOUR = 3600


@attrs.frozen
class WayBack:
    """A state that we gave out ourselves.

    Attributes:
        seller: Which account was to be connected.
        is_for: Whose: a fingerprint, since the address is seen by imin, by the seller and in logs.
    """

    seller: str
    is_for: str


class Signed:
    """Signs, and reads back what it signed. Everybody can read what is signed; nobody can change it.

    Args:
        secret: The same in every worker and from one start to the next; at least 32 random characters.
        now: Seconds since the epoch.
    """

    def __init__(self, secret: str, *, now: Callable[[], float] = time.time) -> None:
        class Clocked(TimestampSigner):
            def get_timestamp(self) -> int:
                return int(now())

        # The salt keeps each kind of token from being taken for another.
        self._logins = URLSafeTimedSerializer(secret, salt="login", signer=Clocked)
        self._ways_back = URLSafeTimedSerializer(secret, salt="way back", signer=Clocked)
        self._fingerprints = Signer(secret, salt="customer")

    def login(self, customer: str) -> str:
        """The cookie of a customer who has logged in."""
        return str(self._logins.dumps(customer))

    def customer(self, login: str) -> str | None:
        """Who is logged in; None for a cookie that is not ours, or over 12 hours old."""
        try:
            return str(self._logins.loads(login, max_age=12 * HOUR))
        except (BadData, UnicodeError):
            return None

    def way_back(self, customer: str, seller: str) -> str:
        """The state of one click."""
        return str(self._ways_back.dumps([seller, self.fingerprint(customer)]))

    def read(self, state: str) -> WayBack | Literal["forged", "expired"]:
        """Where a state leads. It is good for an hour, however often it is followed: it proves nothing."""
        try:
            return WayBack(*self._ways_back.loads(state, max_age=HOUR))
        except SignatureExpired:
            return "expired"
        except (BadData, UnicodeError):  # a query may hold what UTF-8 can't say
            return "forged"

    def fingerprint(self, customer: str) -> str:
        """What a customer can be recognised by, but not found out."""
        return self._fingerprints.get_signature(customer).decode()
