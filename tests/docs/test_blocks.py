"""Every code block of the documentation runs, in order, as a reader would run it."""

import asyncio
import os
import re
import shutil
import sys
import tomllib
from asyncio.subprocess import Process
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from imin_accounts.fake import FakeImin, add_rosie
from tests.docs.page import Block, blocks, fits, run
from tests.examples.web_service import skip_if_missing
from tests.paths import DOCS, ROOT
from tests.ports import free_port

LANDING = DOCS / "index.rst"
PAGES = [ROOT / "README.md", *sorted(page for page in DOCS.rglob("*.rst") if any(blocks(page)))]
BESIDE_EMULATOR = {page for page in PAGES if "<emulator>`" in page.read_text(encoding="utf-8")}
"""Pages that say so in their first lines, with a link to how it is started."""
EMULATOR, SERVICE = "http://127.0.0.1:8080", "http://127.0.0.1:8000"
DONE = re.compile(
    r"(python3 -m venv|\. \.venv/|.*python -m pytest$|(\S+/)?imin-accounts (emulator|demo --serve)( |$))"
)
"""Commands whose work is done already, or goes on: an environment, all tests, emulator, demonstration."""
EXPORT = re.compile(r"export (.+)$")
ASSIGNED = re.compile(r"(\w+)=([^ $]+)(?= |$)")
EXTRA = re.compile(r"pip install (?:-e )?'?\.(?:\[(\w+)\])?'?(?: +#.*)?$")
OTHERS = re.compile(r"(?:python -m )?pip install ([\w -]+)$")
SERVER = re.compile(r"(uvicorn|gunicorn) ")
"""Commands in a terminal of their own, that go on until they are ended."""
CLICKED = "python link.py"
"""A program that prints a link, which the reader opens in a browser to connect."""


class Reader:
    """Somebody who follows one page: a folder, a Python session, and the emulator as it stands.

    Args:
        folder: Where they save files, and their home.
        fake: The emulator.
        base_url: Where it is.
        setenv: Sets a variable of their environment. None of ours is set at first.
    """

    def __init__(
        self, folder: Path, fake: FakeImin, base_url: str, setenv: Callable[[str, str], object]
    ) -> None:
        self._folder = folder
        self._fake = fake
        self._setenv = setenv
        self._exported: list[str] = []
        self._port = free_port()
        self._here = {EMULATOR: base_url, SERVICE: f"http://127.0.0.1:{self._port}"}
        self._serving: Process | None = None

    async def follow(self, page: Path) -> list[str]:
        """Run every block; returns what was printed where the page shows something else."""
        printed, others = "", []
        if page in BESIDE_EMULATOR:
            others += await self.follow(LANDING)
            self._fake.reset()
            add_rosie(self._fake)
        try:
            for block in blocks(page):
                code = block.code
                for there, here in self._here.items():
                    code = code.replace(there, here)
                if block.language == "text":
                    others += [] if fits(printed, code) else [printed]
                else:
                    printed = await self._do(attrs.evolve(block, code=code))
        finally:
            await self._end_server()
        return others

    async def _do(self, block: Block) -> str:
        if block.file is not None:
            (self._folder / block.file).write_text(block.code, encoding="utf-8")
            return ""
        if block.language == "python":
            return await asyncio.to_thread(run, block.code)
        assert block.language == "sh", f"nobody knows how to run {block.language}"
        whole = re.sub(r"\\\n *", "", block.code)
        return "".join([await self._shell(line) for line in whole.splitlines()])

    async def _shell(self, line: str) -> str:
        if DONE.match(line):
            return ""
        if export := EXPORT.match(line):
            self._exported.append(line)
            for name, value in ASSIGNED.findall(export[1]):
                self._setenv(name, value)
            return ""
        if install := EXTRA.search(line):
            project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
            extras = project["optional-dependencies"]
            assert install[1] in {None, *extras}
            needed = [re.split(r"[^\w-]", each)[0] for each in extras.get(install[1], ())]
            skip_if_missing(*(name for name in needed if name != "imin-accounts"))
            return ""
        if install := OTHERS.match(line):
            skip_if_missing(*install[1].split())
            return ""
        if SERVER.match(line):
            await self._end_server()
            self._serving = await self._start(f"exec {line}")
            assert self._serving.stdout is not None
            while b"Application startup complete" not in (said := await self._serving.stdout.readline()):
                assert said, f"{line}: it ended"
            return ""
        if (program := line.split()[0]) in ("curl", "sqlite3") and shutil.which(program) is None:
            pytest.skip(f"not installed: {program}")
        process = await self._start(line)
        printed = (await process.communicate())[0].decode()
        assert process.returncode == 0, f"{line}: {printed}"
        if line == CLICKED:
            self._fake.complete(printed.strip())
        return printed

    async def _start(self, line: str) -> Process:
        return await asyncio.create_subprocess_exec(
            *("bash", "-c", "; ".join([*self._exported, line])),
            cwd=self._folder,
            env={
                **os.environ,
                "HOME": str(self._folder),
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                "PYTHONPATH": str(ROOT),
                "UVICORN_PORT": str(self._port),
                "GUNICORN_CMD_ARGS": f"--bind=127.0.0.1:{self._port}",
            },
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    async def _end_server(self) -> None:
        """End the server that runs, if one does."""
        if self._serving is not None:
            self._serving.terminate()
            await self._serving.communicate()
            self._serving = None


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
async def test_a_reader_can_follow(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every block of the page runs, and prints what the page says it does."""
    fake = FakeImin()
    add_rosie(fake)
    async with fake.serve() as base_url:
        assert await Reader(tmp_path, fake, base_url, monkeypatch.setenv).follow(page) == []


def test_no_block_is_overlooked() -> None:
    """Every code block that Sphinx would find is one that is run here."""
    for page in DOCS.rglob("*.rst"):
        text = page.read_text(encoding="utf-8")
        assert text.count("code-block::") == len(list(blocks(page))), page
        assert not re.search(r"::\n\n {2}", re.sub(r"\.\. .*::.*", "", text)), f"{page}: an unnamed block"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.count("```") == 2 * len(list(blocks(ROOT / "README.md")))


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.rst")), ids=lambda page: page.stem)
def test_every_example_that_is_named_is_there(page: Path) -> None:
    """A file of the project that a page names exists."""
    named = re.findall(r"``((?:examples|imin_accounts)/[\w/.]+)``", page.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []
