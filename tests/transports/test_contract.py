"""One suite for every transport: same calls, same results, same error types.

``memory`` is the emulator itself, ``aiohttp`` and ``pyreqwest`` the same emulator over HTTP, through
the transport of that name.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import attrs
import pytest
from yarl import URL

from imin_accounts import (
    AccountsSession,
    Deletion,
    IminError,
    OutcomeUnknown,
    ResponseError,
    RetryPolicy,
    SellerAccounts,
    TransportError,
    UnconnectedAccount,
    to_jsonld,
)
from imin_accounts.fake import (
    Drift,
    Drifted,
    Drop,
    Effect,
    FakeImin,
    Flaw,
    Latency,
    Malformed,
    OtherCustomer,
    Rule,
    Stall,
    Status,
    add_rosie,
)
from imin_accounts.session import Runtime
from imin_accounts.transports import Transport
from tests.transports.every import EVERY_TRANSPORT, make_transport

ACME = "https://id.bookingsystem.example.com/organizers/1"
BROOK = "https://id.bookingsystem.example.com/organizers/2"
BACK = "https://broker.example/back?a=b%2Fc&d"
MEMORY = "https://book.imin.co"

Call = Callable[[AccountsSession], Awaitable[SellerAccounts | Deletion]]


def get(customer: str = "rosie", **options: Any) -> Call:
    """A call for a customer's accounts."""
    return lambda session: session.get_seller_accounts(customer, **options)


def delete(seller: str = ACME, customer: str = "rosie", **options: Any) -> Call:
    """A call that disconnects."""
    return lambda session: session.delete_seller_account(customer, seller, **options)


async def at_once(_: float) -> None:
    """A sleep that takes no time."""


@attrs.frozen
class Emulator:
    """An emulator with Rosie in it, reached in memory or over HTTP."""

    fake: FakeImin
    transport: Transport
    base_url: str

    def session(self, key: str = "test-key", attempt_timeout: float = 10.0) -> AccountsSession:
        """A session that waits for nothing between its attempts."""
        return AccountsSession(
            key,
            base_url=self.base_url,
            transport=self.transport,
            retry=RetryPolicy(attempts=3, attempt_timeout=attempt_timeout),
            runtime=Runtime(sleep=at_once, random=lambda: 0.0),
        )

    async def outcome(self, call: Call, **options: Any) -> str:
        """What a call comes to, in a few words: the same words must come from everywhere."""
        async with self.session(**options) as session:
            try:
                result = await call(session)
            except IminError as error:
                return described(error)
        if isinstance(result, Deletion):
            return f"{result.outcome} by {' '.join(str(a.status or a.error_type) for a in result.attempts)}"
        return " ".join(type(account).__name__ for account in result)


def described(error: IminError) -> str:
    """An error by its type, what it carries, and what each attempt came to."""
    carried = ""
    if isinstance(error, ResponseError):
        carried = f" {error.status} {error.problem.type or error.problem.name}"
    if isinstance(error, TransportError):
        carried = f" {error.reason} {error.maybe_sent}"
    if isinstance(error, OutcomeUnknown):
        carried = f" {error.cause}"
    attempts = " ".join(f"{a.method}:{a.status or a.error_type}" for a in error.attempts)
    return f"{type(error).__name__}{carried} after {attempts}"


@attrs.frozen
class Emulators:
    """Starts emulators, which end with ``stack``."""

    stack: AsyncExitStack

    async def start(self, kind: str) -> Emulator:
        """A new emulator, ``"memory"`` or over the transport of a name."""
        fake = FakeImin(seed=1, clock=lambda: datetime(2026, 3, 1, tzinfo=UTC), sleep=at_once)
        add_rosie(fake)
        if kind == "memory":
            return Emulator(fake, fake, MEMORY)
        base_url = await self.stack.enter_async_context(fake.serve())
        return Emulator(fake, await self.stack.enter_async_context(make_transport(kind)), base_url)


@pytest.fixture
async def emulators() -> AsyncIterator[Emulators]:
    """Whatever is started is ended again."""
    async with AsyncExitStack() as stack:
        yield Emulators(stack)


@pytest.fixture(params=["memory", *EVERY_TRANSPORT])
async def emulator(emulators: Emulators, request: pytest.FixtureRequest) -> Emulator:
    """Each kind in turn."""
    return await emulators.start(request.param)


ALL_THREE = "ConnectedAccount UnconnectedAccount NoAccount"
DISCONNECTED = "UnconnectedAccount UnconnectedAccount NoAccount"


