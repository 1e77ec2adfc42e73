"""A key that changes while a call is under way: imin answers 401 to the old one."""

import asyncio
from collections.abc import Iterable, Sequence

import pytest

from imin_accounts.errors import (
    AuthenticationError,
    DeadlineExceeded,
    IminError,
    InvalidRequest,
    OutcomeUnknown,
)
from imin_accounts.session import AccountsSession, RetryPolicy
from imin_accounts.session._retry import RetryQuota
from imin_accounts.transports import Request, Response
from tests.scripted import (
    CONNECTED,
    GONE,
    NO_CONTENT,
    SELLER,
    ManualClock,
    ScriptedTransport,
    Step,
    reply,
    runtime,
)

DENIED = reply(401)
LOST = ConnectionError()


class Vault:
    """Gives ``keys`` in turn, one for each time it is asked; ``left`` has the rest."""

    def __init__(self, keys: Iterable[str]) -> None:
        self.left = [*keys]

    async def __call__(self) -> str:
        await asyncio.sleep(0)
        return self.left.pop(0)


class Rotation:
    """A session with a vault, on a scripted transport and a manual clock."""

    def __init__(self, steps: Iterable[Step], keys: str, **options: object) -> None:
        self.vault = Vault(keys.split())
        self.transport = ScriptedTransport(steps)
        self.clock = ManualClock()
        self.session = AccountsSession(
            self.vault,
            transport=self.transport,
            runtime=runtime(self.clock),
            **options,  # type: ignore[arg-type]
        )

    async def outcome(self, method: str) -> str:
        async with self.session as session:
            try:
                if method == "GET":
                    return str(len(await session.get_seller_accounts("1234")))
                return (await session.delete_seller_account("1234", SELLER)).outcome
            except IminError as error:
                return type(error).__name__

    @property
    def sent(self) -> str:
        return " ".join(request.headers["X-Api-Key"] for request in self.transport.requests)


@pytest.mark.parametrize(
    ("method", "steps", "keys", "outcome", "sent"),
    [
        # the new key is there
        ("GET", [DENIED, CONNECTED], "old new", "1", "old new"),
        ("DELETE", [DENIED, NO_CONTENT], "old new", "confirmed", "old new"),
        # it is not, or it is refused as well: sent once
        ("GET", [DENIED], "old old", "AuthenticationError", "old"),
        ("DELETE", [DENIED], "old old", "AuthenticationError", "old"),
        ("GET", [DENIED, DENIED], "old new", "AuthenticationError", "old new"),
        ("DELETE", [DENIED, DENIED], "old new", "AuthenticationError", "old new"),
        # 403 is about what a known key may do
        ("GET", [reply(403)], "old", "AuthenticationError", "old"),
        ("DELETE", [reply(403)], "old", "AuthenticationError", "old"),
        # among other events
        ("GET", [reply(500), DENIED, CONNECTED], "old old new", "1", "old old new"),
        ("GET", [DENIED, reply(500), CONNECTED], "old new new", "1", "old new new"),
        ("GET", [DENIED, reply(500), DENIED], "old new old", "AuthenticationError", "old new old"),
        # a DELETE in doubt: only a re-read can tell, and it may ask for the key once more too
        ("DELETE", [LOST, DENIED, GONE], "old old new", "verified", "old old new"),
        ("DELETE", [LOST, DENIED], "old old old", "OutcomeUnknown", "old old"),
        ("DELETE", [LOST, CONNECTED, DENIED, GONE], "old old old new", "verified", "old old old new"),
        ("DELETE", [DENIED, LOST, GONE], "old new new", "verified", "old new new"),
    ],
)
async def test_rotation(method: str, steps: Sequence[Step], keys: str, outcome: str, sent: str) -> None:
    """After 401 the callable is asked once more in a call, and another key goes out once, without a wait."""
    rotation = Rotation(steps, keys)
    assert (await rotation.outcome(method), rotation.sent) == (outcome, sent)
    assert rotation.vault.left == []


async def test_a_key_that_is_passed_as_it_is_is_sent_once() -> None:
    """There is nobody to ask."""
    transport = ScriptedTransport([DENIED])
    async with AccountsSession("old", transport=transport) as session:
        with pytest.raises(AuthenticationError):
            await session.get_seller_accounts("1234")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_another_key_is_not_waited_for(method: str) -> None:
    """It costs neither time nor a share of the quota: the request has yet to be made with the right one."""
    rotation = Rotation([DENIED, CONNECTED if method == "GET" else NO_CONTENT], "old new")
    await rotation.outcome(method)
    assert rotation.clock.slept == []
    assert rotation.session._quota.available == RetryQuota.CAPACITY


async def test_another_key_is_an_attempt() -> None:
    """A policy of one request per call is kept."""
    rotation = Rotation([DENIED], "old", retry=RetryPolicy(attempts=1))
    assert await rotation.outcome("GET") == "AuthenticationError"


async def test_another_key_waits_for_its_turn() -> None:
    """A rate limit counts it like any other request."""

    class Limiter:
        turns = 0

        async def acquire(self) -> None:
            self.turns += 1

    limiter = Limiter()
    await Rotation([DENIED, CONNECTED], "old new", rate_limit=limiter).outcome("GET")
    await Rotation([DENIED], "old old", rate_limit=limiter).outcome("GET")
    assert limiter.turns == 2 + 1


async def test_asking_once_more_is_within_the_deadline() -> None:
    """A vault that does not answer the second time holds nobody up."""
    asked = []

    async def vault() -> str:
        asked.append("")
        if len(asked) == 2:
            await asyncio.Event().wait()
        return "old"

    async with AccountsSession(vault, transport=ScriptedTransport([DENIED]), timeout=0.05) as session:
        with pytest.raises(DeadlineExceeded) as caught:
            await session.get_seller_accounts("1234")
    assert [each.status for each in caught.value.attempts] == [401]


@pytest.mark.parametrize(("steps", "keys"), [([DENIED], ["old", ""]), ([DENIED], ["old", "new key"])])
async def test_an_unusable_other_key_is_said_to_be_one(steps: Sequence[Step], keys: list[str]) -> None:
    """It is refused as before any attempt, and not sent."""
    async with AccountsSession(Vault(keys), transport=ScriptedTransport(steps)) as session:
        with pytest.raises(InvalidRequest, match="API key"):
            await session.get_seller_accounts("1234")


async def test_what_the_callable_raises_the_second_time_is_the_callers() -> None:
    """As before any other attempt; in doubt it is unknown."""
    async with AccountsSession(Vault(["old"]), transport=ScriptedTransport([DENIED])) as session:
        with pytest.raises(IndexError):
            await session.get_seller_accounts("1234")
    async with AccountsSession(Vault(["old"] * 2), transport=ScriptedTransport([LOST, DENIED])) as session:
        with pytest.raises(OutcomeUnknown, match="IndexError"):
            await session.delete_seller_account("1234", SELLER)


async def test_many_calls_outlive_a_rotation() -> None:
    """However many are under way when the key changes, each finds the new one."""
    key = "old"

    async def answer(request: Request) -> Response:
        nonlocal key
        await asyncio.sleep(0)
        key = "new"
        return CONNECTED if request.headers["X-Api-Key"] == "new" else DENIED

    transport = ScriptedTransport([answer] * 400)
    async with AccountsSession(lambda: key, transport=transport) as session:
        calls = [session.get_seller_accounts("1234") for _ in range(200)]
        assert [len(accounts) for accounts in await asyncio.gather(*calls)] == [1] * 200
