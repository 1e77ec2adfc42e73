"""What changed between a customer's rows in two exports: ``changes`` of the replies that they tell of.

Rows hold less than replies, and these replies claim nothing that rows don't tell. What could not be read on
either side is the same on both; a row whose problem leaves its state in doubt is an item that can't be read.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs

from imin_accounts import (
    ConnectedAccount,
    NoAccount,
    SellerAccount,
    SellerAccounts,
    UnconnectedAccount,
    UnrecognisedAccount,
)
from imin_accounts.changes import Change, SellerAdded, changes
from imin_accounts.cli.rows import Row, details
from imin_accounts.models import (
    AccessPass,
    ActionStatus,
    Entitlement,
    EntitlementType,
    EntitlementUpdateError,
    EvidenceRequest,
    Seller,
)

__all__ = ["changes_of_rows"]

_STEP = r"(?:\.(\w+)|\['([^']*)'\])"
_ITEM = re.compile(rf"\$(?:\['imin:item'\]|\.item)(?:\[\d+\])?(?:{_STEP}(?:\[\d+\])?{_STEP}?)?")
_PLACE = re.compile(r"(\$(?:\['imin:item'\]|\.item))\[\d+\]")  # may change from one reply to the next
_WHOSE = re.compile(r"\$(?:\['@id'\]|\.id(?!\w))")
_TELLS: Mapping[str, frozenset[str]] = {
    "dateLinked": frozenset({"date_linked"}),
    "hiddenEntitlements": frozenset({"hidden_entitlements"}),
    "hasHiddenEntitlements": frozenset({"hidden_entitlements"}),
    "customer": frozenset(),
    "accessPass": frozenset({"access_pass"}),
    "entitlement": frozenset({"entitlements"}),
    "imin:evidenceRequests": frozenset({"entitlements"}),
    "imin:entitlementUpdateErrors": frozenset({"update_errors"}),
    "seller": frozenset({"seller_name"}),
    "id": frozenset(),
    "@id": frozenset(),
    "type": frozenset(),
    "@type": frozenset(),
}
"""What of a row each member decides. A problem in another member may leave the whole row in doubt."""
_ALL = frozenset().union(*_TELLS.values())
_A_PASS = (AccessPass(type="Barcode"),)


@attrs.define
class _Facts:
    """What a row tells, but for counts and times of reading."""

    seller_id: str | None
    seller_name: str | None
    state: str
    date_linked: str | None
    hidden_entitlements: bool | None
    access_pass: bool | None
    entitlements: list[dict[str, str]]
    update_errors: list[dict[str, Any]]
    problems: list[str]
    unknown: frozenset[str] = frozenset()
    doubtful: bool = False

    @classmethod
    def of(cls, row: Row) -> "_Facts":
        fields: dict[str, Any] = {name: row[name] for name in _COLUMNS}
        lists = details(row)
        facts = cls(
            **fields,
            entitlements=lists.get("entitlements", []),
            update_errors=lists.get("update_errors", []),
            problems=sorted(_PLACE.sub(r"\1", problem) for problem in lists.get("problems", [])),
        )
        for problem in facts.problems:
            facts._note(problem)
        return facts

    def _note(self, problem: str) -> None:
        """Take note of what can't be known for ``problem``."""
        path = _ITEM.match(problem)
        if path is None:
            return  # it is about the reply, not about this item
        member = path[1] or path[2]
        if _is_about_seller(problem):
            self.seller_id = None
        elif member in _TELLS:
            self.unknown |= _TELLS[member]
        elif self.state == "connected":
            self.unknown |= _ALL  # connected wins over whatever contradicts it
        elif member != "potentialAction":
            self.doubtful = True

    def complete(self, earlier: "_Facts") -> None:
        """Take what is unknown on either side to be as it was."""
        for name in self.unknown | earlier.unknown:
            setattr(self, name, getattr(earlier, name))

    def account(self, held: set[str | None]) -> SellerAccount:
        """As an item of a reply.

        Args:
            held: Entitlements that are listed on either side without a request for proof.
        """
        seller = None if self.seller_id is None else Seller(id=self.seller_id, name=self.seller_name)
        if self.doubtful or self.state == "unrecognised" or seller is None:
            return UnrecognisedAccount(seller=seller, document={"problems": self.problems})
        if self.state == "unconnected":
            return UnconnectedAccount(seller=seller)
        if self.state == "no account":
            return NoAccount(seller=seller)
        return ConnectedAccount(
            seller=seller,
            date_linked=_time(self.date_linked),
            hidden_entitlements=self.hidden_entitlements,
            access_passes=_A_PASS if self.access_pass else (),
            entitlements=tuple(_entitlement(each) for each in self.entitlements if _key(each) in held),
            evidence_requests=tuple(
                _evidence(each, alone=_key(each) not in held)
                for each in self.entitlements
                if "evidence" in each
            ),
            entitlement_update_errors=tuple(EntitlementUpdateError(**each) for each in self.update_errors),
        )


