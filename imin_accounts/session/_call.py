"""What is told of a call: its attempts, the hook for each of them, one line in the log.

Only allow-listed facts: no URL, no header, no identifier and no word of a reply gets in here.
"""

import logging
from asyncio import CancelledError
from collections.abc import Callable
from inspect import iscoroutine
from typing import Any

from imin_accounts.errors import Attempt, DeadlineExceeded, IminError, ResponseError, TransportError
from imin_accounts.session._key import ApiKey
from imin_accounts.session._retry import RetryPolicy
from imin_accounts.transports.base import Response

logger = logging.getLogger("imin_accounts")

OnAttempt = Callable[[Attempt], object]
"""Called with an ``Attempt`` after each request."""


class Call:
    """One call of a caller: its deadline, and what its attempts came to.

    Attributes:
        attempts: What each attempt came to. Of most calls nobody asks, and an ``Attempt`` takes as long to
            make as a seller to read: ``told`` makes them.
        deadline: On the session's clock.
        refund: What the retry quota gets back if the call succeeds.
        retry: How often to try and how long to wait: the session's policy, or the call's own.
        in_bulk: Nobody waits for it, so it waits for as long as imin refuses everybody.
        in_doubt: A DELETE may have had an effect: unless the call comes to a result, nobody knows.
        key: What a callable gave for the last attempt; ``next_key`` what it gave for the next one already.
        was_rekeyed: It was asked once more because imin refused the key.
    """

    __slots__ = (
        *("attempts", "deadline", "in_bulk", "in_doubt", "key", "method", "next_key", "refund"),
        *("retry", "route", "started", "timeout", "was_rekeyed"),
    )

    def __init__(
        self,
        method: str,
        route: str,
        *,
        timeout: float,
        started: float,
        refund: int,
        retry: RetryPolicy,
        in_bulk: bool = False,
    ) -> None:
        self.method = method
        self.route = route
        self.timeout = timeout
        self.started = started
        self.deadline = started + timeout
        self.refund = refund
        self.retry = retry
        self.in_bulk = in_bulk
        self.in_doubt = self.was_rekeyed = False
        self.key: ApiKey | None = None
        self.next_key: ApiKey | None = None
        self.attempts: list[dict[str, Any]] = []

    def expired(self) -> DeadlineExceeded:
        """The error of a call whose time is over."""
        return DeadlineExceeded(self.timeout, maybe_sent=any(each.maybe_sent for each in self.told()))

    def told(self) -> tuple[Attempt, ...]:
        """The attempts, in order."""
        return tuple(
            Attempt(url_template=self.route, resend_count=number, **facts)
            for number, facts in enumerate(self.attempts)
        )

    def record(
        self,
        method: str,
        reply: Response | IminError,
        outcome: object,
        seconds: float,
        hook: OnAttempt | None,
    ) -> None:
        """Add an attempt, and tell ``hook`` of it; what the hook raises is logged and goes no further."""
        response = reply if isinstance(reply, Response) else None
        facts = {
            "method": method,
            "status": None if response is None else response.status,
            "error_type": _error_type(outcome) if isinstance(outcome, IminError) else None,
            "maybe_sent": reply.maybe_sent if isinstance(reply, TransportError) else response is not None,
            "seconds": seconds,
            "response_bytes": None if response is None else len(response.body),
        }
        self.attempts.append(facts)
        if hook is not None:
            try:
                if iscoroutine(answer := hook(self.told()[-1])):
                    answer.close()
                    raise TypeError("on_attempt must not be async: nobody awaits it")
            except Exception:  # whatever it is: a broken hook must not break a call
                logger.exception("on_attempt raised")

    def log(self, now: float) -> None:
        """One line at DEBUG: method, route, last status or error, attempts, milliseconds."""
        if logger.isEnabledFor(logging.DEBUG):
            last = self.told()[-1] if self.attempts else None
            logger.debug(
                "%s %s %s attempts=%d %.0f ms",
                self.method,
                self.route,
                "unsent" if last is None else last.status or last.error_type,
                len(self.attempts),
                (now - self.started) * 1000,
            )


def without_frames(error: BaseException) -> BaseException:
    """An interruption (``CancelledError``, ``KeyboardInterrupt``) without the frames that it came through.

    The key is a local of an HTTP client's, and crash reporters capture locals.
    """
    if isinstance(error, CancelledError):
        bare = CancelledError(*error.args)
        if isinstance(error.__context__, CancelledError):  # anyio looks there for the one that it began
            bare.__context__ = without_frames(error.__context__)
        return bare
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def _error_type(error: IminError) -> str:
    # OpenTelemetry's error.type: a status where there is one, else a word of low cardinality.
    match error:
        case ResponseError(status=status):
            return str(status)
        case TransportError(reason=reason):
            return reason
        case _:
            return type(error).__name__
