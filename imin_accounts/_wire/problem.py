"""What an error reply says besides its status: its body, its safe headers, its ``Retry-After``.

imin documents none of the three for these endpoints, so all are read leniently and none is relied on.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import orjson

from imin_accounts.errors import Problem

MAX_RETRY_AFTER = 3600.0
"""Seconds; a longer ``Retry-After`` is taken for nonsense. One reply must not stop a session for days."""


def read_problem(body: bytes) -> Problem:
    """Type, name and description out of any of the body shapes met in imin's family, else nothing.

    OpenActive's and RFC 9457's objects, ``{"error": {"type": …, "details": […]}}``,
    ``{"error": "…"}`` and ``{"message": "…"}``.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Problem()
    if not isinstance(document, dict):
        return Problem()
    inner = document.get("error")
    source = inner if isinstance(inner, dict) else document
    return Problem(
        type=_first_text(source, "@type", "type"),
        name=_first_text(source, "name", "title") or _first_text(document, "error"),
        description=_first_text(source, "description", "detail", "details", "message"),
    )


def _first_text(source: Mapping[str, Any], *keys: str) -> str | None:
    for key in keys:
        match source.get(key):
            case str(text) if text:
                return text
            case [*parts] if parts and all(isinstance(part, str) for part in parts):
                return "; ".join(parts)
    return None


_MEDIA_TYPES = {
    *("application/json", "application/ld+json", "application/problem+json"),
    *("application/vnd.openactive.booking+json", "text/html", "text/plain"),
}


def safe_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The few headers that an error may keep, each only where its value is what its name promises.

    Any other value might echo the request, and the request is secret. Of ``content-type`` the media
    type alone is kept, if it is a usual one.
    """
    date, wait = (headers.get(name, "").strip(" \t") for name in ("date", "retry-after"))
    kept = {"date": date} if _parts(date) else {}
    if _DIGITS.fullmatch(wait) or _parts(wait):
        kept["retry-after"] = wait
    media_type = headers.get("content-type", "").partition(";")[0].strip(" \t").lower()
    return kept | ({"content-type": media_type} if media_type in _MEDIA_TYPES else {})


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait, as ``Retry-After`` says; None where it says nothing usable.

    Usable are ASCII digits and the three date forms of RFC 9110, section 5.6.7, up to
    ``MAX_RETRY_AFTER``. A date is measured against the reply's own ``Date``, so that neither side's
    clock has to be right; a date in the past is 0.

    Args:
        now: Seconds since the epoch, for a reply without ``Date``.
    """
    text = headers.get("retry-after", "").strip(" \t")
    if _DIGITS.fullmatch(text):
        seconds = float(text)
    else:
        until, since = http_date(text, now), http_date(headers.get("date", "").strip(" \t"), now)
        if until is None:
            return None
        seconds = max(0.0, until - (now if since is None else since))
    return seconds if seconds <= MAX_RETRY_AFTER else None


_DIGITS = re.compile(r"[0-9]{1,9}")
# Not email.utils or strptime: the one takes almost anything for a date, the other obeys the locale.
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = rf"(?P<month>{'|'.join(_MONTHS)})"
_TIME = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_HTTP_DATES = [
    re.compile(rf"{_DAY}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT"),
    re.compile(rf"{_DAY}[a-z]{{3,6}}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT"),
    re.compile(rf"{_DAY} {_MONTH} (?P<day>[0-9 ][0-9]) {_TIME} (?P<year>[0-9]{{4}})"),
]


def http_date(text: str, now: float) -> float | None:
    """An HTTP date as seconds since the epoch; None if it is not one.

    A two-digit year is of the century that puts it at most 50 years after ``now`` (RFC 9110).
    """
    found = _parts(text)
    if found is None:
        return None
    part = {name: int(value) for name, value in found.groupdict().items() if name != "month"}
    if part["year"] < 100:
        present = datetime.fromtimestamp(now, UTC).year
        part["year"] += present - present % 100
        part["year"] -= 100 * (part["year"] > present + 50)
    with suppress(ValueError):  # a day or a time that does not exist
        return datetime(**part, month=_MONTHS.index(found["month"]) + 1, tzinfo=UTC).timestamp()
    return None


def _parts(text: str) -> re.Match[str] | None:
    return next(filter(None, (form.fullmatch(text) for form in _HTTP_DATES)), None)
