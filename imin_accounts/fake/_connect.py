"""The connect flow: a link in a reply, a visit to the seller's page, and the way back.

A link's token may be used once and for a while; using it opens a visit, which lasts as long again and
ends when the customer consents or declines. Both are handles into the tables here and mean nothing
elsewhere. ``redirectUri`` comes from the table too, never from what a browser sends.
"""

import base64
import random
import string
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import quote

import attrs

from imin_accounts.fake._world import World

__all__ = ["Action", "ConnectFlow", "ConnectRefused", "Refusal", "Visit"]

Action = Literal["RegisterAction", "CreateAction"]
Refusal = Literal[
    "forged", "expired", "used", "wrong password", "already a member", "no email", "no password"
]

_KEPT = 100_000
"""Handles remembered, used and expired ones included; then the oldest are forgotten."""
_NO_MEMBER = (
    "the seller has no account under that email. Give it one with add_member(), or make one by the link of "
    "connect_url(…, create=True)"
)
_A_MEMBER = (
    "already a member: the seller has an account under that email. Log in by the link of connect_url(…)"
)


class ConnectRefused(Exception):
    """The connect flow ended without connecting, and nothing changed.

    Attributes:
        reason: ``"forged"``, ``"expired"`` and ``"used"`` are about the link or the visit;
            ``"wrong password"``, ``"already a member"``, ``"no email"`` and ``"no password"`` about what was
            entered. Where the seller knows nobody by the email it is ``"wrong password"`` too, as its page
            has one answer for both; the text tells them apart.
    """

    def __init__(self, reason: Refusal, *, text: str | None = None) -> None:
        super().__init__(f"the account was not connected: {text or reason}")
        self.reason: Refusal = reason


@attrs.frozen(kw_only=True)
class Visit:
    """Who is connecting what, how, and where they go afterwards.

    Attributes:
        entered: The email address of the last try; None before any.
        refusal: Why that one was refused.
    """

    customer: str = attrs.field(repr=False)
    seller: str
    action: Action
    redirect_uri: str = attrs.field(repr=False)
    expires: datetime
    entered: str | None = attrs.field(default=None, repr=False)
    refusal: Refusal | None = None


class _Handles:
    """Unguessable names for visits, each of them good once."""

    def __init__(self, random: random.Random) -> None:
        self._random = random
        self._visits: dict[str, Visit | None] = {}

    def add(self, visit: Visit) -> str:
        handle = base64.urlsafe_b64encode(self._random.randbytes(32)).rstrip(b"=").decode()
        self._visits[handle] = visit
        if len(self._visits) > _KEPT:
            del self._visits[next(iter(self._visits))]
        return handle

    def get(self, handle: str, now: datetime) -> Visit:
        if handle not in self._visits:
            raise ConnectRefused("forged")
        visit = self._visits[handle]
        if visit is None:
            raise ConnectRefused("used")
        if visit.expires <= now:
            raise ConnectRefused("expired")
        return visit

    def replace(self, handle: str, visit: Visit) -> None:
        self._visits[handle] = visit

    def use(self, handle: str, now: datetime) -> Visit:
        visit = self.get(handle, now)
        self._visits[handle] = None
        return visit


class ConnectFlow:
    """Links, visits and what comes of them."""

    def __init__(self, world: World, random: random.Random) -> None:
        self._world = world
        self._random = random
        self.clear()

    def clear(self) -> None:
        """Forget every link and visit."""
        self._links = _Handles(self._random)
        self._visits = _Handles(self._random)

    def link(self, customer: str, seller: str, action: Action, redirect_uri: str) -> str:
        """A token for a link in a reply."""
        return self._links.add(
            Visit(
                customer=customer,
                seller=seller,
                action=action,
                redirect_uri=redirect_uri,
                expires=self._world.now() + self._lifetime,
            )
        )

    def begin(self, token: str) -> str:
        """Use a link. Returns the handle of the visit that it opens.

        Raises:
            ConnectRefused: The token is forged, expired or used.
        """
        with self._world.lock:
            now = self._world.now()
            return self._visits.add(attrs.evolve(self._links.use(token, now), expires=now + self._lifetime))

    def visit(self, handle: str) -> Visit:
        """A visit that is still open.

        Raises:
            ConnectRefused: The handle is forged, expired or used.
        """
        with self._world.lock:
            return self._visits.get(handle, self._world.now())

    def consent(self, handle: str, *, email: str | None, password: str) -> str:
        """Log in or register, and connect. Returns where the browser goes next.

        A refusal over what was entered leaves the visit open, to try again; the visit remembers why.

        Raises:
            ConnectRefused: Nothing was connected.
        """
        with self._world.lock:
            visit = self._visits.get(handle, self._world.now())
            known = self._world.population.password(visit.seller, email)
            if refusal := _refusal(visit.action, known, email, password):
                self._visits.replace(handle, attrs.evolve(visit, entered=email, refusal=refusal))
                raise ConnectRefused(refusal, text=_advice(refusal, is_member=known is not None))
            assert email
            self._visits.use(handle, self._world.now())
            if known is None:
                self._world.add_member(visit.seller, email, password=password)
            barcode = "".join(self._random.choices("0123456789", k=12))
            self._connect(visit, email, barcode)
            return _landing(visit.redirect_uri, self._world.undocumented.completed_query)

    def _connect(self, visit: Visit, email: str, barcode: str) -> None:
        """What the seller held for a member before is shared again; a new one gets ``barcode``."""
        population = self._world.population
        former = population.former.pop((visit.seller, email.casefold()), None)
        self._world.connect(visit.customer, visit.seller, email=email, access_pass=barcode)
        if former is not None:
            pair, now = (visit.customer, visit.seller), self._world.now()
            again = attrs.evolve(former, email=email, date_linked=now, date_modified=now)
            population.connections[pair] = again

    def decline(self, handle: str) -> str | None:
        """End a visit without connecting. Returns where the browser goes next; None if nowhere.

        Raises:
            ConnectRefused: The handle is forged, expired or used.
        """
        with self._world.lock:
            visit = self._visits.use(handle, self._world.now())
            manner = self._world.undocumented
            return _landing(visit.redirect_uri, manner.declined_query) if manner.decline_returns else None

    @property
    def _lifetime(self) -> timedelta:
        return timedelta(seconds=self._world.undocumented.link_lifetime)


def _refusal(action: Action, known: str | None, email: str | None, password: str) -> Refusal | None:
    """What is wrong with what was entered, where ``known`` is the password of the member with that email."""
    if not email:
        return "no email"
    if action == "RegisterAction":
        return None if known == password else "wrong password"
    if known is not None:
        return "already a member"
    return None if password else "no password"


def _advice(refusal: Refusal, *, is_member: bool) -> str | None:
    match refusal:
        case "wrong password" if not is_member:
            return _NO_MEMBER
        case "already a member":
            return _A_MEMBER
        case _:
            return None


def _landing(uri: str, query: str) -> str:
    """Where ``redirectUri`` leads: its own query untouched, ``query`` after that.

    Only what can't stand in a Location header, spaces and non-ASCII, is percent-encoded.
    """
    if query:
        before, hash, fragment = uri.partition("#")
        uri = f"{before}{'&' if '?' in before else '?'}{query}{hash}{fragment}"
    return quote(uri, safe=string.punctuation)
