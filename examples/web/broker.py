"""A broker's side of connecting accounts, whatever the web framework: list, connect, return, disconnect.

And what changes without the broker: imin's notifications in, changes applied. Each method takes what a route
knows of a request and gives an ``Answer`` to send. In your service replace ``Visit.login`` and ``log_in`` by
your own login; the rest can stay.
"""

import logging
import os
import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from urllib.parse import urlencode

import attrs

from examples.web.answers import Answer, answer_to, rows
from examples.web.consumer import consuming
from examples.web.forms import Form
from examples.web.state import Signed
from imin_accounts import (
    AccountsSession,
    AuthenticationError,
    ConnectedAccount,
    DecodeError,
    IminError,
    InvalidRequest,
    NotFound,
    RetryPolicy,
    SellerAccount,
    SessionStateError,
    read_notification,
)
from imin_accounts.feed import ChangeFeed, SqliteSnapshots

P = ParamSpec("P")
PATIENCE = 3.0
"""Seconds that a page may wait for a connection to show: somebody sits in front of it."""
QUICK = RetryPolicy(attempts=1)
OURS = (AuthenticationError, InvalidRequest, NotFound, SessionStateError)
"""Errors that waiting does not mend."""
BIGGEST = 65_536
"""Bytes of a notification: ``read_notification`` takes no more either."""

log = logging.getLogger(__name__)


@attrs.frozen
class Visit:
    """What a route knows of a request.

    Attributes:
        cookies: By name.
        headers: By name, in whatever case.
    """

    cookies: Mapping[str, str]
    headers: Mapping[str, str]

    @property
    def wants_page(self) -> bool:
        """Whether a person is looking, and not a program."""
        return "text/html" in self.headers.get("Accept", "")


Route = Callable[Concatenate["Broker", Visit, P], Awaitable[Answer]]
Posted = Callable[["Broker", Visit, Form | None], Awaitable[Answer]]


def for_customers(route: Callable[Concatenate["Broker", str, P], Awaitable[Answer]]) -> Route[P]:
    """A route for whoever is logged in. Who that is comes from the login, never from the request's words."""

    @wraps(route)
    async def checked(self: "Broker", visit: Visit, /, *args: P.args, **kwargs: P.kwargs) -> Answer:
        customer = self.customer(visit)
        if customer is None:
            return LOG_IN
        try:
            return await route(self, customer, *args, **kwargs)
        except IminError as error:
            return answer_to(error)

    return checked


def from_our_own_pages(route: Callable[["Broker", Visit, Form], Awaitable[Answer]]) -> Posted:
    """A route that changes something, be it who is logged in: not for forms on other sites (CSRF).

    Every browser says where a form was sent from. See https://web.dev/articles/fetch-metadata.
    """

    @wraps(route)
    async def checked(self: "Broker", visit: Visit, form: Form | None, /) -> Answer:
        site, origin = visit.headers.get("Sec-Fetch-Site"), visit.headers.get("Origin")
        is_ours = site in ("same-origin", "none") if site else origin in (None, self.origin)
        if not is_ours:
            return message(403, "That form is not one of ours", "Please start again from your connections.")
        if form is None:
            return UNREADABLE_FORM
        answer = await route(self, visit, form)
        if answer.body.get("settled"):
            answer = attrs.evolve(answer, text=f"Nothing was changed. {answer.text}")
        return answer

    return checked


