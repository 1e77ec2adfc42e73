"""What a bulk does when imin throttles it: wait, however long, then go at the rate that imin lets through.

A single call has somebody who waits for it, and so a deadline; a bulk has only to get done.
"""

import asyncio
import logging
import math
from collections.abc import Callable
from typing import TypeVar

from imin_accounts._wire.requests import Unkeyed
from imin_accounts.errors import IminError, ResponseError
from imin_accounts.session._attempt import Sender
from imin_accounts.session._call import Call
from imin_accounts.session._gate import Gate
from imin_accounts.session._retry import Event, RetryPolicy, event_of, next_delay
from imin_accounts.session._runtime import Runtime
from imin_accounts.transports.base import Response

T = TypeVar("T")
logger = logging.getLogger("imin_accounts")

LONG_HOLD = 10.0
"""Seconds; of a longer hold the log tells, since nothing else shows why nothing happens."""

PATIENCE = 900.0
"""Seconds for which a bulk waits while nobody gets through."""

_NO_REPLY = {Event.NOT_SENT, Event.NOT_TRUSTED, Event.LOST, Event.ENDED}


class Rate:
    """Requests per second, as far as refusals have shown what imin lets through: unlimited before the first.

    After a refusal it is 0.9 of what was let through just before. That is reckoned by the hold where it was
    longer than the sending: 25 at once and then "wait for 1 s" are 25 a second. From there it rises with the
    square of the time, so slowly at first, and is doubled after ``SLOW`` seconds, or after ``FAST`` where the
    figure was rough.
    """

    SHARE = 0.9
    SLOW, FAST = 30.0, 4.0
    SHORT_HOLD = 2.0
    """Seconds; to reckon by a shorter one is rough, since ``Retry-After`` has whole seconds."""
    ENOUGH = 5
    """Replies to measure by. Where fewer came, the time before the last refusal counts too."""
    AT_FIRST = 10.0
    """Where that is not enough either."""
    RECENT = 2.0
    """Seconds that a moving average looks back: the rate may have risen a lot since the last refusal."""

    def __init__(self) -> None:
        self._base = math.inf
        self._since = 0.0  # when that was
        self._doubled_after = self.SLOW
        self._through, self._seconds = 0, 0.0
        self._before = self._through, self._seconds
        self._recent = self._counted = 0.0

    def __call__(self, now: float) -> float:
        """The rate at ``now``."""
        return self._base * (1 + ((now - self._since) / self._doubled_after) ** 2)

    @property
    def is_unlimited(self) -> bool:
        """Whether nothing was refused yet."""
        return self._base == math.inf

    def count(self, now: float) -> None:
        """A request was let through."""
        self._through += 1
        self._recent = self._recent * math.exp((self._counted - now) / self.RECENT) + 1 / self.RECENT
        self._counted = now

    def pass_time(self, seconds: float) -> None:
        """For so long there was something to send."""
        self._seconds += seconds

    def is_shown_by(self, sent: float) -> bool:
        """Whether the refusal of a request sent then says anything of the rate in force."""
        return self.is_unlimited or sent >= self._since

    def adapt(self, now: float, held: float) -> None:
        """Take on what was measured up to now; for the last ``held`` seconds nothing was to be sent."""
        through, seconds, sending = self._through, self._seconds, self._seconds - held
        is_rough = held < self.SHORT_HOLD
        if through < self.ENOUGH:
            through, seconds = through + self._before[0], seconds + self._before[1]
            is_rough = is_rough or through < self.ENOUGH
            measured = through / max(seconds, 0.001) if through >= self.ENOUGH else self.AT_FIRST
        elif sending < held:
            measured = through / held
        else:
            is_rough = False
            measured = max(through / max(sending, 0.001), self._recent - 0.5 / self.RECENT)
        self._doubled_after = self.FAST if is_rough else self.SLOW
        self._base, self._since = self.SHARE * measured, now
        self._before = through, seconds
        self._through, self._seconds = 0, 0.0


