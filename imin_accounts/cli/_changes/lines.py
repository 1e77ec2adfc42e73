"""A change as a line of JSON, and what the kinds are called.

Like the rows of an export they leave out barcodes, email addresses, links, the entitlement filter and the
free text of errors.
"""

import json
import re
from typing import Any, TypeAlias

from imin_accounts import Failed
from imin_accounts.changes import (
    AccessPassesChanged,
    Change,
    CustomerDetailsChanged,
    EntitlementFilterChanged,
    MembersChanged,
    SellerUnreadable,
)
from imin_accounts.cli._output import state
from imin_accounts.cli.rows import entitlement_facts, failure_facts
from imin_accounts.models import Entitlement, EntitlementUpdateError, Seller

Line: TypeAlias = dict[str, Any]


def change_line(customer: str, change: Change) -> Line:
    """What to print of a change: whose, of which kind, at which seller, what it was and what it is."""
    seller = change.seller
    return {
        "customer": customer,
        "change": type(change).__name__,
        "seller_id": seller and seller.id,
        "seller_name": seller and seller.name,
        "was": _value(change, change.was),
        "now": _value(change, change.now),
    }


def customer_line(customer: str, kind: str, *, was: object = None, now: object = None) -> Line:
    """What to print of a customer as a whole, likewise."""
    return {
        "customer": customer,
        "change": kind,
        "seller_id": None,
        "seller_name": None,
        "was": was,
        "now": now,
    }


def failed_line(failed: Failed) -> Line:
    """What to print of a customer who could not be read."""
    facts = {name: fact for name, fact in failure_facts(failed).items() if name != "state"}
    return customer_line(failed.customer, "CustomerNotRead", now=facts)


def text(line: Line) -> str:
    """A line of JSON in ASCII: it escapes whatever a terminal might obey."""
    return json.dumps(line)


def words(kind: str) -> str:
    """A kind's name as words: ``AccountConnected`` is "account connected"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind).lower()


def _value(change: Change, value: Any) -> Any:
    match change:
        case AccessPassesChanged():
            return len(value)
        case EntitlementFilterChanged() | CustomerDetailsChanged():
            return None  # that they changed is all there is to tell
        case MembersChanged():
            return sorted(value)
        case SellerUnreadable():
            return [state(account)[0] for account in value]
        case _:
            return _fact(value)


def _fact(value: Any) -> Any:
    match value:
        case None | bool():
            return value
        case Seller():
            return value.name
        case Entitlement():
            asked = value.evidence_request is not None
            facts = entitlement_facts(value, asked=asked)
            return {name: fact for name, fact in facts.items() if fact is not None}
        case EntitlementUpdateError():
            return {"type": value.type, "name": value.name}
        case _:
            return state(value)[0]
