"""One call for each of many inputs, so many at a time. Knows no HTTP: it is given what to call.

Why a context manager and not an async generator: a generator that is left early cleans up when it is
garbage-collected, if ever (https://peps.python.org/pep-0789/). Why one task reads, and does nothing else:
the inputs may come from what is bound to a task and its context, such as a timeout, a task group or a token
of a ``ContextVar``.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from functools import partial
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from imin_accounts.errors import (
    AuthenticationError,
    IminError,
    InvalidRequest,
    RateLimited,
    SessionStateError,
)
from imin_accounts.results import Deleted, Deletion, Failed, Fetched

T = TypeVar("T")
Input = TypeVar("Input")
Outcome = TypeVar("Outcome")


async def fetched(get: Callable[[str], Awaitable[Any]], customer: str) -> Fetched | Failed:
    """What ``get`` comes to for one customer. Raises an error that is not this customer's own."""
    try:
        return Fetched(customer, await get(customer))
    except IminError as error:
        return Failed(customer, None, _own(error))


async def deleted(
    delete: Callable[[str, str], Awaitable[Deletion]], pair: tuple[str, str]
) -> Deleted | Failed:
    """What ``delete`` comes to for one pair. Raises an error that is not this pair's own."""
    match pair:
        case (customer, seller):
            pass
        case _:
            return Failed(pair, None, InvalidRequest("each input must be a pair: customer and seller"))
    try:
        return Deleted(customer, seller, await delete(customer, seller))
    except IminError as error:
        return Failed(customer, seller, _own(error))


def _own(error: IminError) -> IminError:
    match error:
        case SessionStateError() | AuthenticationError(status=401) | RateLimited():
            raise error
        case _:
            return error.with_traceback(None)  # its frames would keep requests and replies in memory


