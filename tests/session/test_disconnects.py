"""``delete_seller_account`` on a scripted transport: certain, or it says that it is not."""

import asyncio
from collections.abc import Sequence

import pytest

from imin_accounts.errors import (
    DeadlineExceeded,
    IminError,
    OutcomeUnknown,
    TransportError,
)
from imin_accounts.results import Deletion
from imin_accounts.session import AccountsSession, Runtime
from imin_accounts.session._retry import RetryPolicy
from imin_accounts.transports.base import Request, Response
from tests.proofs.faults.clock import elastic, the_loop
from tests.scripted import (
    CONNECTED,
    GONE,
    NO_CONTENT,
    SELLER,
    ManualClock,
    ScriptedTransport,
    Step,
    accounts_of,
    reply,
    runtime,
)

REFUSED = TransportError("refused", maybe_sent=False)
DROPPED = TransportError("dropped", maybe_sent=True)
BUSY = reply(503, headers={"retry-after": "1"})


def one_item(**members: object) -> Response:
    """A 200 with one item about the seller, of these members besides."""
    item = {"@type": "Account", "seller": {"@id": SELLER}, **members}
    collection = "https://book.imin.co/api/v2/customers/1234/accounts"
    return reply(200, {"@id": collection, "@type": "imin:Collection", "imin:item": [item]})


NOBODY = reply(
    200,
    {
        "@type": "imin:Collection",
        "imin:item": [{"seller": {"@id": SELLER}, "imin:matchingEmailExists": True}],
    },
)
CHUNKED = reply(204, headers={"transfer-encoding": "chunked"})
OTHERS = accounts_of("9999", seller=False)
LOST = reply(404)
CONTRADICTION = one_item(dateLinked="2021-01-27T12:00:00Z", **{"imin:matchingEmailExists": True})
ELSEWHERE = one_item(**{"schema:dateLinked": "2021-01-27T12:00:00Z", "imin:matchingEmailExists": False})
SECOND = one_item(**{"schema:seller": {"@id": "another"}, "imin:matchingEmailExists": False})
UNRECOGNISED = one_item()
TWICE = accounts_of(a=False, b=False)
MISSING = accounts_of()


async def disconnect(transport: ScriptedTransport, **options: object) -> str:
    """The outcome, or the name of the error, of one disconnect on a manual clock."""
    clock = ManualClock()
    session = AccountsSession(
        "test-key",
        transport=transport,
        runtime=runtime(clock),
        **options,  # type: ignore[arg-type]
    )
    async with session:
        try:
            return (await session.delete_seller_account("1234", SELLER)).outcome
        except IminError as error:
            return type(error).__name__


