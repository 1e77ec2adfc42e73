"""The examples of the README and of every help run as they stand, against ``imin-accounts emulator``."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import attrs
import pytest

from imin_accounts.cli._export.text import JsonLines
from imin_accounts.cli._main import COMMANDS
from tests.cli.commands import environment, run
from tests.cli.processes import COMMAND
from tests.cli.rows import customer_rows
from tests.paths import ROOT

SERVERS = {
    "imin-accounts demo --serve": "Rosie's connections are at http",
    "imin-accounts emulator": "imin is emulated at http",
}
"""Commands that go on until they are ended, and what they print when they listen."""
PORT = re.compile(r" --port \d+|$")


def readme_examples() -> list[str]:
    """The commands of the README's page on the command line, in their order."""
    page = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## Command line\n")[2]
    blocks = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    return [line.partition(" #")[0].rstrip() for block in blocks for line in block.splitlines()]


def help_examples(command: str) -> list[str]:
    """The examples in a command's help."""
    told = run(*command.split(), "--help").out
    return re.findall(r"^    (imin-accounts .+)$", told, re.MULTILINE)


@attrs.frozen
class Reader:
    """Somebody who types examples into Bash, in a folder with what these read."""

    folder: Path
    base_url: str

    def type(self, line: str) -> None:
        """Type one, and see it end well; a server is ended when it listens, and listens on any free port."""
        for server, listening in SERVERS.items():
            if line.startswith(server):
                self._serve(PORT.sub(" --port 0", line, count=1), listening)
                return
        if line.startswith("echo ") or {">", "|"} & {*line}:
            self._go(self._bash(line))
        else:  # nothing for a shell in it: quicker in this process
            ran = run(*shlex.split(line)[1:], env=environment(self.base_url))
            assert ran.code == 0, ran

    def forget(self) -> None:
        """Let the emulator be as it was at the start."""
        request = urllib.request.Request(f"{self.base_url}/_emulator/reset", method="POST")
        urllib.request.urlopen(request).close()

    def _bash(self, line: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            ["bash", "-c", line],
            cwd=self.folder,
            env={
                **os.environ,
                **environment(self.base_url),
                "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _go(self, process: "subprocess.Popen[str]") -> None:
        with process:
            told, _ = process.communicate(timeout=60)
        assert process.returncode == 0, told

    def _serve(self, line: str, listening: str) -> None:
        process = self._bash(f"exec {line}")
        assert process.stdout is not None
        assert listening in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        self._go(process)


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    """With an emulator of their own, and the files that the examples read."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "imin-accounts"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m imin_accounts "$@"\n')
    script.chmod(0o755)
    (tmp_path / "customers.txt").write_text("rosie\n")
    (tmp_path / "customers.csv").write_text("name,id\nRosie,rosie\n")
    emulator = subprocess.Popen(
        [*COMMAND, "emulator", "--port", "0"], stdout=subprocess.PIPE, text=True, cwd=tmp_path
    )
    with emulator:
        assert emulator.stdout is not None
        address = re.search(r"http://\S+", emulator.stdout.readline())
        assert address is not None
        yield Reader(tmp_path, address[0])
        emulator.terminate()


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_the_readme_runs_as_it_stands(reader: Reader) -> None:
    """From the first command to the last, each with exit code 0."""
    examples = readme_examples()
    assert len(examples) > 8
    for line in examples:
        reader.type(line)


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_a_help_runs_as_it_stands(command: str, reader: Reader) -> None:
    """Each of its examples, one after another, at an imin that forgets in between what was done there."""
    examples = help_examples(command)
    if not any(" -o accounts.jsonl" in line for line in examples):
        (reader.folder / "accounts.jsonl").write_bytes(JsonLines().write(customer_rows("rosie")))
    (reader.folder / "today.jsonl").write_bytes(JsonLines().write(customer_rows("rosie")))
    if not any(" > saved.json" in line for line in examples):
        reader.type("imin-accounts accounts rosie --json > saved.json")
    for line in examples:
        if ".parquet" in line:
            if find_spec("pyarrow") is None:
                continue  # it needs the extra [parquet], of 170 MB
            reader.type("imin-accounts convert today.jsonl today.parquet")
        reader.type(line)
        reader.forget()
