"""The examples in the help: each could be typed as it is."""

import re
import shlex
from pathlib import Path

import click
import pytest

from imin_accounts.cli._main import COMMANDS
from imin_accounts.cli._main import imin_accounts as program
from tests.cli.commands import run

FILES = ("accounts.jsonl", "customers.csv", "customers.txt", "redacted.json", "saved.json")
"""What the examples read."""


def test_no_sentence_is_cut_short() -> None:
    """The list of commands says what each does in words that fit into 80 columns."""
    listed = run("--help").out.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    assert len(listed) == len(COMMANDS)
    assert [line for line in listed if line.endswith("...")] == []


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_example_is_understood(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every help has examples, and each has the arguments and options that its command takes."""
    monkeypatch.chdir(tmp_path)
    for file in FILES:
        Path(file).touch()
    lines = re.findall(r"^    (imin-accounts .+)$", run(*command.split(), "--help").out, re.MULTILINE)
    assert len(lines) >= 2
    for line in lines:
        assert command in line
        for typed in line.split(" | "):
            _, name, *arguments = shlex.split(typed.partition(" > ")[0])
            found = program.get_command(click.Context(program), name)
            assert found is not None
            with found.make_context(name, arguments):
                pass
