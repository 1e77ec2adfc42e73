"""One attempt of a call: key, gate, send, read, all of it against the clock. Decides nothing."""

import asyncio
import inspect
import math
from collections.abc import Awaitable, Callable
from typing import TypeVar

from imin_accounts._wire.requests import HEADERS, Unkeyed
from imin_accounts.errors import (
    IminError,
    InvalidRequest,
    RateLimited,
    ResponseError,
    SessionStateError,
    TransportError,
)
from imin_accounts.session._call import Call, OnAttempt
from imin_accounts.session._gate import Gate
from imin_accounts.session._key import ApiKey
from imin_accounts.session._runtime import Runtime
from imin_accounts.session._watch import Limit, Watch, was_cancelled
from imin_accounts.transports.base import Headers, Request, Response, Transport

T = TypeVar("T")
KeySource = Callable[[], str | Awaitable[str]]
"""Returns the API key, or an awaitable of it: asked before every attempt."""


class Sender:
    """Sends a session's requests, each once, and never for longer than its call has time.

    Time is enforced from outside the transport: one that trickles a byte now and then can't outlive
    it. At any moment a call has one timeout under way, which ``interrupt`` can end.
    """

    def __init__(
        self,
        runtime: Runtime,
        *,
        key: ApiKey | KeySource,
        gate: Gate,
        on_attempt: OnAttempt | None,
    ) -> None:
        self._key = key
        self._gate = gate
        self._clock = runtime.clock
        self._on_attempt = on_attempt
        self._watch = Watch()
        self._interrupted = False
        self.transport: Transport | None = None

    async def attempt(self, call: Call, request: Unkeyed, read: Callable[[Response], T]) -> T | IminError:
        """Send ``request`` once and ``read`` the reply.

        Returns:
            What ``read`` returned, or the error that the attempt ended in: ``RateLimited`` too where nothing
            was sent, since the hold outlasts the call. It is returned and not raised,
            so that Python does not chain it to what the transport raised, which may quote the key.

        Raises:
            DeadlineExceeded, SessionStateError, InvalidRequest: Before anything was sent.
        """
        key: ApiKey | RateLimited | KeySource = self._key
        if not isinstance(key, ApiKey) or not self._gate.enter_at_once():  # else there is nothing to wait for
            key = await self.within(call, self._admit(call))
            if isinstance(key, RateLimited):
                return key
        try:
            remaining = self.remaining(call)
            # A DELETE leaves half of the time, so that a re-read fits.
            patience = call.retry.attempt_timeout
            limit = min(patience, remaining / 2 if request.method == "DELETE" else remaining)
            started = self._clock()
            reply = await self._send(with_key(request, key), limit)
            seconds = self._clock() - started
        finally:
            self._gate.leave()
        outcome: T | IminError
        try:
            outcome = reply if isinstance(reply, IminError) else read(reply)
        except IminError as error:
            outcome = error.with_traceback(None)  # whose frames hold it, this one among them
        if isinstance(outcome, ResponseError) and key.reveal() in (outcome.request_id or ""):
            outcome.request_id = None  # a gateway that echoes what it got
        call.record(request.method, reply, outcome, seconds, self._on_attempt)
        if limit == remaining and isinstance(reply, TransportError) and reply.reason == "timeout":
            return call.expired()
        return outcome

    async def has_another_key(self, call: Call) -> bool:
        """Ask for the key once more in this call: whether it is another one, which the next attempt has.

        Raises:
            DeadlineExceeded, SessionStateError: As ``within`` does.
        """
        if isinstance(self._key, ApiKey) or call.was_rekeyed:
            return False
        call.was_rekeyed = True
        call.next_key = await self.within(call, _ask(self._key))
        return call.next_key != call.key

    async def within(self, call: Call, work: Awaitable[T]) -> T:
        """Await ``work`` for as long as the call has time.

        Raises:
            DeadlineExceeded: It has none left.
            SessionStateError: The session was closed meanwhile.
        """
        limit = Limit(self._watch, max(0.0, call.deadline - self._clock()))
        try:
            with limit:
                return await work
        except TimeoutError:
            if not limit.is_over:
                raise  # a TimeoutError of the key callable's own
        self.remaining(call)
        raise call.expired()

    def remaining(self, call: Call) -> float:
        """Seconds that the call has left; raises as ``within`` does."""
        if self._interrupted:
            raise SessionStateError("the session was closed during the call")
        remaining = call.deadline - self._clock()
        if remaining <= 0:
            raise call.expired()
        return remaining

    async def interrupt(self) -> None:
        """End every call that is under way, and return when they have let go of the transport."""
        self._interrupted = True
        self._watch.end_all()
        for _ in range(10):  # passes of the event loop; unwinding takes two or three
            if not self._watch.limits:
                break
            await asyncio.sleep(0)

    async def _admit(self, call: Call) -> ApiKey | RateLimited:
        if isinstance(self._key, ApiKey):
            key = self._key
        else:
            call.key = key = call.next_key or await _ask(self._key)
            call.next_key = None
        if key.fault is not None:
            raise InvalidRequest(key.fault)
        return await self._gate.enter(-math.inf if call.in_bulk else call.deadline) or key

    async def _send(self, request: Request, seconds: float) -> Response | IminError:
        assert self.transport is not None
        try:
            with Limit(self._watch, seconds):
                reply = await self.transport.send(request, timeout=seconds)
            if isinstance(reply, Response) and type(reply.status) is int:
                return reply
            reason, maybe_sent = "malformed", True
        except TransportError as error:  # made anew below: a transport's own may hang on what quotes the key
            reason, maybe_sent = error.reason, error.maybe_sent
        except SessionStateError as error:
            return SessionStateError(str(error))
        except TimeoutError:
            reason, maybe_sent = "closed" if self._interrupted else "timeout", True
        except asyncio.CancelledError:
            if was_cancelled():
                raise
            reason, maybe_sent = "cancelled", True
        except Exception as error:  # noqa: BLE001 - of a transport that breaks its contract no more is known
            reason, maybe_sent = type(error).__name__, True
        return TransportError(reason, maybe_sent=maybe_sent)


def with_key(request: Unkeyed, key: ApiKey) -> Request:
    """``request`` with its header fields, the API key among them: the last step before sending."""
    headers = Headers(HEADERS)
    headers["X-Api-Key"] = key.reveal()
    return Request(method=request.method, url=request.url, headers=headers, fresh=request.fresh)


async def _ask(source: KeySource) -> ApiKey:
    answer = source()
    return ApiKey(await answer if inspect.isawaitable(answer) else answer)