_COLUMNS = ("seller_id", "seller_name", "state", "date_linked", "hidden_entitlements", "access_pass")


def changes_of_rows(old: Sequence[Row], new: Sequence[Row]) -> list[Change]:
    """What changed for a customer who was read both times, as far as these rows tell."""
    found = changes(*_replies(old, new))
    if any(map(_is_about_seller, _problems(old))):  # whoever is new may have been that one
        return [change for change in found if not isinstance(change, SellerAdded)]
    return [*found]


def _replies(old: Sequence[Row], new: Sequence[Row]) -> tuple[SellerAccounts, SellerAccounts]:
    was, now = ([_Facts.of(row) for row in rows if row["state"] != "no sellers"] for rows in (old, new))
    is_evidence = _is_unnamed(old) or not _is_unnamed(new)
    names_another = any(map(_is_about_seller, _problems(new)))
    known, listed = _alone(was), _alone(now)
    for id in {each.seller_id or "" for each in was} & listed.keys():
        earlier, later = known.get(id), listed[id]
        if earlier is not None:
            later.complete(earlier)
            if earlier.state == "connected" != later.state and not is_evidence:
                later.doubtful = True
        if names_another and later != earlier:  # an item that names two sellers may be about this one
            later.doubtful = True
    return _reply(was, listed), _reply(now, known)


def _is_unnamed(rows: Sequence[Row]) -> bool:
    """Whether the reply does not say whose it is: it may be another customer's."""
    return "unnamed" in details(rows[0]) or any(map(_WHOSE.match, _problems(rows)))


def _problems(rows: Sequence[Row]) -> Iterator[str]:
    return (problem for row in rows for problem in details(row).get("problems", []))


def _is_about_seller(problem: str) -> bool:
    """Whether it says that an item names two sellers, or one by two identifiers: it may be another's."""
    path = _ITEM.match(problem)
    if path is None or ": expected the seller of " in problem:
        return path is not None
    called_twice = path[1] == "seller" and (path[3] or path[4]) in {"id", "@id"}
    return called_twice and ": expected the value of " in problem


def _alone(facts: Sequence[_Facts]) -> dict[str, _Facts]:
    """By seller, those of sellers that are listed once."""
    times = Counter(each.seller_id for each in facts)
    return {
        each.seller_id: each for each in facts if each.seller_id is not None and times[each.seller_id] == 1
    }


def _reply(facts: Sequence[_Facts], others: Mapping[str, _Facts]) -> SellerAccounts:
    items = []
    for each in facts:
        other = others.get(each.seller_id or "")
        both = [*each.entitlements, *(other.entitlements if other else ())]
        items.append(each.account({_key(entry) for entry in both if "evidence" not in entry}))
    return SellerAccounts(item=tuple(items))


def _key(entry: Mapping[str, str]) -> str | None:
    return entry.get("id") or entry.get("label")


def _entitlement(entry: Mapping[str, str]) -> Entitlement:
    label = entry.get("label")
    return Entitlement(
        id=entry.get("id"),
        expires=_time(entry.get("expires")),
        entitlement_type=None if label is None else EntitlementType(pref_label=label),
    )


def _evidence(entry: Mapping[str, str], *, alone: bool) -> Entitlement:
    """A request for proof; ``alone`` if nothing else tells what the entitlement is."""
    status = entry["evidence"].upper()
    request = EvidenceRequest(
        action_status=ActionStatus[status] if status in ActionStatus.__members__ else None,
        expiry=_time(entry.get("evidence_link_expires")),
    )
    bare = _entitlement(entry) if alone else _entitlement({"id": entry["id"]} if "id" in entry else entry)
    return attrs.evolve(bare, evidence_request=request)


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
