"""The three documented endpoints as one function from request to reply. No I/O."""

import hmac
from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlsplit

from imin_accounts.fake import _documents as documents
from imin_accounts.fake import _pages as pages
from imin_accounts.fake import _replies as replies
from imin_accounts.fake._call import ALLOWED, CONNECT, Call
from imin_accounts.fake._connect import Action, ConnectFlow, ConnectRefused
from imin_accounts.fake._replies import ErrorBody
from imin_accounts.fake._settings import Undocumented
from imin_accounts.fake._world import Person, World
from imin_accounts.transports.base import Response

__all__ = ["VISIT_PATH", "Api"]

VISIT_PATH = "/seller/"
_ACTIONS: tuple[Action, ...] = ("RegisterAction", "CreateAction")


class Api:
    """Answers calls out of a world."""

    def __init__(
        self,
        world: World,
        flow: ConnectFlow,
        *,
        api_key: str,
        now: Callable[[], datetime],
        undocumented: Callable[[], Undocumented],
    ) -> None:
        self._world = world
        self._flow = flow
        self._api_key = api_key
        self._now = now
        self._undocumented = undocumented

    def answer(self, call: Call) -> Response:
        """Do what ``call`` asks and reply."""
        if call.endpoint == "connect_account":
            return self._connect(call)
        if call.key is None:
            return replies.error(401, ErrorBody.MESSAGE, description="No API key found in request")
        if not hmac.compare_digest(call.key.encode(), self._api_key.encode()):
            return replies.error(401, self._undocumented().unauthorized)
        if call.endpoint == "get_seller_accounts":
            return self._get(call)
        if call.endpoint == "delete_seller_account":
            return self._delete(call)
        if call.route not in ALLOWED:
            return replies.error(404, ErrorBody.MESSAGE, description="no Route matched with those values")
        return replies.error(405, ErrorBody.MESSAGE, headers={"allow": ALLOWED[call.route]})

    def _get(self, call: Call) -> Response:
        manner = self._undocumented()
        person = self._world.person(call.customer)
        redirect_uri = call.query.get("redirectUri")
        if redirect_uri is not None and not _is_web_address(redirect_uri):
            return self._bad_request("redirectUri must be an absolute http(s) URL")
        if person is None and manner.unknown_customer == 404:
            return self._not_found("There is no such customer.")
        return replies.document(self.accounts(call, person or Person(email=None, entitlement_filter=None)))

    def accounts(self, call: Call, person: Person) -> dict[str, object]:
        """The reply about ``call``'s customer."""
        redirect_uri = call.query.get("redirectUri")
        items = []
        for id, seller in self._world.sellers():
            connection = self._world.connection(call.customer, id)
            if connection is not None:
                items.append(documents.connected(seller, connection, self._now()))
                continue
            targets = {} if redirect_uri is None else self._targets(call, id, redirect_uri)
            matching = self._world.password(id, person.email) is not None
            items.append(documents.not_connected(seller, matching_email=matching, targets=targets))
        url = f"{call.base}/api/v2/customers/{call.segment}/accounts"
        return documents.collection(url, items, person.entitlement_filter)

    def _targets(self, call: Call, seller: str, redirect_uri: str) -> dict[str, str]:
        tokens = {action: self._flow.link(call.customer, seller, action, redirect_uri) for action in _ACTIONS}
        return {action: f"{call.base}{CONNECT}?jwt={token}" for action, token in tokens.items()}

    def _delete(self, call: Call) -> Response:
        seller = call.query.get("seller")
        if not seller:
            return self._bad_request("seller is required")
        disconnected = self._world.disconnect(call.customer, seller)
        if disconnected or self._undocumented().unconnected_delete == 204:
            return replies.no_content()
        return self._not_found("There is no such connected account.")

    def _connect(self, call: Call) -> Response:
        try:
            visit = self._flow.begin(call.query.get("jwt", ""))
        except ConnectRefused as refused:
            return replies.html(*pages.ending(refused.reason))
        return replies.redirect(f"{call.base}{VISIT_PATH}{visit}")

    def _not_found(self, description: str) -> Response:
        return replies.error(
            404, self._undocumented().not_found, type="NotFoundError", description=description
        )

    def _bad_request(self, description: str) -> Response:
        body = self._undocumented().bad_request
        return replies.error(400, body, type="BadRequestError", description=description)


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    printable = all(" " < c != "\x7f" for c in text)
    return printable and parts.scheme in {"http", "https"} and bool(parts.netloc)
