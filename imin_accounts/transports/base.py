"""The seam between deciding and moving bytes: one protocol and the two values that cross it."""

from collections.abc import Mapping
from typing import Protocol

import attrs

__all__ = ["Headers", "Request", "Response", "Transport"]


class Headers(dict[str, str]):
    """Header fields that show only their names in a repr, since a value may be the API key.

    A dict, not a mapping of our own: aiohttp copies it four times as fast. Nobody changes one.
    """

    def __repr__(self) -> str:
        return f"Headers({', '.join(self)})"


def _headers(fields: Mapping[str, str]) -> Headers:
    return fields if isinstance(fields, Headers) else Headers(fields)


@attrs.frozen(kw_only=True)
class Request:
    """One HTTP request, ready to send as it is.

    Attributes:
        method: ``"GET"`` or ``"DELETE"``.
        url: The absolute URL, percent-encoded: to be sent byte for byte. Not shown in a repr, since
            it names the customer.
        headers: The fields to send, the API key among them.
        fresh: Ask for a connection of this request's own, closed afterwards.
    """

    method: str
    url: str = attrs.field(repr=False)
    headers: Mapping[str, str] = attrs.field(converter=_headers)
    fresh: bool = False


@attrs.frozen(kw_only=True)
class Response:
    """One HTTP reply, read whole.

    Attributes:
        status: The status code.
        headers: The fields, names in lower case; values of a repeated field joined by ``", "``.
        body: The decoded body. Not shown in a repr. A transport may leave it empty where the status
            is not 200: nothing but an error's description is read from it then.
    """

    status: int
    headers: Mapping[str, str] = attrs.field(converter=_headers)
    body: bytes = attrs.field(repr=False)


class Transport(Protocol):
    """Whatever can send one request once.

    A transport may also have ``async discard_idle()``, which drops pooled connections: the session
    calls it after a reply that was lost, or is for another customer.
    """

    async def send(self, request: Request, *, timeout: float) -> Response:
        """Send ``request`` exactly once and read the whole reply.

        Redirects are not followed, cookies not kept, nothing is sent a second time.

        Args:
            request: What to send; ``request.url`` goes out as it is.
            timeout: Seconds that the attempt may take. Advice: the session cancels what takes
                longer.

        Raises:
            TransportError: No usable reply. ``maybe_sent=False`` only where the request certainly
                did not reach the server.
        """
        ...
