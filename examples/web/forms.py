"""What a form sent, read the same way behind every framework.

What a framework can't parse it answers on its own: with a 422 that shows its insides, or a traceback. Every
form here is of our own pages, so there is one kind of body to read.
"""

from collections.abc import AsyncIterable, Mapping
from urllib.parse import parse_qsl

Form = Mapping[str, str]
"""Fields by name; the last one where several have it."""
URLENCODED = "application/x-www-form-urlencoded"
LARGEST = 16_384
"""Bytes: several times what our own pages send."""


async def read_form(headers: Mapping[str, str], body: AsyncIterable[bytes]) -> Form | None:
    """The fields; empty where nothing was sent, None for anything else than a form of ours.

    Args:
        headers: By name, in whatever case.
        body: Read no further than to where it is too large.
    """
    media = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media not in ("", URLENCODED):
        return None
    sent = bytearray()
    async for chunk in body:
        sent += chunk
        if len(sent) > LARGEST:
            return None
    try:
        return dict(parse_qsl(sent.decode(), keep_blank_values=True, errors="strict", max_num_fields=20))
    except ValueError:  # not UTF-8, or too many fields
        return None
