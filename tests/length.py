"""How long tests search: with ``CI_LONG=1`` at full size, and with ``CI_SEARCH`` elsewhere each time."""

import os

from hypothesis import HealthCheck, settings

LONG = os.environ.get("CI_LONG") == "1"
"""Whether to prove things at their full size."""


def set_hypothesis_up() -> None:
    """Random documents are the same each time: a run that falls does so for what was changed.

    With ``CI_SEARCH`` they are others each time, to find what those don't.
    """
    ordinary = settings(
        max_examples=50, derandomize="CI_SEARCH" not in os.environ, deadline=None, database=None
    )
    settings.register_profile("ordinary", ordinary)
    settings.register_profile(
        "long", ordinary, max_examples=2000, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile("long" if LONG else "ordinary")
