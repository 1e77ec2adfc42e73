"""The session: the only place that decides whether, when and how often a request goes out.

What each event becomes (a hold, a retry, a re-read, an error) is decided here, with ``_retry`` for the
verdicts. Everything below moves bytes or reads them; nothing below knows of a second attempt.
"""

import asyncio
import random as random_module
import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from functools import partial
from itertools import count
from types import TracebackType
from typing import Literal, Self, TypedDict, TypeVar, Unpack

import attrs
from yarl import URL

from imin_accounts import _env, _retry, _wire
from imin_accounts._apikey import ApiKey
from imin_accounts._bulk import Outcomes, deleted, fetched
from imin_accounts._gate import Clock, Gate, Limiter, Pacer, Sleep
from imin_accounts._lifetime import Lifetime
from imin_accounts._record import Call, OnAttempt
from imin_accounts._retry import RetryPolicy, Verdict
from imin_accounts._sender import KeySource, Sender
from imin_accounts.errors import (
    DecodeError,
    IminError,
    InvalidRequest,
    OutcomeUnknown,
    ResponseError,
    SessionStateError,
    TransportError,
    UnexpectedResponse,
    WrongCustomer,
)
from imin_accounts.models import SellerAccounts
from imin_accounts.results import Deleted, Deletion, Failed, Fetched
from imin_accounts.transports.aiohttp import AiohttpTransport
from imin_accounts.transports.base import Request, Response, Transport

T = TypeVar("T")


class Options(TypedDict, total=False):
    """What ``AccountsSession`` takes besides the key, for those who pass it on."""

    base_url: str | URL
    transport: Transport | None
    retry: RetryPolicy
    timeout: float
    rate_limit: float | Limiter | None
    max_connections: int
    verify_customer: bool
    on_attempt: OnAttempt | None
    clock: Clock
    sleep: Sleep
    random: Callable[[], float]
    wall_clock: Clock


