"""What has changed between two replies about one customer: ``changes``, and a class for each kind.

imin's notifications say that something changed, never what (pages "Customer Management", section "Webhooks").
So the accounts are read again and compared with what was known. Pure: no I/O, no time.

No change is claimed that can't be known: an item that can't be read, a seller that is listed twice or not at
all, a reply that no longer says whom it is about: none of them is a disconnection.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, TypeAlias

import attrs

from imin_accounts._models.values import NOTHING_EXTRA, Extra, extra
from imin_accounts._wire.saying import completed, differing, news, said, says_same
from imin_accounts.errors import InvalidRequest
from imin_accounts.models import (
    AccessPass,
    ConnectedAccount,
    Customer,
    Entitlement,
    EntitlementUpdateError,
    NoAccount,
    Seller,
    SellerAccount,
    SellerAccounts,
    UnconnectedAccount,
    UnrecognisedAccount,
    sellers_of,
)

__all__ = [
    "AccessPassesChanged",
    "AccountConnected",
    "AccountDisconnected",
    "Change",
    "CustomerDetailsChanged",
    "EntitlementAdded",
    "EntitlementChanged",
    "EntitlementFilterChanged",
    "EntitlementRemoved",
    "EvidenceChanged",
    "EvidenceRequested",
    "EvidenceWithdrawn",
    "HiddenEntitlementsChanged",
    "MatchingEmailChanged",
    "MembersChanged",
    "SellerAdded",
    "SellerChanged",
    "SellerRemoved",
    "SellerUnreadable",
    "UpdateErrorAdded",
    "UpdateErrorRemoved",
    "changes",
    "last_readable",
]


# --- The kinds --------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class AccountConnected:
    """An account is connected, and was not known to be. Stands for all that the account holds.

    Also where it was disconnected and connected again since: ``date_linked`` has moved.

    Attributes:
        seller: The account's seller, as it is now.
        was: The account before; None where the seller is new, or could not be read before.
        now: The account.
    """

    seller: Seller
    was: SellerAccount | None
    now: ConnectedAccount

    @property
    def account(self) -> ConnectedAccount:
        """The account that is connected."""
        return self.now


@attrs.frozen(kw_only=True)
class AccountDisconnected:
    """An account is certainly no longer connected. Stands for all that the account held.

    Attributes:
        seller: The account's seller, as it is now.
        was: The account as it was last read while it was connected.
        now: What there is instead.
    """

    seller: Seller
    was: ConnectedAccount
    now: UnconnectedAccount | NoAccount

    @property
    def account(self) -> ConnectedAccount:
        """The account that was connected."""
        return self.was


@attrs.frozen(kw_only=True)
class CustomerDetailsChanged:
    """The customer's details with a seller changed; at least the time of their modification did."""

    seller: Seller
    was: Customer | None
    now: Customer | None


@attrs.frozen(kw_only=True)
class AccessPassesChanged:
    """Access passes came, went or changed. ``was`` and ``now`` have all of them; ``()`` is none."""

    seller: Seller
    was: tuple[AccessPass, ...]
    now: tuple[AccessPass, ...]


@attrs.frozen(kw_only=True)
class HiddenEntitlementsChanged:
    """The seller began or ceased to keep entitlements to itself; None where it did or does not say."""

    seller: Seller
    was: bool | None
    now: bool | None


@attrs.frozen(kw_only=True)
class EntitlementAdded:
    """A discount is there that was not. ``was`` is None."""

    seller: Seller
    was: None = None
    now: Entitlement


@attrs.frozen(kw_only=True)
class EntitlementChanged:
    """The same discount, by its identifier or its type, says something else."""

    seller: Seller
    was: Entitlement
    now: Entitlement


@attrs.frozen(kw_only=True)
class EntitlementRemoved:
    """A discount is no longer there. ``now`` is None."""

    seller: Seller
    was: Entitlement
    now: None = None


@attrs.frozen(kw_only=True)
class EvidenceRequested:
    """Proof of an entitlement is asked for (``imin:evidenceRequests``). ``was`` is None."""

    seller: Seller
    was: None = None
    now: Entitlement


@attrs.frozen(kw_only=True)
class EvidenceChanged:
    """A request for proof says something else: usually the status of its action."""

    seller: Seller
    was: Entitlement
    now: Entitlement


@attrs.frozen(kw_only=True)
class EvidenceWithdrawn:
    """A request for proof is no longer there. ``now`` is None."""

    seller: Seller
    was: Entitlement
    now: None = None


@attrs.frozen(kw_only=True)
class UpdateErrorAdded:
    """The seller could not apply an entitlement. ``was`` is None."""

    seller: Seller
    was: None = None
    now: EntitlementUpdateError


