"""What an export holds of each customer."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imin_accounts import Failed, Fetched, IminError, NotFound, TransportError, from_jsonld
from imin_accounts.cli._failures import Failure
from imin_accounts.cli.rows import (
    COLUMNS,
    NAMES,
    Row,
    checked,
    columns_help,
    details,
    failure_in,
    rows_of,
    time_text,
)
from tests.canaries import BARCODE, CUSTOMER, EMAIL, FILTER, JWT, leaks
from tests.cli.people import NOW, conflict, entitlement
from tests.cli.rows import AT
from tests.paths import SAMPLES
from tests.strategies import documents

SELLER = {"@id": "https://sellers.example.com/1", "name": "Acme"}


def rows(*items: dict[str, Any], **members: Any) -> list[Row]:
    """The rows of a customer with these items in the reply."""
    document = {"@type": "imin:Collection", "imin:item": list(items), **members}
    return rows_of(Fetched("1234", from_jsonld(document)), AT)


def connected(**members: Any) -> Row:
    """The one row of a customer with one connected account."""
    [row] = rows({"@type": "Account", "seller": SELLER, "dateLinked": "2021-01-27T12:00:00Z", **members})
    return row


def told(row: Row) -> Row:
    """What a row says, absent values left out."""
    return {name: value for name, value in row.items() if value is not None}


def test_the_customer_is_the_first_column() -> None:
    """The columns are the documented ones in their order, in each row and in the help."""
    assert tuple(connected()) == NAMES
    assert NAMES[0] == "customer"
    assert all(column.name in columns_help() and column.about in columns_help() for column in COLUMNS)


@given(documents() | documents(varied=True), st.sampled_from([AT, datetime.max.replace(tzinfo=UTC)]))
def test_whatever_is_written_can_be_read_again(document: Any, at: datetime) -> None:
    """What is asked of a row that somebody may have edited holds of each that an export writes."""
    written = rows_of(Fetched("1234", from_jsonld(document)), at)
    for row in written:
        assert checked(row) == row
    # Version 0.1 told nothing of a reply that does not say whose it is.
    for row in written:
        lists = {name: found for name, found in details(row).items() if name != "unnamed"}
        checked({**row, "details": orjson.dumps(lists).decode() if lists else None})


def test_the_documented_reply_fills_its_columns() -> None:
    """Every fact of the documented connected account is in its column."""
    [row] = rows_of(Fetched("1234", from_jsonld((SAMPLES / "connected.json").read_bytes())), AT)
    assert told(row) | {"details": ""} == {
        "customer": "1234",
        "seller_id": "https://id.bookingsystem.example.com/organizers/1",
        "seller_name": "Acme Leisure Centre",
        "state": "connected",
        "date_linked": "2021-01-27T12:00:00Z",
        "hidden_entitlements": True,
        "access_pass": True,
        "entitlements": 1,
        "evidence_requests": 1,
        "evidence_outstanding": 0,
        "earliest_expiry": "2021-05-10T10:45:33Z",
        "update_errors": 1,
        "conflicts": 1,
        "problems": 0,
        "details": "",
        "fetched_at": "2026-03-04T12:00:00Z",
        "part": 1,
        "parts": 1,
    }


def test_the_lists_behind_the_counts_are_json_text() -> None:
    """``details`` names each entitlement with its end and its evidence, and each update error."""
    ends = NOW + timedelta(days=3)
    row = connected(
        entitlement=[entitlement("1", ends=ends, label="Carer")],
        **{"imin:evidenceRequests": [entitlement("2", proof="Active")]},
        **{"imin:entitlementUpdateErrors": [conflict("No")]},
    )
    assert details(row) == {
        "entitlements": [
            {"id": "https://id.example.com/entitlements/1", "label": "Carer", "expires": time_text(ends)},
            {
                "id": "https://id.example.com/entitlements/2",
                "label": "Over 65",
                "evidence": "active",
                "evidence_link_expires": "2026-03-13T12:00:00Z",
            },
        ],
        "update_errors": [{"type": "EntitlementConflict", "name": "No"}],
    }


def test_an_entitlement_listed_twice_counts_once() -> None:
    """What is held and asks for proof is one entitlement, with the facts of both places."""
    ends = NOW + timedelta(days=3)
    row = connected(
        entitlement=[entitlement("1", ends=ends)],
        **{"imin:evidenceRequests": [entitlement("1", proof="Failed")]},
    )
    assert (row["entitlements"], row["evidence_outstanding"]) == (1, 1)
    assert row["earliest_expiry"] == time_text(ends)


@pytest.mark.parametrize(
    ("status", "word", "outstanding"),
    [
        pytest.param("Potential", "potential", 1, id="requested"),
        pytest.param("Active", "active", 1, id="submitted"),
        pytest.param("Failed", "failed", 1, id="failed"),
        pytest.param("Completed", "completed", 0, id="completed"),
        pytest.param("Misty", "unknown", 1, id="a status that nobody knows"),
    ],
)
def test_all_evidence_but_the_completed_is_outstanding(status: str, word: str, outstanding: int) -> None:
    """A status unknown here counts as outstanding."""
    row = connected(**{"imin:evidenceRequests": [entitlement("1", proof=status)]})
    assert (row["evidence_requests"], row["evidence_outstanding"]) == (1, outstanding)
    assert details(row)["entitlements"][0]["evidence"] == word


def test_the_earliest_expiry_is_the_earliest_moment() -> None:
    """Whatever the offsets and the fractions in which the ends are written."""
    early = datetime(2026, 3, 5, 1, tzinfo=timezone(timedelta(hours=9)))
    late = datetime(2026, 3, 4, 23, tzinfo=UTC)
    ends = (late, early, early + timedelta(seconds=0.5))
    row = connected(entitlement=[entitlement(str(n), ends=end) for n, end in enumerate(ends)])
    assert row["earliest_expiry"] == "2026-03-04T16:00:00Z"


def test_each_state_has_its_word() -> None:
    """One row for each item, in the order received, numbered."""
    found = rows(
        {"@type": "Account", "seller": SELLER, "hiddenEntitlements": False},
        {"@type": "Account", "seller": SELLER, "imin:matchingEmailExists": True},
        {"@type": "Account", "seller": SELLER, "imin:matchingEmailExists": False},
        {"@type": "Account", "seller": SELLER, "imin:matchingEmailExists": "maybe"},
    )
    assert [row["state"] for row in found] == ["connected", "unconnected", "no account", "unrecognised"]
    assert [(row["part"], row["parts"]) for row in found] == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_customer_without_sellers_has_one_row() -> None:
    """Its state says so."""
    assert [row["state"] for row in rows()] == ["no sellers"]


@pytest.mark.parametrize(
    ("error", "facts"),
    [
        pytest.param(NotFound(404), ("NotFound", 404, "imin answered 404"), id="with a status"),
        pytest.param(
            TransportError("refused", maybe_sent=False),
            ("TransportError", None, "no reply (refused); the request was not sent"),
            id="without",
        ),
    ],
)
def test_a_customer_who_could_not_be_read_has_one_row(error: IminError, facts: tuple[object, ...]) -> None:
    """It says why: class, status, text."""
    [row] = rows_of(Failed("1234", None, error), AT)
    assert row["state"] == "error"
    assert (row["error_type"], row["error_status"], row["error_text"]) == facts


def test_problems_of_the_whole_reply_count_for_the_first_row() -> None:
    """So that they are counted once."""
    unconnected = {"@type": "Account", "seller": SELLER, "imin:matchingEmailExists": True}
    found = rows(unconnected, unconnected, **{"imin:entitlementFilter": 7})
    assert [row["problems"] for row in found] == [1, 0]
    assert rows(**{"imin:entitlementFilter": 7})[0]["problems"] == 1


@pytest.mark.parametrize("odd", [(0,), (1,), (0, 1)])
def test_rows_tell_of_a_part_what_the_reply_tells(odd: tuple[int, ...]) -> None:
    """What can't be read, and at which seller, where it is one account."""
    items = [
        {
            "@type": "Account",
            "seller": {**SELLER, "@id": f"{SELLER['@id']}{n}"},
            "imin:matchingEmailExists": True,
        }
        | ({"dateLinked": 7} if n in odd else {})
        for n in range(2)
    ]
    accounts = from_jsonld({"@type": "imin:Collection", "imin:item": items})
    told = failure_in(rows_of(Fetched("1234", accounts), AT))
    assert told == Failure.in_accounts("1234", accounts)
    assert told is not None
    assert (told.seller is None) == (len(odd) > 1)


