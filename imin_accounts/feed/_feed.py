"""``ChangeFeed``: notes in, updates out, at least once."""

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Self

import attrs
import orjson

from imin_accounts._wire.converter import to_jsonld
from imin_accounts._wire.requests import BASE_URL, accounts_request
from imin_accounts.changes import Change
from imin_accounts.errors import (
    IminError,
    InvalidRequest,
    NotFound,
    ResponseError,
    SessionStateError,
    SnapshotsError,
    WrongCustomer,
)
from imin_accounts.feed._due import Due, Read
from imin_accounts.feed._finishing import Finisher
from imin_accounts.feed._replies import Replies
from imin_accounts.feed._snapshots import Snapshot, Snapshots, compared, loaded
from imin_accounts.feed._whole import answered, to_its_end
from imin_accounts.models import SellerAccounts
from imin_accounts.results import Failed, Fetched
from imin_accounts.session import AccountsSession, RetryPolicy, Runtime

AT_ONCE = 500
"""Notes of ``note_all`` that are committed together."""


@attrs.frozen
class Update:
    """A customer's accounts have changed. The repr hides the customer.

    Attributes:
        customer: The identifier, as it was noted.
        accounts: As they were read.
        changes: Against what was last delivered, in order; never empty.
    """

    customer: str = attrs.field(repr=lambda _: "'***'")
    accounts: SellerAccounts
    changes: tuple[Change, ...]


@attrs.frozen
class _Delivery:
    """What the consumer has, and what is to be kept once it is done with it."""

    read: Read
    update: Update | Failed
    snapshot: bytes | None
    reply: bytes | None = None
    """What is to be kept before; None for what is kept already, and for failures."""


