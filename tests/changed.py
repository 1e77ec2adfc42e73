"""Changes carried out on a reply, in the plainest way: what a consumer of them would do."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import attrs
import orjson

from imin_accounts import (
    NoAccount,
    SellerAccounts,
    UnconnectedAccount,
    UnrecognisedAccount,
    from_jsonld,
    to_jsonld,
)
from imin_accounts.changes import (
    AccessPassesChanged,
    AccountConnected,
    AccountDisconnected,
    Change,
    CustomerDetailsChanged,
    EntitlementAdded,
    EntitlementChanged,
    EntitlementFilterChanged,
    EntitlementRemoved,
    EvidenceChanged,
    EvidenceRequested,
    EvidenceWithdrawn,
    HiddenEntitlementsChanged,
    MatchingEmailChanged,
    MembersChanged,
    SellerAdded,
    SellerChanged,
    SellerRemoved,
    SellerUnreadable,
    UpdateErrorAdded,
    UpdateErrorRemoved,
)
from imin_accounts.models import SellerAccount


def applied(accounts: SellerAccounts, changes: Iterable[Change]) -> SellerAccounts:
    """``accounts`` after ``changes``."""
    for change in changes:
        match change:
            case EntitlementFilterChanged(now=now):
                accounts = attrs.evolve(accounts, entitlement_filter=now)
            case MembersChanged(seller=None):
                accounts = _with_members(accounts, change)
            case SellerAdded(now=now):
                accounts = attrs.evolve(accounts, item=(*accounts.item, now))
            case AccountConnected(was=None):
                if change.now not in accounts.item:  # else its ``SellerAdded`` has brought it
                    accounts = _replaced(accounts, change.seller.id, (change.now,))
            case SellerUnreadable(now=now):
                items = [each for each in accounts.item if each not in change.was]
                accounts = attrs.evolve(accounts, item=(*items, *now))
            case AccountConnected(now=now) | AccountDisconnected(now=now):
                accounts = _replaced(accounts, change.seller.id, (now,))
            case SellerRemoved():
                accounts = _replaced(accounts, change.seller.id, ())
            case _:
                assert change.seller is not None
                (account,) = (each for each in accounts if each.seller and each.seller.id == change.seller.id)
                accounts = _replaced(accounts, change.seller.id, (_changed(account, change),))
    return accounts


def _replaced(accounts: SellerAccounts, seller: str, by: tuple[SellerAccount, ...]) -> SellerAccounts:
    others = (each for each in accounts if not (each.seller and each.seller.id == seller))
    return attrs.evolve(accounts, item=(*others, *by))


def _changed(account: Any, change: Any) -> Any:
    match change:
        case CustomerDetailsChanged():
            return attrs.evolve(account, customer=change.now)
        case AccessPassesChanged():
            return attrs.evolve(account, access_passes=change.now)
        case HiddenEntitlementsChanged():
            return attrs.evolve(account, hidden_entitlements=change.now)
        case MatchingEmailChanged():
            cls = UnconnectedAccount if change.now else NoAccount
            names = (field.name for field in attrs.fields(cls) if field.name != "matching_email_exists")
            return cls(**{name: getattr(account, name) for name in names})
        case SellerChanged():
            return attrs.evolve(account, seller=change.now)
        case MembersChanged():
            return _with_members(account, change)
    for kinds, name in _ARRAYS.items():
        if isinstance(change, kinds):
            kept = [*getattr(account, name)]
            if change.was is not None:
                kept.remove(change.was)
            return attrs.evolve(account, **{name: (*kept, *([change.now] if change.now else []))})
    raise AssertionError(change)


_ARRAYS: dict[Any, str] = {
    (EntitlementAdded, EntitlementChanged, EntitlementRemoved): "entitlements",
    (EvidenceRequested, EvidenceChanged, EvidenceWithdrawn): "evidence_requests",
    (UpdateErrorAdded, UpdateErrorRemoved): "entitlement_update_errors",
}


def _with_members(node: Any, change: MembersChanged) -> Any:
    """The node that reads as before but for the members; ``id`` and ``type`` may have been spelled so."""
    spelled = {"@id": "id", "@type": "type"}
    gone = {*change.was, *(spelled[key] for key in change.was if key in spelled)}
    fields = (field for field in attrs.fields(type(node)) if gone.intersection(field.metadata["keys"]))
    told = {field.name: field.default for field in fields if field.default is not attrs.NOTHING}
    node = attrs.evolve(node, **told)  # a connected account that says nothing more is still written as one
    document = {key: each for key, each in to_jsonld(node).items() if key not in gone} | dict(change.now)
    if isinstance(node, SellerAccounts):
        return from_jsonld(document)
    return from_jsonld({"imin:item": [document]})[0]


def the_same(one: SellerAccounts, other: SellerAccounts) -> bool:
    """Whether two replies say the same: a second opinion, by sorting, which knows nothing of ``changes``."""
    return bool(_canonical(_plain(one)) == _canonical(_plain(other)))


def said(accounts: SellerAccounts) -> bytes:
    """What a reply says, wherever it came from: equal for those that say the same."""
    return _text(_canonical(_plain(attrs.evolve(accounts, id=None))))


def _plain(value: Any) -> Any:
    """Fields as JSON, and the members that have none."""
    if isinstance(value, tuple):
        return [*map(_plain, value)]
    if isinstance(value, UnrecognisedAccount):
        return {"document": value.document}
    if attrs.has(type(value)):
        fields = attrs.fields(type(value))
        names = [field.name for field in fields if field.name not in _UNSEEN]
        known = {key for field in fields for key in field.metadata["keys"]}
        members = {key: each for key, each in value.extra.items() if key not in known}
        own = {name: _plain(getattr(value, name)) for name in names}
        own["type"] = own["type"] or _TYPES.get(type(value).__name__)
        return {**own, "class": type(value).__name__, "extra": members}
    return value.timestamp() if isinstance(value, datetime) else value


_TYPES = {
    "Seller": "Organization",
    "Image": "ImageObject",
    "Customer": "Person",
    "Entitlement": "Entitlement",
    "EntitlementType": "Concept",
}
"""What a node is that has no type, where it might be a text."""
_UNSEEN = {"extra", "potential_action", "problems", "target"}


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        members = {key: _canonical(each) for key, each in value.items() if key != "potentialAction"}
        return {key: each for key, each in members.items() if each is not None and each != []}
    if isinstance(value, list):
        return sorted(map(_canonical, value), key=_text)
    return value


def _text(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
