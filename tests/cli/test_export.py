"""``imin-accounts export``: which customers, into which file, with which exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from imin_accounts.cli._export.sinks import read_customers
from imin_accounts.cli._many.ids import Shard
from imin_accounts.fake import FakeImin, Rule, Status, add_crowd
from tests.cli.commands import CommandResult, environment, run
from tests.cli.emulator_process import emulator_process
from tests.cli.processes import end, start, wait_until, write_ids
from tests.ports import free_port


@pytest.fixture(autouse=True)
def crowd(fake_imin: FakeImin) -> None:
    """The emulated imin knows ten customers and two sellers."""
    add_crowd(fake_imin, sellers=2, customers=10)


@pytest.fixture
def ids(tmp_path: Path) -> str:
    """A file with the ten customers' identifiers."""
    return str(write_ids(tmp_path / "ids.txt", 10))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A file to export to."""
    return tmp_path / "out.jsonl"


def states(out: Path) -> dict[str, str]:
    """Each exported customer, and the state in their first row."""
    return {str(rows[0]["customer"]): str(rows[0]["state"]) for rows in read_customers(out)}


def export(base_url: str, ids: str, out: Path, *options: str, stdin: str | None = None) -> CommandResult:
    """Run the command."""
    return run("export", ids, "-o", str(out), *options, env=environment(base_url), stdin=stdin)


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv", "out.sqlite"])
def test_everybody_is_exported(name: str, ids: str, tmp_path: Path, imin_server: str) -> None:
    """A row for each customer and seller, exit code 0, and a line that says what was done."""
    out = tmp_path / name
    ran = export(imin_server, ids, out)
    assert (ran.code, ran.out, ran.err) == (0, f"{out}: 10 customers read, 0 failed.\n", "")
    assert sorted(len(rows) for rows in read_customers(out)) == [2] * 10


def test_json_says_what_was_done(ids: str, out: Path, imin_server: str) -> None:
    """For a program to read."""
    said = json.loads(export(imin_server, ids, out, "--json").out)
    assert said == {"file": str(out), "read": 10, "failed": 0, "unreachable": 0, "left": 0, "failures": []}


def test_standard_input_is_read(out: Path, imin_server: str) -> None:
    """Each identifier counts once."""
    assert export(imin_server, "-", out, stdin="customer-1\ncustomer-1\n\ncustomer-2\n").code == 0
    assert states(out).keys() == {"customer-1", "customer-2"}


def test_a_column_of_a_csv_is_read(tmp_path: Path, out: Path, imin_server: str) -> None:
    """By its name in the header."""
    file = tmp_path / "crm.csv"
    file.write_text("name,ref\nAda,customer-3\n")
    assert export(imin_server, str(file), out, "--column", "ref").code == 0
    assert states(out).keys() == {"customer-3"}


def test_a_shard_is_a_part_of_everybody(ids: str, out: Path, imin_server: str) -> None:
    """The part that the documented hash says."""
    export(imin_server, ids, out, "--shard", "2/3")
    everybody = {f"customer-{n}" for n in range(1, 11)}
    assert states(out).keys() == {customer for customer in everybody if customer in Shard(2, 3)}


def test_a_limit_takes_the_next_so_many(ids: str, out: Path, imin_server: str) -> None:
    """Going on takes others."""
    for done in (4, 8, 10):
        assert export(imin_server, ids, out, "--limit", "4", "--resume").code == 0
        assert len(states(out)) == done


def test_who_is_there_is_not_asked_for_again(
    ids: str, out: Path, imin_server: str, fake_imin: FakeImin
) -> None:
    """Going on with a whole export sends nothing."""
    export(imin_server, ids, out)
    sent = len(fake_imin.requests)
    ran = export(imin_server, ids, out, "--resume")
    assert (ran.code, ran.out) == (0, f"{out}: 10 customers read, 0 failed.\n")
    assert len(fake_imin.requests) == sent


def test_failed_customers_stay_failed_unless_asked_again(
    ids: str, out: Path, imin_server: str, fake_imin: FakeImin
) -> None:
    """They count as done, but the exit code keeps saying that they failed, until they are read."""
    fake_imin.faults.add(Rule(Status(404), customer="customer-7"))
    assert export(imin_server, ids, out).code == 3
    assert states(out)["customer-7"] == "error"
    fake_imin.faults.clear()
    ran = export(imin_server, ids, out, "--resume")
    assert (ran.code, ran.out) == (3, f"{out}: 9 customers read, 1 failed.\n")
    assert "  1 unknown customer (404): " in ran.err
    assert ran.err.endswith("To ask again for those who failed: --resume --retry-failed\n")
    assert export(imin_server, ids, out, "--resume", "--retry-failed").code == 0
    assert set(states(out).values()) <= {"connected", "unconnected", "no account"}


def test_a_refused_key_is_not_authorised(ids: str, out: Path, imin_server: str) -> None:
    """Exit code 4; the file can be gone on with once the key is right."""
    ran = run("export", ids, "-o", str(out), env={**environment(imin_server), "IMIN_API_KEY": "wrong"})
    assert ran.code == 4
    assert "repeat the command with --resume to go on" in ran.err
    assert export(imin_server, ids, out, "--resume").code == 0


def test_nobody_there_is_unreachable(ids: str, out: Path) -> None:
    """Exit code 5 where no customer got any reply."""
    ran = export(f"http://127.0.0.1:{free_port()}", ids, out, "--timeout", "0.05")
    assert ran.code == 5


@pytest.mark.parametrize(
    ("options", "told"),
    [
        pytest.param(["-o", "out.parquet"], "must end with one of .jsonl", id="parquet can't be resumed"),
        pytest.param(["-o", "out"], "must end with one of .jsonl", id="no suffix"),
        pytest.param(["-o", "out.csv", "--retry-failed"], "needs --resume", id="nothing to retry"),
    ],
)
def test_wrong_usage_sends_and_writes_nothing(
    options: list[str], told: str, ids: str, tmp_path: Path, fake_imin: FakeImin, imin_server: str
) -> None:
    """Exit code 2, and what is wrong."""
    options[1] = str(tmp_path / options[1])
    ran = run("export", ids, *options, env=environment(imin_server))
    assert ran.code == 2
    assert told in ran.err
    assert [file.name for file in tmp_path.iterdir()] == ["ids.txt"]
    assert fake_imin.requests == ()


def test_an_export_is_not_written_over(ids: str, out: Path, imin_server: str) -> None:
    """Without --resume a file that holds anything is left alone."""
    out.write_text("precious")
    ran = export(imin_server, ids, out)
    assert (ran.code, out.read_text()) == (2, "precious")
    assert "--resume goes on with it" in ran.err


def test_without_a_key_there_is_no_file(ids: str, out: Path) -> None:
    """What can't begin leaves nothing behind."""
    assert run("export", ids, "-o", str(out)).code == 4
    assert not out.exists()


