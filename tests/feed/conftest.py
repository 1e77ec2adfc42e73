"""What the tests of feeds share."""

from pathlib import Path

import pytest

from tests.feed.imin import HeldImin


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file for snapshots, not there yet."""
    return tmp_path / "accounts.db"


@pytest.fixture
def imin() -> HeldImin:
    """With two customers, of whom nobody is connected."""
    held = HeldImin()
    held.add("abc", "xyz")
    return held
