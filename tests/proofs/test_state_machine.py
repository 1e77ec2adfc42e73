"""Memory and HTTP side by side, in whatever order things happen: they never disagree.

``CI_LONG=1`` makes it 500 runs of 30 steps.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from datetime import timedelta
from operator import methodcaller
from typing import Any, TypeVar
from urllib.parse import urljoin

import aiohttp
import attrs
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from imin_accounts import (
    AccountsSession,
    IminError,
    NoAccount,
    RetryPolicy,
    SellerAccounts,
    TransportError,
    UnconnectedAccount,
    to_jsonld,
)
from imin_accounts.fake import (
    ConnectRefused,
    Drift,
    Drifted,
    Drop,
    Duplicated,
    ErrorBody,
    FakeImin,
    Flaw,
    Late,
    Lost,
    Malformed,
    OtherCustomer,
    RateLimit,
    Reordered,
    Rule,
    Status,
    Undocumented,
    WrongKey,
)
from imin_accounts.models import ActionStatus
from imin_accounts.transports import AiohttpTransport, Transport
from tests.fake.requests import START, Clock
from tests.length import LONG
from tests.scripted import ManualClock, runtime

T = TypeVar("T")
BACK = "https://broker.example/back?a=b%2Fc"
MEMORY = "https://book.imin.co"
RUNS, STEPS = (500, 30) if LONG else (12, 15)

customers = st.sampled_from(["rosie", "rosie", "a/b ü", "nobody"])
sellers = st.sampled_from(["urn:seller:1", "https://seller.example/2?x=1&y=2#z"])
emails = st.sampled_from(["rosie@example.com", "ROSIE@example.com", "tom@example.com"])
passwords = st.sampled_from(["password", "guess"])
statuses = st.sampled_from([302, 400, 403, 404, 408, 409, 429, 500, 503])
notification_effects = st.one_of(
    st.builds(Lost),
    st.builds(Duplicated),
    st.builds(Late, st.sampled_from([1, 600, 7200])),
    st.builds(Reordered),
    st.builds(WrongKey, absent=st.booleans()),
)
effects = st.one_of(
    st.builds(Status, statuses, body=st.sampled_from(ErrorBody), retry_after=st.sampled_from([None, 1, 7])),
    st.builds(Status, statuses, processed=st.just(True)),
    st.builds(Drop, processed=st.booleans()),
    st.builds(OtherCustomer, customers),
    st.builds(Malformed, st.sampled_from(Flaw)),
    st.builds(Drifted, st.sampled_from(Drift)),
)
# Not for the connect page: a browser in memory does not pass there.
rules = st.builds(
    Rule,
    effects,
    endpoint=st.sampled_from(["get_seller_accounts", "delete_seller_account"]),
    customer=st.none() | customers,
    nth=st.none() | st.integers(1, 3),
    probability=st.sampled_from([0.5, 1.0]),
) | st.builds(
    Rule, notification_effects, nth=st.none() | st.integers(1, 3), probability=st.sampled_from([0.5, 1.0])
)


def calling(method: str, *arguments: st.SearchStrategy[Any], **named: st.SearchStrategy[Any]) -> Any:
    """Calls of a method of the emulator, to be made on both."""
    return st.builds(methodcaller, st.just(method), *arguments, **named)


def entitlements(hours: int) -> list[dict[str, Any]]:
    """One that expires so many hours after the start, and asks for evidence."""
    request = {"@type": "EvidenceRequestAction"}
    expires = (START + timedelta(hours=hours)).isoformat()
    return [{"@type": "Entitlement", "@id": "urn:e", "expires": expires, "evidenceRequest": request}]


forms = st.fixed_dictionaries(
    {
        "decision": st.sampled_from(["consent", "consent", "decline"]),
        "email": emails | st.just(""),
        "password": passwords,
    }
)
hours = st.integers(1, 3)
preparations = st.one_of(
    calling("add_customer", customers, st.none() | emails),
    calling("add_seller", sellers),
    calling("add_member", sellers, emails, password=passwords),
    calling("connect", customers, sellers),
    calling("connect", customers, sellers, email=emails),
    calling("connect", customers, sellers, entitlements=st.builds(entitlements, hours)),
    calling("connect", customers, sellers, evidence=st.builds(entitlements, hours)),
    calling("set_evidence", customers, sellers, st.just("urn:e"), st.sampled_from(ActionStatus)),
    calling("disconnect", customers, sellers),
    calling("change_account", customers, sellers, email=st.none() | emails),
    calling("change_account", customers, sellers, access_pass=st.none() | passwords),
    calling("change_account", customers, sellers, hidden_entitlements=st.none() | st.booleans()),
    calling("change_account", customers, sellers, evidence=st.builds(entitlements, hours)),
)


@attrs.frozen
class Side:
    """One emulator and one session with it."""

    fake: FakeImin
    session: AccountsSession
    base_url: str
    land: Callable[[str, dict[str, str]], Coroutine[Any, Any, str]]

    async def outcome(self, call: Coroutine[Any, Any, T]) -> str | T:
        """What a call comes to: its result, or its error with all that this carries."""
        try:
            return await call
        except IminError as error:
            attempts = [(a.method, a.status, a.error_type, a.maybe_sent) for a in error.attempts]
            lost = (error.reason, error.maybe_sent) if isinstance(error, TransportError) else ()
            return f"{type(error).__name__} {error} {lost} {attempts}"

    def neutral(self, value: object) -> str:
        """``value`` as text, whatever the host was called, and however long that name."""
        return re.sub(r"column \d+", "column …", str(value).replace(self.base_url, MEMORY))


class InMemoryBrowser:
    """Goes through the connect flow by the emulator's methods."""

    def __init__(self, fake: FakeImin) -> None:
        self._fake = fake

    async def land(self, target: str, form: dict[str, str]) -> str:
        """Where the browser ends: an address, or the status of a page."""
        try:
            if form["decision"] == "decline":
                return self._fake.decline(target) or "200"
            return self._fake.complete(target, email=form["email"], password=form["password"])
        except ConnectRefused as refused:
            return {"forged": "404", "used": "410", "expired": "410"}.get(refused.reason, "403")


