"""Where things are in the checkout, so that a test can move."""

from pathlib import Path

import imin_accounts

ROOT = Path(__file__).parent.parent
PACKAGE = Path(imin_accounts.__file__).resolve().parent
"""Of the checkout, or an installed one."""
DOCS = ROOT / "docs"
EXAMPLES = ROOT / "examples"
SAMPLES = ROOT / "tests" / "samples"
"""Replies of imin's, each named for the state that it shows."""