class Broker:
    """What the routes do.

    Args:
        imin: An open session.
        origin: Where browsers find this service. From your configuration: a request's ``Host`` may lie.
        secret: Signs logins and ways back.
        now: Seconds since the epoch.
        feed: Open, and consumed by somebody. None for a service that imin does not notify.
        webhook_keys: What imin's notifications carry; several while they rotate.
    """

    def __init__(
        self,
        imin: AccountsSession,
        *,
        origin: str,
        secret: str,
        now: Callable[[], float] = time.time,
        feed: ChangeFeed | None = None,
        webhook_keys: Sequence[str] = (),
    ) -> None:
        self.imin = imin
        self.origin = origin
        self._feed = feed
        self._webhook_keys = webhook_keys
        self._signed = Signed(secret, now=now)

    def customer(self, visit: Visit) -> str | None:
        """Who is logged in: imin's identifier, which your database has beside your own."""
        return self._signed.customer(visit.cookies.get("login", ""))

    @from_our_own_pages  # else another site could log its victim in as somebody else
    async def log_in(self, visit: Visit, form: Form) -> Answer:
        """Stands for your own login: it asks for no password. Leads on to where it was asked for."""
        customer, state = form.get("customer", ""), form.get("state", "")
        if not customer:
            return log_in_to(state)
        await self._look(customer, baseline=True)  # in your service: when imin gives you the identifier
        cookie = f"login={self._signed.login(customer)}; HttpOnly; SameSite=Lax; Path=/"
        cookie += "; Secure" if self.origin.startswith("https:") else ""
        is_ours = self._signed.read(state) != "forged"
        return see_other(way_back(state) if is_ours else "/connections", {"Set-Cookie": cookie})

    @for_customers
    async def connections(self, customer: str) -> Answer:
        """A row for each seller."""
        listed = rows(await self.imin.get_seller_accounts(customer))
        return Answer(200, {"connections": listed}, page="connections", heading="Your connections")

    @from_our_own_pages
    @for_customers
    async def connect(self, customer: str, form: Form) -> Answer:
        """To the seller: the link is fetched for this click, kept nowhere, and followed at once."""
        seller = form.get("seller", "")
        back = self.origin + way_back(self._signed.way_back(customer, seller))
        accounts = await self.imin.get_seller_accounts(customer, redirect_uri=back)
        link = accounts.connect_url(seller, create=bool(form.get("create")))
        return see_other("/connections" if link is None else str(link))  # connected meanwhile, or not listed

    async def returned(self, visit: Visit, state: str) -> Answer:
        """Back from the seller. Neither that nor the state proves anything: only what imin says now does."""
        read = self._signed.read(state)
        if read == "forged":
            return message(400, "This link is not ours", "It was cut short, or somebody made it up.")
        if read == "expired":
            return message(410, "This link has ended", "Your connections show how things stand.")
        customer = self.customer(visit)
        if customer is None:  # another browser, or one that lost its cookie: nothing is shown to a stranger
            return log_in_to(state)
        if read.is_for != self._signed.fingerprint(customer):
            return SOMEBODY_ELSES
        return await self._how_it_stands(customer, read.seller)

    async def _how_it_stands(self, customer: str, seller: str) -> Answer:
        try:
            found = await self.imin.wait_until_connected(customer, seller, timeout=PATIENCE)
            await self._look(customer)  # imin notifies of no connection; unless known, its end is no news
            if found is not None:
                return ended("connected", found, f"{name_of(found)} is connected")
            accounts = await self.imin.get_seller_accounts(customer, timeout=PATIENCE, retry=QUICK)
        except OURS as error:  # nothing was read, so nothing is known: least of all that nothing was changed
            told = answer_to(error)
            body = {**NOT_YET.body, "error": told.body["error"]}
            return attrs.evolve(NOT_YET, status=told.status, body=body, text=f"{CAN_NOT_SEE} {told.text}")
        except IminError as error:  # slow, down, or not to be understood: it may well have worked
            return attrs.evolve(NOT_YET, status=503, headers=answer_to(error).headers or {"Retry-After": "5"})
        account = accounts.for_seller(seller)
        if isinstance(account, ConnectedAccount):
            return ended("connected", account, f"{name_of(account)} is connected")
        if accounts.is_connected(seller) is False:
            return ended("not connected", account, f"{name_of(account)} is not connected")
        return NOT_YET

    @for_customers
    async def ask(self, customer: str, seller: str) -> Answer:
        """Before a disconnection: what will be lost."""
        account = (await self.imin.get_seller_accounts(customer)).for_seller(seller)
        if not isinstance(account, ConnectedAccount):
            return NOTHING_THERE
        lost = [f"Access pass {each.text or ''}".strip() for each in account.access_passes]
        types = (each.entitlement_type for each in account.entitlements)
        lost += [each.pref_label for each in types if each is not None and each.pref_label]
        text = "Your account there stays." + (" You will no longer have here:" if lost else "")
        heading = f"Disconnect from {name_of(account)}?"
        return Answer(200, {"seller": seller, "lost": lost}, page="question", heading=heading, text=text)

    @from_our_own_pages
    @for_customers
    async def disconnect(self, customer: str, form: Form) -> Answer:
        """Three ends: it is certainly disconnected, there was nothing to disconnect, or nobody can tell."""
        try:
            deletion = await self.imin.delete_seller_account(customer, form.get("seller", ""))
        except NotFound:
            return NOTHING_THERE
        await self._look(customer)
        return message(200, "Disconnected", "Your account with the seller stays.", outcome=deletion.outcome)

    async def notified(self, headers: Mapping[str, str], body: AsyncIterable[bytes]) -> Answer:
        """imin says that something changed for a customer: 204 once that can't be lost any more."""
        if self._feed is None:
            return NO_WEBHOOK
        try:
            text = await whole(body)
            if text is None:
                return TOO_LARGE
            notification = read_notification(headers, text, key=self._webhook_keys)
            await self._feed.note(notification.customer)
        except DecodeError as error:
            log.warning("a notification can't be read: %s", error)
            return UNREADABLE
        except IminError as error:
            return answer_to(error)
        return Answer(204, {})

    async def _look(self, customer: str, *, baseline: bool = False) -> None:
        """Have the feed read a customer; the page does not suffer where that can't be noted."""
        if self._feed is None:
            return
        try:
            if baseline:
                await self._feed.note_all([customer], baseline=True)
            else:
                await self._feed.note(customer)
        except IminError as error:
            log.warning("a customer is not noted: %s", error)


