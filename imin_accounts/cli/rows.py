"""What an export holds: one flat row for each customer and seller, the same in every format.

A customer without sellers has one row, of state ``no sellers``; one who could not be read has one of
state ``error``. The rows of a customer stand together, and ``part`` and ``parts`` number them: a
reader can tell a whole customer from a torn one. ``COLUMNS`` says what each column holds.

Left out on purpose: connect links and the entitlement filter (both stand for the customer, and the
links are good for minutes only), barcodes, email addresses, upload links and the free text of errors.
The customer identifier is personal data all the same: keep an export like your own database.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

import attrs
import orjson

from imin_accounts import ConnectedAccount, Failed, Fetched, SellerAccount
from imin_accounts.cli._failures import Failure, status_of
from imin_accounts.cli._output import state
from imin_accounts.models import ActionStatus, Entitlement

__all__ = ["COLUMNS", "Column", "rows_of"]  # what other programs may use; the rest is for the commands

Value: TypeAlias = str | int | bool | None
Row: TypeAlias = dict[str, Value]
"""The values by column, in the order of ``COLUMNS``."""


@attrs.frozen
class Column:
    """One column: its name, what kind its values are (besides absent ones), and what they say."""

    name: str
    kind: Literal["text", "int", "bool", "time"]
    about: str


COLUMNS = (
    Column("customer", "text", "Your identifier for the customer."),
    Column("seller_id", "text", "The seller's @id, byte for byte: the key for disconnecting."),
    Column("seller_name", "text", "What the seller calls itself."),
    Column(
        "state", "text", "connected, unconnected, no account or unrecognised; no sellers; error (not read)."
    ),
    Column("date_linked", "time", "When it was connected."),
    Column("hidden_entitlements", "bool", "Whether the seller keeps some entitlements to itself."),
    Column("access_pass", "bool", "Whether a connected account has a barcode; not which."),
    Column("entitlements", "int", "How many a connected account lists, those that ask for proof included."),
    Column("evidence_requests", "int", "How many of them ask for proof."),
    Column("evidence_outstanding", "int", "How many of those are not completed."),
    Column("earliest_expiry", "time", "When the first of them ends, be it past."),
    Column("update_errors", "int", "How many entitlements the seller could not apply."),
    Column("conflicts", "int", "How many of those for a conflict with another entitlement."),
    Column("problems", "int", "How much of imin's reply could not be read."),
    Column(
        "details",
        "text",
        "Lists behind the counts, as JSON text: entitlements, update_errors, problems; unnamed, if the reply "
        "does not say whose it is.",
    ),
    Column("error_type", "text", "Why the customer could not be read: the error's class."),
    Column("error_status", "int", "The HTTP status that imin answered with."),
    Column("error_text", "text", "The error in words, without personal data."),
    Column("fetched_at", "time", "When the reply, or the failure, was there."),
    Column("part", "int", "Which row of the customer's this is, from 1."),
    Column("parts", "int", "How many rows the customer has."),
)
NAMES = tuple(column.name for column in COLUMNS)
_ALONE = ("no sellers", "error")
STATES = ("connected", "unconnected", "no account", "unrecognised", *_ALONE)
_NEVER_EMPTY = ("customer", "state", "fetched_at", "part", "parts")
_NEEDED = {"connected": ("access_pass",), "error": ("error_type", "error_text")}
_OF_A_SELLER = ("seller_id", "seller_name")
_OF_A_CONNECTION = NAMES[NAMES.index("date_linked") : NAMES.index("problems")]
_OF_A_FAILURE = ("error_type", "error_status", "error_text")
_EMPTY: Row = dict.fromkeys(NAMES)


def columns_help() -> str:
    """The columns for a command's ``--help``."""
    width = max(map(len, NAMES))
    return "\n".join(["\b", "Columns:", *(f"  {c.name:<{width}}  {c.about}" for c in COLUMNS)])


def rows_of(outcome: Fetched | Failed, at: datetime) -> list[Row]:
    """A customer's rows, at least one.

    Args:
        outcome: What reading the customer came to.
        at: When that was, an aware time.
    """
    facts = [failure_facts(outcome)] if isinstance(outcome, Failed) else _accounts(outcome)
    own: Row = {"customer": outcome.customer, "fetched_at": time_text(at), "parts": len(facts)}
    return [{**_EMPTY, **fact, **own, "part": part} for part, fact in enumerate(facts, 1)]


def is_error(rows: Sequence[Row]) -> bool:
    """Whether these rows say that the customer could not be read."""
    return rows[0]["state"] == "error"