@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        # plain answers to the first DELETE
        pytest.param([NO_CONTENT], "confirmed", id="204"),
        pytest.param([reply(401)], "AuthenticationError", id="401"),
        pytest.param([reply(403)], "AuthenticationError", id="403"),
        pytest.param([reply(404)], "NotFound", id="404 first"),
        pytest.param([reply(409)], "ResponseError", id="409"),
        pytest.param([reply(302)], "UnexpectedResponse", id="302"),
        pytest.param([REFUSED] * 3, "TransportError", id="refused"),
        pytest.param([REFUSED, NO_CONTENT], "confirmed", id="refused, 204"),
        pytest.param([TransportError("tls", maybe_sent=False)], "TransportError", id="tls"),
        pytest.param([reply(429)] * 3, "RateLimited", id="429"),
        pytest.param([reply(429), NO_CONTENT], "confirmed", id="429, 204"),
        pytest.param([BUSY, NO_CONTENT], "confirmed", id="503 with Retry-After, 204"),
        pytest.param([BUSY] * 3, "ResponseError", id="503 with Retry-After"),
        # doubtful answers are looked into
        pytest.param([DROPPED, GONE], "verified", id="dropped, gone"),
        pytest.param([reply(500), GONE], "verified", id="500, gone"),
        pytest.param([reply(503), GONE], "verified", id="503, gone"),
        pytest.param([reply(408), GONE], "verified", id="408, gone"),
        pytest.param([reply(200), GONE], "verified", id="200, gone"),
        pytest.param([reply(202), GONE], "verified", id="202, gone"),
        pytest.param([reply(101), GONE], "verified", id="101, gone"),
        pytest.param([reply(204, b"x"), GONE], "verified", id="204 with a body, gone"),
        pytest.param([reply(204, headers={"content-length": "5"}), GONE], "verified", id="204 with a length"),
        pytest.param([CHUNKED, GONE], "verified", id="204 chunked"),
        pytest.param([reply(204, headers={"content-length": "0"})], "confirmed", id="204 of length 0"),
        pytest.param([ConnectionError("own"), GONE], "verified", id="foreign error, gone"),
        # still connected: send again
        pytest.param([DROPPED, CONNECTED, NO_CONTENT], "confirmed", id="dropped, connected, 204"),
        pytest.param([DROPPED, CONNECTED, DROPPED, GONE], "verified", id="dropped twice, gone"),
        pytest.param([DROPPED, CONNECTED] * 3, "OutcomeUnknown", id="connected after every DELETE"),
        # after one doubtful send a refusal proves nothing
        pytest.param([DROPPED, CONNECTED, reply(404), GONE], "verified", id="404 after doubt, gone"),
        pytest.param([DROPPED, CONNECTED, reply(401), GONE], "verified", id="401 after doubt, gone"),
        pytest.param([DROPPED, CONNECTED, REFUSED, GONE], "verified", id="refused after doubt, gone"),
        pytest.param([DROPPED, CONNECTED, reply(429), GONE], "verified", id="429 after doubt, gone"),
        pytest.param([DROPPED, *[CONNECTED, LOST] * 2, CONNECTED], "OutcomeUnknown", id="404 after doubt"),
        # a re-read that does not tell is asked again, then nobody knows
        pytest.param([DROPPED, MISSING, GONE], "verified", id="missing, then gone"),
        pytest.param([DROPPED, MISSING, CONNECTED, NO_CONTENT], "confirmed", id="missing, then connected"),
        pytest.param([DROPPED, *[MISSING] * 3], "OutcomeUnknown", id="seller missing"),
        pytest.param([DROPPED, *[NOBODY] * 3], "OutcomeUnknown", id="no @id"),
        pytest.param([DROPPED, *[CONTRADICTION] * 3], "OutcomeUnknown", id="contradiction"),
        pytest.param([DROPPED, *[ELSEWHERE] * 3], "OutcomeUnknown", id="date linked in another vocabulary"),
        pytest.param([DROPPED, *[SECOND] * 3], "OutcomeUnknown", id="a second seller"),
        pytest.param([DROPPED, ELSEWHERE, GONE], "verified", id="contradiction, then gone"),
        pytest.param([DROPPED, *[UNRECOGNISED] * 3], "OutcomeUnknown", id="unrecognised"),
        pytest.param([DROPPED, *[TWICE] * 3], "OutcomeUnknown", id="seller listed twice"),
        pytest.param([DROPPED, *[OTHERS] * 3], "OutcomeUnknown", id="another customer"),
        pytest.param([DROPPED, *[reply(500)] * 3], "OutcomeUnknown", id="re-read fails"),
        pytest.param([DROPPED, reply(401)], "OutcomeUnknown", id="re-read not authorised"),
        pytest.param([DROPPED, *[DROPPED] * 3], "OutcomeUnknown", id="re-read dropped"),
    ],
)  # fmt: skip
async def test_disconnect(steps: Sequence[Step], outcome: str) -> None:
    """Each course of events ends in one truthful outcome, after exactly these requests."""
    transport = ScriptedTransport(steps)
    assert await disconnect(transport) == outcome
    assert len(transport.requests) == len(steps)


