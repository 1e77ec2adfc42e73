"""An emulated imin: in memory as a Transport, and over HTTP with the seller's pages for a browser."""

from imin_accounts.fake._connect import ConnectRefused
from imin_accounts.fake._distort import Drift, Flaw
from imin_accounts.fake._fake import FakeImin
from imin_accounts.fake._notification_rules import (
    Duplicated,
    Late,
    Lost,
    NotificationEffect,
    Reordered,
    WrongKey,
)
from imin_accounts.fake._notifications import Notify, WebhookCall
from imin_accounts.fake._people import add_people
from imin_accounts.fake._replies import ErrorBody
from imin_accounts.fake._rules import (
    Drifted,
    Drop,
    Effect,
    Latency,
    Malformed,
    OtherCustomer,
    RateLimit,
    Rule,
    Stall,
    Status,
)
from imin_accounts.fake._scenarios import add_crowd, add_rosie
from imin_accounts.fake._service import Received
from imin_accounts.fake._settings import Undocumented

__all__ = [
    "ConnectRefused",
    "Drift",
    "Drifted",
    "Drop",
    "Duplicated",
    "Effect",
    "ErrorBody",
    "FakeImin",
    "Flaw",
    "Late",
    "Latency",
    "Lost",
    "Malformed",
    "NotificationEffect",
    "Notify",
    "OtherCustomer",
    "RateLimit",
    "Received",
    "Reordered",
    "Rule",
    "Stall",
    "Status",
    "Undocumented",
    "WebhookCall",
    "WrongKey",
    "add_crowd",
    "add_people",
    "add_rosie",
]