class PacedSender:
    """Sends the requests of a session's bulks: in turn, at one ``Rate``, and again after a refusal."""

    def __init__(self, sender: Sender, gate: Gate, policy: RetryPolicy, runtime: Runtime) -> None:
        self._sender = sender
        self._gate = gate
        self._policy = policy
        self._clock = runtime.clock
        self._sleep = runtime.sleep
        self._random = runtime.random
        self._rate = Rate()
        self._turn = asyncio.Lock()
        self._due = -math.inf
        self._under_way = 0
        self._timed_until = 0.0
        self._refused_at: float | None = None  # by which the rate is to be adapted
        self._refusals = 0  # in a row
        self._open_at = -math.inf  # when a request was last not refused, or the first one of a bulk came
        self._told_until = -math.inf  # of which hold the log has told
        self._is_patient = True
        self._nap: asyncio.Timeout | None = None

    async def attempt(self, call: Call, request: Unkeyed, read: Callable[[Response], T]) -> T | IminError:
        """As ``Sender.attempt``, but refusals are waited out, for which the call's time stands still.

        Raises:
            RateLimited: Nobody gets through for ``PATIENCE``, or ``stop_waiting`` was called.
        """
        now = self._pass_time()
        if not self._under_way:
            self._open_at = now
        self._under_way += 1
        left = call.deadline - now
        try:
            while True:
                call.deadline = math.inf
                await self._wait(call)
                sent, before = self._clock(), len(call.attempts)
                call.deadline = sent + left
                outcome = await self._sender.attempt(call, request, read)
                event = event_of(outcome) if isinstance(outcome, IminError) else None
                if event is not Event.THROTTLED:
                    self._open_at, self._refusals = self._clock(), 0
                    if event not in _NO_REPLY:
                        self._rate.count(self._open_at)
                    return outcome
                if len(call.attempts) > before:  # else it met a hold at the gate
                    assert isinstance(outcome, ResponseError)
                    self._hold(outcome, sent)
        finally:
            self._pass_time()
            self._under_way -= 1

    def stop_waiting(self) -> None:
        """Let nobody wait for a turn any more."""
        self._is_patient = False
        if self._nap is not None and not self._nap.expired():
            self._nap.reschedule(asyncio.get_running_loop().time())

    def _hold(self, refusal: ResponseError, sent: float) -> None:
        self._gate.hold(next_delay(self._policy, self._refusals + 1, refusal, self._random()), refusal.status)
        if self._refused_at is None and self._rate.is_shown_by(sent):
            self._refused_at = self._clock()

    async def _wait(self, call: Call) -> None:
        if self._refused_at is None and self._rate.is_unlimited and self._gate.held_until <= self._clock():
            return
        await self._sender.within(call, self._wait_for_turn())

    async def _wait_for_turn(self) -> None:
        async with self._turn:
            outwaited = -math.inf
            while (until := max(self._gate.held_until, self._due)) > outwaited:  # a hold may be prolonged
                outwaited = await self._rest_until(until)
            now = self._pass_time()
            if self._refused_at is not None:
                self._rate.adapt(now, now - self._refused_at)
                self._refused_at, self._due = None, now
                self._refusals += 1
            interval = 1 / self._rate(now)
            self._due = max(self._due, now - interval / 2) + interval  # as ``Pacer`` does

    async def _rest_until(self, until: float) -> float:
        """Return until when that slept; raises ``RateLimited`` where nobody is to wait as long."""
        now, vain = self._clock(), self._open_at + PATIENCE
        self._tell_of_hold(now)
        if (seconds := min(until, vain) - now) > 0:
            if not self._is_patient:
                raise self._gate.refusal("nobody was to wait any longer")
            await self._rest(seconds)
        if vain <= until and vain == self._open_at + PATIENCE:
            raise self._gate.refusal(f"nobody got through for {PATIENCE / 60:.0f} minutes")
        return min(until, vain)

    async def _rest(self, seconds: float) -> None:
        self._nap = nap = asyncio.timeout(None)
        try:
            async with nap:
                await self._sleep(seconds)
        except TimeoutError:
            if not nap.expired():
                raise
            raise self._gate.refusal("nobody was to wait any longer") from None
        finally:
            self._nap = None

    def _tell_of_hold(self, now: float) -> None:
        until = self._gate.held_until
        if until > max(now, self._told_until) + LONG_HOLD:  # once, however many refusals prolong it a little
            self._told_until = until
            logger.warning("imin holds this session back for %.0f s", until - now)

    def _pass_time(self) -> float:
        now = self._clock()
        if self._under_way:
            self._rate.pass_time(now - self._timed_until)
        self._timed_until = now
        return now
