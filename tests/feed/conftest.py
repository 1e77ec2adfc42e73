"""What the tests of feeds share."""

from pathlib import Path

import pytest


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file for snapshots, not there yet."""
    return tmp_path / "accounts.db"