def test_what_stands_for_the_customer_stays_out() -> None:
    """No barcode, address, link, token or free text about a person goes into a row."""
    secret = {"@type": "EntitlementConflict", "name": "No", "description": CUSTOMER}
    form = {
        "url": f"https://legend.example.com/{JWT}",
        "actionStatus": "https://schema.org/ActiveActionStatus",
    }
    found = rows(
        {
            "@type": "Account",
            "seller": {**SELLER, "email": EMAIL, "telephone": EMAIL},
            "dateLinked": "2021-01-27T12:00:00Z",
            "customer": {"email": EMAIL, "@id": CUSTOMER},
            "accessPass": {"text": BARCODE},
            "imin:evidenceRequests": [{"@id": "urn:1", "evidenceRequest": form}],
            "imin:entitlementUpdateErrors": [secret],
        },
        {
            "@type": "Account",
            "seller": SELLER,
            "imin:matchingEmailExists": True,
            "potentialAction": [{"@type": "RegisterAction", "target": f"https://book.imin.co/?jwt={JWT}"}],
        },
        **{"imin:entitlementFilter": FILTER, "@id": f"https://book.imin.co/{CUSTOMER}"},
    )
    assert leaks(*found) == []


def test_a_time_at_the_end_of_the_calendar_keeps_its_offset() -> None:
    """Where UTC has no such year, the time stands as it was received."""
    first = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    assert time_text(first) == "0001-01-01T00:00:00+01:00"
