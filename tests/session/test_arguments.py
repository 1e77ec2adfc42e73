"""What a session is made of: an unusable part is refused when the session is made, by name."""

from typing import Any

import pytest

from imin_accounts.errors import InvalidRequest
from imin_accounts.session import AccountsSession, Runtime


@pytest.mark.parametrize(
    "wrong",
    [
        {"transport": 3},
        {"transport": object()},
        {"retry": None},
        {"retry": 3},
        {"on_attempt": "print"},
        {"runtime": None},
        {"runtime": {"clock": float}},
        {"timeout": 0},
        {"max_connections": 0},
        {"rate_limit": 0},
        {"base_url": None},
    ],
    ids=str,
)
def test_an_unusable_part_is_refused(wrong: dict[str, Any]) -> None:
    """Not at the first call, and not with somebody else's error."""
    with pytest.raises(InvalidRequest, match=next(iter(wrong))):
        AccountsSession("test-key", **wrong)


@pytest.mark.parametrize("name", ["clock", "sleep", "random", "wall_clock"])
def test_time_and_dice_must_be_callable(name: str) -> None:
    """A number in place of a clock is refused where it was written down."""
    with pytest.raises(InvalidRequest, match=name):
        Runtime(**{name: 1.0})  # type: ignore[arg-type]