def rules(*effects: Effect, **when: Any) -> list[Rule]:
    """Each effect for the next call in turn."""
    return [Rule(effect, nth=n, **when) for n, effect in enumerate(effects, 1)]


CASES = [
    # -- without faults
    pytest.param([], get(), ALL_THREE, id="get"),
    pytest.param([], get(redirect_uri=BACK), ALL_THREE, id="get with links"),
    pytest.param([], get("tom"), "NotFound 404 NotFoundError after GET:404", id="unknown customer"),
    pytest.param([], get("a/b?c#d %2F.."), "NotFound 404 NotFoundError after GET:404", id="odd customer"),
    pytest.param([], delete(), "confirmed by 204", id="delete"),
    pytest.param([], delete(BROOK), "NotFound 404 NotFoundError after DELETE:404", id="not connected"),
    pytest.param([], delete("urn:a+b&c=d %"), "NotFound 404 NotFoundError after DELETE:404", id="odd seller"),
    # -- statuses
    *(
        pytest.param([Rule(Status(status))], get(), expected, id=f"get {status}")
        for status, expected in (
            (302, "UnexpectedResponse after GET:302"),
            (400, "ResponseError 400 BadRequestError after GET:400"),
            (401, "AuthenticationError 401 UnauthorizedError after GET:401"),
            (403, "AuthenticationError 403 ForbiddenError after GET:403"),
            (204, "UnexpectedResponse after GET:204"),
            (500, "ResponseError 500 InternalServerErrorError after GET:500 GET:500 GET:500"),
            (503, "ResponseError 503 ServiceUnavailableError after GET:503 GET:503 GET:503"),
            (429, "RateLimited 429 TooManyRequestsError after GET:429 GET:429 GET:429"),
        )
    ),
    pytest.param(rules(Status(503), Status(500)), get(), ALL_THREE, id="get 503, 500, then well"),
    pytest.param([Rule(Status(204))], delete(), "confirmed by 204", id="delete 204"),
    pytest.param([Rule(Status(200))], delete(), "OutcomeUnknown DecodeError after", id="delete 200 for ever"),
    pytest.param(rules(Status(500)), delete(), "confirmed by 500 200 204", id="delete 500, unprocessed"),
    pytest.param(
        rules(Status(500, processed=True)), delete(), "verified by 500 200", id="delete 500, processed"
    ),
    # -- lost replies
    pytest.param(rules(Drop()), get(), ALL_THREE, id="get dropped once"),
    pytest.param(
        [Rule(Drop())],
        get(),
        "TransportError dropped True after GET:dropped GET:dropped GET:dropped",
        id="get dropped",
    ),
    pytest.param(rules(Drop()), delete(), "confirmed by dropped 200 204", id="delete dropped, unprocessed"),
    pytest.param(
        rules(Drop(processed=True)), delete(), "verified by dropped 200", id="delete dropped, processed"
    ),
    pytest.param(
        [Rule(Drop())], delete(), "OutcomeUnknown TransportError after", id="delete dropped for ever"
    ),
    pytest.param(rules(Latency(0.001)), get(), ALL_THREE, id="get late"),
    # -- wrong replies
    pytest.param(rules(OtherCustomer("tom")), get(), ALL_THREE, id="another's reply once"),
    pytest.param([Rule(OtherCustomer("tom"))], get(), "WrongCustomer after", id="another's reply"),
    pytest.param(
        rules(OtherCustomer("tom")), delete(), "verified by 200 200", id="another's reply to a delete"
    ),
    *(pytest.param([Rule(Malformed(flaw))], get(), "DecodeError after", id=flaw) for flaw in Flaw),
    pytest.param(rules(Malformed()), get(), ALL_THREE, id="malformed once"),
    pytest.param([Rule(Drifted(Drift.SIBLING_SPELLINGS))], get(), ALL_THREE, id=Drift.SIBLING_SPELLINGS),
    pytest.param([Rule(Drifted(Drift.UNKNOWN_MEMBERS))], get(), ALL_THREE, id=Drift.UNKNOWN_MEMBERS),
    pytest.param([Rule(Drifted(Drift.NULLS))], get(), ALL_THREE, id=Drift.NULLS),
    pytest.param([Rule(Drifted(Drift.NO_ID))], get(), ALL_THREE, id=Drift.NO_ID),
]


