"""The three documented endpoints as one function from request to reply. No I/O."""

import hmac
from urllib.parse import quote, urlsplit

from imin_accounts.fake import _documents as documents
from imin_accounts.fake import _pages as pages
from imin_accounts.fake import _replies as replies
from imin_accounts.fake._call import ACCOUNTS, ALLOWED, CONNECT, Call
from imin_accounts.fake._connect import Action, ConnectFlow, ConnectRefused
from imin_accounts.fake._documents import Node
from imin_accounts.fake._population import Person
from imin_accounts.fake._replies import ErrorBody
from imin_accounts.fake._world import World
from imin_accounts.transports.base import Response

__all__ = ["VISIT_PATH", "Api"]

VISIT_PATH = "/seller/"
_ACTIONS: tuple[Action, ...] = ("RegisterAction", "CreateAction")


class Api:
    """Answers calls out of a world."""

    def __init__(self, world: World, flow: ConnectFlow, *, api_key: str) -> None:
        self._world = world
        self._flow = flow
        self._api_key = api_key

    def answer(self, call: Call) -> Response:
        """Do what ``call`` asks and reply."""
        if call.endpoint == "connect_account":
            return self._connect(call)
        if call.key is None:
            return replies.error(401, ErrorBody.MESSAGE, description="No API key found in request")
        found, wanted = (key.encode(errors="surrogateescape") for key in (call.key, self._api_key))
        if not hmac.compare_digest(found, wanted):
            return replies.error(401, self._world.undocumented.unauthorized)
        if call.endpoint == "get_seller_accounts":
            return self._get(call)
        if call.endpoint == "delete_seller_account":
            return self._delete(call)
        if call.route not in ALLOWED:
            return replies.error(404, ErrorBody.MESSAGE, description="no Route matched with those values")
        return replies.error(405, ErrorBody.MESSAGE, headers={"allow": ALLOWED[call.route]})

    def about(self, customer: str, call: Call) -> Response:
        """200 with the accounts of ``customer``, known or not, whoever asked and for whomever."""
        person = self._world.population.people.get(customer, Person())
        url = call.base + ACCOUNTS.replace("{customerIdentifier}", quote(customer, safe=""))
        items = [
            self._account(customer, person, id, seller, call)
            for id, seller in self._world.population.sellers.items()
        ]
        return replies.document(documents.collection(url, items, person.entitlement_filter))

    def _get(self, call: Call) -> Response:
        redirect_uri = call.query.get("redirectUri")
        if redirect_uri is not None and not _is_web_address(redirect_uri):
            return self._bad_request("redirectUri must be an absolute http(s) URL")
        if (
            call.customer not in self._world.population.people
            and self._world.undocumented.unknown_customer == 404
        ):
            return self._not_found("There is no such customer.")
        return self.about(call.customer, call)

    def _account(self, customer: str, person: Person, id: str, seller: Node, call: Call) -> Node:
        connection = self._world.population.connections.get((customer, id))
        if connection is not None:
            return documents.connected(seller, connection, self._world.now())
        targets: dict[str, str] = {}
        if "redirectUri" in call.query:
            for action in _ACTIONS:
                token = self._flow.link(customer, id, action, call.query["redirectUri"])
                targets[action] = f"{call.base}{CONNECT}?jwt={token}"
        matching = self._world.population.password(id, person.email) is not None
        return documents.not_connected(seller, matching_email=matching, targets=targets)

    def _delete(self, call: Call) -> Response:
        seller = call.query.get("seller")
        if not seller:
            return self._bad_request("seller is required")
        disconnected = self._world.disconnect(call.customer, seller)
        if disconnected or self._world.undocumented.unconnected_delete == 204:
            return replies.no_content()
        return self._not_found("There is no such connected account.")

    def _connect(self, call: Call) -> Response:
        try:
            visit = self._flow.begin(call.query.get("jwt", ""))
        except ConnectRefused as refused:
            return pages.ending(refused.reason)
        return replies.redirect(f"{call.base}{VISIT_PATH}{visit}")

    def _not_found(self, description: str) -> Response:
        return replies.error(
            404, self._world.undocumented.not_found, type="NotFoundError", description=description
        )

    def _bad_request(self, description: str) -> Response:
        body = self._world.undocumented.bad_request
        return replies.error(400, body, type="BadRequestError", description=description)


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    printable = all(" " <= c != "\x7f" for c in text)
    return printable and parts.scheme in {"http", "https"} and bool(parts.netloc)