class ChangeFeed:
    """Typed changes from notes of customers: each customer is read again and compared with what was known.

    ``async with`` opens it, and the snapshots with it. ``note`` and ``note_all`` say who is to be read;
    iterating gives an ``Update`` for each customer who has changed, a ``Failed`` for one who can't be read,
    at imin or in the snapshots, and nothing for the others. Once the loop's body is done, the snapshot moves
    on. Where the body raises or is left, or the process ends, the update comes again: at least once, never
    lost. After a body that raised or was left it does so after a pause, which doubles each time, and others
    go first meanwhile. Updates of one customer come in order, and a customer is read by one call at a time.

    Args:
        session: An open session. Customers are read as by its ``get_many``.
        snapshots: Where notes and what is known are kept.
        concurrency: Customers at most that are being read, or wait to be taken.
        retry: How often to read a customer before its error is delivered, and how long to wait in between:
            ``attempts``, ``base`` and ``maximum`` count. Each read tries again by itself as the session's own
            policy says. ``base`` and ``maximum`` are those of the pause before an update comes again, too.
        timeout: Seconds for each read; the session's if not given.
        poll: Seconds after which to look for what another process has noted.
        runtime: Clock, sleep and dice, for tests.

    Raises:
        InvalidRequest: An argument is unusable.
    """

    def __init__(
        self,
        session: AccountsSession,
        snapshots: Snapshots,
        *,
        concurrency: int = 64,
        retry: RetryPolicy = RetryPolicy(attempts=5, base=1.0, maximum=60.0),  # noqa: B008 - a frozen value
        timeout: float | None = None,
        poll: float = 1.0,
        runtime: Runtime = Runtime(),  # noqa: B008 - a frozen value
    ) -> None:
        if not callable(getattr(session, "get_many", None)):
            raise InvalidRequest("session must be an AccountsSession")
        if not callable(getattr(snapshots, "claim", None)):
            raise InvalidRequest("snapshots must be Snapshots, such as SqliteSnapshots(path)")
        if not isinstance(retry, RetryPolicy) or not isinstance(runtime, Runtime):
            raise InvalidRequest("retry must be a RetryPolicy, runtime a Runtime")
        session.get_many((), concurrency=concurrency, timeout=timeout)  # which checks both
        if isinstance(poll, bool) or not isinstance(poll, int | float) or not 0 < poll < float("inf"):
            raise InvalidRequest("poll must be a positive, finite number of seconds")
        self._snapshots = snapshots
        self._concurrency = concurrency
        self._retry = retry
        self._random = runtime.random
        self._due = Due(snapshots, runtime, batch=concurrency, poll=poll, pause=self._pause)
        self._replies = Replies(session, self._due, concurrency=concurrency, timeout=timeout)
        self._finisher = Finisher(snapshots, self._due)
        self._is_open: bool | None = None  # not yet
        self._current: _Updates | None = None
        self._process = os.getpid()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._step: asyncio.Timeout | None = None  # what a consumer waits in: it ends when the feed closes
        self._step_is_over = asyncio.Event()
        self._delivered: _Delivery | None = None
        self._found: list[_Delivery] = []
        self._kept = deque[_Delivery]()

    async def __aenter__(self) -> Self:
        if self._is_open is not None:
            raise SessionStateError("a feed opens once: make a new one")
        self._is_open = False
        self._process, self._loop = os.getpid(), asyncio.get_running_loop()
        await self._snapshots.__aenter__()
        self._is_open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_open = False
        if self._process == os.getpid():  # in a forked child all is the parent's
            await to_its_end(self._close(kind, error, trace))

    async def _close(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._step is not None:
                self._step.reschedule(asyncio.get_running_loop().time())
                await self._step_is_over.wait()
            try:
                with suppress(SnapshotsError):  # the update comes again anyway, only sooner
                    await self._put_back()
            finally:
                self._kept.clear()
                await self._stop()
        finally:
            await self._snapshots.__aexit__(kind, error, trace)

    def _check_open(self) -> None:
        if not self._is_open:
            raise SessionStateError("the feed is not open: use `async with ChangeFeed(...)`")
        if self._process != os.getpid():  # asked first: a child that was forked in a coroutine has no loop
            raise SessionStateError("the feed is another process's: open one after the fork")
        if self._loop is not asyncio.get_running_loop():
            raise SessionStateError("the feed is another event loop's: open one in this loop")

    # --- Notes ------------------------------------------------------------------------------------

    async def note(self, customer: str) -> None:
        """Have a customer read again, before all who were noted by ``note_all``.

        Returns once that is committed: only then answer a notification with 204. A customer who is noted and
        not yet read is read once; one who is being read is read once more afterwards.

        Args:
            customer: The identifier at imin, as in ``Notification.customer``.

        Raises:
            InvalidRequest: No request can name such a customer; nothing was noted.
            SessionStateError: The feed is not open.
            SnapshotsError: It could not be committed: answer 503, so that imin may call again.
        """
        self._check_open()
        _check_customer(customer)
        await answered(self._snapshots.note((customer,), urgent=True, baseline=False))
        self._due.look_again()

    async def note_all(
        self, customers: Iterable[str] | AsyncIterable[str], *, baseline: bool = False
    ) -> None:
        """Have many customers read: all of yours, at night, for whatever a lost notification never told.

        Returns once all of them are committed; iterate meanwhile or afterwards.

        Args:
            customers: Identifiers, of any number: they are read lazily, and committed some hundred at a time.
            baseline: Take a first picture of those of whom nothing is known, without an update.

        Raises:
            InvalidRequest: The customers can't be iterated, or one can't be named by a request; those before
                it are noted.
            SessionStateError: The feed is not open.
            SnapshotsError: They could not be committed; those before them are.
        """
        self._check_open()
        if isinstance(customers, str | bytes) or not isinstance(customers, Iterable | AsyncIterable):
            raise InvalidRequest("the customers must be an iterable or async iterable, and not one text")
        batch: list[str] = []
        source = customers if isinstance(customers, AsyncIterable) else _asynchronously(customers)
        try:
            async for customer in source:
                _check_customer(customer)
                batch.append(customer)
                if len(batch) == AT_ONCE:
                    await self._note_batch(batch, baseline)
                    batch = []
        except InvalidRequest:
            await self._note_batch(batch, baseline)
            raise
        finally:
            if hasattr(source, "aclose"):
                await source.aclose()
        await self._note_batch(batch, baseline)

    async def _note_batch(self, batch: list[str], baseline: bool) -> None:
        self._check_open()
        if batch:
            await answered(self._snapshots.note(batch, urgent=False, baseline=baseline))
            self._due.look_again()

    async def snapshot(self, customer: str) -> SellerAccounts | None:
        """What is known of a customer: what the next reply is compared with. None where nothing is.

        Raises:
            SessionStateError: The feed is not open.
            SnapshotsError: It can't be read. Where ``reason`` is ``"damaged"``, ``forget`` mends it.
        """
        self._check_open()
        text = await answered(self._snapshots.load(customer))
        return None if text is None else Snapshot.loads(text).accounts

    async def forget(self, customer: str) -> None:
        """Erase what is kept of a customer: snapshot and note. What this feed is reading of them is dropped.

        What another process with the same snapshots is just reading may yet be delivered there, once; nothing
        of it is stored.

        Raises:
            SessionStateError: The feed is not open.
            SnapshotsError: It could not be erased, and nothing has changed.
        """
        self._check_open()
        await answered(self._snapshots.forget(customer))
        if (waiting := self._due.forget(customer)) is not None:
            self._finisher.give_back(waiting)

    # --- Updates ----------------------------------------------------------------------------------

    def __aiter__(self) -> "AsyncIterator[Update | Failed]":
        """The updates, without an end. One iteration at a time: a new one takes the place of one left early.

        Raises:
            AuthenticationError: From the iteration: imin answered 401, so no further read could succeed.
            RateLimited: From the iteration, as from ``get_many``.
            SnapshotsError: From the iteration: notes or snapshots can't be read or written. Damage to what is
                kept of one customer is a ``Failed`` instead.
            SessionStateError: From the iteration: the feed or its session is not open.
        """
        return _Updates(self._next, ends=False)

    def until_idle(self) -> "AsyncIterator[Update | Failed]":
        """The same, but it ends when nobody waits to be read, those who failed and come again included."""
        return _Updates(self._next, ends=True)

    async def _next(self, updates: "_Updates") -> Update | Failed:
        self._check_open()
        if self._step is not None:
            raise SessionStateError("another task waits for the feed's next update: iterate in one")
        self._step = step = asyncio.timeout(None)
        self._step_is_over.clear()
        try:
            async with step:
                await self._begin(updates)
                await self._acknowledge()
                while (delivery := self._next_kept()) is None:
                    await self._read()
                self._delivered = delivery
                return delivery.update
        except TimeoutError:
            if not step.expired():
                raise
            raise SessionStateError("the feed was closed") from None
        finally:
            self._step = None
            self._step_is_over.set()

    async def _begin(self, updates: "_Updates") -> None:
        """Make it the iteration that counts. What the one before was left with comes again."""
        if self._current is updates:
            return
        if updates.has_begun:
            raise SessionStateError("another iteration of the feed has begun: go on with that one")
        await to_its_end(self._put_back())
        updates.has_begun = True
        self._current = updates
        self._due.ends = updates.ends
        self._due.look_again()

    async def _put_back(self) -> None:
        """The consumer is not done with what it has: to wait behind everybody else, also after a restart."""
        await self._finisher.has_committed()
        if (delivered := self._delivered) is not None:
            if self._due.holds(delivered.read):
                await answered(self._snapshots.postpone([delivered.read.claim]))
                self._due.end([delivered.read.claim])
            self._delivered = None

    async def _acknowledge(self) -> None:
        """The consumer is done with what it has: the snapshot moves on, before anything else is delivered."""
        if (delivered := self._delivered) is not None:
            self._finisher.finish(delivered.read, delivered.snapshot)
            await self._finisher.has_committed()
            self._delivered = None
            if (error := self._due.error) is not None:
                self._kept.appendleft(delivered)
                await to_its_end(self._stop())
                raise error

    def _next_kept(self) -> _Delivery | None:
        while self._kept:
            delivery = self._kept.popleft()
            if not delivery.read.is_forgotten:
                return delivery
            self._finisher.give_back(delivery.read)
        return None

    async def _read(self) -> None:
        """Take the replies that there are, one at least, and keep those that are to be delivered."""
        try:
            while (outcome := await self._replies.next(wait=not self._found)) is not None:
                if (delivery := self._judged(outcome)) is not None:
                    self._found.append(delivery)
                if self._finisher.waiting > 4 * self._concurrency:
                    await self._finisher.has_committed()
            await to_its_end(self._keep_found())
        except asyncio.CancelledError:
            raise
        except BaseException:
            await to_its_end(self._stop())
            raise

    async def _keep_found(self) -> None:
        if replies := [(each.read.claim, each.reply) for each in self._found if each.reply is not None]:
            await answered(self._snapshots.keep(replies))
        self._kept += self._found
        self._found.clear()

    # --- What a read comes to ---------------------------------------------------------------------

    def _judged(self, outcome: Fetched | Failed) -> _Delivery | None:
        read = self._due.reads[outcome.customer]
        if read.is_forgotten:
            self._finisher.give_back(read)
            return None
        try:
            before, kept = loaded(read.claim)
        except SnapshotsError as damage:
            if damage.reason != "damaged":  # it may be so with all of them, and another release can read them
                raise
            return _Delivery(read, Failed(outcome.customer, None, damage.with_traceback(None)), None)
        if kept is not None:  # first what was to be delivered; the customer is read again after it
            news, known = compared(before, kept)
            return _Delivery(read, Update(outcome.customer, kept, news), known.dumps())
        if isinstance(outcome, Failed):
            return self._failed(read, outcome)
        try:
            news, known = compared(before, outcome.accounts)
        except InvalidRequest:  # a session that does not verify customers
            error = WrongCustomer("the reply is not about the customer asked for", status=200)
            return self._failed(read, Failed(outcome.customer, None, error))
        is_new = before is None or news or known.unreadable != before.unreadable
        text = known.dumps() if is_new else None
        if news and not (before is None and read.claim.baseline):
            reply = orjson.dumps(to_jsonld(outcome.accounts))
            return _Delivery(read, Update(outcome.customer, outcome.accounts, news), text, reply)
        self._finisher.finish(read, text)
        return None

    def _failed(self, read: Read, failed: Failed) -> _Delivery | None:
        read.tries += 1
        if isinstance(failed.error, NotFound | InvalidRequest) or read.tries >= self._retry.attempts:
            return _Delivery(read, failed, None)
        self._due.put_off(read, self._delay(read.tries, failed.error))
        return None

    def _delay(self, tries: int, error: IminError) -> float:
        """Seconds: full jitter below a bound that doubles, and at least what imin asked for."""
        asked_for = (error.retry_after if isinstance(error, ResponseError) else None) or 0.0
        return max(asked_for, self._pause(tries))

    def _pause(self, times: int) -> float:
        return self._random() * min(self._retry.maximum, self._retry.base * 2.0 ** min(times - 1, 64))

    async def _stop(self) -> None:
        """Read no further; who was not finished waits again."""
        try:
            await self._replies.stop()
        finally:
            await self._finisher.has_committed()
            self._finisher.clear()
            self._found.clear()
            kept = {each.read.claim.customer: each.read for each in self._kept}
            claims = [each for each in self._due.clear() if each.customer not in kept]
            self._due.reads.update(kept)
            await answered(self._snapshots.release(claims))


class _Updates:
    """One iteration over a feed."""

    def __init__(self, step: "Callable[[_Updates], Awaitable[Update | Failed]]", *, ends: bool) -> None:
        self._step = step
        self.ends = ends
        self.has_begun = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Update | Failed:
        return await self._step(self)


def _check_customer(customer: str) -> None:
    """Refuse whom no request can name."""
    accounts_request(BASE_URL, customer)


async def _asynchronously(customers: Iterable[str]) -> AsyncIterator[str]:
    for customer in customers:
        yield customer
