"""Who is not done, and why: by kind on standard error, by name in JSON, and as a list to feed back."""

import json
import tempfile
from pathlib import Path

import pytest

from imin_accounts import (
    AuthenticationError,
    DeadlineExceeded,
    DecodeError,
    IminError,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    ResponseError,
    SnapshotsError,
    TransportError,
    WrongCustomer,
)
from imin_accounts.cli._exit_codes import explain
from imin_accounts.cli._failures import Failure, Failures, Kind
from imin_accounts.cli.rows import rows_of
from imin_accounts.errors import Attempt
from imin_accounts.fake import Drift, Drifted, FakeImin, Malformed, Rule, Stall, Status, add_crowd
from imin_accounts.results import Failed
from tests.cli.commands import CommandResult, environment, run
from tests.cli.people import NOW
from tests.cli.processes import write_ids
from tests.ports import free_port

LATE = DeadlineExceeded(30, maybe_sent=True)
LATE_AFTER_503 = DeadlineExceeded(30, maybe_sent=True)
LATE_AFTER_503.attempts = (Attempt(method="GET", url_template="/", resend_count=0, status=503),)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TransportError("dns", maybe_sent=False), Kind.UNREACHABLE),
        (LATE, Kind.UNREACHABLE),
        (LATE_AFTER_503, Kind.ERROR),
        (AuthenticationError(401), Kind.KEY),
        (AuthenticationError(403), Kind.KEY),
        (NotFound(404), Kind.UNKNOWN),
        (RateLimited(429), Kind.THROTTLED),
        (DecodeError("$: no"), Kind.UNREADABLE),
        (WrongCustomer("no"), Kind.UNREADABLE),
        (ResponseError(503), Kind.ERROR),
        (ResponseError(400), Kind.ERROR),
        (InvalidRequest("no"), Kind.IDENTIFIER),
        (OutcomeUnknown("timeout"), Kind.IN_DOUBT),
        (SnapshotsError("full"), Kind.NOT_WRITTEN),
    ],
)
def test_every_error_has_a_kind(error: IminError, kind: Kind) -> None:
    """The same one whether it comes from a call or stands in an export."""
    [row] = rows_of(Failed("1", None, error), NOW)
    assert Failure.of("1", error).kind == Failure.in_row(row).kind == kind


@pytest.mark.parametrize("reason", ["newer", "full", "in use", "damaged", "closed", "failed"])
def test_snapshots_are_no_business_of_imin(reason: str) -> None:
    """They are a file of the user's own."""
    code, text = explain(SnapshotsError(reason))
    assert (code, text.endswith("."), "imin" in text) == (1, True, False)


def test_a_customer_counts_once_for_each_kind(capsys: pytest.CaptureFixture[str]) -> None:
    """However many of their accounts are open for the same reason; the most frequent kind comes first."""
    failures = Failures(Failure.of("1", OutcomeUnknown("timeout"), seller) for seller in ("a", "b"))
    for customer in ("2", "3"):
        failures.add(Failure.of(customer, NotFound(404)))
    failures.tell("not cleared")
    told = capsys.readouterr().err.splitlines()
    assert [line.partition("(")[0] for line in told] == [
        "3 customers not cleared:", "  2 unknown customer ", "  1 in doubt ",
    ]  # fmt: skip


def test_a_failure_shows_nobody() -> None:
    """Its repr may stand in a log."""
    assert "rosie" not in repr(Failure.of("rosie", NotFound(404)))


# --- The commands -------------------------------------------------------------------------------------

COMMANDS = {
    "audit": ["audit", "ids.txt"],
    "export": ["export", "ids.txt", "-o", "out.jsonl"],
    "dry run": ["disconnect-all", "--ids", "ids.txt", "--dry-run"],
    "disconnect-all": ["disconnect-all", "--ids", "ids.txt", "--journal", "j.jsonl", "--yes"],
}
BAD = {
    "customer-2": "key",
    "customer-3": "unreadable",
    "customer-5": "unknown customer",
    "a\x00b": "bad identifier",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_imin: FakeImin) -> None:
    """A list of seven customers, of whom three can be read."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # where an audit keeps what it has read
    add_crowd(fake_imin, sellers=2, customers=6)
    del fake_imin.population.people["customer-5"]
    fake_imin.faults.add(
        Rule(Status(403), customer="customer-2"), Rule(Malformed(), customer="customer-3", nth=range(1, 99))
    )
    with write_ids(tmp_path / "ids.txt", 6).open("a") as ids:
        ids.write("a\x00b\n")


def named(ran: CommandResult) -> dict[str, str]:
    """Each customer whom JSON names among the failures, with the kind."""
    return {each["customer"]: each["kind"] for each in json.loads(ran.out)["failures"]}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_each_says_why_and_what_to_do(command: list[str], imin_server: str) -> None:
    """A line of each kind with its count, on standard error, and how to learn who they are."""
    ran = run(*command, env=environment(imin_server))
    assert ran.code == 3
    for kind in Kind.KEY, Kind.UNREADABLE, Kind.UNKNOWN, Kind.IDENTIFIER:
        assert f"  1 {kind.label} ({kind.detail}): {kind.advice}.\n" in ran.err
    assert "4 customers " in ran.err
    assert "customer-2" not in ran.err


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_each_names_them_in_json(command: list[str], imin_server: str) -> None:
    """With the kind, the error's class, its status and its text."""
    assert named(run(*command, "--json", env=environment(imin_server))) == BAD


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_each_makes_a_list_to_feed_back(command: list[str], imin_server: str) -> None:
    """For its owner only; fed back, the same customers are asked for, and no others."""
    run(*command, "--failed", "failed.txt", env=environment(imin_server))
    assert Path("failed.txt").stat().st_mode & 0o777 == 0o600
    assert sorted(Path("failed.txt").read_text().splitlines()) == sorted(BAD)
    again = [
        {"ids.txt": "failed.txt", "out.jsonl": "2.jsonl", "j.jsonl": "2"}.get(part, part) for part in command
    ]
    assert named(run(*again, "--json", env=environment(imin_server))) == BAD


def test_an_export_is_audited_and_converted_with_the_same_words(imin_server: str) -> None:
    """What stands in a row is enough for the kinds, the names and the list."""
    run("export", "ids.txt", "-o", "out.jsonl", env=environment(imin_server))
    ran = run("audit", "out.jsonl", "--json", "--failed", "failed.txt")
    assert named(ran) == BAD
    assert len(Path("failed.txt").read_text().splitlines()) == len(BAD)
    converted = run("convert", "out.jsonl", "out.csv")
    assert (converted.code, "4 customers in it could not be read" in converted.err) == (0, True)


def test_going_on_names_those_who_failed_before(imin_server: str) -> None:
    """An export that is resumed asks for them no more, and tells of them all the same."""
    run("export", "ids.txt", "-o", "out.jsonl", env=environment(imin_server))
    ran = run("export", "ids.txt", "-o", "out.jsonl", "--resume", "--json", env=environment(imin_server))
    assert named(ran) == BAD


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_nobody_failed_and_the_list_is_empty(command: list[str], imin_server: str) -> None:
    """A list of an earlier run is replaced; nothing is said."""
    Path("failed.txt").write_text("somebody\n")
    Path("ids.txt").write_text("customer-1\n")
    ran = run(*command, "--failed", "failed.txt", env=environment(imin_server))
    assert (ran.code, ran.err, Path("failed.txt").read_text()) == (0, "", "")


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_refused_key_leaves_everybody_named(command: list[str], imin_server: str) -> None:
    """Exit code 4; each customer is listed, for want of a key."""
    env = {**environment(imin_server), "IMIN_API_KEY": "wrong"}
    ran = run(*command, "--json", "--failed", "failed.txt", env=env)
    assert (ran.code, len(Path("failed.txt").read_text().splitlines())) == (4, 7)
    assert {kind for customer, kind in named(ran).items() if customer != "a\x00b"} == {"key"}
    assert "Check the API key" in ran.err


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_nobody_there_is_not_nothing_to_do(command: list[str]) -> None:
    """Exit code 5, and the word for it: imin being down looks like nothing else."""
    Path("ids.txt").write_text("customer-1\ncustomer-4\n")
    ran = run(*command, env=environment(f"http://127.0.0.1:{free_port()}"))
    assert ran.code == 5
    assert "  2 unreachable (no reply, or none in time): " in ran.err


# --- Dry runs -----------------------------------------------------------------------------------------


def test_a_dry_run_says_that_nothing_is_connected(imin_server: str, fake_imin: FakeImin) -> None:
    """In words, with how many were read: an empty table could mean anything."""
    fake_imin.add_customer("alone")
    ran = run("disconnect-all", "alone", "--dry-run", env=environment(imin_server))
    assert (ran.code, ran.out) == (0, "Nothing connected; 1 customer read, 0 could not be read.\n")


def test_a_dry_run_gives_totals(imin_server: str, fake_imin: FakeImin) -> None:
    """Accounts, customers, and those who could not be read, whom a table names."""
    fake_imin.population.connections.clear()
    for seller in ("https://sellers.example.com/1", "https://sellers.example.com/2"):
        fake_imin.connect("customer-1", seller)
    told = run("disconnect-all", "--ids", "ids.txt", "--dry-run", env=environment(imin_server)).out
    assert "2 accounts of 1 customer would be disconnected; 3 customers read, 4 could not be read." in told
    assert "customer-2" in told.partition("Not read")[2]


def test_a_dry_run_that_can_not_tell_is_no_success(imin_server: str, fake_imin: FakeImin) -> None:
    """An account that is not recognised may be a connected one: exit code 3, and whose it is."""
    fake_imin.faults.add(Rule(Drifted(Drift.BAD_VALUES), customer="customer-1"))
    ran = run("disconnect-all", "customer-1", "--dry-run", "--json", env=environment(imin_server))
    assert (ran.code, {*named(ran)}, json.loads(ran.out)["unrecognised"] > 0) == (3, {"customer-1"}, True)
    told = run("disconnect-all", "customer-1", "--dry-run", env=environment(imin_server)).out
    assert "not recognised, of which nobody can tell." in told


# --- A part of a reply --------------------------------------------------------------------------------

WHOLE = ["audit", "export", "dry run"]


@pytest.mark.parametrize("command", [COMMANDS[each] for each in WHOLE], ids=WHOLE)
def test_a_part_that_can_not_be_read_is_told(
    command: list[str], imin_server: str, fake_imin: FakeImin
) -> None:
    """Exit code 3, a kind of its own with what to do, and whose reply it is, in JSON and in the list."""
    Path("ids.txt").write_text("customer-1\ncustomer-4\n")
    fake_imin.faults.add(Rule(Drifted(Drift.BAD_VALUES), customer="customer-1", nth=range(1, 99)))
    ran = run(*command, "--json", "--failed", "failed.txt", env=environment(imin_server))
    assert (ran.code, named(ran)) == (3, {"customer-1": "unreadable in part"})
    assert f"1 {Kind.IN_PART.label} ({Kind.IN_PART.detail}): {Kind.IN_PART.advice}.\n" in ran.err
    assert Path("failed.txt").read_text() == "customer-1\n"


def test_a_part_is_told_from_an_export_too(imin_server: str, fake_imin: FakeImin) -> None:
    """By an audit of it, by going on with it and by converting it; and it does not count as failed."""
    Path("ids.txt").write_text("customer-1\ncustomer-4\n")
    fake_imin.faults.add(Rule(Drifted(Drift.BAD_VALUES), customer="customer-1", nth=range(1, 99)))
    first = run("export", "ids.txt", "-o", "out.jsonl", env=environment(imin_server))
    again = run("export", "ids.txt", "-o", "out.jsonl", "--resume", env=environment(imin_server))
    audited = run("audit", "out.jsonl", "--json")
    converted = run("convert", "out.jsonl", "out.csv")
    assert [each.code for each in (first, again, audited, converted)] == [3, 3, 3, 0]
    assert named(audited) == {"customer-1": "unreadable in part"}
    assert "2 customers read, 0 failed." in first.out
    assert all("1 customer could be read in part only" in each.err for each in (first, again, converted))