@attrs.frozen(kw_only=True)
class UpdateErrorRemoved:
    """An update error is no longer there. ``now`` is None."""

    seller: Seller
    was: EntitlementUpdateError
    now: None = None


@attrs.frozen(kw_only=True)
class MatchingEmailChanged:
    """A seller that is not connected began or ceased to know the customer's email.

    Attributes:
        was: Whether it did; None where the seller's item could not be read before.
        now: Whether it does.
    """

    seller: Seller
    was: bool | None
    now: bool


@attrs.frozen(kw_only=True)
class SellerAdded:
    """A seller is listed that was not. A connected account has an ``AccountConnected`` too.

    Attributes:
        seller: The seller; None where its item can't be read that far.
        was: None.
        now: The account.
    """

    seller: Seller | None
    was: None = None
    now: SellerAccount


@attrs.frozen(kw_only=True)
class SellerChanged:
    """A seller says something else of itself."""

    seller: Seller
    was: Seller
    now: Seller


@attrs.frozen(kw_only=True)
class SellerRemoved:
    """A seller is no longer listed. Whether its account was disconnected nobody can tell from that.

    Attributes:
        seller: As it was last listed.
        was: The account as it was last read.
        now: None.
    """

    seller: Seller
    was: SellerAccount
    now: None = None


@attrs.frozen(kw_only=True)
class SellerUnreadable:
    """What the reply says of a seller can't be read any more: nobody can tell what has changed there.

    Attributes:
        seller: The seller; None for items that can't be read as far as that, or name two.
        was: What was known of it; ``()`` where nothing was. Where ``seller`` is None: such items, and those
            of the sellers that are missing now, since any of them may be among ``now``.
        now: The items that are about it: one that can't be read, or several; ``()`` where an item that named
            no seller is gone.
    """

    seller: Seller | None
    was: tuple[SellerAccount, ...]
    now: tuple[SellerAccount, ...]


@attrs.frozen(kw_only=True)
class MembersChanged:
    """What has no class of its own: ``@id``, ``@type``, a ``dateLinked`` that came or went, unknown members.

    Attributes:
        seller: Whose account; None for the reply itself.
        was: The members, as JSON.
        now: Likewise.
    """

    seller: Seller | None
    was: Extra = attrs.field(hash=False)
    now: Extra = attrs.field(hash=False)


def _masked(value: object) -> str:
    return "None" if value is None else "'***'"


@attrs.frozen(kw_only=True)
class EntitlementFilterChanged:
    """The token changed that makes Search show this customer's prices: they may have changed too.

    Attributes:
        seller: None: it stands for all of them.
        was: The token; None where there was none. Hidden in the repr, as is ``now``.
    """

    seller: None = None
    was: str | None = attrs.field(repr=_masked)
    now: str | None = attrs.field(repr=_masked)


Change: TypeAlias = (
    AccountConnected
    | AccountDisconnected
    | CustomerDetailsChanged
    | AccessPassesChanged
    | HiddenEntitlementsChanged
    | EntitlementAdded
    | EntitlementChanged
    | EntitlementRemoved
    | EvidenceRequested
    | EvidenceChanged
    | EvidenceWithdrawn
    | UpdateErrorAdded
    | UpdateErrorRemoved
    | MatchingEmailChanged
    | SellerAdded
    | SellerChanged
    | SellerRemoved
    | SellerUnreadable
    | MembersChanged
    | EntitlementFilterChanged
)


# --- Comparing --------------------------------------------------------------------------------------


def changes(before: SellerAccounts | None, after: SellerAccounts) -> tuple[Change, ...]:
    """What has changed for a customer from one reply to a later one.

    Connect links, the order of arrays, spellings, and equal instants in other zones are no change. What can't
    be read in ``after`` is none either, but for a ``SellerUnreadable``: compare with ``last_readable`` next
    time, so that what has changed meanwhile is still found.

    Args:
        before: What was known; None for nothing, which gives additions only.
        after: What was read now.

    Returns:
        In the order of ``after``, then of what only ``before`` has; ``()`` exactly if the two say the same.

    Raises:
        InvalidRequest: The two are about different customers.
    """
    is_evidence = _is_evidence(before, after)
    was, now = _Listing(before), _Listing(after)
    found: list[Change] = []
    for id, received in now.by_seller.items():
        earlier = was.by_seller.get(id)
        if earlier is None:
            found += _added(received)
        elif not says_same(earlier, received):
            account = None if id in now.doubtful else _readable(earlier, received, is_evidence)
            if account is not None:
                found += _changed(_readable((), earlier), account)
            else:
                found.append(SellerUnreadable(seller=received[0].seller, was=earlier, now=received))
    if before is None:
        found += (SellerAdded(seller=None, now=item) for item in now.nameless)
        return tuple(found)
    missing = [item for id, each in was.by_seller.items() if id not in now.by_seller for item in each]
    if not now.nameless:
        found += (SellerRemoved(seller=item.seller, was=item) for item in missing if item.seller)
        missing = []
    unnamed = (*was.nameless, *missing)  # any of the missing may be one of those that name no seller
    if not says_same(unnamed, now.nameless):
        found.append(SellerUnreadable(seller=None, was=unnamed, now=now.nameless))
    return (*found, *_of_reply(before, after))