def failure_in(rows: Sequence[Row]) -> Failure | None:
    """Why a customer could not be read, or not the whole of the reply; None where all could."""
    if is_error(rows):
        return Failure.in_row(rows[0])
    sellers = (None if row["seller_id"] is None else str(row["seller_id"]) for row in rows)
    problems = [details(row).get("problems", []) if row["problems"] else [] for row in rows]
    return Failure.in_part(str(rows[0]["customer"]), zip(sellers, problems, strict=True))


class NoRow(ValueError):
    """Something is no row of an export. The text says what is wrong, and nothing of what was found."""


def checked(found: object) -> Row:
    """``found`` as a row of an export, if it is one: what its state and its details say of the rest holds.

    Raises:
        NoRow: It is none.
    """
    if not isinstance(found, dict) or tuple(found) != NAMES:
        raise NoRow("it has other columns, or in another order")
    state = found["state"]
    needed = (*_NEVER_EMPTY, *_NEEDED.get(state, ())) if isinstance(state, str) else _NEVER_EMPTY
    for column in COLUMNS:
        value = found[column.name]
        if not _KINDS[column.kind](value) and (value is not None or column.name in needed):
            raise NoRow(f"its {column.name} is not as an export writes it")
    if state not in STATES or (state in _ALONE and found["parts"] != 1):
        raise NoRow("its state is none, or does not go with its parts")
    if not found["customer"]:
        raise NoRow("it names no customer")
    for name, value in _following(found).items():
        if found[name] != value:
            raise NoRow(f"its value of {name} does not go with its state or its details")
    return found


def _following(row: Row) -> Row:
    """What follows from a row's state and details."""
    lists = _checked_details(row)
    if row["state"] == "error":
        return dict.fromkeys((*_OF_A_SELLER, *_OF_A_CONNECTION, "problems", "details"))
    facts: Row = {**dict.fromkeys(_OF_A_FAILURE), "problems": len(lists.get("problems", ()))}
    if row["state"] == "connected":
        return facts | _counts(lists.get("entitlements", []), lists.get("update_errors", []))
    none = _OF_A_CONNECTION if row["state"] != "no sellers" else (*_OF_A_CONNECTION, *_OF_A_SELLER)
    return facts | dict.fromkeys(none)


def details(row: Row) -> dict[str, list[Any]]:
    """The lists behind a row's counts; a list that would be empty is left out."""
    found: dict[str, list[Any]] = orjson.loads(str(row["details"])) if row["details"] else {}
    return found


def from_json(text: bytes) -> object:
    """What a JSON text holds, no member twice.

    Raises:
        NoRow: A member is there twice.
        ValueError: It is no JSON.
    """
    found = orjson.loads(text)
    if orjson.dumps(found) != text.rstrip(b"\r\n"):  # not as an export spells it, so there may be
        try:
            json.loads(text, object_pairs_hook=_no_member_twice)
        except RecursionError:
            raise NoRow("it is nested too deep") from None
    return found


def _no_member_twice(members: list[tuple[str, object]]) -> None:
    if len(dict(members)) != len(members):
        raise NoRow("a member is there twice")


def time_text(moment: datetime) -> str:
    """A time as exports have it: ISO 8601 in UTC."""
    try:
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except OverflowError:  # within hours of the first or last moment that there is
        return moment.isoformat()


def _is_time(value: object) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).utcoffset() is not None
    except ValueError:
        return False


_KINDS: dict[str, Callable[[object], bool]] = {
    "text": lambda value: isinstance(value, str),
    "int": lambda value: type(value) is int and 0 <= value < 2**63,
    "bool": lambda value: isinstance(value, bool),
    "time": _is_time,
}
_TIMES = {"expires", "evidence_link_expires"}
_EVIDENCE = {"unknown", *(status.name.lower() for status in ActionStatus)}
_UNNAMED = ("the reply does not say whose it is",)


def _checked_details(row: Row) -> dict[str, list[Any]]:
    """The lists behind a row's counts, if they are as ``rows_of`` gives them."""
    lists = {"problems", *({"unnamed"} if row["part"] == 1 else ())}
    if row["state"] == "connected":
        lists |= {"entitlements", "update_errors"}
    with suppress(ValueError):
        found = from_json(str(row["details"]).encode()) if row["details"] is not None else {}
        if (
            isinstance(found, dict)
            and found.keys() <= lists
            and all(found.values())
            and all(map(_is_entitlement, _list(found, "entitlements")))
            and all(map(_is_update_error, _list(found, "update_errors")))
            and all(isinstance(each, str) for each in _list(found, "problems"))
            and found.get("unnamed", [*_UNNAMED]) == [*_UNNAMED]
        ):
            return found
    raise NoRow("its details are not as an export writes them")