class HttpBrowser:
    """Goes through the connect flow by redirects and forms."""

    def __init__(self, client: aiohttp.ClientSession) -> None:
        self._client = client

    async def land(self, target: str, form: dict[str, str]) -> str:
        """Where the browser ends: an address, or the status of a page."""
        async with self._client.get(target, allow_redirects=False) as reply:
            if reply.status != 302:
                return str(reply.status)
            page = urljoin(target, reply.headers["Location"])
        async with self._client.post(page, data=form, allow_redirects=False) as reply:
            return reply.headers.get("Location", str(reply.status))


class MemoryAndHttp(RuleBasedStateMachine):
    """Does everything twice, and compares."""

    links = Bundle("links")

    @initialize()
    def open(self) -> None:
        self.runner, self.stack, self.clock = asyncio.Runner(), AsyncExitStack(), Clock()
        self.sides = self.run(self._open_both())
        self.prepare(methodcaller("add_customer", "rosie", "rosie@example.com"))
        self.prepare(methodcaller("add_customer", "a/b ü", "tom@example.com"))
        self.prepare(methodcaller("add_seller", "urn:seller:1"))

    async def _open_both(self) -> tuple[Side, Side]:
        memory, served = (FakeImin(seed=1, clock=self.clock) for _ in range(2))
        base_url = await self.stack.enter_async_context(served.serve())
        transport = await self.stack.enter_async_context(AiohttpTransport())
        client = await self.stack.enter_async_context(aiohttp.ClientSession())
        return (
            Side(memory, await self._session(memory, MEMORY), MEMORY, InMemoryBrowser(memory).land),
            Side(served, await self._session(transport, base_url), base_url, HttpBrowser(client).land),
        )

    async def _session(self, transport: Transport, base_url: str) -> AccountsSession:
        session = AccountsSession(
            "test-key",
            base_url=base_url,
            transport=transport,
            retry=RetryPolicy(attempts=2),
            runtime=runtime(ManualClock()),
        )
        return await self.stack.enter_async_context(session)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.run(self.stack.aclose())
            self.runner.close()

    # -- what a test prepares

    @rule(call=preparations)
    def prepare(self, call: Callable[[FakeImin], object]) -> None:
        refusals = []
        for side in self.sides:
            try:
                call(side.fake)
            except ValueError as error:
                refusals.append(str(error))
        assert refusals in ([], refusals[:1] * 2)

    @rule(unknown_customer=st.sampled_from([404, 200]), query=st.sampled_from(["", "ok=1"]))
    def behave(self, unknown_customer: Any, query: str) -> None:
        for side in self.sides:
            side.fake.undocumented = Undocumented(unknown_customer=unknown_customer, completed_query=query)

    @rule(minutes=st.sampled_from([1, 9, 60]))
    def time_passes(self, minutes: int) -> None:
        self.clock.move(minutes * 60)

    @rule(fault=rules)
    def go_wrong(self, fault: Rule) -> None:
        for side in self.sides:
            side.fake.faults.add(fault)

    @rule(limit=st.none() | st.builds(RateLimit, st.integers(1, 3)))
    def limit(self, limit: RateLimit | None) -> None:
        for side in self.sides:
            side.fake.faults.rate_limit = limit

    @rule()
    def start_again_from_a_file(self) -> None:
        for side in self.sides:
            side.fake.faults.clear()
            side.fake.restore(side.fake.snapshot())

    # -- what a broker and a customer do

    @rule(target=links, customer=customers)
    def list_with_links(self, customer: str) -> Any:
        return multiple(*self._links(customer))

    @rule(target=links, customer=customers, which=st.integers(0, 3), form=forms)
    def connect(self, customer: str, which: int, form: dict[str, str]) -> Any:
        found = self._links(customer)[which : which + 1]
        for pair in found:
            self.visit(pair, form)
        return multiple(*found)

    def _links(self, customer: str) -> list[tuple[str, str]]:
        found = [
            self.run(side.outcome(side.session.get_seller_accounts(customer, redirect_uri=BACK)))
            for side in self.sides
        ]
        self.agree(found)
        memory, served = map(_links, found)
        return list(zip(memory, served, strict=True))

    @rule(customer=customers)
    def look(self, customer: str) -> None:
        self.agree(
            [self.run(side.outcome(side.session.get_seller_accounts(customer))) for side in self.sides]
        )

    @rule(customer=customers, seller=sellers)
    def disconnect(self, customer: str, seller: str) -> None:
        self.agree(
            [
                self.run(side.outcome(side.session.delete_seller_account(customer, seller)))
                for side in self.sides
            ]
        )

    @rule(pair=links, form=forms)
    def visit(self, pair: tuple[str, str], form: dict[str, str]) -> None:
        ends = [self.run(side.land(target, form)) for side, target in zip(self.sides, pair, strict=True)]
        assert ends[0] == ends[1]

    def agree(self, found: list[Any]) -> None:
        """Both sides came to the same: accounts, deletion or error."""
        memory, served = (
            side.neutral(to_jsonld(one) if isinstance(one, SellerAccounts) else _plain(one))
            for side, one in zip(self.sides, found, strict=True)
        )
        assert memory == served

    @invariant()
    def they_remember_the_same(self) -> None:
        if hasattr(self, "sides"):
            memory, served = (side.fake for side in self.sides)
            assert memory.snapshot() == served.snapshot()
            assert memory.take_notifications() == served.take_notifications()
            connecting = "/auth/connect-account"
            seen = [[r for r in fake.requests if r.route != connecting] for fake in (memory, served)]
            assert seen[0] == seen[1]


def _links(found: SellerAccounts | str) -> list[str]:
    if isinstance(found, str):
        return []
    open_ones = [account for account in found if isinstance(account, UnconnectedAccount | NoAccount)]
    return [str(url) for account in open_ones for url in (account.register_url, account.create_url) if url]


def _plain(found: Any) -> str:
    """A deletion without what differs from run to run, such as how long it took."""
    if isinstance(found, str):
        return found
    return f"{found.outcome} {[(a.method, a.status, a.error_type, a.maybe_sent) for a in found.attempts]}"


TestMemoryAndHttp = MemoryAndHttp.TestCase
TestMemoryAndHttp.settings = settings(
    max_examples=RUNS,
    stateful_step_count=STEPS,
    suppress_health_check=[HealthCheck.too_slow],
)
