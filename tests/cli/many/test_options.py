"""What the bulk commands have in common."""

from pathlib import Path

import click
import pytest

from imin_accounts.cli._many.options import duration, duration_text
from imin_accounts.fake import FakeImin
from tests.cli.commands import environment, run
from tests.cli.processes import write_ids

COMMANDS = [
    pytest.param(["export", "ids.txt", "-o", "out.jsonl"], id="export"),
    pytest.param(["audit", "ids.txt"], id="audit"),
    pytest.param(
        ["disconnect-all", "--ids", "ids.txt", "--journal", "j.jsonl", "--yes"], id="disconnect-all"
    ),
    pytest.param(["disconnect-all", "--ids", "ids.txt", "--dry-run"], id="dry run"),
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_imin: FakeImin) -> None:
    """The working directory holds the identifiers of one customer, whom the emulated imin knows."""
    monkeypatch.chdir(tmp_path)
    write_ids(tmp_path / "ids.txt", 1)
    fake_imin.add_customer("customer-1")


@pytest.mark.parametrize("command", COMMANDS)
def test_each_works_without_further_options(command: list[str], imin_server: str) -> None:
    """Exit code 0."""
    assert run(*command, env=environment(imin_server)).code == 0


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        pytest.param("--rate", "nan", "rate_limit must be a positive number", id="a rate that is no number"),
        pytest.param("--rate", "0", "x>0", id="no rate"),
        pytest.param("--concurrency", "0", "1<=x", id="no concurrency"),
        pytest.param("--timeout", "-1", "timeout", id="no time"),
        pytest.param("--shard", "3/2", "from 1 to n", id="no such shard"),
        pytest.param("--shard", "0/2", "from 1 to n", id="shards count from 1"),
        pytest.param("--limit", "0", "x>=1", id="nobody"),
        pytest.param("--column", "id", "no column of that name", id="no such column"),
    ],
)
def test_each_heeds_its_options(
    command: list[str], option: str, value: str, told: str, imin_server: str, fake_imin: FakeImin
) -> None:
    """What can't be is wrong usage, and nothing is sent."""
    ran = run(*command, option, value, env=environment(imin_server))
    assert (ran.code, fake_imin.requests) == (2, ())
    assert told in ran.err


def test_odd_identifiers_are_counted(imin_server: str) -> None:
    """On standard error, before imin answers 404 to each; they are sent as they are."""
    Path("ids.txt").write_text('customer-1\n="customer-5"\ncustomer\u00a06\n', encoding="utf-8")
    ran = run("export", "ids.txt", "-o", "out.jsonl", env=environment(imin_server))
    assert ran.err.startswith("ids.txt: 2 identifiers look odd (an invisible character in it, or ")


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "sqlite"])
@pytest.mark.parametrize("command", COMMANDS)
def test_an_export_is_no_list(
    command: list[str], suffix: str, imin_server: str, fake_imin: FakeImin, tmp_path: Path
) -> None:
    """Nor is a journal; from a pipe or by another name: its rows would become addresses that imin logs."""
    run("export", "ids.txt", "-o", f"out.{suffix}", env=environment(imin_server))
    fake_imin.reset()
    content = Path(f"out.{suffix}").read_bytes()
    Path("other.txt").write_bytes(b"customer-1\n" * (suffix != "sqlite") + content)
    for list_, stdin in (("other.txt", None), ("-", content)):
        arguments = [list_ if each == "ids.txt" else each for each in command if each != "out.jsonl"]
        ran = run(*arguments, *["again.jsonl"] * ("-o" in command), env=environment(imin_server), stdin=stdin)
        assert (ran.code, fake_imin.requests) == (1, ())
        assert "--column customer" in ran.err
        assert "customer-1" not in ran.err


def test_a_journal_is_no_list(imin_server: str, fake_imin: FakeImin) -> None:
    """Nor are other lines of JSON, whoever wrote them."""
    for lines in ('{"customer": "customer-1"}\n', '[\n{"a": 1}\n]\n', "{\n}\n", '[{"a":1}]', ' ["1", "2"]'):
        Path("ids.txt").write_text(lines)
        ran = run("export", "ids.txt", "-o", "out.jsonl", env=environment(imin_server))
        assert (ran.code, fake_imin.requests, "line 1 is JSON" in ran.err) == (1, (), True)


@pytest.mark.parametrize("text", ["30d", "6w", "12h", "36h"])
def test_a_duration_is_told_as_it_is_typed(text: str) -> None:
    """So that the command that goes on is the same."""
    context = click.Context(click.Command("x"))
    assert duration_text(duration(context, click.Option(["--within"]), text)) == text
