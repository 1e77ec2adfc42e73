"""``imin-accounts disconnect-all``: asked first, shown first, written down, with its exit code."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from imin_accounts.fake import FakeImin, Rule, Status, add_crowd, add_rosie
from tests.cli.commands import CommandResult, environment, run
from tests.cli.emulator_process import emulator_process
from tests.cli.processes import end, start, wait_until, write_ids

ACME = "https://id.bookingsystem.example.com/organizers/1"


@pytest.fixture(autouse=True)
def people(fake_imin: FakeImin) -> None:
    """The emulated imin knows Rosie, who is connected with Acme, and six others."""
    add_rosie(fake_imin)
    add_crowd(fake_imin, customers=6)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Where the journal is."""
    return tmp_path / "journal.jsonl"


def disconnect_all(base_url: str, *options: str | Path, stdin: str | None = None) -> CommandResult:
    """Run the command."""
    return run("disconnect-all", *map(str, options), env=environment(base_url), stdin=stdin)


def test_a_customer_is_cleared(journal: Path, imin_server: str, fake_imin: FakeImin) -> None:
    """Exit code 0, what was done in words, and the journal."""
    ran = disconnect_all(imin_server, "rosie", "--journal", journal, "--yes")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "1 customer cleared, 1 account disconnected, 0 open, 0 unknown.\n"
    assert not fake_imin.disconnect("rosie", ACME), "it was still connected"
    assert [json.loads(line)["event"] for line in journal.read_text().splitlines()] == [
        "intended", "disconnected", "cleared",
    ]  # fmt: skip


def test_json_says_what_was_done(journal: Path, imin_server: str) -> None:
    """For a program to read; it names nobody who is cleared."""
    ran = disconnect_all(imin_server, "rosie", "--journal", journal, "--yes", "--json")
    told = {"cleared": 1, "open": 0, "unknown": 0, "left": 0, "disconnected": 1}
    assert json.loads(ran.out) == {**told, "failures": []}


def test_many_customers_are_cleared(
    tmp_path: Path, journal: Path, imin_server: str, fake_imin: FakeImin
) -> None:
    """From a file; others keep what they have."""
    ids = write_ids(tmp_path / "ids.txt", 6)
    assert disconnect_all(imin_server, "--ids", ids, "--journal", journal, "--yes").code == 0
    assert set(fake_imin.population.connections) == {("rosie", ACME)}


def test_a_limit_goes_on_from_run_to_run(tmp_path: Path, journal: Path, imin_server: str) -> None:
    """Each run clears the next so many."""
    ids = write_ids(tmp_path / "ids.txt", 6)
    options = ("--ids", ids, "--journal", journal, "--yes", "--resume", "--limit", "4", "--json")
    assert json.loads(disconnect_all(imin_server, *options).out)["cleared"] == 4
    assert json.loads(disconnect_all(imin_server, *options).out)["cleared"] == 6


@pytest.mark.parametrize("journalled", [False, True], ids=["no journal", "a journal"])
def test_a_dry_run_shows_and_does_nothing(
    journalled: bool, journal: Path, imin_server: str, fake_imin: FakeImin
) -> None:
    """What would be disconnected, on standard output; no DELETE, and nothing written down."""
    options = ("--journal", journal, "--yes") if journalled else ()
    ran = disconnect_all(imin_server, "rosie", "--dry-run", *options)
    assert (ran.code, journal.exists()) == (0, False)
    assert "rosie" in ran.out
    assert ACME in ran.out
    assert {request.method for request in fake_imin.requests} == {"GET"}


def test_a_dry_run_of_the_first_few(tmp_path: Path, imin_server: str, fake_imin: FakeImin) -> None:
    """``--limit`` holds for it too."""
    ids = write_ids(tmp_path / "ids.txt", 6)
    assert disconnect_all(imin_server, "--ids", ids, "--dry-run", "--limit", "2").code == 0
    assert len(fake_imin.requests) == 2


def test_a_dry_run_for_a_program(imin_server: str) -> None:
    """The same as JSON."""
    ran = disconnect_all(imin_server, "rosie", "--dry-run", "--json")
    told = json.loads(ran.out)
    assert told.pop("connected") == [
        {"customer": "rosie", "seller_name": "Acme Leisure Centre", "seller_id": ACME}
    ]
    counts = {"accounts": 1, "customers": 1, "unrecognised": 0, "read": 1, "failed": 0, "left": 0}
    assert told == {**counts, "unreachable": 0, "failures": []}