def test_a_read_customer_is_not_among_those_who_could_not_be(capsys: pytest.CaptureFixture[str]) -> None:
    """So the figures of a dry run and of the kinds add up."""
    failures = Failures([Failure.of("1", NotFound(404))])
    part = Failure.in_part("2", [("seller", ("$.a: odd",)), (None, ("$.b: odd",))])
    assert part is not None
    failures.add(part)
    failures.tell("could not be read")
    told = capsys.readouterr().err
    assert "1 customer could not be read:\n" in told
    assert "1 customer could be read in part only:\n" in told


def test_an_export_says_who_was_not_read(imin_server: str, fake_imin: FakeImin) -> None:
    """Who failed could not be; with a wrong key nobody was, and most of them not even asked for."""
    write_ids(Path("ids.txt"), 40)
    add_crowd(fake_imin, sellers=0, customers=39)
    fake_imin.faults.clear()
    ran = run("export", "ids.txt", "-o", "one.jsonl", env=environment(imin_server))
    assert "\n1 customer could not be read:\n" in f"\n{ran.err}"
    env = {**environment(imin_server), "IMIN_API_KEY": "wrong"}
    ran = run("export", "ids.txt", "-o", "none.jsonl", "--concurrency", "2", env=env)
    assert "\n40 customers were not read:\n" in f"\n{ran.err}"


# --- A run that ends before -----------------------------------------------------------------------------


def test_whoever_was_not_asked_for_has_no_other_kind(imin_server: str, fake_imin: FakeImin) -> None:
    """With a wrong key so many are refused as were under way; nobody knows of the others."""
    write_ids(Path("ids.txt"), 40)
    env = {**environment(imin_server), "IMIN_API_KEY": "wrong"}
    for command in COMMANDS.values():
        ran = run(*command, "--concurrency", "2", "--json", env=env)
        kinds = [*named(ran).values()]
        assert 0 < kinds.count("key") < 10, command
        assert kinds.count("key") + kinds.count("not asked") == 40


def test_nobody_is_blamed_where_the_key_was_taken_for_others(imin_server: str, fake_imin: FakeImin) -> None:
    """One 401 among many ends the run; of those who were under way nobody can tell whose it is."""
    Path("ids.txt").write_text("customer-1\ncustomer-4\ncustomer-6\n")
    fake_imin.faults.add(Rule(Status(401), customer="customer-4", nth=range(1, 99)))
    command = COMMANDS["export"]
    ran = run(*command, "--concurrency", "1", "--json", env=environment(imin_server))
    assert named(ran) == {"customer-4": "key", "customer-6": "not asked"}
    write_ids(Path("ids.txt"), 40)
    add_crowd(fake_imin, sellers=0, customers=40)
    fake_imin.faults.clear()
    fake_imin.faults.add(
        Rule(Stall(), customer="customer-19"),  # who so is under way, however fast the others are
        Rule(Status(401), customer="customer-20", nth=range(1, 99)),
    )
    many = ["export", "ids.txt", "-o", "many.jsonl", "--concurrency", "8", "--json"]
    ran = run(*many, env=environment(imin_server))
    assert {*named(ran).values()} == {"not asked"}
    assert "customer-20" in named(ran)


def test_a_dry_run_that_read_nobody_says_so() -> None:
    """It does not say that nothing is connected."""
    env = environment(f"http://127.0.0.1:{free_port()}")
    ran = run("disconnect-all", "customer-1", "--dry-run", "--timeout", "5", env=env)
    assert "Nothing connected" not in ran.out
    assert "Nobody was read, so nobody can tell; 0 customers read, 1 could not be read.\n" in ran.out


def test_a_404_to_a_disconnection_says_nothing_of_the_customer(imin_server: str, fake_imin: FakeImin) -> None:
    """They have just been read: it is no unknown customer, and exit code 3."""
    fake_imin.connect("customer-1", "https://sellers.example.com/1")
    fake_imin.faults.add(
        Rule(Status(404), endpoint="delete_seller_account", customer="customer-1", nth=range(1, 99))
    )
    ran = run(
        "disconnect-all", "customer-1", "--journal", "j", "--yes", "--json", env=environment(imin_server)
    )
    assert (ran.code, named(ran)) == (3, {"customer-1": "no such account"})
