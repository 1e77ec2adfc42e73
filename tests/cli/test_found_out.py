"""What is found out at the start, before anything is asked of imin."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
import pytest

from imin_accounts.cli._files import CannotWrite, check_writable
from imin_accounts.cli._main import COMMANDS
from imin_accounts.cli._main import imin_accounts as program
from imin_accounts.fake import FakeImin, add_crowd
from tests.cli.commands import environment, run
from tests.cli.processes import ProcessResult, run_to_end, write_ids

WRITING = {
    "report": ["audit", "ids.txt", "--report"],
    "output": ["export", "ids.txt", "-o"],
    "journal": ["disconnect-all", "customer-1", "--yes", "--journal"],
    "list of an audit": ["audit", "ids.txt", "--failed"],
    "list of an export": ["export", "ids.txt", "-o", "out.jsonl", "--failed"],
    "list of a dry run": ["disconnect-all", "customer-1", "--dry-run", "--failed"],
    "list of a run": ["disconnect-all", "customer-1", "--yes", "--journal", "j.jsonl", "--failed"],
    "state": ["emulator", "--port", "0", "--state"],
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_imin: FakeImin) -> None:
    """A list of four customers."""
    monkeypatch.chdir(tmp_path)
    write_ids(tmp_path / "ids.txt", 4)
    add_crowd(fake_imin, sellers=1, customers=4)


@pytest.mark.parametrize("command", WRITING.values(), ids=WRITING)
@pytest.mark.parametrize("place", ["no/such/folder/file.jsonl", "ids.txt/file.jsonl", "x" * 300 + ".jsonl"])
def test_what_can_not_be_written_costs_no_request(
    place: str, command: list[str], imin_server: str, fake_imin: FakeImin
) -> None:
    """Nothing is sent, and nothing is left behind."""
    if command[-1] == "--failed":
        place = place.replace(".jsonl", ".txt")
    ran = run(*command, place, env=environment(imin_server))
    assert ran.code in (1, 2)
    assert "Error: " in ran.err
    assert fake_imin.requests == ()
    assert [file.name for file in Path().iterdir()] == ["ids.txt"]


def test_standard_input_is_not_read_for_nothing(imin_server: str) -> None:
    """The output is looked at before the identifiers are."""
    ran = run("export", "-", "-o", "no/out.jsonl", env=environment(imin_server), stdin=b"\xff")
    assert "can't write no/out.jsonl: No such file or directory." in ran.err


def pipe(path: Path) -> None:
    """What only looks like a file."""
    os.mkfifo(path)


@pytest.mark.parametrize("make", [Path.mkdir, pipe], ids=["folder", "pipe"])
@pytest.mark.parametrize("append", [False, True])
def test_what_is_no_file_can_not_be_written(
    make: Callable[[Path], None], append: bool, tmp_path: Path
) -> None:
    """A pipe would wait for a reader for ever."""
    make(tmp_path / "there")
    with pytest.raises(CannotWrite, match="not a regular file"):
        check_writable(tmp_path / "there", append=append)


def test_looking_changes_nothing(tmp_path: Path) -> None:
    """Neither a file that is there nor one that is not."""
    (tmp_path / "there").write_text("precious")
    check_writable(None, tmp_path / "there", tmp_path / "new")
    check_writable(tmp_path / "there", tmp_path / "new", append=True)
    assert {file.name for file in tmp_path.iterdir()} == {"there", "ids.txt"}
    assert (tmp_path / "there").read_text() == "precious"


NAMING = {
    f"{command or 'all'} {parameter.opts[0]}": ([command] if command else [], parameter, found.params)
    for command in ("", *COMMANDS)
    if (found := program.get_command(click.Context(program), command) or program)
    for parameter in found.params
    if isinstance(parameter.type, click.Path | click.File)
}
"""What names a file, of all commands."""


@pytest.mark.parametrize(("command", "named", "parameters"), NAMING.values(), ids=NAMING)
def test_what_names_no_file_is_wrong_usage(
    command: list[str],
    named: click.Parameter,
    parameters: list[click.Parameter],
    imin_server: str,
    fake_imin: FakeImin,
) -> None:
    """Such as an unset variable in a crontab: a sentence says which option, and nothing else is done."""
    Path("rows.jsonl").touch()
    arguments = [each for each in parameters if isinstance(each, click.Argument)]
    before = ["rows.jsonl"] * arguments.index(named) if isinstance(named, click.Argument) else named.opts[:1]
    for place in ("", ".", "/"):
        ran = run(*command, *before, place, env=environment(imin_server))
        assert f"Error: Invalid value for {named.get_error_hint(click.Context(program))}: " in ran.err
        assert (ran.code, fake_imin.requests) == (2, ())
        assert {file.name for file in Path().iterdir()} == {"ids.txt", "rows.jsonl"}


@pytest.mark.parametrize("command", [each for each in WRITING.values() if each[0] != "emulator"])
def test_a_variable_that_names_no_file_has_no_key(
    command: list[str], imin_server: str, fake_imin: FakeImin
) -> None:
    """Nothing is sent without one, and nothing is left behind."""
    suffix = ".txt" if command[-1] == "--failed" else ".jsonl"
    for place in (".", "/"):
        ran = run(*command, f"out{suffix}", env={"IMIN_BASE_URL": imin_server, "IMIN_API_KEY_FILE": place})
        assert "the file that IMIN_API_KEY_FILE names can't be read" in ran.err
        assert (ran.code, fake_imin.requests) == (4, ())
        assert [file.name for file in Path().iterdir()] == ["ids.txt"]


# --- Lists --------------------------------------------------------------------------------------------

READING = {
    "audit": ["audit", "IDS"],
    "export": ["export", "IDS", "-o", "out.jsonl"],
    "dry run": ["disconnect-all", "--ids", "IDS", "--dry-run"],
    "disconnect-all": ["disconnect-all", "--ids", "IDS", "--journal", "j.jsonl", "--yes"],
}
EMPTY = {
    "no bytes": ("empty.txt", b"", []),
    "blank lines": ("empty.txt", b"\n \n\t\r\n", []),
    "only a mark": ("empty.txt", b"\xef\xbb\xbf", []),
    "only a header": ("empty.csv", b"id;name\r\n", ["--column", "id"]),
    "empty cells": ("empty.csv", b"id,name\n,Ada\n,Bob\n", ["--column", "id"]),
}


@pytest.mark.parametrize("command", READING.values(), ids=READING)
@pytest.mark.parametrize(("name", "content", "options"), EMPTY.values(), ids=EMPTY)
def test_an_empty_list_is_not_done(
    name: str, content: bytes, options: list[str], command: list[str], imin_server: str
) -> None:
    """Exit code 2 and the option that lets it pass; with that, 0."""
    Path(name).write_bytes(content)
    typed = [name if part == "IDS" else part for part in command] + options
    ran = run(*typed, env=environment(imin_server))
    assert (ran.code, "holds no identifier" in ran.err, "--allow-empty" in ran.err) == (2, True, True)
    assert run(*typed, "--allow-empty", env=environment(imin_server)).code == 0


def test_an_audit_of_an_empty_export_is_not_done(tmp_path: Path) -> None:
    """All is well with nobody, or somebody took the wrong file."""
    (tmp_path / "out.jsonl").touch()
    assert run("audit", "out.jsonl").code == 2
    assert run("audit", "out.jsonl", "--allow-empty").code == 0


@pytest.mark.parametrize("command", READING.values(), ids=READING)
def test_who_stands_there_twice_is_said(command: list[str], imin_server: str) -> None:
    """A list that was put together wrongly shows."""
    Path("ids.txt").write_text("customer-1\ncustomer-2\n\ncustomer-1\n customer-1\ncustomer-3\ncustomer-4\n")
    ran = run(*("ids.txt" if part == "IDS" else part for part in command), env=environment(imin_server))
    assert (ran.code, ran.err) == (0, "ids.txt: 6 lines, 4 distinct.\n")


def test_a_shard_of_nobody_is_said(imin_server: str) -> None:
    """It is no error: others have them."""
    Path("ids.txt").write_text("customer-1\n")
    ran = [run("audit", "ids.txt", "--shard", f"{n}/2", env=environment(imin_server)) for n in (1, 2)]
    assert [each.code for each in ran] == [0, 0]
    [told] = [each.err for each in ran if each.err]
    assert told.startswith("ids.txt: 1 line, none of shard ")


def test_one_customer_is_one(imin_server: str) -> None:
    """Not "1 customers"."""
    Path("ids.txt").write_text("customer-1\n")
    ran = run("export", "ids.txt", "-o", "out.jsonl", env=environment(imin_server))
    assert ran.out == "out.jsonl: 1 customer read, 0 failed.\n"
    assert run("convert", "out.jsonl", "out.csv").out == "out.csv: 1 row.\n"


@pytest.mark.parametrize("name", ["failed.csv", "failed.jsonl", "failed.sqlite", "failed.parquet"])
def test_a_list_whose_name_would_be_taken_for_something_else(name: str) -> None:
    """It could not be fed back."""
    ran = run("audit", "ids.txt", "--failed", name)
    assert (ran.code, "would be taken for something else" in ran.err) == (2, True)


def test_a_list_is_not_written_over_what_is_read(imin_server: str) -> None:
    """Neither over the list itself nor over an output."""
    for target in ("ids.txt", "./ids.txt"):
        ran = run("audit", "ids.txt", "--failed", target, env=environment(imin_server))
        assert (ran.code, "would be written over what is read" in ran.err) == (2, True)


def test_an_export_to_parquet_points_to_convert(imin_server: str) -> None:
    """With the command."""
    ran = run("export", "ids.txt", "-o", "out.parquet", env=environment(imin_server))
    assert (ran.code, "imin-accounts convert out.jsonl out.parquet" in ran.err.replace("\n", " ")) == (
        2,
        True,
    )


@pytest.mark.parametrize(
    "command", [["audit", "ids.txt"], ["disconnect-all", "--ids", "ids.txt", "--dry-run"]]
)
def test_too_few_open_files(command: list[str], imin_server: str, fake_imin: FakeImin) -> None:
    """It would look as if imin could not be reached. Where that may be, the limit is raised."""
    resource = pytest.importorskip("resource", reason="needs a limit of open files")

    def limited(most: int, utmost: int) -> ProcessResult:
        limit = partial(resource.setrlimit, resource.RLIMIT_NOFILE, (most, utmost))
        return run_to_end(imin_server, *command, "--concurrency", "100", preexec=limit)

    ran = limited(200, 200)
    assert (ran.code, fake_imin.requests) == (2, ())
    assert "100 at once may need 232 open files, and 200 are allowed here" in ran.err
    assert limited(200, 300).code == 0
