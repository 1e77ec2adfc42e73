"""What the service tells a broker unasked: that something changed for a customer, never what. No HTTP.

imin's page on webhooks names the causes: a Seller account was disconnected; customer details, an access pass
or hidden entitlements changed in one; an entitlement was removed after rejected evidence. The call is a POST
with an ``X-Api-Key`` that was agreed beforehand, which is not the broker's own.
"""

import heapq
import json
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import count
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import attrs

from imin_accounts.fake._notification_rules import Duplicated, Lost, NotificationEffect, Reordered, WrongKey
from imin_accounts.fake._validation import number

__all__ = ["NOTIFICATION_KEY", "Notify", "Outbox", "WebhookCall"]

NOTIFICATION_KEY = "test-notification-key"
"""The key of the emulator's notifications where none was agreed."""
ACCOUNT = "/api/v2/customer-accounts/"
_KEPT = 100_000
_LATEST = 1e9  # seconds; the calendar ends somewhere
_WRONG_KEYS = ("wrong-key", "another-wrong-key")


def _url(_: object, __: object, url: Any) -> None:
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except (AttributeError, TypeError, ValueError):
        good = False
    if not good or not all("!" <= c <= "~" for c in url):
        raise ValueError("url must be an absolute http(s) URL in ASCII")


def _key(_: object, __: object, key: Any) -> None:
    if not isinstance(key, str) or not key or not all("!" <= c <= "~" for c in key):
        raise ValueError("key must be printable ASCII without spaces, and not empty")


@attrs.frozen(init=False)
class Notify:
    """Where a served emulator posts its notifications.

    Each is posted once, whatever the answer: imin's pages promise no second try, so the emulator makes none.
    Redirects are not followed. They go one after the other, in order. Where the receiver is down, slow or
    silent they wait for it, the newest 100,000 of them, while everything else goes on; what still waits when
    serving ends is lost.

    Attributes:
        url: The broker's webhook, http or https.
        key: What ``X-Api-Key`` carries: a secret between imin and the broker, not the broker's API key.
        timeout: Seconds to wait for an answer.

    Raises:
        ValueError: A value can't be; its text holds none.
    """

    url: str = attrs.field(validator=_url, repr=False)
    key: str = attrs.field(default=NOTIFICATION_KEY, validator=_key, repr=False)
    timeout: float = attrs.field(default=10.0, validator=number(0.001), kw_only=True)

    def __init__(self, url: str, key: str = NOTIFICATION_KEY, *, timeout: float = 10.0) -> None:
        wrong = ""
        try:
            self.__attrs_init__(url, key, timeout=timeout)
        except ValueError as error:
            wrong = str(error)
        del url, key  # else a traceback that captures locals would show them
        if wrong:
            raise ValueError(wrong)


class WebhookCall(NamedTuple):
    """A notification as a web framework would hand it to the route. Its repr shows neither key nor customer.

    Attributes:
        headers: By name.
        body: JSON-LD.
    """

    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"<WebhookCall: {len(self.body)} bytes>"


class Outbox:
    """The notifications for one receiver, in the order in which they are to be sent.

    Whoever uses it holds the service's lock.

    Args:
        base: What a customer's ``@id`` starts with.
        now: The service's present.
        kept: Of more than so many that wait the oldest are dropped.
        wake: Called whenever there may be something to send.
    """

    def __init__(
        self,
        base: str,
        key: str,
        *,
        now: Callable[[], datetime],
        kept: int = _KEPT,
        wake: Callable[[], object] = lambda: None,
    ) -> None:
        self._base = base
        self._key = key
        self._now = now
        self._kept = kept
        self.wake = wake
        self._numbers = count()
        self.clear()

    def clear(self) -> None:
        """Send nothing of what waits."""
        self._waiting: list[tuple[datetime, int, WebhookCall]] = []
        self._held: deque[tuple[datetime, WebhookCall]] = deque()

    def put(self, customer: str, effect: NotificationEffect | None = None, *, late: float = 0.0) -> None:
        """Something changed for ``customer``: let it be told so, but for ``effect``."""
        if isinstance(effect, Lost):
            return
        call, due = self._call(customer, effect), self._now() + timedelta(seconds=min(late, _LATEST))
        if isinstance(effect, Reordered):
            self._held.append((due + timedelta(seconds=effect.seconds), call))
            while len(self._held) > self._kept:
                self._held.popleft()
        else:
            for _ in range(effect.times if isinstance(effect, Duplicated) else 1):
                self._add(due, call)
            while self._held:
                self._add(due, self._held.popleft()[1])
        self.wake()

    def pop(self, *, early: bool = False) -> WebhookCall | None:
        """The next one to be sent; None where none is due.

        Args:
            early: Whether the time of the first one counts as come: somebody has slept until then.
        """
        now = self._now()
        if early and (first := self._first_due()):
            now = max(now, first)
        for held in [each for each in self._held if each[0] <= now]:
            self._held.remove(held)
            self._add(*held)
        if self._waiting and self._waiting[0][0] <= now:
            return heapq.heappop(self._waiting)[2]
        return None

    def seconds(self) -> float | None:
        """How long until the next one is due; None where none waits."""
        first = self._first_due()
        return None if first is None else max(0.0, (first - self._now()).total_seconds())

    def _first_due(self) -> datetime | None:
        return min([due for due, _, _ in self._waiting[:1]] + [due for due, _ in self._held], default=None)

    def _add(self, due: datetime, call: WebhookCall) -> None:
        heapq.heappush(self._waiting, (due, next(self._numbers), call))
        if len(self._waiting) > self._kept:
            heapq.heappop(self._waiting)

    def _call(self, customer: str, effect: NotificationEffect | None) -> WebhookCall:
        headers = {"Content-Type": "application/json", "X-Api-Key": self._key}
        if isinstance(effect, WrongKey):
            headers["X-Api-Key"] = next(key for key in _WRONG_KEYS if key != self._key)
            if effect.absent:
                del headers["X-Api-Key"]
        members = {
            "@context": "https://openactive.io/",
            "@type": "CustomerAccount",
            "@id": self._base + ACCOUNT + quote(customer, safe="", errors="replace"),
            "identifier": customer,
        }
        return WebhookCall(headers, json.dumps(members).encode())
