"""``imin-accounts changes IDS --snapshots FILE``: what changed since the last round, at least once."""

import asyncio
import json
import os
import re
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from imin_accounts import AccountsSession, SnapshotsError
from imin_accounts.cli._changes.night import Night
from imin_accounts.cli._exit_codes import explain
from imin_accounts.cli._failures import Kind
from imin_accounts.cli._many.ids import Pending
from imin_accounts.cli._many.progress import Tally
from imin_accounts.fake import Drift, Drifted, FakeImin, Rule, Stall, Status
from tests.cli.commands import CommandResult, environment, run
from tests.cli.processes import COMMAND, ProcessResult, end, signal_when, start, wait_until, write_ids

SELLER = "https://sellers.example.com/1"


@pytest.fixture(autouse=True)
def crowd(fake_imin: FakeImin) -> None:
    """Ten customers with an account at a seller."""
    fake_imin.add_seller(SELLER, name="Acme")
    for n in range(1, 11):
        fake_imin.add_customer(f"customer-{n}", email=f"{n}@example.com")
        fake_imin.connect(f"customer-{n}", SELLER, access_pass="9826000123456", email=f"{n}@secret.example")


@pytest.fixture
def ids(tmp_path: Path) -> Path:
    """A file with their identifiers."""
    return write_ids(tmp_path / "ids.txt", 10)


class Rounds:
    """One round after the other, with the same snapshots."""

    def __init__(self, base_url: str, ids: Path, snapshots: Path) -> None:
        self._env = environment(base_url)
        self.base_url = base_url
        self.ids = ids
        self.arguments = ("changes", str(ids), "--snapshots", str(snapshots))

    def ran(self, *options: str, stdin: str | None = None) -> CommandResult:
        """What the command came to."""
        return run(*self.arguments, *options, env=self._env, stdin=stdin)

    def told(self, *options: str) -> list[tuple[str, str]]:
        """Whose changes, and of which kind, once nothing failed."""
        ran = self.ran(*options)
        assert ran.code == 0
        return sorted((line["customer"], line["change"]) for line in map(json.loads, ran.out.splitlines()))

    def append_to(
        self, out: Path | int, *options: str, preexec: Callable[[], None] | None = None
    ) -> ProcessResult:
        """How a process ended that appends its lines to a file, or writes them to a descriptor."""
        with open(out, "ab", closefd=isinstance(out, Path)) as file:
            process = subprocess.Popen(
                [*COMMAND, *self.arguments, *options],
                env={**os.environ, **self._env},
                stdout=file,
                stderr=subprocess.PIPE,
                text=True,
                preexec_fn=preexec,
            )
            return end(process)


@pytest.fixture
def rounds(imin_server: str, ids: Path, tmp_path: Path) -> Rounds:
    return Rounds(imin_server, ids, tmp_path / "accounts.db")


def test_the_first_round_only_remembers(rounds: Rounds, fake_imin: FakeImin, tmp_path: Path) -> None:
    """What changes from then on is told, once. Only its owner may read what is remembered."""
    assert rounds.told() == []
    fake_imin.disconnect("customer-3", SELLER)
    fake_imin.change_account("customer-4", SELLER, access_pass="77", hidden_entitlements=True)
    assert rounds.told() == [
        ("customer-3", "AccountDisconnected"),
        ("customer-4", "AccessPassesChanged"),
        ("customer-4", "HiddenEntitlementsChanged"),
    ]
    assert rounds.told() == []
    assert {file.stat().st_mode & 0o777 for file in tmp_path.glob("accounts.db*")} == {0o600}


def test_whoever_is_new_may_be_told(rounds: Rounds) -> None:
    """As additions, once."""
    assert rounds.told("--tell-new", "--limit", "1") == [
        ("customer-1", "AccountConnected"),
        ("customer-1", "SellerAdded"),
    ]
    assert rounds.told("--tell-new", "--limit", "1") == []


def test_a_line_says_nothing_that_is_not_needed(rounds: Rounds, fake_imin: FakeImin) -> None:
    """No barcode, no email address, no filter."""
    rounds.told()
    fake_imin.change_account("customer-1", SELLER, access_pass="12345678", email="new@secret.example")
    fake_imin.add_customer("customer-1", email="1@example.com", entitlement_filter="c2VjcmV0")
    lines = [json.loads(line) for line in rounds.ran().out.splitlines()]
    assert [(line["change"], line["was"], line["now"]) for line in lines] == [
        ("CustomerDetailsChanged", None, None),
        ("AccessPassesChanged", 1, 1),
        ("EntitlementFilterChanged", None, None),
    ]
    assert {line["seller_id"] for line in lines} == {SELLER, None}