async def test_proof_is_checked_though_reads_are_not() -> None:
    """A re-read about somebody else proves nothing, even where a gateway's ids are not looked at."""
    transport = ScriptedTransport([DROPPED, *[OTHERS] * 3])
    assert await disconnect(transport, verify_customer=False) == "OutcomeUnknown"
    transport = ScriptedTransport([DROPPED, OTHERS, GONE])
    assert await disconnect(transport, verify_customer=False) == "verified"


async def test_requests_of_a_disconnect_are_fresh() -> None:
    """Neither a DELETE nor its re-read may take a pooled connection's stray reply for its own."""
    transport = ScriptedTransport([DROPPED, CONNECTED, NO_CONTENT])
    await disconnect(transport)
    assert transport.methods == "DGD"
    assert all(request.fresh for request in transport.requests)


async def test_deletion_lists_its_attempts() -> None:
    """Who asks how it went is told of every request, re-reads included."""
    transport = ScriptedTransport([reply(500), GONE])
    async with AccountsSession("test-key", transport=transport) as session:
        deletion = await session.delete_seller_account("1234", SELLER)
    assert [(a.method, a.status, a.resend_count) for a in deletion.attempts] == [
        ("DELETE", 500, 0),
        ("GET", 200, 1),
    ]


async def hang(request: Request) -> Response:
    await asyncio.Event().wait()
    raise AssertionError


def test_delete_leaves_half_of_the_time_for_a_re_read() -> None:
    """A DELETE that stands still is cut off early enough to look."""

    async def stand_still(request: Request) -> Response:
        while True:
            await the_loop().sleep(1.0)

    async def disconnect() -> Deletion:
        transport = ScriptedTransport([stand_still, GONE])
        patient = RetryPolicy(attempt_timeout=100.0)
        loop = the_loop()
        time = Runtime(clock=loop.time, sleep=loop.sleep)
        async with AccountsSession(
            "test-key", transport=transport, retry=patient, timeout=20.0, runtime=time
        ) as session:
            return await session.delete_seller_account("1234", SELLER)

    assert elastic(disconnect()).outcome == "verified"


async def test_deadline_after_sending_is_unknown() -> None:
    """Out of time once a DELETE may have been sent: nobody knows, and that is what is said."""
    transport = ScriptedTransport([hang, hang])
    async with AccountsSession("test-key", transport=transport, timeout=0.02) as session:
        with pytest.raises(OutcomeUnknown) as caught:
            await session.delete_seller_account("1234", SELLER)
    assert caught.value.attempts[0].maybe_sent


async def test_no_key_in_doubt_is_unknown() -> None:
    """A key that can't be had for the re-read: the DELETE may have worked, and that comes first."""
    keys = ["test-key"]
    transport = ScriptedTransport([DROPPED])
    async with AccountsSession(keys.pop, transport=transport) as session:
        with pytest.raises(OutcomeUnknown, match="IndexError"):
            await session.delete_seller_account("1234", SELLER)
    assert transport.methods == "D"


async def test_deadline_before_sending_is_a_plain_deadline() -> None:
    """Out of time with nothing sent: the account is as it was."""

    async def slow_key() -> str:
        await asyncio.Event().wait()
        raise AssertionError

    async with AccountsSession(slow_key, transport=ScriptedTransport([]), timeout=0.01) as session:
        with pytest.raises(DeadlineExceeded) as caught:
            await session.delete_seller_account("1234", SELLER)
    assert not caught.value.maybe_sent


async def test_deadline_after_refusals_is_a_plain_deadline() -> None:
    """Connections that were never made can't have disconnected anybody."""
    retry = RetryPolicy(attempts=99, base=8.0, maximum=8.0)
    assert await disconnect(ScriptedTransport([REFUSED] * 99), retry=retry) == "DeadlineExceeded"


async def test_closing_during_a_delete_is_unknown() -> None:
    """A session closed under a DELETE can't say what became of it."""
    session = AccountsSession("test-key", transport=ScriptedTransport([hang]))
    async with session:
        task = asyncio.create_task(session.delete_seller_account("1234", SELLER))
        await asyncio.sleep(0)
    with pytest.raises(OutcomeUnknown):
        await task
