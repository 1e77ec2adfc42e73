"""What an installer reads: one version, declared dependencies, one home for each tool's settings."""

import ast
import configparser
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import imin_accounts
from tests.core_size import sizes
from tests.paths import PACKAGE, ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]


def names(requirements: list[str]) -> set[str]:
    """The modules that requirements bring, for those of ours that are named like their module."""
    return {re.split(r"[^\w-]", requirement)[0].lower() for requirement in requirements}


def foreign_imports(file: Path) -> Iterator[str]:
    """The top-level names of what ``file`` imports, wherever in it, that is neither ours nor Python's."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        found = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        found += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in found:
            top = name.partition(".")[0]
            if top not in sys.stdlib_module_names and top != "imin_accounts":
                yield top


def test_the_version_has_one_place() -> None:
    """The build reads the file that the package reads, and nothing else states a version."""
    place = PACKAGE.parent / PROJECT["tool"]["hatch"]["version"]["path"]
    assert place.read_text(encoding="utf-8") == f'__version__ = "{imin_accounts.__version__}"\n'
    assert "version" in PROJECT["project"]["dynamic"]
    others = [file for file in PACKAGE.rglob("*.py") if file != place]
    assert [file for file in others if "__version__ =" in file.read_text(encoding="utf-8")] == []


def test_the_core_needs_five_packages_at_most() -> None:
    """Whoever installs the library gets these and what they need."""
    assert names(PROJECT["project"]["dependencies"]) == {"aiohttp", "attrs", "cattrs", "orjson", "yarl"}


def test_the_core_stays_small() -> None:
    """The limit is what it takes today and a little: whoever raises it says why in the commit."""
    assert sum(sizes().values()) <= 5_850


@pytest.mark.parametrize(
    "file", sorted(PACKAGE.rglob("*.py")), ids=lambda file: str(file.relative_to(PACKAGE))
)
def test_what_is_imported_is_declared(file: Path) -> None:
    """The core imports its dependencies alone, the fake also its extra, the command line also its own."""
    declared = names(PROJECT["project"]["dependencies"])
    if {"fake", "cli"} & {*file.parts}:
        declared |= names(EXTRAS["emulator"])
    if "cli" in file.parts:
        declared |= {name for extra in EXTRAS for name in names(EXTRAS[extra]) if extra != "test"}
    if file.name == "pyreqwest.py":
        declared |= names(EXTRAS["pyreqwest"])
    if file.name == "pytest_plugin.py":
        declared |= {"pytest"}
    assert {*foreign_imports(file)} - declared == set()


WITHOUT_PYREQWEST = """
import sys
sys.modules["pyreqwest"] = None  # as Python has it where an import is to fail
from imin_accounts import transports
assert "PyreqwestTransport" in dir(transports)
try:
    from imin_accounts.transports import PyreqwestTransport
except ImportError as error:
    print(error)
"""


def test_the_second_transport_says_which_extra_it_needs() -> None:
    """Its module is loaded when it is asked for, and everything else works without what it needs."""
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_PYREQWEST], capture_output=True, text=True, check=True, timeout=60
    )
    assert "pip install 'imin-accounts[pyreqwest]'" in run.stdout
    assert "'.[pyreqwest]'" in run.stdout


def test_no_tool_has_settings_in_two_files() -> None:
    """With tables in both files pytest and mypy silently obey the one, coverage the other."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    there = {re.split("[:-]", section.removeprefix("tool:"))[0] for section in setup.sections()}
    assert there & PROJECT["tool"].keys() == set()


def test_readme_has_no_relative_link_on_a_package_index() -> None:
    """There is no checkout beside it: each link and picture leads into the repository, to what is there."""
    hook = PROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    relative = re.findall(r'\]\((?!https?:|#)([^)]+)\)|src="(?!https?:)([^"]+)"', text)
    assert [path for path in map("".join, relative) if not (ROOT / path).exists()] == []
    for each in hook["substitutions"]:
        text = re.sub(each["pattern"], each["replacement"], text)
    assert re.findall(r"\]\((?!https://|#)|src=\"(?!https://)", text) == []


def test_types_are_shipped() -> None:
    """Type checkers of the package's users read its annotations."""
    assert (PACKAGE / "py.typed").is_file()