def test_who_could_not_be_read_is_named(rounds: Rounds, fake_imin: FakeImin, ids: Path) -> None:
    """Exit code 3; whoever no request can name, too. The next round tries again, and nothing was missed."""
    rounds.told()
    ids.write_text("..\ncustomer-1\ncustomer-2\nnobody\n", encoding="utf-8")
    fake_imin.disconnect("customer-2", SELLER)
    fake_imin.faults.add(Rule(Status(403), customer="customer-2"))
    ran = rounds.ran()
    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert {(line["customer"], line["change"], line["now"]["error_type"]) for line in lines} == {
        ("..", "CustomerNotRead", "InvalidRequest"),
        ("customer-2", "CustomerNotRead", "AuthenticationError"),
        ("nobody", "CustomerNotRead", "NotFound"),
    }
    assert ran.code == 3
    assert ran.err.startswith("1 customer read, 0 changed, 3 failed.\n3 customers could not be read:\n")
    assert "  1 unknown customer (404): check those identifiers" in ran.err
    fake_imin.faults.clear()
    ids.write_text("customer-2\n", encoding="utf-8")
    assert rounds.told() == [("customer-2", "AccountDisconnected")]


@pytest.mark.parametrize(
    ("status", "code", "reason"), [(401, 4, "Check the API key"), (404, 1, "0 customers read")]
)
def test_nobody_could_be_read(
    status: int, code: int, reason: str, rounds: Rounds, fake_imin: FakeImin
) -> None:
    """A wrong key ends the round; the exit codes are those of the other commands."""
    fake_imin.faults.add(Rule(Status(status)))
    ran = rounds.ran()
    assert (ran.code, reason in ran.err) == (code, True)


def test_a_part_that_can_not_be_read_is_told(rounds: Rounds, fake_imin: FakeImin, tmp_path: Path) -> None:
    """Every round, also where nothing has changed: exit code 3, what to do, and whose it is in the list."""
    fake_imin.faults.add(Rule(Drifted(Drift.BAD_VALUES), customer="customer-2", nth=range(1, 99)))
    failed = tmp_path / "failed.txt"
    for _ in range(2):
        ran = rounds.ran("--failed", str(failed))
        assert (ran.code, failed.read_text()) == (3, "customer-2\n")
        assert "1 customer could be read in part only:\n" in ran.err
        assert f"1 {Kind.IN_PART.label} ({Kind.IN_PART.detail}): {Kind.IN_PART.advice}.\n" in ran.err
    fake_imin.faults.clear()
    assert rounds.ran("--failed", str(failed)).code == 0


def test_whoever_was_not_asked_for_has_no_other_kind(rounds: Rounds, fake_imin: FakeImin) -> None:
    """One 401 ends the round: it was about the one who was under way, and about nobody else."""
    fake_imin.faults.add(Rule(Status(401), customer="customer-4", nth=range(1, 99)))
    ran = rounds.ran("--concurrency", "1")
    assert ran.code == 4
    assert f"  1 key ({Kind.KEY.detail})" in ran.err
    assert f"  6 not asked ({Kind.NOT_ASKED.detail})" in ran.err


def test_who_is_left_is_listed_whatever_ended_the_round(rounds: Rounds, tmp_path: Path) -> None:
    """Such as a file of snapshots that is none: yesterday's list does not stay."""
    Path(rounds.arguments[-1]).write_bytes(b"no database at all, but long enough")
    (failed := tmp_path / "failed.txt").write_text("yesterday\n")
    ran = rounds.ran("--failed", str(failed))
    assert (ran.code, len(failed.read_text().splitlines())) == (1, 10)
    assert "  10 not asked (the run ended before): repeat it.\n" in ran.err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_who_could_not_be_told_is_listed(rounds: Rounds, fake_imin: FakeImin, tmp_path: Path) -> None:
    """It is not done: exit code 3, and whom the lines were about is left, with all who come after them."""
    rounds.told()
    for n in range(1, 11):
        fake_imin.disconnect(f"customer-{n}", SELLER)
    failed = tmp_path / "failed.txt"
    ended = rounds.append_to(Path("/dev/full"), "--failed", str(failed), "--concurrency", "1")
    assert (ended.code, len(failed.read_text().splitlines())) == (3, 10)
    assert "0 customers read, 0 changed, 0 failed.\n" in ended.err
    assert all(f" {kind.label} ({kind.detail})" in ended.err for kind in (Kind.NOT_WRITTEN, Kind.NOT_ASKED))