def test_a_dry_run_that_could_not_see_says_so(imin_server: str, fake_imin: FakeImin) -> None:
    """Exit code 1 where nobody could be read."""
    fake_imin.faults.add(Rule(Status(404)))
    assert disconnect_all(imin_server, "rosie", "--dry-run").code == 1


def test_who_is_not_cleared_is_open(journal: Path, imin_server: str, fake_imin: FakeImin) -> None:
    """Exit code 3, and how to go on; going on clears them."""
    fake_imin.faults.add(Rule(Status(403), endpoint="delete_seller_account"))
    ran = disconnect_all(imin_server, "rosie", "--journal", journal, "--yes")
    assert (ran.code, ran.out) == (3, "0 customers cleared, 0 accounts disconnected, 1 open, 0 unknown.\n")
    assert "  1 key (401 or 403): check the API key, and what it is allowed to.\n" in ran.err
    assert ran.err.endswith("Repeat the command with --resume to go on.\n")
    fake_imin.faults.clear()
    assert disconnect_all(imin_server, "rosie", "--journal", journal, "--yes", "--resume").code == 0


def test_who_is_unknown_to_imin_is_told_apart(
    tmp_path: Path, journal: Path, imin_server: str, fake_imin: FakeImin
) -> None:
    """A 404 proves nothing, and repeating does not help: exit code 1, until imin knows the customer."""
    ids = tmp_path / "ids.txt"
    ids.write_text("rosie\nsomebody\n")
    command = ("--ids", ids, "--journal", journal, "--yes", "--resume")
    ran = disconnect_all(imin_server, *command)
    assert (ran.code, ran.out) == (3, "1 customer cleared, 1 account disconnected, 0 open, 1 unknown.\n")
    assert "  1 unknown customer (404): check those identifiers, and the address asked.\n" in ran.err
    fake_imin.add_customer("somebody", email="somebody@example.com")
    fake_imin.connect("somebody", ACME)
    assert disconnect_all(imin_server, *command).code == 0
    assert not fake_imin.population.connections.keys() & {("rosie", ACME), ("somebody", ACME)}


def test_who_is_unknown_does_not_use_up_a_limit(tmp_path: Path, journal: Path, imin_server: str) -> None:
    """Those whom imin did not know are asked about after everybody else."""
    ids = tmp_path / "ids.txt"
    ids.write_text("somebody\nelse\nrosie\ncustomer-1\n")
    command = ("--ids", ids, "--journal", journal, "--yes", "--resume", "--limit", "2", "--json")
    assert json.loads(disconnect_all(imin_server, *command).out)["unknown"] == 2
    assert json.loads(disconnect_all(imin_server, *command).out)["cleared"] == 2


def test_a_refused_key_is_not_authorised(journal: Path, imin_server: str) -> None:
    """Exit code 4."""
    env = {**environment(imin_server), "IMIN_API_KEY": "wrong"}
    assert run("disconnect-all", "rosie", "--journal", str(journal), "--yes", env=env).code == 4


def test_a_cleared_customer_is_not_read_again(journal: Path, imin_server: str, fake_imin: FakeImin) -> None:
    """A journal is for one run."""
    disconnect_all(imin_server, "rosie", "--journal", journal, "--yes")
    sent = len(fake_imin.requests)
    assert disconnect_all(imin_server, "rosie", "--journal", journal, "--yes", "--resume").code == 0
    assert len(fake_imin.requests) == sent


