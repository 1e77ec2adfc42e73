"""Every code block of the documentation runs, in order, as a reader would run it."""

import asyncio
import os
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from imin_accounts.fake import FakeImin, add_rosie
from tests.docs.page import DOCS, ROOT, Block, blocks, fits, run

PAGES = sorted(page for page in DOCS.rglob("*.rst") if any(blocks(page)))
EMULATOR = "http://127.0.0.1:8080"
ELSEWHERE = re.compile(r"(python3 -m venv|\. \.venv/|export |imin-accounts emulator$)")
"""Commands whose work is done already: an environment, and an emulated imin."""
INSTALL = re.compile(r"pip install '\.\[(\w+)\]'$")


class Reader:
    """Somebody who follows one page: a folder, a Python session, and the emulator as it stands."""

    def __init__(self, folder: Path, base_url: str) -> None:
        self.folder = folder
        self.base_url = base_url
        self.names: dict[str, Any] = {}

    async def follow(self, page: Path) -> None:
        """Run every block, and compare what it prints with what the page shows."""
        printed = ""
        for block in blocks(page):
            if block.language == "text":
                assert fits(printed.replace(self.base_url, EMULATOR), block.code), printed
            else:
                printed = await self._do(block)

    async def _do(self, block: Block) -> str:
        code = block.code.replace(EMULATOR, self.base_url)
        if block.file is not None:
            (self.folder / block.file).write_text(code, encoding="utf-8")
            return ""
        if block.language == "python":
            return await run(code, self.names)
        assert block.language == "sh", f"nobody knows how to run {block.language}"
        return "".join([await self._shell(line) for line in code.splitlines()])

    async def _shell(self, line: str) -> str:
        if ELSEWHERE.match(line):
            return ""
        if install := INSTALL.match(line):
            project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
            assert install[1] in project["optional-dependencies"]
            return ""
        process = await asyncio.create_subprocess_exec(
            *("bash", "-c", line),
            cwd=self.folder,
            env={
                **os.environ,
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                "PYTHONPATH": str(ROOT),
            },
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        printed = (await process.communicate())[0].decode()
        assert process.returncode == 0, f"{line}: {printed}"
        return printed


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(DOCS)) for page in PAGES])
async def test_a_reader_can_follow(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every block of the page runs, and prints what the page says it does."""
    fake = FakeImin()
    add_rosie(fake)
    async with fake.serve() as base_url:
        monkeypatch.setenv("IMIN_API_KEY", "test-key")
        monkeypatch.setenv("IMIN_BASE_URL", base_url)
        await Reader(tmp_path, base_url).follow(page)


def test_no_block_is_overlooked() -> None:
    """Every code block that Sphinx would find is one that is run here."""
    for page in DOCS.rglob("*.rst"):
        text = page.read_text(encoding="utf-8")
        assert text.count("code-block::") == len(list(blocks(page))), page
        assert not re.search(r"::\n\n {2}", re.sub(r"\.\. .*::.*", "", text)), f"{page}: an unnamed block"


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.rst")), ids=lambda page: page.stem)
def test_every_example_that_is_named_is_there(page: Path) -> None:
    """A file of the project that a page names exists."""
    named = re.findall(r"``((?:examples|imin_accounts)/[\w/.]+)``", page.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []
