"""What a session takes from the machine that it runs on: time, and dice."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

import attrs

from imin_accounts.errors import InvalidRequest

Clock = Callable[[], float]
"""Returns seconds."""
Sleep = Callable[[float], Awaitable[object]]
"""Waits for some seconds."""


def _is_callable(_: object, field: "attrs.Attribute[Any]", value: object) -> None:
    if not callable(value):
        raise InvalidRequest(f"{field.name} must be callable")


@attrs.frozen(kw_only=True)
class Runtime:
    """Clock, sleep and dice of a session: for tests, which then take no time and always go the same way.

    Attributes:
        clock: Monotonic seconds.
        sleep: Waits for some seconds.
        random: From 0 to below 1, for the jitter.
        wall_clock: Seconds since the epoch, for a ``Retry-After`` date in a reply without ``Date``.

    Raises:
        InvalidRequest: One of them can't be called.
    """

    clock: Clock = attrs.field(default=time.monotonic, validator=_is_callable)
    sleep: Sleep = attrs.field(default=asyncio.sleep, validator=_is_callable)
    random: Callable[[], float] = attrs.field(default=random.random, validator=_is_callable)
    wall_clock: Clock = attrs.field(default=time.time, validator=_is_callable)
