"""``AccountsSession``: what is called. It carries out what ``_retry``'s table says of each event.

Everything below moves bytes or reads them; nothing below knows of a second attempt.
"""

from asyncio import CancelledError
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager
from functools import partial
from itertools import count
from types import TracebackType
from typing import Any, Literal, NoReturn, Self, TypedDict, TypeVar, Unpack, cast
from weakref import WeakSet

from yarl import URL

from imin_accounts._wire import replies, requests
from imin_accounts._wire.requests import Unkeyed
from imin_accounts.errors import (
    DeadlineExceeded,
    DecodeError,
    IminError,
    InvalidRequest,
    OutcomeUnknown,
    ResponseError,
    SessionStateError,
    TransportError,
)
from imin_accounts.models import ConnectedAccount, SellerAccounts
from imin_accounts.results import Deleted, Deletion, Failed, Fetched
from imin_accounts.session import _env
from imin_accounts.session._arguments import check_retry, check_types
from imin_accounts.session._attempt import KeySource, Sender
from imin_accounts.session._bulk import Outcomes, deleted, fetched
from imin_accounts.session._call import Call, OnAttempt, without_frames
from imin_accounts.session._gate import Gate, Limiter, Pacer
from imin_accounts.session._key import ApiKey
from imin_accounts.session._lifetime import Lifetime
from imin_accounts.session._pace import PacedSender
from imin_accounts.session._retry import RetryPolicy, RetryQuota, Step, check_seconds, event_of, next_delay
from imin_accounts.session._runtime import Runtime
from imin_accounts.session._waiting import Waiting
from imin_accounts.session._watch import was_cancelled
from imin_accounts.transports.aiohttp import AiohttpTransport
from imin_accounts.transports.base import Response, Transport

T = TypeVar("T")


