"""Rows to write and read: of some customers, and a Hypothesis strategy for any."""

from datetime import UTC, datetime

from hypothesis import strategies as st

from imin_accounts import Failed, Fetched, InvalidRequest, from_jsonld
from imin_accounts.cli.rows import COLUMNS, Row, rows_of

AT = datetime(2026, 3, 4, 12, tzinfo=UTC)
SELLERS = ("https://sellers.example.com/1", "https://sellers.example.com/2")


def customer_rows(customer: str = "1234", *, name: str = "Acme") -> list[Row]:
    """A customer with an account at each of two sellers: two rows."""
    items = [
        {"@type": "Account", "seller": {"@id": seller, "name": name}, "imin:matchingEmailExists": True}
        for seller in SELLERS
    ]
    return rows_of(Fetched(customer, from_jsonld({"@type": "imin:Collection", "imin:item": items})), AT)


def error_rows(customer: str = "5678") -> list[Row]:
    """A customer who could not be read: one row."""
    return rows_of(Failed(customer, None, InvalidRequest("no")), AT)


_VALUES = {
    "text": st.none() | st.text() | st.sampled_from(["", "'", "=1+1", "\r", "\n", '"', ",", "a\r\nb", "-1"]),
    "int": st.none() | st.integers(0, 2**53),
    "bool": st.none() | st.booleans(),
    "time": st.none() | st.just("2026-03-04T12:00:00Z"),
}


@st.composite
def any_rows(draw: st.DrawFn) -> list[Row]:
    """One customer's rows, with any values that a column may have."""
    customer, count = draw(st.text(min_size=1)), draw(st.integers(1, 3))
    return [
        {column.name: draw(_VALUES[column.kind]) for column in COLUMNS}
        | {"customer": customer, "part": part, "parts": count}
        for part in range(1, count + 1)
    ]
