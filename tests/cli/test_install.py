"""What to type to install an extra: something that works from where the package came."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import imin_accounts
from imin_accounts.cli._install import install_command
from tests.paths import PACKAGE, ROOT

ASK = "from imin_accounts.cli._install import install_command; print(install_command('parquet'))"


@pytest.mark.skipif(PACKAGE.parent != ROOT, reason="needs a checkout")
def test_from_a_checkout_the_checkout_is_installed() -> None:
    """No index has what somebody is working on."""
    assert install_command("parquet") == f"python -m pip install '.[parquet]' (in {ROOT})"


@pytest.mark.parametrize(
    ("origin", "command"),
    [
        (None, "python -m pip install 'imin-accounts[parquet]'"),
        (
            '{"url": "https://files.example/imin.whl", "archive_info": {}}',
            "python -m pip install 'imin-accounts[parquet]'",
        ),
        (
            f'{{"url": "{ROOT.as_uri()}", "dir_info": {{}}}}',
            f"python -m pip install '.[parquet]' (in {ROOT})",
        ),
        (
            '{"url": "file:///no/such/folder", "dir_info": {}}',
            "python -m pip install 'imin-accounts[parquet]'",
        ),
        ("no JSON", "python -m pip install 'imin-accounts[parquet]'"),
    ],
    ids=["an index", "a wheel", "a checkout", "a checkout that is gone", "a damaged record"],
)
def test_an_installed_package_knows_where_it_came_from(
    origin: str | None, command: str, tmp_path: Path
) -> None:
    """What pip writes down beside it says so."""
    package = Path(imin_accounts.__file__).parent
    shutil.copytree(
        package, tmp_path / "site" / "imin_accounts", ignore=shutil.ignore_patterns("__pycache__")
    )
    record = tmp_path / "site" / "imin_accounts-1.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: imin-accounts\nVersion: 1\n")
    if origin is not None:
        (record / "direct_url.json").write_text(origin)
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    ran = subprocess.run(
        [sys.executable, "-c", ASK], env=env, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == command