def last_readable(before: SellerAccounts | None, after: SellerAccounts) -> SellerAccounts:
    """``after``, but what can't be read in it as ``before`` has it: what to compare the next reply with.

    Args:
        before: What was known; None for nothing.
        after: What was read now.

    Returns:
        ``after`` itself where nothing is to be taken from ``before``. Sellers that are missing are kept while
        there are items that name no seller.

    Raises:
        InvalidRequest: The two are about different customers.
    """
    is_evidence = _is_evidence(before, after)
    if before is None:
        return after
    was, now = _Listing(before), _Listing(after)
    known: dict[str | None, tuple[SellerAccount, ...]] = {}
    for id, received in now.by_seller.items():
        earlier = was.by_seller.get(id, ())
        account = None if id in now.doubtful else _readable(earlier, received, is_evidence)
        if account is None and _readable((), earlier) is not None and not says_same(earlier, received):
            known[id] = earlier
        elif account is not None and account is not received[0]:
            known[id] = (account,)
    kept = [each for id, each in was.by_seller.items() if now.nameless and id not in now.by_seller]
    filter = _entitlement_filter(before, after)
    if not known and not kept and filter == after.entitlement_filter:
        return after
    items: list[SellerAccount] = []
    for item in after.item:
        about = _about(item)
        if about not in known:
            items.append(item)
        else:
            items += known[about]
            known[about] = ()  # once, however often it was listed
    return attrs.evolve(
        after, item=(*items, *(each for some in kept for each in some)), entitlement_filter=filter
    )


class _Listing:
    """What a reply says of which seller.

    Attributes:
        by_seller: The items about a seller, by its identifier: one, if all is well.
        nameless: The items that name no seller, or several.
        doubtful: The sellers that an item names beside another: it may be about any of them, of which nothing
            is certain then.
    """

    def __init__(self, accounts: SellerAccounts | None) -> None:
        by_seller: dict[str, tuple[SellerAccount, ...]] = {}
        more: dict[str, list[SellerAccount]] = {}  # a tuple that grows takes the square of the items' number
        nameless = []
        self.doubtful: set[str] = set()
        for item in accounts.item if accounts is not None else ():
            if (id := _about(item)) is None:
                nameless.append(item)
                self.doubtful |= {each for each in sellers_of(item) if each is not None}
            elif id not in by_seller:
                by_seller[id] = (item,)
            else:
                more.setdefault(id, []).append(item)
        for id, items in more.items():
            by_seller[id] += tuple(items)
        self.by_seller = by_seller
        self.nameless = tuple(nameless)


def _about(item: SellerAccount) -> str | None:
    """The seller that an item is about; None where it names none or several, and there is no telling."""
    seller = item.seller
    if seller is None:
        return None
    # Where nothing in it is unknown it names but the one.
    is_plain = not isinstance(item, UnrecognisedAccount) and item.extra is seller.extra is NOTHING_EXTRA
    return seller.id if is_plain or len(sellers_of(item)) == 1 else None


def _is_evidence(before: SellerAccounts | None, after: SellerAccounts) -> bool:
    """Whether ``after`` may show a disconnection: it names its customer, or none was named before either.

    Raises:
        InvalidRequest: It names another one.
    """
    was, now = None if before is None else before.customer, after.customer
    if was is not None and now is not None and was != now:
        raise InvalidRequest("the two replies are about different customers")
    return was is None or now is not None


def _readable(
    was: tuple[SellerAccount, ...], now: tuple[SellerAccount, ...], is_evidence: bool = True
) -> ConnectedAccount | UnconnectedAccount | NoAccount | None:
    """What items about a seller say of its account, completed by what was known; None if they don't tell."""
    if len(now) != 1:
        return None
    (account,) = now
    if isinstance(account, UnrecognisedAccount):
        return None
    earlier = was[0] if len(was) == 1 else None
    if (
        isinstance(earlier, ConnectedAccount)
        and not isinstance(account, ConnectedAccount)
        and not is_evidence
    ):
        return None
    if account.problems and earlier is not None and not isinstance(earlier, UnrecognisedAccount):
        return completed(account, earlier)
    return account


