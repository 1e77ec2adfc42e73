"""The three documented endpoints: a request understood, and one function from that to a reply. No I/O."""

import hmac
import re
from collections.abc import Mapping
from typing import Literal, TypeAlias
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import attrs

from imin_accounts.fake import _documents as documents
from imin_accounts.fake import _pages as pages
from imin_accounts.fake import _replies as replies
from imin_accounts.fake._connect import Action, ConnectFlow, ConnectRefused
from imin_accounts.fake._documents import Node
from imin_accounts.fake._population import Person
from imin_accounts.fake._replies import ErrorBody
from imin_accounts.fake._world import World
from imin_accounts.transports.base import Request, Response

__all__ = ["ACCOUNTS", "CONNECT", "VISIT_PATH", "Api", "ApiRequest", "Endpoint", "is_web_address"]

Endpoint: TypeAlias = Literal["get_seller_accounts", "delete_seller_account", "connect_account"]
ACCOUNTS, CONNECT = "/api/v2/customers/{customerIdentifier}/accounts", "/auth/connect-account"
ENDPOINTS: Mapping[tuple[str, str], Endpoint] = {
    ("GET", ACCOUNTS): "get_seller_accounts",
    ("DELETE", ACCOUNTS): "delete_seller_account",
    ("GET", CONNECT): "connect_account",
}
ALLOWED = {ACCOUNTS: "GET, DELETE", CONNECT: "GET"}

# Before either path there may be a gateway's prefix.
_PATHS = {
    ACCOUNTS: re.compile(r"(?P<prefix>.*)/api/v2/customers/(?P<customer>[^/]+)/accounts"),
    CONNECT: re.compile(r"(?P<prefix>.*)/auth/connect-account"),
}
VISIT_PATH = "/seller/"
_ACTIONS: tuple[Action, ...] = ("RegisterAction", "CreateAction")


@attrs.frozen(kw_only=True)
class ApiRequest:
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
    def read(cls, request: Request) -> "ApiRequest":
        """Understand ``request``. Nothing is refused here."""
        parts = urlsplit(request.url)
        found = {route: path.fullmatch(parts.path) for route, path in _PATHS.items()}
        route, path = next(((route, path) for route, path in found.items() if path), ("other", None))
        return cls(
            method=request.method,
            endpoint=ENDPOINTS.get((request.method, route)),
            route=route,
            base=f"{parts.scheme}://{parts.netloc}{path['prefix'] if path else ''}",
            customer=unquote(path.groupdict().get("customer", "")) if path else "",
            query=dict(reversed(parse_qsl(parts.query, keep_blank_values=True))),
            key=next((value for name, value in request.headers.items() if name.lower() == "x-api-key"), None),
        )


class Api:
    """Answers calls out of a world."""

    def __init__(self, world: World, flow: ConnectFlow, *, api_key: str) -> None:
        self._world = world
        self._flow = flow
        self._api_key = api_key

    def answer(self, request: ApiRequest) -> Response:
        """Do what ``request`` asks and reply."""
        if request.endpoint == "connect_account":
            return self._connect(request)
        if request.key is None:
            return replies.error(401, ErrorBody.MESSAGE, description="No API key found in request")
        found, wanted = (key.encode(errors="surrogateescape") for key in (request.key, self._api_key))
        if not hmac.compare_digest(found, wanted):
            return replies.error(401, self._world.undocumented.unauthorized)
        if request.endpoint == "get_seller_accounts":
            return self._get(request)
        if request.endpoint == "delete_seller_account":
            return self._delete(request)
        if request.route not in ALLOWED:
            return replies.error(404, ErrorBody.MESSAGE, description="no Route matched with those values")
        allowed = ALLOWED[request.route]
        words = f"this path takes {allowed}"
        return replies.error(405, ErrorBody.MESSAGE, description=words, headers={"allow": allowed})

    def about(self, customer: str, request: ApiRequest) -> Response:
        """200 with the accounts of ``customer``, known or not, whoever asked and for whomever."""
        if customer in self._world.population.replies:
            return replies.as_kept(self._world.population.replies[customer])
        person = self._world.population.people.get(customer, Person())
        url = request.base + ACCOUNTS.replace("{customerIdentifier}", quote(customer, safe=""))
        items = [
            self._account(customer, person, id, seller, request)
            for id, seller in self._world.population.sellers.items()
        ]
        return replies.document(documents.collection(url, items, person.entitlement_filter))

    def _get(self, request: ApiRequest) -> Response:
        redirect_uri = request.query.get("redirectUri")
        if redirect_uri is not None and not is_web_address(redirect_uri):
            return self._bad_request("redirectUri must be an absolute http(s) URL")
        if (
            request.customer not in self._world.population.people
            and self._world.undocumented.unknown_customer == 404
        ):
            return self._not_found("There is no such customer.")
        return self.about(request.customer, request)

    def _account(self, customer: str, person: Person, id: str, seller: Node, request: ApiRequest) -> Node:
        connection = self._world.population.connections.get((customer, id))
        if connection is not None:
            return documents.connected(seller, connection, self._world.now())
        targets: dict[str, str] = {}
        if "redirectUri" in request.query:
            for action in _ACTIONS:
                token = self._flow.link(customer, id, action, request.query["redirectUri"])
                targets[action] = f"{request.base}{CONNECT}?jwt={token}"
        matching = self._world.population.password(id, person.email) is not None
        return documents.not_connected(seller, matching_email=matching, targets=targets)

    def _delete(self, request: ApiRequest) -> Response:
        seller = request.query.get("seller")
        if not seller:
            return self._bad_request("seller is required")
        told = self._world.undocumented.own_delete_notifies
        disconnected = self._world.disconnect(request.customer, seller, notify=told)
        if disconnected or self._world.undocumented.unconnected_delete == 204:
            return replies.no_content()
        return self._not_found("There is no such connected account.")

    def _connect(self, request: ApiRequest) -> Response:
        try:
            visit = self._flow.begin(request.query.get("jwt", ""))
        except ConnectRefused as refused:
            return pages.ending(refused.reason)
        return replies.redirect(f"{request.base}{VISIT_PATH}{visit}")

    def _not_found(self, description: str) -> Response:
        return replies.error(
            404, self._world.undocumented.not_found, type="NotFoundError", description=description
        )

    def _bad_request(self, description: str) -> Response:
        body = self._world.undocumented.bad_request
        return replies.error(400, body, type="BadRequestError", description=description)


def is_web_address(text: str) -> bool:
    """Whether it is an absolute http(s) URL."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    printable = all(" " <= c != "\x7f" for c in text)
    return printable and parts.scheme in {"http", "https"} and bool(parts.netloc)
