"""What each event becomes: the session's specification as a table, one value per row.

The columns are the ways in which a fault can strike (``MODES`` in ``fault.py``). The numbers are those of the
default policy: three attempts, and three tries of each re-read.
"""

import os
import sys
from typing import Literal

import attrs

from imin_accounts import (
    AuthenticationError,
    DeadlineExceeded,
    DecodeError,
    Deletion,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    ResponseError,
    SellerAccounts,
    TransportError,
    UnexpectedResponse,
    WrongCustomer,
)


@attrs.frozen
class Ends:
    """How a call ends, and what the server saw of it.

    Attributes:
        result: The exact type of what the call returns or raises.
        gets: GETs that reach the server.
        deletes: DELETEs that reach the server.
        maybe_sent: The error's ``maybe_sent``; None where its type has none.
        outcome: The deletion's ``outcome``.
        attempts: Attempts that the call tells of, where that is not ``gets + deletes``.
    """

    result: type
    gets: int = 0
    deletes: int = 0
    maybe_sent: bool | None = None
    outcome: Literal["confirmed", "verified"] | None = None
    attempts: int = attrs.field()

    @attempts.default
    def _requests(self) -> int:
        return self.gets + self.deletes


FETCHED = Ends(SellerAccounts, gets=1)
FETCHED_AT_SECOND = Ends(SellerAccounts, gets=2)
CONFIRMED = Ends(Deletion, deletes=1, outcome="confirmed")
VERIFIED = Ends(Deletion, deletes=1, gets=1, outcome="verified")


def unknown(deletes: int, gets: int) -> Ends:
    return Ends(OutcomeUnknown, deletes=deletes, gets=gets, maybe_sent=True)


@attrs.frozen(kw_only=True)
class Event:
    """One row of the table. A column that is None does not apply.

    Attributes:
        row: The row's name.
        get: Every GET meets the event.
        get_once: The first GET does.
        delete: Every DELETE meets it, none is processed (unless the event is that all is well).
        delete_once: The first DELETE does, and is not processed.
        delete_processed: Every DELETE does, after it was processed.
        re_read: A DELETE was processed and its reply lost; every re-read meets the event.
    """

    row: str
    get: Ends | None = None
    get_once: Ends | None = None
    delete: Ends | None = None
    delete_once: Ends | None = None
    delete_processed: Ends | None = None
    re_read: Ends | None = None


@attrs.frozen
class _Columns:
    """Columns that several rows share, for DELETE."""

    delete: Ends
    delete_once: Ends
    delete_processed: Ends | None


_VERIFY = _Columns(
    delete=unknown(deletes=3, gets=3),
    delete_once=Ends(Deletion, deletes=2, gets=1, outcome="confirmed"),
    delete_processed=VERIFIED,
)


def _retry(result: type, row: str, delete: _Columns = _VERIFY, maybe_sent: bool | None = None) -> Event:
    return Event(
        row=row,
        get=Ends(result, gets=3, maybe_sent=maybe_sent),
        get_once=FETCHED_AT_SECOND,
        re_read=unknown(deletes=1, gets=3),
        **attrs.asdict(delete, recurse=False),
    )


def _one_send(result: type, row: str, delete: _Columns | None = None) -> Event:
    once = Ends(result, deletes=1)
    return Event(
        row=row,
        get=Ends(result, gets=1),
        get_once=Ends(result, gets=1),
        re_read=unknown(deletes=1, gets=1),
        **attrs.asdict(delete or _Columns(once, once, None), recurse=False),
    )


def _send_again(result: type) -> _Columns:
    return _Columns(Ends(result, deletes=3), Ends(Deletion, deletes=2, outcome="confirmed"), None)


WELL = Event(row="all is well", get=FETCHED, get_once=FETCHED, delete=CONFIRMED, re_read=VERIFIED)
WELL_WITHOUT_EVIDENCE = Event(
    row="a re-read without the seller, or one that contradicts itself",
    get=FETCHED,
    get_once=FETCHED,
    re_read=unknown(deletes=1, gets=3),
)
LOST = _retry(TransportError, "lost after it may have been sent", maybe_sent=True)
LENIENT = LOST if sys.flags.dev_mode or os.environ.get("PYTHONASYNCIODEBUG") else WELL
"""aiohttp reads odd headers leniently, but for Python's development mode."""
NOT_ALLOWED = _one_send(AuthenticationError, "401, 403")
NOT_FOUND = _one_send(NotFound, "404")
THROTTLED = _retry(RateLimited, "429", _send_again(RateLimited))
THROTTLED_FOR_LONG = _one_send(RateLimited, "429")
FAILED = _retry(ResponseError, "408, 5xx")
UNAVAILABLE = _retry(ResponseError, "503 with Retry-After", _send_again(ResponseError))
UNAVAILABLE_FOR_LONG = _one_send(ResponseError, "503 with Retry-After")
REFUSED = _one_send(ResponseError, "other 4xx")
REDIRECTED = _one_send(UnexpectedResponse, "3xx")
ODD = _one_send(UnexpectedResponse, "other 2xx, 1xx as final", _VERIFY)
UNREADABLE = _retry(DecodeError, "2xx with a bad body")
SOMEBODY_ELSES = _retry(WrongCustomer, "another customer's")

CLOSED_THEN_404 = Event(
    row="404 after an ambiguous attempt",
    get=Ends(NotFound, gets=2),
    get_once=FETCHED_AT_SECOND,
    re_read=unknown(deletes=1, gets=2),
    **attrs.asdict(_VERIFY, recurse=False),
)


def _not_sent(attempts: int) -> Event:
    ends = Ends(TransportError, maybe_sent=False, attempts=attempts)
    return Event(row="not sent", get=ends, delete=ends)


NOT_SENT = _not_sent(attempts=3)
NOT_TRUSTED = _not_sent(attempts=1)

LOST_UNREAD = Event(
    row="lost after it may have been sent",
    get=Ends(TransportError, maybe_sent=True, attempts=3),
    delete=Ends(OutcomeUnknown, maybe_sent=True, attempts=4),
)
"""The server never reads what it is sent: it can't count, and its re-reads are lost too."""

_OUT_OF_TIME = Ends(DeadlineExceeded, gets=1, maybe_sent=True)
OUT_OF_TIME = Event(
    row="deadline",
    get=_OUT_OF_TIME,
    get_once=_OUT_OF_TIME,
    delete=unknown(deletes=1, gets=0),
    delete_once=unknown(deletes=1, gets=0),
    delete_processed=unknown(deletes=1, gets=0),
    re_read=unknown(deletes=1, gets=1),
)

OUT_OF_TIME_UNREAD = Event(
    row="deadline",
    get=Ends(DeadlineExceeded, maybe_sent=True, attempts=1),
    delete=Ends(OutcomeUnknown, maybe_sent=True, attempts=2),
)
"""As ``OUT_OF_TIME``, from a server that never reads."""