class Options(TypedDict, total=False):
    """What ``AccountsSession`` takes, for those who pass it on."""

    api_key: str | KeySource
    base_url: str | URL
    transport: Transport | None
    retry: RetryPolicy
    timeout: float
    rate_limit: float | Limiter | None
    max_connections: int
    verify_customer: bool
    on_attempt: OnAttempt | None
    insecure_http: bool
    runtime: Runtime


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
        verify_customer: Refuse a reply whose ``@id`` names another customer than the one asked for. What
            is to prove a disconnection is checked in any case.
        on_attempt: Called with an ``Attempt`` after each request, so not async. What it raises is logged.
        insecure_http: Let ``base_url`` be http to another machine, such as an emulator in a compose file:
            whoever is between reads the key and every reply. Never to imin's own host.
        runtime: Clock, sleep and dice, for tests.

    Raises:
        InvalidRequest: An argument is unusable. The text never shows the key.
    """

    def __init__(
        self,
        api_key: str | KeySource,
        *,
        base_url: str | URL = requests.BASE_URL,
        transport: Transport | None = None,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008 - a frozen value
        timeout: float = 30.0,
        rate_limit: float | Limiter | None = None,
        max_connections: int = 100,
        verify_customer: bool = True,
        on_attempt: OnAttempt | None = None,
        insecure_http: bool = False,
        runtime: Runtime = Runtime(),  # noqa: B008 - a frozen value
    ) -> None:
        key = api_key if callable(api_key) else ApiKey(api_key)
        del api_key  # else a traceback that captures locals would show it
        if isinstance(key, ApiKey) and key.fault is not None:
            raise InvalidRequest(key.fault)
        check_types(transport, retry, on_attempt, runtime, verify_customer)
        self._base_url = requests.check_base_url(base_url, insecure_http=insecure_http)
        self._transport = transport
        self._owned: AiohttpTransport | None = None
        self._retry = retry
        self._timeout = check_seconds("timeout", timeout)
        if rate_limit is not None and not hasattr(rate_limit, "acquire"):
            rate_limit = Pacer(rate_limit, runtime)
        self._gate = Gate(runtime, places=max_connections, limiter=rate_limit)
        self._sender = Sender(runtime, key=key, gate=self._gate, on_attempt=on_attempt)
        self._paced = PacedSender(self._sender, self._gate, retry, runtime)
        self._waiting = Waiting(self._sender, runtime, self._timeout)
        self._quota = RetryQuota()
        self._verify_customer = verify_customer
        self._runtime = runtime
        self._lifetime = Lifetime()
        self._bulks = WeakSet[Outcomes[Any, Any]]()

    @classmethod
    def from_env(cls, **options: Unpack[Options]) -> Self:
        """A session as the environment says; nothing else in this package reads it.

        ``IMIN_API_KEY`` is the key, or ``IMIN_API_KEY_FILE`` names a file that holds it (white space
        around it is dropped). ``IMIN_BASE_URL`` is optional, and ``IMIN_INSECURE_HTTP=1`` is
        ``insecure_http=True``. One that is empty is as if it were not set.

        Args:
            options: As for the class itself; ``api_key``, ``base_url`` and ``insecure_http`` win over the
                environment's.

        Raises:
            InvalidRequest: No key, both variables, an unreadable file, or an unusable value.
        """
        if "api_key" not in options:
            options["api_key"] = cast("str", _env.api_key())
        elif not callable(options["api_key"]):
            options["api_key"] = cast("str", ApiKey(options["api_key"]))  # which no traceback can show
        options.setdefault("base_url", _env.base_url() or requests.BASE_URL)
        if "insecure_http" not in options:
            options["insecure_http"] = _env.insecure_http()
        return cls(**options)

    @property
    def base_url(self) -> str:
        """Where the API is, without a slash at the end."""
        return self._base_url

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

    def __reduce__(self) -> NoReturn:
        raise SessionStateError("a session can't be copied or pickled: make one where it is used")

    async def aclose(self) -> None:
        """Close the session, and its transport if that is its own. Closing twice is fine.

        Calls that are still under way end with ``SessionStateError``; a disconnect whose DELETE is out
        ends with ``OutcomeUnknown``. In a forked child the connections are left alone: they are the parent's.
        """
        for bulk in [*self._bulks]:  # their sources may wait for long, and for nothing that is the session's
            bulk.stop(SessionStateError("the session was closed"))
        if self._lifetime.end():
            await self._sender.interrupt()
        if self._owned is not None:
            await self._owned.aclose()

    async def get_seller_accounts(
        self,
        customer: str,
        *,
        redirect_uri: str | URL | None = None,
        timeout: float | None = None,
        retry: RetryPolicy | None = None,
    ) -> SellerAccounts:
        """Whether a customer has an account with each seller, and what each account holds.

        API page: "Get Seller Accounts".

        Args:
            customer: The customer's identifier at imin, which created the customer and returned it.
            redirect_uri: Where imin sends the customer's browser after connecting: absolute https, or
                http to this machine. Without it the accounts carry no connect URLs.
            timeout: Seconds for the whole call; the session's if not given.
            retry: How often to try and how long to wait, in this call; the session's if not given.

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
        return await self._get(customer, redirect_uri=redirect_uri, timeout=timeout, retry=retry)

    def _get(
        self,
        customer: str,
        *,
        redirect_uri: str | URL | None,
        timeout: float | None,
        retry: RetryPolicy | None = None,
        in_bulk: bool = False,
    ) -> Awaitable[SellerAccounts]:
        self._lifetime.check()
        request = requests.accounts_request(self._base_url, customer, redirect_uri)
        call = self._call("GET", requests.ROUTE, timeout, retry, in_bulk)
        asked_for = customer if self._verify_customer else None
        return self._run(call, self._read(call, request, partial(self._accounts, asked_for)))

    async def _look(self, retry: RetryPolicy | None, customer: str, timeout: float) -> SellerAccounts:
        return await self._get(customer, redirect_uri=None, timeout=timeout, retry=retry)

    async def wait_until_connected(
        self, customer: str, seller: str, *, timeout: float, retry: RetryPolicy | None = None
    ) -> ConnectedAccount | None:
        """Read a customer's accounts until the one with a seller shows as connected.

        For the page to which a customer comes back from the seller: that they did proves nothing, and imin
        tells nobody of a new connection. The first read goes out at once; from one to the next it is 1 to 5
        seconds, by chance, longer as time passes. Several who wait for one customer share their reads.

        API page: "Get Seller Accounts".

        Args:
            customer: The customer's identifier at imin, which created the customer and returned it.
            seller: The seller's ``@id``, byte for byte as in ``account.seller.id``.
            timeout: Seconds to wait at most. A read has the session's own timeout, or what is left of these.
            retry: How often to try and how long to wait, in each read that goes out for this call; the
                session's if not given. What several share is read as whoever reads it says.

        Returns:
            The account, which is connected if ``accounts.for_seller`` says so; None when the time is up. That
            is no proof that the customer declined: read again where it matters.

        Raises:
            InvalidRequest: An argument can't be used; nothing was sent.
            IminError: Any other one that a read ends in, as for ``get_seller_accounts``, its retries made.
        """
        self._lifetime.check()
        requests.accounts_request(self._base_url, customer)
        requests.quote_identifier("seller", seller)
        call = self._call("GET", requests.ROUTE, check_seconds("timeout", timeout), retry, in_bulk=False)
        return await self._waiting.until_connected(call, customer, seller, partial(self._look, retry))

    async def delete_seller_account(
        self,
        customer: str,
        seller: str,
        *,
        timeout: float | None = None,
        retry: RetryPolicy | None = None,
    ) -> Deletion:
        """Disconnect a customer's account with one seller, and be certain of it.

        Where the answer to the DELETE is lost or odd, the accounts are read again: only they tell.

        API page: "Delete Seller Account".

        Args:
            customer: The customer's identifier at imin, which created the customer and returned it.
            seller: The seller's ``@id``, byte for byte as in ``account.seller.id``.
            timeout: Seconds for the whole call; the session's if not given.
            retry: How often to try and how long to wait, in this call; the session's if not given.

        Returns:
            How it is certain, ``"confirmed"`` by imin's 204, or ``"verified"`` by a re-read.

        Raises:
            OutcomeUnknown: The account may or may not be disconnected; nobody could tell in time.
            NotFound: imin knows no such account, and no earlier attempt can have removed it.
            IminError: Any other one, as for ``get_seller_accounts``. The account was not touched.
        """
        return await self._delete(customer, seller, timeout=timeout, retry=retry)

    async def _delete(
        self,
        customer: str,
        seller: str,
        *,
        timeout: float | None,
        retry: RetryPolicy | None = None,
        in_bulk: bool = False,
    ) -> Deletion:
        self._lifetime.check()
        delete = requests.disconnect_request(self._base_url, customer, seller)
        look = requests.accounts_request(self._base_url, customer, fresh=True)
        call = self._call("DELETE", requests.ROUTE, timeout, retry, in_bulk)
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
        no other's. Leaving early cancels what is under way and waits for it.

        Where imin throttles (429, or 503 with ``Retry-After``) everybody waits, for which no call's time
        passes, and is asked for again until let through. From then on the session's bulks go at about 0.9 of
        the rate that was let through, which rises slowly again.

        Args:
            customers: Identifiers. Read lazily, at most ``concurrency`` ahead of the outcomes taken,
                and closed on leaving, all of it in one task and context. If reading fails, its error is
                raised after the outcomes; if closing fails, on leaving.
            redirect_uri: As for ``get_seller_accounts``.
            concurrency: Calls under way at most, outcomes not yet taken counted; from 1. With a
                ``rate_limit`` keep it well below rate times ``timeout``, since a call's wait for its
                turn counts.
            timeout: Seconds for each call; the session's if not given.

        Raises:
            InvalidRequest: An argument is unusable; a customer that is has a ``Failed``.
            AuthenticationError: From the iteration, after the outcomes so far: imin answered 401, so no
                further call could succeed. (A 403 is a ``Failed``: it may be one customer's.)
            RateLimited: From the iteration likewise: for 15 minutes imin let nobody through, or
                ``stop_waiting`` was called.
            Exception: From the iteration likewise: what the key callable or the ``rate_limit`` raised, a
                ``RateLimited`` too; neither is asked again.
            SessionStateError: From the iteration likewise, where the session is not open, or closes.
        """
        if timeout is not None:
            check_seconds("timeout", timeout)
        if redirect_uri is not None:
            requests.check_redirect_uri(self._base_url, redirect_uri)
        get = partial(self._get, redirect_uri=redirect_uri, timeout=timeout, in_bulk=True)
        outcomes = Outcomes(customers, partial(fetched, get), concurrency=concurrency)
        self._bulks.add(outcomes)
        return outcomes

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
            InvalidRequest, AuthenticationError, RateLimited, SessionStateError: As for ``get_many``.
        """
        if timeout is not None:
            check_seconds("timeout", timeout)
        delete = partial(self._delete, timeout=timeout, in_bulk=True)
        outcomes = Outcomes(pairs, partial(deleted, delete), concurrency=concurrency)
        self._bulks.add(outcomes)
        return outcomes

    def stop_waiting(self) -> None:
        """Let no ``get_many`` or ``delete_many`` of this session wait for throttling any more.

        For a job that is to stop in an orderly way, and soon: what is under way is finished, then the
        iteration that would have to wait raises ``RateLimited``. It can't be taken back. Single calls are
        not concerned.
        """
        self._paced.stop_waiting()

    # --- One call ---------------------------------------------------------------------------------

    def _call(
        self, method: str, route: str, timeout: float | None, retry: RetryPolicy | None, in_bulk: bool
    ) -> Call:
        return Call(
            method,
            route,
            timeout=self._timeout if timeout is None else check_seconds("timeout", timeout),
            started=self._runtime.clock(),
            refund=RetryQuota.REFUND,
            retry=self._retry if retry is None else check_retry(retry),
            in_bulk=in_bulk,
        )

    async def _run(self, call: Call, work: Awaitable[T]) -> T:
        """Await the work of a call; its error goes out complete: attempts, and doubt where there is any."""
        try:
            result = await work
        except BaseException as error:  # noqa: BLE001 - raised below; the key callable's and the limiter's too
            failure = error
        else:
            self._quota.give(call.refund)
            return result
        finally:
            call.log(self._runtime.clock())
        is_own = isinstance(failure, CancelledError) and not was_cancelled()  # of the key callable or limiter
        if not isinstance(failure, Exception) and not is_own:
            raise without_frames(failure)
        if isinstance(failure, IminError):  # frames hold their error: a circle, until it is collected
            failure.__traceback__ = None
        if call.in_doubt:
            failure = OutcomeUnknown(type(failure).__name__)
        elif self._lifetime.is_over and isinstance(failure, TransportError):
            failure = SessionStateError("the session was closed during the call")
        if isinstance(failure, IminError):
            failure.attempts = call.told()
        try:
            raise failure
        finally:
            del failure

    def _attempt(
        self, call: Call, request: Unkeyed, read: Callable[[Response], T]
    ) -> Coroutine[Any, Any, T | IminError]:
        return (self._paced if call.in_bulk else self._sender).attempt(call, request, read)

    async def _read(self, call: Call, request: Unkeyed, read: Callable[[Response], T]) -> T:
        """GET until a reply can be read; raises the last error once no further try is allowed."""
        for tries in count(1):
            outcome = await self._attempt(call, request, read)
            if not isinstance(outcome, IminError):
                return outcome
            step = event_of(outcome).get
            if step is Step.DISCARD or isinstance(outcome, DeadlineExceeded):
                await self._sender.within(call, self._discard_idle())
            if step in (Step.DISCARD, Step.FRESH):  # that connection's next reply can't be trusted
                request = request._replace(fresh=True)
            goes_on = step is not Step.RAISE and tries < call.retry.attempts
            await self._wait_or_raise(call, tries, outcome, step, goes_on=goes_on)
        raise AssertionError("unreachable")

    async def _disconnect(
        self, call: Call, delete: Unkeyed, look: Unkeyed, is_connected: Callable[[Response], bool]
    ) -> Literal["confirmed", "verified"]:
        """DELETE until a clean 204, a plain refusal, or a re-read that shows the account gone.

        Only a re-read that shows the account connected sends a DELETE in doubt again.
        """
        for tries in count(1):
            outcome = await self._attempt(call, delete, self._check_disconnected)
            if outcome is None:
                return "confirmed"
            step = event_of(outcome).delete
            call.in_doubt = call.in_doubt or step is Step.VERIFY
            if call.in_doubt and step is not Step.HOLD:
                step = Step.VERIFY
            is_last = tries >= call.retry.attempts
            goes_on = call.in_doubt or (step is not Step.RAISE and not is_last)
            await self._wait_or_raise(call, tries, outcome, step, goes_on=goes_on)
            if call.in_doubt:
                if not await self._read(call, look, is_connected):
                    return "verified"
                if is_last:
                    raise outcome
        raise AssertionError("unreachable")

    async def _wait_or_raise(
        self, call: Call, tries: int, error: IminError, step: Step, *, goes_on: bool
    ) -> None:
        """Wait before the call's next request; raise ``error`` where there is to be none.

        A throttled session is held back even if this call goes no further: imin asked everybody.
        """
        delay = next_delay(call.retry, tries, error, self._runtime.random())
        held = step is Step.HOLD
        if held:
            assert isinstance(error, ResponseError)
            self._gate.hold(delay, error.status)
        if not goes_on:
            raise error
        if step is Step.REKEY:  # nothing is tried again: the request has yet to go out with the right key
            if not await self._sender.has_another_key(call):
                raise error
            return
        if delay > self._sender.remaining(call):
            raise error if held else call.expired()
        cost = self._quota.take(likely=step in (Step.HOLD, Step.DISCARD))
        if cost is None:
            raise error
        call.refund = cost
        if not held:  # a call that is held back waits at the gate, like every other
            await self._sender.within(call, self._runtime.sleep(delay))

    # --- Readers of replies -----------------------------------------------------------------------

    def _accounts(self, customer: str | None, reply: Response) -> SellerAccounts:
        return replies.read_accounts(reply, customer, now=self._runtime.wall_clock())

    def _check_disconnected(self, reply: Response) -> None:
        replies.check_disconnected(reply, now=self._runtime.wall_clock())

    def _is_connected(self, customer: str, seller: str, reply: Response) -> bool:
        connected = self._accounts(customer, reply).is_connected(seller)
        if connected is None:
            raise DecodeError("the re-read does not tell whether the account is connected", status=200)
        return connected

    async def _discard_idle(self) -> None:
        if (discard := getattr(self._transport, "discard_idle", None)) is not None:
            await discard()
