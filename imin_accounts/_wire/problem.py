"""What an error reply says besides its status: its body, its safe headers, its ``Retry-After``.

imin documents none of the three for these endpoints, so all are read leniently and none is relied on.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import orjson

from imin_accounts.errors import Problem
from imin_accounts.transports.base import Response

MAX_RETRY_AFTER = 3600.0
"""Seconds; a longer ``Retry-After`` is taken for nonsense. One reply must not stop a session for days."""


def read_problem(body: bytes) -> Problem:
    """What any of the body shapes met in imin's family says, else nothing.

    OpenActive's and RFC 9457's objects, ``{"error": {"type": …, "details": […]}}``,
    ``{"error": "…"}`` and ``{"message": "…"}``.
    """
    document = _object(body)
    inner = document.get("error")
    source = inner if isinstance(inner, dict) else document
    return Problem(
        type=_first_text(source, "@type", "type"),
        name=_first_text(source, "name", "title") or _first_text(document, "error"),
        description=_first_text(source, "description", "detail", "details", "message"),
        instance=_first_text(source, "instance"),
    )


def request_id(response: Response) -> str | None:
    """What the vendor's support can find the request by; None where there is nothing of the kind.

    OpenActive's errors have it as ``requestId``; gateways send it as a header. Only a token is taken: any
    other text might quote the request.
    """
    found = [_first_text(_object(response.body), "requestId")]
    found += [response.headers.get(name, "").strip(" \t") for name in _REQUEST_IDS]
    return next((each for each in found if each and _TOKEN.fullmatch(each)), None)


_REQUEST_IDS = ("x-request-id", "request-id", "x-correlation-id", "x-amzn-requestid", "x-amzn-trace-id")
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:;=+/-]{0,127}")


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


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
    """The few headers that an error may keep, each only as far as its value is what its name promises.

    Any other value might echo the request, and the request is secret. So dates are written anew, and of
    ``content-type`` the media type alone is kept, if it is a usual one.
    """
    kept = {}
    if date := _http_date(headers.get("date", "")):
        kept["date"] = format_datetime(date, usegmt=True)
    wait = headers.get("retry-after", "").strip(" \t")
    if _DIGITS.fullmatch(wait):
        kept["retry-after"] = wait
    elif until := _http_date(wait):
        kept["retry-after"] = format_datetime(until, usegmt=True)
    media_type = headers.get("content-type", "").partition(";")[0].strip(" \t").lower()
    return kept | ({"content-type": media_type} if media_type in _MEDIA_TYPES else {})


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait, as ``Retry-After`` says; None where it says nothing usable.

    Usable are ASCII digits and dates, up to ``MAX_RETRY_AFTER``. A date is measured against the reply's
    own ``Date``, so that neither side's clock has to be right; a date in the past is 0.

    Args:
        now: Seconds since the epoch, for a reply without ``Date``.
    """
    text = headers.get("retry-after", "").strip(" \t")
    if _DIGITS.fullmatch(text):
        seconds = float(text)
    elif until := _http_date(text):
        since = _http_date(headers.get("date", ""))
        seconds = max(0.0, until.timestamp() - (since.timestamp() if since else now))
    else:
        return None
    return seconds if seconds <= MAX_RETRY_AFTER else None


_DIGITS = re.compile(r"[0-9]{1,9}")


def _http_date(text: str) -> datetime | None:
    """A date in any of the forms of RFC 9110, section 5.6.7, or of an email; without a zone it is GMT's."""
    with suppress(
        ValueError, TypeError, IndexError, OverflowError
    ):  # the last three are what nonsense makes it raise
        date = parsedate_to_datetime(text)
        return date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)
    return None
