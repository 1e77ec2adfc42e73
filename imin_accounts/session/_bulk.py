"""One call for each of many inputs, by a few workers. Knows no HTTP: it is given what to call.

Why a context manager and not an async generator: a generator that is left early cleans up when it is
garbage-collected, if ever (https://peps.python.org/pep-0789/). Why workers and not a task for each
input: a million inputs then take the memory of a few.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
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
        case SessionStateError() | AuthenticationError(status=401) | RateLimited(attempts=()):
            raise error
        case _:
            return error.with_traceback(None)  # its frames would keep requests and replies in memory


class Outcomes(Generic[Input, Outcome]):
    """The outcome of a call for each of ``inputs``, in the order in which the calls end.

    Args:
        inputs: What to call for. Read lazily, and closed on leaving.
        call: Returns the outcome for one input; what it raises ends the iteration. Only a
            ``RateLimited`` that made no attempt does not: the input waits until the hold is over.
        concurrency: Inputs at most that were read and whose outcomes were not yet taken.
        sleep: Waits for some seconds.

    Raises:
        InvalidRequest: ``inputs`` can't be iterated, or is one text; ``concurrency`` is no positive int.
    """

    def __init__(
        self,
        inputs: Iterable[Input] | AsyncIterable[Input],
        call: Callable[[Input], Awaitable[Outcome]],
        *,
        concurrency: int,
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        if isinstance(inputs, str | bytes) or not isinstance(inputs, Iterable | AsyncIterable):
            raise InvalidRequest("the inputs must be an iterable or async iterable, and not one text")
        if isinstance(concurrency, bool) or not isinstance(concurrency, int) or concurrency < 1:
            raise InvalidRequest("concurrency must be an int of at least 1")
        self._source = _Source(inputs)
        self._call = call
        self._concurrency = concurrency
        self._sleep = sleep
        self._workers: list[asyncio.Task[None]] | None = None
        self._running = 0
        self._gave_up = False
        self._ready = deque[Outcome]()
        self._news = asyncio.Event()
        self._window = asyncio.Semaphore(concurrency)

    async def __aenter__(self) -> AsyncIterator[Outcome]:
        if self._workers is not None:
            raise SessionStateError("entered before: ask the session for new outcomes")
        self._running = self._concurrency
        self._workers = [asyncio.create_task(self._work()) for _ in range(self._concurrency)]
        for worker in self._workers:
            worker.add_done_callback(self._end)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._give_up(SessionStateError("left before: ask the session for new outcomes"))
        try:
            await asyncio.gather(*self._workers or (), return_exceptions=True)
        finally:
            self._ready.clear()
            await self._source.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome:
        if self._workers is None:
            raise SessionStateError("not entered: use `async with session.get_many(...) as outcomes`")
        while not self._ready:
            if not self._running:
                raise self._source.error or StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        self._window.release()
        return self._ready.popleft()

    async def _work(self) -> None:
        try:
            await self._window.acquire()
            async for item in self._source:
                self._ready.append(await self._outcome(item))
                self._news.set()
                if self._source.stopped:  # there is no next input to wait for room for
                    break
                await self._window.acquire()
        except SessionStateError as error:
            self._source.stop(error)  # other calls are not cancelled: a DELETE under way may yet be confirmed
        except BaseException as error:
            self._give_up(error)
            raise

    async def _outcome(self, item: Input) -> Outcome:
        while True:
            try:
                return await self._call(item)
            except RateLimited as held_back:
                seconds = held_back.retry_after or 0.0
            await self._sleep(seconds)

    # A callback, and not the end of ``_work``: a worker that is cancelled before it began never runs that.
    def _end(self, _: asyncio.Task[None]) -> None:
        self._running -= 1
        self._news.set()

    def _give_up(self, error: BaseException) -> None:
        self._source.stop(error)
        if not self._gave_up:  # cancelled twice, a call could not finish its own cleaning up
            self._gave_up = True
            for worker in self._workers or ():
                worker.cancel()


class _Source(Generic[Input]):
    """The inputs, read one at a time by the workers that share them, until ``stopped``.

    ``error`` is what stopped them; None where they simply came to their end.
    """

    stopped = False
    error: BaseException | None = None

    def __init__(self, inputs: Iterable[Input] | AsyncIterable[Input]) -> None:
        self._is_async = isinstance(inputs, AsyncIterable)
        self._iterator: Any = aiter(inputs) if isinstance(inputs, AsyncIterable) else iter(inputs)
        self._turn = asyncio.Lock()  # an async generator can't serve two at a time

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Input:
        try:
            if not self.stopped:
                item: Input = await self._next_in_turn() if self._is_async else next(self._iterator)
                return item
        except (StopIteration, StopAsyncIteration):
            self.stop()
        except Exception as error:  # noqa: BLE001 - raised to the consumer, in its turn
            self.stop(error)
        raise StopAsyncIteration

    async def _next_in_turn(self) -> Any:
        async with self._turn:
            if self.stopped:
                raise StopAsyncIteration
            return await anext(self._iterator)

    def stop(self, error: BaseException | None = None) -> None:
        self.stopped = True
        self.error = self.error or error

    async def aclose(self) -> None:
        if self._is_async and hasattr(self._iterator, "aclose"):
            await self._iterator.aclose()
        elif not self._is_async and hasattr(self._iterator, "close"):
            self._iterator.close()