@pytest.mark.parametrize(("faults", "call", "expected"), CASES)
async def test_a_call_comes_to_the_same(
    emulator: Emulator, faults: list[Rule], call: Call, expected: str
) -> None:
    """Each call has its documented outcome whichever way it goes."""
    emulator.fake.faults.add(*faults)
    found = await emulator.outcome(call)
    assert found.startswith(expected) if expected.endswith("after") else found == expected


@pytest.mark.parametrize(
    ("stall", "call", "expected"),
    [
        (Stall(), get(), ALL_THREE),
        (Stall(), delete(), "confirmed by timeout 200 204"),
        (Stall(processed=True), delete(), "verified by timeout 200"),
    ],
)
async def test_a_stalled_attempt_comes_to_the_same(
    emulator: Emulator, stall: Stall, call: Call, expected: str
) -> None:
    """It is given up, and the call goes on from there. Replies that come take far less than that long."""
    emulator.fake.faults.add(Rule(stall, nth=1))
    assert await emulator.outcome(call, attempt_timeout=0.5) == expected


async def test_a_wrong_key(emulator: Emulator) -> None:
    """AuthenticationError, and imin's own words for it."""
    assert await emulator.outcome(get(), key="wrong") == "AuthenticationError 401 Unauthorized after GET:401"


@pytest.mark.parametrize("served", EVERY_TRANSPORT)
async def test_the_replies_are_the_same_to_the_last_member(emulators: Emulators, served: str) -> None:
    """From the same seed, memory and HTTP give equal documents: only the host differs."""
    documents = []
    for kind in ("memory", served):
        emulator = await emulators.start(kind)
        async with emulator.session() as session:
            accounts = await session.get_seller_accounts("rosie", redirect_uri=BACK)
        documents.append(str(to_jsonld(accounts)).replace(emulator.base_url, MEMORY))
    assert documents[0] == documents[1]


async def links(emulator: Emulator, redirect_uri: str) -> tuple[URL, URL]:
    """Rosie's two links to the seller with whom she is not connected."""
    async with emulator.session() as session:
        accounts = await session.get_seller_accounts("rosie", redirect_uri=redirect_uri)
    account = accounts.for_seller(BROOK)
    assert isinstance(account, UnconnectedAccount)
    assert account.register_url is not None
    assert account.create_url is not None
    return account.register_url, account.create_url


async def test_rosies_journey(emulator: Emulator) -> None:
    """List, connect, listed as connected, disconnect, listed as unconnected."""
    register, _ = await links(emulator, BACK)
    assert emulator.fake.complete(register) == BACK
    assert await emulator.outcome(get()) == "ConnectedAccount ConnectedAccount NoAccount"
    assert await emulator.outcome(delete(BROOK)) == "confirmed by 204"
    assert await emulator.outcome(get()) == ALL_THREE


@pytest.mark.parametrize("customer", ["..a", "a/b", "%2F", "é ü", "a+b&c", "~'()*", "x" * 1900])
async def test_any_customer_s_reply_is_recognised_as_theirs(emulator: Emulator, customer: str) -> None:
    """However odd the identifier, the reply's ``@id`` names the same customer."""
    emulator.fake.add_customer(customer)
    assert await emulator.outcome(get(customer)) == "NoAccount NoAccount NoAccount"


@pytest.mark.parametrize("redirect_uri", [BACK, "https://b.example/a+b%20c?x=é&y#z", "http://127.0.0.1:8/"])
async def test_a_redirect_uri_arrives_as_it_is(emulator: Emulator, redirect_uri: str) -> None:
    """It comes out where the browser is sent, with its own query untouched."""
    _, create = await links(emulator, redirect_uri)
    landed = emulator.fake.decline(create)
    assert landed is not None
    assert urlsplit(landed) == urlsplit(redirect_uri.replace("é", "%C3%A9"))


@pytest.mark.parametrize("served", EVERY_TRANSPORT)
async def test_requests_are_the_same(emulators: Emulators, served: str) -> None:
    """The same calls make the same requests in the same order."""
    seen = []
    for kind in ("memory", served):
        emulator = await emulators.start(kind)
        emulator.fake.faults.add(*rules(Drop(processed=True), Status(503)))
        await emulator.outcome(delete())
        await emulator.outcome(get())
        seen.append(emulator.fake.requests)
    assert seen[0] == seen[1]
    assert [(r.method, r.status) for r in seen[0]] == [
        ("DELETE", None),
        ("GET", 503),
        ("GET", 200),
        ("GET", 200),
    ]