@pytest.mark.parametrize(
    ("options", "told"),
    [
        pytest.param(["--yes", "--journal", "j"], "say either CUSTOMER or --ids FILE", id="nobody"),
        pytest.param(["rosie", "--yes"], "--journal FILE", id="no journal"),
        pytest.param(
            ["rosie", "--yes", "--journal", "j", "--limit", "1"], "are for --ids", id="limit of one"
        ),
        pytest.param(["rosie", "--journal", "j"], "nobody is there to be asked: say --yes", id="not asked"),
        pytest.param(["rosie", "--yes", "--journal", "old"], "--resume goes on with it", id="a journal"),
    ],
)
def test_wrong_usage_changes_nothing(
    options: list[str], told: str, tmp_path: Path, imin_server: str, fake_imin: FakeImin
) -> None:
    """Exit code 2, and what is wrong."""
    (tmp_path / "old").write_text("precious")
    files = {"j": str(tmp_path / "j"), "old": str(tmp_path / "old")}
    ran = disconnect_all(imin_server, *(files.get(option, option) for option in options))
    assert ran.code == 2
    assert told in ran.err
    assert fake_imin.requests == ()
    assert [file.name for file in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize(
    ("answer", "code", "gone"), [(b"y\n", 0, True), (b"n\n", 2, False), (b"\n", 2, False)]
)
def test_somebody_at_a_terminal_is_asked(
    answer: bytes, code: int, gone: bool, journal: Path, imin_server: str, fake_imin: FakeImin
) -> None:
    """Nothing but a yes disconnects."""
    ours, theirs = pty.openpty()
    os.write(ours, answer)
    command = [
        sys.executable,
        "-m",
        "imin_accounts.cli",
        "disconnect-all",
        "rosie",
        "--journal",
        str(journal),
    ]
    env = {**os.environ, **environment(imin_server)}
    ran = subprocess.run(command, env=env, stdin=theirs, capture_output=True, text=True, check=False)
    os.close(ours)
    os.close(theirs)
    assert ran.returncode == code
    assert "Disconnect every account of 1 customer? [y/N]" in ran.stderr
    assert fake_imin.disconnect("rosie", ACME) is not gone


@pytest.mark.parametrize("do", ["remove", "replace"])
def test_a_journal_that_is_gone_stops_the_run(do: str, tmp_path: Path, journal: Path) -> None:
    """Exit code 3: something was done, and nothing more is without a line about it."""
    ids = write_ids(tmp_path / "ids.txt", 100)
    with emulator_process(customers=100, latency=0.05) as emulator:
        command = ("disconnect-all", "--ids", ids, "--journal", journal, "--yes", "--concurrency", 2)
        process = start(emulator.base_url, *command)
        wait_until(process, lambda: journal.exists() and b"disconnected" in journal.read_bytes())
        journal.rename(tmp_path / "moved.jsonl")
        if do == "replace":
            journal.touch()
        ended = end(process)
        assert emulator.requests() < 100
    assert (ended.code, "it was moved, removed or replaced meanwhile" in ended.err) == (3, True)


def test_the_identifiers_are_no_journal(tmp_path: Path, imin_server: str) -> None:
    """Wrong usage: each line would be taken for a customer."""
    ids = tmp_path / "ids.txt"
    ids.touch()
    ran = disconnect_all(imin_server, "--ids", ids, "--journal", ids, "--resume", "--yes")
    assert (ran.code, "would be written over what is read" in ran.err) == (2, True)


def test_a_journal_of_another_imin_is_not_gone_on_with(
    journal: Path, imin_server: str, fake_imin: FakeImin
) -> None:
    """Who was cleared at a test system is not cleared at imin: a sentence, and nothing is asked."""
    command = ("rosie", "--journal", journal, "--yes")
    disconnect_all(imin_server, *command)
    sent = len(fake_imin.requests)
    other = imin_server.replace("127.0.0.1", "localhost")
    ran = disconnect_all(other, *command, "--resume")
    assert (ran.code, ran.out, len(fake_imin.requests)) == (1, "", sent)
    assert f"it is of the imin at {imin_server}, not of {other}" in ran.err


def test_an_older_journal_is_gone_on_with_from_the_start(
    journal: Path, imin_server: str, fake_imin: FakeImin
) -> None:
    """It names no imin: whom it says to be cleared is asked for again, which is said."""
    journal.write_text('{"at": "2026-01-01T00:00:00Z", "event": "cleared", "customer": "rosie"}\n')
    ran = disconnect_all(imin_server, "rosie", "--journal", journal, "--yes", "--resume")
    assert (ran.code, "1 customer came to an end: asking for them again." in ran.err) == (0, True)
    assert not fake_imin.disconnect("rosie", ACME), "it was still connected"


def test_accounts_are_counted_of_the_customers_of_this_list(
    tmp_path: Path, imin_server: str, fake_imin: FakeImin
) -> None:
    """A journal may be of many more: both figures of the line are about the same customers."""
    add_crowd(fake_imin, sellers=2, customers=9)
    everybody, one = tmp_path / "all.txt", tmp_path / "one.txt"
    everybody.write_text("customer-1\ncustomer-2\ncustomer-3\n")
    one.write_text("customer-2\n")
    for customer in ("customer-1", "customer-2", "customer-3"):
        fake_imin.connect(customer, "https://sellers.example.com/1")
    options = ("--journal", str(tmp_path / "j"), "--yes", "--json")
    env = environment(imin_server)
    first = json.loads(run("disconnect-all", "--ids", str(everybody), *options, env=env).out)
    again = json.loads(run("disconnect-all", "--ids", str(one), *options, "--resume", env=env).out)
    assert (first["cleared"], first["disconnected"] >= 3) == (3, True)
    assert (again["cleared"], 1 <= again["disconnected"] <= 2) == (1, True)
