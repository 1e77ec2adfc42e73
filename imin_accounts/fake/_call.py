"""A request, understood: which endpoint, which customer, which parameters."""

import re
from collections.abc import Mapping
from typing import Literal, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

import attrs

from imin_accounts.transports.base import Request

__all__ = ["ACCOUNTS", "ALLOWED", "CONNECT", "ENDPOINTS", "Call", "Endpoint"]

Endpoint: TypeAlias = Literal["get_seller_accounts", "delete_seller_account", "connect_account"]
ACCOUNTS, CONNECT = "/api/v2/customers/{customerIdentifier}/accounts", "/auth/connect-account"
ENDPOINTS: Mapping[tuple[str, str], Endpoint] = {
    ("GET", ACCOUNTS): "get_seller_accounts",
    ("DELETE", ACCOUNTS): "delete_seller_account",
    ("GET", CONNECT): "connect_account",
}
ALLOWED = {ACCOUNTS: "GET, DELETE", CONNECT: "GET"}

# A gateway's prefix may come before either.
_PATHS = {
    ACCOUNTS: re.compile(r"(?P<prefix>.*)/api/v2/customers/(?P<customer>[^/]+)/accounts"),
    CONNECT: re.compile(r"(?P<prefix>.*)/auth/connect-account"),
}


@attrs.frozen(kw_only=True)
class Call:
    """A request as the service understands it.

    Attributes:
        endpoint: Which of the documented ones; None for anything else.
        route: The path with its parameter unfilled; ``"other"`` where it is not one of the API's.
        base: Scheme, host and a gateway's prefix: what the links in a reply start with.
        customer: The customer identifier, decoded; ``""`` where there is none.
        query: The decoded parameters; of a repeated one the first.
        key: What came as ``X-Api-Key``; None where nothing did.
    """

    method: str
    endpoint: Endpoint | None
    route: str
    base: str = attrs.field(repr=False)
    customer: str = attrs.field(repr=False)
    query: Mapping[str, str] = attrs.field(repr=False)
    key: str | None = attrs.field(repr=False)

    @classmethod
    def read(cls, request: Request) -> "Call":
        """Understand ``request``. Nothing is refused here."""
        parts = urlsplit(request.url)
        found = {route: path.fullmatch(parts.path) for route, path in _PATHS.items()}
        route, path = next(((route, path) for route, path in found.items() if path), ("other", None))
        return cls(
            method=request.method,
            endpoint=ENDPOINTS.get((request.method, route)),
            route=route,
            base=f"{parts.scheme}://{parts.netloc}{path['prefix'] if path else ''}",
            customer=unquote(path["customer"]) if path and route == ACCOUNTS else "",
            query=dict(reversed(parse_qsl(parts.query, keep_blank_values=True))),
            key=next((value for name, value in request.headers.items() if name.lower() == "x-api-key"), None),
        )