@pytest.mark.parametrize("name", [":memory:", "-"])
def test_snapshots_that_are_gone_tomorrow_are_refused(name: str, ids: Path, imin_server: str) -> None:
    """They would say every night that nothing has changed."""
    ran = run("changes", str(ids), "--snapshots", name, env=environment(imin_server))
    assert (ran.code, "kept until the next round" in ran.err) == (2, True)


def test_a_reader_that_went_away_is_told_again(rounds: Rounds, fake_imin: FakeImin) -> None:
    """Exit code 3; nobody's snapshot moved on without having been told."""
    rounds.told()
    for n in range(1, 11):
        fake_imin.disconnect(f"customer-{n}", SELLER)
    reading, writing = os.pipe()
    os.close(reading)
    assert rounds.append_to(writing).code == 3
    os.close(writing)
    assert len(rounds.told()) == 10


def test_a_customer_counts_once(rounds: Rounds, fake_imin: FakeImin) -> None:
    """Though those whose change was not told to the end are told of it, and then read again."""
    rounds.told()
    for n in range(1, 11):
        fake_imin.disconnect(f"customer-{n}", SELLER)
    reading, writing = os.pipe()
    os.close(reading)
    assert rounds.append_to(writing).code == 3
    os.close(writing)
    for n in range(1, 11):
        fake_imin.connect(f"customer-{n}", SELLER)
    ran = rounds.ran()
    assert len(ran.out.splitlines()) > 10
    assert ran.err == "10 customers read, 10 changed, 0 failed.\n"


def test_its_progress_counts_everybody_once(fake_imin: FakeImin, tmp_path: Path) -> None:
    """Whoever could not be read, or whom no request can name, is done too, as one who failed."""
    fake_imin.faults.add(Rule(Status(400), customer="customer-4"))
    imin = AccountsSession(fake_imin.api_key, transport=fake_imin)
    with Pending() as pending, Tally() as tally:
        pending.add([*(f"customer-{n}" for n in range(1, 11)), ".."])
        night = Night(imin, tmp_path / "accounts.db", tells_new=False, tally=tally)
        asyncio.run(night.run(pending, concurrency=2))
        assert (tally.total, tally.done, tally.failed) == (11, 11, 2)
    assert (night.result.read, night.result.failed) == (9, 2)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("missing/a.db", None, "can't write {}: No such file or directory."),
        ("accounts.jsonl", b'{"customer": "a"}\n' * 100, "Check which file --snapshots names"),
        ("ids.txt/a.db", None, "can't write {}: Not a directory."),
    ],
)
def test_a_file_that_is_none_of_snapshots(
    name: str, content: bytes | None, reason: str, rounds: Rounds, tmp_path: Path
) -> None:
    """It is the user's own: the cause and what to do, and nothing about imin."""
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    rounds.arguments = (*rounds.arguments[:-1], str(file))
    ran = rounds.ran()
    assert (ran.code, ran.out) == (1, "")
    assert reason.format(file) in ran.err
    assert "imin" not in ran.err.replace(str(file), "")


def test_a_full_disk_leaves_no_half_line(rounds: Rounds, fake_imin: FakeImin, tmp_path: Path) -> None:
    """What is appended to the file afterwards is whole lines, every change among them."""
    rounds.told()
    for n in range(1, 11):
        fake_imin.disconnect(f"customer-{n}", SELLER)
    out = tmp_path / "changes.jsonl"
    out.write_bytes(b" " * 999_999 + b"\n")  # so much that the snapshots have room
    assert rounds.append_to(out, preexec=little_room).code == 3
    assert out.read_bytes().endswith(b"\n")
    assert rounds.append_to(out).code == 0
    customers = [json.loads(line)["customer"] for line in out.read_text().splitlines()[1:]]
    assert sorted(customers) == sorted(f"customer-{n}" for n in range(1, 11))


