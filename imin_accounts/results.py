"""What the session's calls come to, other than the accounts themselves."""

from typing import Literal

import attrs

from imin_accounts.errors import Attempt, IminError
from imin_accounts.models import SellerAccounts

__all__ = ["Deleted", "Deletion", "Failed", "Fetched"]


@attrs.frozen
class Deletion:
    """A certain disconnection.

    Attributes:
        outcome: ``"confirmed"`` where imin answered 204; ``"verified"`` where the answer was lost and
            a re-read showed that the account is no longer connected.
        attempts: What each request of the call came to, re-reads included, in order.
    """

    outcome: Literal["confirmed", "verified"]
    attempts: tuple[Attempt, ...] = ()


@attrs.frozen
class Fetched:
    """One customer of ``get_many`` was read. The repr hides the customer.

    Attributes:
        customer: The identifier, as it was passed in.
        accounts: As ``get_seller_accounts`` returns them.
    """

    customer: str = attrs.field(repr=lambda _: "'***'")
    accounts: SellerAccounts


@attrs.frozen
class Deleted:
    """One pair of ``delete_many`` is certainly disconnected. The repr hides the customer.

    Attributes:
        customer: The first of the pair, as it was passed in.
        seller: The second.
        deletion: As ``delete_seller_account`` returns it.
    """

    customer: str = attrs.field(repr=lambda _: "'***'")
    seller: str
    deletion: Deletion


@attrs.frozen
class Failed:
    """One input of ``get_many`` or ``delete_many`` ended in an error. The repr hides the customer.

    Attributes:
        customer: The identifier, as it was passed in.
        seller: The seller asked for; None for ``get_many``.
        error: What the single call would have raised.
    """

    customer: str = attrs.field(repr=lambda _: "'***'")
    seller: str | None
    error: IminError