class Outcomes(Generic[Input, Outcome]):
    """The outcome of a call for each of ``inputs``, in the order in which the calls end.

    Args:
        inputs: What to call for. Read lazily and closed, all of it in one task.
        call: Returns the outcome for one input; what it raises ends the iteration.
        concurrency: Inputs at most that were read and whose outcomes were not yet taken.

    Raises:
        InvalidRequest: ``inputs`` can't be iterated, or is one text; ``concurrency`` is no positive int.
    """

    def __init__(
        self,
        inputs: Iterable[Input] | AsyncIterable[Input],
        call: Callable[[Input], Awaitable[Outcome]],
        *,
        concurrency: int,
    ) -> None:
        if isinstance(inputs, str | bytes) or not isinstance(inputs, Iterable | AsyncIterable):
            raise InvalidRequest("the inputs must be an iterable or async iterable, and not one text")
        if isinstance(concurrency, bool) or not isinstance(concurrency, int) or concurrency < 1:
            raise InvalidRequest("concurrency must be an int of at least 1")
        self._inputs = inputs
        self._call = call
        self._concurrency = concurrency
        self._entered = self._stopped = self._gave_up = False
        self._calls = set[asyncio.Task[None]]()
        self._running = 0  # the calls, and the reader
        self._reader: asyncio.Task[Any] | None = None  # while it waits, and so may be cancelled
        self._ahead = 0
        self._ready = deque[Outcome]()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._error: BaseException | None = None
        self._closing_error: BaseException | None = None

    async def __aenter__(self) -> AsyncIterator[Outcome]:
        if self._entered:
            raise SessionStateError("entered before: ask the session for new outcomes")
        self._entered = True
        self._reading = self._start(self._read())  # kept: the event loop alone would let it be collected
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._give_up(SessionStateError("left before: ask the session for new outcomes"))
        cancelled: asyncio.CancelledError | None = None
        while self._running:
            try:
                await self._wait_for_news()
            except asyncio.CancelledError as again:
                cancelled = again
        self._ready.clear()
        try:
            if self._closing_error is not None:
                raise self._closing_error
        finally:
            if cancelled is not None:  # the very one that came: by its text anyio knows its own scope's
                raise cancelled

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome:
        if not self._entered:
            raise SessionStateError("not entered: use `async with session.get_many(...) as outcomes`")
        while not self._ready:
            if not self._running:
                if isinstance(self._error, StopAsyncIteration):  # raised here it would say that all is done
                    raise RuntimeError(
                        "the inputs, the key callable or the limiter raised it"
                    ) from self._error
                raise StopAsyncIteration if self._error is None else self._error
            await self._wait_for_news()
        self._ahead -= 1
        self._room.set()
        return self._ready.popleft()

    def stop(self, error: BaseException | None = None) -> None:
        """Read no further. ``error`` is raised after the outcomes, unless there is one already."""
        if self._error is None:
            self._error = error
        if not self._stopped:
            self._stopped = True
            if self._reader is not None:
                self._reader.cancel()

    async def _wait_for_news(self) -> None:
        self._news.clear()
        await self._news.wait()

    # --- Reading ----------------------------------------------------------------------------------

    async def _read(self) -> None:
        source = None
        thrown: asyncio.CancelledError | None = None
        try:
            source = _Source(self._inputs)
            while not self._stopped:
                try:
                    await self._interruptibly(self._wait_for_room())
                except asyncio.CancelledError as error:
                    if self._stopped:
                        break
                    thrown = error  # by a timeout or a scope in the source, which has to see it there
                item = await self._interruptibly(source.read(thrown))
                thrown = None
                if not self._stopped:
                    self._ahead += 1
                    self._calls.add(self._start(self._answer(item)))
        except _Exhausted:
            self.stop()
        except BaseException as error:  # noqa: BLE001 - raised to the consumer, in its turn
            if not self._stopped:
                self.stop(error)
            elif not isinstance(error, asyncio.CancelledError):
                self._closing_error = error
        try:
            if source is not None:
                await source.aclose()
        except BaseException as error:  # noqa: BLE001 - raised on leaving
            self._closing_error = error

    async def _interruptibly(self, step: Awaitable[T]) -> T:
        """Await ``step``; meanwhile ``stop`` cancels the reader. Closing the source nobody cancels."""
        self._reader = asyncio.current_task()
        try:
            return await step
        finally:
            self._reader = None

    async def _wait_for_room(self) -> None:
        if self._ahead % 256 == 0:  # with room for a million, a source that never waits would stall the loop
            await asyncio.sleep(0)
        while self._ahead >= self._concurrency:
            self._room.clear()
            await self._room.wait()

    # --- Calling ----------------------------------------------------------------------------------

    async def _answer(self, item: Input) -> None:
        try:
            self._ready.append(await self._call(item))
        except (SessionStateError, RateLimited) as error:
            self.stop(error)  # other calls are not cancelled: a DELETE under way may yet be confirmed
        except BaseException as error:
            self._give_up(error)
            if not isinstance(error, Exception | asyncio.CancelledError):
                raise

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        self._running += 1
        task = asyncio.create_task(work)
        task.add_done_callback(self._end)
        return task

    def _end(self, task: asyncio.Task[None]) -> None:
        self._running -= 1
        self._calls.discard(task)
        self._news.set()
        if task.cancelled():  # before it began, or else it would have caught that
            self._give_up(asyncio.CancelledError())

    def _give_up(self, error: BaseException) -> None:
        """Read no further, and end the calls that are under way."""
        self.stop(error)
        if not self._gave_up:  # cancelled twice, a call could not finish its own cleaning up
            self._gave_up = True
            for task in self._calls:
                task.cancel()


class _Exhausted(Exception):
    """There is no further input."""


class _Source(Generic[Input]):
    """Inputs, sync or async, to be read and closed in one task."""

    def __init__(self, inputs: Iterable[Input] | AsyncIterable[Input]) -> None:
        self._is_async = isinstance(inputs, AsyncIterable)
        self._end: type[Exception] = StopAsyncIteration if self._is_async else StopIteration
        self._iterator: Any = aiter(inputs) if isinstance(inputs, AsyncIterable) else iter(inputs)

    async def read(self, thrown: BaseException | None) -> Any:
        """The next input; ``thrown``, if not None, is raised before where the source has stopped.

        Raises:
            _Exhausted: There is none.
        """
        step: Callable[..., Any] = partial(anext if self._is_async else next, self._iterator)
        if thrown is not None:
            throw = getattr(self._iterator, "athrow" if self._is_async else "throw", None)
            if throw is None:
                raise thrown
            step = partial(throw, thrown)
        try:
            return await step() if self._is_async else step()
        except self._end:
            raise _Exhausted from None

    async def aclose(self) -> None:
        own: BaseException | None = None
        try:
            if self._is_async and hasattr(self._iterator, "aclose"):
                await self._iterator.aclose()
            elif not self._is_async and hasattr(self._iterator, "close"):
                self._iterator.close()
        except BaseExceptionGroup as group:  # a task group around a `yield` takes being closed for an error
            own = group.split(GeneratorExit)[1]
        if own is not None:
            raise own
