"""The emulator under schemathesis, which knows nothing but its description; or skipped."""

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from imin_accounts.fake import FakeImin, add_people, add_rosie
from tests.length import LONG
from tests.paths import ROOT

CONFIG = ROOT / "tests" / "contract" / "schemathesis.toml"


@pytest.mark.parametrize("config", [(), ("--config-file", str(CONFIG))], ids=["anybody", "rosie"])
async def test_schemathesis_finds_nothing(config: tuple[str, ...], tmp_path: Path) -> None:
    """No undocumented status, type or body, no 405 without its header, no nonsense that is taken."""
    program = shutil.which("schemathesis", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("not installed: schemathesis (dependency group `contract`)")
    fake = FakeImin(seed=1)
    add_rosie(fake)
    add_people(fake, sellers=6, customers=20)
    async with fake.serve() as base:
        command = [
            *(program, *config, "run", f"{base}/openapi.json", "--url", base, "-H", "X-Api-Key: test-key"),
            *("--seed", "1", "--max-examples", "1000" if LONG else "40", "--no-color"),
            *("--generation-database", "none"),
        ]
        run = await asyncio.create_subprocess_exec(
            *command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        said, _ = await run.communicate()
    print(said.decode())
    statuses = {request.status for request in fake.requests}
    assert run.returncode == 0, said.decode()
    assert {401, 404, 405} <= statuses
    assert not config or {200, 204, 400} <= statuses
