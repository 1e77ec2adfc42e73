"""What may go wrong with a notification, as the effect of a ``Rule``."""

from typing import TypeAlias, get_args

import attrs

from imin_accounts.fake._validation import flag, number

__all__ = [
    "NOTIFICATION_EFFECTS",
    "Duplicated",
    "Late",
    "Lost",
    "NotificationEffect",
    "Reordered",
    "WrongKey",
]


@attrs.frozen
class Lost:
    """Send none."""


@attrs.frozen
class Duplicated:
    """Send it several times in a row.

    Attributes:
        times: 2 or more.
    """

    times: int = attrs.field(default=2, validator=number(2, 1000, whole=True))


@attrs.frozen
class Late:
    """Send it late.

    Attributes:
        seconds: 0 or more, by the emulator's time.
    """

    seconds: float = attrs.field(validator=number(0))


@attrs.frozen
class Reordered:
    """Send it after the next one that is not itself to be sent so.

    Attributes:
        seconds: How long to wait for that one.
    """

    seconds: float = attrs.field(default=60.0, validator=number(0))


@attrs.frozen(kw_only=True)
class WrongKey:
    """Send it as somebody would who does not know the key.

    Attributes:
        absent: Whether it carries no key at all, instead of a wrong one.
    """

    absent: bool = attrs.field(default=False, validator=flag())


NotificationEffect: TypeAlias = Lost | Duplicated | Late | Reordered | WrongKey
NOTIFICATION_EFFECTS: tuple[type[NotificationEffect], ...] = get_args(NotificationEffect)
