"""The documentation builds without a warning, and shows what it should."""

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from tests.exported_names import MODULES
from tests.paths import DOCS, ROOT


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built pages. Every warning, an unknown reference too, fails the build."""
    pytest.importorskip("sphinx", reason="not installed: sphinx (dependency group `docs`)")
    pytest.importorskip("furo", reason="not installed: furo (dependency group `docs`)")
    pages = tmp_path_factory.mktemp("docs")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-n", str(DOCS), str(pages)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return pages


def test_every_exported_name_is_in_the_reference(built: Path) -> None:
    """Whatever can be imported from a public module can be looked up."""
    reference = "".join(page.read_text(encoding="utf-8") for page in (built / "reference").glob("*.html"))
    anchors = {anchor.rpartition(".")[2] for anchor in re.findall(r'id="(imin_accounts\.[\w.]+)"', reference)}
    names = {name for module in MODULES for name in getattr(import_module(module), "__all__", ())}
    assert sorted(names - anchors) == []


def test_the_shape_of_a_model_names_the_members(built: Path) -> None:
    """A model's table says how each field is called in JSON, in every spelling that is read."""
    page = (built / "reference" / "models.html").read_text(encoding="utf-8")
    for member in ("imin:evidenceRequests", "hasHiddenEntitlements", "imin:entitlementFilter"):
        assert member in page


def test_figures_stand_in_the_pages(built: Path) -> None:
    """Each figure is part of its page, with a title and a description for whoever can't see it."""
    for page, figure in (("index", "states"), ("howto/redirect", "flow"), ("explanation/layers", "layers")):
        html = (built / f"{page}.html").read_text(encoding="utf-8")
        assert f'<title id="{figure}-title">' in html
        assert f'<desc id="{figure}-desc">' in html
