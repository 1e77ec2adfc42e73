"""Asyncio client for imin's Seller Accounts API.

Whether a customer has an account with each seller, links to connect one, and its disconnection:
``AccountsSession`` asks, ``SellerAccounts`` is what comes back, ``IminError`` the root of what can go
wrong. ``imin_accounts.fake.FakeImin`` stands in for imin in tests.

The names are loaded when first used, since aiohttp takes longer to import than the command line may.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from imin_accounts._version import __version__ as __version__

__all__ = [
    "AccountsSession",
    "AuthenticationError",
    "ConnectedAccount",
    "DeadlineExceeded",
    "DecodeError",
    "Deleted",
    "Deletion",
    "Failed",
    "Fetched",
    "IminError",
    "InvalidRequest",
    "NoAccount",
    "NotFound",
    "Notification",
    "NotificationRefused",
    "OutcomeUnknown",
    "RateLimited",
    "ResponseError",
    "RetryPolicy",
    "SellerAccount",
    "SellerAccounts",
    "SessionStateError",
    "SnapshotsError",
    "TransportError",
    "UnconnectedAccount",
    "UnexpectedResponse",
    "UnrecognisedAccount",
    "WrongCustomer",
    "from_jsonld",
    "read_notification",
    "to_jsonld",
]

if TYPE_CHECKING:
    from imin_accounts._wire.converter import from_jsonld, to_jsonld
    from imin_accounts._wire.notification import Notification, read_notification
    from imin_accounts.errors import (
        AuthenticationError,
        DeadlineExceeded,
        DecodeError,
        IminError,
        InvalidRequest,
        NotFound,
        NotificationRefused,
        OutcomeUnknown,
        RateLimited,
        ResponseError,
        SessionStateError,
        SnapshotsError,
        TransportError,
        UnexpectedResponse,
        WrongCustomer,
    )
    from imin_accounts.models import (
        ConnectedAccount,
        NoAccount,
        SellerAccount,
        SellerAccounts,
        UnconnectedAccount,
        UnrecognisedAccount,
    )
    from imin_accounts.results import Deleted, Deletion, Failed, Fetched
    from imin_accounts.session import AccountsSession, RetryPolicy
else:  # a type checker that saw this would take any name for one of ours
    _HOMES = ("errors", "models", "results", "_wire.notification", "_wire.converter", "session")
    _MODULES = {"changes", "errors", "feed", "fake", "models", "results", "session", "testing", "transports"}

    def __getattr__(name: str) -> Any:
        if name in _MODULES:
            return import_module(f"{__name__}.{name}")
        if name in __all__:
            for home in _HOMES:  # the lightest first: an error's name needs no HTTP client
                found = getattr(import_module(f"{__name__}.{home}"), name, None)
                if found is not None:
                    globals()[name] = found
                    return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
