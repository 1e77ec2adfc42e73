"""Where things are in the checkout, so that a test can move."""

from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
EXAMPLES = ROOT / "examples"
SAMPLES = ROOT / "tests" / "samples"
"""Replies of imin's, each named for the state that it shows."""