def little_room() -> None:
    """Let a process write no file longer than 1,000,500 bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_500, 1_000_500))


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_an_interrupt_leaves_the_rest_to_the_next_round(
    signum: signal.Signals, rounds: Rounds, fake_imin: FakeImin
) -> None:
    """Exit code 3; who could not be read for it is read by the next round, though it asks for others."""
    rounds.told()
    for n in range(1, 11):
        fake_imin.disconnect(f"customer-{n}", SELLER)
    fake_imin.faults.add(Rule(Stall(), customer="customer-7"))
    before = len(fake_imin.requests)
    process = start(rounds.base_url, *rounds.arguments, "--timeout", "300")
    ended = signal_when(process, lambda: len(fake_imin.requests) >= before + 10, signum)
    assert ended.code == 3
    assert "Stopping: what is under way is not waited for." in ended.err
    assert "The next round goes on with those who are left." in ended.err
    fake_imin.faults.clear()
    rounds.ids.write_text("customer-1\n", encoding="utf-8")
    told = {json.loads(line)["customer"] for line in ended.out.splitlines()}
    assert told | {customer for customer, _ in rounds.told()} == {f"customer-{n}" for n in range(1, 11)}


def test_one_round_at_a_time(rounds: Rounds, fake_imin: FakeImin) -> None:
    """The second one says so: exit code 1."""
    fake_imin.faults.add(Rule(Stall(), customer="customer-7"))
    process = start(rounds.base_url, *rounds.arguments, "--timeout", "300")
    assert wait_until(process, lambda: len(fake_imin.requests) >= 10)
    ran = rounds.ran()
    process.kill()
    end(process)
    assert (ran.code, "in use" in ran.err) == (1, True)


@pytest.mark.parametrize("content", [b"no database at all, but long enough", "export"])
def test_a_file_that_is_something_else_is_refused(
    content: bytes | str, rounds: Rounds, imin_server: str, ids: Path
) -> None:
    """Exit code 1, and it is left as it is: an export has the same suffix."""
    file = Path(rounds.arguments[-1])
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        assert run("export", str(ids), "-o", str(file), env=environment(imin_server)).code == 0
    before = file.read_bytes()
    ran = rounds.ran()
    assert (ran.code, ran.out, file.read_bytes()) == (1, "", before)
    assert "\nError: " in ran.err


KILLED = """
import asyncio, os, signal, sys
from imin_accounts.feed import SqliteSnapshots

async def main():
    async with SqliteSnapshots(sys.argv[1]) as snapshots:
        await snapshots.note([f"late-{number}" for number in range(500)], urgent=True, baseline=False)
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def test_a_backup_is_put_back_as_the_advice_says(rounds: Rounds, tmp_path: Path) -> None:
    """Whoever was killed leaves a log, and what it holds does not get into the copy."""
    assert rounds.told() == []
    file, copy = tmp_path / "accounts.db", tmp_path / "backup"
    with closing(sqlite3.connect(file)) as connection, closing(sqlite3.connect(copy)) as other:
        connection.backup(other)
    killed = subprocess.run([sys.executable, "-c", KILLED, file], check=False)
    assert (killed.returncode, Path(f"{file}-wal").stat().st_size > 0) == (-signal.SIGKILL, True)
    _, advice = explain(SnapshotsError("damaged"))
    for beside in re.findall(r"(?<= )-\w+", advice):
        Path(f"{file}{beside}").unlink(missing_ok=True)
    copy.rename(file)
    ran = rounds.ran()
    assert (ran.code, ran.out, ran.err) == (0, "", "10 customers read, 0 changed, 0 failed.\n")


def test_identifiers_may_come_by_standard_input(rounds: Rounds, tmp_path: Path, imin_server: str) -> None:
    """As for the other commands."""
    ran = run(
        "changes",
        "-",
        "--snapshots",
        str(tmp_path / "s.db"),
        env=environment(imin_server),
        stdin="customer-1",
    )
    assert (ran.code, ran.out, ran.err) == (0, "", "1 customer read, 0 changed, 0 failed.\n")


def test_a_damaged_snapshot_is_one_customers_failure(
    rounds: Rounds, fake_imin: FakeImin, tmp_path: Path
) -> None:
    """The round goes on with the others, and says whose it is."""
    assert rounds.told() == []
    with closing(sqlite3.connect(tmp_path / "accounts.db")) as connection, connection:
        connection.execute("UPDATE snapshot SET document = x'00ff' WHERE customer = 'customer-2'")
    fake_imin.disconnect("customer-3", SELLER)
    ran = rounds.ran("--failed", str(tmp_path / "failed.txt"))
    found = {line["customer"]: line for line in map(json.loads, ran.out.splitlines())}
    assert {customer: line["change"] for customer, line in found.items()} == {
        "customer-2": "CustomerNotRead",
        "customer-3": "AccountDisconnected",
    }
    assert found["customer-2"]["now"]["error_type"] == "SnapshotsError"
    assert ran.code == Kind.IN_PART.exit_code
    assert ran.err.startswith("9 customers read, 1 changed, 1 failed.\n")
    assert "not written down" in ran.err
    assert (tmp_path / "failed.txt").read_text() == "customer-2\n"