# --- One seller -------------------------------------------------------------------------------------


def _added(items: tuple[SellerAccount, ...]) -> Iterator[Change]:
    account = _readable((), items)
    for item in items:
        if _about(item) is not None:
            yield SellerAdded(seller=item.seller, now=item)
    if isinstance(account, ConnectedAccount):
        yield AccountConnected(seller=account.seller, was=None, now=account)


def _changed(
    was: ConnectedAccount | UnconnectedAccount | NoAccount | None,
    now: ConnectedAccount | UnconnectedAccount | NoAccount,
) -> Iterator[Change]:
    seller = now.seller
    if isinstance(now, ConnectedAccount):
        if not isinstance(was, ConnectedAccount) or _is_another(was.date_linked, now.date_linked):
            yield AccountConnected(seller=seller, was=was, now=now)
            return
        yield from _held(was, now)
    elif isinstance(was, ConnectedAccount):
        yield AccountDisconnected(seller=seller, was=was, now=now)
        return
    elif was is None or was.matching_email_exists != now.matching_email_exists:
        known = None if was is None else was.matching_email_exists
        yield MatchingEmailChanged(seller=seller, was=known, now=now.matching_email_exists)
    if was is not None:
        if not says_same(was.seller, seller):
            yield SellerChanged(seller=seller, was=was.seller, now=seller)
        if was.extra is not now.extra or _own(was) != _own(now):
            yield from _other_members(seller, _own(was) | news(was), _own(now) | news(now))


def _is_another(was: datetime | None, now: datetime | None) -> bool:
    return was is not None and now is not None and was != now


def _held(was: ConnectedAccount, now: ConnectedAccount) -> Iterator[Change]:
    """What changed of what a connected account holds."""
    seller = now.seller
    if not says_same(was.customer, now.customer):
        yield CustomerDetailsChanged(seller=seller, was=was.customer, now=now.customer)
    if not says_same(was.access_passes, now.access_passes):
        yield AccessPassesChanged(seller=seller, was=was.access_passes, now=now.access_passes)
    if was.hidden_entitlements != now.hidden_entitlements:
        yield HiddenEntitlementsChanged(
            seller=seller, was=was.hidden_entitlements, now=now.hidden_entitlements
        )
    for one, other in differing(was.entitlements, now.entitlements):
        if one is None:
            yield EntitlementAdded(seller=seller, now=other)
        elif other is None:
            yield EntitlementRemoved(seller=seller, was=one)
        else:
            yield EntitlementChanged(seller=seller, was=one, now=other)
    for one, other in differing(was.evidence_requests, now.evidence_requests):
        if one is None:
            yield EvidenceRequested(seller=seller, now=other)
        elif other is None:
            yield EvidenceWithdrawn(seller=seller, was=one)
        else:
            yield EvidenceChanged(seller=seller, was=one, now=other)
    for one, other in differing(was.entitlement_update_errors, now.entitlement_update_errors):
        if one is not None:
            yield UpdateErrorRemoved(seller=seller, was=one)
        if other is not None:
            yield UpdateErrorAdded(seller=seller, now=other)


# --- What has no class of its own -------------------------------------------------------------------


def _own(account: ConnectedAccount | UnconnectedAccount | NoAccount) -> dict[str, Any]:
    linked = account.date_linked if isinstance(account, ConnectedAccount) else None
    return {"@id": account.id, "@type": account.type, "dateLinked": linked}


def _of_reply(before: SellerAccounts, after: SellerAccounts) -> Iterator[Change]:
    ids = (before.id, after.id) if before.customer is None or after.customer is None else (None, None)
    was, now = (
        {"@id": id, "@type": reply.type, "@context": [*reply.context]} | news(reply)
        for id, reply in zip(ids, (before, after), strict=True)
    )
    yield from _other_members(None, was, now)
    filter = _entitlement_filter(before, after)
    if before.entitlement_filter != filter:
        yield EntitlementFilterChanged(was=before.entitlement_filter, now=filter)


def _other_members(seller: Seller | None, was: dict[str, Any], now: dict[str, Any]) -> Iterator[Change]:
    if said(was) != said(now):
        one, other = (
            {key: value.isoformat() if isinstance(value, datetime) else value for key, value in each.items()}
            for each in (was, now)
        )
        yield MembersChanged(seller=seller, was=extra(one), now=extra(other))


def _entitlement_filter(before: SellerAccounts, after: SellerAccounts) -> str | None:
    """The token of ``after``; that of ``before`` where it can't be read."""
    is_unreadable = after.entitlement_filter is None and "imin:entitlementFilter" in after.extra
    return before.entitlement_filter if is_unreadable else after.entitlement_filter