@asynccontextmanager
async def broker() -> AsyncIterator[Broker]:
    """A broker as the environment says, for a framework's lifespan: in the worker, after any fork.

    What has to run for as long as the service does is opened here, once for all five frameworks.
    """
    secret = os.environ.get("BROKER_SECRET", "")
    if len(secret) < 32:
        raise ValueError("set BROKER_SECRET to at least 32 random characters, the same for every worker")
    keys = os.environ.get("BROKER_WEBHOOK_KEY", "").split()
    if not all(key.isascii() and key.isprintable() for key in keys):
        raise ValueError("BROKER_WEBHOOK_KEY must be printable ASCII: a key, or several with spaces between")
    async with AsyncExitStack() as opened:
        imin = await opened.enter_async_context(AccountsSession.from_env(timeout=10.0))
        feed = None
        if keys:
            snapshots = SqliteSnapshots(os.environ.get("BROKER_SNAPSHOTS") or "accounts.db")
            feed = await opened.enter_async_context(ChangeFeed(imin, snapshots))
            await opened.enter_async_context(consuming(feed))
        origin = os.environ.get("BROKER_ORIGIN", "http://127.0.0.1:8000")
        yield Broker(imin, origin=origin, secret=secret, feed=feed, webhook_keys=keys)


async def whole(body: AsyncIterable[bytes], at_most: int = BIGGEST) -> bytes | None:
    """A request's body; None as soon as it is too large, without what is over."""
    read = bytearray()
    async for chunk in body:
        if len(read) + len(chunk) > at_most:
            return None
        read += chunk
    return bytes(read)


# --- What is answered -----------------------------------------------------------------------------


def message(status: int, heading: str, text: str, **body: Any) -> Answer:
    """A page that says something."""
    return Answer(status, body, heading=heading, text=text)


def see_other(location: str, headers: Mapping[str, str] | None = None) -> Answer:
    """303: to be fetched, whatever was sent here."""
    return Answer(303, {}, {"Location": location, **(headers or {})}, heading="See there")


def way_back(state: str) -> str:
    """Where a browser comes back to: a path of ours, whatever the state."""
    return f"/connections/return?{urlencode({'state': state})}"


def log_in_to(state: str) -> Answer:
    """As ``LOG_IN``, on the way back: whoever logs in goes on, and who never could is warned nevertheless."""
    if not state:
        return LOG_IN
    return attrs.evolve(LOG_IN, body={**LOG_IN.body, "way_back": state}, text=NOT_BEGUN_HERE)


def ended(state: str, account: SellerAccount | None, heading: str) -> Answer:
    """What a way back shows."""
    again = "" if state == "connected" else "If you have just agreed there, open this page again in a minute."
    return message(
        200, heading, again, state=state, seller=account.seller.id if account and account.seller else None
    )


def name_of(account: SellerAccount | None) -> str:
    """What to call a seller: names may be missing, and so may the seller."""
    seller = account.seller if account else None
    return seller.name or seller.id if seller else "The seller"


LOG_IN = Answer(401, {"error": "not logged in"}, page="login", heading="Log in to see")
NOT_BEGUN_HERE = (
    "If you did not start this on our pages yourself, it may be somebody else's link, and your account with "
    "the seller may be shared with them now: ask that seller to end it, and tell us."
)
CAN_NOT_SEE = "We can't see yet whether you are connected."
NOT_YET = message(200, "Not yet", f"{CAN_NOT_SEE} Open this page again in a minute.", state="not yet")
UNREADABLE_FORM = message(
    400, "That form can't be read", "Please start again from your connections.", error="unreadable form"
)
SOMEBODY_ELSES = message(
    403,
    "This is somebody else's link",
    "It was made for another customer. If you have just logged in at a seller with it, your account there "
    "may be connected to theirs: ask that seller to end it, and tell us.",
    state="somebody else's link",
)
NOTHING_THERE = message(
    404, "There was nothing to disconnect", "You are not connected there.", outcome="absent"
)
NO_WEBHOOK = message(404, "There is nothing here", "", error="no webhook")
UNREADABLE = message(400, "This is no notification", "", error="unreadable")
TOO_LARGE = Answer(413, {"error": "too large"}, {"Connection": "close"})  # else the rest would come in