def _list(found: dict[str, Any], name: str) -> list[object]:
    values = found.get(name, [])
    if not isinstance(values, list):
        raise ValueError(f"{name} are no list")
    return values


def _is_entitlement(found: object) -> bool:
    return (
        isinstance(found, dict)
        and found.keys() <= {"id", "label", "evidence", *_TIMES}
        and all(
            _is_time(value) if name in _TIMES else isinstance(value, str) for name, value in found.items()
        )
        and found.get("evidence", "unknown") in _EVIDENCE
    )


def _is_update_error(found: object) -> bool:
    return (
        isinstance(found, dict)
        and found.keys() == {"type", "name"}
        and all(value is None or isinstance(value, str) for value in found.values())
    )


def failure_facts(failed: Failed) -> Row:
    """What is told of a customer who could not be read."""
    error = failed.error
    return {
        "state": "error",
        "error_type": type(error).__name__,
        "error_status": status_of(error),
        "error_text": str(error),
    }


def _accounts(fetched: Fetched) -> list[Row]:
    """A row for each account; what is wrong with the reply as a whole counts for the first."""
    of_all = fetched.accounts.problems
    rows = []
    for account in fetched.accounts:
        rows.append(_account(account, (*of_all, *account.problems)))
        of_all = ()
    rows = rows or [{"state": "no sellers", "problems": len(of_all), "details": _json(problems=of_all)}]
    if fetched.accounts.customer is None and any(row["state"] != "connected" for row in rows):
        # It is no evidence that anything was disconnected.
        rows[0]["details"] = _json(**details(rows[0]), unnamed=_UNNAMED)
    return rows


def _account(account: SellerAccount, problems: tuple[str, ...]) -> Row:
    row: Row = {
        "seller_id": account.seller.id if account.seller else None,
        "seller_name": account.seller.name if account.seller else None,
        "state": state(account)[0],
        "problems": len(problems),
        "details": _json(problems=problems),
    }
    return row | _connection(account, problems) if isinstance(account, ConnectedAccount) else row


def _connection(account: ConnectedAccount, problems: tuple[str, ...]) -> Row:
    entitlements = list(_entitlements(account))
    errors = [{"type": e.type, "name": e.name} for e in account.entitlement_update_errors]
    return {
        "date_linked": time_text(account.date_linked) if account.date_linked else None,
        "hidden_entitlements": account.hidden_entitlements,
        "access_pass": account.access_pass is not None,
        **_counts(entitlements, errors),
        "details": _json(entitlements=entitlements, update_errors=errors, problems=problems),
    }


def _counts(entitlements: Sequence[dict[str, str]], errors: Sequence[dict[str, str | None]]) -> Row:
    """What follows from the lists of a connected account."""
    evidence = [e["evidence"] for e in entitlements if "evidence" in e]
    expiries = [e["expires"] for e in entitlements if "expires" in e]
    return {
        "entitlements": len(entitlements),
        "evidence_requests": len(evidence),
        "evidence_outstanding": sum(status != "completed" for status in evidence),
        "earliest_expiry": min(expiries, key=datetime.fromisoformat, default=None),
        "update_errors": len(errors),
        "conflicts": sum(e["type"] == "EntitlementConflict" for e in errors),
    }


def _entitlements(account: ConnectedAccount) -> Iterator[dict[str, str]]:
    """Each entitlement once, though the reply may list it as held and as asking for proof."""
    found: dict[object, dict[str, str]] = {}
    requests = set(map(id, account.evidence_requests))
    for entitlement in (*account.entitlements, *account.evidence_requests):
        key = entitlement.id or id(entitlement)
        facts = entitlement_facts(entitlement, asked=id(entitlement) in requests)
        found[key] = found.get(key, {}) | {name: fact for name, fact in facts.items() if fact is not None}
    yield from found.values()


def entitlement_facts(entitlement: Entitlement, *, asked: bool) -> dict[str, str | None]:
    """What is told of an entitlement; ``asked`` if the reply lists it among those that ask for proof."""
    kind, request = entitlement.entitlement_type, entitlement.evidence_request
    status = request.action_status.name.lower() if request and request.action_status else "unknown"
    return {
        "id": entitlement.id,
        "label": (kind.pref_label or kind.id) if kind else None,
        "expires": time_text(entitlement.expires) if entitlement.expires else None,
        "evidence": status if asked or request else None,
        "evidence_link_expires": time_text(request.expiry) if request and request.expiry else None,
    }


def _json(**lists: Any) -> str | None:
    there = {name: found for name, found in lists.items() if found}
    return orjson.dumps(there).decode() if there else None
