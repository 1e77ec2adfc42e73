"""What an error reply says besides its status: its body, its safe headers, its ``Retry-After``.

imin documents none of the three for these endpoints, so all are read leniently and none is relied on.
"""

import math
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import orjson

from imin_accounts.errors import Problem
from imin_accounts.transports.base import Response


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
    document = _object(response.body)
    inner = document.get("error")
    sources = [document, inner] if isinstance(inner, dict) else [document]
    found = [_first_text(source, "requestId") for source in sources]
    found += [response.headers.get(name, "").strip(" \t") for name in _REQUEST_IDS]
    return next((each for each in found if each and _TOKEN.fullmatch(each)), None)


_REQUEST_IDS = ("x-request-id", "request-id", "x-correlation-id", "x-amzn-requestid", "x-amzn-trace-id")
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:;=+/-]{0,127}")


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))
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
    match _asked_for(headers):
        case datetime() as until:
            kept["retry-after"] = format_datetime(until, usegmt=True)
        case float(seconds):
            kept["retry-after"] = f"{seconds:.0f}"
    media_type = headers.get("content-type", "").partition(";")[0].strip(" \t").lower()
    return kept | ({"content-type": media_type} if media_type in _MEDIA_TYPES else {})


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Whole seconds to wait, rounded up, as ``Retry-After`` says; None where it says nothing usable.

    A date is measured against the reply's own ``Date``, so that neither side's clock has to be right; a
    date in the past is 0.

    Args:
        now: Seconds since the epoch, for a reply without ``Date``.
    """
    asked_for = _asked_for(headers)
    if isinstance(asked_for, datetime):
        since = _http_date(headers.get("date", ""))
        return max(0.0, float(math.ceil(asked_for.timestamp() - (since.timestamp() if since else now))))
    return asked_for


def _asked_for(headers: Mapping[str, str]) -> datetime | float | None:
    # Servers write "30.0", "30 seconds" and "1m0s" (https://github.com/urllib3/urllib3/issues/1822), and a
    # proxy adds a field of its own: "5, 5" is both. The longest counts.
    text = headers.get("retry-after", "")
    found = [_DURATION.fullmatch(part.partition(";")[0].strip(' \t"')) for part in text.split(",")]
    durations = [[float(number or 0) for number in match.groups()] for match in found if match]
    if durations:
        longest = max(h * 3600 + m * 60 + s for h, m, s in durations)
        return float(math.ceil(min(longest, _LONGEST)))
    return _http_date(text)


_DURATION = re.compile(
    r"(?=.*[0-9])\+?(?:([0-9]+) ?h(?:ours?)?)? ?(?:([0-9]+) ?m(?:in(?:ute)?s?)?)?"
    r" ?(?:([0-9]+(?:\.[0-9]*)?|\.[0-9]+) ?(?:s(?:ec(?:ond)?s?)?)?)?",
    re.I,
)
_LONGEST = 999_999_999_999_999.0
"""Seconds. Whoever asks for more, such as twenty nines, still asks to wait: it is not to be ignored."""


def _http_date(text: str) -> datetime | None:
    """A date as in RFC 9110, section 5.6.7, an email or ISO 8601; without a zone it is GMT's."""
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        with suppress(ValueError, TypeError, IndexError, OverflowError):  # what nonsense makes them raise
            date = parse(text.strip(" \t"))
            return date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)
    return None