def test_help_lists_the_columns() -> None:
    """All of them."""
    assert "earliest_expiry" in run("export", "--help").out


def test_no_identifier_is_told(ids: str, out: Path, imin_server: str, fake_imin: FakeImin) -> None:
    """What goes to the terminal or a log names nobody, whatever happens."""
    fake_imin.faults.add(Rule(Status(404), customer="customer-7"))
    ran = export(imin_server, ids, out)
    assert "customer-" not in ran.out + ran.err


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv", "out.sqlite"])
def test_a_file_that_is_removed_meanwhile_is_told(name: str, tmp_path: Path) -> None:
    """Exit code 1: under that name nobody would find what was written."""
    ids, out = write_ids(tmp_path / "ids.txt", 200), tmp_path / name
    with emulator_process(customers=200, latency=0.05) as emulator:
        process = start(emulator.base_url, "export", ids, "-o", out, "--concurrency", 4)
        wait_until(process, lambda: emulator.requests() > 8)
        out.unlink()
        ended = end(process)
    assert (ended.code, ended.out, f"can't write {out}: " in ended.err) == (1, "", True)


def test_an_empty_file_that_others_could_read_they_can_not_any_more(
    ids: str, out: Path, imin_server: str
) -> None:
    """As ``touch`` or ``mktemp`` may have made it."""
    out.touch()
    out.chmod(0o644)
    assert export(imin_server, ids, out).code == 0
    assert out.stat().st_mode & 0o777 == 0o600


def test_the_identifiers_are_not_written_over(tmp_path: Path, imin_server: str) -> None:
    """Wrong usage, by whatever name, and though there are none."""
    ids = tmp_path / "ids.jsonl"
    ids.touch()
    (tmp_path / "link.jsonl").symlink_to(ids)
    assert export(imin_server, str(ids), tmp_path / "link.jsonl", "--resume").code == 2


def test_another_export_may_have_begun_meanwhile(out: Path, tmp_path: Path, imin_server: str) -> None:
    """While the identifiers were read: nothing is added to what the other has written."""
    ids = tmp_path / "ids.txt"
    os.mkfifo(ids)
    process = start(imin_server, "export", ids, "-o", out)
    with open(ids, "w") as feed:  # returns when they are being read
        out.write_text("another's")
        feed.write("customer-1\n")
    ended = end(process)
    assert (ended.code, "another process has begun to write it" in ended.err) == (1, True)
    assert out.read_text() == "another's"


def test_a_disk_that_fills_halfway_leaves_it_partly_done(ids: str, out: Path, imin_server: str) -> None:
    """Exit code 3: some are written, and whole; who was not asked for is not among those not written."""
    command = f"ulimit -f 8; exec {sys.executable} -m imin_accounts export {ids} -o {out} --concurrency 1"
    ran = subprocess.run(
        ["sh", "-c", command],
        env={**os.environ, **environment(imin_server)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, "not asked" in ran.stderr) == (3, True)
    assert f"Error: can't write {out}: File too large.\n" in ran.stderr
    assert 0 < len(states(out)) < 10
