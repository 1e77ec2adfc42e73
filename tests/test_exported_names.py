"""The names that other people's code depends on: exactly these, with these signatures."""

import subprocess
import sys
from pathlib import Path

import pytest

import imin_accounts
from tests.exported_names import MODULES, exported

SNAPSHOT = Path(__file__).with_name("exported_names.txt")


def test_nothing_exported_has_changed() -> None:
    """Public names, parameters and plain defaults are those of the snapshot."""
    renew = "on purpose? python -m tests.exported_names > tests/exported_names.txt, and CHANGELOG.md"
    assert exported() == SNAPSHOT.read_text(encoding="utf-8"), renew


def test_star_import_gives_exactly_the_public_names() -> None:
    """``from imin_accounts import *`` gives the names of ``__all__``, sorted there, and no other."""
    namespace: dict[str, object] = {}
    exec("from imin_accounts import *", namespace)
    assert sorted(namespace.keys() - {"__builtins__"}) == imin_accounts.__all__


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A name that the package does not have is refused as by any module."""
    with pytest.raises(AttributeError, match="module 'imin_accounts' has no attribute 'Session'"):
        imin_accounts.Session  # type: ignore[attr-defined]  # noqa: B018


def test_dir_lists_names_that_were_not_used_yet() -> None:
    """Completion in a shell finds the names before anything was loaded."""
    code = "import imin_accounts as i; assert {*i.__all__, '__version__'} <= {*dir(i)}"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("unneeded", ["aiohttp", "cattrs", "click", "rich"])
def test_importing_the_package_loads_nothing_heavy(unneeded: str) -> None:
    """``import imin_accounts`` and the name of an error need no HTTP client and no converter."""
    code = f"import sys, imin_accounts; imin_accounts.NotFound; sys.exit({unneeded!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_public_module_is_an_attribute() -> None:
    """``imin_accounts.errors.NotFound`` works after ``import imin_accounts``, as type checkers have it."""
    modules = [name.partition(".")[2] for name in MODULES if name.count(".") == 1]
    modules.remove("pytest_plugin")  # pytest's, not a program's
    code = f"import imin_accounts\nfor name in {modules}: getattr(imin_accounts, name)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