class AccountsSession:
    """A client for the Seller Accounts of one broker: one per application and API key.

    Making one does no I/O and needs no event loop; ``async with`` opens it. One session serves any
    number of concurrent calls.

    Args:
        api_key: The key, or a callable (sync or async) that is asked for it before every attempt, for
            keys that rotate. What it raises reaches the caller, unless a DELETE is in doubt.
        base_url: Where the API is: https, or http to this machine. May carry a path, such as a
            gateway's prefix.
        transport: What moves the bytes. Yours stays open when the session closes, and several
            sessions may share it; if none is given the session makes and closes its own.
        retry: How often to try and how long to wait.
        timeout: Seconds for a whole call: key, rate limit, waits, every attempt, the body.
        rate_limit: Requests per second, retries counted, or any object with ``async acquire()``; what
            that raises reaches the caller as the key callable's exceptions do.
        max_connections: How many requests may be under way at once; further ones wait their turn.
        verify_customer: Refuse a reply whose ``@id`` names another customer than the one asked for.
        on_attempt: Called with an ``Attempt`` after each request. What it raises is logged.
        clock: Monotonic seconds. Like the next three for tests, which then take no time.
        sleep: Waits for some seconds.
        random: From 0 to below 1, for the jitter.
        wall_clock: Seconds since the epoch, for a ``Retry-After`` date in a reply without ``Date``.

    Raises:
        InvalidRequest: An argument is unusable. The text never shows the key.
    """

    def __init__(
        self,
        api_key: str | ApiKey | KeySource,
        *,
        base_url: str | URL = _wire.BASE_URL,
        transport: Transport | None = None,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008 - a frozen value
        timeout: float = 30.0,
        rate_limit: float | Limiter | None = None,
        max_connections: int = 100,
        verify_customer: bool = True,
        on_attempt: OnAttempt | None = None,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        random: Callable[[], float] = random_module.random,
        wall_clock: Clock = time.time,
    ) -> None:
        api_key = api_key if callable(api_key) else ApiKey(api_key)
        if isinstance(api_key, ApiKey) and api_key.fault is not None:
            raise InvalidRequest(api_key.fault)
        self._base_url = _wire.check_base_url(base_url)
        self._transport = transport
        self._owned: AiohttpTransport | None = None
        self._retry = retry
        self._timeout = _retry.check_seconds("timeout", timeout)
        if rate_limit is not None and not hasattr(rate_limit, "acquire"):
            rate_limit = Pacer(rate_limit, clock=clock, sleep=sleep)
        self._gate = Gate(places=max_connections, limiter=rate_limit, clock=clock, sleep=sleep)
        self._sender = Sender(
            key=api_key,
            gate=self._gate,
            clock=clock,
            attempt_timeout=retry.attempt_timeout,
            on_attempt=on_attempt,
        )
        self._quota = _retry.RetryQuota()
        self._verify_customer = verify_customer
        self._clock = clock
        self._sleep = sleep
        self._random = random
        self._wall_clock = wall_clock
        self._lifetime = Lifetime()

    @classmethod
    def from_env(cls, **options: Unpack[Options]) -> Self:
        """A session as the environment says; nothing else in this package reads it.

        ``IMIN_API_KEY`` is the key, or ``IMIN_API_KEY_FILE`` names a file that holds it (white space
        around it is dropped). ``IMIN_BASE_URL`` is optional.

        Args:
            options: As for the class itself; ``base_url`` wins over the environment's.

        Raises:
            InvalidRequest: No key, both variables, an unreadable file, or an unusable value.
        """
        options.setdefault("base_url", _env.base_url() or _wire.BASE_URL)
        return cls(_env.api_key(), **options)

    async def __aenter__(self) -> Self:
        self._lifetime.begin()
        if self._transport is None:
            self._transport = self._owned = AiohttpTransport()
        self._sender.transport = self._transport
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the session, and its transport if that is its own. Closing twice is fine.

        Calls that are still under way end with ``SessionStateError``; a disconnect whose DELETE is out
        ends with ``OutcomeUnknown``.
        """
        if self._lifetime.end():
            await self._sender.interrupt()
        if self._owned is not None:
            await self._owned.aclose()

    async def get_seller_accounts(
        self, customer: str, *, redirect_uri: str | URL | None = None, timeout: float | None = None
    ) -> SellerAccounts:
        """Whether a customer has an account with each seller, and what each account holds.

        API page: "Get Seller Accounts".

        Args:
            customer: The broker's own identifier for the customer.
            redirect_uri: Where imin sends the customer's browser after connecting: absolute https, or
                http to this machine. Without it the accounts carry no connect URLs.
            timeout: Seconds for the whole call; the session's if not given.

        Returns:
            The accounts in the order received; none means that the broker has no sellers.

        Raises:
            InvalidRequest: An argument can't be sent as it is; nothing was sent.
            SessionStateError: The session is not open here.
            DeadlineExceeded: The time ran out.
            TransportError: No reply came.
            ResponseError: imin answered with an error status; ``AuthenticationError``, ``NotFound``
                and ``RateLimited`` are kinds of it.
            UnexpectedResponse: imin answered what the API does not document; ``DecodeError`` where the
                reply can't be read, ``WrongCustomer`` where it is about somebody else.
        """
        self._lifetime.check()
        request = _wire.accounts_request(self._base_url, customer, redirect_uri)
        call = self._call("GET", timeout)
        return await self._run(call, self._read(call, request, partial(self._accounts, customer)))

    async def delete_seller_account(
        self, customer: str, seller: str, *, timeout: float | None = None
    ) -> Deletion:
        """Disconnect a customer's account with one seller, and be certain of it.

        Where the answer to the DELETE is lost or odd, the accounts are read again: only they tell.

        API page: "Delete Seller Account".

        Args:
            customer: The broker's own identifier for the customer.
            seller: The seller's ``@id``, byte for byte as in ``account.seller.id``.
            timeout: Seconds for the whole call; the session's if not given.

        Returns:
            How it is certain, ``"confirmed"`` by imin's 204, or ``"verified"`` by a re-read.

        Raises:
            OutcomeUnknown: The account may or may not be disconnected; nobody could tell in time.
            NotFound: imin knows no such account, and no earlier attempt can have removed it.
            IminError: Any other one, as for ``get_seller_accounts``. The account was not touched.
        """
        self._lifetime.check()
        delete = _wire.disconnect_request(self._base_url, customer, seller)
        look = _wire.accounts_request(self._base_url, customer, fresh=True)
        call = self._call("DELETE", timeout)
        work = self._disconnect(call, delete, look, partial(self._is_connected, customer, seller))
        return Deletion(await self._run(call, work), call.told())

    def get_many(
        self,
        customers: Iterable[str] | AsyncIterable[str],
        *,
        redirect_uri: str | URL | None = None,
        concurrency: int = 64,
        timeout: float | None = None,
    ) -> AbstractAsyncContextManager[AsyncIterator[Fetched | Failed]]:
        """The accounts of many customers: ``async with`` it, and iterate over what that gives.

        Each customer has exactly one outcome, in the order in which the calls end, and one's error is
        no other's. Leaving early cancels what is under way and waits for it. A hold that no call could
        outlast makes customers wait, not fail.

        Args:
            customers: Identifiers. Read lazily, at most ``2 * concurrency`` ahead of the outcomes
                taken, and closed on leaving. If reading fails, its error is raised after the outcomes.
            redirect_uri: As for ``get_seller_accounts``.
            concurrency: Calls under way at most, from 1. With a ``rate_limit`` keep it well below rate
                times ``timeout``, since a call's wait for its turn counts.
            timeout: Seconds for each call; the session's if not given.

        Raises:
            InvalidRequest: An argument is unusable; a customer that is has a ``Failed``.
            AuthenticationError: From the iteration, after the outcomes so far: imin answered 401, so no
                further call could succeed. (A 403 is a ``Failed``: it may be one customer's.)
            SessionStateError: From the iteration likewise, where the session is not open, or closes.
        """
        if timeout is not None:
            _retry.check_seconds("timeout", timeout)
        _wire.accounts_request(self._base_url, "any", redirect_uri)  # refused once, not for each customer
        get = partial(self.get_seller_accounts, redirect_uri=redirect_uri, timeout=timeout)
        return Outcomes(customers, partial(fetched, get), concurrency=concurrency, sleep=self._sleep)

    def delete_many(
        self,
        pairs: Iterable[tuple[str, str]] | AsyncIterable[tuple[str, str]],
        *,
        concurrency: int = 16,
        timeout: float | None = None,
    ) -> AbstractAsyncContextManager[AsyncIterator[Deleted | Failed]]:
        """Disconnect many accounts: as ``get_many``, for pairs of customer and seller.

        A pair without an outcome, because the iteration ended or was left early, may or may not be
        disconnected.

        Args:
            pairs: Customer identifier and the seller's ``@id``.
            concurrency: Calls under way at most, from 1.
            timeout: Seconds for each call; the session's if not given.

        Raises:
            InvalidRequest, AuthenticationError, SessionStateError: As for ``get_many``.
        """
        if timeout is not None:
            _retry.check_seconds("timeout", timeout)
        delete = partial(self.delete_seller_account, timeout=timeout)
        return Outcomes(pairs, partial(deleted, delete), concurrency=concurrency, sleep=self._sleep)

    # --- One call ---------------------------------------------------------------------------------

    def _call(self, method: str, timeout: float | None) -> Call:
        seconds = self._timeout if timeout is None else _retry.check_seconds("timeout", timeout)
        return Call(
            method, _wire.ROUTE, timeout=seconds, started=self._clock(), refund=_retry.RetryQuota.REFUND
        )

    async def _run(self, call: Call, work: Awaitable[T]) -> T:
        """Await the work of a call; its error goes out complete: attempts, and doubt where there is any."""
        try:
            result = await work
        except Exception as error:  # noqa: BLE001 - raised below; the key callable's and the limiter's too
            failure = error
        else:
            self._quota.give(call.refund)
            return result
        finally:
            call.log(self._clock())
        if call.in_doubt:
            failure = OutcomeUnknown(type(failure).__name__)
        elif self._lifetime.is_over and isinstance(failure, TransportError):
            failure = SessionStateError("the session was closed during the call")
        if isinstance(failure, IminError):
            failure.attempts = call.told()
        raise failure

    async def _read(self, call: Call, request: Request, read: Callable[[Response], T]) -> T:
        """GET until a reply can be read; raises the last error once no further try is allowed."""
        for tries in count(1):
            outcome = await self._sender.attempt(call, request, read)
            if not isinstance(outcome, IminError):
                return outcome
            if isinstance(outcome, WrongCustomer):
                await self._sender.within(call, self._discard_idle())
            if isinstance(outcome, UnexpectedResponse):  # do not trust that connection's next reply
                request = attrs.evolve(request, fresh=True)
            last = tries >= self._retry.attempts
            await self._pause(call, tries, outcome, _retry.verdict_on(outcome), last=last)
        raise AssertionError("unreachable")

    async def _disconnect(
        self, call: Call, delete: Request, look: Request, is_connected: Callable[[Response], bool]
    ) -> Literal["confirmed", "verified"]:
        """DELETE until a clean 204, a plain refusal, or a re-read that shows the account gone.

        After one send that may have acted every further answer but a clean 204 is in doubt too: a 404
        may be our own doing. Only a re-read that shows the account connected sends the DELETE again.
        """
        for tries in count(1):
            doubted = call.in_doubt
            outcome = await self._sender.attempt(call, delete, self._check_disconnected)
            call.in_doubt = outcome is not None and (doubted or _retry.may_have_acted(outcome))
            if outcome is None:
                return "confirmed"
            last = tries >= self._retry.attempts
            verdict = _retry.verdict_on(outcome)
            if not call.in_doubt:
                await self._pause(call, tries, outcome, verdict, last=last)
                continue
            if verdict is Verdict.FINAL:
                verdict = Verdict.TRANSIENT
            await self._pause(call, tries, outcome, verdict, last=False)
            if not await self._read(call, look, is_connected):
                call.in_doubt = False
                return "verified"
            if last:
                raise outcome
        raise AssertionError("unreachable")

    async def _pause(self, call: Call, tries: int, error: IminError, verdict: Verdict, *, last: bool) -> None:
        """Wait before the next request; raises where there is to be none.

        A throttled session is held back even if this call goes no further: imin asked everybody.
        """
        delay = _retry.next_delay(self._retry, tries, error, self._random())
        if verdict is Verdict.THROTTLED:
            assert isinstance(error, ResponseError)
            self._gate.hold(delay, error.status)
        if verdict is Verdict.FINAL or last:
            raise error
        if delay > self._sender.remaining(call):
            raise error if verdict is Verdict.THROTTLED else call.expired()
        cost = self._quota.take(verdict)
        if cost is None:
            raise error
        call.refund = cost
        if verdict is Verdict.TRANSIENT:  # a throttled call waits at the gate, like every other
            await self._sender.within(call, self._sleep(delay))

    # --- Readers of replies -----------------------------------------------------------------------

    def _accounts(self, customer: str, reply: Response) -> SellerAccounts:
        return _wire.read_accounts(reply, customer if self._verify_customer else None, now=self._wall_clock())

    def _check_disconnected(self, reply: Response) -> None:
        _wire.check_disconnected(reply, now=self._wall_clock())

    def _is_connected(self, customer: str, seller: str, reply: Response) -> bool:
        connected = _wire.is_connected(self._accounts(customer, reply), seller)
        if connected is None:
            raise DecodeError("the re-read does not tell whether the account is connected", status=200)
        return connected

    async def _discard_idle(self) -> None:
        if (discard := getattr(self._transport, "discard_idle", None)) is not None:
            await discard()
